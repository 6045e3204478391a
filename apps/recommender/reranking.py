"""A cross-encoder reads the first few of a list once more, within a deadline; what it does not reach keeps its place.

It compares what the person met last with each candidate's text. Its opinion moves scores, it does not replace them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.inference.pairs import PairScorer

READ = 20  # candidates read once more; a hundred would take a CPU seconds
AT_ONCE = 4  # between two looks at the clock
NEWEST = 3  # texts met last that make the query
STRENGTH = 0.5  # of its opinion, in spreads of the scores it moves

Clock = Callable[[], float]


@dataclass(frozen=True)
class Reread:
    """What is added to each score (candidates,), and how many were read in time."""

    added: npt.NDArray[np.float32]
    read: int


def reread(
    scorer: PairScorer,
    met: Sequence[str],
    texts: Sequence[str],
    scores: npt.NDArray[np.float32],
    deadline_s: float,
    clock: Clock = time.monotonic,
) -> Reread:
    """``texts`` and ``scores`` are the first candidates, best first; ``met`` what the person met, oldest first.

    Opinions are standardised over those read and scaled to the spread of their scores, so that any scorer's scale will
    do. Fewer than two opinions move nothing.
    """
    began = clock()
    query = " ; ".join(met[-NEWEST:])
    opinions: list[float] = []
    while len(opinions) < min(READ, len(texts)) and clock() - began < deadline_s:
        part = texts[len(opinions) : len(opinions) + AT_ONCE]
        opinions += scorer.scores(query, part).tolist()
    read = min(len(opinions), len(texts))
    added = np.zeros(len(scores), np.float32)
    if read > 1:
        values = np.array(opinions[:read])
        spread = float(values.std())
        if spread > 1e-9:
            added[:read] = STRENGTH * float(scores[:read].std()) * (values - values.mean()) / spread
    return Reread(added, read)
