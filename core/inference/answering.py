"""One request for an answer, seen from both sides: the reader's iterator and the scheduler's bookkeeping."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.errors import ModelError
from core.events import Token
from core.inference.drafting import PromptLookup
from core.inference.messages import Finish, GenerationOptions
from core.inference.streaming import TextStream

Item = Token | Finish | BaseException


@dataclass(eq=False)
class Request:
    """State of one answer. ``ids`` is prompt and answer; the row has keys and values of the first ``length``."""

    ids: list[int]
    options: GenerationOptions
    text: TextStream
    cancel: threading.Event
    random: Any
    lookup: PromptLookup | None
    prompt_tokens: int
    barred: tuple[int, ...] = ()  # tokens the answer must not begin with
    submitted: float = field(default_factory=time.monotonic)
    abandoned: threading.Event = field(default_factory=threading.Event)
    items: queue.SimpleQueue[Item] = field(default_factory=queue.SimpleQueue)
    row: int = -1
    length: int = 0
    first_token_s: float | None = None
    done: bool = False

    @property
    def new_tokens(self) -> int:
        """Tokens made so far."""
        return len(self.ids) - self.prompt_tokens

    @property
    def prefilling(self) -> bool:
        """Whether part of the prompt is still to be read."""
        return self.length < self.prompt_tokens

    def interrupted(self) -> str | None:
        """``cancelled`` or ``deadline`` when the work should not go on."""
        if self.cancel.is_set() or self.abandoned.is_set():
            return "cancelled"
        deadline = self.options.deadline_s
        return "deadline" if deadline is not None and time.monotonic() - self.submitted > deadline else None

    def accept(self, token: int, stop_ids: frozenset[int]) -> bool:
        """Take the next token; False when it ends the answer (the reader then has its ``Finish``)."""
        if token in stop_ids:
            self.finish("stop")
            return False
        self.ids.append(token)
        if self.lookup is not None:
            self.lookup.append(token)
        if self.first_token_s is None:
            self.first_token_s = time.monotonic() - self.submitted
        self._say(self.text.push(token))
        if self.text.stopped:
            self.finish("stop")
        elif self.new_tokens >= self.options.max_new_tokens:
            self.finish("length")
        return not self.done

    def finish(self, reason: str) -> None:
        """Hand the reader what was held back, and the end."""
        self._say(self.text.finish())
        self.done = True
        seconds = time.monotonic() - self.submitted
        self.items.put(Finish(reason, self.prompt_tokens, self.new_tokens, self.first_token_s, seconds))

    def fail(self, error: BaseException) -> None:
        """Hand the reader an exception instead of an end."""
        self.done = True
        self.items.put(error)

    def _say(self, text: str) -> None:
        if text:
            self.items.put(Token(text))


class TokenStream(Iterator[Token | Finish]):
    """What the reader holds; dropping or closing it stops the work."""

    def __init__(self, request: Request, worker: threading.Thread) -> None:
        self.request = request
        self.worker = worker
        self.ended = False

    def __next__(self) -> Token | Finish:
        if self.ended:
            raise StopIteration
        item = self._wait()
        self.ended = not isinstance(item, Token)
        if isinstance(item, BaseException):
            raise item
        return item

    def close(self) -> None:
        """Stop the work; nothing more comes."""
        self.ended = True
        self.request.abandoned.set()

    def __del__(self) -> None:
        self.request.abandoned.set()

    def _wait(self) -> Item:
        while True:
            try:
                return self.request.items.get(timeout=1.0)
            except queue.Empty:
                if not self.worker.is_alive() and self.request.items.empty():
                    raise ModelError("The generator stopped before the answer was complete.") from None


def pending_tokens(request: Request) -> Sequence[int]:
    """The part of the prompt that has no keys and values yet."""
    return request.ids[request.length : request.prompt_tokens]
