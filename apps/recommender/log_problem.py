"""A team's own events as a ranking problem: cut by time, so that evaluation and the gate ask what serving is asked."""

from __future__ import annotations

from collections.abc import Sequence

from apps.recommender.interest_examples import Chosen, choices
from apps.recommender.public_sets import Case, Part, Problem
from apps.recommender.records import EngineOptions, Event, Item
from apps.recommender.splits import temporal
from core.errors import DataError

SHARES = (0.75, 0.12, 0.13)  # of the events by time: learnt from, chosen on, reported
LEAST = 30  # choices below which a part measures nothing


def log_problem(name: str, items: Sequence[Item], events: Sequence[Event], options: EngineOptions) -> Problem:
    """Every first choice of a person in the later parts is a case; ``DataError`` where there are too few."""
    rows = {one.id: n for n, one in enumerate(items)}
    known = [one for one in events if one.item in rows]
    parts = temporal(known, SHARES)
    cuts = [part[0].time for part in parts[1:] if part]
    made = list(choices(known, options))
    if len(cuts) < 2:
        raise DataError("The events are too few to be cut by time into three parts: bring more, of several days.")
    tuning = _part(
        [one for one in made if one.time < cuts[1]],
        [one for one in made if cuts[0] <= one.time < cuts[1]],
        rows,
        cuts[0],
    )
    report = _part(made, [one for one in made if one.time >= cuts[1]], rows, cuts[1])
    if min(len(tuning.cases), len(report.cases)) < LEAST:
        raise DataError(
            f"{len(tuning.cases)} and {len(report.cases)} later choices are too few to measure on, {LEAST} each are "
            "the least: bring more events; until then nothing can be compared and the text model stays as it is."
        )
    note = f"cut by time at {cuts[0]:%Y-%m-%d %H:%M} and {cuts[1]:%Y-%m-%d %H:%M}; each first choice later is a case"
    return Problem(name, items, [tuning], report, (note,))


def _part(made: Sequence[Chosen], cases: Sequence[Chosen], rows: dict[str, int], cut: object) -> Part:
    """Sequences before the cut out of the choices' own histories; cases with all that was met before them."""
    sequences: dict[str, list[int]] = {}
    for one in made:
        if one.time < cut:  # type: ignore[operator]  # both are times
            own = sequences.setdefault(one.user, [rows[item] for item, _ in one.history])
            own.append(rows[one.target])
    histories = [tuple(rows[item] for item, _ in one.history) for one in cases]
    return Part(
        sequences, [Case(one.user, history, rows[one.target]) for one, history in zip(cases, histories, strict=True)]
    )
