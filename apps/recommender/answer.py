"""Rows and features become ``Scored`` records: parts, probability, and the sentence with the items it follows from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from apps.recommender.candidates import route_names
from apps.recommender.explanation import sentence, strongest
from apps.recommender.features import Matrix
from apps.recommender.identifiers import Rows
from apps.recommender.ranking import Blend
from apps.recommender.records import PARTS, Scored
from apps.recommender.signals import Signals

NAMED = 2  # items that a sentence names
CLOSE = 0.2  # least cosine at which a text is said to be close to another
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
    links = _Links(signals, rows)
    whys = [links.why(place, own, way, language) for place, (own, way) in enumerate(zip(owns, ways, strict=True))]
    return list(map(Scored, ids, totals, probabilities, owns, ways, *zip(*whys, strict=True)))


class _Links:
    """How strongly each liked thing speaks for each candidate, by text, behaviour, and brand or category."""

    def __init__(self, signals: Signals, rows: Rows) -> None:
        self.signals, self.liked, self.rows = signals, signals.person.liked, rows
        self._strength = {"text": (self._likeness, CLOSE), "behaviour": (self._met, 0.0), "rule": (self._kin, 0.0)}
        self._found: dict[str, list[list[int]]] = {}  # per part and row: the liked items that speak most for it

    def why(
        self, place: int, parts: dict[str, float], routes: tuple[str, ...], language: str
    ) -> tuple[str, tuple[str, ...]]:
        """The sentence for a candidate, and the ids of the items it names."""
        if "unfinished" in routes:
            return sentence("unfinished", (), language), ()
        part = strongest(parts)
        liked = self._named(part)[place] if part in self._strength and len(self.liked) else []
        catalogue = self.signals.knowledge.catalogue
        titles = [catalogue.item(row).title for row in liked]
        return sentence(part, titles, language), tuple(catalogue.numbers.ids(liked))

    def _named(self, part: str) -> list[list[int]]:
        """For every candidate the rows of the liked items that speak most for it in this part; itself is no reason."""
        if part not in self._found:
            of, least = self._strength[part]
            strength = np.where(self.liked[None, :] == self.rows[:, None], -1, of())  # (rows, liked)
            order = np.argsort(-strength, axis=1, kind="stable")[:, :NAMED]
            enough = np.take_along_axis(strength, order, 1) > least
            names = self.liked[order].tolist()
            self._found[part] = [
                [row for row, there in zip(*both, strict=True) if there]
                for both in zip(names, enough.tolist(), strict=True)
            ]
        return self._found[part]

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
