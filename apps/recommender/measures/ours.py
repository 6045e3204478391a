"""Our engine on a ranking problem: fitted on a part, its blend learnt on the tuning parts, lists as it serves them.

The lists come out of the same candidates, features and blend as a request; what no route proposes is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.recommender.candidates import candidates
from apps.recommender.diversity import Pool, choose, granted
from apps.recommender.engine_fit import blend_of
from apps.recommender.features import PART_OF, Matrix, features, fresh_claims
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


@dataclass(frozen=True)
class Lesson:
    """A tuning part as the engine knows it: cases drawn from it, and each of them as a choice to learn from."""

    knowledge: Knowledge
    cases: Sequence[Case]
    choices: Choices

    @property
    def half(self) -> npt.NDArray[np.int64]:
        """(cases,) 0 or 1: every other person, with all of her cases."""
        return np.unique([one.user for one in self.cases], return_inverse=True)[1] % 2

    def of_half(self, half: int) -> tuple[Sequence[Case], Choices]:
        """The cases and choices of one half of the people."""
        chosen = self.half == half
        return [case for case, there in zip(self.cases, chosen, strict=True) if there], self.choices.part(chosen)


def learn_ours(
    problem: Problem, embedders_of: Callable[[int], Sequence[Embedder]], seed: int = 0
) -> tuple[Choices, Knowledge]:
    """Choices of all tuning parts; the knowledge, that of the last part, has the chosen pooling."""
    found = lessons(problem, embedders_of, seed)
    return joined_choices([one.choices for one in found]), found[-1].knowledge


def lessons(problem: Problem, embedders_of: Callable[[int], Sequence[Embedder]], seed: int = 0) -> list[Lesson]:
    """What each tuning part teaches, from knowledge of its own; the pooling is chosen on the first.

    ``embedders_of`` gives the text model of a part by its number, since a tuned one must not have read its targets.
    """
    random = np.random.default_rng(seed)
    found: list[Lesson] = []
    pooling: Pooling | None = None
    for number, part in enumerate(problem.tuning):
        knowledge = fitted(problem, part, embedders_of(number))
        most = MOST_CHOICES // len(problem.tuning)
        some = [part.cases[n] for n in np.sort(random.permutation(len(part.cases))[:most])]
        people = [person(one, knowledge) for one in some]
        if pooling is None and knowledge.model.dim:
            pooling = _pooling(knowledge, people, some)
        knowledge.pooling = pooling or knowledge.pooling
        choices = choices_of(knowledge, people, [one.target for one in some], [END] * len(some), seed)
        found.append(Lesson(knowledge, some, choices))
    return found


def blend_without(choices: Choices, silent: Sequence[str]) -> Blend:
    """The calibrated blend learnt from the choices, some features silenced."""
    return blend_of(choices, starting_blend(), silent)


@dataclass(frozen=True)
class Way:
    """A blend, how many places of ten may go to items nobody wanted yet, and where the diversity dial stands.

    ``by_words`` as ``Wish.fresh_by_words``.
    """

    blend: Blend
    slots: int = 0
    dial: float = 0.0
    by_words: bool = False


@dataclass(frozen=True)
class Ranked:
    """Filtered and unfiltered lists of the same cases; probabilities of the filtered lists and what happened."""

    filtered: Ranking
    unfiltered: Ranking
    probabilities: npt.NDArray[np.float32]
    wanted: npt.NDArray[np.bool_]


def rank(knowledge: Knowledge, ways: Mapping[str, Way], cases: Sequence[Case]) -> dict[str, Ranked]:
    """Every case in each way; candidates and features are made once.

    Fresh places, their order and diversity act as the fields of ``Wish`` do in a served list.
    """
    found: dict[str, list[_Listed]] = {name: [] for name in ways}
    alive = knowledge.catalogue.alive
    for one in cases:
        signals = Signals(knowledge, person(one, knowledge))
        rows = candidates(signals, END, alive).rows
        table = features(signals, rows, END)
        unseen = ~np.isin(rows, one.history)
        for name, way in ways.items():
            scores = way.blend.scores(table)
            order = np.argsort(-scores, kind="stable")
            on, off = (_ordered(knowledge, way, rows, table, scores, part) for part in (order[unseen[order]], order))
            stated = way.blend.probability(scores[on[:K]])
            found[name].append(_Listed(_place(rows[on], one.target), _place(rows[off], one.target), stated))
    return {name: _ranked(own, cases) for name, own in found.items()}


@dataclass(frozen=True)
class _Listed:
    filtered: tuple[int, Rows]
    unfiltered: tuple[int, Rows]
    stated: npt.NDArray[np.float32]


def _ordered(knowledge: Knowledge, way: Way, rows: Rows, table: Matrix, scores: Matrix, order: Rows) -> Rows:
    """The order with its first places chosen for variety and granted to fresh items."""
    top = order[:K].tolist()
    if way.dial:
        pool = order[: knowledge.options.diversity_pool]
        none = np.zeros(len(pool), np.int32)
        made = Pool(scores[pool], knowledge.vectors(rows[pool]), none, none, none.astype(np.float32), {})
        top = [int(pool[place]) for place in choose(made, Wish(diversity=way.dial), K).places]
    if way.slots:
        fresh = knowledge.popularity.wanted[rows] == 0
        claims = fresh_claims(table, way.by_words)
        for spot, place in granted(top, order, fresh, scores, claims, way.slots / K, K).items():
            top[spot] = place
    if not way.dial and not way.slots:
        return order
    return np.concatenate([np.array(top, np.int64), order[~np.isin(order, top)]])


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


def _ranked(own: Sequence[_Listed], cases: Sequence[Case]) -> Ranked:
    filtered = _ranking([one.filtered for one in own])
    wanted = np.array([filtered.lists[n] == case.target for n, case in enumerate(cases)])
    lengths = np.array([len(one.stated) for one in own])
    there = np.arange(K)[None, :] < lengths[:, None]
    stated = np.concatenate([one.stated for one in own])
    return Ranked(filtered, _ranking([one.unfiltered for one in own]), stated, wanted[there])


def _history(items: Rows, back: npt.NDArray[np.int64]) -> History:
    count = len(items)
    return History(
        items, np.zeros(count, np.uint8), (END - back * DAY_S).astype(np.float64), np.ones(count, np.float32)
    )
