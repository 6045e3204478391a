"""A chat turn over HTTP: the service's blocking iterator as an asynchronous one that ends when the caller leaves.

One thread per turn reads the service; the event loop only hands on. Knows nothing of JSON.
"""

import asyncio
import json
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, MutableMapping, Sequence
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from typing import Any

from apps.chatbot.reply import Decided, Finished, ReplyEvent
from core.events import Token

END = object()
Work = Callable[[threading.Event], Iterator[ReplyEvent]]


async def events(work: Work, cancel: threading.Event) -> AsyncGenerator[ReplyEvent, None]:
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


class Known:
    """Finds the conversation again when a caller without its id sends the whole history.

    Each history leads to one conversation once: what is found holds exactly the words that were sent, and nobody else
    gets into it afterwards. So a hand-over stays in force for such callers too.
    """

    def __init__(self, most: int = 4096) -> None:
        self._ids: OrderedDict[str, str] = OrderedDict()
        self._most, self._lock = most, threading.Lock()

    def put(self, history: Sequence[tuple[str, str]], conversation_id: str) -> None:
        """Remember that a conversation now consists of these (role, text) turns."""
        with self._lock:
            self._ids[self._key(history)] = conversation_id
            while len(self._ids) > self._most:
                self._ids.popitem(last=False)

    def take(self, history: Sequence[tuple[str, str]]) -> str | None:
        """The conversation of exactly these turns, given away once; None when there is none or no turn."""
        with self._lock:
            return self._ids.pop(self._key(history), None) if history else None

    def _key(self, history: Sequence[tuple[str, str]]) -> str:
        return sha256(json.dumps([list(turn) for turn in history]).encode()).hexdigest()


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
