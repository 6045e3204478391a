"""What a training page sees and does: run folders, adapters, and a training command started as a process of its own.

A reading of ``core.runs`` and ``core.models.adapters``; draws nothing and knows no leaf, whose name is an argument.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.models import catalog
from core.models.adapters import BUNDLED, AdapterRegistry
from core.runs import Run

SHOWN_POINTS = 400


@dataclass(frozen=True)
class RunProgress:
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
    base: str
    created: str
    metrics: Mapping[str, float]


def progress(run: Run) -> RunProgress:
    """The last progress the run wrote down."""
    seen = run.status.get("progress") or {}
    total = seen.get("total") or 0
    fraction = min(1.0, seen.get("done", 0) / total) if total else 0.0
    return RunProgress(str(seen.get("stage") or ""), fraction, seen.get("left_s"))


def curve(run: Run) -> list[tuple[str, int, float]]:
    """(metric, step, value) of the run's losses, thinned for drawing."""
    rows = [
        (str(one["name"]), int(one["step"]), float(one["value"]))
        for one in run.metrics
        if one.get("step") is not None and one.get("value") is not None and "loss" in str(one["name"])
    ]
    return rows[:: max(1, len(rows) // SHOWN_POINTS)]


def adapter_rows(home: Path, names: Sequence[str] | None = None) -> list[AdapterRow]:
    """Every version of the named adapters, or of all: the live ones first, then the newest."""
    rows = [
        AdapterRow(
            one.name,
            one.version,
            one.live,
            one.version != BUNDLED,
            one.manifest.base,
            one.manifest.created,
            one.manifest.metrics,
        )
        for one in AdapterRegistry(home).versions()
        if names is None or one.name in names
    ]
    return sorted(sorted(rows, key=lambda row: row.created, reverse=True), key=lambda row: not row.live)


def promote(home: Path, base: str, name: str, version: str) -> None:
    """Make a version the live one, checked against the base model it will be loaded on."""
    AdapterRegistry(home).promote(name, version, catalog.ensure(catalog.resolve(base), home))


def roll_back(home: Path, name: str) -> None:
    """Make the version before the live one live again."""
    AdapterRegistry(home).rollback(name)


def command(app: str, *words: str) -> list[str]:
    """The terminal command a button stands for."""
    return [sys.executable, "-m", "apps", app, *words]


def start(home: Path, app: str, *words: str) -> "subprocess.Popen[bytes]":
    """Start a command of the terminal detached from this process, its words going to a log file in home.

    So a rerun of the page, a reload or a closed browser stops nothing.
    """
    log = log_file(home, app)
    log.parent.mkdir(parents=True, exist_ok=True)
    root = str(Path(__file__).resolve().parent.parent)
    found = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
    surroundings = {**os.environ, "PYTHONPATH": found, "TRIFOLIUM_HOME": str(home)}
    with log.open("wb") as words_of_it:
        return subprocess.Popen(
            command(app, *words), stdout=words_of_it, stderr=subprocess.STDOUT, env=surroundings, start_new_session=True
        )


def log_file(home: Path, app: str) -> Path:
    """Where the training last started from a page writes its words."""
    return home / "logs" / f"{app}-training-page.log"


def last_words(home: Path, app: str) -> str:
    """The last line that training wrote, empty when there is none."""
    log = log_file(home, app)
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else ""
