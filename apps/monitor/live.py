"""The live loop: sources polled, rules looked at, messages delivered, old counts forgotten, by one process at a time.

Several processes may run it; a lease in the database lets one work and the next take over when it dies.
"""

import logging
import threading
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import uuid4

from apps.monitor.store import Store
from core.errors import TrifoliumError

LEASE = timedelta(seconds=30)
PAUSE_S = 2.0  # between rounds; with the group wait a message leaves well within a minute
LOOK_EVERY = timedelta(seconds=15)
PRUNE_EVERY = timedelta(hours=1)
log = logging.getLogger(__name__)


class Works(Protocol):
    """What the loop asks of the service."""

    def poll(self, name: str = "", now: datetime | None = None) -> Any: ...
    def tick(self, now: datetime | None = None, quiet: bool = False) -> Any: ...
    def deliver_pending(self, now: datetime | None = None) -> Any: ...
    def prune(self, now: datetime | None = None) -> Any: ...


class Loop:
    """One process' part in the loop."""

    def __init__(self, service: Works, store: Store) -> None:
        self._service, self._store, self._name = service, store, uuid4().hex
        self._looked = self._pruned = datetime.min.replace(tzinfo=UTC)

    def run(self, stop: threading.Event, pause_s: float = PAUSE_S) -> None:
        """Rounds until told to stop; a round that fails is logged and the next one tries again."""
        while not stop.is_set():
            try:
                self.round(datetime.now(UTC))
            except TrifoliumError as error:
                log.warning("The monitor's round failed: %s", error)
            stop.wait(pause_s)
        self._leave()

    def round(self, now: datetime) -> bool:
        """One round, if it is our turn; whether it was. Messages are delivered by every process."""
        leads = self._lead(now)
        if leads:
            self._service.poll(now=now)
            if now - self._looked >= LOOK_EVERY:
                self._service.tick()
                self._looked = now
            if now - self._pruned >= PRUNE_EVERY:
                self._service.prune()
                self._pruned = now
        self._service.deliver_pending()
        return leads

    def _lead(self, now: datetime) -> bool:
        with self._store.writing() as work:
            return work.sources.lease(FACT, self._name, now, LEASE)

    def _leave(self) -> None:
        with self._store.writing() as work:
            work.sources.give_up(FACT, self._name)


FACT = "live_loop"
