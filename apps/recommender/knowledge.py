"""What the engine knows of items: columns, texts and vectors, popularity, and the tables learnt from behaviour.

Shared by every request; knows no person. ``fit_tables`` is the only slow step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from apps.recommender import factors as als
from apps.recommender import neighbours
from apps.recommender.catalogue import Catalogue
from apps.recommender.factors import Factors
from apps.recommender.histories import History
from apps.recommender.identifiers import Rows
from apps.recommender.interest import Pooling, TextModel
from apps.recommender.neighbours import ItemTable
from apps.recommender.popularity import DAY_S, Popularity
from apps.recommender.records import EngineOptions, Item
from apps.recommender.wording import Wording, Words
from core.events import OnEvent, ignore
from core.retrieval.vectors import VectorIndex
from core.text import content_hash

PANEL = 512  # items on which a request's text likeness is standardised where the catalogue is larger than 4,096
WHOLE_PANEL = 4_096
ONE_BY_ONE = 4_096  # allowed items up to which comparing each is as quick as asking the index for more


@dataclass
class Tables:
    """What behaviour taught: things met together, and a linear model (EASE) or factors (iALS), whichever fits."""

    together: ItemTable = field(default_factory=neighbours.empty_table)
    linear: ItemTable = field(default_factory=neighbours.empty_table)
    factors: Factors = field(default_factory=als.no_factors)


@dataclass(frozen=True)
class Panel:
    """Rows that stand for the whole catalogue, with their vectors (rows, dim) and words."""

    rows: Rows
    vectors: npt.NDArray[np.float32]
    words: Words


class Knowledge:
    """Items by row. Changing it is not locked: the engine does that."""

    def __init__(self, options: EngineOptions, model: TextModel, wording: Wording | None = None) -> None:
        self.options, self.model = options, model
        self.catalogue = Catalogue(options.numeric_columns)
        self.popularity = Popularity()
        self.wording = wording or Wording()
        self.tables = Tables()
        self.pooling = Pooling()
        self.index = VectorIndex(model.name, max(1, model.dim), options.exact_up_to)
        self._vectors = np.zeros((64, model.dim), np.float16)
        self._panel: Panel | None = None
        self._by_age: Rows | None = None
        self._fresh: tuple[Rows, npt.NDArray[np.float32]] | None = None
        self._numeric: npt.NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.catalogue)

    @contextmanager
    def guests(self, items: Sequence[Item]) -> Iterator[Rows]:
        """Rows for items that are not of the catalogue, for the time of the block."""
        rows, panel, by_age = len(self), self.panel, self.by_age
        try:
            yield self._place(items, self.model.encode(items))
        finally:
            self.catalogue.shrink(rows)
            self.wording.shrink(rows)
            self.popularity.shrink(rows)
            self._panel, self._by_age = panel, by_age

    def put(
        self, items: Sequence[Item], vectors: npt.NDArray[np.float32] | None = None, on_event: OnEvent = ignore
    ) -> Rows:
        """Add or replace items with vectors and words at once; of several with one id the last counts."""
        items = list({one.id: one for one in items}.values())
        if vectors is None:
            vectors = self.model.encode(items, on_event)
        rows = self._place(items, vectors)
        if self.model.dim:
            self.index.update([one.id for one in items], vectors, [content_hash(one.text) for one in items])
        self._panel = self._by_age = self._fresh = self._numeric = None
        return rows

    def _place(self, items: Sequence[Item], vectors: npt.NDArray[np.float32]) -> Rows:
        rows = self.catalogue.upsert(items)
        self._room(len(self.catalogue))
        self._vectors[rows] = vectors
        self.popularity.resize(len(self.catalogue))
        for row, item in zip(rows.tolist(), items, strict=True):
            self.wording.put(row, item.short_text)
        return rows

    def drop(self, item: str) -> int | None:
        """Forget an item: record, text, vector, counts; its row, None when it was unknown."""
        row = self.catalogue.drop(item)
        if row is not None:
            self.index.delete([item])
            self._vectors[row] = 0
            self.wording.drop(row)
            self.popularity.drop(row)
            self._panel = self._by_age = self._fresh = None
        return row

    def vectors(self, rows: Rows) -> npt.NDArray[np.float32]:
        """(n, dim) text vectors of these rows."""
        return self._vectors[rows].astype(np.float32)

    def fresh_vectors(self, rows: Rows) -> npt.NDArray[np.float32]:
        """As ``vectors``, for the fresh items of a request: mostly those of the request before, and kept for it."""
        if self._fresh is None or not np.array_equal(self._fresh[0], rows):
            self._fresh = rows, self.vectors(rows)
        return self._fresh[1]

    def nearest(
        self, vector: npt.NDArray[np.float32], count: int, allowed: npt.NDArray[np.bool_] | None = None
    ) -> Rows:
        """Rows of the items whose text is nearest to a unit vector, best first; ``allowed`` (items,) keeps some out.

        Few allowed items are compared one by one; of many, so many more are looked at that about ``count`` pass.
        """
        if not self.model.dim or not np.any(vector):
            return np.zeros(0, np.int64)
        alive = self.catalogue.count
        passing = alive if allowed is None else int(np.count_nonzero(allowed))
        if allowed is not None and passing < alive and passing <= ONE_BY_ONE:
            rows = np.flatnonzero(allowed)
            return rows[np.argsort(-(self.vectors(rows) @ vector), kind="stable")[:count]]
        look = min(alive, int(1.5 * count * alive / passing) if passing < alive else count)
        rows = self.catalogue.numbers.rows(self.index.nearest(vector, look))
        return rows if allowed is None else rows[allowed[rows]][:count]

    @property
    def panel(self) -> Panel:
        """Items that stand for the whole catalogue."""
        if self._panel is None:
            alive = np.flatnonzero(self.catalogue.alive)
            if len(alive) > WHOLE_PANEL:
                alive = np.sort(np.random.default_rng(self.options.seed).choice(alive, PANEL, replace=False))
            self._panel = Panel(alive, self.vectors(alive), self.wording.words(alive))
        return self._panel

    @property
    def by_age(self) -> Rows:
        """All rows, those without a date first, then the oldest; of one date, by row."""
        if self._by_age is None:
            self._by_age = np.argsort(np.nan_to_num(self.catalogue.created), kind="stable")
        return self._by_age

    @property
    def numeric_standard(self) -> npt.NDArray[np.float32]:
        """(2, columns) mean and spread of the team's own columns over the items that have a value."""
        if self._numeric is None:
            values = np.ma.masked_invalid(self.catalogue.numeric[self.catalogue.alive])
            mean, spread = values.mean(0).filled(0.0), values.std(0).filled(1.0)
            self._numeric = np.stack([mean, np.where(spread > 1e-9, spread, 1e9)]).astype(np.float32)
        return self._numeric

    def fit_tables(self, people: Rows, events: History, now: float) -> None:
        """Learn the item-item tables and factors from positive meetings sorted by person, then time."""
        size, options = len(self), self.options
        half_lives = np.array([one.half_life_days for one in options.meanings], np.float32)
        age_days = ((now - events.times) / DAY_S).clip(min=0)
        freshness = np.exp2(-age_days / (4 * half_lives[events.kinds])).astype(np.float32)
        tables = Tables(neighbours.together(people, events.items, size, options.neighbours, freshness))
        if 0 < size <= options.linear_up_to:
            tables.linear = neighbours.linear(people, events.items, size, options.neighbours)
        elif size:
            tables.factors = als.alternating(people, events.items, size, options.factors, options.seed)
        tables.factors.prepare()
        self.tables = tables

    def _room(self, rows: int) -> None:
        if rows > len(self._vectors):
            fresh = np.zeros((max(rows, 2 * len(self._vectors)), self.model.dim), np.float16)
            fresh[: len(self._vectors)] = self._vectors
            self._vectors = fresh
