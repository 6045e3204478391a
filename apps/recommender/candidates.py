"""Where the items of a list may come from: several routes side by side, merged with the routes kept.

A route proposes rows; it does not rank. Rules (what may be shown) are ``filters``'.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from apps.recommender.identifiers import Rows
from apps.recommender.popularity import DAY_S
from apps.recommender.records import ROUTES
from apps.recommender.signals import Signals

Mask = npt.NDArray[np.bool_]
SHARES = {"popular": 0.25, "trending": 0.25, "fresh": 0.25, "words": 0.5}  # of ``per_route``; the others take all
SAMPLE, LEAST_SAMPLED = 1_024, 8  # values that tell where the best of many begin
BIT = {name: 1 << place for place, name in enumerate(ROUTES)}


@dataclass(frozen=True)
class Candidates:
    """Different rows, and for each the routes that brought it as bits of ``BIT``."""

    rows: Rows
    routes: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.rows)

    def names(self, place: int) -> tuple[str, ...]:
        """Routes of the candidate at a place."""
        return route_names(int(self.routes[place]))

    def per_route(self) -> dict[str, int]:
        """How many each route brought."""
        counts = {name: int((self.routes & bit > 0).sum()) for name, bit in BIT.items()}
        return {name: count for name, count in counts.items() if count}

    def where(self, keep: Mask) -> Candidates:
        """Those of a mask."""
        return Candidates(self.rows[keep], self.routes[keep])


@lru_cache(maxsize=1 << len(ROUTES))
def route_names(bits: int) -> tuple[str, ...]:
    """The names behind bits of ``BIT``."""
    return tuple(name for name, bit in BIT.items() if bits & bit)


def candidates(signals: Signals, now: float, allowed: Mask) -> Candidates:
    """Up to ``per_route`` allowed rows of each route; for somebody unknown only those that need no history.

    ``allowed`` (items,) is what rules let through, so that no route spends its places on what cannot be shown.
    """
    found = {name: rows[allowed[rows]] for name, rows in _routes(signals, now, allowed).items()}
    rows = np.concatenate([*found.values(), np.zeros(0, np.int64)])
    bits = np.concatenate([np.full(len(part), BIT[name]) for name, part in found.items()] + [np.zeros(0, np.int64)])
    different, place = np.unique(rows, return_inverse=True)
    merged = np.zeros(len(different), np.int32)
    np.bitwise_or.at(merged, place, bits.astype(np.int32))
    return Candidates(different, merged)


def _routes(signals: Signals, now: float, allowed: Mask) -> dict[str, Rows]:
    knowledge, person = signals.knowledge, signals.person
    most = knowledge.options.per_route
    count = {name: max(10, int(SHARES.get(name, 1.0) * most)) for name in ROUTES}
    found = {
        "popular": best(knowledge.popularity.popular(now), count["popular"], allowed),
        "trending": best(knowledge.popularity.trending(now), count["trending"], allowed),
        "fresh": _fresh(signals, now, count["fresh"], allowed),
    }
    if not person.warm:
        return found
    found["unfinished"] = person.unfinished
    found["together"] = best(signals.together, count["together"], allowed)
    if len(knowledge.tables.factors):
        found["factors"] = knowledge.tables.factors.best(signals.factor_vector, count["factors"], allowed)
    else:
        found["linear"] = best(signals.linear, count["linear"], allowed)
    room = len(person.seen) if len(person.seen) < most else most  # what was seen is nearest to itself
    found["text"] = knowledge.nearest(signals.text_vector, count["text"] + room, allowed)
    if len(knowledge) <= len(knowledge.panel.rows):  # small enough for the words of every item
        likeness = knowledge.wording.likeness(signals.words, np.arange(len(knowledge)))
        found["words"] = best(likeness, count["words"], allowed)
    return found


def is_fresh(signals: Signals, now: float) -> Mask:
    """(items,) created lately, or hardly met by anybody."""
    knowledge, options = signals.knowledge, signals.knowledge.options
    with np.errstate(invalid="ignore"):
        young = now - knowledge.catalogue.created <= options.fresh_days * DAY_S
    return (young | (knowledge.popularity.wanted < options.fresh_events)) & knowledge.catalogue.alive


def _fresh(signals: Signals, now: float, count: int, allowed: Mask) -> Rows:
    """Fresh items nearest to her interest, half by words and half by text; the newest first for somebody unknown."""
    knowledge = signals.knowledge
    fresh = is_fresh(signals, now) & allowed
    if np.count_nonzero(fresh) > 10 * count:  # many items nobody met: the newest, then those added last
        rows = _last(knowledge.by_age, fresh, 10 * count)
    else:
        rows = np.flatnonzero(fresh)
    if not signals.person.warm:
        return _first(rows, np.nan_to_num(knowledge.catalogue.created[rows]), count)
    words = signals.words_near(knowledge.wording.words(rows))
    if not knowledge.model.dim:
        return _first(rows, words, count)
    text = knowledge.fresh_vectors(rows) @ signals.text_vector
    return np.union1d(_first(rows, words, count // 2), _first(rows, text, count // 2))


def _first(rows: Rows, values: npt.NDArray[np.floating], count: int) -> Rows:
    """The rows of the largest values; of equal ones those that stand first."""
    return rows[np.argsort(-values, kind="stable")[:count]]


def _last(order: Rows, mask: Mask, count: int) -> Rows:
    """The last ``count`` rows of an order that a mask lets through; reads no more of it than it must."""
    read = 2 * count
    while True:
        found = order[-read:][mask[order[-read:]]]
        if len(found) >= count or read >= len(order):
            return found[-count:]
        read *= 4


def best(values: npt.NDArray[np.floating], count: int, allowed: Mask | None = None) -> Rows:
    """Rows of the largest values above 0 that are allowed, best first; equal ones by row."""
    rows = _above(values, _bar(values, count), allowed)
    if len(rows) < count:
        rows = _above(values, 0.0, allowed)
    if len(rows) > 4 * count:
        top = np.argpartition(-values[rows], count)[:count]
        top.sort()
        rows = rows[top]
    return rows[np.argsort(-values[rows], kind="stable")[:count]]


def _above(values: npt.NDArray[np.floating], bar: float, allowed: Mask | None) -> Rows:
    rows = np.flatnonzero(values > bar)
    return rows if allowed is None else rows[allowed[rows]]


def _bar(values: npt.NDArray[np.floating], count: int) -> float:
    """What about four times ``count`` values are above, judged by a thousandth or so of them; at least 0."""
    sample = values[:: 1 + len(values) // SAMPLE]
    place = max(LEAST_SAMPLED, int(4 * count * len(sample) / max(1, len(values))))
    return max(0.0, float(np.partition(sample, -place)[-place])) if place < len(sample) else 0.0
