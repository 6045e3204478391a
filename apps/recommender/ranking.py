"""The last word on order: a blend of features whose weights were learnt on later behaviour, and its probability.

The blend is a logistic model: the score is a sum, so that every part can be shown. It is learnt by likelihood of what
was chosen among all items (a listwise softmax); the probability by logistic calibration on rows not used for that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from apps.recommender.features import names_with, part_of
from apps.recommender.records import PARTS
from core.errors import DataError

Matrix = npt.NDArray[np.float32]
PULL = 0.5  # strength of the pull to the starting weights, divided by the number of rows: some rows outweigh it
MASKED = -1e9

# Where nothing was learnt yet: rounded from what amazon_industrial's validation rows taught.
STARTING: Mapping[str, float] = {
    "text": 0.5, "text_near": 1.0, "words": 0.08, "words_last": 0.03, "words_near": 1.0, "together": 0.1,
    "together_last": 0.03, "linear": 0.05, "popular": 0.1, "trending": 0.6, "cold": 0.3, "cold_text": 0.1,
    "brand": 0.8, "category": 0.5, "seen": -1.0, "disliked": -2.0, "fresh": 0.2, "price": 0.1,
}  # fmt: skip
# Likeness, company and her own brand, category and price speak for an item or not at all, a refusal of its like
# speaks against it. Two features that are nearly one are learnt with opposite signs otherwise, and a near copy of what
# she bought stands below a thing unlike it.
AT_LEAST: Mapping[str, float] = dict.fromkeys(
    ("text", "text_last", "text_near", "words", "words_last", "words_near", "cold_text", "together", "together_last",
     "linear", "brand", "category", "price"), 0.0,
)  # fmt: skip
AT_MOST: Mapping[str, float] = {"disliked": -1.0}
STARTING_SLOPE, STARTING_BIAS = 1.0, -5.0


@dataclass(frozen=True)
class Blend:
    """Weights per feature in the order of ``names``; probability = logistic(slope * score + bias)."""

    names: tuple[str, ...]
    weights: Matrix
    slope: float = STARTING_SLOPE
    bias: float = STARTING_BIAS

    def __post_init__(self) -> None:
        if len(self.names) != len(self.weights):
            raise DataError(f"A blend of {len(self.names)} features has {len(self.weights)} weights.")

    def scores(self, features: Matrix) -> Matrix:
        """(rows,) of features (rows, names)."""
        return features @ self.weights

    def parts(self, features: Matrix) -> dict[str, Matrix]:
        """(rows,) per part; together they are the score."""
        return dict(zip(PARTS, (features @ self._by_part).T, strict=True))

    @cached_property
    def _by_part(self) -> Matrix:
        """(names, parts) the weights, each in the column of its part."""
        own = np.array([[part_of(name) == part for part in PARTS] for name in self.names], np.float32)
        return own * self.weights[:, None]

    def probability(self, scores: Matrix) -> Matrix:
        """(rows,) calibrated probability that the item is wanted."""
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(self.slope * scores + self.bias, -30, 30))), np.float32)

    def without(self, names: Sequence[str]) -> Blend:
        """The same with some features silenced."""
        kept = [name not in names for name in self.names]
        return Blend(self.names, np.where(kept, self.weights, 0).astype(np.float32), self.slope, self.bias)


def starting_blend(numeric_columns: Sequence[str] = ()) -> Blend:
    """The blend before anything was learnt."""
    names = names_with(numeric_columns)
    return Blend(names, np.array([STARTING.get(name, 0.0) for name in names], np.float32))


@dataclass(frozen=True)
class Choices:
    """What the blend learns from: per choice the chosen item's features first, then those of items not chosen.

    ``features`` (choices, items, names); ``stands_for`` (choices, items) how many items of the catalogue each row
    stands for (0: padding): near rivals count 1, drawn ones as many as they were drawn from.
    """

    features: Matrix
    stands_for: Matrix

    def __len__(self) -> int:
        return len(self.features)

    def part(self, chosen: npt.NDArray[np.bool_]) -> Choices:
        """Some of the choices."""
        return Choices(self.features[chosen], self.stands_for[chosen])


def joined_choices(parts: Sequence[Choices]) -> Choices:
    """All choices as one, padded to the widest."""
    width = max(part.features.shape[1] for part in parts)

    def padded(array: Matrix) -> Matrix:
        return np.pad(array, [(0, 0), (0, width - array.shape[1])] + [(0, 0)] * (array.ndim - 2))

    return Choices(
        np.concatenate([padded(part.features) for part in parts]), np.concatenate([padded(p.stands_for) for p in parts])
    )


def learn(choices: Choices, start: Blend, silent: Sequence[str] = ()) -> Blend:
    """The weights under which the choices are likeliest, pulled to ``start`` and within ``AT_LEAST`` and ``AT_MOST``.

    Features in ``silent`` stay at 0.
    """
    from scipy.optimize import minimize

    used = np.array([name not in silent for name in start.names])
    if not len(choices):
        return start.without(silent)
    features = choices.features[:, :, used]
    scale = features.reshape(-1, features.shape[2]).std(0) + 1e-6
    features = features / scale
    offsets = np.where(choices.stands_for > 0, np.log(choices.stands_for.clip(min=1e-9)), MASKED)
    target = (start.weights[used] * scale).astype(np.float64)
    pull = PULL / len(choices)

    def loss(weights: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        scores = features @ weights.astype(np.float32)
        logits = scores + offsets
        top = logits.max(1, keepdims=True)
        odds = np.exp(logits - top)
        share = odds / odds.sum(1, keepdims=True)  # (choices, items)
        value = (np.log(odds.sum(1)) + top[:, 0] - scores[:, 0]).mean() + pull * ((weights - target) ** 2).sum()
        expected = np.einsum("ci,cif->f", share, features) / len(features)
        return float(value), expected - features[:, 0].mean(0) + 2 * pull * (weights - target)

    names = np.array(start.names)[used].tolist()
    bounds = [tuple(None if one.get(name) is None else one[name] * spread for one in (AT_LEAST, AT_MOST))
              for name, spread in zip(names, scale.tolist(), strict=True)]  # fmt: skip
    found = minimize(loss, target, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 200}).x
    weights = np.zeros(len(start.names), np.float32)
    weights[used] = found / scale
    return Blend(start.names, weights, start.slope, start.bias)


def calibrated(blend: Blend, scores: Matrix, wanted: Matrix, stands_for: Matrix) -> Blend:
    """The blend with slope and bias under which outcomes ``wanted`` (n,) of 0 and 1 are likeliest, each row weighted.

    Platt 1999 with his corrected targets. One outcome alone teaches nothing: the blend stays as it is.
    """
    from scipy.optimize import minimize

    positive, negative = float((wanted > 0).sum()), float((wanted <= 0).sum())
    if positive < 2 or negative < 2:
        return blend
    goal = np.where(wanted > 0, (positive + 1) / (positive + 2), 1 / (negative + 2)).astype(np.float64)
    if stands_for.max() > 1:  # drawn rows stand for many: their corrected target must shrink alike
        goal = np.where(wanted > 0, goal, 0.0)
    total = stands_for.sum()

    def loss(line: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        logits = line[0] * scores + line[1]
        value = stands_for * (np.logaddexp(0, logits) - goal * logits)
        slope = stands_for * (1 / (1 + np.exp(-np.clip(logits, -30, 30))) - goal)
        return float(value.sum() / total), np.array([(slope * scores).sum(), slope.sum()]) / total

    line = minimize(loss, np.array([1.0, -3.0]), jac=True, method="L-BFGS-B").x
    return Blend(blend.names, blend.weights, max(float(line[0]), 1e-3), float(line[1]))
