"""Figures of labels and probabilities against the truth, as rows of a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.monitor.lessons import LABELS
from core import metrics
from core.errors import DataError


@dataclass(frozen=True)
class Said:
    """What a model said of each text: ``probabilities`` (n, 3) in the order of ``LABELS`` or None, and its label.

    A label of None is an answer that is missing. ``seconds`` is what all of it took, 0 where that means nothing.
    """

    labels: Sequence[str | None]
    probabilities: npt.NDArray[np.float32] | None = None
    seconds: float = 0.0

    @classmethod
    def of(cls, probabilities: npt.NDArray[np.float32], seconds: float = 0.0) -> Said:
        """The likeliest label of each row."""
        return cls([LABELS[number] for number in probabilities.argmax(1)], probabilities, seconds)

    def only(self, rows: Sequence[int]) -> Said:
        """The same for some of the rows; the time goes, for it was that of all."""
        kept = None if self.probabilities is None else self.probabilities[list(rows)]
        return Said([self.labels[number] for number in rows], kept)


def mood_row(model: str, said: Said, wanted: Sequence[str]) -> dict[str, Any]:
    """Accuracy with its 95 % bootstrap interval, macro-F1, F1 per class, ECE, missing rate, documents a second."""
    if len(said.labels) != len(wanted) or not wanted:
        raise DataError(f"{len(said.labels)} answers but {len(wanted)} labels.")
    given = [label if label is not None else "" for label in said.labels]
    right = np.array([one == other for one, other in zip(given, wanted, strict=True)], float)
    low, high = metrics.bootstrap_interval(right, seed=0)
    row: dict[str, Any] = {
        "model": model,
        "rows": len(wanted),
        "accuracy": float(right.mean()),
        "accuracy_low": float(low),
        "accuracy_high": float(high),
        "macro_f1": macro_f1(wanted, given),
    }
    row |= {f"{label}_f1": f1(wanted, given, label) for label in LABELS}
    if said.probabilities is not None:
        numbers = np.array([LABELS.index(label) for label in wanted])
        row["ece"] = float(metrics.expected_calibration_error(said.probabilities, numbers))
    row["missing"] = sum(label is None for label in said.labels) / len(wanted)
    if said.seconds:
        row["docs_s"] = len(wanted) / said.seconds
    return row


def f1(wanted: Sequence[str], given: Sequence[str], label: str) -> float:
    """F1 of one label; 0 when it is neither wanted nor given."""
    both = sum(one == other == label for one, other in zip(wanted, given, strict=True))
    either = sum(one == label for one in wanted) + sum(one == label for one in given)
    return 2 * both / either if either else 0.0


def macro_f1(wanted: Sequence[str], given: Sequence[str]) -> float:
    """Mean F1 of the three moods that occur in ``wanted``."""
    present = [label for label in LABELS if label in wanted]
    return sum(f1(wanted, given, label) for label in present) / len(present)
