"""Our engine on a ranking problem: fitted on a part, its blend learnt on the tuning parts, lists as it serves them.

The lists come out of the same candidates, features and blend as a request; what no route proposes is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.recommender.candidates import candidates
from apps.recommender.diversity import Pool, choose, granted
from apps.recommender.engine_fit import blend_of
from apps.recommender.features import PART_OF, features
from apps.recommender.histories import History
from apps.recommender.identifiers import Rows
from apps.recommender.interest import GRID, Pooling, TextModel, best_pooling
from apps.recommender.knowledge import Knowledge
from apps.recommender.learning import choices_of
from apps.recommender.measures.ranked import LOST, K, Ranking
from apps.recommender.person import Person, person_of
from apps.recommender.popularity import DAY_S
from apps.recommender.public_sets import Case, Part, Problem
from apps.recommender.ranking import Blend, Choices, joined_choices, starting_blend
from apps.recommender.records import EngineOptions, EventMeaning, Wish
from apps.recommender.signals import Signals
from apps.recommender.wording import Wording
from core.inference.embedding import Embedder

END = 4e8  # the sets have no usable times: a step of a sequence is a day, the last one ends here
MET = EventMeaning("met", 1.0, half_life_days=36_500, positive=True)
MOST_CHOICES = 5_000
NO_TEXT = tuple(name for name, part in PART_OF.items() if part == "text")
NO_BEHAVIOUR = tuple(
    name for name, part in PART_OF.items() if part in ("behaviour", "popularity") and "seen" not in name
)


# the engine's options on a problem: one kind of event that does not fade
OPTIONS = EngineOptions(meanings=(MET,), neighbours=300)


def fitted(problem: Problem, part: Part, embedders: Sequence[Embedder]) -> Knowledge:
    """Everything the engine knows of a part: items and what its sequences teach."""
    model = TextModel(embedders)
    knowledge = Knowledge(OPTIONS, model, Wording.fit([one.short_text for one in problem.items]))
    knowledge.put(problem.items)
    people, events = meetings(part)
    knowledge.popularity.add(events.items, events.times)
    knowledge.fit_tables(people, events, END)
    return knowledge


def meetings(part: Part) -> tuple[Rows, History]:
    """A part's sequences as events, a day apart, the last one of everybody at the end."""
    lengths = [len(own) for own in part.sequences.values()]
    people = np.repeat(np.arange(len(lengths)), lengths)
    items = np.array([item for own in part.sequences.values() for item in own], np.int64)
    back = np.concatenate([np.arange(length - 1, -1, -1) for length in lengths])
    return people, _history(items, back)


def person(case: Case, knowledge: Knowledge) -> Person:
    """The person of a case."""
    items = np.array(case.history, np.int64)
    return person_of(_history(items, np.arange(len(items) - 1, -1, -1)), END, knowledge.options)


def learn_ours(
    problem: Problem, embedders_of: Callable[[int], Sequence[Embedder]], seed: int = 0
) -> tuple[Choices, Knowledge]:
    """Choices of all tuning parts, each from knowledge of its own part; the last knowledge has the chosen pooling.

    ``embedders_of`` gives the text model of a part by its number, since a tuned one must not have read its targets.
    """
    random = np.random.default_rng(seed)
    parts = []
    pooling: Pooling | None = None
    for number, part in enumerate(problem.tuning):
        knowledge = fitted(problem, part, embedders_of(number))
        most = MOST_CHOICES // len(problem.tuning)
        some = [part.cases[n] for n in np.sort(random.permutation(len(part.cases))[:most])]
        people = [person(one, knowledge) for one in some]
        if pooling is None and knowledge.model.dim:
            pooling = _pooling(knowledge, people, some)
        knowledge.pooling = pooling or knowledge.pooling
        parts.append(choices_of(knowledge, people, [one.target for one in some], [END] * len(some), seed))
    return joined_choices(parts), knowledge


def blend_without(choices: Choices, silent: Sequence[str]) -> Blend:
    """The calibrated blend learnt from the choices, some features silenced."""
    return blend_of(choices, starting_blend(), silent)


@dataclass(frozen=True)
class Ranked:
    """Filtered and unfiltered lists of the same cases; probabilities of the filtered lists and what happened."""

    filtered: Ranking
    unfiltered: Ranking
    probabilities: npt.NDArray[np.float32]
    wanted: npt.NDArray[np.bool_]


