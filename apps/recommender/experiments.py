"""Experiments: who gets which variant (by stable hash), and whether their lists differ; pure.

A variant is a set of dials laid over the caller's wish. Differences come with a confidence sequence, which holds at
every look, so that watching an experiment does not make it true.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from itertools import accumulate

import numpy as np

from apps.recommender.served import Outcome
from core.errors import DataError, known_names

DIALS = ("diversity", "freshness", "calibration", "exposure")
ALPHA = 0.05  # how often an interval may miss the truth, over all looks together
LOOKED_AT = 500  # people at which the interval is tightest


@dataclass(frozen=True, slots=True)
class Variant:
    """One arm: its share of the people and the dials it sets (none: as the caller wishes)."""

    name: str
    share: float
    dials: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise DataError("A variant needs a name, got none.")
        if not 0 < self.share <= 1:
            raise DataError(f"Variant '{self.name}': share must be above 0 and at most 1, got {self.share}.")
        for dial, value in self.dials.items():
            if dial not in DIALS:
                raise DataError(f"Variant '{self.name}' sets '{dial}'; {known_names(dial, DIALS)}.")
            if not 0 <= value <= 1:
                raise DataError(f"Variant '{self.name}': {dial} must be between 0 and 1, got {value}.")


@dataclass(frozen=True, slots=True)
class Experiment:
    """Variants side by side; the first is what the others are compared with. Who is in none gets no dials."""

    name: str
    variants: tuple[Variant, ...]
    started_at: datetime
    about: str = ""
    ended_at: datetime | None = None

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > 100:
            raise DataError(f"An experiment's name must have 1 to 100 characters, got {len(self.name)}.")
        if len(self.variants) < 2 or len({one.name for one in self.variants}) < len(self.variants):
            raise DataError(f"Experiment '{self.name}' needs at least two variants with different names.")
        if sum(one.share for one in self.variants) > 1 + 1e-9:
            raise DataError(f"Experiment '{self.name}': the shares must sum to at most 1.")

    @property
    def running(self) -> bool:
        """Whether people are still assigned."""
        return self.ended_at is None

    def assign(self, user: str) -> Variant | None:
        """The person's variant, always the same; None for whoever is in none, and for an unnamed visitor."""
        if not user:
            return None
        drawn = int.from_bytes(sha256(f"{self.name}\n{user}".encode()).digest()[:8], "big") / 2**64
        edges = accumulate(one.share for one in self.variants)
        return next((one for one, edge in zip(self.variants, edges, strict=True) if drawn < edge), None)


@dataclass(frozen=True, slots=True)
class Arm:
    """What a variant's people did. ``click_rate`` is wanted items per item shown; ``ndcg`` is of lists with any."""

    name: str
    people: int
    lists: int
    shown: int
    wanted: int
    click_rate: float
    ndcg: float | None
    wanted_per_person: float


@dataclass(frozen=True, slots=True)
class Difference:
    """A variant against the first one, in click rate; ``low`` … ``high`` holds at every look with 95 %."""

    name: str
    click_rate: float
    low: float
    high: float
    verdict: str  # better, worse, open, too_few


@dataclass(frozen=True, slots=True)
class ExperimentReport:
    """Arms and differences; ``mismatch_p`` below 0.001 means that people are not split as meant: mend that first."""

    experiment: Experiment
    arms: tuple[Arm, ...]
    differences: tuple[Difference, ...]
    mismatch_p: float


def read(experiment: Experiment, outcomes: Sequence[Outcome], least_people: int = 30) -> ExperimentReport:
    """What the lists that carry this experiment's name say so far."""
    by_arm: dict[str, list[Outcome]] = defaultdict(list)
    for one in outcomes:
        if experiment.name in one.served.arms:
            by_arm[one.served.arms[experiment.name]].append(one)
    people = {one.name: _by_person(by_arm[one.name]) for one in experiment.variants}
    first, *others = experiment.variants
    return ExperimentReport(
        experiment,
        tuple(_arm(one.name, by_arm[one.name], people[one.name]) for one in experiment.variants),
        tuple(_difference(one.name, people[first.name], people[one.name], least_people) for one in others),
        _mismatch(experiment, {name: len(rows) for name, rows in people.items()}),
    )


def _by_person(outcomes: Sequence[Outcome]) -> np.ndarray:
    """Wanted and shown items of each person, (people, 2): people, not clicks, were drawn by lot."""
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for one in outcomes:
        sums[one.served.user][0] += len(one.wanted)
        sums[one.served.user][1] += len(one.served.shown)
    return np.array(list(sums.values()), dtype=float).reshape(-1, 2)


def _arm(name: str, outcomes: Sequence[Outcome], people: np.ndarray) -> Arm:
    wanted, shown = (float(total) for total in people.sum(axis=0)) if len(people) else (0.0, 0.0)
    orders = [one.ndcg for one in outcomes if one.ndcg is not None]
    return Arm(
        name,
        len(people),
        len(outcomes),
        int(shown),
        int(wanted),
        wanted / shown if shown else 0.0,
        float(np.mean(orders)) if orders else None,
        wanted / len(people) if len(people) else 0.0,
    )


def _rate(people: np.ndarray) -> tuple[float, float]:
    """Click rate and the variance of it, by the delta method over people (Deng et al. 2018, arXiv 1803.06336)."""
    wanted, shown = people.mean(axis=0)
    rate = wanted / shown if shown else 0.0
    spread = (people[:, 0] - rate * people[:, 1]).var(ddof=1) / shown**2 if shown and len(people) > 1 else 0.0
    return float(rate), float(spread / len(people))


def _difference(name: str, base: np.ndarray, other: np.ndarray, least_people: int) -> Difference:
    if min(len(base), len(other)) < max(2, least_people):
        return Difference(name, 0.0, -1.0, 1.0, "too_few")
    (rate, spread), (other_rate, other_spread) = _rate(base), _rate(other)
    gap, half = other_rate - rate, half_width(spread + other_spread, len(base) + len(other))
    verdict = "better" if gap - half > 0 else "worse" if gap + half < 0 else "open"
    return Difference(name, gap, gap - half, gap + half, verdict)


def half_width(variance: float, people: int) -> float:
    """Half the width of an asymptotic confidence sequence (Waudby-Smith et al., arXiv 2103.06476, theorem 2.2).

    ``variance`` is that of the estimate from so many ``people``. Wider than the usual 1.96 standard errors, for it
    may be looked at as often as one likes.
    """
    tune = (-2 * math.log(ALPHA) + math.log(-2 * math.log(ALPHA) + 1)) / LOOKED_AT
    grown = people * tune + 1
    return math.sqrt(variance * people * 2 * grown / (people**2 * tune) * math.log(math.sqrt(grown) / ALPHA))


def _mismatch(experiment: Experiment, people: Mapping[str, int]) -> float:
    """Probability of a split at least so far from the shares by chance (chi-square); 1 without people."""
    from scipy.special import gammaincc

    total, shares = sum(people.values()), sum(one.share for one in experiment.variants)
    if not total:
        return 1.0
    expected = {one.name: total * one.share / shares for one in experiment.variants}
    distance = sum((people[name] - wanted) ** 2 / wanted for name, wanted in expected.items())
    return float(gammaincc((len(expected) - 1) / 2, distance / 2))
