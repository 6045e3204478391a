"""Implicit alternating least squares: items as short vectors, for catalogues too large for an item-item inverse.

A person is solved for at the moment of asking, out of what she met, so nobody is stored and nobody is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse

from apps.recommender.identifiers import Rows

Matrix = npt.NDArray[np.float32]
CONFIDENCE = 5.0  # how much surer a met item is than one not met; 5 was best on ml_100k's last-but-one ratings
PENALTY = 10.0
ROUNDS = 12
BLOCK = 4_096  # items looked at between two thoughts of stopping
AT_ONCE = 4_000  # people or items solved for in one batch


@dataclass(frozen=True)
class Factors:
    """(items, dim) vectors of the items, and what solving for a person needs."""

    items: Matrix
    gram: npt.NDArray[np.float64]  # (dim, dim) items' inner products plus the penalty

    def __len__(self) -> int:
        return len(self.items)

    def scores(self, met: Rows, weights: npt.NDArray[np.float32], size: int) -> Matrix:
        """(size,) liking of every item by somebody who met these; items newer than the factors get 0."""
        return self.liking(self.person(met, weights), size)

    def liking(self, person: Matrix, size: int) -> Matrix:
        """(size,) liking of every item by somebody with this vector; items newer than the factors get 0."""
        found = self.items @ person
        return found if size == len(found) else np.pad(found, (0, size - len(found)))

    def some(self, met: Rows, weights: npt.NDArray[np.float32], rows: Rows) -> tuple[Matrix, float, float]:
        """(rows,) liking of some items, and mean and spread over all of them, without looking at all of them."""
        return self.liking_of(self.person(met, weights), rows)

    def liking_of(self, person: Matrix, rows: Rows) -> tuple[Matrix, float, float]:
        """``some`` for somebody with this vector."""
        found = np.zeros(len(rows), np.float32)
        there = rows < len(self)
        found[there] = self.items[rows[there]] @ person
        mean, spread = self._moments
        return found, float(mean @ person), float(np.sqrt(max(0.0, float(person @ spread @ person))))

    def best(self, person: Matrix, count: int, allowed: npt.NDArray[np.bool_]) -> Rows:
        """The ``count`` allowed rows that somebody with this vector likes best and at all, best first.

        Exact, though it reads the longest vectors first and stops where no shorter one can be among the best.
        """
        order, vectors, lengths = self._by_length
        reach = float(np.linalg.norm(person))
        rows, values = np.zeros(0, np.int64), np.zeros(0, np.float32)
        for start in range(0, len(order), BLOCK):
            least = float(values[-1]) if len(values) == count else 0.0
            if reach * lengths[start] <= least:
                break
            liking = vectors[start : start + BLOCK] @ person
            above = np.flatnonzero(liking > least)
            new = order[start : start + BLOCK][above]
            kept = allowed[new]
            rows, values = np.concatenate([rows, new[kept]]), np.concatenate([values, liking[above][kept]])
            first = np.argsort(-values, kind="stable")[:count]
            rows, values = rows[first], values[first]
        return rows

    def prepare(self) -> None:
        """Work out now what the first call would have to wait for."""
        if len(self):
            _ = self._by_length, self._moments

    @cached_property
    def _by_length(self) -> tuple[Rows, Matrix, Matrix]:
        """Rows with the longest vectors first, those vectors, and their lengths."""
        lengths = np.linalg.norm(self.items, axis=1)
        order = np.argsort(-lengths, kind="stable")
        return order, self.items[order], lengths[order]

    @cached_property
    def _moments(self) -> tuple[Matrix, Matrix]:
        """(dim,) mean and (dim, dim) covariance of the items' vectors."""
        return self.items.mean(0), np.cov(self.items.T, bias=True).reshape(self.items.shape[1], -1).astype(np.float32)

    def person(self, met: Rows, weights: npt.NDArray[np.float32]) -> Matrix:
        """(dim,) vector of somebody who met these items with these weights (1 is an ordinary meeting).

        Items newer than the factors say nothing; zeros for somebody who met no other.
        """
        old = met < len(self)
        if not old.any():
            return np.zeros(self.items.shape[1], np.float32)
        vectors = self.items[met[old]].astype(np.float64)
        surer = CONFIDENCE * weights[old].clip(min=0)
        left = self.gram + (vectors * surer[:, None]).T @ vectors
        return np.linalg.solve(left, ((1 + surer)[:, None] * vectors).sum(0)).astype(np.float32)


def no_factors() -> Factors:
    """Factors that know nothing."""
    return Factors(np.zeros((0, 1), np.float32), np.eye(1))


def alternating(people: Rows, items: Rows, size: int, dim: int, seed: int, rounds: int = ROUNDS) -> Factors:
    """Fit by alternating least squares on met or not met (Hu, Koren & Volinsky 2008)."""
    met = sparse.csr_matrix((np.ones(len(items), np.float32), (people, items)), (int(people.max(initial=0)) + 1, size))
    met.data[:] = 1.0
    other = met.T.tocsr()
    random = np.random.default_rng(seed)
    item_side = random.normal(0, 0.1, (size, dim))
    for _ in range(rounds):
        person_side = _solved(met, item_side)
        item_side = _solved(other, person_side)
    gram = item_side.T @ item_side + PENALTY * np.eye(dim)
    return Factors(item_side.astype(np.float32), gram)


def _solved(met: sparse.csr_matrix, other: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(rows, dim) best vectors of one side while the other stays; zeros for a row that met nothing."""
    dim = other.shape[1]
    gram = other.T @ other + PENALTY * np.eye(dim)
    found = np.zeros((met.shape[0], dim))
    outer = (other[:, :, None] * other[:, None, :]).reshape(len(other), -1) if len(other) * dim * dim < 5e7 else None
    some = np.flatnonzero(np.diff(met.indptr))
    for start in range(0, len(some), AT_ONCE):
        rows = some[start : start + AT_ONCE]
        part = met[rows]
        right = (1 + CONFIDENCE) * (part @ other)
        left = gram + CONFIDENCE * _grams(part, other, outer)
        found[rows] = np.linalg.solve(left, right[:, :, None])[:, :, 0]
    return found


def _grams(
    part: sparse.csr_matrix, other: npt.NDArray[np.float64], outer: npt.NDArray[np.float64] | None
) -> npt.NDArray[np.float64]:
    """(rows, dim, dim) sum of the outer products of each row's own vectors."""
    dim = other.shape[1]
    if outer is not None:
        return np.asarray(part @ outer).reshape(-1, dim, dim)
    found = np.empty((part.shape[0], dim, dim))
    for row in range(part.shape[0]):
        vectors = other[part.indices[part.indptr[row] : part.indptr[row + 1]]]
        found[row] = vectors.T @ vectors
    return found
