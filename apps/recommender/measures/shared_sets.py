"""The public sets, with a text model tuned on what each part may learn from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from apps.recommender import public_sets
from apps.recommender.measures.tables import table
from apps.recommender.measures.tuned import frozen_texts, tuned_texts
from apps.recommender.settings import RecommenderSettings
from core.events import OnEvent
from core.report import Report, joined


def industrial(settings: RecommenderSettings, folder: Path | None, on_event: OnEvent, limit: int | None) -> Report:
    """Temporal, rich text: the one to watch first. The encoder is as it comes."""
    problem = public_sets.amazon_industrial(folder)
    return table(problem, frozen_texts(settings, problem), None, on_event, limit)


def industrial_tuned(
    settings: RecommenderSettings, folder: Path | None, on_event: OnEvent, limit: int | None
) -> Report:
    """The same with the encoder tuned on each part's own sequences, beside the frozen one; trains where it must.

    Chosen on one third of the validation users alone, for every third would need a text model of its own.
    """
    whole = public_sets.amazon_industrial(folder)
    problem = replace(whole, name="amazon_industrial_tuned", tuning=whole.tuning[:1])
    tuned, plain = tuned_texts(settings, problem, on_event), frozen_texts(settings, problem)
    return table(problem, tuned, plain, on_event, limit)


def beauty(settings: RecommenderSettings, folder: Path | None, on_event: OnEvent, limit: int | None) -> Report:
    """Leave one out, short texts, for comparison with the literature."""
    problem = public_sets.amazon_beauty(folder)
    return table(problem, frozen_texts(settings, problem), None, on_event, limit)


def movies_100k(settings: RecommenderSettings, folder: Path | None, on_event: OnEvent, limit: int | None) -> Report:
    """Leave one out over ratings, ties by file and by film: does the chain work. Films prove nothing of text."""
    problems = public_sets.ml_100k(folder), public_sets.ml_100k_by_item(folder)
    texts = frozen_texts(settings, problems[0])
    return joined("ml_100k", [table(one, texts, None, on_event, limit) for one in problems])


def movies_small(settings: RecommenderSettings, folder: Path | None, on_event: OnEvent, limit: int | None) -> Report:
    """Leave one out over ratings."""
    problem = public_sets.ml_latest_small(folder)
    return table(problem, frozen_texts(settings, problem), None, on_event, limit)
