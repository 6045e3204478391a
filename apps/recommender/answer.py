"""Rows and features become ``Scored`` records: parts, probability, and the sentence with the items it follows from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from apps.recommender.candidates import route_names
from apps.recommender.explanation import sentence, strongest
from apps.recommender.features import NAMES, Matrix
from apps.recommender.identifiers import Rows
from apps.recommender.ranking import Blend
from apps.recommender.records import PARTS, Scored
from apps.recommender.shared_words import shared_words
from apps.recommender.signals import NEAREST_OF, Signals

NAMED = 2  # items that a sentence names
CLOSE = 0.2  # least cosine at which a text is said to be close to another …
CLOSEST, CLOSEST_LEAST = 0.03, 5  # … and it must be among this share of the catalogue, in a small one among so many
WORDS, MEANING = ("words", "words_last", "words_near"), ("text", "text_last", "text_near", "cold_text")
UNKNOWN = {"en": "There is no such item in the catalogue.", "zh": "目录中没有这个商品。"}


def unknown_item(item: str, language: str) -> Scored:
    """The answer for an id nobody knows."""
    return Scored(item, 0.0, 0.0, reason=UNKNOWN[language], known=False)


def scored_list(
    signals: Signals,
    blend: Blend,
    rows: Rows,
    table: Matrix,
    routes: npt.NDArray[np.int32] | None = None,
    added: Sequence[float] = (),
    language: str = "en",
    explain: bool = True,
    reread: Matrix | None = None,
) -> list[Scored]:
    """One record per row; ``added`` is what the dials of the list added, shown as the part "diversity".

    ``reread`` (rows,) is what a cross-encoder added: it belongs to the part "text".
    """
    scores = blend.scores(table) + (0.0 if reread is None else reread)
    probabilities = blend.probability(scores).tolist()
    parts = blend.parts(table)
    if reread is not None:
        parts["text"] = parts["text"] + reread
    extra = np.array(added if len(added) else np.zeros(len(rows)))
    parts["diversity"] = parts["diversity"] + extra
    totals = (scores + extra).tolist()
    owns = [dict(zip(PARTS, row, strict=True)) for row in np.stack([parts[name] for name in PARTS], axis=1).tolist()]
    ways = list(map(route_names, routes.tolist())) if routes is not None else [()] * len(rows)
    ids = signals.knowledge.catalogue.numbers.ids(rows.tolist())
    if not explain or not ids:
        return list(map(Scored, ids, totals, probabilities, owns, ways))
    links = _Links(signals, blend, rows, table)
    whys = [links.why(place, own, way, language) for place, (own, way) in enumerate(zip(owns, ways, strict=True))]
    return list(map(Scored, ids, totals, probabilities, owns, ways, *zip(*whys, strict=True)))


def _given(blend: Blend, table: Matrix, names: Sequence[str]) -> Matrix:
    """(rows,) what some features give to the scores."""
    columns = [blend.names.index(name) for name in names]
    return np.asarray(table[:, columns] @ blend.weights[columns], np.float32)


def _close(likeness: Matrix) -> Matrix:
    """(named,) likeness that few of a catalogue's items (items, named) go beyond, the named one itself not counted."""
    beyond = min(len(likeness) - 1, 1 + max(CLOSEST_LEAST, math.ceil(CLOSEST * len(likeness))))
    return np.maximum(np.partition(likeness, -1 - beyond, axis=0)[-1 - beyond], CLOSE)


