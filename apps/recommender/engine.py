"""The recommender in memory: built from items and events, asked for scores and lists, told of new events.

It has no database, no clock (``now`` is an argument) and no settings file. One lock guards it; calls take milliseconds.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from apps.recommender import engine_files, engine_fit
from apps.recommender.answer import scored_list, unknown_item
from apps.recommender.explanation import stage_sentence
from apps.recommender.features import features
from apps.recommender.histories import Histories, History
from apps.recommender.identifiers import Numbers
from apps.recommender.intake import Batch, Intake
from apps.recommender.interest import TextModel
from apps.recommender.knowledge import Knowledge
from apps.recommender.likeness import similar_rows
from apps.recommender.lists import Trace, trace
from apps.recommender.person import Person, person_of
from apps.recommender.ranking import Blend, starting_blend
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
    epoch,
)
from apps.recommender.signals import Signals
from apps.recommender.stages import ended
from apps.recommender.wording import Wording
from core.errors import DataError
from core.events import Log, OnEvent, ignore
from core.inference.embedding import Embedder
from core.inference.pairs import PairScorer
from core.models.device import one_blas_thread

ANY = Filters(exclude_seen=False)


class Recommender:
    """A model state. Build with ``fit``, ``start`` or ``load``; every public method may be called from any thread.

    ``version`` names the learnt part (tables, blend, encoders). Readers and writers share one lock: a call sees all of
    an observation or nothing of it.
    """

    def __init__(self, knowledge: Knowledge, blend: Blend, version: str) -> None:
        self._knowledge, self._blend, self.version = knowledge, blend, version
        self._people, self._histories = Numbers(), Histories()
        self._intake = Intake(knowledge.options)
        self.reranker: PairScorer | None = None  # asked where a wish sets a deadline
        self._lock = threading.RLock()

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
        silent: Sequence[str] = (),
    ) -> Recommender:
        """Learn everything that is learnt without a GPU: tables, pooling, blend and its probability.

        ``embedders`` are the encoders of the text model, the fine-tuned one first; none leaves words and behaviour.
        Events after ``now`` are refused, as are unknown items and types; ``silent`` features get no weight (ablations).
        """
        engine = cls.start(items, embedders, options, cache_folder, on_event)
        observed = engine.observe(one for one in events if one.time <= now)
        if observed.refused:
            on_event(
                Log(f"{len(observed.refused)} events were left out, such as: {next(iter(observed.refused.values()))}")
            )
        engine.learn(now, on_event, silent)
        return engine

    @classmethod
    def start(
        cls,
        items: Iterable[Item],
        embedders: Sequence[Embedder],
        options: EngineOptions = EngineOptions(),
        cache_folder: Path | None = None,
        on_event: OnEvent = ignore,
    ) -> Recommender:
        """Items only, with the starting blend: works at once, knows no behaviour yet."""
        known = list({one.id: one for one in items}.values())
        knowledge = Knowledge(
            options, TextModel(embedders, cache_folder), Wording.fit([one.short_text for one in known])
        )
        knowledge.put(known, on_event=on_event)
        return cls(knowledge, starting_blend(options.numeric_columns), "start")

    def learn(self, now: datetime, on_event: OnEvent = ignore, silent: Sequence[str] = ()) -> None:
        """Learn tables, pooling and blend anew from what was observed; answers wait until it is done."""
        with self._lock:
            knowledge, at = self._knowledge, epoch(now)
            self._blend = engine_fit.learn_blend(knowledge, self._histories, at, on_event, silent)
            people, events = self._histories.all()
            engine_fit.fit_before(knowledge, people, events, at)
            self.version = engine_files.version_of(knowledge, self._blend)

    @property
    def options(self) -> EngineOptions:
        """The knobs it was built with."""
        return self._knowledge.options

    @property
    def item_count(self) -> int:
        """Items of the catalogue."""
        return self._knowledge.catalogue.count

    @property
    def user_count(self) -> int:
        """People of whom something is known."""
        return self._people.count

    def item_ids(self) -> list[str]:
        """Ids of the catalogue."""
        with self._lock:
            return list(self._knowledge.catalogue.numbers)

    def user_ids(self) -> list[str]:
        """Ids of the people."""
        with self._lock:
            return list(self._people)

    def knows_user(self, user: str) -> bool:
        """Whether anything was observed of a person."""
        return user in self._people

    def facts(self) -> Mapping[str, Any]:
        """What a page shows of the model: counts, encoders, pooling, weights of the blend."""
        with self._lock:
            knowledge, blend = self._knowledge, self._blend
            return {
                "version": self.version,
                "items": self.item_count,
                "users": self.user_count,
                "events": len(self._histories),
                "text_model": knowledge.model.name,
                "behaviour_model": "factors" if len(knowledge.tables.factors) else "linear",
                "pooling": {"decay": knowledge.pooling.decay, "focus": knowledge.pooling.focus},
                "weights": dict(zip(blend.names, np.round(blend.weights, 4).tolist(), strict=True)),
            }

    def score(
        self,
        candidates: Sequence[str | Item],
        now: datetime,
        user: str = "",
        history: Sequence[Event] = (),
        language: str = "en",
        explain: bool = True,
    ) -> list[Scored]:
        """Interest in each candidate, in the given order, for a known person, a given history, both or nobody.

        A candidate is an id or an item that need not be of the catalogue: its text is read at once. An id that is not
        known comes back with probability 0 and ``known`` False.
        """
        with self._answering():
            guests = [one for one in candidates if isinstance(one, Item) and not self._has(one)]
            if not guests:
                return self._score(
                    [one if isinstance(one, str) else one.id for one in candidates],
                    now,
                    user,
                    history,
                    language,
                    explain,
                )
            renamed = {id(one): Item(**{**_fields(one), "id": f"\0{n}"}) for n, one in enumerate(guests)}
            ids = [
                one if isinstance(one, str) else renamed[id(one)].id if id(one) in renamed else one.id
                for one in candidates
            ]
            with self._knowledge.guests(list(renamed.values())):
                found = self._score(ids, now, user, history, language, explain)
            names = [one if isinstance(one, str) else one.id for one in candidates]
            return [_renamed(one, name) for one, name in zip(found, names, strict=True)]

    def recommend(
        self, now: datetime, user: str = "", history: Sequence[Event] = (), wish: Wish = Wish()
    ) -> Recommendation:
        """A list for a known person, a given history, both or nobody; shorter than k only when rules leave fewer."""
        with self._answering():
            person = self._person(user, history, now)
            made = trace(self._knowledge, self._blend, person, wish, epoch(now), self.reranker)
            return self._recommendation(made, user, wish)

    def recommend_many(self, users: Sequence[str], now: datetime, wish: Wish = Wish()) -> list[Recommendation]:
        """A list for each person, the same as single calls."""
        return [self.recommend(now, user, (), wish) for user in users]

    def similar(
        self, item: str | Item, k: int, now: datetime, filters: Filters = ANY, language: str = "en"
    ) -> list[Scored]:
        """Items like one of the catalogue, by text and by who met both; ``DataError`` for an unknown id."""
        with self._answering():
            if isinstance(item, str) or self._has(item):
                name = item if isinstance(item, str) else item.id
                row = self._knowledge.catalogue.numbers.row(name)
                if row is None:
                    raise DataError(f"There is no item '{name}' in the catalogue.")
                return similar_rows(self._knowledge, row, k, filters, language)
            with self._knowledge.guests([Item(**{**_fields(item), "id": "\0guest"})]) as rows:
                return similar_rows(self._knowledge, int(rows[0]), k, filters, language)

    def nearest(self, text: str, k: int) -> list[str]:
        """Ids of the ``k`` items nearest in meaning to some words; none without a text model."""
        with self._answering():
            rows = self._knowledge.nearest(self._knowledge.model.encode([Item("\0words", text)])[0], k)
            return self._knowledge.catalogue.numbers.ids(rows.tolist())

    def explain(
        self, item: str, now: datetime, user: str = "", history: Sequence[Event] = (), wish: Wish = Wish()
    ) -> Explanation:
        """Where an item is in somebody's list and why, or where on the way it was lost."""
        with self._answering():
            row = self._knowledge.catalogue.numbers.row(item)
            if row is None:
                return Explanation(item, "unknown", stage_sentence("unknown", wish.language, item=item))
            person = self._person(user, history, now)
            made = trace(self._knowledge, self._blend, person, wish, epoch(now), self.reranker)
            return self._explanation(made, row, item, now, user, history, wish)

    def observe(self, events: Iterable[Event]) -> Observed:
        """Take in new events; the next call knows them. Unknown items and types are refused, repeated ids passed."""
        with self._lock:
            batch = self._intake.batch(events, self._knowledge.catalogue.numbers, self._people)
            self._take(batch)
            return Observed(len(batch.events) + len(batch.shown), batch.repeated, batch.refused)

    def upsert_items(self, items: Sequence[Item]) -> None:
        """Add or replace items; their texts are read at once (from the cache where known)."""
        vectors = self._knowledge.model.encode(list({one.id: one for one in items}.values()))  # outside the lock: slow
        with self._lock:
            self._knowledge.put(items, vectors)

    def forget_user(self, user: str) -> bool:
        """Delete a person's events; whether there was anything."""
        with self._lock:
            row = self._people.drop(user)
            if row is not None:
                self._histories.drop_person(row)
            return row is not None

    def forget_item(self, item: str) -> bool:
        """Delete an item, its text and everybody's events with it; whether there was one."""
        with self._lock:
            row = self._knowledge.drop(item)
            if row is not None:
                self._histories.drop_item(row)
            return row is not None

    def save(self, folder: Path) -> None:
        """Write items and what was learnt of them; nobody's events and nothing about persons."""
        with self._lock:
            engine_files.save(folder, self._knowledge, self._blend, self.version)

    @classmethod
    def load(
        cls, folder: Path, embedders: Sequence[Embedder], cache_folder: Path | None = None, on_event: OnEvent = ignore
    ) -> Recommender:
        """The saved state; give it the events with ``observe``. ``DataError`` when the encoders are others."""
        model = TextModel(embedders, cache_folder)
        return cls(*engine_files.load(folder, model))

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """One call at a time, its small products on one thread."""
        with self._lock, one_blas_thread():
            yield

    def _has(self, item: Item) -> bool:
        row = self._knowledge.catalogue.numbers.row(item.id)
        return row is not None and self._knowledge.catalogue.item(row).text == item.text

    def _person(self, user: str, history: Sequence[Event], now: datetime) -> Person:
        row = self._people.row(user) if user else None
        stored: History = self._histories.of(-1 if row is None else row)
        given = self._intake.history(history, self._knowledge.catalogue.numbers)
        whole = stored.joined(given) if len(given) else stored
        return person_of(whole.where(whole.times <= epoch(now)), epoch(now), self._knowledge.options)

    def _take(self, batch: Batch) -> None:
        self._histories.add(batch.people, batch.events)
        self._knowledge.popularity.add(batch.events.items[batch.positive], batch.events.times[batch.positive])
        self._knowledge.popularity.add_shown(batch.shown)

    def _score(
        self, ids: Sequence[str], now: datetime, user: str, history: Sequence[Event], language: str, explain: bool
    ) -> list[Scored]:
        rows = self._knowledge.catalogue.numbers.rows(ids)
        signals = Signals(self._knowledge, self._person(user, history, now))
        known = rows[rows >= 0]
        table = features(signals, known, epoch(now))
        found = iter(scored_list(signals, self._blend, known, table, language=language, explain=explain))
        return [next(found) if row >= 0 else unknown_item(one, language) for one, row in zip(ids, rows, strict=True)]

    def _recommendation(self, made: Trace, user: str, wish: Wish) -> Recommendation:
        name = self._knowledge.catalogue.numbers.id
        return Recommendation(
            user,
            tuple(self._scored(made, made.places, made.added, wish)),
            made.signals.person.warm,
            self.version,
            made.candidates.per_route(),
            {rule: tuple(name(int(row)) for row in rows) for rule, rows in made.removed.items()},
            made.price,
            made.ild,
            made.ild_plain,
            tuple(made.notes),
        )

    def _scored(self, made: Trace, places: Sequence[int], added: Sequence[float], wish: Wish) -> list[Scored]:
        picked = np.array(places, np.int64)
        return scored_list(
            made.signals,
            self._blend,
            made.candidates.rows[picked],
            made.table[picked],
            routes=made.candidates.routes[picked],
            added=added,
            reread=made.reread[picked],
            language=wish.language,
            explain=wish.explain,
        )

    def _explanation(
        self, made: Trace, row: int, item: str, now: datetime, user: str, history: Sequence[Event], wish: Wish
    ) -> Explanation:
        end = ended(made, row, wish.k)
        if end.place is None:
            scored = self._score([item], now, user, history, wish.language, True)[0]
            if end.stage == "route":  # its parts are told, but what speaks for it was not enough to propose it
                scored = replace(scored, reason=end.sentence(wish), because=())
            return Explanation(item, end.stage, end.sentence(wish), end.rank, None, end.rules, scored)
        at = slice(end.place - 1, end.place)
        scored = self._scored(made, made.places[at], made.added[at], wish)[0]
        return Explanation(item, end.stage, end.sentence(wish, scored.reason), end.rank, end.place, (), scored)


def _fields(item: Item) -> dict[str, Any]:
    return {name: getattr(item, name) for name in item.__slots__}


def _renamed(scored: Scored, name: str) -> Scored:
    values = {field: getattr(scored, field) for field in scored.__slots__}
    return Scored(**{**values, "item": name})
