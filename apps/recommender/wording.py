"""Item texts as weighted words (TF-IDF, hashed): the exact terms that a text model blurs, model numbers above all.

Works in English and Chinese; a new text is weighed at once with the frequencies learnt at fitting time.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.recommender.identifiers import Rows
from core.text import lexical_tokens

SIZE = 1 << 18  # buckets of the hash; at 100,000 different words one in five shares its bucket, mostly with rare ones
Weights = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Words:
    """One text: buckets and their weights, a unit vector."""

    buckets: npt.NDArray[np.int32]
    weights: Weights


NO_WORDS = Words(np.zeros(0, np.int32), np.zeros(0, np.float32))


class Wording:
    """Words of all items by row; ``rarity`` (SIZE,) is the inverse document frequency."""

    def __init__(self, rarity: Weights | None = None) -> None:
        self.rarity = np.ones(SIZE, np.float32) if rarity is None else rarity
        self._rows: list[Words] = []

    @classmethod
    def fit(cls, texts: Sequence[str]) -> Wording:
        """Learn how rare each word is; the texts themselves are put by row afterwards."""
        seen = np.zeros(SIZE, np.float32)
        for text in texts:
            seen[list(_counted(text))] += 1
        return cls((np.log((1 + len(texts)) / (1 + seen)) + 1).astype(np.float32))

    def __len__(self) -> int:
        return len(self._rows)

    def put(self, row: int, text: str) -> None:
        """The text of a row, which is at most one beyond the last."""
        words = self.weigh(text)
        if row == len(self._rows):
            self._rows.append(words)
        else:
            self._rows[row] = words

    def drop(self, row: int) -> None:
        """Forget a row's text."""
        if row < len(self._rows):
            self._rows[row] = NO_WORDS

    def shrink(self, rows: int) -> None:
        """Forget all rows from ``rows`` on."""
        del self._rows[rows:]

    def weigh(self, text: str) -> Words:
        """A text that has no row."""
        return self._weighed(_counted(text))

    def of(self, row: int) -> Words:
        """The words of a row."""
        return self._rows[row]

    def profile(self, rows: Iterable[int], weights: Weights) -> Weights:
        """(SIZE,) weighted sum of the texts of these rows."""
        summed = np.zeros(SIZE, np.float32)
        for row, weight in zip(rows, weights.tolist(), strict=True):
            words = self._rows[row]
            summed[words.buckets] += weight * words.weights
        return summed

    def likeness(self, profile: Weights, rows: Rows) -> Weights:
        """(rows,) inner product of each row's words with a profile."""
        return likeness([self._rows[row] for row in rows.tolist()], profile)

    def _weighed(self, counts: Counter[int]) -> Words:
        if not counts:
            return NO_WORDS
        buckets = np.fromiter(counts, np.int32, len(counts))
        often = np.fromiter(counts.values(), np.float32, len(counts))
        weights = (1 + np.log(often)) * self.rarity[buckets]
        return Words(buckets, (weights / np.linalg.norm(weights)).astype(np.float32))


def likeness(texts: Sequence[Words], profile: Weights) -> Weights:
    """(texts,) inner products with a profile (SIZE,)."""
    lengths = np.fromiter((len(one.buckets) for one in texts), np.int64, len(texts))
    if not lengths.sum():
        return np.zeros(len(texts), np.float32)
    buckets = np.concatenate([one.buckets for one in texts])
    products = profile[buckets] * np.concatenate([one.weights for one in texts])
    return np.bincount(np.repeat(np.arange(len(texts)), lengths), products, len(texts)).astype(np.float32)


def _counted(text: str) -> Counter[int]:
    return Counter(zlib.crc32(token.encode()) % SIZE for token in lexical_tokens(text))
