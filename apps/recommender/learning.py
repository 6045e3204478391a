"""What the ranking learns from: later choices, replayed in the order of time, each beside rivals it was not.

Popularity goes on counting during the replay, a choice is learnt from before it is counted, and nothing of the same
instant or later is in a history: the target never helps to find itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.recommender.candidates import candidates
from apps.recommender.features import features, names_with
from apps.recommender.histories import Histories
from apps.recommender.knowledge import Knowledge
from apps.recommender.person import Person, person_of
from apps.recommender.ranking import Choices, joined_choices
from apps.recommender.signals import Signals

DRAWN = 50  # of the items that no route brought, for each choice
RIVALS = 150  # of those that routes brought
LATER_SHARE = 0.2  # of the positive events, the newest: the slice the ranking learns on
MOST_CHOICES = 2_500  # more than that teach twenty-odd weights nothing new


@dataclass(frozen=True)
class Later:
    """One choice: who (a row), what (a row), when (seconds)."""

    person: int
    item: int
    time: float


def choices_of(
    knowledge: Knowledge, people: Sequence[Person], targets: Sequence[int], times: Sequence[float], seed: int
) -> Choices:
    """One choice per person and target, at that time, beside near rivals and drawn ones."""
    random = np.random.default_rng(seed)
    found = [
        _one(Signals(knowledge, person), target, now, random)
        for person, target, now in zip(people, targets, times, strict=True)
    ]
    return joined_choices(found)


def replayed(
    knowledge: Knowledge, histories: Histories, later: Sequence[Later], counted: bool = True
) -> Iterator[Person]:
    """The person before each choice, in order of time; ``counted`` lets popularity go on with the choices before."""
    waiting: list[Later] = []
    for one in later:
        if counted and waiting and waiting[0].time < one.time:
            _count(knowledge, waiting)
            waiting = []
        yield person_of(histories.of(one.person).before(one.time), one.time, knowledge.options)
        waiting.append(one)


def learn_from(knowledge: Knowledge, histories: Histories, later: Sequence[Later], seed: int) -> Choices:
    """Choices of everybody of whom something was known before."""
    random = np.random.default_rng(seed)
    parts = [
        _one(Signals(knowledge, person), one.item, one.time, random)
        for one, person in zip(later, replayed(knowledge, histories, later), strict=True)
        if person.warm
    ]
    if parts:
        return joined_choices(parts)
    names = len(names_with(knowledge.options.numeric_columns))
    return Choices(np.zeros((0, 1, names), np.float32), np.zeros((0, 1), np.float32))


def _one(signals: Signals, target: int, now: float, random: np.random.Generator) -> Choices:
    alive = signals.knowledge.catalogue.alive
    near = candidates(signals, now, alive).rows
    near = near[near != target]
    rest = alive.copy()
    rest[near] = rest[target] = False
    rivals = len(near)
    near = random.choice(near, min(RIVALS, rivals), replace=False)
    others = np.flatnonzero(rest)
    drawn = random.choice(others, min(DRAWN, len(others)), replace=False)
    rows = np.concatenate([[target], near, drawn]).astype(np.int64)
    weight = np.ones(len(rows), np.float32)
    weight[1 : 1 + len(near)] = rivals / max(1, len(near))
    weight[1 + len(near) :] = len(others) / max(1, len(drawn))
    table = features(signals, rows, now)
    width = 1 + RIVALS + DRAWN
    room = [(0, 0), (0, width - len(rows))]
    return Choices(np.pad(table[None], [*room, (0, 0)]), np.pad(weight[None], room))


def _count(knowledge: Knowledge, later: Sequence[Later]) -> None:
    items = np.array([one.item for one in later], np.int64)
    knowledge.popularity.add(items, np.array([one.time for one in later]))


def cut_time(times: npt.NDArray[np.float64], share: float = LATER_SHARE) -> float:
    """The time from which on the newest ``share`` of the events lie; infinity when they cannot be parted."""
    if len(times) < 10:
        return float("inf")
    cut = float(np.quantile(times, 1 - share))
    return cut if (times < cut).any() else float("inf")
