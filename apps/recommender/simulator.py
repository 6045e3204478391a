"""A crowd with known tastes meets an invented shop for sixty days: the sample's behaviour log and its truth.

What happens, day by day and visit by visit:

1. The shop shows a list of six. On most visits the front page (``home``): what was clicked lately and what is new, with
   noise, and rather in the visitor's language; so popularity feeds itself. On some visits items by pure chance
   (``mixed``), from which position bias can be measured. Then perhaps the ``shelf`` of a category she is fond of, and
   after a click perhaps a list of the same category or brand (``related``). Every place shown is an impression.
2. A place is looked at with probability ``place ** -patience``. What is looked at is clicked with a probability that
   grows with the fit of her taste to the themes of the item's TEXT, her fondness of its category and the item's appeal;
   hardly ever in a language she does not read, less when she has opened it before, and sometimes by a slip.
3. A click opens a view (value: seconds). Opened items are liked, disliked, commented on, shared or put in the cart by
   how well they fit; dear ones are carted less by the thrifty. More than half of the carts become a purchase (value:
   pieces), some of these a rating days later (value: stars). Some visits search and view one item without any list.
4. Some people arrive late, leave early, change their taste in the middle, or like everything alike.

Deterministic: one seeded generator, items and themes in; events out. Knows no files, no clock, no model, no measure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.recommender.records import Event, Item
from apps.recommender.simulated_people import Person, described, draw_people
from apps.recommender.simulated_shelf import LANGUAGES, Flags, Numbers, Shelf, stock_shelf

Array = NDArray[np.float64]

DAY = 86_400.0  # seconds
PLACES = 6  # of a list
WEEKEND = 1.4  # times as many visits on Saturday and Sunday
MIXED = 0.15  # of visits see random items in random order instead of the front page
BROWSES = 0.45  # of visits look at the shelf of one category
SEARCHES = 0.25  # of visits open one item without a list
RELATED = 0.4  # of clicks are followed by a list of the same category or brand
HEAT_HALF_LIFE_DAYS = 5.0  # of clicks in the shop's count of what is popular
PULL_OF_HEAT, PULL_OF_NEW, PULL_OF_LANGUAGE = 0.6, 1.2, 1.2  # on the front page, beside Gumbel noise of scale 1
NEW_DAYS = 7.0

FIT = 7.5  # times the root of taste · themes, which is 0.95 for the only theme she loves, 0.1 for one she does not know
RELUCTANCE = 4.5  # what a wish must overcome to become a click
FOREIGN = 0.06  # share of clicks left when she does not read the language
AGAIN = 0.35  # share of clicks left on an item she has opened before
SLIP = 0.004  # clicks that mean nothing
MOOD = 0.7  # standard deviation of what opening adds to or takes from the wish
# logits, at a wish of 0, of what may follow an opened item; a perfect match has a wish of about 6
LIKES, DISLIKES, COMMENTS, SHARES, CARTS = -6.9, -1.6, -9.0, -9.2, -6.9
BUYS = 0.55  # of carts are bought
RATES = 0.45  # of purchases are rated


@dataclass(frozen=True, slots=True)
class Plan:
    """How many people, how long, from when, and the seed that decides all chance."""

    seed: int = 20260803
    people: int = 600
    days: int = 60
    start: datetime = datetime(2026, 8, 3, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Simulated:
    """The log in order of time, and the truth it came from."""

    events: tuple[Event, ...]
    people: tuple[Person, ...]
    shelf: Shelf
    plan: Plan

    def truth(self) -> dict[str, Any]:
        """Themes and appeal of every item, taste and habits of every person, as plain values for a JSON file."""
        shelf = self.shelf
        items = {
            id_: {
                "themes": {name: float(x) for name, x in zip(shelf.theme_names, shelf.themes[row], strict=True) if x},
                "appeal": round(float(shelf.appeal[row]), 4),
                "sold_out_day": None if np.isinf(shelf.sold_out[row]) else round(float(shelf.sold_out[row] / DAY), 2),
            }
            for row, id_ in enumerate(shelf.ids)
        }
        people = {one.id: described(one, shelf.theme_names, shelf.category_names) for one in self.people}
        return {
            "seed": self.plan.seed,
            "start": self.plan.start.isoformat(),
            "days": self.plan.days,
            "themes": list(shelf.theme_names),
            "items": items,
            "people": people,
        }


@dataclass(frozen=True, slots=True)
class _Happening:
    """An event before it has an id: person and item are row numbers, time is seconds since the start."""

    time: float
    who: int
    item: int
    type: str
    value: float | None = None
    position: int | None = None
    list_id: str = ""


def simulate(items: Sequence[Item], themes: Mapping[str, Mapping[str, float]], plan: Plan = Plan()) -> Simulated:
    """The log of ``plan.people`` over ``plan.days``; ``themes`` gives each item's shares of themes, which sum to 1.

    Raises ``DataError`` for an item without themes, price or ``created_at``.
    """
    rng = np.random.default_rng(plan.seed)
    shelf = stock_shelf(rng, items, themes, plan.start, plan.days)
    people = draw_people(rng, plan.people, plan.days, shelf.theme_names, shelf.category_names)
    town = _Town(rng, shelf, people, plan)
    for day in range(plan.days):
        town.live(day)
    return Simulated(tuple(town.log()), tuple(people), shelf, plan)


@dataclass(slots=True)
class _Town:
    """The state of the shop and its visitors while the days go by."""

    rng: np.random.Generator
    shelf: Shelf
    people: Sequence[Person]
    plan: Plan
    happened: list[_Happening] = field(default_factory=list)
    lists: int = 0
    heat: Array = field(init=False)  # (items,) clicks, older ones counting less
    opened: Flags = field(init=False)  # (people, items)
    reads: Flags = field(init=False)  # (people, items)

    def __post_init__(self) -> None:
        self.heat = np.zeros(len(self.shelf.ids))
        self.opened = np.zeros((len(self.people), len(self.shelf.ids)), dtype=bool)
        languages = np.array([[one in person.reads for one in LANGUAGES] for person in self.people])
        self.reads = languages @ self.shelf.readable

    def live(self, day: int) -> None:
        """One day: yesterday's clicks cool down, then everybody who comes today does so in order of time."""
        self.heat *= 0.5 ** (1 / HEAT_HALF_LIFE_DAYS)
        weekend = (self.plan.start + timedelta(days=day)).weekday() >= 5
        visits: list[tuple[float, int]] = []
        for who, person in enumerate(self.people):
            if person.comes_on(day):
                hours = self.rng.normal(person.hour, 2.5, self.rng.poisson(person.visits * (WEEKEND if weekend else 1)))
                visits += [(day * DAY + float(hour % 24) * 3600, who) for hour in hours]
        for time, who in sorted(visits):
            self._visit(who, time)

    def _visit(self, who: int, time: float) -> None:
        if self.rng.random() < MIXED:
            self._show("mixed", who, time, np.zeros(len(self.heat)))
        else:
            self._show("home", who, time, self._front_page(who, time))
        if self.rng.random() < BROWSES:
            time += self.rng.uniform(60, 240)
            category = self._a_category(who, time)
            self._show("shelf", who, time, PULL_OF_HEAT * np.log1p(self.heat), self.shelf.category == category)
        if self.rng.random() < SEARCHES:
            time += self.rng.uniform(60, 240)
            self._search(who, time)

    def _front_page(self, who: int, time: float) -> Array:
        """How strongly the shop pushes each item to this visitor. (items,)"""
        first_language = self.shelf.readable[LANGUAGES.index(self.people[who].reads[0])]
        new = time - self.shelf.opened < NEW_DAYS * DAY
        return PULL_OF_HEAT * np.log1p(self.heat) + PULL_OF_NEW * new + PULL_OF_LANGUAGE * first_language

    def _a_category(self, who: int, time: float) -> int:
        """The category she feels like: by fondness, and by how much of it speaks to her taste now."""
        fit = np.sqrt(self.shelf.themes @ self.people[who].taste_on(time / DAY))
        count = len(self.shelf.category_names)
        mean = np.bincount(self.shelf.category, fit, count) / np.maximum(
            np.bincount(self.shelf.category, None, count), 1
        )
        return int(np.argmax(2 * self.people[who].fondness + FIT * mean + self.rng.gumbel(size=count)))

    def _show(self, name: str, who: int, time: float, pull: Array, only: Flags | None = None) -> None:
        """A list of the strongest pulls after noise; everything shown is an impression, some of it is clicked."""
        allowed = self.shelf.on_sale(time) if only is None else self.shelf.on_sale(time) & only
        keys = np.where(allowed, pull + self.rng.gumbel(size=len(pull)), -np.inf)
        shown = np.argsort(-keys, kind="stable")[: min(PLACES, int(allowed.sum()))]
        self.lists += 1
        list_id = f"{name}-{self.lists:05d}"
        self.happened += [
            _Happening(time, who, int(item), "impression", None, place, list_id) for place, item in enumerate(shown, 1)
        ]
        places = np.arange(1, len(shown) + 1)
        looked = self.rng.random(len(shown)) < places ** -self.people[who].patience
        clicked = looked & (self.rng.random(len(shown)) < self._click_chance(who, shown, time))
        for place in np.flatnonzero(clicked):
            time += self.rng.uniform(4, 40)
            self.happened.append(_Happening(time, who, int(shown[place]), "click", None, int(place) + 1, list_id))
            self.heat[shown[place]] += 1
            time += self._open(who, int(shown[place]), time + 1)
            if name != "related" and self.rng.random() < RELATED:
                self._show("related", who, time + 2, np.zeros(len(pull)), self._like(int(shown[place])))

    def _like(self, item: int) -> Flags:
        """Other items of the same category or brand. (items,)"""
        alike = (self.shelf.category == self.shelf.category[item]) | (self.shelf.brand == self.shelf.brand[item])
        alike[item] = False
        return alike

    def _search(self, who: int, time: float) -> None:
        """She looks for something she would like and opens it: a view without a list."""
        keys = self._wish(who, np.arange(len(self.heat)), time) + self.rng.gumbel(size=len(self.heat))
        keys[~(self.shelf.on_sale(time) & self.reads[who] & ~self.opened[who])] = -np.inf
        if np.isfinite(keys).any():
            self._open(who, int(np.argmax(keys)), time)

    def _wish(self, who: int, rows: Numbers, time: float) -> Array:
        """How much she would like each item, position, language and price apart. (rows,)"""
        person = self.people[who]
        fit = np.sqrt(self.shelf.themes[rows] @ person.taste_on(time / DAY))
        return FIT * fit + person.fondness[self.shelf.category[rows]] + self.shelf.appeal[rows]

    def _click_chance(self, who: int, rows: Numbers, time: float) -> Array:
        """Probability of a click on each item she looks at. (rows,)"""
        chance = _sigmoid(self._wish(who, rows, time) - RELUCTANCE)
        chance *= np.where(self.reads[who, rows], 1.0, FOREIGN) * np.where(self.opened[who, rows], AGAIN, 1.0)
        return SLIP + (1 - SLIP) * chance

    def _open(self, who: int, item: int, time: float) -> float:
        """A view and what follows from it; returns the seconds she stayed."""
        self.opened[who, item] = True
        wish = float(self._wish(who, np.array([item]), time)[0]) + self.rng.normal(0, MOOD)
        seconds = round(float(min(900.0, self.rng.lognormal(2.2 + 0.35 * wish, 0.5))) + 1)
        self.happened.append(_Happening(time, who, item, "view", float(seconds)))
        talks = np.log(self.people[who].talkative)
        chances = {
            "like": LIKES + wish,
            "dislike": DISLIKES - wish,
            "comment": COMMENTS + wish + talks,
            "share": SHARES + wish + talks,
            "cart": CARTS + wish - self.people[who].thrift * self.shelf.dearness[item],
        }
        for type_, logit in chances.items():
            if self.rng.random() < _sigmoid(logit):
                self.happened.append(_Happening(time + self.rng.uniform(0, seconds), who, item, type_))
                if type_ == "cart":
                    self._consider(who, item, time + seconds, wish)
        return float(seconds)

    def _consider(self, who: int, item: int, time: float, wish: float) -> None:
        """A cart may become a purchase within the day, while there is stock, and a purchase a rating days later."""
        bought = time + self.rng.exponential(1.5 * 3600)
        if self.rng.random() >= BUYS or not self.shelf.on_sale(bought)[item]:
            return
        pieces = 1.0 + float(self.rng.poisson(0.12))
        self.happened.append(_Happening(bought, who, item, "purchase", pieces))
        if self.rng.random() < RATES:
            stars = float(np.clip(np.rint(1.8 + 0.33 * wish + self.rng.normal(0, 0.9)), 1, 5))
            self.happened.append(_Happening(bought + self.rng.uniform(2, 10) * DAY, who, item, "rating", stars))

    def log(self) -> list[Event]:
        """What happened until the end, by time to the second; those of one second stay in the order they happened."""
        kept = sorted((one for one in self.happened if one.time < self.plan.days * DAY), key=lambda one: int(one.time))
        return [
            Event(
                id=f"e{number:06d}",
                user=self.people[one.who].id,
                item=self.shelf.ids[one.item],
                type=one.type,
                time=self.plan.start + timedelta(seconds=int(one.time)),
                value=one.value,
                position=one.position,
                list_id=one.list_id,
            )
            for number, one in enumerate(kept, 1)
        ]


def _sigmoid(logits: Any) -> Any:
    return 1 / (1 + np.exp(-logits))
