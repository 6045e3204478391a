"""The words of generation: messages, options, what comes out, and the protocol both kinds of generator keep.

Knows no model and imports no torch, so that a door or a remote client can use it at once.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from core.errors import DataError
from core.events import Token

ROLES = ("system", "user", "assistant")


@dataclass(frozen=True)
class Message:
    """One turn of a conversation; ``role`` is system, user or assistant."""

    role: str
    content: str

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise DataError(f"A message's role must be one of {', '.join(ROLES)}, got '{self.role}'.")


@dataclass(frozen=True)
class GenerationOptions:
    """How an answer is made. ``temperature`` 0 is greedy and repeatable; ``stop`` strings never appear in the answer.

    ``deadline_s`` counts from the call, waiting included. ``lookup`` guesses words from the prompt when greedy: the
    same answer, sooner where it quotes. ``never_begin`` are texts whose first token the answer does not begin with; a
    remote server is not asked for that. Raises ``DataError`` for values out of range.
    """

    max_new_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    deadline_s: float | None = None
    lookup: bool = True
    never_begin: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise DataError(f"max_new_tokens must be at least 1, got {self.max_new_tokens}.")
        if not 0 <= self.temperature <= 10:
            raise DataError(f"temperature must be from 0 to 10, got {self.temperature}.")
        if not 0 < self.top_p <= 1:
            raise DataError(f"top_p must be above 0 and at most 1, got {self.top_p}.")
        if self.deadline_s is not None and not self.deadline_s > 0:
            raise DataError(f"deadline_s must be above 0, got {self.deadline_s}.")


GREEDY = GenerationOptions()


@dataclass(frozen=True)
class Finish:
    """Why and when an answer ended; ``first_token_s`` is None when nothing was said.

    ``reason`` is stop, length, cancelled, deadline or error; failures that a caller must not overlook are raised.
    """

    reason: str
    prompt_tokens: int
    new_tokens: int
    first_token_s: float | None
    seconds: float


@dataclass(frozen=True)
class Completion:
    """A whole answer."""

    text: str
    finish: Finish


class Generator(Protocol):
    """What an app knows of a language model, here or on a server."""

    name: str

    def stream(
        self,
        messages: Sequence[Message],
        options: GenerationOptions = GREEDY,
        cancel: threading.Event | None = None,
    ) -> Iterator[Token | Finish]:
        """Tokens as they come, then one ``Finish``. Raises ``BusyError`` at once when too many are waiting."""
        ...

    def complete(self, messages: Sequence[Message], options: GenerationOptions = GREEDY) -> Completion:
        """The whole answer at once."""
        ...

    def choose(self, messages: Sequence[Message], choices: Sequence[str]) -> np.ndarray:  # (choices,)
        """How probable each continuation is against the others; sums to 1."""
        ...

    def close(self) -> None:
        """Stop the work and free the memory; running streams end as cancelled."""
        ...


def collect(stream: Iterator[Token | Finish]) -> Completion:
    """Read a stream to its end."""
    parts: list[str] = []
    for item in stream:
        if isinstance(item, Finish):
            return Completion("".join(parts), item)
        parts.append(item.text)
    raise DataError("A stream of tokens ended without its Finish.")


def as_dicts(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages as the mappings that chat templates and HTTP bodies want; ``DataError`` when there are none."""
    if not messages:
        raise DataError("At least one message is needed.")
    return [{"role": message.role, "content": message.content} for message in messages]
