"""What the training page sees of run folders and adapters: a reading of ``core.runs`` and ``core.models.adapters``."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from core import runs

APP = "chatbot"
SHOWN_POINTS = 400


@dataclass(frozen=True)
class Seen:
    """A run as the page shows it; ``fraction`` in [0, 1], ``left_s`` None when unknown."""

    name: str
    path: Path
    state: str
    stage: str
    fraction: float
    left_s: float | None
    error: str
    started: datetime | None

    def curve(self) -> list[tuple[str, int, float]]:
        """(metric, step, value) of the losses and other metrics with steps, thinned for drawing."""
        rows = [
            (str(one["name"]), int(one["step"]), float(one["value"]))
            for one in _lines(self.path / "metrics.jsonl")
            if one.get("step") is not None and "loss" in str(one.get("name"))
        ]
        return rows[:: max(1, len(rows) // SHOWN_POINTS)]

    def figures(self) -> dict[str, float]:
        """The report's numbers, flat."""
        return dict(_flat(_json(self.path / "report.json")))


@dataclass(frozen=True)
class AdapterRow:
    """A version of an adapter; ``own`` when it was trained here and can be promoted."""

    name: str
    version: str
    live: bool
    own: bool
    created: str | None
    metrics: dict[str, float]


def see_runs(home: Path) -> list[Seen]:
    """All runs of this app, the newest first."""
    return sorted((_seen(run) for run in runs.list_runs(home, APP)), key=lambda one: one.name, reverse=True)


def _seen(run: Any) -> Seen:
    status = _json(run.path / "status.json")
    progress = status.get("progress") or {}
    total = progress.get("total") or 0
    return Seen(
        name=run.path.name,
        path=run.path,
        state=str(run.state),
        stage=str(progress.get("stage") or ""),
        fraction=min(1.0, progress.get("done", 0) / total) if total else 0.0,
        left_s=progress.get("left_s"),
        error=str(status.get("error") or ""),
        started=datetime.fromtimestamp(run.path.stat().st_ctime),
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return {}  # not written yet
    return read if isinstance(read, dict) else {}


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue  # the last line may be half written
    return found


def _flat(tree: dict[str, Any], before: str = "") -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for key, value in tree.items():
        if isinstance(value, dict):
            found += _flat(value, f"{before}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append((f"{before}{key}", float(value)))
    return found
