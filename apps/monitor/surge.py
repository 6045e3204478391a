"""How unusual a value is against its own series' past: online, one value at a time, never looking ahead.

Pure: knows no clock, no database, no rule. Each value is judged before it is learnt, and the yardstick is the series
itself: a value is unusual when it lies further from the usual than all but a few of its own past values did.
"""

import math
from array import array
from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

QUANTILE = 0.995  # of past deviations; chosen on NAB's technical series among 0.99, 0.995 and 0.998
LEAST_SPREADS = 2.0  # a deviation under two standard deviations is never unusual, however even the past was
LEAST_SEEN = 50  # deviations before their quantile is believed
LEARN_LIMIT = 1.2  # times the largest usual deviation; what strays further is learnt as if it had strayed so far
SHRINK = 4.0  # days that hold a season slot to the overall mean until it has seen its own
CHANCE = 4.0  # deviations of a Poisson count that chance alone explains: about one window in thirty thousand
SLOTS = 48  # hours of a working day, hours of a weekend day


@dataclass(frozen=True, slots=True)
class Judgement:
    """``expected`` is the usual value; ``score`` the deviation from it in units of the largest usual deviation.

    1 is as far out as the furthest 0.5 % of the past, below 0 is less than usual; ``seen`` is how much past there is.
    """

    expected: float
    score: float
    seen: int


class SurgeDetector:
    """The usual level of one series with its season, and how far it usually strays.

    ``step`` is the time between values, ``width`` how many of them are averaged before they are judged (1 judges each
    by itself), ``memory`` how many are remembered, ``counts`` says that values are counts, which chance alone moves by
    their square root. Memory is two arrays of ``memory`` numbers.
    """

    def __init__(
        self, step: timedelta, width: int = 1, memory: int = 6400, counts: bool = True, season: bool = True
    ) -> None:
        self._step, self._memory, self._counts, self._season = step, memory, counts, season
        self._short: deque[float] = deque(maxlen=width)
        self._values: deque[float] = deque()
        self._strays: deque[float] = deque()
        self._sorted = array("d")
        self._sum = self._squares = 0.0
        self._slots = [(0.0, 0.0)] * SLOTS
        self._shrink = SHRINK * max(1.0, timedelta(hours=1) / step)

    def judge(self, start: datetime, value: float) -> Judgement:
        """The value of the window at ``start`` together with those just before it, against what was learnt so far."""
        expected, level = self._usual(start), self._level(value)
        return Judgement(expected, (level - expected) / self._largest_usual(expected), len(self._strays))

    def learn(self, start: datetime, value: float) -> None:
        """Makes the value part of the past."""
        expected, level = self._usual(start), self._level(value)
        self._short.append(value)
        if self._values:
            self._stray(self._limited(abs(level - expected), expected))
        self._remember(value)
        slot = self._slot(start)
        count, mean = self._slots[slot]
        count = min(count + 1, self._memory / SLOTS)
        self._slots[slot] = (count, mean + (value - mean) / count)

    def _level(self, value: float) -> float:
        before = list(self._short)[-(self._short.maxlen or 1) + 1 :] if (self._short.maxlen or 1) > 1 else []
        return (sum(before) + value) / (len(before) + 1)

    def _usual(self, start: datetime) -> float:
        if not self._values:
            return 0.0
        mean = self._sum / len(self._values)
        if not self._season:
            return mean
        count, own = self._slots[self._slot(start)]
        return (count * own + self._shrink * mean) / (count + self._shrink)

    def _largest_usual(self, expected: float) -> float:
        count = max(1, len(self._values))
        spread = math.sqrt(max(0.0, self._squares / count - (self._sum / count) ** 2))
        largest = LEAST_SPREADS * spread
        if len(self._sorted) >= LEAST_SEEN:
            largest = max(largest, self._sorted[int(QUANTILE * (len(self._sorted) - 1))])
        if self._counts:
            largest = max(largest, CHANCE * math.sqrt(max(0.0, expected) + 0.25))
        return max(largest, 1e-9)

    def _limited(self, deviation: float, expected: float) -> float:
        """A surge is learnt as little more than what was usual: the next one must be seen too."""
        if len(self._sorted) < LEAST_SEEN:
            return deviation
        return min(deviation, LEARN_LIMIT * self._largest_usual(expected))

    def _stray(self, deviation: float) -> None:
        self._strays.append(deviation)
        insort(self._sorted, deviation)
        if len(self._strays) > self._memory:
            del self._sorted[bisect_left(self._sorted, self._strays.popleft())]

    def _remember(self, value: float) -> None:
        self._values.append(value)
        self._sum += value
        self._squares += value * value
        if len(self._values) > self._memory:
            gone = self._values.popleft()
            self._sum -= gone
            self._squares -= gone * gone

    def _slot(self, start: datetime) -> int:
        if self._step >= timedelta(days=1):
            return start.weekday()
        return start.hour + 24 * (start.weekday() >= 5)