def rank(knowledge: Knowledge, blends: Mapping[str, tuple[Blend, int]], cases: Sequence[Case]) -> dict[str, Ranked]:
    """Every case under each blend with its fresh places; candidates and features are made once.

    A fresh place goes to the best item that nobody has wanted yet, as ``Wish.freshness`` does in a served list.
    """
    rows: dict[str, list[tuple[tuple[int, Rows], tuple[int, Rows], npt.NDArray[np.float32]]]] = {n: [] for n in blends}
    alive = knowledge.catalogue.alive
    for one in cases:
        signals = Signals(knowledge, person(one, knowledge))
        found = candidates(signals, END, alive).rows
        table = features(signals, found, END)
        unseen = ~np.isin(found, one.history)
        new = knowledge.popularity.wanted[found] == 0
        for name, (blend, slots) in blends.items():
            scores = blend.scores(table)
            order = np.argsort(-scores, kind="stable")
            order, kept = (_granted(part, new, slots) for part in (order, order[unseen[order]]))
            rows[name].append(
                (_place(found[kept], one.target), _place(found[order], one.target), blend.probability(scores[kept[:K]]))
            )
    return {name: _ranked(own, cases) for name, own in rows.items()}


def _granted(order: Rows, fresh: npt.NDArray[np.bool_], slots: int) -> Rows:
    """The order with fresh candidates on the places of the first ``K`` that the quota grants them."""
    top = order[:K].tolist()
    given = granted(top, order.tolist() if slots else [], fresh, slots)
    if not given:
        return order
    for spot, place in given.items():
        top[spot] = place
    return np.concatenate([top, order[~np.isin(order, top)]]).astype(np.int64)


def varied(knowledge: Knowledge, blend: Blend, cases: Sequence[Case], dials: Sequence[float]) -> dict[float, Ranking]:
    """The filtered lists under several positions of the diversity dial."""
    found: dict[float, list[tuple[int, Rows]]] = {dial: [] for dial in dials}
    for one in cases:
        signals = Signals(knowledge, person(one, knowledge))
        allowed = knowledge.catalogue.alive.copy()
        allowed[list(one.history)] = False
        rows = candidates(signals, END, allowed).rows
        scores = blend.scores(features(signals, rows, END))
        top = np.argsort(-scores, kind="stable")[: knowledge.options.diversity_pool]
        none = np.zeros(len(top), np.int32)
        pool = Pool(scores[top], knowledge.vectors(rows[top]), none, none, np.zeros(len(top), np.float32), {})
        for dial in dials:
            chosen = choose(pool, Wish(diversity=dial), K).places
            found[dial].append(_place(rows[top[chosen]], one.target))
    return {dial: _ranking(own) for dial, own in found.items()}


def _pooling(knowledge: Knowledge, people: Sequence[Person], cases: Sequence[Case]) -> Pooling:
    some = [(one, case) for one, case in zip(people, cases, strict=True) if case.target not in one.liked][:800]
    met = [(knowledge.vectors(one.liked), one.weights) for one, _ in some]
    return best_pooling(met, [case.target for _, case in some], knowledge.vectors(np.arange(len(knowledge))), GRID)


def _place(ranked: Rows, target: int) -> tuple[int, Rows]:
    """Place of the target (a large number when it is not there) and the first rows."""
    found = np.flatnonzero(ranked == target)
    top = np.full(K, -1, np.int64)
    top[: min(K, len(ranked))] = ranked[:K]
    return (int(found[0]) if len(found) else LOST), top


def _ranking(rows: Sequence[tuple[int, Rows]]) -> Ranking:
    return Ranking(np.array([place for place, _ in rows], np.int64), np.stack([top for _, top in rows]))


def _ranked(own: Sequence[Any], cases: Sequence[Case]) -> Ranked:
    filtered = _ranking([one[0] for one in own])
    wanted = np.array([filtered.lists[n] == case.target for n, case in enumerate(cases)])
    lengths = [len(one[2]) for one in own]
    there = np.arange(K)[None, :] < np.array(lengths)[:, None]
    return Ranked(filtered, _ranking([one[1] for one in own]), np.concatenate([one[2] for one in own]), wanted[there])


def _history(items: Rows, back: npt.NDArray[np.int64]) -> History:
    count = len(items)
    return History(
        items, np.zeros(count, np.uint8), (END - back * DAY_S).astype(np.float64), np.ones(count, np.float32)
    )
