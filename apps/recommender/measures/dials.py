"""Chooses on tuning cases how many places go to new items and how far the diversity dial may be turned.

Each half of the people is judged by a blend learnt from the other: where it was learnt, a blend looks surer than it is.
Never sees the report part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from apps.recommender.measures import ours, ranked
from apps.recommender.measures.ours import Lesson, Way
from apps.recommender.measures.ranked import Ranking
from apps.recommender.ranking import joined_choices
from core.events import Log, OnEvent

Places: TypeAlias = tuple[int, bool]  # how many of ten, and whether new items are ordered by words
PLACES: tuple[Places, ...] = ((0, False), *((slots, by_words) for by_words in (False, True) for slots in range(1, 6)))
DIALS = (0.2, 0.225, 0.25, 0.2625, 0.275, 0.2875, 0.3)
Choice: TypeAlias = Places | float
CHOICES: tuple[Choice, ...] = (*PLACES, *DIALS)
MOST_QUOTA_LOSS = 0.01
MOST_VARIETY_LOSS = 0.02


@dataclass(frozen=True)
class Dials:
    """What was chosen: places for new items with their order, and the diversity dial at its allowed price."""

    slots: int
    by_words: bool
    diversity: float


def chosen_dials(lessons: Sequence[Lesson], on_event: OnEvent) -> Dials:
    """The places by which most new targets are found, and the largest dial, neither above its price in NDCG@10.

    Of equal places the fewest, by score. A dial's price is a promise to others, so it is what 95 % intervals leave open
    at worst; no dial where the smallest is too dear already.
    """
    rankings, new, users = _out_of_sample(lessons)
    gains = {name: float(one.gains().mean()) for name, one in rankings.items()}
    hits = {places: float(rankings[places].hits()[new].mean()) if new.any() else 0.0 for places in PLACES}
    for places in PLACES:
        how = f"tuning, {places[0]} places for new items by {'words' if places[1] else 'score'}"
        on_event(Log(f"{how}: NDCG@10 {gains[places]:.4f}, HR@10 of items never met {hits[places]:.3f}"))
    plain = gains[PLACES[0]]
    prices = {dial: -_paired(rankings, dial, users)["gain_low"] for dial in DIALS}
    for dial in DIALS:
        on_event(Log(f"tuning, diversity {dial}: NDCG@10 {gains[dial]:.4f}, at worst {prices[dial]:.1%} less"))
    allowed = [places for places in PLACES if gains[places] >= (1 - MOST_QUOTA_LOSS) * plain]
    dials = [dial for dial in DIALS if prices[dial] <= MOST_VARIETY_LOSS]
    return Dials(*max(allowed, key=lambda places: hits[places]), max(dials, default=0.0))


def _paired(rankings: Mapping[Choice, Ranking], dial: float, users: Sequence[str]) -> dict[str, float]:
    return ranked.paired_gain(rankings[dial].gains(), rankings[PLACES[0]].gains(), users)


def _out_of_sample(
    lessons: Sequence[Lesson],
) -> tuple[Mapping[Choice, Ranking], npt.NDArray[np.bool_], list[str]]:
    """The tuning cases ranked with each choice of places and each dial; whose targets are new; whose cases they are."""
    parts: dict[Choice, list[Ranking]] = {choice: [] for choice in CHOICES}
    new, users = [], []
    for half in (0, 1):
        blend = ours.blend_without(joined_choices([one.of_half(1 - half)[1] for one in lessons]), ())
        ways = {str(places): Way(blend, places[0], by_words=places[1]) for places in PLACES}
        ways |= {str(dial): Way(blend, dial=dial) for dial in DIALS}
        for one in lessons:
            cases = one.of_half(half)[0]
            found = ours.rank(one.knowledge, ways, cases)
            for choice, rankings in parts.items():
                rankings.append(found[str(choice)].filtered)
            new.append(one.knowledge.popularity.wanted[[case.target for case in cases]] == 0)
            users += [case.user for case in cases]
    return {choice: ranked.joined(some) for choice, some in parts.items()}, np.concatenate(new), users
