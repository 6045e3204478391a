"""Lists as they were served, and which later events count for them; pure.

A list keeps its places for ever: an item deleted since leaves an empty one.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from apps.recommender.records import Event
from core.metrics_ranking import ndcg_of

DEPTH = 20  # places that the order of clicks is judged on


@dataclass(frozen=True, slots=True)
class ServedList:
    """What one person was shown at one moment; ``arms`` maps an experiment to the variant that made this list."""

    id: str
    user: str
    served_at: datetime
    items: tuple[str | None, ...]
    arms: Mapping[str, str] = field(default_factory=dict)
    model: str = ""
    route: str = ""
    took_ms: float = 0.0

    @property
    def shown(self) -> tuple[str, ...]:
        """The items still known, in order."""
        return tuple(one for one in self.items if one is not None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A list and the items of it that people then wanted."""

    served: ServedList
    wanted: frozenset[str]

    @property
    def ndcg(self) -> float | None:
        """How near the top the wanted ones stood, in [0, 1]; None when none was wanted."""
        if not self.wanted:
            return None
        places = [one if one is not None else place for place, one in enumerate(self.served.items)]
        return ndcg_of(places, self.wanted, DEPTH)


def impressions(served: ServedList) -> list[Event]:
    """The list as impression events, with places from 1, for training."""
    return [
        Event(f"{served.id}:{place}", served.user, item, "impression", served.served_at, None, place, served.id)
        for place, item in enumerate(served.items, start=1)
        if item is not None and served.user
    ]


def lists_of(events: Iterable[Event], route: str = "") -> tuple[list[ServedList], list[Event]]:
    """Impression events gathered into the lists that they were, and the other events; for logs made elsewhere."""
    shown: dict[str, dict[int, Event]] = defaultdict(dict)
    others: list[Event] = []
    for event in events:
        if event.type == "impression" and event.list_id and event.position:
            shown[event.list_id].setdefault(event.position, event)
        else:
            others.append(event)
    made = []
    for list_id, places in shown.items():
        first = places[min(places)]
        items = tuple(places[at].item if at in places else None for at in range(1, max(places) + 1))
        made.append(ServedList(list_id, first.user, first.time, items, route=route))
    return made, others


def outcomes(
    lists: Sequence[ServedList], events: Iterable[Event], positive: Callable[[Event], bool], join_hours: float
) -> list[Outcome]:
    """Each list with what was wanted of it, in the order of ``lists``.

    A positive event counts for the list whose id it carries; without one, for the person's latest list before it that
    shows the item. Later than ``join_hours`` after the list it counts for none.
    """
    by_id = {one.id: one for one in lists}
    of_user: dict[str, list[ServedList]] = defaultdict(list)
    for one in sorted(lists, key=lambda one: one.served_at):
        of_user[one.user].append(one)
    within = timedelta(hours=join_hours)
    wanted: dict[str, set[str]] = defaultdict(set)
    for event in events:
        if not positive(event):
            continue
        served = by_id.get(event.list_id) if event.list_id else _latest(of_user.get(event.user, []), event)
        if served and event.item in served.items and served.served_at <= event.time <= served.served_at + within:
            wanted[served.id].add(event.item)
    return [Outcome(one, frozenset(wanted.get(one.id, ()))) for one in lists]


def _latest(lists: Sequence[ServedList], event: Event) -> ServedList | None:
    """The latest list not after the event that shows its item; ``lists`` in order of time."""
    last = bisect_right(lists, event.time, key=lambda one: one.served_at)
    return next((one for one in reversed(lists[:last]) if event.item in one.items), None)
