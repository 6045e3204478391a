"""What pages show of the counts: a series with its unknown stretches, the heat map, what moved. Pure given counts."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from apps.monitor.judging import silent_stretches
from apps.monitor.records import HeatCell, Mover, Point, SeriesKey, Span
from apps.monitor.trends import Counts, filled

LEAST_MOVING = 3  # stories in both stretches together; fewer do not move, they happen


def series(counts: Counts, key: SeriesKey, span: Span, since: datetime, until: datetime) -> list[Point]:
    """All windows in order, empty ones too; those in which nothing at all was heard are unknown."""
    points = filled(counts.points(key, span, span.floor(since), until), span, since, until)
    quiet = silent_stretches(counts, since, until)
    return [_marked(point, span, quiet) for point in points]


def _marked(point: Point, span: Span, quiet: Sequence[tuple[datetime, datetime]]) -> Point:
    unheard = any(gap <= point.start and point.start + span.length <= back for gap, back in quiet)
    return replace(point, unknown=True) if unheard and not point.items else point


def heat(sums: Iterable[tuple[SeriesKey, Point]]) -> list[HeatCell]:
    """Companies × topics, the companies with most stories first; topic "" is the company as a whole."""
    cells = [HeatCell(key.company, key.topic, point) for key, point in sums if key.company and point.items]
    whole = {cell.company: cell.point.stories for cell in cells if not cell.topic}
    return sorted(cells, key=lambda cell: (-whole.get(cell.company, 0), cell.company, cell.topic))


def movers(
    now: Iterable[tuple[SeriesKey, Point]], before: Iterable[tuple[SeriesKey, Point]], limit: int
) -> list[Mover]:
    """Companies and topics whose mood changed most between two stretches, the largest change first.

    Which of all they are is weighed by how many stories say so: one story that turned moves nothing.
    """
    then = dict(before)
    moved = [_mover(key, point, then.get(key, Point(point.start))) for key, point in now if _is_single(key)]
    strong = [one for one in moved if one.now.judged + one.before.judged >= LEAST_MOVING and one.polarity_change]
    chosen = sorted(strong, key=lambda one: -_weight(one))[:limit]
    return sorted(chosen, key=lambda one: -abs(one.polarity_change))


def _mover(key: SeriesKey, now: Point, before: Point) -> Mover:
    mood = (now.polarity or 0.0) - (before.polarity or 0.0)
    return Mover(key, now, before, mood, (now.negative_share or 0.0) - (before.negative_share or 0.0))


def _weight(mover: Mover) -> float:
    return abs(mover.polarity_change) * math.sqrt(mover.now.judged + 1)


def _is_single(key: SeriesKey) -> bool:
    return bool(key.company) != bool(key.topic) and not key.source