class _Links:
    """How strongly each liked thing speaks for each candidate, by text, behaviour, and brand or category."""

    def __init__(self, signals: Signals, blend: Blend, rows: Rows, table: Matrix) -> None:
        self.signals, self.liked, self.rows = signals, signals.person.liked, rows
        knowledge = signals.knowledge
        self._young = table[:, NAMES.index("fresh")] > 0  # as ``candidates.is_fresh`` has it: young, or unmet
        self._unmet = knowledge.popularity.wanted[rows] < knowledge.options.fresh_events
        self._worded = _given(blend, table, WORDS) > _given(blend, table, MEANING)
        self._strength = {"text": self._likeness, "behaviour": self._met, "rule": self._kin}
        self._found: dict[str, list[list[int]]] = {}  # per part and row: the liked items that speak most for it

    def why(
        self, place: int, parts: dict[str, float], routes: tuple[str, ...], language: str
    ) -> tuple[str, tuple[str, ...]]:
        """The sentence for a candidate, and the ids of the items it names."""
        if "unfinished" in routes:
            return sentence("unfinished", (), language), ()
        part = self._part(place, parts)
        if part == "text" and self._worded[place]:
            named, shared = self._in_common(place)
            if shared:
                title, name = self._title(named), self.signals.knowledge.catalogue.numbers.id(named)
                return sentence("words", [title], language, shared), (name,)
        liked = self._named(part)[place] if part in self._strength and len(self.liked) else []
        if part == "rule" and liked:
            part, liked = self._bond(place, liked)
        numbers = self.signals.knowledge.catalogue.numbers
        return sentence(part, [self._title(row) for row in liked], language), tuple(numbers.ids(liked))

    def _part(self, place: int, parts: dict[str, float]) -> str:
        """The part that speaks most; recency only where the item is new, "unmet" where hardly anybody has met it."""
        part = strongest(parts)
        if part != "recency" or self._young[place]:
            return part
        return "unmet" if self._unmet[place] else strongest(parts | {"recency": 0.0})

    def _title(self, row: int) -> str:
        return self.signals.knowledge.catalogue.item(row).title

    def _in_common(self, place: int) -> tuple[int, list[str]]:
        """The liked item most like a candidate in words, itself left out, and the words they share if it is close."""
        item, newest = self.signals.knowledge.catalogue.item, self.liked[-NEAREST_OF:]
        likeness = np.where(newest == self.rows[place], -1, self._word_likeness[place])
        best = int(likeness.argmax())
        named = int(newest[best])
        if likeness[best] <= self._word_bar[best]:
            return named, []
        return named, shared_words(item(int(self.rows[place])).short_text, item(named).short_text)

    @cached_property
    def _word_bar(self) -> Matrix:
        """(newest liked,) likeness in words above which a candidate is close to each."""
        return _close(self.signals.knowledge.panel.words.near(self.signals.newest_words))

    @cached_property
    def _word_likeness(self) -> Matrix:
        """(rows, newest liked) likeness in words."""
        return self.signals.knowledge.wording.words(self.rows).near(self.signals.newest_words)

    def _bond(self, place: int, liked: list[int]) -> tuple[str, list[int]]:
        """What binds a candidate to the first of its kin, brand before category, and all that are bound by it."""
        catalogue, row = self.signals.knowledge.catalogue, self.rows[place]
        name = "brand" if catalogue.brand[liked[0]] == catalogue.brand[row] > 0 else "category"
        codes = catalogue.brand if name == "brand" else catalogue.category
        return name, [one for one in liked if codes[one] == codes[row]]

    def _named(self, part: str) -> list[list[int]]:
        """For every candidate the rows of the liked items that speak most for it in this part; itself is no reason."""
        if part not in self._found:
            strength = np.where(self.liked[None, :] == self.rows[:, None], -1, self._strength[part]())  # (rows, liked)
            order = np.argsort(-strength, axis=1, kind="stable")[:, :NAMED]
            least = self._close_from(order) if part == "text" else 0.0
            enough = np.take_along_axis(strength, order, 1) > least
            names = self.liked[order].tolist()
            self._found[part] = [
                [row for row, there in zip(*both, strict=True) if there]
                for both in zip(names, enough.tolist(), strict=True)
            ]
        return self._found[part]

    def _close_from(self, order: npt.NDArray[np.int64]) -> Matrix:
        """(rows, named) cosine above which a text is close to each of these liked ones, itself not counted."""
        named, back = np.unique(order, return_inverse=True)
        likeness = self.signals.knowledge.panel.vectors @ self.signals.liked_vectors[named].T  # (panel, named)
        return np.asarray(_close(likeness)[back].reshape(order.shape), np.float32)

    def _likeness(self) -> Matrix:
        return self.signals.knowledge.vectors(self.rows) @ self.signals.liked_vectors.T

    def _met(self) -> Matrix:
        tables = self.signals.knowledge.tables
        strength = tables.together.between(self.liked, self.rows) + tables.linear.between(self.liked, self.rows)
        return (strength * self.signals.person.weights[:, None]).T

    def _kin(self) -> Matrix:
        found = np.zeros((len(self.rows), len(self.liked)), np.float32)
        catalogue = self.signals.knowledge.catalogue
        for codes, worth in ((catalogue.brand, 2.0), (catalogue.category, 1.0)):
            own = codes[self.rows][:, None]
            found += worth * ((own == codes[self.liked][None, :]) & (own > 0))
        return found
