"""A chat turn over HTTP: the service's blocking iterator as an asynchronous one that ends when the caller leaves.

One thread per turn reads the service; the event loop only hands on. Knows nothing of JSON.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from apps.chatbot.reply import Decided, Finished, ReplyEvent
from core.events import Token

END = object()
Work = Callable[[threading.Event], Iterator[ReplyEvent]]


async def events(work: Work, cancel: threading.Event) -> AsyncIterator[ReplyEvent]:
    """What ``work(cancel)`` yields, as it comes; its error is raised here.

    Left early (the caller closed the connection), ``cancel`` is set, and the thread reads the service to its end, so
    that what was said until then is stored.
    """
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[Any]()

    def hand_over(item: object) -> None:
        with suppress(RuntimeError):  # the loop has closed: nobody listens
            loop.call_soon_threadsafe(queue.put_nowait, item)

    def read() -> None:
        try:
            for event in work(cancel):
                hand_over(event)
            hand_over(END)
        except BaseException as error:  # noqa: BLE001  # raised again where the caller is
            hand_over(error)

    threading.Thread(target=read, name="http-turn", daemon=True).start()
    try:
        while (item := await queue.get()) is not END:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        cancel.set()


@asynccontextmanager
async def watching(
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]], cancel: threading.Event
) -> AsyncIterator[None]:
    """Inside, ``cancel`` is set as soon as the caller closes the connection."""

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        cancel.set()

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class Turn:
    """What a turn has shown so far; reads events, counts them for the metrics."""

    def __init__(self, metrics: Any) -> None:
        self.metrics = metrics
        self.began = time.perf_counter()
        self.text = ""
        self.decided: Decided | None = None
        self.finished: Finished | None = None

    def note(self, event: ReplyEvent) -> None:
        """Take in one event."""
        if isinstance(event, Token):
            if not self.text:
                self.metrics.first_token.labels("chatbot").observe(time.perf_counter() - self.began)
            self.text += event.text
        elif isinstance(event, Decided):
            self.decided = event
        elif isinstance(event, Finished):
            self.finished = event
            decision = event.message.decision
            if decision is not None:
                self.metrics.outcomes.labels("chatbot", decision.outcome.value, decision.reason.value).inc()

    @property
    def rest(self) -> str:
        """What the stored message says beyond the tokens shown; empty when it does not go on from them."""
        whole = self.finished.message.text if self.finished else self.text
        return whole[len(self.text) :] if whole.startswith(self.text) else ""
