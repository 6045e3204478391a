"""Items like an item: near in text, or met by the same people; both standardised over what was found."""

from __future__ import annotations

import numpy as np

from apps.recommender.candidates import best
from apps.recommender.explanation import sentence
from apps.recommender.filters import Screen
from apps.recommender.histories import empty
from apps.recommender.knowledge import Knowledge
from apps.recommender.person import person_of
from apps.recommender.records import Filters, Scored

LOOK = 200  # nearest in text and most met together that are looked at
TEXT_SHARE = 0.6  # of the likeness; the rest is behaviour


def similar_rows(knowledge: Knowledge, row: int, k: int, filters: Filters, language: str) -> list[Scored]:
    """The ``k`` allowed items most like a row, itself left out; the score, at most 1, is a likeness, no probability."""
    catalogue = knowledge.catalogue
    screen = Screen(catalogue, person_of(empty(), 0.0, knowledge.options), filters)
    allowed = screen.allowed.copy()
    allowed[row] = False
    vector = knowledge.vectors(np.array([row]))[0]
    one = np.array([row]), np.ones(1, np.float32)
    met = knowledge.tables.together.scores(*one, len(knowledge))
    near = knowledge.nearest(vector, LOOK, allowed) if knowledge.model.dim else _by_words(knowledge, row)
    rows = np.union1d(near, best(np.where(allowed, met, 0), LOOK)).astype(np.int64)
    rows = rows[allowed[rows]]
    text = knowledge.vectors(rows) @ vector if knowledge.model.dim else _words(knowledge, row, rows)
    behaviour = met[rows] / max(float(met.max()), 1e-9)
    scores = TEXT_SHARE * text + (1 - TEXT_SHARE) * behaviour
    order = np.argsort(-scores, kind="stable")[:k]
    title = [catalogue.item(row).title]
    return [
        Scored(
            catalogue.numbers.id(int(rows[n])),
            float(scores[n]),
            0.0,
            {"text": float(TEXT_SHARE * text[n]), "behaviour": float((1 - TEXT_SHARE) * behaviour[n])},
            reason=sentence("text" if TEXT_SHARE * text[n] >= scores[n] / 2 else "behaviour", title, language),
        )
        for n in order.tolist()
    ]


def _by_words(knowledge: Knowledge, row: int) -> np.ndarray:
    return best(_words(knowledge, row, np.arange(len(knowledge))), LOOK)


def _words(knowledge: Knowledge, row: int, rows: np.ndarray) -> np.ndarray:
    profile = knowledge.wording.profile(np.array([row]), np.ones(1, np.float32))
    return knowledge.wording.likeness(profile, rows)
