"""Measures of classification, calibration and selective answering; ranking and text measures are re-exported.

Pure: arrays in, numbers out; predictions come before labels. Wrong shapes raise ``DataError``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import DataError
from core.metrics_ranking import hit_at_k, mrr, ndcg, ndcg_of, recall_at_k, recall_of, reciprocal_rank_of
from core.metrics_text import bleu, exact_match, rouge_l, token_f1

__all__ = [
    "Array",
    "ClassScores",
    "RiskCoverage",
    "accuracy",
    "auroc",
    "bleu",
    "bootstrap_interval",
    "brier_score",
    "confusion_matrix",
    "exact_match",
    "expected_calibration_error",
    "hit_at_k",
    "macro_f1",
    "mrr",
    "ndcg",
    "ndcg_of",
    "per_class_report",
    "percentiles_ms",
    "recall_at_k",
    "recall_of",
    "reciprocal_rank_of",
    "risk_coverage",
    "rouge_l",
    "threshold_for_rejection",
    "threshold_for_risk",
    "token_f1",
]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class ClassScores:
    """How well one class is told: precision, recall and F1 in [0, 1]; ``support`` is how often it truly occurs."""

    precision: float
    recall: float
    f1: float
    support: int


def accuracy(predictions: ArrayLike, labels: ArrayLike) -> float:
    """Part of the predictions that equal their label."""
    predictions, labels = _pair(predictions, labels)
    return float(np.mean(predictions == labels))


def confusion_matrix(
    predictions: ArrayLike, labels: ArrayLike, classes: Sequence[object] | None = None
) -> NDArray[np.int64]:
    """(classes, classes) counts: row the true class, column the predicted one; classes sorted unless given."""
    predictions, labels = _pair(predictions, labels)
    names = list(classes) if classes is not None else sorted(set(predictions.tolist()) | set(labels.tolist()))
    number = {name: place for place, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)), dtype=np.int64)  # (classes, classes)
    for predicted, true in zip(predictions.tolist(), labels.tolist(), strict=True):
        if predicted not in number or true not in number:
            raise DataError(f"Class {predicted if predicted not in number else true!r} is not among the classes given.")
        counts[number[true], number[predicted]] += 1
    return counts


def per_class_report(
    predictions: ArrayLike, labels: ArrayLike, classes: Sequence[object] | None = None
) -> dict[str, ClassScores]:
    """Scores of each class by its name; a class never predicted has precision 0, one that never occurs recall 0."""
    predictions, labels = _pair(predictions, labels)
    names = list(classes) if classes is not None else sorted(set(predictions.tolist()) | set(labels.tolist()))
    counts = confusion_matrix(predictions, labels, names)
    report = {}
    for place, name in enumerate(names):
        right, said, true = counts[place, place], counts[:, place].sum(), counts[place].sum()
        report[str(name)] = ClassScores(
            _ratio(right, said), _ratio(right, true), _ratio(2 * right, said + true), int(true)
        )
    return report


def macro_f1(predictions: ArrayLike, labels: ArrayLike, classes: Sequence[object] | None = None) -> float:
    """Mean F1 over the classes, each counting the same; without ``classes`` those in labels or predictions."""
    return float(np.mean([scores.f1 for scores in per_class_report(predictions, labels, classes).values()]))


def expected_calibration_error(probabilities: ArrayLike, labels: ArrayLike, bins: int = 15) -> float:
    """Mean gap between confidence and accuracy over equal-width bins, in [0, 1]; lower is better.

    ``probabilities`` is (n, classes) with rows summing to 1, ``labels`` is (n,) of class numbers. 15 bins as in Guo et
    al. 2017 (arXiv 1706.04599), each open to the left. Raises ``DataError`` when n is 0 or the lengths differ.
    """
    rows, labels = _distributions(probabilities, labels)
    confidence, right = rows.max(axis=1), rows.argmax(axis=1) == labels
    places = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = [abs(confidence[places == b].mean() - right[places == b].mean()) * (places == b).mean() for b in set(places)]
    return float(sum(gaps))


def brier_score(probabilities: ArrayLike, labels: ArrayLike) -> float:
    """Mean squared distance between the probabilities and the truth, in [0, 2]; lower is better (Brier 1950)."""
    rows, labels = _distributions(probabilities, labels)
    truth = np.eye(rows.shape[1])[labels]  # (n, classes)
    return float(((rows - truth) ** 2).sum(axis=1).mean())


def auroc(scores: ArrayLike, labels: ArrayLike) -> float:
    """Chance that a true case scores above a false one, ties counting half. ``labels`` are 0/1; both must occur."""
    scores, labels = _numbers(scores, "scores"), np.asarray(labels).astype(bool)
    _same_length(scores, labels)
    positives, negatives = int(labels.sum()), int((~labels).sum())
    if not positives or not negatives:
        raise DataError("AUROC needs both true and false cases, found only one kind.")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]  # (n,) mean rank of each value, from 1
    return float((ranks[labels].sum() - positives * (positives + 1) / 2) / (positives * negatives))


@dataclass(frozen=True)
class RiskCoverage:
    """For each threshold, from strictest to loosest: the part answered, and the part of that which is wrong."""

    thresholds: Array  # (m,) falling
    coverage: Array  # (m,) rising to 1
    risk: Array  # (m,)

    @property
    def area(self) -> float:
        """Mean risk over all coverages; lower is better (Geifman & El-Yaniv 2017, arXiv 1705.08500)."""
        return float(np.sum(self.risk * np.diff(self.coverage, prepend=0.0)))


def risk_coverage(confidence: ArrayLike, correct: ArrayLike) -> RiskCoverage:
    """The curve of answering only what one is sure of; equal confidences are answered together."""
    confidence, correct = _numbers(confidence, "confidence"), np.asarray(correct).astype(bool)
    _same_length(confidence, correct)
    order = np.argsort(-confidence, kind="stable")
    values, wrong = confidence[order], np.cumsum(~correct[order])
    last = np.append(np.nonzero(np.diff(values))[0], len(values) - 1)  # the last place of each value
    return RiskCoverage(values[last], (last + 1) / len(values), wrong[last] / (last + 1))


def threshold_for_risk(confidence: ArrayLike, correct: ArrayLike, risk: float) -> float:
    """The lowest threshold at which the answers at or above it are wrong at most ``risk`` of the time on these cases.

    Infinity when even the surest cases are wrong more often: answer nothing.
    """
    curve = risk_coverage(confidence, correct)
    good = np.nonzero(curve.risk <= risk)[0]
    return float(curve.thresholds[good[-1]]) if len(good) else float("inf")


def threshold_for_rejection(scores: ArrayLike, rate: float) -> float:
    """The highest threshold below which at most ``rate`` of these wanted cases fall."""
    if not 0 <= rate < 1:
        raise DataError(f"The rejection rate must be from 0 to below 1, got {rate}.")
    ordered = np.sort(_numbers(scores, "scores"))
    return float(ordered[int(np.floor(rate * len(ordered) + 1e-9))])


def bootstrap_interval(values: ArrayLike, seed: int, n: int = 1000, level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of the mean of ``values`` over ``n`` resamples; give differences to compare two systems."""
    numbers = _numbers(values, "values")
    picks = np.random.default_rng(seed).integers(0, len(numbers), size=(n, len(numbers)))
    low, high = np.quantile(numbers[picks].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def percentiles_ms(seconds: ArrayLike) -> dict[str, float]:
    """``{"p50": …, "p95": …}`` in milliseconds of durations in seconds."""
    p50, p95 = np.percentile(_numbers(seconds, "durations") * 1000, [50, 95])
    return {"p50": float(p50), "p95": float(p95)}


def _pair(predictions: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    predictions, labels = np.asarray(predictions), np.asarray(labels)
    _same_length(predictions, labels)
    return predictions, labels


def _same_length(first: NDArray[np.generic], second: NDArray[np.generic]) -> None:
    if first.shape != second.shape or first.ndim != 1:
        raise DataError(
            f"Predictions and labels must be two lists of one length, got shapes {first.shape}, {second.shape}."
        )
    if not len(first):
        raise DataError("There is nothing to measure: 0 predictions.")


def _numbers(values: ArrayLike, what: str) -> Array:
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or not len(numbers):
        raise DataError(f"There is nothing to measure: {what} must be a list of numbers, got shape {numbers.shape}.")
    if np.isnan(numbers).any():
        raise DataError(f"Among the {what} {int(np.isnan(numbers).sum())} are not a number.")
    return numbers


def _distributions(probabilities: ArrayLike, labels: ArrayLike) -> tuple[Array, NDArray[np.int64]]:
    rows, numbers = np.asarray(probabilities, dtype=np.float64), np.asarray(labels)
    if rows.ndim != 2 or numbers.shape != rows.shape[:1] or not len(rows):
        raise DataError(f"Probabilities must be (n, classes) and labels (n,), got {rows.shape} and {numbers.shape}.")
    if not np.allclose(rows.sum(axis=1), 1, atol=1e-3) or (rows < 0).any():  # float32 softmax is within 1e-6
        raise DataError("Each row of probabilities must sum to 1.")
    if numbers.min() < 0 or numbers.max() >= rows.shape[1]:
        raise DataError(f"Labels must be class numbers from 0 to {rows.shape[1] - 1}.")
    return rows, numbers.astype(np.int64)


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0
