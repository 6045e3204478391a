"""Lists beside the item each should hold: NDCG, hits, reciprocal rank, coverage, concentration, variety, cold items.

Pure arithmetic on rows; knows no model. Every figure is over all cases, every item of the catalogue being a rival.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.metrics import bootstrap_interval, expected_calibration_error

K = 10
LOST = 1_000_000_000  # place of a target that is not shown at all
PAIRED = 10_000  # resamples of a paired comparison


@dataclass(frozen=True)
class Ranking:
    """Per case: place of the target (0 first; a large number when it was lost) and the first ``K`` rows (-1: none)."""

    places: npt.NDArray[np.int64]  # (cases,)
    lists: npt.NDArray[np.int64]  # (cases, K)

    def gains(self) -> npt.NDArray[np.float64]:
        """(cases,) NDCG@10 of one target: 1 / log2(place + 2) within the first ten."""
        return np.where(self.places < K, 1 / np.log2(np.minimum(self.places, K) + 2.0), 0.0)

    def hits(self) -> npt.NDArray[np.float64]:
        """(cases,) 1 where the target is within the first ten."""
        return (self.places < K).astype(np.float64)


def figures(
    ranking: Ranking, cold: npt.NDArray[np.bool_], items: int, space: npt.NDArray[np.float32]
) -> dict[str, float]:
    """All figures of a ranking; ``cold`` (cases,) marks targets nobody had met, ``space`` (items, dim) unit rows."""
    gains, hits = ranking.gains(), ranking.hits()
    low, high = bootstrap_interval(gains, seed=0)
    found = {
        "ndcg10": float(gains.mean()),
        "ndcg10_low": low,
        "ndcg10_high": high,
        "hr10": float(hits.mean()),
        "mrr": float((1 / (ranking.places + 1.0)).mean()),
        "coverage10": coverage(ranking.lists, items),
        "gini10": gini(ranking.lists, items),
        "ild10": list_distance(ranking.lists, space),
    }
    if cold.any():
        found |= {"cold_hr10": float(hits[cold].mean()), "cold_ndcg10": float(gains[cold].mean())}
    if (~cold).any():
        found |= {"warm_hr10": float(hits[~cold].mean()), "warm_ndcg10": float(gains[~cold].mean())}
    return found


def coverage(lists: npt.NDArray[np.int64], items: int) -> float:
    """Share of the catalogue that is in at least one list."""
    return len(np.unique(lists[lists >= 0])) / items


def gini(lists: npt.NDArray[np.int64], items: int) -> float:
    """Concentration of places over the catalogue: 0 all alike, near 1 a few items everywhere."""
    counts = np.sort(np.bincount(lists[lists >= 0], minlength=items))
    total = counts.sum()
    if not total:
        return 0.0
    ranks = np.arange(1, items + 1)
    return float((2 * ranks - items - 1) @ counts / (items * total))


def list_distance(lists: npt.NDArray[np.int64], space: npt.NDArray[np.float32]) -> float:
    """Mean over lists of the mean distance 1 - cosine of its pairs, in a space that no ranker uses."""
    whole = lists[(lists >= 0).all(1)]
    if not len(whole) or lists.shape[1] < 2:
        return 0.0
    k = whole.shape[1]
    sums = np.stack([space[row].sum(0) for row in whole])
    squares = np.array([(space[row] ** 2).sum() for row in whole])
    return float(1 - (((sums**2).sum(1) - squares) / (k * (k - 1))).mean())


def paired_gain(ours: npt.ArrayLike, theirs: npt.ArrayLike, users: Sequence[str], seed: int = 0) -> dict[str, float]:
    """Relative gain of the mean with its 95 % interval, by resampling users (their cases hang together)."""
    first, second = np.asarray(ours), np.asarray(theirs)
    _, owner = np.unique(users, return_inverse=True)
    people = int(owner.max()) + 1
    mine, other = np.bincount(owner, first, people), np.bincount(owner, second, people)
    random = np.random.default_rng(seed)
    gains = []
    for start in range(0, PAIRED, 500):
        drawn = random.integers(0, people, (min(500, PAIRED - start), people))
        gains.append(mine[drawn].sum(1) / np.maximum(other[drawn].sum(1), 1e-12) - 1)
    low, high = np.quantile(np.concatenate(gains), [0.025, 0.975])
    return {
        "gain": float(first.mean() / max(second.mean(), 1e-12) - 1),
        "gain_low": float(low),
        "gain_high": float(high),
    }


def calibration(probabilities: npt.NDArray[np.float32], wanted: npt.NDArray[np.bool_]) -> float:
    """Expected calibration error of stated probabilities against what happened, both (n,)."""
    return expected_calibration_error(np.stack([1 - probabilities, probabilities], axis=1), wanted.astype(int))


def of_scores(scores: npt.NDArray[np.float32], targets: Sequence[int]) -> Ranking:
    """Ranking out of all items' scores (cases, items); -inf is never shown, and ties go to the lower row."""
    wanted = np.asarray(targets)
    own = scores[np.arange(len(wanted)), wanted]
    before = np.arange(scores.shape[1])[None, :] < wanted[:, None]
    places = (scores > own[:, None]).sum(1) + ((scores == own[:, None]) & before).sum(1)
    places = np.where(np.isneginf(own), LOST, places)
    top = np.argpartition(-scores, min(K, scores.shape[1] - 1), axis=1)[:, :K]
    order = np.take_along_axis(top, np.argsort(-np.take_along_axis(scores, top, 1), axis=1, kind="stable"), 1)
    lists = np.where(np.isneginf(np.take_along_axis(scores, order, 1)), -1, order)
    return Ranking(places.astype(np.int64), lists)


def joined(rankings: Sequence[Ranking]) -> Ranking:
    """Several rankings one after the other."""
    return Ranking(np.concatenate([one.places for one in rankings]), np.concatenate([one.lists for one in rankings]))
