"""evaluate(): one data set by name, ours beside the baselines, on rows nobody trained on.

Only the table of names lives here; each measure is a function of its own in ``measures``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from apps.monitor.measures import company_sets, mood_sets, name_sets, reader_sets, speed
from apps.monitor.settings import MonitorSettings
from core.errors import NotFoundError, known_names
from core.events import OnEvent, ignore
from core.report import Report

__all__ = ["MEASURES", "Report", "evaluate"]

Measure: TypeAlias = Callable[[MonitorSettings, Path | None, OnEvent, int | None], Report]

MEASURES: dict[str, Measure] = {
    "sample": reader_sets.sample,
    "tfns": mood_sets.tfns,
    "sentfin": company_sets.sentfin,
    "finfe": mood_sets.finfe,
    "conll2003": name_sets.conll,
    "fiqa": reader_sets.fiqa,
    "finentity": reader_sets.finentity,
    "throughput": speed.throughput,
}


def evaluate(
    settings: MonitorSettings,
    dataset: str = "sample",
    folder: Path | None = None,
    on_event: OnEvent = ignore,
    limit: int | None = None,
) -> Report:
    """The report of one data set; ``folder`` holds its files, ``limit`` cuts the test rows for a quick look.

    tfns, sentfin, finfe and conll2003 train on their own training part first (minutes on a GPU, hours without one);
    what was trained is kept under ``home/monitor/measures``. Raises ``NotFoundError`` for an unknown set (naming the
    known ones) or when its files are nowhere to be found.
    """
    if dataset not in MEASURES:
        raise NotFoundError(f"No data set '{dataset}' to evaluate on; {known_names(dataset, MEASURES)}.")
    return MEASURES[dataset](settings, folder, on_event, limit)
