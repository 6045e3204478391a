"""The monitor's nouns as frozen records that check themselves when made; code further in trusts them.

They know nothing of files, tables, models or pages. Every moment carries a time zone. Nouns of alerts are in
``alert_records``, what became of a batch is in ``intake_records``.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from core.errors import DataError

TOPICS = (
    "earnings", "guidance", "credit", "regulation", "management", "product", "mergers", "market", "macro", "scandal",
)  # fmt: skip
LANGUAGES = ("en", "zh", "")


class Label(StrEnum):
    """The three moods of a text."""

    NEGATIVE = "negative"
    NEUTRAL = "neutral"
    POSITIVE = "positive"


class Span(StrEnum):
    """Lengths of the windows kept: what happened in a minute, an hour, a day."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"

    @property
    def length(self) -> timedelta:
        """How long one window is."""
        return _LENGTHS[self.value]

    def floor(self, moment: datetime) -> datetime:
        """The start of the window that holds ``moment``, in UTC.

        >>> Span.HOUR.floor(datetime(2026, 3, 1, 10, 59, tzinfo=UTC)).isoformat()
        '2026-03-01T10:00:00+00:00'
        """
        moment = moment.astimezone(UTC)
        return moment - (moment - EPOCH) % self.length


_LENGTHS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sentiment:
    """Three probabilities that sum to 1."""

    negative: float
    neutral: float
    positive: float

    def __post_init__(self) -> None:
        values = (self.negative, self.neutral, self.positive)
        if not all(0 <= value <= 1 + 1e-6 for value in values) or not math.isclose(sum(values), 1, abs_tol=1e-3):
            raise DataError(f"Sentiment needs three probabilities that sum to 1, got {values}.")

    @classmethod
    def certain(cls, label: str) -> "Sentiment":
        """All the weight on one label, as a person gives it."""
        return cls(*(float(label == one) for one in Label))

    @property
    def label(self) -> Label:
        """The likeliest mood."""
        pairs = ((self.negative, Label.NEGATIVE), (self.neutral, Label.NEUTRAL), (self.positive, Label.POSITIVE))
        return max(pairs, key=lambda pair: pair[0])[1]

    @property
    def polarity(self) -> float:
        """Net mood in [-1, 1]."""
        return self.positive - self.negative

    @property
    def confidence(self) -> float:
        """Probability of ``label``."""
        return max(self.negative, self.neutral, self.positive)


@dataclass(frozen=True, slots=True)
class TopicScore:
    """One topic a text is about; ``probability`` in [0, 1]."""

    topic: str
    probability: float


@dataclass(frozen=True, slots=True)
class CompanyMention:
    """A company a text names: ``company`` is the gazetteer's id, or the surface form when it knows none.

    ``name`` is as written, ``item.full_text[start:end] == name``; ``sentiment`` is towards this company.
    """

    company: str
    name: str
    start: int
    end: int
    sentiment: Sentiment


