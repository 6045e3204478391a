"""Kernel ridge classification over sentence vectors: a head, and scores each row gets from a head that never saw it.

Knows arrays only; no text, no embedder, no file. Chosen over logistic regression because it fits in one closed form,
needs no held-out rows to be tuned, and is as good with ten rows per label as with a hundred.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from core.errors import DataError

Floats: TypeAlias = npt.NDArray[np.float32]
Numbers: TypeAlias = npt.NDArray[np.int64]

SHARPNESSES = (1.0, 2.0, 4.0, 8.0)  # 2 was best with 10 rows per label (HWU64, Banking77), 4 with 130 (Banking77)
RIDGES = (0.1, 0.3, 1.0)
# Sharpness and ridge are chosen on so many rows, twelve fits: all of a few, a third of more, within these bounds.
TUNING_ROWS = (800, 3000)
MOST_ROWS = 16_000  # the kernel matrix of so many rows takes 1 GB
PREDICT_ROWS = 512  # rows scored at a time, so that a long list does not fill the memory


@dataclass(frozen=True)
class KernelHead:
    """``anchors`` are the training vectors, one (n, dim) array per embedder; ``coefficients`` is (n, labels)."""

    anchors: tuple[Floats, ...]
    coefficients: Floats
    sharpness: float
    ridge: float

    def scores(self, vectors: Sequence[Floats]) -> Floats:
        """(m, labels) for ``vectors``, one (m, dim) array per embedder; near 1 for the right label, 0 for others."""
        blocks = [
            kernel([part[start : start + PREDICT_ROWS] for part in vectors], self.anchors, self.sharpness)
            @ self.coefficients
            for start in range(0, len(vectors[0]), PREDICT_ROWS)
        ]
        return np.concatenate(blocks) if blocks else np.zeros((0, self.coefficients.shape[1]), np.float32)


def kernel(left: Sequence[Floats], right: Sequence[Floats], sharpness: float) -> Floats:
    """(n, m) likeness in (0, 1]: exp(sharpness * (cosine - 1)), the mean over the embedders."""
    total = np.zeros((len(left[0]), len(right[0])), np.float32)
    for a, b in zip(left, right, strict=True):
        part = a @ b.T
        part -= 1
        part *= sharpness
        total += np.exp(part, out=part)
    total /= len(left)
    return total


def fit(
    vectors: Sequence[Floats], labels: Numbers, label_count: int, groups: Numbers | None = None, seed: int = 13
) -> tuple[KernelHead, Floats]:
    """The head, and the (n, labels) scores each row gets from a head that has not seen the row or others of its group.

    Sharpness and ridge are those with the best accuracy of such scores, so the rows given are all that is needed.
    Raises ``DataError`` for fewer than two rows or unequal lengths.
    """
    if len(labels) < 2 or any(len(part) != len(labels) for part in vectors):
        raise DataError(f"Intents need at least two rows and as many vectors as labels, got {len(labels)} labels.")
    fewest, most = TUNING_ROWS
    rows = np.random.default_rng(seed).permutation(len(labels))[: min(most, max(fewest, len(labels) // 3))]
    few = None if groups is None else groups[rows]
    sharpness, ridge = _tuned([part[rows] for part in vectors], labels[rows], label_count, few)
    coefficients, unseen = solve(kernel(vectors, vectors, sharpness), targets(labels, label_count), ridge, groups)
    return KernelHead(tuple(vectors), coefficients, sharpness, ridge), unseen


def _tuned(vectors: Sequence[Floats], labels: Numbers, label_count: int, groups: Numbers | None) -> tuple[float, float]:
    wanted = targets(labels, label_count)
    best, chosen = -1.0, (SHARPNESSES[0], RIDGES[0])
    for sharpness in SHARPNESSES:
        likeness = kernel(vectors, vectors, sharpness)
        for ridge in RIDGES:
            _, unseen = solve(likeness.copy(), wanted, ridge, groups)
            right = float((unseen.argmax(1) == labels).mean())
            if right > best:
                best, chosen = right, (sharpness, ridge)
    return chosen


def targets(labels: Numbers, label_count: int) -> Floats:
    """(n, labels): 1 for the row's label and 0 for the others, so that what resembles nothing scores 0 everywhere."""
    wanted = np.zeros((len(labels), label_count), np.float32)
    wanted[np.arange(len(labels)), labels] = 1
    return wanted


def solve(likeness: Floats, wanted: Floats, ridge: float, groups: Numbers | None = None) -> tuple[Floats, Floats]:
    """Coefficients (K + ridge I)^-1 Y and leave-one-out scores y_i - coefficient_i / inverse_ii; spends ``likeness``.

    The leave-one-out form is Rasmussen and Williams 2006, equation 5.12; rows of one group are left out together by the
    same formula over the group's block of the inverse. Everything stays in one float32 matrix.
    """
    from scipy.linalg import lapack

    likeness.flat[:: len(likeness) + 1] += ridge
    lower, failed = lapack.spotrf(likeness.T, lower=1, clean=1, overwrite_a=1)
    if failed:
        raise DataError("The intent kernel is not positive definite: the vectors are not finite.")
    coefficients: Any = lapack.spotrs(lower, wanted, lower=1)[0]
    inverse, _ = lapack.strtri(lower, lower=1, overwrite_c=1)
    coefficients = np.ascontiguousarray(coefficients, np.float32)
    if groups is None:
        return coefficients, wanted - coefficients / np.einsum("ij,ij->j", inverse, inverse)[:, None]
    unseen = wanted.copy()
    for members in _members(groups):
        half = inverse[:, members]
        unseen[members] -= np.linalg.solve(half.T @ half, coefficients[members])
    return coefficients, unseen


def left_out_together(labels: Sequence[str], groups: Sequence[str]) -> Numbers:
    """(n,) group numbers. Where a label has but one, each row is its own, or nothing were left to know it."""
    several = {
        label for label in set(labels) if len({g for one, g in zip(labels, groups, strict=True) if one == label}) > 1
    }
    names = [
        f"group {group}" if label in several else f"row {row}"
        for row, (label, group) in enumerate(zip(labels, groups, strict=True))
    ]
    return np.unique(names, return_inverse=True)[1]


def _members(groups: Numbers) -> list[Numbers]:
    """Row numbers of each group."""
    order = np.argsort(groups, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
