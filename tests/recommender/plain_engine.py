"""A small true engine for tests of the doors: counts instead of models, the engine's public face, milliseconds to fit."""

import json
import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from apps.recommender.fallback import Fallback
from apps.recommender.records import (
    EngineOptions,
    Explanation,
    Filters,
    Item,
    Observed,
    Recommendation,
    Scored,
    Wish,
)


class PlainEngine:
    """Answers as the fall-back would, marked with its own version so that a test sees who spoke."""

    def __init__(self, version: str = "plain", options: EngineOptions = EngineOptions()) -> None:
        self.version, self.options = version, options
        self.counts = Fallback(options.meanings)
        self.users: set[str] = set()
        self.events: set[str] = set()
        self.asked: list[Wish] = []
        self.hold = threading.Event()
        self.hold.set()
        self.broken = False

    @classmethod
    def fit(cls, items, events, embedders, now, options=EngineOptions(), cache_folder=None, on_event=None):
        made = cls(options=options)
        made.upsert_items(list(items))
        made.observe(events)
        return made

    def recommend(self, now, user="", history=(), wish=Wish()) -> Recommendation:
        self.hold.wait(20)
        if self.broken:
            raise ZeroDivisionError("the engine is broken")
        self.asked.append(wish)
        rows = self.counts.list_(user, history, wish.k, wish.filters, wish.language)[0]
        rows = [self._scored(one) for one in rows]
        warm = user in self.users or bool(history)
        return Recommendation(
            user, tuple(rows), warm, self.version, {"popular": len(rows)}, price=0.01, ild=0.6, ild_plain=0.5
        )

    def recommend_many(self, users: Sequence[str], now, wish=Wish()) -> list[Recommendation]:
        return [self.recommend(now, user, (), wish) for user in users]

    def score(self, candidates, now, user="", history=(), language="en", explain=True) -> list[Scored]:
        if self.broken:
            raise ZeroDivisionError("the engine is broken")
        inline = {one.id: one for one in candidates if isinstance(one, Item)}
        ids = [one if isinstance(one, str) else one.id for one in candidates]
        rows = self.counts.score(ids, language)
        return [
            self._scored(one)
            if one.known or one.item not in inline
            else Scored(one.item, 0.5, 0.25, {"text": 0.5}, ("text",))
            for one in rows
        ]

    def similar(self, item, k, now, filters=Filters(exclude_seen=False), language="en") -> list[Scored]:
        ids = [one for one in self.counts.item_ids() if one != item][:k]
        return [
            Scored(one, 1 / place, 0.5, {"text": 1 / place}, ("text",), "alike", (item,))
            for place, one in enumerate(ids, 1)
        ]

    def nearest(self, text, k) -> list[str]:
        return ["rug"] if text == "carpet" else []  # what a text model would know

    def explain(self, item, now, user="", history=(), wish=Wish()) -> Explanation:
        rows = self.recommend(now, user, history, replace(wish, k=500)).items
        place = next((place for place, one in enumerate(rows, 1) if one.item == item), None)
        if not self.counts.knows(item):
            return Explanation(item, "unknown", f"There is no item '{item}'.")
        if place is None:
            return Explanation(item, "filter", "A rule removed it.", removed_by=("exclude_seen",))
        shown = place <= wish.k
        said = "It is in the list." if shown else "Others scored higher."
        return Explanation(
            item, "shown" if shown else "ranking", said, place, place if shown else None, (), rows[place - 1]
        )

    def observe(self, events: Iterable) -> Observed:
        fresh = [one for one in events if one.id not in self.events]
        self.events |= {one.id for one in fresh}
        self.users |= {one.user for one in fresh}
        self.counts.observe(fresh)
        return Observed(len(fresh), 0)

    def upsert_items(self, items: Sequence[Item]) -> None:
        self.counts.upsert_items(items)

    def forget_user(self, user: str) -> bool:
        self.counts.forget_user(user)
        found = user in self.users
        self.users.discard(user)
        return found

    def forget_item(self, item: str) -> bool:
        found = self.counts.knows(item)
        self.counts.forget_item(item)
        return found

    def item_ids(self) -> list[str]:
        return self.counts.item_ids()

    def user_ids(self) -> list[str]:
        return list(self.users)

    def knows_user(self, user: str) -> bool:
        return user in self.users

    def facts(self) -> dict:
        return {"items": len(self.item_ids()), "people": len(self.users)}

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "plain.json").write_text(json.dumps({"version": self.version}))

    @classmethod
    def load(cls, folder: Path) -> "PlainEngine":
        return cls(json.loads((folder / "plain.json").read_text())["version"])

    def _scored(self, one: Scored) -> Scored:
        return replace(one, probability=one.score / 2) if one.known else one
