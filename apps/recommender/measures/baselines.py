"""The simple rankers that every table shows beside ours, each with settings chosen on the tuning parts.

A ranker is a function from a fitted part to scores of all items for some cases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse

from apps.recommender import factors as als
from apps.recommender.public_sets import Case, Part, Problem

Scores = npt.NDArray[np.float32]
DECAYS = (1.0, 0.8, 0.6, 0.4)  # per step into the past, tried for every ranker that reads a history
WEIGHTS = (0.25, 0.5, 1.0, 2.0)  # of words beside EASE in the blend
AT_ONCE = 512
FACTORS = 64


@dataclass
class Fitted:
    """What the baselines learn of one part, each thing once and only when asked for."""

    problem: Problem
    part: Part

    @property
    def size(self) -> int:
        """Items of the catalogue."""
        return len(self.problem.items)

    @cached_property
    def met(self) -> sparse.csr_matrix:
        """(users, items) 1 where met."""
        pairs = [(n, item) for n, own in enumerate(self.part.sequences.values()) for item in set(own)]
        rows, columns = np.array(pairs).T
        return sparse.csr_matrix(
            (np.ones(len(pairs), np.float32), (rows, columns)), (len(self.part.sequences), self.size)
        )

    @cached_property
    def popularity(self) -> Scores:
        """(items,) people who met each."""
        return np.asarray(self.met.sum(0), np.float32).ravel()

    @cached_property
    def cold(self) -> npt.NDArray[np.bool_]:
        """(items,) met by nobody."""
        return self.popularity == 0

    @cached_property
    def nearest(self) -> sparse.csr_matrix:
        """(items, items) cosine of who met them, without the diagonal."""
        gram = (self.met.T @ self.met).tocoo()
        norm = np.sqrt(self.popularity[gram.row] * self.popularity[gram.col]) + 1.0
        off = gram.row != gram.col
        return sparse.csr_matrix(((gram.data / norm)[off], (gram.row[off], gram.col[off])), gram.shape)

    @cached_property
    def linear(self) -> Scores:
        """(items, items) EASE with penalty 100, whole."""
        gram = (self.met.T @ self.met).toarray()
        gram[np.diag_indices(self.size)] += 100.0
        inverse = np.linalg.inv(gram)
        inverse /= -inverse.diagonal()[None, :].copy()
        inverse[np.diag_indices(self.size)] = 0.0
        return inverse

    @cached_property
    def factors(self) -> als.Factors:
        """iALS of 64 factors."""
        rows, columns = self.met.nonzero()
        return als.alternating(rows.astype(np.int64), columns.astype(np.int64), self.size, FACTORS, seed=0)

    @cached_property
    def words(self) -> sparse.csr_matrix:
        """(items, items) cosine of TF-IDF of title, brand and tags; unit weights in a plain vectoriser."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        texts = [one.short_text for one in self.problem.items]
        vectors = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)[^\W_][\w\-\./]*").fit_transform(texts)
        return (vectors @ vectors.T).tocsr().astype(np.float32)

    def histories(self, cases: Sequence[Case], decay: float) -> sparse.csr_matrix:
        """(cases, items) weights of what each met, fading per step into the past."""
        rows, columns, values = [], [], []
        for number, one in enumerate(cases):
            last = {item: step for step, item in enumerate(one.history)}
            rows += [number] * len(last)
            columns += list(last)
            values += [decay ** (len(one.history) - 1 - step) for step in last.values()]
        shape = (len(cases), self.size)
        return sparse.csr_matrix((np.array(values, np.float32), (rows, columns)), shape)


Ranker = Callable[[Fitted, Sequence[Case]], Scores]


def rankers() -> dict[str, Sequence[Ranker]]:
    """By name the variants among which the tuning parts choose."""
    return {
        "pop": [lambda fitted, cases: np.tile(fitted.popularity, (len(cases), 1))],
        "itemknn_recency": [_by_history("nearest", decay) for decay in DECAYS],
        "ease": [_by_history("linear", decay) for decay in DECAYS],
        "ials": [_ials],
        "tfidf": [_by_history("words", decay) for decay in DECAYS],
        "z_blend": [_z_blend(weight, decay) for weight in WEIGHTS for decay in (0.8, 0.6)],
    }


def in_batches(cases: Sequence[Case]) -> Iterator[Sequence[Case]]:
    """So many cases that all items' scores fit."""
    for start in range(0, len(cases), AT_ONCE):
        yield cases[start : start + AT_ONCE]


def without_seen(scores: Scores, cases: Sequence[Case]) -> Scores:
    """Scores with everything of the own history at -inf."""
    found = scores.copy()
    for number, one in enumerate(cases):
        found[number, list(one.history)] = -np.inf
    return found


def _by_history(table: str, decay: float) -> Ranker:
    def scores(fitted: Fitted, cases: Sequence[Case]) -> Scores:
        product = fitted.histories(cases, decay) @ getattr(fitted, table)
        return product.toarray() if sparse.issparse(product) else np.asarray(product, np.float32)

    return scores


def _ials(fitted: Fitted, cases: Sequence[Case]) -> Scores:
    model = fitted.factors
    people = [
        model.person(np.array(sorted(set(one.history))), np.ones(len(set(one.history)), np.float32)) for one in cases
    ]
    return np.stack(people) @ model.items.T


def _z_blend(weight: float, decay: float) -> Ranker:
    linear, words = _by_history("linear", decay), _by_history("words", decay)
    return lambda fitted, cases: _z(linear(fitted, cases)) + weight * _z(words(fitted, cases))


def _z(scores: Scores) -> Scores:
    return (scores - scores.mean(1, keepdims=True)) / (scores.std(1, keepdims=True) + 1e-6)
