"""Numbers by which a candidate is ranked for a person, and the part of the score each belongs to.

Signals are standardised over the catalogue. Nothing here is learnt: weights are the ranking's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from apps.recommender.identifiers import Rows
from apps.recommender.popularity import DAY_S
from apps.recommender.signals import Signals, standard

Matrix = npt.NDArray[np.float32]

PART_OF: Mapping[str, str] = {
    "text": "text", "text_last": "text", "text_near": "text", "words": "text", "words_last": "text",
    "words_near": "text", "cold_text": "text", "disliked": "text", "together": "behaviour",
    "together_last": "behaviour", "linear": "behaviour", "popular": "popularity", "trending": "popularity",
    "age": "recency", "fresh": "recency", "cold": "recency", "brand": "rule", "category": "rule", "price": "rule",
    "seen": "behaviour", "seen_lately": "behaviour",
}  # fmt: skip
NAMES: tuple[str, ...] = tuple(PART_OF)
SEEN_STEPS = 0.3  # how fast "seen lately" fades per step


def names_with(numeric_columns: Sequence[str]) -> tuple[str, ...]:
    """All feature names, the team's own numeric columns last."""
    return NAMES + tuple(f"column:{name}" for name in numeric_columns)


def part_of(name: str) -> str:
    """The part of the score a feature belongs to; the team's own columns are rules."""
    return PART_OF.get(name, "rule")


def fresh_claims(table: Matrix, by_words: bool) -> Matrix:
    """(rows,) who comes first of the fresh items that wait for places; all alike leaves it to the score."""
    return table[:, NAMES.index("words_near")] * by_words


def features(signals: Signals, rows: Rows, now: float) -> Matrix:
    """(rows, names) of the candidates; every column is finite."""
    columns = {**_texts(signals, rows), **_behaviour(signals, rows), **_items(signals, rows, now)}
    own = _own_columns(signals, rows)
    table = np.stack([columns[name] for name in NAMES], axis=1)
    return np.nan_to_num(np.concatenate([table, own], axis=1)).astype(np.float32)


def _texts(signals: Signals, rows: Rows) -> dict[str, Matrix]:
    knowledge = signals.knowledge
    nothing = np.zeros(len(rows), np.float32)
    found = dict.fromkeys((name for name, part in PART_OF.items() if part == "text"), nothing)
    if knowledge.model.dim and len(signals.person.disliked):
        found["disliked"] = (signals.vectors(rows) @ signals.disliked_vectors.T).max(1)
    if not signals.person.warm:
        return found
    if knowledge.model.dim:
        vectors = signals.vectors(rows)
        for name, vector in (("text", signals.text_vector), ("text_last", signals.last_vector)):
            found[name] = signals.text_standard(vector).of(vectors @ vector)
        found["text_near"] = signals.near(rows).max(1)
    words = knowledge.wording.words(rows)
    for name, profile in (("words", signals.words), ("words_last", signals.words_last)):
        found[name] = signals.words_standard(profile).of(words.likeness(profile))
    found["words_near"] = signals.words_near(words)
    strongest = found["text"] if knowledge.model.dim else found["words"]
    found["cold_text"] = strongest * _cold(signals, rows)
    return found


def _behaviour(signals: Signals, rows: Rows) -> dict[str, Matrix]:
    seen = np.zeros(len(signals.knowledge), np.float32)
    lately = np.zeros(len(signals.knowledge), np.float32)
    steps = np.arange(len(signals.person.seen) - 1, -1, -1, dtype=np.float32)
    seen[signals.person.seen], lately[signals.person.seen] = 1.0, SEEN_STEPS**steps
    seen[signals.person.disliked] = lately[signals.person.disliked] = 0.0  # met, but that speaks for nothing
    whole = {"together": signals.together, "together_last": signals.together_last}
    return {
        **{name: standard(values[signals.living]).of(values[rows]) for name, values in whole.items()},
        "linear": signals.linear_of(rows),
        "seen": seen[rows],
        "seen_lately": lately[rows],
    }


def _items(signals: Signals, rows: Rows, now: float) -> dict[str, Matrix]:
    knowledge, catalogue = signals.knowledge, signals.knowledge.catalogue
    age_days = (now - catalogue.created[rows]) / DAY_S
    known = np.isfinite(age_days) & (age_days >= 0)
    return {
        "popular": np.log1p(knowledge.popularity.popular(now, rows)).astype(np.float32),
        "trending": np.log1p(knowledge.popularity.trending(now, rows)).astype(np.float32),
        "age": np.where(known, np.exp2(-np.where(known, age_days, 0) / 30), 0).astype(np.float32),
        "fresh": (known & (age_days <= knowledge.options.fresh_days)).astype(np.float32),
        "cold": _cold(signals, rows),
        "brand": _share(signals, catalogue.brand, rows),
        "category": _share(signals, catalogue.category, rows),
        "price": _price_fit(signals, rows),
    }


def _cold(signals: Signals, rows: Rows) -> Matrix:
    return (signals.knowledge.popularity.wanted[rows] == 0).astype(np.float32)


def _share(signals: Signals, codes: npt.NDArray[np.int32], rows: Rows) -> Matrix:
    """How much of what she likes, by weight, shares a candidate's brand or category; 0 for none given."""
    person = signals.person
    if not person.warm:
        return np.zeros(len(rows), np.float32)
    steps = np.arange(len(person.liked) - 1, -1, -1, dtype=np.float32)
    weights = person.weights * 0.8**steps
    summed = np.bincount(codes[person.liked], weights, int(codes.max(initial=0)) + 1)
    summed[0] = 0.0
    return np.asarray(summed[codes[rows]] / weights.sum(), np.float32)


def _price_fit(signals: Signals, rows: Rows) -> Matrix:
    """0 at her usual price, -1 at e times more or less; 0 where either is unknown."""
    price = signals.knowledge.catalogue.price
    known = price[signals.person.liked]
    known = known[np.isfinite(known)]
    if not len(known):
        return np.zeros(len(rows), np.float32)
    usual = np.log1p(known).mean()
    return -np.abs(np.nan_to_num(np.log1p(price[rows]), nan=usual) - usual).astype(np.float32)


def _own_columns(signals: Signals, rows: Rows) -> Matrix:
    """(rows, columns) standardised over the items that have a value; 0 where missing."""
    numeric = signals.knowledge.catalogue.numeric
    if not numeric.shape[1]:
        return np.zeros((len(rows), 0), np.float32)
    chosen = signals.knowledge.numeric_standard
    return np.nan_to_num((numeric[rows] - chosen[0]) / chosen[1]).astype(np.float32)
