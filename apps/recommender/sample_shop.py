"""The sample shop as if it had just happened: moved to today by whole days, with what was shown as served lists.

Also which items of a catalogue are its, so that it can be taken out again.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from apps.recommender.records import Event, Item
from apps.recommender.served import ServedList, lists_of

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "samples" / "recommender"
ROUTE = "sample"  # who made the lists of its log


def moved(
    items: Sequence[Item], events: Sequence[Event], now: datetime
) -> tuple[list[Item], list[Event], list[ServedList]]:
    """Items, events and lists with the last event on the day before ``now``, so that hours of the day stay.

    What was shown there is no event here but a list, so that figures have a past.
    """
    ahead = timedelta(days=(now - max(one.time for one in events)).days)
    lists, others = lists_of(events, ROUTE)
    return (
        [replace(one, created_at=one.created_at + ahead) if one.created_at else one for one in items],
        [replace(one, time=one.time + ahead) for one in others],
        [replace(one, served_at=one.served_at + ahead) for one in lists],
    )


def items_of_sample(folder: Path = SAMPLE) -> dict[str, str]:
    """Titles of the sample's items by id."""
    with (folder / "items.jsonl").open(encoding="utf-8") as lines:
        found = (json.loads(line) for line in lines if line.strip())
        return {str(one["id"]): str(one["title"]) for one in found}
