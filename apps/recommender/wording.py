"""Item texts as weighted words (TF-IDF, hashed): the exact terms that a text model blurs, model numbers above all.

Works in English and Chinese; a new text is weighed at once with the frequencies learnt at fitting time.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from apps.recommender.identifiers import Rows
from core.text import lexical_tokens

SIZE = 1 << 18  # buckets of the hash; at 100,000 different words one in five shares its bucket, mostly with rare ones
Weights = npt.NDArray[np.float32]
Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True)
class Words:
    """The words of some rows one after the other: buckets and weights, and for each the number of its row."""

    buckets: npt.NDArray[np.int32]
    weights: Weights
    owner: Rows
    rows: int

    def likeness(self, profile: Weights) -> Weights:
        """(rows,) inner product of each row's words with a profile."""
        return np.bincount(self.owner, profile[self.buckets] * self.weights, self.rows).astype(np.float32)

    def near(self, met: Words) -> Weights:
        """(rows, met.rows) inner product of the words of each pair of rows."""
        known, column = np.unique(met.buckets, return_inverse=True)
        table = np.zeros((len(known), met.rows), np.float32)  # (words met, met.rows)
        table[column, met.owner] = met.weights
        place = np.full(SIZE, -1, np.int32)
        place[known] = np.arange(len(known))
        found = place[self.buckets]
        shared = found >= 0  # few of all words, and only these are multiplied
        owner = self.owner[shared]
        products = table[found[shared]] * self.weights[shared, None]
        first = np.flatnonzero(np.diff(owner, prepend=-1))
        likeness = np.zeros((self.rows, met.rows), np.float32)
        if len(first):
            likeness[owner[first]] = np.add.reduceat(products, first, axis=0)
        return likeness


class Wording:
    """Words of all items by row in flat arrays; ``rarity`` (SIZE,) is the inverse document frequency."""

    def __init__(self, rarity: Weights | None = None) -> None:
        self.rarity = np.ones(SIZE, np.float32) if rarity is None else rarity
        self._start, self._length = np.zeros(64, np.int64), np.zeros(64, np.int64)
        self._buckets, self._weights = np.zeros(1024, np.int32), np.zeros(1024, np.float32)
        self._rows = self._used = 0

    @classmethod
    def fit(cls, texts: Sequence[str]) -> Wording:
        """Learn how rare each word is; the texts themselves are put by row afterwards."""
        seen = np.zeros(SIZE, np.float32)
        for text in texts:
            seen[list(_counted(text))] += 1
        return cls((np.log((1 + len(texts)) / (1 + seen)) + 1).astype(np.float32))

    def __len__(self) -> int:
        return self._rows

    def put(self, row: int, text: str) -> None:
        """The text of a row, which is at most one beyond the last; what a replaced text took stays unused."""
        buckets, weights = self._weighed(_counted(text))
        self._room(row + 1, self._used + len(buckets))
        part = slice(self._used, self._used + len(buckets))
        self._buckets[part], self._weights[part] = buckets, weights
        self._start[row], self._length[row] = self._used, len(buckets)
        self._used += len(buckets)
        self._rows = max(self._rows, row + 1)

    def drop(self, row: int) -> None:
        """Forget a row's text."""
        if row < self._rows:
            part = slice(self._start[row], self._start[row] + self._length[row])
            self._buckets[part], self._weights[part], self._length[row] = 0, 0.0, 0

    def shrink(self, rows: int) -> None:
        """Forget all rows from ``rows`` on, which are those put last."""
        if rows < self._rows:
            self._used, self._rows = int(self._start[rows]), rows

    def profile(self, rows: Rows, weights: Weights) -> Weights:
        """(SIZE,) weighted sum of the texts of these rows."""
        words = self.words(rows)
        found = np.zeros(SIZE, np.float32)
        np.add.at(found, words.buckets, words.weights * weights[words.owner])
        return found

    def likeness(self, profile: Weights, rows: Rows) -> Weights:
        """(rows,) inner product of each row's words with a profile."""
        return self.words(rows).likeness(profile)

    def words(self, rows: Rows) -> Words:
        """The words of these rows, read once for several profiles; holds until a text changes."""
        lengths = self._length[rows]
        owner = np.repeat(np.arange(len(rows)), lengths)
        first = np.cumsum(lengths) - lengths
        places = np.arange(len(owner)) + (self._start[rows] - first)[owner]
        return Words(self._buckets[places], self._weights[places], owner, len(rows))

    def _weighed(self, counts: Counter[int]) -> tuple[npt.NDArray[np.int32], Weights]:
        """Buckets and weights of a text, a unit vector; nothing for a text without words."""
        buckets = np.fromiter(counts, np.int32, len(counts))
        often = np.fromiter(counts.values(), np.float32, len(counts))
        weights = (1 + np.log(often)) * self.rarity[buckets]
        return buckets, (weights / max(float(np.linalg.norm(weights)), 1e-9)).astype(np.float32)

    def _room(self, rows: int, words: int) -> None:
        if rows > len(self._start):
            self._start, self._length = (_longer(one, 2 * rows) for one in (self._start, self._length))
        if words > len(self._buckets):
            self._buckets = _longer(self._buckets, 2 * words)
            self._weights = _longer(self._weights, 2 * words)


def _longer(array: npt.NDArray[Number], size: int) -> npt.NDArray[Number]:
    fresh = np.zeros(size, array.dtype)
    fresh[: len(array)] = array
    return fresh


def _counted(text: str) -> Counter[int]:
    return Counter(zlib.crc32(token.encode()) % SIZE for token in lexical_tokens(text))
