"""What the training page sees of run folders and adapters: a reading of ``core.runs`` and ``core.models.adapters``."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.models import catalog
from core.models.adapters import BUNDLED, AdapterRegistry
from core.runs import Run

SHOWN_POINTS = 400


@dataclass(frozen=True)
class Progress:
    """How far a running run is: ``fraction`` in [0, 1], ``left_s`` None when unknown."""

    stage: str
    fraction: float
    left_s: float | None


@dataclass(frozen=True)
class AdapterRow:
    """A version of an adapter; ``can_return`` when an earlier version can be made live again."""

    name: str
    version: str
    live: bool
    can_return: bool
    created: str
    metrics: Mapping[str, float]


def progress(run: Run) -> Progress:
    """The last progress the run wrote down."""
    seen = run.status.get("progress") or {}
    total = seen.get("total") or 0
    fraction = min(1.0, seen.get("done", 0) / total) if total else 0.0
    return Progress(str(seen.get("stage") or ""), fraction, seen.get("left_s"))


def curve(run: Run) -> list[tuple[str, int, float]]:
    """(metric, step, value) of the run's losses, thinned for drawing."""
    rows = [
        (str(one["name"]), int(one["step"]), float(one["value"]))
        for one in run.metrics
        if one.get("step") is not None and one.get("value") is not None and "loss" in str(one["name"])
    ]
    return rows[:: max(1, len(rows) // SHOWN_POINTS)]


def adapter_rows(home: Path) -> list[AdapterRow]:
    """Every version of every adapter, the live ones first, then the newest."""
    rows = [
        AdapterRow(one.name, one.version, one.live, one.version != BUNDLED, one.manifest.created, one.manifest.metrics)
        for one in AdapterRegistry(home).versions()
    ]
    return sorted(sorted(rows, key=lambda row: row.created, reverse=True), key=lambda row: not row.live)


def promote(home: Path, generator: str, name: str, version: str) -> None:
    """Make a version the live one, checked against the generator it will be loaded on."""
    base = catalog.ensure(catalog.resolve(generator), home)
    AdapterRegistry(home).promote(name, version, base)


def roll_back(home: Path, name: str) -> None:
    """Make the version before the live one live again."""
    AdapterRegistry(home).rollback(name)
