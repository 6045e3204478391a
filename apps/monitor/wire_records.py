"""Items, readings and trends as they go out over the wire and into ``--json``, with what programs would else compute.

Shapes only, read off the records' attributes; knows no service and no server. Alerts and rules: ``wire_alerts``.
"""

from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from apps.monitor.intake_records import DateDoubt
from apps.monitor.records import Label


class RecordJson(BaseModel):
    """Base of every shape: read off a record's attributes."""

    model_config = ConfigDict(from_attributes=True)


J = TypeVar("J", bound=RecordJson)


def as_json(shape: type[J], record: object) -> dict[str, Any]:
    """A record as JSON-ready values in that shape."""
    return shape.model_validate(record).model_dump(mode="json")


class SentimentJson(RecordJson):
    """Three probabilities, the likeliest label with its own (``confidence``), and the net mood in [-1, 1]."""

    label: Label
    negative: float
    neutral: float
    positive: float
    polarity: float
    confidence: float


class TopicJson(RecordJson):
    """A topic with its probability."""

    topic: str
    probability: float


class MentionJson(RecordJson):
    """A company as written at ``start`` … ``end`` of title and text on two lines, with the mood towards it."""

    company: str
    name: str
    start: int
    end: int
    sentiment: SentimentJson


class ReadingJson(RecordJson):
    """What the model made of a text; ``abstained`` when it was not sure enough of the mood."""

    item_id: str
    language: str
    sentiment: SentimentJson
    topics: list[TopicJson]
    companies: list[MentionJson]
    abstained: bool
    model: str


class NewsJson(RecordJson):
    """An item as it came."""

    id: str
    source: str
    title: str
    text: str
    url: str
    published_at: datetime | None
    received_at: datetime
    language: str
    author: str
    reach: int
    tickers: list[str]


class EntryJson(RecordJson):
    """An item with its reading and its story; ``corrected`` when a person changed the reading."""

    item: NewsJson
    reading: ReadingJson
    story_id: str
    story_items: int
    story_reach: int
    corrected: bool


class StoryJson(RecordJson):
    """Near-duplicates told once: ``items`` is how many were seen, ``reach`` the sum of theirs."""

    id: str
    title: str
    first_seen: datetime
    last_seen: datetime
    items: int
    reach: int
    sources: list[str]


class StoryWhole(BaseModel):
    """A story and its items."""

    story: StoryJson
    items: list[NewsJson]


class WordJson(RecordJson):
    """A word at ``start`` … ``end`` of title and text on two lines; a positive weight speaks for the verdict."""

    word: str
    start: int
    end: int
    weight: float


class KeyJson(RecordJson):
    """Which items a series counts; an empty field means all of them."""

    company: str
    topic: str
    source: str


class PointJson(RecordJson):
    """One window. ``negative_share`` with its 95 % interval ``low`` … ``high`` is of the stories with a mood.

    ``unknown``: no source was heard then, so that zero does not mean silence of the world.
    """

    start: datetime
    stories: int
    items: int
    reach: int
    negative: int
    neutral: int
    positive: int
    negative_share: float | None
    low: float | None
    high: float | None
    polarity: float | None
    unknown: bool


class CellJson(RecordJson):
    """One company × topic over a period; topic "" is the company as a whole."""

    company: str
    topic: str
    point: PointJson


class MoverJson(RecordJson):
    """A series that changed: the last window beside the one of the same length before it."""

    key: KeyJson
    now: PointJson
    before: PointJson
    polarity_change: float
    share_change: float


class ProblemJson(RecordJson):
    """A row that was not taken as it is, by its number (of a file: file and line), with the reason."""

    row: str
    reason: str


class DateProblemJson(RecordJson):
    """A row taken without its date, named as above: the value found, and why it is not used."""

    row: str
    value: str
    why: DateDoubt
    reason: str


class IngestJson(RecordJson):
    """What became of a batch: ``added`` + ``duplicates`` + ``dropped`` is what came in.

    ``late`` was published longer before it came in than ``monitor.trends.late_after_s`` and counts at the time it was
    published, ``undated`` counts at the moment it came in; those that had a date are named in ``date_problems``.
    A reach that is no number is left out, so that its source's counts (1 unless set): ``without_reach`` says how often,
    ``reach_problems`` where.
    ``columns`` says which columns (fields of a row) were taken for each of ours, ``unused`` which for none, ``sources``
    to which sources the added belong, ``date_orders`` how dates such as 03/04/2026 were read, where there were any.
    """

    added: int
    duplicates: int
    dropped: int
    reposts: int
    late: int
    undated: int
    shortened: int
    garbled: int
    zoneless: int
    without_reach: int
    transitions: int
    problems: list[ProblemJson]
    date_problems: list[DateProblemJson]
    reach_problems: list[ProblemJson]
    columns: dict[str, list[str]]
    unused: list[str]
    sources: list[str]
    date_orders: list[str]


class PreviewJson(RecordJson):
    """What a batch would be taken for: the report there would be (copies not looked for), the first items."""

    report: IngestJson
    items: list[NewsJson]


class ForgottenJson(RecordJson):
    """Items taken out again, and how many of them people had corrected."""

    items: int
    corrected: int


class CorrectionJson(RecordJson):
    """What a person said an item really is; null leaves that part as read."""

    item_id: str
    by: str
    at: datetime
    sentiment: Label | None
    topics: list[str] | None
    companies: dict[str, Label] | None


class DriftJson(RecordJson):
    """A distribution then and now, and the population stability index: under 0.1 steady, over 0.25 worth a look."""

    name: str
    then: dict[str, float]
    now: dict[str, float]
    index: float
