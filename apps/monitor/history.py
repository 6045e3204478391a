"""The order in which dated items are played: steps of stream time with what was received in each. Pure.

Replay and backtest share it, so that both look at the same moments and come to the same alerts.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from apps.monitor.records import EPOCH

T = TypeVar("T")
STEP = timedelta(minutes=5)
LOOK = timedelta(minutes=15)  # between looks at all open alerts; those an item touches are looked at with it
REST = timedelta(hours=1)  # between looks while nothing comes


@dataclass(frozen=True)
class Step(Generic[T]):
    """A moment, what was received since the one before, and whether every open alert is looked at then."""

    now: datetime
    batch: list[T]
    look: bool


def steps(items: Iterable[T], received: Callable[[T], datetime]) -> Iterator[Step[T]]:
    """Moments in order, each with the items received since the one before; ``items`` must be in order of receipt.

    A moment is the end of a step. Where nothing comes there is an empty one every hour, so that what time alone
    changes (recovery, silence) is seen; where much comes everything is looked at every quarter of an hour.
    """
    looked = datetime.min.replace(tzinfo=UTC)
    for now, batch in _moments(items, received):
        due = not batch or now - looked >= LOOK
        looked = now if due else looked
        yield Step(now, batch, due)


def _moments(items: Iterable[T], received: Callable[[T], datetime]) -> Iterator[tuple[datetime, list[T]]]:
    batch: list[T] = []
    now: datetime | None = None
    for item in items:
        end = _end(received(item))
        if now is None:
            now = end
        if end > now:
            yield now, batch
            yield from ((moment, []) for moment in _idle(now, end))
            now, batch = end, []
        batch.append(item)
    if now is not None:
        yield now, batch


def _end(moment: datetime) -> datetime:
    return moment - (moment - EPOCH) % STEP + STEP


def _idle(since: datetime, until: datetime) -> Iterator[datetime]:
    since += REST
    while since < until:
        yield since
        since += REST
