"""What is answered when no model can: what goes with what the person met, then what is popular, then what is new.

Counts only, kept in memory and changed event by event; no model, no text. Small on purpose: it must never fail.
"""

import math
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from heapq import nlargest
from typing import Literal

from apps.recommender.records import Event, EventMeaning, Filters, Item, Scored, epoch

Route = Literal["behaviour", "popular", "latest"]
RECENT = 10  # items of a person that are looked at
PARTNERS = 50  # items kept beside an item
POOL = 1000  # popular items looked through before the newest
HALF_LIFE_DAYS = 14.0  # of popularity; one for all kinds of events, so that sums stay comparable
PEOPLE = 100_000  # persons kept, the longest silent are dropped
WORDS = {
    "behaviour": ("Others who met {title} also met it.", "看过“{title}”的人也看过它。"),
    "popular": ("Many people want it these days.", "近期很受欢迎。"),
    "latest": ("Shown by its date: the newest come first.", "按上架时间展示，新的在前。"),
}
UNKNOWN = ("There is no item '{item}'.", "没有商品“{item}”。")


class Fallback:
    """Popularity with a half-life, neighbours by co-occurrence, and dates. Safe for several threads."""

    def __init__(self, meanings: Iterable[EventMeaning]) -> None:
        self._meanings = {one.type: one for one in meanings}
        self._lock = threading.Lock()
        self._items: dict[str, Item] = {}
        self._popular: dict[str, float] = {}  # log2 of the weight as of 1970, for comparing
        self._recent: OrderedDict[str, deque[str]] = OrderedDict()
        self._refused: OrderedDict[str, set[str]] = OrderedDict()
        self._beside: dict[str, Counter[str]] = {}
        self._by_date: list[str] | None = None  # newest first; None when it must be sorted again
        self._names: dict[str, frozenset[str]] = {}  # per field of items; empty when they must be gathered again

    def item_ids(self) -> list[str]:
        """Ids of the items known."""
        with self._lock:
            return list(self._items)

    def user_ids(self) -> list[str]:
        """Ids of the persons remembered."""
        with self._lock:
            return list(self._recent)

    def knows(self, item_id: str) -> bool:
        """Whether there is such an item."""
        return item_id in self._items

    def title(self, item_id: str) -> str:
        """The item's title, its id when unknown."""
        item = self._items.get(item_id)
        return item.title if item else item_id

    def names(self, field: str) -> frozenset[str]:
        """The categories, brands or languages that items have, "" among them where some have none."""
        with self._lock:
            if field not in self._names:
                self._names[field] = frozenset(getattr(one, field) for one in self._items.values())
            return self._names[field]

    def upsert_items(self, items: Iterable[Item]) -> None:
        """Add or replace items; their long texts are not kept here."""
        with self._lock:
            self._items |= {one.id: replace(one, description="", tags=(), attributes={}) for one in items}
            self._changed()

    def observe(self, events: Iterable[Event]) -> None:
        """Count events."""
        with self._lock:
            for event in events:
                self._count(event)

    def forget_item(self, item_id: str) -> None:
        """Drop an item everywhere."""
        with self._lock:
            self._items.pop(item_id, None)
            self._changed()
            self._popular.pop(item_id, None)
            self._beside.pop(item_id, None)
            for partners in self._beside.values():
                partners.pop(item_id, None)
            for user, met in self._recent.items():
                if item_id in met:
                    self._recent[user] = deque((one for one in met if one != item_id), RECENT)
            for refused in self._refused.values():
                refused.discard(item_id)

    def forget_user(self, user: str) -> None:
        """Drop a person; what her events added to the counts of items is nobody's any more."""
        with self._lock:
            self._recent.pop(user, None)
            self._refused.pop(user, None)

    def list_(
        self, user: str, history: Sequence[Event], k: int, filters: Filters, language: str
    ) -> tuple[list[Scored], Route]:
        """Up to ``k`` items and the route that gave the first of them."""
        with self._lock:
            met = [*(one.item for one in reversed(history)), *reversed(self._recent.get(user, ()))]
            refused = self._refused.get(user, set()) | {one.item for one in history if self._worth(one) < 0}
            allowed = _Allowed(filters, set(met), refused)
            chosen: dict[str, tuple[Route, str]] = {}
            for route, item_id, source in self._candidates([one for one in met if one not in refused]):
                if len(chosen) >= k:
                    break
                if item_id not in chosen and (item := self._items.get(item_id)) and allowed(item):
                    chosen[item_id] = (route, source)
        rows = [self._scored(one, place, *why, language) for place, (one, why) in enumerate(chosen.items(), 1)]
        return rows, (next(iter(chosen.values()))[0] if chosen else "latest")

    def score(self, candidates: Sequence[str], language: str) -> list[Scored]:
        """The candidates by popularity, in their own order; without a probability, and unknown ones as such."""
        with self._lock:
            ranked = sorted(candidates, key=lambda one: self._popular.get(one, -math.inf), reverse=True)
            place = {one: number for number, one in enumerate(ranked, start=1)}
            return [
                self._scored(one, place[one], "popular", "", language) if one in self._items
                else Scored(one, 0.0, 0.0, reason=UNKNOWN[language == "zh"].format(item=one), known=False)
                for one in candidates
            ]  # fmt: skip

    def popular(self, k: int, category: str = "") -> list[str]:
        """Ids of the most wanted items of these days."""
        with self._lock:
            known = [one for one in self._popular if self._in(one, category)]
            return nlargest(k, known, key=self._popular.__getitem__)

    def latest(self, k: int, category: str = "") -> list[str]:
        """Ids of the newest items; those without a date come last."""
        with self._lock:
            return [one for one in self._newest() if self._in(one, category)][:k]

    def _changed(self) -> None:
        self._by_date, self._names = None, {}

    def _in(self, item_id: str, category: str) -> bool:
        item = self._items.get(item_id)
        return item is not None and item.available and (not category or item.category == category)

    def _count(self, event: Event) -> None:
        worth = self._worth(event)
        if event.item not in self._items or not worth:
            return
        self._refuse(event, worth < 0)
        if worth < 0:
            return
        grown = epoch(event.time) / 86_400 / HALF_LIFE_DAYS
        self._popular[event.item] = _log_add(self._popular.get(event.item), grown, worth)
        met = self._recent.setdefault(event.user, deque(maxlen=RECENT))
        for other in met:
            if other != event.item:
                self._pair(event.item, other, worth)
                self._pair(other, event.item, worth)
        met.append(event.item)
        self._recent.move_to_end(event.user)
        while len(self._recent) > PEOPLE:
            self._recent.popitem(last=False)

    def _worth(self, event: Event) -> float:
        meaning = self._meanings.get(event.type)
        return meaning.worth(event.value) if meaning else 0.0

    def _refuse(self, event: Event, now: bool) -> None:
        """Note what a person refuses ``now``; wanting it later takes that back."""
        if now:
            self._refused.setdefault(event.user, set()).add(event.item)
            self._refused.move_to_end(event.user)
            while len(self._refused) > PEOPLE:
                self._refused.popitem(last=False)
        elif event.user in self._refused:
            self._refused[event.user].discard(event.item)

    def _pair(self, item: str, other: str, worth: float) -> None:
        partners = self._beside.setdefault(item, Counter())
        partners[other] += worth  # type: ignore[assignment]  # weights, not whole counts
        if len(partners) > 2 * PARTNERS:
            self._beside[item] = Counter(dict(partners.most_common(PARTNERS)))

    def _candidates(self, met: Sequence[str]) -> Iterable[tuple[Route, str, str]]:
        scores: Counter[str] = Counter()
        source: dict[str, str] = {}
        for place, item_id in enumerate(dict.fromkeys(met)):
            for other, weight in self._beside.get(item_id, Counter()).items():
                scores[other] += weight / (1 + place)  # type: ignore[assignment]
                source.setdefault(other, item_id)
        yield from (("behaviour", one, source[one]) for one, _ in scores.most_common())
        yield from (("popular", one, "") for one in nlargest(POOL, self._popular, key=self._popular.__getitem__))
        yield from (("latest", one, "") for one in self._newest())

    def _newest(self) -> list[str]:
        if self._by_date is None:
            self._by_date = [one.id for one in sorted(self._items.values(), key=_made, reverse=True)]
        return self._by_date

    def _scored(self, item_id: str, place: int, route: Route, source: str, language: str) -> Scored:
        reason = WORDS[route][language == "zh"].format(title=self.title(source))
        part = {"behaviour": "behaviour", "popular": "popularity", "latest": "recency"}[route]
        score = 1.0 / place
        return Scored(item_id, score, 0.0, {part: score}, (route,), reason, (source,) if source else ())


