"""The sample shop and a team's own log, cut by time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from apps.recommender.dataset import read_sample
from apps.recommender.encoding import load_embedders
from apps.recommender.log_problem import log_problem
from apps.recommender.measures.tables import table
from apps.recommender.records import EngineOptions, Event, Item
from apps.recommender.settings import RecommenderSettings
from apps.recommender.store import Store
from core.events import OnEvent
from core.inference.embedding import Embedder
from core.report import Report

SAMPLE = Path(__file__).resolve().parents[3] / "data" / "samples" / "recommender"


def sample(settings: RecommenderSettings, folder: Path | None, on_event: OnEvent, limit: int | None) -> Report:
    """The shop that ships; its adapter was trained on the days before the report's."""
    found = read_sample(folder or SAMPLE)
    return _measured("sample", found.items, found.events, settings, on_event, limit)


def log(settings: RecommenderSettings, folder: Path | None, on_event: OnEvent, limit: int | None) -> Report:
    """What the database holds. Beware: a live adapter may have been trained on the days measured here."""
    store = Store.open(settings.database_address)
    try:
        items, events = store.all_items(), store.training_events(store.every_list())
    finally:
        store.close()
    return _measured("log", items, events, settings, on_event, limit)


def _measured(
    name: str,
    items: Sequence[Item],
    events: Sequence[Event],
    settings: RecommenderSettings,
    on_event: OnEvent,
    limit: int | None,
) -> Report:
    problem = log_problem(name, items, events, EngineOptions(meanings=settings.recommender.events.meanings()))
    tuned = load_embedders(settings, on_event)
    plain: Sequence[Embedder] = load_embedders(settings, on_event, tuned=False)
    same = tuned[0].name == plain[0].name
    return table(problem, lambda part: tuned, None if same else (lambda part: plain), on_event, limit)