@dataclass(frozen=True, slots=True)
class NewsItem:
    """One article, report or comment. ``reach`` is how many voices it stands for (1, or what the source says).

    ``published_at`` is None when the source gave no believable date; then ``received_at`` places it in time.
    """

    id: str
    source: str
    title: str
    text: str
    url: str
    published_at: datetime | None
    received_at: datetime
    language: str = ""
    author: str = ""
    reach: int = 1
    tickers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.id.strip() or not self.source.strip():
            raise DataError("A news item needs an id and a source.")
        if len(self.id) > 250 or len(self.source) > 200:
            raise DataError(f"A news item's id has at most 250 characters and its source 200, got '{self.id[:60]}…'.")
        if not (self.title.strip() or self.text.strip()):
            raise DataError(f"News item '{self.id}' has neither title nor text.")
        for moment in (self.published_at, self.received_at):
            if moment is not None and moment.tzinfo is None:
                raise DataError(f"News item '{self.id}' needs times with a zone, got {moment.isoformat()}.")
        if self.reach < 1:
            raise DataError(f"News item '{self.id}' must have a reach of at least 1, got {self.reach}.")
        if self.language not in LANGUAGES:
            raise DataError(f"News item '{self.id}' has language '{self.language}'; known here: en, zh or none.")

    @property
    def full_text(self) -> str:
        """What is read: title and text on two lines, or the one there is; a text that begins with its title alone."""
        title, text = self.title.strip(), self.text.strip()
        return text if not title or text.startswith(title) else f"{title}\n{text}" if text else title

    @property
    def moment(self) -> datetime:
        """When it happened: published, or received when undated."""
        return self.published_at or self.received_at


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model made of an item. ``abstained``: it would not say; the item counts as a story, not as a mood."""

    item_id: str
    language: str
    sentiment: Sentiment
    topics: tuple[TopicScore, ...] = ()
    companies: tuple[CompanyMention, ...] = ()
    abstained: bool = False
    model: str = ""


@dataclass(frozen=True, slots=True, order=True)
class SeriesKey:
    """Which items a series counts; an empty field means all of them. ``str`` is its name in rules, alerts and URLs."""

    company: str = ""
    topic: str = ""
    source: str = ""

    def __str__(self) -> str:
        parts = (("company", self.company), ("topic", self.topic), ("source", self.source))
        return ",".join(f"{name}={value}" for name, value in parts if value) or "all"


@dataclass(frozen=True, slots=True)
class Point:
    """One window of a series. Stories count once, in the window that first saw them; items and reach count each repost.

    ``stories`` splits into ``negative``, ``neutral``, ``positive`` and abstained ones. ``negative_share`` is of those
    with a mood, None when there is none, with its 95 % Wilson interval ``low`` … ``high``. ``polarity`` is their mean
    in [-1, 1], ``confidence_sum`` adds up how sure the negative ones were.
    ``unknown``: no source was being heard then, so that zero does not mean silence of the world.
    """

    start: datetime
    stories: int = 0
    items: int = 0
    reach: int = 0
    negative: int = 0
    neutral: int = 0
    positive: int = 0
    polarity_sum: float = 0.0
    confidence_sum: float = 0.0
    unknown: bool = False

    def __add__(self, other: "Point") -> "Point":
        """Both windows as one that starts with the earlier; what is unknown in one is unknown in neither."""
        sums = {name: getattr(self, name) + getattr(other, name) for name in COUNTERS}
        return Point(min(self.start, other.start), **sums, unknown=self.unknown and other.unknown)

    @property
    def judged(self) -> int:
        """Stories with a mood."""
        return self.negative + self.neutral + self.positive

    @property
    def negative_share(self) -> float | None:
        return self.negative / self.judged if self.judged else None

    @property
    def polarity(self) -> float | None:
        return self.polarity_sum / self.judged if self.judged else None

    @property
    def low(self) -> float | None:
        return wilson(self.negative, self.judged)[0] if self.judged else None

    @property
    def high(self) -> float | None:
        return wilson(self.negative, self.judged)[1] if self.judged else None


COUNTERS = ("stories", "items", "reach", "negative", "neutral", "positive", "polarity_sum", "confidence_sum")


def wilson(successes: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's score interval of a share (1927); (0, 1) without trials. ``z`` 1.96 is 95 %.

    >>> [round(end, 3) for end in wilson(8, 10)]
    [0.49, 0.943]
    """
    if trials == 0:
        return 0.0, 1.0
    share, square = successes / trials, z * z / trials
    middle = share + square / 2
    half = z * math.sqrt(share * (1 - share) / trials + square / (4 * trials))
    return max(0.0, (middle - half) / (1 + square)), min(1.0, (middle + half) / (1 + square))


@dataclass(frozen=True, slots=True)
class Story:
    """Near-duplicates told once: ``items`` is how many were seen, ``reach`` the sum of theirs."""

    id: str
    title: str
    first_seen: datetime
    last_seen: datetime
    items: int
    reach: int
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """An item as a feed shows it; ``reading`` carries people's corrections, ``corrected`` says there are some."""

    item: NewsItem
    reading: Reading
    story_id: str
    story_items: int
    story_reach: int
    corrected: bool = False


@dataclass(frozen=True, slots=True)
class FeedQuery:
    """Which items a feed shows; empty fields do not filter. ``uncertain`` puts the least confident first."""

    company: str = ""
    topic: str = ""
    source: str = ""
    label: str = ""
    language: str = ""
    search: str = ""
    since: datetime | None = None
    until: datetime | None = None
    uncertain: bool = False


@dataclass(frozen=True, slots=True)
class StoredItem:
    """An item as it was stored: for replays of history."""

    item: NewsItem
    reading: Reading
    story_id: str


@dataclass(frozen=True, slots=True)
class HeatCell:
    """One company × topic over a period; ``point`` sums its windows."""

    company: str
    topic: str
    point: Point


@dataclass(frozen=True, slots=True)
class Mover:
    """A series whose mood or volume changed: the last window beside the one of the same length before it."""

    key: SeriesKey
    now: Point
    before: Point
    polarity_change: float
    share_change: float


@dataclass(frozen=True, slots=True)
class DriftRow:
    """One thing watched: its distribution then and now, and the population stability index between them.

    Under 0.1 is steady, over 0.25 a change worth a look (the usual reading of the index in credit scoring).
    """

    name: str
    then: Mapping[str, float]
    now: Mapping[str, float]
    index: float


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person said an item really is; None leaves that part as read. ``companies`` maps company to label."""

    item_id: str
    by: str
    at: datetime
    sentiment: str | None = None
    topics: tuple[str, ...] | None = None
    companies: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        labels = [one for one in (self.sentiment, *(self.companies or {}).values()) if one is not None]
        for label in labels:
            if label not in tuple(Label):
                raise DataError(f"A correction's mood must be negative, neutral or positive, got '{label}'.")
        if self.sentiment is None and self.topics is None and self.companies is None:
            raise DataError("A correction must change sentiment, topics or companies.")
