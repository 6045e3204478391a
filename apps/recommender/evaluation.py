"""evaluate(): one data set by name, ours beside the baselines and its own ablations, on rows nothing was chosen on.

Only the table of names lives here; the arithmetic is in ``measures``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from apps.recommender.measures import own_sets, shared_sets
from apps.recommender.settings import RecommenderSettings
from core.errors import NotFoundError, known_names
from core.events import OnEvent, ignore
from core.report import Report

__all__ = ["MEASURES", "Report", "evaluate"]

Measure: TypeAlias = Callable[[RecommenderSettings, Path | None, OnEvent, int | None], Report]

MEASURES: Mapping[str, Measure] = {
    "sample": own_sets.sample,
    "log": own_sets.log,
    "amazon_industrial": shared_sets.industrial,
    "amazon_industrial_tuned": shared_sets.industrial_tuned,
    "amazon_beauty": shared_sets.beauty,
    "ml_100k": shared_sets.movies_100k,
    "ml_latest_small": shared_sets.movies_small,
}


def evaluate(
    settings: RecommenderSettings,
    dataset: str = "sample",
    folder: Path | None = None,
    on_event: OnEvent = ignore,
    limit: int | None = None,
) -> Report:
    """The report of one data set: "sample", "log" (what the database holds) or a public set.

    ``folder`` holds its files, ``limit`` cuts the cases for a quick look. Raises ``NotFoundError`` for an unknown set
    (naming the known ones) and ``DataError`` when its files are nowhere to be found.
    """
    if dataset not in MEASURES:
        raise NotFoundError(f"No data set '{dataset}' to evaluate on; {known_names(dataset, MEASURES)}.")
    return MEASURES[dataset](settings, folder, on_event, limit)
