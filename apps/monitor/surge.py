"""How unusual a value is against its own series' past: online, one value at a time, never looking ahead.

Pure: knows no clock, no database, no rule. Each value is judged before it is learnt.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

LEARN_LIMIT = 3.0  # a value further out than this many deviations is learnt as if it lay there: a surge is no new usual
SHRINK = 4.0  # pseudo-observations that hold a season slot to the overall level until it has its own
FLOOR = 0.5  # a count's square root has about this standard deviation whatever its mean (Bartlett 1936)


@dataclass(frozen=True, slots=True)
class Judgement:
    """``expected`` is the usual value, ``score`` how many robust deviations the value lies above it (below: negative).

    ``seen`` is how many values the past holds.
    """

    expected: float
    score: float
    seen: int


class SurgeDetector:
    """The usual level of one count series with its weekday and hour season, and its spread.

    Counts are judged as square roots, where a Poisson count's spread does not depend on its mean. The level forgets
    with the given ``memory``; each season slot (hour of a working day or of the weekend) leans on the level until it
    has been seen often. The spread is at least a Poisson count's.
    """

    def __init__(self, window: timedelta, memory: timedelta = timedelta(days=28)) -> None:
        self._window = window
        self._rate = 1 - math.exp(-window / memory)
        self._level, self._variance, self._weight, self._seen = 0.0, FLOOR**2, 0.0, 0
        self._slots: dict[tuple[bool, int], tuple[float, float]] = {}

    def judge(self, start: datetime, value: float) -> Judgement:
        """The value of the window at ``start`` against what was learnt so far."""
        usual = self._usual(start)
        spread = max(FLOOR, math.sqrt(self._variance))
        return Judgement(self._back(usual), (self._root(value) - usual) / spread, self._seen)

    def learn(self, start: datetime, value: float) -> None:
        """Makes the value part of the past."""
        usual, root = self._usual(start), self._root(value)
        spread = max(FLOOR, math.sqrt(self._variance))
        if self._seen:
            root = min(root, usual + LEARN_LIMIT * spread)
        self._seen += 1
        self._weight = self._weight * (1 - self._rate) + self._rate
        rate = self._rate / self._weight
        self._variance += rate * ((root - usual) ** 2 - self._variance) if self._seen > 2 else 0.0
        self._level += rate * (root - self._level)
        slot = self._slot(start)
        count, mean = self._slots.get(slot, (0.0, 0.0))
        count = count * (1 - self._rate) ** self._slots_between() + 1
        self._slots[slot] = (count, mean + (root - mean) / count)

    def _slots_between(self) -> float:
        return max(1.0, timedelta(days=1) / self._window / 1.4)

    def _usual(self, start: datetime) -> float:
        count, mean = self._slots.get(self._slot(start), (0.0, 0.0))
        return (count * mean + SHRINK * self._level) / (count + SHRINK)

    def _slot(self, start: datetime) -> tuple[bool, int]:
        if self._window >= timedelta(days=1):
            return False, start.weekday()
        return start.weekday() >= 5, start.hour

    @staticmethod
    def _root(value: float) -> float:
        return math.sqrt(max(0.0, value) + 0.375)

    @staticmethod
    def _back(root: float) -> float:
        return max(0.0, root * root - 0.375)
