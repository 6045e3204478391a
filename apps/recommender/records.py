"""The recommender's nouns as frozen records that check themselves when made; ids are strings, times are aware UTC.

Numbers of rows and columns inside the engine are its own; no record knows them, nor any file or table.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

from apps.recommender.row_problems import ID, NO_NUMBER, NO_TITLE, NO_TYPE, OUTSIDE_SCALE, PRICE
from core.errors import DataError, known_names
from core.reasons import Reason, reason

PARTS = ("text", "behaviour", "popularity", "recency", "rule", "diversity")  # what a score is the sum of
ROUTES = (
    "popular", "trending", "together", "linear", "factors", "text", "words", "fresh", "unfinished",
)  # fmt: skip
LONGEST_ID = 200  # characters
ITEM, EVENT, USER = Reason("Item", "商品"), Reason("Event", "行为"), Reason("User", "用户")
NOTHING: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that can be recommended; ``attributes`` are the team's own columns (numbers are used for ranking)."""

    id: str
    title: str
    description: str = ""
    tags: tuple[str, ...] = ()
    category: str = ""
    brand: str = ""
    price: float | None = None
    language: str = ""  # "en", "zh"; "" is told from the text where needed
    created_at: datetime | None = None
    available: bool = True
    attributes: Mapping[str, float | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require_id(ITEM, self.id)
        if not self.title.strip():
            raise DataError(reason(NO_TITLE, id=self.id))
        if self.price is not None and not (math.isfinite(self.price) and self.price >= 0):
            raise DataError(reason(PRICE, id=self.id, value=self.price))
        _require_aware(f"Item '{self.id}': created_at", self.created_at)

    @property
    def text(self) -> str:
        """What the text model reads: title, brand, category, tags, description, in this order, so a cut loses least."""
        parts = (self.title, self.brand, self.category, ", ".join(self.tags), self.description)
        return ". ".join(part.strip() for part in parts if part.strip())

    @property
    def short_text(self) -> str:
        """What word matching reads: without the description, whose many words drown the few that name the thing.

        On amazon_industrial's validation rows title and brand gave NDCG@10 0.079, with the description 0.073.
        """
        return " ".join(part for part in (self.title, self.brand, self.category, *self.tags) if part)


@dataclass(frozen=True, slots=True)
class Event:
    """What somebody did with an item, or (``impression``) that it was shown to her at ``position`` of ``list_id``."""

    id: str
    user: str
    item: str
    type: str
    time: datetime
    value: float | None = None  # stars of a rating, seconds watched, pieces bought
    position: int | None = None  # from 1
    list_id: str = ""

    def __post_init__(self) -> None:
        _require_id(EVENT, self.id)
        _require_id(USER, self.user)
        _require_id(ITEM, self.item)
        if not self.type:
            raise DataError(reason(NO_TYPE, id=self.id))
        _require_aware(f"Event '{self.id}': time", self.time)
        if self.value is not None and not math.isfinite(self.value):
            raise DataError(reason(NO_NUMBER, id=self.id, value=self.value))


@dataclass(frozen=True, slots=True)
class EventMeaning:
    """What an event type says of interest: data, not code.

    ``weight`` 0 says nothing of taste (an impression); ``sign`` -1 is dislike; after ``half_life_days`` the weight
    counts half; ``positive`` events are what the models learn to predict; ``finishes`` ends an open interest (a
    purchase after a cart). With ``neutral_value`` a rating's weight is ``weight * (value - neutral) / (best -
    neutral)`` and so may be negative.
    """

    type: str
    weight: float
    sign: int = 1
    half_life_days: float = 30.0
    positive: bool = False
    opens: bool = False
    finishes: bool = False
    neutral_value: float | None = None
    best_value: float = 5.0

    def __post_init__(self) -> None:
        if self.weight < 0 or self.sign not in (1, -1) or self.half_life_days <= 0:
            raise DataError(
                f"Event type '{self.type}': weight must be at least 0, sign 1 or -1, half_life_days above 0."
            )

    def refused(self, value: float | None) -> Reason | None:
        """What is wrong with a value, in a sentence: a rating outside of the scale that neutral and best make."""
        if self.neutral_value is None or value is None:
            return None
        worst = 2 * self.neutral_value - self.best_value
        if worst <= value <= self.best_value:
            return None
        return reason(
            OUTSIDE_SCALE, type=self.type, value=f"{value:g}", worst=f"{worst:g}", best=f"{self.best_value:g}"
        )

    def worth(self, value: float | None) -> float:
        """Signed weight of one event before it ages."""
        if self.neutral_value is None or value is None:
            return self.sign * self.weight
        return self.sign * self.weight * (value - self.neutral_value) / (self.best_value - self.neutral_value)

    def is_positive(self, value: float | None) -> bool:
        """Whether the event counts as wanted behaviour; a rating does from above its neutral value on."""
        if self.neutral_value is None or value is None:
            return self.positive
        return self.positive and value > self.neutral_value


# Starting values, to be set per team: a purchase says most, a view little; interest in goods fades within weeks.
MEANINGS: tuple[EventMeaning, ...] = (
    EventMeaning("impression", 0.0),
    EventMeaning("view", 0.5, half_life_days=14),
    EventMeaning("click", 1.0, half_life_days=21, positive=True),
    EventMeaning("like", 2.0, half_life_days=60, positive=True),
    EventMeaning("dislike", 2.0, sign=-1, half_life_days=90, finishes=True),
    EventMeaning("comment", 1.5, half_life_days=45, positive=True),
    EventMeaning("share", 2.0, half_life_days=45, positive=True),
    EventMeaning("cart", 2.0, half_life_days=14, positive=True, opens=True),
    EventMeaning("purchase", 3.0, half_life_days=60, positive=True, finishes=True),
    EventMeaning("rating", 2.0, half_life_days=120, positive=True, neutral_value=2.5),
)


@dataclass(frozen=True, slots=True)
class Filters:
    """What may not be shown. Empty tuples allow everything; each rule reports what it removed by its field's name."""

    exclude_seen: bool = True
    keep_unfinished: bool = False  # an open interest (a full cart) may be shown again although it was seen
    available_only: bool = True
    categories: tuple[str, ...] = ()  # only these
    languages: tuple[str, ...] = ()  # only these
    price_min: float | None = None
    price_max: float | None = None
    blocked_items: tuple[str, ...] = ()
    blocked_categories: tuple[str, ...] = ()
    blocked_brands: tuple[str, ...] = ()
    most_per_category: int = 0  # of one list; 0 is no cap
    most_per_brand: int = 0

    def __post_init__(self) -> None:
        low, high = self.price_min, self.price_max
        if low is not None and high is not None and low > high:
            raise DataError(f"price_min {low} is above price_max {high}.")
        if self.most_per_category < 0 or self.most_per_brand < 0:
            raise DataError("most_per_category and most_per_brand must be at least 0.")


@dataclass(frozen=True, slots=True)
class Wish:
    """How a list is asked for; the dials go from 0 (off) to 1.

    ``diversity`` trades likeness inside the list for variety, ``freshness`` is the least share of places for new
    items that come close enough (``fresh_by_words``: first those that share most words with a single thing met, else
    those with the highest score), ``calibration`` pulls the list towards the person's own mix of categories,
    ``exposure`` holds back what is shown to everybody. ``deadline_s`` is for the optional cross-encoder: what is not
    done by then keeps its place.
    """

    k: int = 10
    filters: Filters = Filters()
    diversity: float = 0.25
    freshness: float = 0.1
    fresh_by_words: bool = False
    calibration: float = 0.0
    exposure: float = 0.0
    language: str = "en"  # of the sentences
    explain: bool = True
    deadline_s: float = 0.0  # 0: no cross-encoder

    def __post_init__(self) -> None:
        if not 1 <= self.k <= 500:
            raise DataError(f"k must be 1 to 500, got {self.k}.")
        for name in ("diversity", "freshness", "calibration", "exposure"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise DataError(f"{name} must be between 0 and 1, got {value}.")
        if self.language not in ("en", "zh"):
            raise DataError(f"language must be en or zh, got '{self.language}'.")


@dataclass(frozen=True, slots=True)
class Scored:
    """One item of an answer: ``score`` is the sum of its ``parts``; ``probability`` is learnt on later behaviour.

    It is 0 where there is none: without a model, and for items like an item, whose score is a likeness.
    """

    item: str
    score: float
    probability: float
    parts: Mapping[str, float] = field(default_factory=dict)
    routes: tuple[str, ...] = ()
    reason: str = ""
    because: tuple[str, ...] = ()  # ids of the items it follows from
    known: bool = True  # whether the item is of the catalogue and not new to it


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A list with what happened on the way: candidates per route, items removed per rule, the price of diversity.

    ``price`` is the share of the list's expected discounted gain (probabilities, NDCG's weights) that diversity,
    calibration, exposure and freshness cost; ``ild`` and ``ild_plain`` are the mean text distance of pairs in the list
    with and without them.
    """

    user: str
    items: tuple[Scored, ...]
    warm: bool  # whether anything is known of the person
    version: str
    candidates: Mapping[str, int] = field(default_factory=dict)
    removed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    price: float = 0.0
    ild: float = 0.0
    ild_plain: float = 0.0
    notes: tuple[str, ...] = ()  # e.g. that the cross-encoder's deadline passed

    @property
    def removed_count(self) -> int:
        """How many items rules removed; one that several rules remove counts once."""
        return len({item for ids in self.removed.values() for item in ids})


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an item is where it is for somebody, or where it was lost.

    ``stage`` is one of ``unknown`` (no such item), ``route`` (no route brought it), ``filter`` (``removed_by`` says
    which), ``ranking`` (others scored higher; ``rank`` says its place), ``diversity`` (pushed out of the first k) and
    ``shown``.
    """

    item: str
    stage: str
    sentence: str
    rank: int | None = None  # by score alone, from 1
    place: int | None = None  # in the final list, from 1
    removed_by: tuple[str, ...] = ()
    scored: Scored | None = None


@dataclass(frozen=True, slots=True)
class Observed:
    """What ``observe`` did: events taken, sent before, and refused with the reason (by event id)."""

    taken: int
    repeated: int
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Knobs of the engine, each with its reason; ``fit`` stores them beside the model."""

    meanings: tuple[EventMeaning, ...] = MEANINGS
    longest_history: int = 50  # newest events of a person that scoring reads
    per_route: int = 200  # candidates a route may bring
    fresh_days: float = 14.0  # an item is fresh for so long after created_at, or while fewer wanted it
    fresh_events: int = 1
    numeric_columns: tuple[str, ...] = ()  # of Item.attributes, used in ranking
    neighbours: int = 200  # kept per item in each item-item table
    linear_up_to: int = 8_000  # items; EASE needs items² memory (8,000: 256 MB in float32), iALS above
    factors: int = 64
    diversity_pool: int = 100  # ranked items that diversity may choose from
    exact_up_to: int = 50_000  # vectors searched one by one; above that FAISS reads clusters
    seed: int = 13

    def meaning(self, type_: str) -> EventMeaning:
        """The meaning of an event type; ``DataError`` names the known ones."""
        for one in self.meanings:
            if one.type == type_:
                return one
        raise DataError(f"Unknown event type '{type_}'; {known_names(type_, [one.type for one in self.meanings])}.")


def epoch(time: datetime) -> float:
    """Seconds since 1970 in UTC."""
    return time.timestamp()


def moment(seconds: float) -> datetime:
    """The aware UTC time of ``epoch``."""
    return datetime.fromtimestamp(seconds, UTC)


def _require_id(what: Reason, id_: str) -> None:
    if not isinstance(id_, str) or not id_ or len(id_) > LONGEST_ID:
        raise DataError(reason(ID, what=what, most=LONGEST_ID, value=repr(str(id_)[:60])))


def _require_aware(what: str, time: datetime | None) -> None:
    if time is not None and time.tzinfo is None:
        raise DataError(f"{what} has no time zone: give it one, for example +00:00.")
