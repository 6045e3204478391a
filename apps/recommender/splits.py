"""Parts for fitting, choosing and reporting: by time, by leaving the last out, by withholding items.

Ties in time: events are sorted by time with a stable sort, so that events of one instant keep the order of the file
(in ml_100k half of all ratings share user and second with another, and "the last" hangs on this rule).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from apps.recommender.records import Event
from core.errors import DataError


def by_time(events: Sequence[Event]) -> list[Event]:
    """Events by time; equal times keep their order."""
    return sorted(events, key=lambda one: one.time)


def temporal(events: Sequence[Event], shares: Sequence[float]) -> list[list[Event]]:
    """Parts cut at instants, the earliest first, of about these shares.

    All events of one instant lie on one side, so no part knows anything of the time of a later one.
    """
    if not events or any(share <= 0 for share in shares) or abs(sum(shares) - 1) > 1e-9:
        raise DataError(
            f"Shares of a temporal split must be above 0 and sum to 1 over some events, got {list(shares)}."
        )
    ordered = by_time(events)
    cuts = [ordered[min(int(end * len(ordered)), len(ordered) - 1)].time for end in np.cumsum(shares)[:-1]]
    parts: list[list[Event]] = [[] for _ in shares]
    for one in ordered:
        parts[sum(one.time >= cut for cut in cuts)].append(one)
    return parts


@dataclass(frozen=True)
class LeftOut:
    """One person's events by time, cut before her last: ``history``, then the ``target``."""

    user: str
    history: tuple[Event, ...]
    target: Event


def leave_one_out(events: Sequence[Event], back: int = 1) -> list[LeftOut]:
    """Each person's last event (``back`` 1) or last but one (2) as target; later ones are dropped.

    People with no event before the target are left out. The target's item may be in the history (a repetition).
    """
    if back < 1:
        raise DataError(f"back must be at least 1, got {back}.")
    people: dict[str, list[Event]] = {}
    for one in by_time(events):
        people.setdefault(one.user, []).append(one)
    return [LeftOut(user, tuple(own[:-back]), own[-back]) for user, own in people.items() if len(own) > back]


def cold_items(events: Sequence[Event], share: float, seed: int) -> tuple[list[Event], frozenset[str]]:
    """Events without those of a random ``share`` of the items, and these items: nobody has met them yet."""
    items = sorted({one.item for one in events})
    count = max(1, round(share * len(items)))
    chosen = np.random.default_rng(seed).choice(len(items), count, replace=False)
    withheld = frozenset(items[n] for n in chosen)
    return [one for one in events if one.item not in withheld], withheld


def shared(parts: Sequence[Collection[str]]) -> set[str]:
    """Ids in more than one part: must be empty."""
    seen: set[str] = set()
    twice: set[str] = set()
    for part in parts:
        twice |= seen & set(part)
        seen |= set(part)
    return twice