class _Allowed:
    """Filters with their caps; asked item by item in the order of the list."""

    def __init__(self, filters: Filters, met: set[str], refused: set[str]) -> None:
        self.filters, self.met, self.refused = filters, met, refused
        self.categories: Counter[str] = Counter()
        self.brands: Counter[str] = Counter()

    def __call__(self, item: Item) -> bool:
        rules = self.filters
        price = item.price
        lost = (
            item.id in self.refused
            or (rules.exclude_seen and item.id in self.met)
            or (rules.available_only and not item.available)
            or (rules.categories and item.category not in rules.categories)
            or (rules.languages and item.language not in rules.languages)
            or (rules.price_min is not None and (price is None or price < rules.price_min))
            or (rules.price_max is not None and (price is None or price > rules.price_max))
            or item.id in rules.blocked_items
            or item.category in rules.blocked_categories
            or item.brand in rules.blocked_brands
            or (rules.most_per_category and self.categories[item.category] >= rules.most_per_category)
            or (rules.most_per_brand and self.brands[item.brand] >= rules.most_per_brand)
        )
        if not lost:
            self.categories[item.category] += 1
            self.brands[item.brand] += 1
        return not lost


def _made(item: Item) -> float:
    return epoch(item.created_at) if item.created_at else -math.inf


def _log_add(before: float | None, exponent: float, worth: float) -> float:
    """log2(2^before + worth · 2^exponent): weights that double every half-life stay comparable without growing."""
    new = exponent + math.log2(worth)
    if before is None:
        return new
    high, low = max(before, new), min(before, new)
    return high + math.log2(1 + 2.0 ** (low - high))
