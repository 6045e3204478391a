"""The recommender in memory: built from items and events, asked for scores and lists, told of new events.

It has no database, no clock (``now`` is an argument) and no settings file. One lock guards it; calls take milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from apps.recommender.records import (
    EngineOptions,
    Event,
    Explanation,
    Filters,
    Item,
    Observed,
    Recommendation,
    Scored,
    Wish,
)
from core.events import OnEvent, ignore
from core.inference.embedding import Embedder


class Recommender:
    """A model state. Build with ``fit`` or ``load``; every public method may be called from any thread."""

    @classmethod
    def fit(
        cls,
        items: Iterable[Item],
        events: Iterable[Event],
        embedders: Sequence[Embedder],
        now: datetime,
        options: EngineOptions = EngineOptions(),
        cache_folder: Path | None = None,
        on_event: OnEvent = ignore,
    ) -> Recommender:
        raise NotImplementedError

    @property
    def version(self) -> str:
        raise NotImplementedError

    def score(
        self,
        candidates: Sequence[str | Item],
        now: datetime,
        user: str = "",
        history: Sequence[Event] = (),
        language: str = "en",
        explain: bool = True,
    ) -> list[Scored]:
        raise NotImplementedError

    def recommend(
        self, now: datetime, user: str = "", history: Sequence[Event] = (), wish: Wish = Wish()
    ) -> Recommendation:
        raise NotImplementedError

    def recommend_many(self, users: Sequence[str], now: datetime, wish: Wish = Wish()) -> list[Recommendation]:
        raise NotImplementedError

    def similar(
        self,
        item: str | Item,
        k: int,
        now: datetime,
        filters: Filters = Filters(exclude_seen=False),
        language: str = "en",
    ) -> list[Scored]:
        raise NotImplementedError

    def explain(
        self, item: str, now: datetime, user: str = "", history: Sequence[Event] = (), wish: Wish = Wish()
    ) -> Explanation:
        raise NotImplementedError

    def observe(self, events: Iterable[Event]) -> Observed:
        raise NotImplementedError

    def upsert_items(self, items: Sequence[Item]) -> None:
        raise NotImplementedError

    def forget_user(self, user: str) -> bool:
        raise NotImplementedError

    def forget_item(self, item: str) -> bool:
        raise NotImplementedError

    def save(self, folder: Path) -> None:
        raise NotImplementedError

    @classmethod
    def load(
        cls, folder: Path, embedders: Sequence[Embedder], cache_folder: Path | None = None, on_event: OnEvent = ignore
    ) -> Recommender:
        raise NotImplementedError
