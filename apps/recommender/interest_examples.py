"""What the text model learns from: what somebody had met, the item chosen next, and what was shown beside it in vain.

A target's own text never is in its history or among its negatives, and nothing of the same instant or later is known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.recommender.interest import languages_of, reads
from apps.recommender.records import EngineOptions, Event, Item
from apps.recommender.splits import by_time
from core.training.examples import InterestExample

LONGEST = 50  # items of a history that a choice keeps
READ = 8  # of these, the newest that an example holds; more cost time and fade away
DECAY = 0.8  # per step into the past
MOST_NEGATIVES = 4  # items shown in the same list and not chosen


@dataclass(frozen=True)
class Chosen:
    """One choice: items met before with weights, oldest first, the item chosen, items shown beside it in vain."""

    user: str
    time: datetime
    history: tuple[tuple[str, float], ...]
    target: str
    passed_over: tuple[str, ...] = ()


def choices(events: Sequence[Event], options: EngineOptions) -> Iterator[Chosen]:
    """Every first positive event of a person with an item, by time, beside what she had met before.

    Items shown in the same list and never chosen from it are passed over; where there are no impressions, none are.
    """
    shown, taken = _lists(events, options)
    met: dict[str, dict[str, float]] = defaultdict(dict)
    for batch in _instants(events):
        for one in batch:
            if _counts(one, options) and one.item not in met[one.user]:
                rivals = [item for item in shown.get(one.list_id, ()) if item not in taken[one.list_id]]
                history = tuple(met[one.user].items())[-LONGEST:]
                if history:
                    known = [item for item in rivals if item not in met[one.user]]
                    yield Chosen(one.user, one.time, history, one.item, tuple(known[:MOST_NEGATIVES]))
        for one in batch:
            if _counts(one, options):
                weight = options.meaning(one.type).worth(one.value)
                before = met[one.user].pop(one.item, 0.0)
                met[one.user][one.item] = max(before, weight)


def examples(chosen: Iterable[Chosen], items: Mapping[str, Item], languages: Collection[str]) -> list[InterestExample]:
    """Choices as texts, of items in languages that the encoder reads; a choice without any history left is none."""
    readable = {one.id: one.text for one in items.values() if reads(languages, languages_of(one))}
    found = []
    for one in chosen:
        target = readable.get(one.target)
        if target is None:
            continue
        history: dict[str, float] = {}
        for step, (item, weight) in enumerate(reversed(one.history[-READ:])):
            text = readable.get(item)
            if text is not None and text != target:
                history[text] = history.get(text, 0.0) + weight * DECAY**step
        negatives = dict.fromkeys(readable[item] for item in one.passed_over if item in readable)
        passed = tuple(text for text in negatives if text != target and text not in history)
        if history:
            found.append(InterestExample(tuple(history), tuple(history.values()), target, passed))
    return found


def _counts(event: Event, options: EngineOptions) -> bool:
    meaning = next((one for one in options.meanings if one.type == event.type), None)
    return meaning is not None and meaning.is_positive(event.value) and meaning.worth(event.value) > 0


def _lists(events: Sequence[Event], options: EngineOptions) -> tuple[dict[str, list[str]], defaultdict[str, set[str]]]:
    """Per list what was shown (in the order of events) and what was chosen from it."""
    shown: dict[str, list[str]] = {}
    taken: defaultdict[str, set[str]] = defaultdict(set)
    for one in events:
        if not one.list_id:
            continue
        if _counts(one, options):
            taken[one.list_id].add(one.item)
        elif one.type == "impression":
            shown.setdefault(one.list_id, []).append(one.item)
    return shown, taken


def _instants(events: Sequence[Event]) -> Iterator[list[Event]]:
    """Events of one instant together, by time: none of them may explain another."""
    batch: list[Event] = []
    for one in by_time(events):
        if batch and batch[0].time != one.time:
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch
