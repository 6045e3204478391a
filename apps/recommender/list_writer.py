"""Writes served lists behind the answers, many in one transaction, so that no caller waits for the disk.

A crash loses at most the lists of the last moment; events, which callers are told are kept, never come this way.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence

from apps.recommender.served import ServedList
from core.errors import TrifoliumError

EVERY_S = 0.2
MOST_WAITING = 5000  # lists; more, when the database does not answer, and the oldest are dropped
log = logging.getLogger(__name__)


class ListWriter:
    """``put`` returns at once; ``flush`` when everything put before it is written."""

    def __init__(self, write: Callable[[Sequence[ServedList]], None]) -> None:
        self._write = write
        self._waiting: deque[ServedList] = deque(maxlen=MOST_WAITING)
        self._writing = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="served-lists", daemon=True)
        self._thread.start()

    def put(self, served: ServedList) -> None:
        """Keep this list soon."""
        self._waiting.append(served)

    def flush(self) -> None:
        """Write what waits. A database that does not answer leaves it waiting: the next time will do."""
        with self._writing:
            taken = [self._waiting.popleft() for _ in range(len(self._waiting))]
            try:
                self._write(taken)
            except TrifoliumError as error:
                log.warning("%d served lists could not be written yet: %s", len(taken), error)
                self._waiting.extendleft(reversed(taken))

    def forget(self, user: str) -> None:
        """Drop what waits of a person."""
        with self._writing:
            kept = [one for one in (self._waiting.popleft() for _ in range(len(self._waiting))) if one.user != user]
            self._waiting.extendleft(reversed(kept))

    def close(self) -> None:
        """Write the rest and end."""
        self._ended.set()
        self._thread.join()
        self.flush()

    def _run(self) -> None:
        while not self._ended.wait(EVERY_S):
            if self._waiting:
                self.flush()
