"""What each person did, as arrays: a sorted bulk and the few newest events beside it.

Impressions are no part of a history. Knows rows and codes only; times are seconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.recommender.identifiers import Rows

COMPACT_FROM = 20_000  # loose events before the bulk is built again; a person's list stays short until then


@dataclass(frozen=True)
class History:
    """One person's events, oldest first; four arrays of one length.

    Events of one second keep the order in which they arrived.
    """

    items: Rows
    kinds: npt.NDArray[np.uint8]  # places in EngineOptions.meanings
    times: npt.NDArray[np.float64]
    worths: npt.NDArray[np.float32]  # signed weight before it ages

    def __len__(self) -> int:
        return len(self.items)

    def newest(self, count: int) -> History:
        """The last ``count`` events."""
        return History(self.items[-count:], self.kinds[-count:], self.times[-count:], self.worths[-count:])

    def before(self, time: float) -> History:
        """Events earlier than ``time``: none at the same instant, which could be the very target."""
        return self.where(self.times < time)

    def where(self, keep: npt.NDArray[np.bool_]) -> History:
        """The events of a mask."""
        return History(self.items[keep], self.kinds[keep], self.times[keep], self.worths[keep])

    def joined(self, other: History) -> History:
        """Both, sorted by time; at equal times these come first."""
        parts = _columns(self, other)
        order = np.argsort(parts[2], kind="stable")
        return _ordered(parts, order)


def empty() -> History:
    """No events."""
    return History(np.zeros(0, np.int64), np.zeros(0, np.uint8), np.zeros(0), np.zeros(0, np.float32))


class Histories:
    """All people's events; ``of`` costs as much as the person's own events."""

    def __init__(self) -> None:
        self._bulk = empty()
        self._start = np.zeros(1, np.int64)  # (people + 1,)
        self._loose: dict[int, list[tuple[int, int, float, float]]] = {}
        self._count_loose = 0

    def __len__(self) -> int:
        return len(self._bulk) + self._count_loose

    def of(self, person: int) -> History:
        """The person's events, oldest first; none for an unknown row."""
        found = self._of_bulk(person)
        loose = self._loose.get(person)
        return found.joined(_history(loose)) if loose else found

    def add(self, people: Rows, events: History) -> None:
        """Append events, one person's row each, in order of arrival."""
        if len(events) >= COMPACT_FROM:
            self._compact(people, events)
            return
        rows = zip(
            events.items.tolist(), events.kinds.tolist(), events.times.tolist(), events.worths.tolist(), strict=True
        )
        for person, row in zip(people.tolist(), rows, strict=True):
            self._loose.setdefault(person, []).append(row)
        self._count_loose += len(events)
        if self._count_loose >= COMPACT_FROM:
            self._compact(np.zeros(0, np.int64), empty())

    def drop_person(self, person: int) -> None:
        """Forget a person's events for good."""
        self._drop(people=person)

    def drop_item(self, item: int) -> None:
        """Forget everybody's events with an item."""
        self._drop(item=item)

    def all(self) -> tuple[Rows, History]:
        """Everybody's events sorted by person, then time: (people, events)."""
        self._compact(np.zeros(0, np.int64), empty())
        people = np.repeat(np.arange(len(self._start) - 1), np.diff(self._start))
        return people, self._bulk

    def _of_bulk(self, person: int) -> History:
        if not 0 <= person < len(self._start) - 1:
            return empty()
        part = slice(int(self._start[person]), int(self._start[person + 1]))
        bulk = self._bulk
        return History(bulk.items[part], bulk.kinds[part], bulk.times[part], bulk.worths[part])

    def _compact(self, people: Rows, events: History) -> None:
        """Everything into the bulk: by person, then time, then arrival (a stable sort)."""
        old = np.repeat(np.arange(len(self._start) - 1), np.diff(self._start))
        between = np.array([person for person, rows in self._loose.items() for _ in rows], np.int64)
        loose = _history([row for rows in self._loose.values() for row in rows])
        everyone = np.concatenate([old, between, people])
        parts = _columns(self._bulk, loose, events)
        order = np.lexsort((parts[2], everyone))  # lexsort is stable
        self._bulk = _ordered(parts, order)
        counts = np.bincount(everyone) if len(everyone) else np.zeros(0, np.int64)
        self._start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        self._loose, self._count_loose = {}, 0

    def _drop(self, people: int = -1, item: int = -1) -> None:
        everyone, events = self.all()
        keep = (everyone != people) & (events.items != item)
        rest, everyone = events.where(keep), everyone[keep]
        self._bulk, self._start = empty(), np.zeros(1, np.int64)
        self._compact(everyone, rest)


def _history(rows: list[tuple[int, int, float, float]]) -> History:
    if not rows:
        return empty()
    items, kinds, times, worths = zip(*rows, strict=True)
    return History(
        np.array(items, np.int64), np.array(kinds, np.uint8), np.array(times, np.float64), np.array(worths, np.float32)
    )


def _columns(*histories: History) -> tuple[npt.NDArray[np.generic], ...]:
    """Items, kinds, times, worths of several histories, one after the other."""
    return tuple(
        np.concatenate([getattr(one, name) for one in histories]) for name in ("items", "kinds", "times", "worths")
    )


def _ordered(columns: tuple[npt.NDArray[np.generic], ...], order: npt.NDArray[np.int64]) -> History:
    items, kinds, times, worths = (column[order] for column in columns)
    return History(items, kinds, times, worths)  # type: ignore[arg-type]  # _columns keeps the kinds of numbers
