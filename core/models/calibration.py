"""Turns a classifier's scores into probabilities that mean what they say, and keeps how as plain JSON.

Knows arrays only: fitted on held-out scores, stored beside the model, applied wherever it predicts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from core.errors import DataError

Array: TypeAlias = npt.NDArray[np.floating[Any]]
COOLEST, HOTTEST = 0.05, 20.0  # bounds of the temperature search
MOST_KNOTS = 100  # of a stored isotonic curve
LEAST_FOR_ISOTONIC = 1000  # below, isotonic curves overfit (scikit-learn's user guide, "Calibrating a classifier")


@dataclass(frozen=True)
class Calibration:
    """``temperature`` divides the scores; ``curves``, one (x, y) line per label, then bend the probabilities.

    ``several`` says that labels are independent (sigmoid), else exactly one holds (softmax).
    """

    several: bool = False
    temperature: float = 1.0
    curves: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...] = ()

    def __post_init__(self) -> None:
        if not (np.isfinite(self.temperature) and COOLEST <= self.temperature <= HOTTEST):
            raise DataError(f"A calibration's temperature must be {COOLEST} to {HOTTEST}, got {self.temperature}.")
        for x, y in self.curves:
            if len(x) != len(y) or not x or not np.isfinite([*x, *y]).all():
                raise DataError("A calibration curve must have as many finite x as y.")

    def probabilities(self, scores: Array) -> npt.NDArray[np.float32]:
        """(n, labels) float32 from scores of that shape; rows sum to 1 unless several labels may hold."""
        probabilities = _squash(scores.astype(np.float64) / self.temperature, self.several)
        if self.curves:
            bent = [np.interp(probabilities[:, label], x, y) for label, (x, y) in enumerate(self.curves)]
            probabilities = np.stack(bent, axis=1)
            if not self.several:
                probabilities = _normalised(probabilities)
        return probabilities.astype(np.float32)

    def as_record(self) -> dict[str, Any]:
        return {"several": self.several, "temperature": self.temperature, "curves": [list(c) for c in self.curves]}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Calibration:
        """Back from ``as_record``; ``DataError`` for anything else, for the file may come from outside."""
        try:
            curves = tuple((tuple(map(float, x)), tuple(map(float, y))) for x, y in record.get("curves", ()))
            return cls(bool(record.get("several", False)), float(record.get("temperature", 1.0)), curves)
        except (TypeError, ValueError) as error:
            raise DataError("The stored calibration is not readable.") from error


def fit(scores: Array, targets: npt.NDArray[Any], several: bool = False, method: str = "temperature") -> Calibration:
    """Calibration from held-out ``scores`` (n, labels) and ``targets``: (n,) label numbers or (n, labels) of 0/1.

    ``temperature`` (Guo et al. 2017) keeps the order of labels; ``isotonic`` bends each label's curve and needs about
    1000 rows; ``auto`` takes isotonic from there on. With fewer than two rows nothing is fitted.
    """
    if len(scores) != len(targets):
        raise DataError(f"{len(scores)} rows of scores but {len(targets)} targets.")
    if method not in {"temperature", "isotonic", "auto"}:
        raise DataError(f"Calibration method must be temperature, isotonic or auto, got '{method}'.")
    if len(scores) < 2:
        return Calibration(several)
    temperature = _fit_temperature(scores.astype(np.float64), targets, several)
    if method == "isotonic" or (method == "auto" and len(scores) >= LEAST_FOR_ISOTONIC):
        return Calibration(several, temperature, _fit_curves(scores, targets, several, temperature))
    return Calibration(several, temperature)


def _fit_temperature(scores: Array, targets: npt.NDArray[Any], several: bool) -> float:
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        return _negative_log_likelihood(scores / np.exp(log_temperature), targets, several)

    found = minimize_scalar(loss, bounds=(np.log(COOLEST), np.log(HOTTEST)), method="bounded")
    return float(np.clip(np.exp(found.x), COOLEST, HOTTEST))


def _fit_curves(
    scores: Array, targets: npt.NDArray[Any], several: bool, temperature: float
) -> tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]:
    from sklearn.isotonic import IsotonicRegression

    probabilities = _squash(scores.astype(np.float64) / temperature, several)
    curves = []
    for label in range(scores.shape[1]):
        holds = targets[:, label] if several else targets == label
        fitted = IsotonicRegression(out_of_bounds="clip").fit(probabilities[:, label], holds.astype(float))
        x, y = fitted.X_thresholds_, fitted.y_thresholds_
        keep = np.unique(np.linspace(0, len(x) - 1, min(len(x), MOST_KNOTS)).astype(int))
        curves.append((tuple(map(float, x[keep])), tuple(map(float, y[keep]))))
    return tuple(curves)


def _negative_log_likelihood(scores: Array, targets: npt.NDArray[Any], several: bool) -> float:
    if several:
        return float(np.mean(np.logaddexp(0, scores) - targets * scores))
    top = scores.max(1, keepdims=True)
    log_sum = np.log(np.exp(scores - top).sum(1)) + top[:, 0]
    return float(np.mean(log_sum - scores[np.arange(len(scores)), targets.astype(int)]))


def _squash(scores: Array, several: bool) -> Array:
    if several:
        return 0.5 * (1 + np.tanh(scores / 2))  # the sigmoid, without overflow
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _normalised(probabilities: Array) -> Array:
    """Rows that sum to 1; a row whose curves all end at 0 becomes even, for it says nothing."""
    total = probabilities.sum(axis=1, keepdims=True)
    even = np.full_like(probabilities, 1 / probabilities.shape[1])
    return np.where(total > 0, probabilities / np.where(total > 0, total, 1), even)
