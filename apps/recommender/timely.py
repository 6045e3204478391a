"""Calls of the model under a deadline: what is late or broken gives way, so that somebody else can answer.

Callers wait in a thread of their own or, from an event loop, in none: each change of threads costs a small call a
tenth of its time.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from core.errors import TrifoliumError

WORKERS = 8  # calls at the same time; the model computes one by one, the others wait for their deadline
LATE = "The model did not answer in time; the fall-back does."
BROKEN = "The model failed; the fall-back answers."
log = logging.getLogger(__name__)
T = TypeVar("T")


class Timely:
    """None stands for a call that was late or broken; what the caller did wrong is raised."""

    def __init__(self, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self._workers = ThreadPoolExecutor(WORKERS, "recommender")

    def wait(self, call: Callable[[], T]) -> T | None:
        """The answer, waited for in this thread."""
        with _giving_way():
            return self._workers.submit(call).result(self._deadline_s)
        return None

    async def soon(self, call: Callable[[], T]) -> T | None:
        """The answer, waited for by an event loop."""
        with _giving_way():
            return await asyncio.wait_for(asyncio.wrap_future(self._workers.submit(call)), self._deadline_s)
        return None

    def close(self) -> None:
        """Begin nothing more."""
        self._workers.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _giving_way() -> Iterator[None]:
    """What is late or broken is logged and ends here."""
    try:
        yield
    except TimeoutError:
        log.warning(LATE)
    except TrifoliumError:
        raise
    except Exception:
        log.exception(BROKEN)
