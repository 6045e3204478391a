"""Item-item tables learnt from who met what: things met together (with recency), and a linear autoencoder (EASE).

Knows item rows and sequences; no text, no person beyond the sequence. A table keeps a few neighbours per item, so a
person's scores are a sum over what she met.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from apps.recommender.identifiers import Rows

Scores = npt.NDArray[np.float32]
WINDOW = 10  # steps between two events that still count as met together
STEP_DECAY = 0.7  # each step further apart counts so much less
BACKWARD = 0.5  # what was met before says less of what comes next than what was met after
SHRINK = 2.0  # added to the norm of rare items, so that one shared person is no certainty
EASE_PENALTY = 100.0  # on the diagonal (Steck 2019); 50 and 100 are alike on amazon_industrial's validation rows


@dataclass(frozen=True)
class ItemTable:
    """(items, kept) neighbours of each item with their weights; -1 fills rows that have fewer."""

    neighbours: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.neighbours)

    def scores(self, items: Rows, weights: npt.NDArray[np.float32], size: int) -> Scores:
        """(size,) sum over what was met of its weight times its neighbours'; items newer than the table add nothing."""
        old = items < len(self)
        if not old.any():
            return np.zeros(size, np.float32)
        rows = items[old]
        found, values = self.neighbours[rows], self.weights[rows] * weights[old, None]
        there = found >= 0
        return np.bincount(found[there], values[there], size).astype(np.float32)

    def between(self, items: Rows, candidates: Rows) -> Scores:
        """(items, candidates) weight of each candidate as a neighbour of each item: what an explanation names."""
        found = np.zeros((len(items), len(candidates)), np.float32)
        if not len(self) or not len(candidates):
            return found
        old = np.flatnonzero(items < len(self))
        order = np.argsort(candidates)
        ranked = candidates[order]
        near = self.neighbours[items[old]]  # (old, kept)
        place = np.searchsorted(ranked, near).clip(max=len(ranked) - 1)
        hit = ranked[place] == near
        row, column = np.nonzero(hit)
        found[old[row], order[place[row, column]]] = self.weights[items[old]][row, column]
        return found


def empty_table() -> ItemTable:
    """A table that knows nothing."""
    return ItemTable(np.zeros((0, 1), np.int32), np.zeros((0, 1), np.float32))


def together(people: Rows, items: Rows, size: int, kept: int, freshness: npt.NDArray[np.float32]) -> ItemTable:
    """Neighbours by how often two things are met within a few steps of each other, by cosine with shrinkage.

    ``people`` and ``items`` are sorted by person, then time; ``freshness`` (events,) in (0, 1] lets old events fade.
    """
    counts = sparse.csr_matrix((size, size), dtype=np.float32)
    for gap in range(1, WINDOW + 1):
        same = (people[gap:] == people[:-gap]) & (items[gap:] != items[:-gap])
        first, second, weight = items[:-gap][same], items[gap:][same], freshness[gap:][same] * STEP_DECAY ** (gap - 1)
        if not len(first):
            continue
        forward = sparse.csr_matrix((weight, (first, second)), (size, size), dtype=np.float32)
        counts = counts + forward + BACKWARD * forward.T.tocsr()
    met = np.bincount(items, minlength=size).astype(np.float32)
    return _kept(_cosine(counts.tocsr(), met), kept)


def linear(people: Rows, items: Rows, size: int, kept: int, penalty: float = EASE_PENALTY) -> ItemTable:
    """EASE (Steck 2019): the item-item weights that best give back each person's own items, none its own neighbour.

    Needs ``size`` ² memory for the inverse; only the ``kept`` largest weights of a row stay.
    """
    met = sparse.csr_matrix((np.ones(len(items), np.float32), (people, items)), (int(people.max(initial=0)) + 1, size))
    met.data[:] = 1.0  # an item met twice counts once
    gram = (met.T @ met).toarray().astype(np.float64)
    gram[np.diag_indices(size)] = np.minimum(gram.diagonal(), np.inf) + penalty
    inverse = np.linalg.inv(gram)
    weights = -inverse / inverse.diagonal()[None, :]
    weights[np.diag_indices(size)] = 0.0
    return _kept_dense(weights.astype(np.float32), kept)


def _cosine(counts: sparse.csr_matrix, met: npt.NDArray[np.float32]) -> sparse.csr_matrix:
    scaled = counts.tocoo()
    norm = np.sqrt(met[scaled.row] * met[scaled.col]) + SHRINK
    return sparse.csr_matrix((scaled.data / norm, (scaled.row, scaled.col)), counts.shape)


def _kept(table: sparse.csr_matrix, kept: int) -> ItemTable:
    """The largest weights of each row of a sparse table."""
    longest = int(np.diff(table.indptr).max(initial=1)) or 1
    width = min(kept, longest)
    neighbours = np.full((table.shape[0], width), -1, np.int32)
    weights = np.zeros((table.shape[0], width), np.float32)
    for row in range(table.shape[0]):
        part = slice(table.indptr[row], table.indptr[row + 1])
        values, columns = table.data[part], table.indices[part]
        if len(values) > width:
            best = np.argpartition(-values, width - 1)[:width]
            values, columns = values[best], columns[best]
        neighbours[row, : len(values)], weights[row, : len(values)] = columns, values
    return ItemTable(neighbours, weights)


def _kept_dense(table: npt.NDArray[np.float32], kept: int) -> ItemTable:
    """The weights of each row that are largest in size; a small negative one says little."""
    width = min(kept, table.shape[1])
    best = np.argpartition(-np.abs(table), width - 1, axis=1)[:, :width]
    return ItemTable(best.astype(np.int32), np.take_along_axis(table, best, 1))
