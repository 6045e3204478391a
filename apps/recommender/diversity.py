"""From an order by interest to a varied list: likeness inside it, the person's mix of categories, exposure, caps.

One greedy pass; what each dial takes from or gives to an item is kept, so that the list can show it. Pure.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np
import numpy.typing as npt

from apps.recommender.records import Wish

Scores = npt.NDArray[np.float32]
# The diversity dial d takes STRENGTH * d ** CURVE times the likeness to all items above off an item's expected gain.
# By the likeness to the nearest item above alone, or by shared words in the place of vectors, the same variety cost
# more; what a few dials cost people who taught the blend nothing is printed by ``evaluate``.
# SOFT: what looks sure in training is less so later.
STRENGTH, CURVE, SOFT = 0.14, 4.0, 0.5
# A new item takes a place when its score is at most so much, divided by 1 - freshness, below what interest alone would
# put there; at freshness 1 there is no rule. What each number of places costs and brings, each half of the validation
# people judged by a blend learnt from the other, ``evaluate`` prints. Judged against what variety put there instead of
# interest, new items would take the variety of a list away.
FRESH_GAP = 1.0
LEAST = 1e-3  # share of its gain that an item keeps for the record, whatever it is like
MIX_STRENGTH = 5.0  # of the calibration dial, per nat of divergence
MIX_SMOOTHING = 0.01  # share of the person's mix in the list's, so that no category has probability 0 (Steck 2018)
EXPOSURE_STRENGTH = 1.0  # of the exposure dial, per spread of log exposure


@dataclass(frozen=True)
class Pool:
    """Ranked candidates, best first: scores, unit vectors, category and brand codes, how often shown or wanted."""

    scores: Scores
    vectors: Scores  # (n, dim)
    categories: npt.NDArray[np.int32]
    brands: npt.NDArray[np.int32]
    exposure: Scores
    mix: dict[int, float]  # the person's share of each category; {} when unknown


@dataclass(frozen=True)
class Chosen:
    """Places in the pool in the list's order, what the dials added to each score, and what a cap kept out."""

    places: list[int]
    added: list[float]
    capped: dict[str, list[int]]


def choose(pool: Pool, wish: Wish, k: int) -> Chosen:
    """The list: each place goes to the item with the highest expected gain there, less its likeness to those above.

    The gain is an item's share of the choices (the softmax of the scores, which is what the blend was learnt as, made
    less sure of itself by ``SOFT``) by the place's discount in NDCG: low places are cheap, so variety goes there first,
    and sure hits stay. What was chosen then stands in the order of interest, which varies the list as much.
    """
    size = len(pool.scores)
    base = pool.scores - _held_back(pool, wish.exposure)
    shares = np.exp(SOFT * (base - base.max(initial=-np.inf))) if size else base
    shares = shares / max(float(shares.sum()), 1e-30)
    penalty = STRENGTH * wish.diversity**CURVE
    lift, lifted = np.zeros(size, np.float32), shares
    loss = np.zeros(size, np.float32)  # penalty times the likeness to all that is chosen; chosen ones lose everything
    found = Chosen([], [], {})
    counts: Counter[int] = Counter()
    for _ in range(size):
        if len(found.places) == k:
            break
        if wish.calibration and pool.mix:
            lift = MIX_STRENGTH * wish.calibration * _closer(pool, counts)
            lifted = shares * np.exp(SOFT * lift)
        gains = lifted / math.log2(len(found.places) + 2)
        value = gains - loss
        best = int(value.argmax())
        loss[best] = np.inf
        rule = _over(pool, found.places, best, wish)
        if rule:
            found.capped.setdefault(rule, []).append(best)
            continue
        gain = float(gains[best])
        kept = max(float(value[best]) / gain, LEAST) if gain > 0 else LEAST
        found.places.append(best)
        found.added.append(float(base[best] - pool.scores[best] + lift[best]) + math.log(kept) / SOFT)
        counts[int(pool.categories[best])] += 1
        if penalty:
            loss += penalty * (pool.vectors @ pool.vectors[best])
    return _by_interest(found, base)


