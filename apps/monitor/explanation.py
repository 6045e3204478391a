"""Which words moved a verdict: what becomes of it when each word is left out.

Words, never pieces of words: Latin ones as written, Chinese ones as a dictionary cuts them. Pure, given the model's
probabilities.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.characters import simplify
from core.tokens import chinese_words

MOST_WORDS = 80  # of a text that are tried; each costs one reading
_WORD = re.compile(r"[\u4e00-\u9fff]+|[^\W\u4e00-\u9fff]+(?:['’.,-][^\W\u4e00-\u9fff]+)*%?")


@dataclass(frozen=True, slots=True)
class WordWeight:
    """``text[start:end] == word``; ``weight`` above 0 speaks for the verdict, below 0 against it (log-odds)."""

    word: str
    start: int
    end: int
    weight: float


def words(text: str) -> list[tuple[int, int]]:
    """(start, end) of each word, figures included, punctuation not.

    >>> [ "Net profit fell 3.5%"[a:b] for a, b in words("Net profit fell 3.5%")]
    ['Net', 'profit', 'fell', '3.5%']
    """
    found: list[tuple[int, int]] = []
    for match in _WORD.finditer(text):
        if "\u4e00" <= match[0][0] <= "\u9fff":
            place = match.start()
            for word in chinese_words(simplify(match[0])):
                found.append((place, place + len(word)))
                place += len(word)
        else:
            found.append(match.span())
    return found


@dataclass(frozen=True, slots=True)
class Variant:
    """A text with ``cut`` characters left out at ``place``."""

    text: str
    place: int = 0
    cut: int = 0

    def moved(self, place: int) -> int:
        """Where the character that stood at ``place`` stands now."""
        return place - self.cut if place >= self.place + self.cut else place


def without(text: str, start: int, end: int) -> Variant:
    """The text without a word and the blanks behind it."""
    while text[end : end + 1] == " ":
        end += 1
    return Variant(text[:start] + text[end:], start, end - start)


def weights(
    text: str,
    predict: Callable[[Sequence[Variant]], npt.NDArray[np.float32]],
    label: int | None = None,
    spared: tuple[int, int] = (0, 0),
) -> list[WordWeight]:
    """Log-odds of ``label`` with each word less those without it, the strongest words first.

    ``predict`` gives (n, labels) probabilities; the label is the likeliest when None is given. Words that touch
    ``spared`` are never left out.
    """
    tried = [span for span in words(text) if span[1] <= spared[0] or spared[1] <= span[0]][:MOST_WORDS]
    if not tried:
        return []
    found = predict([Variant(text), *(without(text, *span) for span in tried)])
    odds = log_odds(found[:, int(found[0].argmax()) if label is None else label])
    moved = [
        WordWeight(text[start:end], start, end, float(odds[0] - value))
        for (start, end), value in zip(tried, odds[1:], strict=True)
    ]
    return sorted(moved, key=lambda one: -abs(one.weight))


def log_odds(probabilities: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """ln(p / (1 - p)), kept finite."""
    safe = np.clip(probabilities.astype(np.float64), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(safe / (1 - safe)))
