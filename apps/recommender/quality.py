"""What served lists say over time: click rate, order, exposure, coverage, fresh items, events by the minute; pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from apps.recommender.records import Item
from apps.recommender.served import Outcome, ServedList

CURVE_POINTS = 41


@dataclass(frozen=True, slots=True)
class Day:
    """One day's lists. ``click_rate`` is wanted items per item shown; ``ndcg`` is of lists with any, else None."""

    day: date
    lists: int
    people: int
    shown: int
    wanted: int
    click_rate: float
    ndcg: float | None
    coverage: float
    gini: float
    without_model: int
    p95_ms: float


@dataclass(frozen=True, slots=True)
class Exposure:
    """How places in lists are spread over the catalogue; ``curve`` is (share of items, their share of places)."""

    gini: float
    coverage: float
    curve: tuple[tuple[float, float], ...]
    most: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class FreshItem:
    """A new item, and whether it has been given a chance."""

    item: str
    title: str
    age_days: float
    shown: int
    wanted: int


WITHOUT_MODEL = ("behaviour", "popular", "latest")


def daily(outcomes: Sequence[Outcome], catalogue: int) -> list[Day]:
    """One row per day (UTC) with lists, oldest first; ``catalogue`` is how many items there are."""
    days: dict[date, list[Outcome]] = defaultdict(list)
    for one in outcomes:
        days[one.served.served_at.date()].append(one)
    return [_day(day, rows, catalogue) for day, rows in sorted(days.items())]


def _day(day: date, rows: Sequence[Outcome], catalogue: int) -> Day:
    shown, wanted = sum(len(one.served.shown) for one in rows), sum(len(one.wanted) for one in rows)
    orders = [one.ndcg for one in rows if one.ndcg is not None]
    spread = exposure((one.served for one in rows), catalogue)
    return Day(
        day,
        len(rows),
        len({one.served.user for one in rows}),
        shown,
        wanted,
        wanted / shown if shown else 0.0,
        float(np.mean(orders)) if orders else None,
        spread.coverage,
        spread.gini,
        sum(one.served.route in WITHOUT_MODEL for one in rows),
        float(np.percentile([one.served.took_ms for one in rows if one.served.took_ms] or [0.0], 95)),
    )


def exposure(lists: Iterable[ServedList], catalogue: int, most: int = 10) -> Exposure:
    """Exposure of ``catalogue`` items, those never shown among them."""
    counts = Counter(item for one in lists for item in one.shown)
    size = max(catalogue, len(counts))
    if not counts:
        return Exposure(0.0, 0.0, (), ())
    places = np.zeros(size)
    places[: len(counts)] = list(counts.values())
    places.sort()
    shares = np.concatenate([[0.0], places.cumsum() / places.sum()])
    picked = np.unique(np.linspace(0, size, CURVE_POINTS).astype(int))
    curve = tuple((float(at / size), float(shares[at])) for at in picked)
    return Exposure(gini(places), len(counts) / size, curve, tuple(counts.most_common(most)))


def gini(amounts: np.ndarray) -> float:
    """Gini coefficient of non-negative amounts: 0 when all are equal, near 1 when one has everything."""
    ordered = np.sort(amounts)
    total, size = ordered.sum(), len(ordered)
    if not total:
        return 0.0
    ranks = np.arange(1, size + 1)
    return float((2 * ranks - size - 1) @ ordered / (size * total))


def fresh_items(
    items: Iterable[Item], outcomes: Sequence[Outcome], now: datetime, fresh_days: float
) -> list[FreshItem]:
    """Items younger than ``fresh_days``, the newest first, with how often they were shown and wanted."""
    shown = Counter(item for one in outcomes for item in one.served.shown)
    wanted = Counter(item for one in outcomes for item in one.wanted)
    made = [
        FreshItem(one.id, one.title, (now - one.created_at) / timedelta(days=1), shown[one.id], wanted[one.id])
        for one in items
        if one.created_at is not None and now - one.created_at <= timedelta(days=fresh_days)
    ]
    return sorted(made, key=lambda one: one.age_days)


def per_minute(times: Iterable[tuple[datetime, str]], now: datetime, minutes: int) -> list[tuple[datetime, str, int]]:
    """Events per minute and kind over the last ``minutes`` (the running one last); minutes without any are left out."""
    first = now.replace(second=0, microsecond=0) - timedelta(minutes=minutes - 1)
    counts = Counter((when.replace(second=0, microsecond=0), kind) for when, kind in times if first <= when <= now)
    return [(minute, kind, number) for (minute, kind), number in sorted(counts.items())]
