"""Events from outside become arrays of rows and codes; what cannot be used is refused with a reason, never the rest."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from apps.recommender.histories import History
from apps.recommender.identifiers import Numbers, Rows
from apps.recommender.records import EngineOptions, Event, epoch
from core.errors import known_names

REMEMBERED = 200_000  # newest event ids by which a repetition is noticed


@dataclass
class Batch:
    """Events of one call: those of a history, and the item rows that were shown."""

    people: Rows
    events: History
    positive: npt.NDArray[np.bool_]  # (events,)
    shown: Rows
    repeated: int = 0
    refused: dict[str, str] = field(default_factory=dict)


class Intake:
    """Turns records into arrays; keeps only the newest event ids."""

    def __init__(self, options: EngineOptions) -> None:
        self.codes = {one.type: code for code, one in enumerate(options.meanings)}
        self.options = options
        self._ids: OrderedDict[str, None] = OrderedDict()

    def batch(self, events: Iterable[Event], items: Numbers, people: Numbers) -> Batch:
        """The usable events in their order; new people get rows, unknown items and types are refused."""
        who: list[int] = []
        rows: list[tuple[int, int, float, float, bool]] = []
        shown: list[int] = []
        refused: dict[str, str] = {}
        repeated = 0
        for one in events:
            code, item = self.codes.get(one.type), items.row(one.item)
            if code is None:
                refused[one.id] = f"Unknown event type '{one.type}'; {known_names(one.type, self.codes)}."
            elif item is None:
                refused[one.id] = f"Unknown item '{one.item}'."
            elif not self._is_new(one.id):
                repeated += 1
            else:
                meaning = self.options.meanings[code]
                worth = meaning.worth(one.value)
                if worth == 0 and not meaning.positive:
                    shown.append(item)
                else:
                    who.append(people.add(one.user))
                    rows.append((item, code, epoch(one.time), worth, meaning.is_positive(one.value)))
        made, positive = _arrays(rows)
        return Batch(np.array(who, np.int64), made, positive, np.array(shown, np.int64), repeated, refused)

    def history(self, events: Iterable[Event], items: Numbers) -> History:
        """Events of one person given with a request, by time; unusable ones are left out."""
        rows: list[tuple[int, int, float, float, bool]] = []
        for one in events:
            code, item = self.codes.get(one.type), items.row(one.item)
            if code is None or item is None:
                continue
            meaning = self.options.meanings[code]
            worth = meaning.worth(one.value)
            if worth or meaning.positive:
                rows.append((item, code, epoch(one.time), worth, False))
        rows.sort(key=lambda row: row[2])
        return _arrays(rows)[0]

    def _is_new(self, event: str) -> bool:
        if event in self._ids:
            return False
        self._ids[event] = None
        if len(self._ids) > REMEMBERED:
            self._ids.popitem(last=False)
        return True


def _arrays(rows: list[tuple[int, int, float, float, bool]]) -> tuple[History, npt.NDArray[np.bool_]]:
    if not rows:
        rows_: tuple[tuple[float, ...], ...] = ((), (), (), (), ())
    else:
        rows_ = tuple(zip(*rows, strict=True))
    items, kinds, times, worths, positive = rows_
    history = History(
        np.array(items, np.int64), np.array(kinds, np.uint8), np.array(times, np.float64), np.array(worths, np.float32)
    )
    return history, np.array(positive, np.bool_)
