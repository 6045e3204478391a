"""Joining ranked lists and reordering the top of one: pure, they know ids and texts only."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as OutOfTime

RRF_K = 60  # Cormack, Clarke and Büttcher 2009: ranks 1 and 2 differ little, so that one list alone decides nothing

Rerank = Callable[[str, Sequence[str]], Sequence[float]]


def reciprocal_rank_fusion(
    lists: Mapping[str, Iterable[str]], weights: Mapping[str, float], k: int = RRF_K
) -> dict[str, float]:
    """``sum over lists of weight / (k + rank)`` for each id that any list holds, best first; ranks begin at 1.

    >>> fused = reciprocal_rank_fusion({"lexical": ["a", "b"], "vectors": ["b"]}, {"lexical": 1, "vectors": 1})
    >>> list(fused)
    ['b', 'a']
    """
    scores: dict[str, float] = {}
    for name, ids in lists.items():
        for rank, one in enumerate(ids, start=1):
            scores[one] = scores.get(one, 0.0) + weights.get(name, 1.0) / (k + rank)
    return dict(sorted(scores.items(), key=lambda pair: -pair[1]))


class Reranker:
    """Reorders the first ``top`` of a list by a slower, better judge, or leaves it as it is when the deadline passes.

    The judge runs in one thread of its own; while a late call is still at work, further ones are skipped at once.
    """

    def __init__(self, judge: Rerank, top: int = 10, deadline_s: float = 0.5) -> None:
        self._judge, self.top, self._deadline_s = judge, top, deadline_s
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="rerank")
        self._busy = False

    def order(self, query: str, texts: Sequence[str]) -> list[int] | None:
        """Positions of the texts (at most ``top``), best first; None when there was no time."""
        if self._busy or len(texts) < 2:
            return None
        self._busy = True
        began = time.monotonic()
        work = self._pool.submit(self._run, query, list(texts[: self.top]))
        try:
            scores = work.result(timeout=max(0.0, self._deadline_s - (time.monotonic() - began)))
        except OutOfTime:
            return None
        return sorted(range(len(scores)), key=lambda place: -scores[place])

    def _run(self, query: str, texts: Sequence[str]) -> Sequence[float]:
        try:
            return [float(score) for score in self._judge(query, texts)]
        finally:
            self._busy = False
