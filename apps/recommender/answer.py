"""Rows and features become ``Scored`` records: parts, probability, and the sentence with the items it follows from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from apps.recommender.candidates import BIT, route_names
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
    by_row = np.stack([parts[name] for name in PARTS], axis=1).tolist() if len(rows) else []
    links = _Links(signals, rows) if explain and len(rows) else None
    name = signals.knowledge.catalogue.numbers.id
    found = []
    for place, row in enumerate(rows.tolist()):
        own = dict(zip(PARTS, by_row[place], strict=True))
        bits = int(routes[place]) if routes is not None else 0
        reason, because = links.why(place, own, bits, language) if links else ("", ())
        found.append(Scored(name(row), totals[place], probabilities[place], own, route_names(bits), reason, because))
    return found


class _Links:
    """How strongly each liked thing speaks for each candidate, by text, behaviour, and brand or category."""

    def __init__(self, signals: Signals, rows: Rows) -> None:
        knowledge, liked = signals.knowledge, signals.person.liked
        self.signals, self.liked, self.rows = signals, liked, rows
        weights = signals.person.weights[:, None]
        tables = knowledge.tables
        self.strength: dict[str, Matrix] = {
            "text": knowledge.vectors(rows) @ signals.liked_vectors.T,  # (rows, liked)
            "behaviour": ((tables.together.between(liked, rows) + tables.linear.between(liked, rows)) * weights).T,
            "rule": self._kin(rows, liked),
        }
        self.least = {"text": CLOSE, "behaviour": 0.0, "rule": 0.0}

    def _kin(self, rows: Rows, liked: Rows) -> Matrix:
        found = np.zeros((len(rows), len(liked)), np.float32)
        catalogue = self.signals.knowledge.catalogue
        for codes, worth in ((catalogue.brand, 2.0), (catalogue.category, 1.0)):
            same = (codes[rows][:, None] == codes[liked][None, :]) & (codes[rows][:, None] > 0)
            found += worth * same
        return found

    def why(self, place: int, parts: dict[str, float], bits: int, language: str) -> tuple[str, tuple[str, ...]]:
        """The sentence for a candidate, and the ids of the items it names."""
        if bits & BIT["unfinished"]:
            return sentence("unfinished", (), language), ()
        part = strongest(parts)
        liked = self._named(part, place) if part in self.strength else []
        catalogue = self.signals.knowledge.catalogue
        titles = [catalogue.item(row).title for row in liked]
        return sentence(part, titles, language), tuple(catalogue.numbers.id(row) for row in liked)

    def _named(self, part: str, place: int) -> list[int]:
        """Rows of the liked items that speak most for a candidate in this part; itself is no reason."""
        if not len(self.liked):
            return []
        strength = np.where(self.liked == self.rows[place], -1, self.strength[part][place])
        best = np.argsort(-strength, kind="stable")[:NAMED]
        return [int(self.liked[n]) for n in best if strength[n] > self.least[part]]
