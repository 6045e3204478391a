"""A person at the moment of asking: what she likes with weights, what she refused, met or left open.

Made from a history and ``now``; holds for one request.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.recommender.histories import History
from apps.recommender.identifiers import Rows
from apps.recommender.popularity import DAY_S
from apps.recommender.records import EngineOptions

OPEN_DAYS = 30.0  # an interest older than this is no longer unfinished


@dataclass(frozen=True)
class Person:
    """``liked`` are different items, the one met last at the end, with aged weights of which the largest is 1."""

    liked: Rows
    weights: npt.NDArray[np.float32]
    disliked: Rows
    seen: Rows  # different items, the one met last at the end
    unfinished: Rows

    @property
    def warm(self) -> bool:
        """Whether anything speaks of her taste."""
        return len(self.liked) > 0


def person_of(history: History, now: float, options: EngineOptions) -> Person:
    """What a history says at ``now``; only its newest events count towards taste, all of it is seen."""
    recent = history.newest(options.longest_history)
    half_lives = np.array([one.half_life_days for one in options.meanings])
    age_days = ((now - recent.times) / DAY_S).clip(min=0)
    worths = recent.worths * np.exp2(-age_days / half_lives[recent.kinds])
    items, best, last = _summed(recent.items, worths)
    liked = best > 0
    weights = best[liked] / best[liked].max() if liked.any() else best[liked]
    return Person(
        liked=items[liked],
        weights=weights.astype(np.float32),
        disliked=items[last < 0],
        seen=_last_met(history.items),
        unfinished=_unfinished(recent, now, options),
    )


def _summed(
    items: Rows, worths: npt.NDArray[np.float64]
) -> tuple[Rows, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Different items by their last meeting, with the largest worth and the last nonzero one; a refusal takes all."""
    order: dict[int, tuple[float, float]] = {}
    for item, worth in zip(items.tolist(), worths.tolist(), strict=True):
        best, last = order.pop(item, (0.0, 0.0))
        order[item] = (0.0, worth) if worth < 0 else (max(best, worth), worth or last)
    rows = np.fromiter(order, np.int64, len(order))
    values = np.array(list(order.values())).reshape(-1, 2)
    return rows, values[:, 0], values[:, 1]


def _last_met(items: Rows) -> Rows:
    backwards = dict.fromkeys(items[::-1].tolist())
    return np.fromiter(reversed(backwards), np.int64, len(backwards))


def _unfinished(history: History, now: float, options: EngineOptions) -> Rows:
    opens = [one.opens for one in options.meanings]
    finishes = [one.finishes for one in options.meanings]
    open_now: dict[int, None] = {}
    for item, kind, time in zip(history.items.tolist(), history.kinds.tolist(), history.times.tolist(), strict=True):
        if finishes[kind]:
            open_now.pop(item, None)
        elif opens[kind] and now - time <= OPEN_DAYS * DAY_S:
            open_now.pop(item, None)
            open_now[item] = None
    return np.fromiter(reversed(open_now), np.int64, len(open_now))
