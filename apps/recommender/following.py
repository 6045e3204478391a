"""Keeps something in memory in step with the database, whoever wrote to it: this process or another.

Reads only what is new. Knows neither what the memory does with it nor when to look.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, Protocol, TypeVar

from apps.recommender.records import Event, Item
from apps.recommender.store import Changes, Seen, Store, id_hash

ITEMS_AT_ONCE = 64  # texts are turned into vectors meanwhile: no call should wait for more than these
EVENTS_AT_ONCE = 2000
T = TypeVar("T")


class Memory(Protocol):
    """What can be kept in step; its methods may be called from any thread."""

    def upsert_items(self, items: Sequence[Item]) -> None: ...
    def observe(self, events: Sequence[Event]) -> Any: ...
    def forget_item(self, item: str) -> Any: ...
    def forget_user(self, user: str) -> Any: ...
    def item_ids(self) -> Iterable[str]: ...
    def user_ids(self) -> Iterable[str]: ...


class Follower:
    """One memory and how far it has read."""

    def __init__(self, store: Store, memory: Memory, seen: Seen = Seen()) -> None:
        self._store, self._memory, self.seen = store, memory, seen
        self._lock = threading.Lock()

    def read_all(self, shown: Iterable[Event] = (), newest: int | None = None) -> None:
        """Everything in the database, for a memory just made; what it has beyond the database it forgets.

        ``shown`` are impressions to tell it besides; of events only the ``newest`` so many, if that is given.
        """
        with self._lock:
            seen = self._store.seen()
            items = self._store.all_items()
            known = {one.id for one in items}
            for gone in [one for one in self._memory.item_ids() if one not in known]:
                self._memory.forget_item(gone)
            after = 0 if newest is None else max(0, seen.event - newest)
            self._take(items, chain(self._store.every_event(seen.event, after), shown))
            self.seen = seen

    def catch_up(self, wait_s: float = -1) -> bool:
        """What was committed since the last look; at the end the memory has it.

        False when somebody else is at it and not done within ``wait_s``: a large intake must not hold up small calls.
        """
        if not self._lock.acquire(timeout=wait_s):
            return False
        try:
            while (found := self._store.changes(self.seen)) is not None:
                self._forget(found)
                self._take(found.items, found.events)
                self.seen = found.seen
            return True
        finally:
            self._lock.release()

    def _take(self, items: Iterable[Item], events: Iterable[Event]) -> None:
        for some_items in _slices(items, ITEMS_AT_ONCE):
            self._memory.upsert_items(some_items)
        for some_events in _slices(events, EVENTS_AT_ONCE):
            self._memory.observe(some_events)

    def _forget(self, found: Changes) -> None:
        """Deleted ids are known by their hashes alone."""
        items = {hashed for kind, hashed in found.gone if kind == "item"}
        users = {hashed for kind, hashed in found.gone if kind == "user"}
        for item in [one for one in self._memory.item_ids() if id_hash(one) in items] if items else ():
            self._memory.forget_item(item)
        for user in [one for one in self._memory.user_ids() if id_hash(one) in users] if users else ():
            self._memory.forget_user(user)


def _slices(things: Iterable[T], size: int) -> Iterator[list[T]]:
    ahead = iter(things)
    while some := list(islice(ahead, size)):
        yield some
