"""Periods a page looks back on, and windows put together so that a chart has about sixty bars whatever its length.

Pure; the clock is an argument.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from apps.monitor.records import EPOCH, Point, Span

# days looked back on -> (windows asked for, windows put into one bar)
STEPS = {1: (Span.HOUR, 1), 7: (Span.HOUR, 3), 30: (Span.DAY, 1), 90: (Span.DAY, 2), 365: (Span.DAY, 7)}
SUMMED = ("stories", "items", "reach", "negative", "neutral", "positive", "polarity_sum")


@dataclass(frozen=True)
class Period:
    """The last ``days`` up to ``until`` in bars of ``step`` made of windows of ``span``; a bar begins at ``since``."""

    days: int
    since: datetime
    until: datetime
    span: Span
    step: timedelta

    @classmethod
    def of(cls, now: datetime, days: int) -> "Period":
        """The last ``days`` (a key of STEPS) up to ``now``, whole bars."""
        span, windows = STEPS[days]
        step = span.length * windows
        return cls(days, _floor(now - timedelta(days=days), step) + step, now, span, step)

    @property
    def before(self) -> datetime:
        """Where the same length of time before begins."""
        return self.since - timedelta(days=self.days)

    def bars(self, points: Sequence[Point]) -> list[Point]:
        """Windows put together into bars, in order."""
        groups: dict[datetime, list[Point]] = {}
        for one in points:
            groups.setdefault(_floor(one.start, self.step), []).append(one)
        return [total(found, start) for start, found in groups.items()]


def end_of(day: date | None, now: datetime) -> datetime:
    """The end of a day on the server's own clock, no later than ``now``; ``now`` itself without a day."""
    if day is None:
        return now
    return min(now, datetime.combine(day + timedelta(days=1), time()).astimezone())


def total(points: Sequence[Point], start: datetime) -> Point:
    """Several windows as one that begins at ``start``; unknown when all of them are."""
    sums = {name: sum(getattr(one, name) for one in points) for name in SUMMED}
    return Point(start, **sums, unknown=bool(points) and all(one.unknown for one in points))


def _floor(moment: datetime, step: timedelta) -> datetime:
    return moment - (moment - EPOCH) % step
