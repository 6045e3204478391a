"""One list from beginning to end: rules, routes, features, blend, variety, fresh places; every step is kept.

The same steps answer "recommend" and "why not", so that an explanation cannot tell another story than the list.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from apps.recommender.candidates import BIT, Candidates, candidates
from apps.recommender.diversity import Pool, choose, granted, intra_list_distance, price
from apps.recommender.features import Matrix, features, fresh_claims
from apps.recommender.filters import Screen
from apps.recommender.identifiers import Rows
from apps.recommender.knowledge import Knowledge
from apps.recommender.person import Person
from apps.recommender.ranking import Blend
from apps.recommender.records import Wish
from apps.recommender.reranking import NEWEST, READ, reread
from apps.recommender.signals import Signals
from core.inference.pairs import PairScorer


@dataclass
class Trace:
    """Everything on the way to a list; ``order`` are places among the candidates, best score first."""

    signals: Signals
    screen: Screen
    candidates: Candidates
    removed: dict[str, Rows]
    table: Matrix
    scores: Matrix
    order: npt.NDArray[np.int64]
    notes: list[str] = field(default_factory=list)
    places: list[int] = field(default_factory=list)  # of the list, among the candidates
    added: list[float] = field(default_factory=list)  # to each score of the list by the dials
    price: float = 0.0
    ild: float = 0.0
    ild_plain: float = 0.0

    def __post_init__(self) -> None:
        self.reread = np.zeros(len(self.scores), np.float32)  # what the cross-encoder added to each score

    def rank(self, row: int) -> int | None:
        """Place of an item by score alone, from 1; None when it was no candidate."""
        found = np.flatnonzero(self.candidates.rows[self.order] == row)
        return int(found[0]) + 1 if len(found) else None


def trace(
    knowledge: Knowledge, blend: Blend, person: Person, wish: Wish, now: float, scorer: PairScorer | None = None
) -> Trace:
    """Make a list and keep what happened; ``scorer`` reads the first few once more if the wish sets a deadline."""
    signals = Signals(knowledge, person)
    screen = Screen(knowledge.catalogue, person, wish.filters)
    found, removed = _proposed(signals, screen, wish.k, now)
    table = features(signals, found.rows, now)
    scores = blend.scores(table)
    order = np.argsort(-scores, kind="stable")
    made = Trace(signals, screen, found, removed, table, scores, order)
    if scorer is not None and wish.deadline_s > 0 and person.warm and len(found) > 1:
        _reread(made, scorer, wish.deadline_s)
    if len(found):
        _fill(made, blend, wish)
    return made


def _reread(made: Trace, scorer: PairScorer, deadline_s: float) -> None:
    """Let the cross-encoder move the first few; the features keep their values, ``reread`` what it added."""
    item, rows = made.signals.knowledge.catalogue.item, made.candidates.rows
    first = made.order[:READ]
    met = [item(row).text for row in made.signals.person.liked[-NEWEST:].tolist()]
    texts = [item(int(row)).text for row in rows[first]]
    opinion = reread(scorer, met, texts, made.scores[first], deadline_s)
    made.reread[first] = opinion.added
    made.scores = made.scores + made.reread
    made.order = np.argsort(-made.scores, kind="stable")
    if opinion.read < len(first):
        made.notes.append(f"The cross-encoder read {opinion.read} of {len(first)} before its deadline.")


def _proposed(signals: Signals, screen: Screen, k: int, now: float) -> tuple[Candidates, dict[str, Rows]]:
    """Allowed candidates, and of all that routes proposed what each rule took; few left means asking routes again."""
    every = candidates(signals, now, signals.knowledge.catalogue.alive)
    removed = screen.removed(every.rows)
    left = every.where(screen.allowed[every.rows])
    if len(left) < len(every) and len(left) < max(3 * k, len(every) // 2):
        left = candidates(signals, now, screen.allowed)
    if len(left) < k:
        left = _rest(left, screen)
    return left, removed


def _rest(left: Candidates, screen: Screen) -> Candidates:
    """Any allowed items where routes brought too few: a short catalogue, or nobody ever did anything."""
    others = np.setdiff1d(np.flatnonzero(screen.allowed), left.rows)[:500]
    return Candidates(
        np.concatenate([left.rows, others]), np.concatenate([left.routes, np.zeros(len(others), np.int32)])
    )


def _fill(made: Trace, blend: Blend, wish: Wish) -> None:
    """Choose the list out of the best candidates and put fresh items on their places."""
    knowledge, rows = made.signals.knowledge, made.candidates.rows
    vectors = made.signals.vectors(rows)
    top = made.order[: max(knowledge.options.diversity_pool, 2 * wish.k)]
    pool = Pool(
        made.scores[top],
        vectors[top],
        knowledge.catalogue.category[rows[top]],
        knowledge.catalogue.brand[rows[top]],
        np.maximum(knowledge.popularity.shown, knowledge.popularity.wanted)[rows[top]].astype(np.float32),
        _mix(made.signals) if wish.calibration else {},
    )
    chosen = choose(pool, wish, wish.k)
    made.places, made.added = [int(top[place]) for place in chosen.places], chosen.added
    for rule, places in chosen.capped.items():
        made.removed[rule] = rows[top[places]]
    _refresh(made, wish)
    probabilities = blend.probability(made.scores)
    plain = made.order[: len(made.places)]
    made.price = price(probabilities, made.places)
    made.ild = intra_list_distance(vectors[made.places])
    made.ild_plain = intra_list_distance(vectors[plain])


def _refresh(made: Trace, wish: Wish) -> None:
    """Give new items the places the wish grants them, taking them from the end of the list."""
    fresh = made.candidates.routes & BIT["fresh"] > 0
    claims = fresh_claims(made.table, wish.fresh_by_words)
    for spot, place in granted(made.places, made.order, fresh, made.scores, claims, wish.freshness, wish.k).items():
        made.added[spot] += float(made.scores[made.places[spot]] - made.scores[place])  # it stands where that one stood
        made.places[spot] = place


def _mix(signals: Signals) -> dict[int, float]:
    """The person's share of each category by the weights of what she likes."""
    person = signals.person
    codes = signals.knowledge.catalogue.category[person.liked]
    summed = np.bincount(codes, person.weights) if len(codes) else np.zeros(1)
    summed[0] = 0.0
    return {int(code): float(summed[code] / summed.sum()) for code in np.flatnonzero(summed)}
