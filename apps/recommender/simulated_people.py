"""The people of the sample: who reads what, likes which themes, minds which prices and comes how often.

All of it is drawn from one generator and written down as the truth. Knows nothing of lists, clicks or files.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

READS: tuple[tuple[tuple[str, ...], float], ...] = ((("en",), 0.42), (("zh",), 0.38), (("en", "zh"), 0.20))
MAIN_THEMES = (0.40, 0.40, 0.20)  # shares of people with one, two and three themes they care for
MAIN_SHARE = 0.9  # of a taste lies on those; the rest is spread over all themes
AIMLESS = 0.06  # of people like everything alike: noise that no model can learn
DRIFTING = 0.20  # of people exchange their strongest theme for a new one within DRIFT_DAYS
DRIFT_DAYS = 10
DRIFT_STARTS = (15, 40)  # day of the log, counted from 0
LATE = 0.30  # of people come for the first time on a later day, up to the last
LEAVING = 0.10  # of people stop coming before the end
VISITS = 0.45  # a day, median; log-normal with VISITS_SPREAD, at most MOST_VISITS
VISITS_SPREAD = 0.8
MOST_VISITS = 2.5


@dataclass(frozen=True, slots=True)
class Person:
    """One person and what she likes; days count from 0, themes and categories are in the order they were drawn in."""

    id: str
    reads: tuple[str, ...]
    taste: Array  # (themes,), sums to 1
    later_taste: Array | None  # of a drifting person, from drift_day + DRIFT_DAYS on
    drift_day: int | None
    fondness: Array  # (categories,), around 0
    thrift: float  # how much one standard deviation of price takes from the wish to buy
    talkative: float  # multiplies comments and shares
    patience: float  # a place p of a list is looked at with probability p ** -patience
    visits: float  # a day
    hour: float  # of the day she likes to come, UTC
    first_day: int
    last_day: int
    aimless: bool

    def taste_on(self, day: float) -> Array:
        """Her taste at a moment of the log: before, during or after the drift. (themes,)"""
        if self.later_taste is None or self.drift_day is None:
            return self.taste
        gone = min(1.0, max(0.0, (day - self.drift_day) / DRIFT_DAYS))
        return (1 - gone) * self.taste + gone * self.later_taste

    def comes_on(self, day: int) -> bool:
        return self.first_day <= day <= self.last_day


def draw_people(
    rng: np.random.Generator, count: int, days: int, themes: Sequence[str], categories: Sequence[str]
) -> list[Person]:
    """``count`` people with ids ``p001``…; the same generator state gives the same people."""
    return [_person(rng, f"p{number:03d}", days, len(themes), len(categories)) for number in range(1, count + 1)]


def _person(rng: np.random.Generator, id_: str, days: int, themes: int, categories: int) -> Person:
    aimless = bool(rng.random() < AIMLESS)
    taste = np.full(themes, 1 / themes) if aimless else _taste(rng, themes)
    drifts = bool(rng.random() < DRIFTING) and not aimless
    first = int(rng.integers(1, days)) if rng.random() < LATE else 0
    return Person(
        id=id_,
        reads=READS[int(rng.choice(len(READS), p=[share for _, share in READS]))][0],
        taste=taste,
        later_taste=_exchanged(rng, taste) if drifts else None,
        drift_day=int(rng.integers(*DRIFT_STARTS)) if drifts else None,
        fondness=rng.normal(0, 0.5, categories),
        thrift=float(rng.gamma(2, 0.3)),
        talkative=float(rng.lognormal(0, 0.6)),
        patience=float(rng.uniform(0.3, 0.8)),
        visits=float(min(MOST_VISITS, rng.lognormal(np.log(VISITS), VISITS_SPREAD))),
        hour=float(rng.uniform(0, 24)),
        first_day=first,
        last_day=int(rng.integers(first, days)) if rng.random() < LEAVING else days - 1,
        aimless=aimless,
    )


def _taste(rng: np.random.Generator, themes: int) -> Array:
    """One to three themes hold ``MAIN_SHARE`` of it, in parts that differ. (themes,)"""
    main = rng.choice(themes, size=min(themes, 1 + int(rng.choice(3, p=MAIN_THEMES))), replace=False)
    taste = np.full(themes, (1 - MAIN_SHARE) / themes)
    taste[main] += MAIN_SHARE * rng.dirichlet(np.full(len(main), 3.0))
    return taste


def _exchanged(rng: np.random.Generator, taste: Array) -> Array:
    """The taste with its strongest theme and one of those she knew least changing places. (themes,)"""
    later = taste.copy()
    strongest = int(np.argmax(taste))
    new = int(rng.choice(np.flatnonzero(taste <= max(0.05, float(taste.min())))))
    later[[strongest, new]] = later[[new, strongest]]
    return later


def described(person: Person, themes: Sequence[str], categories: Sequence[str]) -> dict[str, Any]:
    """The truth about a person as plain values for a JSON file, fractions to three digits."""

    def shares(taste: Array | None) -> dict[str, float] | None:
        return None if taste is None else {name: round(float(x), 3) for name, x in zip(themes, taste, strict=True)}

    return {
        "reads": list(person.reads),
        "themes": shares(person.taste),
        "later_themes": shares(person.later_taste),
        "drift_day": person.drift_day,
        "categories": {name: round(float(x), 3) for name, x in zip(categories, person.fondness, strict=True)},
        "thrift": round(person.thrift, 4),
        "talkative": round(person.talkative, 4),
        "patience": round(person.patience, 4),
        "visits_per_day": round(person.visits, 4),
        "first_day": person.first_day,
        "last_day": person.last_day,
        "aimless": person.aimless,
    }
