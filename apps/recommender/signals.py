"""What one request asks of the whole catalogue, computed once: behaviour scores of all items, text and word profiles.

Candidates and features both read it. Every signal can be standardised over the catalogue, so that unlike scales add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from apps.recommender.identifiers import Rows
from apps.recommender.interest import Pooling, unit
from apps.recommender.knowledge import Knowledge
from apps.recommender.person import Person
from apps.recommender.wording import Words

Scores = npt.NDArray[np.float32]
LINEAR_DECAY, TOGETHER_DECAY = 0.8, 0.6  # per step into the past; chosen on amazon_industrial's validation rows
LAST = Pooling(decay=0.05)  # nearly only the newest item
NEAREST_OF = 20  # newest liked items whose single likeness counts
NEAR_DECAY = 0.9  # per step into the past, of the likeness in words to a single thing


@dataclass(frozen=True)
class Standard:
    """Mean and spread of a signal over the catalogue."""

    mean: float
    spread: float

    def of(self, values: Scores) -> Scores:
        """The values in spreads from the mean."""
        return np.asarray((values - self.mean) / self.spread, np.float32)


def standard(values: Scores) -> Standard:
    """Of all items' values; a signal without spread standardises to 0."""
    if not len(values):
        return Standard(0.0, 1e9)
    mean = values.mean()
    off = values - mean
    spread = float(np.sqrt(off @ off / len(off)))  # numpy's own std takes thrice the time
    return Standard(float(mean), spread if spread > 1e-9 else 1e9)


class Signals:
    """Lazy: a signal nobody asks for costs nothing."""

    def __init__(self, knowledge: Knowledge, person: Person) -> None:
        self.knowledge, self.person = knowledge, person
        self._read: tuple[Rows, Scores] | None = None

    def vectors(self, rows: Rows) -> Scores:
        """(rows, dim) text vectors; asked for the same rows again, those read before."""
        if self._read is None or self._read[0] is not rows:
            self._read = rows, self.knowledge.vectors(rows)
        return self._read[1]

    def _steps(self, decay: float) -> Scores:
        """(liked,) weights fading with each step into the past."""
        steps = np.arange(len(self.person.liked) - 1, -1, -1, dtype=np.float32)
        return np.asarray(self.person.weights * decay**steps, np.float32)

    @cached_property
    def together(self) -> Scores:
        """(items,) from what is met together with what she likes."""
        table = self.knowledge.tables.together
        return table.scores(self.person.liked, self._steps(TOGETHER_DECAY), len(self.knowledge))

    @cached_property
    def together_last(self) -> Scores:
        """(items,) from what is met together with the newest one."""
        table = self.knowledge.tables.together
        return table.scores(self.person.liked[-1:], self.person.weights[-1:], len(self.knowledge))

    @cached_property
    def linear(self) -> Scores:
        """(items,) from the linear model; a large catalogue has factors instead."""
        table = self.knowledge.tables.linear
        return table.scores(self.person.liked, self._steps(LINEAR_DECAY), len(self.knowledge))

    def linear_of(self, rows: Rows) -> Scores:
        """(rows,) the linear signal of some items, or that of the factors, standardised over the catalogue."""
        factors = self.knowledge.tables.factors
        if not len(factors):
            return standard(self.linear[self.living]).of(self.linear[rows])
        found, mean, spread = factors.liking_of(self.factor_vector, rows)
        return Standard(mean, spread if spread > 1e-9 else 1e9).of(found)

    @cached_property
    def factor_vector(self) -> Scores:
        """(factors,) what the factors say of her."""
        return self.knowledge.tables.factors.person(self.person.liked, self._steps(LINEAR_DECAY))

    @cached_property
    def living(self) -> npt.NDArray[np.bool_] | slice:
        """Picks the items that are still there; all of them mostly."""
        alive = self.knowledge.catalogue.alive
        return slice(None) if alive.all() else alive

    @cached_property
    def liked_vectors(self) -> Scores:
        """(liked, dim) text vectors of what she likes."""
        return self.knowledge.vectors(self.person.liked)

    @cached_property
    def text_vector(self) -> Scores:
        """(dim,) her interest in text; zeros for somebody unknown."""
        return self._pooled(self.knowledge.pooling)

    @cached_property
    def last_vector(self) -> Scores:
        """(dim,) her newest interest."""
        return self._pooled(LAST)

    @cached_property
    def disliked_vectors(self) -> Scores:
        """(disliked, dim) text vectors of what she refused."""
        return self.knowledge.vectors(self.person.disliked)

    @cached_property
    def words(self) -> Scores:
        """(buckets,) weighted words of what she likes."""
        weights = self._steps(LINEAR_DECAY)
        return self.knowledge.wording.profile(self.person.liked, weights / max(float(weights.sum()), 1e-9))

    @cached_property
    def words_last(self) -> Scores:
        """(buckets,) words of the newest one."""
        newest = self.person.liked[-1:]
        return self.knowledge.wording.profile(newest, np.ones(len(newest), np.float32))

    def text_standard(self, vector: Scores) -> Standard:
        """Of the cosines of all items (of the panel) with a vector."""
        return standard(self.knowledge.panel.vectors @ vector)

    def words_standard(self, profile: Scores) -> Standard:
        """Of the word likeness of all items (of the panel) with a profile."""
        return standard(self.knowledge.panel.words.likeness(profile))

    def near(self, rows: Rows) -> Scores:
        """(rows, newest liked) cosine of each candidate with each of the newest things she likes."""
        return self.vectors(rows) @ self.liked_vectors[-NEAREST_OF:].T

    def words_near(self, words: Words) -> Scores:
        """(rows,) likeness in words of each candidate to the newest thing she likes that it is most like."""
        if not self.person.warm:
            return np.zeros(words.rows, np.float32)
        fading = self._steps(NEAR_DECAY)[-NEAREST_OF:]
        return np.asarray((words.near(self.newest_words) * fading).max(1), np.float32)

    @cached_property
    def newest_words(self) -> Words:
        """The words of each of the newest things she likes."""
        return self.knowledge.wording.words(self.person.liked[-NEAREST_OF:])

    def _pooled(self, pooling: Pooling) -> Scores:
        if not self.person.warm:
            return np.zeros(self.knowledge.model.dim, np.float32)
        return unit(pooling.weights(self.liked_vectors, self.person.weights) @ self.liked_vectors)
