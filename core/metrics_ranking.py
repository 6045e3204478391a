"""Measures of ranked lists: ``…_of`` for one query, the others the mean over queries; import from ``core.metrics``."""

from collections.abc import Collection, Hashable, Mapping, Sequence

import numpy as np

from core.errors import DataError


def recall_of(ranked: Sequence[Hashable], relevant: Collection[Hashable], k: int) -> float:
    """Part of the relevant things that are among the first ``k``."""
    return len(set(ranked[:k]) & set(relevant)) / len(set(relevant))


def reciprocal_rank_of(ranked: Sequence[Hashable], relevant: Collection[Hashable]) -> float:
    """1 / place of the first relevant thing, 0 when there is none."""
    return next((1 / place for place, thing in enumerate(ranked, 1) if thing in relevant), 0.0)


def ndcg_of(ranked: Sequence[Hashable], relevant: Collection[Hashable] | Mapping[Hashable, float], k: int) -> float:
    """Discounted gain of the first ``k`` against the best order, in [0, 1] (Järvelin & Kekäläinen 2002).

    ``relevant`` maps things to gains, or lists things of gain 1; gains count plainly, places by 1 / log2(place + 1).
    """
    gains = relevant if isinstance(relevant, Mapping) else dict.fromkeys(relevant, 1.0)
    found = _discounted([gains.get(thing, 0.0) for thing in ranked[:k]])
    best = _discounted(sorted(gains.values(), reverse=True)[:k])
    return found / best if best else 0.0


def recall_at_k(rankings: Sequence[Sequence[Hashable]], relevant: Sequence[Collection[Hashable]], k: int) -> float:
    """Mean over queries of ``recall_of``."""
    _check(rankings, relevant, k)
    return float(np.mean([recall_of(ranked, wanted, k) for ranked, wanted in zip(rankings, relevant, strict=True)]))


def hit_at_k(rankings: Sequence[Sequence[Hashable]], relevant: Sequence[Collection[Hashable]], k: int) -> float:
    """Part of the queries with a relevant thing among the first ``k``; for answers of which one is enough."""
    _check(rankings, relevant, k)
    hits = [any(thing in wanted for thing in ranked[:k]) for ranked, wanted in zip(rankings, relevant, strict=True)]
    return float(np.mean(hits))


def mrr(rankings: Sequence[Sequence[Hashable]], relevant: Sequence[Collection[Hashable]]) -> float:
    """Mean reciprocal rank."""
    _check(rankings, relevant)
    return float(np.mean([reciprocal_rank_of(*pair) for pair in zip(rankings, relevant, strict=True)]))


def ndcg(
    rankings: Sequence[Sequence[Hashable]],
    relevant: Sequence[Collection[Hashable] | Mapping[Hashable, float]],
    k: int,
) -> float:
    """Mean over queries of ``ndcg_of``."""
    _check(rankings, relevant, k)
    return float(np.mean([ndcg_of(ranked, wanted, k) for ranked, wanted in zip(rankings, relevant, strict=True)]))


def _discounted(gains: Sequence[float]) -> float:
    return float(sum(gain / np.log2(place + 1) for place, gain in enumerate(gains, 1)))


def _check(rankings: Sequence[Sequence[Hashable]], relevant: Sequence[Collection[Hashable]], k: int = 1) -> None:
    if len(rankings) != len(relevant) or not rankings:
        raise DataError(f"Each ranking needs its relevant things, got {len(rankings)} and {len(relevant)}.")
    if k < 1:
        raise DataError(f"k must be at least 1, got {k}.")
    empty = next((place for place, wanted in enumerate(relevant) if not wanted), None)
    if empty is not None:
        raise DataError(f"Query {empty} has nothing relevant; leave it out of a ranking measure.")
    for place, ranked in enumerate(rankings):
        if len(set(ranked)) != len(ranked):
            raise DataError(f"Ranking {place} names a thing twice.")
