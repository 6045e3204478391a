"""Building the engine's state: tables, pooling and blend out of items and events, in the order of time.

The blend learns on the newest slice of behaviour, with tables that know only what came before it; then the tables are
learnt again from everything, the blend stays.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from apps.recommender.histories import Histories, History
from apps.recommender.identifiers import Rows
from apps.recommender.interest import GRID, best_pooling
from apps.recommender.knowledge import Knowledge
from apps.recommender.learning import MOST_CHOICES, Later, cut_time, learn_from, replayed
from apps.recommender.ranking import Blend, Choices, calibrated, learn, starting_blend
from core.events import Log, OnEvent

LEAST_CHOICES = 30  # below that the starting blend stays
TOO_FEW = (
    "{found} later choices are too few to learn the blend from, {least} are the least: lists are ranked by the "
    "starting weights until more events are brought and it is trained again."
)
POOLING_CHOICES = 800  # the grid of poolings is small


def learn_blend(
    knowledge: Knowledge, histories: Histories, now: float, on_event: OnEvent, silent: Sequence[str] = ()
) -> Blend:
    """The blend, and ``knowledge.pooling`` beside it; tables and popularity are left as of the cut."""
    start = starting_blend(knowledge.options.numeric_columns)
    people, events = histories.all()
    positive = positive_events(knowledge, events)
    cut = cut_time(events.times[positive])
    later = later_choices(people, events, positive, cut, knowledge.options.seed)
    before = events.times < cut
    fit_before(knowledge, people[before], events.where(before), min(cut, now))
    if len(later) < LEAST_CHOICES:
        on_event(Log(TOO_FEW.format(found=len(later), least=LEAST_CHOICES)))
        return start.without(silent)
    choose_pooling(knowledge, histories, later)
    choices = learn_from(knowledge, histories, later, knowledge.options.seed)
    on_event(Log(f"The blend learns from {len(choices)} choices of the newest slice."))
    return blend_of(choices, start, silent)


def blend_of(choices: Choices, start: Blend, silent: Sequence[str] = ()) -> Blend:
    """Weights from all choices; slope and bias of the probability from halves that taught no weights to each other."""
    if len(choices) < LEAST_CHOICES:
        return start.without(silent)
    even = np.arange(len(choices)) % 2 == 0
    halves = []
    for taught, asked in ((even, ~even), (~even, even)):
        half = learn(choices.part(taught), start, silent)
        rest = choices.part(asked)
        there = rest.stands_for > 0
        wanted = np.zeros(there.shape, np.float32)
        wanted[:, 0] = 1.0
        scores = rest.features @ half.weights
        halves.append(calibrated(half, scores[there], wanted[there], rest.stands_for[there]))
    whole = learn(choices, start, silent)
    slope, bias = (float(np.mean([getattr(half, name) for half in halves])) for name in ("slope", "bias"))
    return Blend(whole.names, whole.weights, slope, bias)


def choose_pooling(knowledge: Knowledge, histories: Histories, later: Sequence[Later]) -> None:
    """The pooling under which later choices are nearest in text."""
    if not knowledge.model.dim:
        return
    some = later[:: max(1, len(later) // POOLING_CHOICES)]
    pairs = [
        (one.item, person)
        for one, person in zip(some, replayed(knowledge, histories, some, counted=False), strict=True)
        if person.warm and one.item not in person.liked
    ]
    if len(pairs) >= LEAST_CHOICES:
        met = [(knowledge.vectors(person.liked), person.weights) for _, person in pairs]
        every = knowledge.vectors(np.arange(len(knowledge)))
        knowledge.pooling = best_pooling(met, [item for item, _ in pairs], every, GRID)


def fit_before(knowledge: Knowledge, people: Rows, events: History, now: float) -> None:
    """Tables and popularity from these events alone."""
    knowledge.popularity.clear()
    positive = positive_events(knowledge, events)
    knowledge.popularity.add(events.items[positive], events.times[positive])
    who, met = first_meetings(people[positive], events.where(positive))
    knowledge.fit_tables(who, met, now)


def positive_events(knowledge: Knowledge, events: History) -> npt.NDArray[np.bool_]:
    """(events,) which are wanted behaviour: of a positive kind and not below its neutral value."""
    kinds = np.array([one.positive for one in knowledge.options.meanings], np.bool_)
    return kinds[events.kinds] & (events.worths >= 0)


def first_meetings(people: Rows, events: History) -> tuple[Rows, History]:
    """Each item of a person once, where she met it first; order stays."""
    pairs = people * (int(events.items.max(initial=0)) + 1) + events.items
    _, first = np.unique(pairs, return_index=True)
    first.sort()
    keep = np.zeros(len(people), np.bool_)
    keep[first] = True
    return people[keep], events.where(keep)


def later_choices(people: Rows, events: History, positive: npt.NDArray[np.bool_], cut: float, seed: int) -> list[Later]:
    """Positive first choices from ``cut`` on by time, at most so many, drawn evenly."""
    rows = np.flatnonzero(positive)
    who, items, times = people[rows], events.items[rows], events.times[rows]
    _, first = np.unique(who * (int(items.max(initial=0)) + 1) + items, return_index=True)
    first = first[times[first] >= cut]
    if len(first) > MOST_CHOICES:
        first = np.random.default_rng(seed).choice(first, MOST_CHOICES, replace=False)
    first = first[np.argsort(times[first], kind="stable")]
    return [Later(int(who[n]), int(items[n]), float(times[n])) for n in first]
