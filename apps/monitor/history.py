"""The order in which dated items are played: steps of stream time with what was received in each. Pure.

Replay and backtest share it, so that both look at the same moments and come to the same alerts.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import TypeVar

from apps.monitor.records import EPOCH

T = TypeVar("T")
STEP = timedelta(minutes=5)
REST = timedelta(hours=1)  # between looks while nothing comes


def steps(
    items: Iterable[T], received: Callable[[T], datetime], step: timedelta = STEP
) -> Iterator[tuple[datetime, list[T]]]:
    """Moments in order, each with the items received since the one before; ``items`` must be in order of receipt.

    A moment is the end of a step. Where nothing comes there is an empty one every hour, so that what time alone
    changes (recovery, silence) is seen.
    """
    batch: list[T] = []
    now: datetime | None = None
    for item in items:
        end = _end(received(item), step)
        if now is None:
            now = end
        if end > now:
            yield now, batch
            yield from ((moment, []) for moment in _idle(now, end))
            now, batch = end, []
        batch.append(item)
    if now is not None:
        yield now, batch


def _end(moment: datetime, step: timedelta) -> datetime:
    return moment - (moment - EPOCH) % step + step


def _idle(since: datetime, until: datetime) -> Iterator[datetime]:
    since += REST
    while since < until:
        yield since
        since += REST
