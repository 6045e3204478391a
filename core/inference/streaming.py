"""Turns token ids into text piece by piece: no half characters, no part of a stop string. Knows only a tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

BROKEN = "\ufffd"
MOST_PENDING = 8  # a character has at most four bytes; more waiting tokens are really broken text


class StopFilter:
    """Passes text on without any stop string, holding back only what may be the beginning of one."""

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self.stop = tuple(text for text in stop if text)
        self.held = ""
        self.stopped = False

    def push(self, text: str) -> str:
        """What can be shown now; nothing more comes once ``stopped``."""
        if self.stopped:
            return ""
        self.held += text
        found = [place for place in (self.held.find(stop) for stop in self.stop) if place >= 0]
        self.stopped = bool(found)
        cut = min(found) if found else len(self.held) - max((overlap(self.held, stop) for stop in self.stop), default=0)
        out, self.held = self.held[:cut], "" if found else self.held[cut:]
        return out

    def finish(self) -> str:
        """What was held in doubt, when no more text comes."""
        rest, self.held = self.held, ""
        return rest


class TextStream:
    """Text of one answer as its tokens come; ``stopped`` once a stop string was met."""

    def __init__(self, tokenizer: Any, stop: Sequence[str] = ()) -> None:
        self.tokenizer = tokenizer
        self.filter = StopFilter(stop)
        self.ids: list[int] = []
        self.context = 0  # decoding starts here, for the first word of a decoded piece may lose its space
        self.read = 0

    @property
    def stopped(self) -> bool:
        """Whether a stop string was met."""
        return self.filter.stopped

    def push(self, token: int) -> str:
        """The text this token completes, perhaps empty."""
        self.ids.append(token)
        text = self._new_text()
        if text.endswith(BROKEN) and len(self.ids) - self.read < MOST_PENDING:
            return ""
        self.context, self.read = self.read, len(self.ids)
        return self.filter.push(text)

    def finish(self) -> str:
        """What was held back, when the answer has ended."""
        return self.filter.push(self._new_text()) + self.filter.finish()

    def _new_text(self) -> str:
        before = self._decode(self.ids[self.context : self.read])
        return self._decode(self.ids[self.context :])[len(before) :]

    def _decode(self, ids: list[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))


def overlap(text: str, stop: str) -> int:
    """Length of the longest end of ``text`` that begins ``stop``.

    >>> overlap("answer.\\nUs", "\\nUser:")
    3
    """
    for length in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0
