"""What a measurement hands back: rows for people, flat figures for machines, and the circumstances beside them.

Knows no data set and no model.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

MEASURED_WITH = ("trifolium", "torch", "transformers", "scikit-learn", "numpy")


@dataclass(frozen=True)
class Report:
    """``rows`` are ours and the baselines, one a line; ``figures`` the same as ``{"banking77.accuracy": 0.93}``."""

    name: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def to_table(self) -> str:
        """Plain text: a line of column names, a line per row, then the notes; shares with four decimals."""
        columns = list(dict.fromkeys(key for row in self.rows for key in row))
        lines = [columns, *([_cell(row.get(column)) for column in columns] for row in self.rows)]
        widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
        table = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        ]
        return "\n".join([self.name, *table, *(f"* {note}" for note in self.notes)])

    def write_json(self, path: Path) -> Path:
        """The figures flat, with date, machine, versions, command and notes under ``meta.``; atomic."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content: dict[str, Any] = {name: round(float(value), 6) for name, value in self.figures.items()}
        content |= circumstances() | {"meta.notes": list(self.notes)}
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        temporary.replace(path)
        return path


def joined(name: str, reports: Iterable[Report]) -> Report:
    """Several reports as one; each row says which set it belongs to."""
    parts = list(reports)
    return Report(
        name,
        [{"set": part.name, **row} for part in parts for row in part.rows],
        {key: value for part in parts for key, value in part.figures.items()},
        list(dict.fromkeys(note for part in parts for note in part.notes)),
    )


def flat(prefix: str, row: Mapping[str, Any], infix: str = "") -> dict[str, float]:
    """A row's numbers as figures: ``{"accuracy": 0.9}`` of ``tfidf_lr_`` becomes banking77.tfidf_lr_accuracy."""
    numbers = {key: value for key, value in row.items() if isinstance(value, (int, float))}
    return {f"{prefix}.{infix}{key}": float(value) for key, value in numbers.items()}


def circumstances() -> dict[str, str]:
    """Date, machine, load, versions and command; the command without the folder it was typed in."""
    versions = []
    for package in MEASURED_WITH:
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    command = Path(sys.argv[0]).name.replace("__main__.py", "trifolium")
    return {
        "meta.date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "meta.machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "meta.load_average": " ".join(f"{value:.1f}" for value in os.getloadavg()) if hasattr(os, "getloadavg") else "",
        "meta.versions": ", ".join(versions),
        "meta.command": " ".join([command, *sys.argv[1:]]),
    }


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)