def granted(
    places: Sequence[int],
    order: npt.ArrayLike,
    fresh: npt.NDArray[np.bool_],
    scores: Scores,
    claims: Scores,
    share: float,
    k: int,
) -> dict[int, int]:
    """Spots of a list of ``k`` that go to fresh candidates, and to which: those with the largest claims.

    ``places`` are the list's candidates, ``order`` all of them, best first. Fresh ones may claim a ``share`` of the
    places in [0, 1]: the first the last place that is not fresh, the next the one above, until one's score is too far
    below that of the plain order there (``FRESH_GAP``). Equal claims stand in the plain order.
    """
    missing = int(share * k + 0.5) - sum(bool(fresh[place]) for place in places)
    if missing <= 0:
        return {}
    ranked = np.asarray(order, np.int64)
    gap = FRESH_GAP / (1 - share) if share < 1 else math.inf
    waiting = ranked[fresh[ranked] & ~np.isin(ranked, places)]
    waiting = waiting[np.argsort(-claims[waiting], kind="stable")][:missing].tolist()
    spots = [spot for spot in reversed(range(len(places))) if not fresh[places[spot]]]
    pairs = zip(spots, waiting, strict=False)
    taken = list(takewhile(lambda pair: scores[ranked[pair[0]]] - scores[pair[1]] <= gap, pairs))
    return dict(zip(reversed([spot for spot, _ in taken]), [place for _, place in taken], strict=True))


def intra_list_distance(vectors: Scores) -> float:
    """Mean of 1 - cosine over the pairs of a list; 0 for fewer than two."""
    count = len(vectors)
    if count < 2:
        return 0.0
    likeness = vectors @ vectors.T
    return float(1 - (likeness.sum() - np.trace(likeness)) / (count * (count - 1)))


def price(probabilities: Scores, places: list[int]) -> float:
    """Share of the expected discounted gain that a list gives up against the first of the plain order, in [0, 1]."""
    discount = 1 / np.log2(np.arange(2, len(places) + 2))
    best = float((np.sort(probabilities)[::-1][: len(places)] * discount).sum())
    return max(0.0, 1 - float((probabilities[places] * discount).sum()) / best) if best > 0 else 0.0


def divergence(mix: dict[int, float], shown: Counter[int]) -> float:
    """Kullback-Leibler divergence of a list's categories from a person's mix, in nats; 0 is a perfect match."""
    total = sum(shown.values())
    value = 0.0
    for category, wanted in mix.items():
        share = shown[category] / total if total else 0.0
        value += wanted * np.log(wanted / ((1 - MIX_SMOOTHING) * share + MIX_SMOOTHING * wanted))
    return float(value)


def _by_interest(chosen: Chosen, base: Scores) -> Chosen:
    """The same items, those of the highest scores first; equal ones as they were chosen."""
    order = np.argsort(-base[chosen.places], kind="stable").tolist()
    return Chosen([chosen.places[n] for n in order], [chosen.added[n] for n in order], chosen.capped)


def _closer(pool: Pool, counts: Counter[int]) -> Scores:
    """(n,) by how much each candidate's category would bring the list nearer to the person's mix."""
    before = divergence(pool.mix, counts) if counts else np.log(1 / MIX_SMOOTHING)
    gain = {code: before - divergence(pool.mix, counts + Counter({code: 1})) for code in set(pool.categories.tolist())}
    return np.array([gain[code] for code in pool.categories.tolist()], np.float32)


def _held_back(pool: Pool, dial: float) -> Scores:
    """(n,) what much shown items lose."""
    often = np.log1p(pool.exposure)
    spread = float(often.std())
    if not dial or spread < 1e-6:
        return np.zeros(len(often), np.float32)
    return np.asarray(dial * EXPOSURE_STRENGTH * (often - often.mean()) / spread, np.float32)


def _over(pool: Pool, places: list[int], candidate: int, wish: Wish) -> str:
    """The cap that one more of the candidate's kind would break, or "". Items without category or brand have no cap."""
    for name, codes, most in (
        ("most_per_category", pool.categories, wish.filters.most_per_category),
        ("most_per_brand", pool.brands, wish.filters.most_per_brand),
    ):
        code = codes[candidate]
        if most and code and sum(int(codes[place] == code) for place in places) >= most:
            return name
    return ""
