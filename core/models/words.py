"""Words out of a tokenizer's pieces: training and reading must agree on where a word begins.

Knows characters and offsets only. A word is what stands between gaps; Chinese characters and signs stand alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """``text[start:end]``; ``row`` is the place of its first token, which carries its label."""

    start: int
    end: int
    row: int


def words_of(text: str, offsets: Sequence[tuple[int, int]]) -> list[Word]:
    """The words that the tokens with these (start, end) characters make; special and blank tokens belong to none."""
    words: list[Word] = []
    for row, (begin, end) in enumerate(offsets):
        start = begin + len(text[begin:end]) - len(text[begin:end].lstrip())  # some count the space before to it
        if end <= start:  # a special token, or nothing but space
            continue
        if words and _goes_on(text, words[-1].end, start):
            words[-1] = Word(words[-1].start, max(end, words[-1].end), words[-1].row)
        else:
            words.append(Word(start, end, row))
    return words


def _goes_on(text: str, before: int, start: int) -> bool:
    """Whether a token carries on the word before it: no gap between two Latin letters or digits, or the same letter."""
    if start < before:
        return True  # bytes of one character
    return start == before and 0 < start < len(text) and _latin(text[start - 1]) and _latin(text[start])


def _latin(character: str) -> bool:
    return character.isalnum() and ord(character) < 0x2E80  # from there on, one character is one word
