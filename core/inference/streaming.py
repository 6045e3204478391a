"""Turns token ids into text piece by piece: no half characters, no part of a stop string. Knows only a tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

BROKEN = "\ufffd"
MOST_PENDING = 8  # a character has at most four bytes; more waiting tokens are really broken text


class TextStream:
    """Text of one answer as it grows; ``stopped`` once a stop string was met."""

    def __init__(self, tokenizer: Any, stop: Sequence[str] = ()) -> None:
        self.tokenizer = tokenizer
        self.stop = tuple(text for text in stop if text)
        self.ids: list[int] = []
        self.context = 0  # decoding starts here, for the first word of a decoded piece may lose its space
        self.read = 0
        self.held = ""
        self.stopped = False

    def push(self, token: int) -> str:
        """The text this token completes, perhaps empty."""
        self.ids.append(token)
        before = self._decode(self.ids[self.context : self.read])
        after = self._decode(self.ids[self.context :])
        if after.endswith(BROKEN) and len(self.ids) - self.read < MOST_PENDING:
            return ""
        self.context, self.read = self.read, len(self.ids)
        return self._release(after[len(before) :])

    def finish(self) -> str:
        """What was held back, when the answer has ended."""
        before = self._decode(self.ids[self.context : self.read])
        text = self._release(self._decode(self.ids[self.context :])[len(before) :])
        rest, self.held = self.held, ""
        return text if self.stopped else text + rest

    def _decode(self, ids: list[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _release(self, text: str) -> str:
        self.held += text
        found = [place for place in (self.held.find(stop) for stop in self.stop) if place >= 0]
        if found:
            self.stopped = True
            out, self.held = self.held[: min(found)], ""
            return out
        keep = max((_overlap(self.held, stop) for stop in self.stop), default=0)
        cut = len(self.held) - keep
        out, self.held = self.held[:cut], self.held[cut:]
        return out


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of ``text`` that begins ``stop``.

    >>> _overlap("answer.\\nUs", "\\nUser:")
    3
    """
    for length in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0
