"""What goes out over the wire and into ``--json``: each record's JSON shape, and what programs would else compute.

Shapes only, read off the records' attributes; knows no service and no server.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict

from apps.monitor.alert_records import Delivery, MessageKind, Severity, State, Why
from apps.monitor.records import Label
from apps.monitor.source_records import Health, SourceKind


class _Json(BaseModel):
    model_config = ConfigDict(from_attributes=True)


J = TypeVar("J", bound=_Json)


def as_json(shape: type[J], record: object) -> dict[str, Any]:
    """A record as JSON-ready values in that shape."""
    return shape.model_validate(record).model_dump(mode="json")


def without_password(address: object) -> object:
    """The address with user and password cut out.

    >>> without_password("https://me:secret@news.example/feed?x=1")
    'https://news.example/feed?x=1'
    """
    scheme, found, rest = str(address).partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}" if found else address


class SentimentJson(_Json):
    """Three probabilities, the likeliest label with its own (``confidence``), and the net mood in [-1, 1]."""

    label: Label
    negative: float
    neutral: float
    positive: float
    polarity: float
    confidence: float


class TopicJson(_Json):
    """A topic with its probability."""

    topic: str
    probability: float


class MentionJson(_Json):
    """A company as written at ``start`` … ``end`` of title and text on two lines, with the mood towards it."""

    company: str
    name: str
    start: int
    end: int
    sentiment: SentimentJson


class ReadingJson(_Json):
    """What the model made of a text; ``abstained`` when it was not sure enough of the mood."""

    item_id: str
    language: str
    sentiment: SentimentJson
    topics: list[TopicJson]
    companies: list[MentionJson]
    abstained: bool
    model: str


class NewsJson(_Json):
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


class EntryJson(_Json):
    """An item with its reading and its story; ``corrected`` when a person changed the reading."""

    item: NewsJson
    reading: ReadingJson
    story_id: str
    story_items: int
    story_reach: int
    corrected: bool


class StoryJson(_Json):
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


class WordJson(_Json):
    """A word at ``start`` … ``end`` of title and text on two lines; a positive weight speaks for the verdict."""

    word: str
    start: int
    end: int
    weight: float


class KeyJson(_Json):
    """Which items a series counts; an empty field means all of them."""

    company: str
    topic: str
    source: str


class PointJson(_Json):
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


class CellJson(_Json):
    """One company × topic over a period; topic "" is the company as a whole."""

    company: str
    topic: str
    point: PointJson


class MoverJson(_Json):
    """A series that changed: the last window beside the one of the same length before it."""

    key: KeyJson
    now: PointJson
    before: PointJson
    polarity_change: float
    share_change: float


class ProblemJson(_Json):
    """A row that was not taken, by number or id, with the reason."""

    row: str
    reason: str


class IngestJson(_Json):
    """What became of a batch: ``added`` + ``duplicates`` + ``dropped`` is what came in."""

    added: int
    duplicates: int
    dropped: int
    reposts: int
    late: int
    undated: int
    shortened: int
    garbled: int
    transitions: int
    problems: list[ProblemJson]


class CorrectionJson(_Json):
    """What a person said an item really is; null leaves that part as read."""

    item_id: str
    by: str
    at: datetime
    sentiment: Label | None
    topics: list[str] | None
    companies: dict[str, Label] | None


class DriftJson(_Json):
    """A distribution then and now, and the population stability index: under 0.1 steady, over 0.25 worth a look."""

    name: str
    then: dict[str, float]
    now: dict[str, float]
    index: float


class EvidenceJson(_Json):
    """What a rule saw; ``score`` is how far the count lies above the usual, in robust standard deviations."""

    holds: bool
    window_start: datetime
    window_end: datetime
    stories: int
    items: int
    reach: int
    negative: int
    share: float | None
    low: float | None
    expected: float | None
    score: float | None
    threshold: float | None
    why: str
    story_ids: list[str]


class AlertJson(_Json):
    """One rule on one series, through all its episodes; owner, note and history stay when it fires again."""

    id: str
    rule: str
    rule_version: int
    severity: Severity
    key: KeyJson
    state: State
    is_open: bool
    since: datetime
    fired_at: datetime | None
    resolved_at: datetime | None
    episode: int
    owner: str
    note: str
    model: str
    evidence: EvidenceJson | None


class TransitionJson(_Json):
    """One line of the audit, append-only; ``number`` grows over all alerts."""

    number: int
    alert_id: str
    at: datetime
    before: State
    after: State
    why: Why
    episode: int
    rule: str
    rule_version: int
    severity: Severity
    key: KeyJson
    by: str
    note: str
    model: str
    evidence: EvidenceJson | None


class AlertWhole(_Json):
    """An alert with its whole history, oldest first, and the stories its evidence names."""

    alert: AlertJson
    history: list[TransitionJson]
    stories: list[EntryJson]


class SilenceJson(_Json):
    """Mutes what matches until it ends; empty fields match everything."""

    id: str
    rule: str
    company: str
    topic: str
    source: str
    start: datetime
    until: datetime
    ended_at: datetime | None
    by: str
    reason: str


class RulesJson(_Json):
    """The rules as they stood at one version; the newest is in force."""

    version: int
    toml: str
    created_at: datetime
    by: str
    note: str


class IncidentJson(_Json):
    """Something that truly happened."""

    id: str
    company: str
    topic: str
    start: datetime
    end: datetime
    what: str


class FoundJson(_Json):
    """An incident with the first alert that found it; ``delay_s`` null when none did."""

    incident: IncidentJson
    alert_id: str
    rule: str
    at: datetime | None
    delay_s: float | None


class BacktestJson(_Json):
    """Rules run over history: every firing, what was found, missed and false."""

    start: datetime
    end: datetime
    items: int
    stories: int
    recall: float | None
    median_delay_s: float | None
    false_alarms_per_week: float
    false_alarms_per_company_month: float
    incidents: list[FoundJson]
    firings: list[TransitionJson]
    false_alarms: list[TransitionJson]


class SourceJson(_Json):
    """A source as it was set up, without passwords."""

    name: str
    kind: SourceKind
    address: Annotated[str, BeforeValidator(without_password)]
    zone: str
    language: str
    every_s: float
    silent_after_s: float | None
    paused: bool


class SourceStateJson(_Json):
    """Where reading a source stands; ``counts`` adds up what became of its items."""

    last_item_at: datetime | None
    last_try_at: datetime | None
    last_success_at: datetime | None
    failures: int
    counts: dict[str, int]


class HealthJson(_Json):
    """How a source is doing; silent and failing ones are unknown, not good news. ``delay_s``: published to received."""

    source: SourceJson
    state: SourceStateJson
    health: Health
    reason: str
    delay_s: float | None


class MessageJson(_Json):
    """A notification in the outbox."""

    id: str
    channel: str
    kind: MessageKind
    group: str
    created_at: datetime
    due_at: datetime
    status: Delivery
    attempts: int
    error: str
    sent_at: datetime | None
    alerts: list[Mapping[str, Any]]


class ChannelJson(BaseModel):
    """A channel, its address without secrets."""

    name: str
    address: str


class RuleJson(_Json):
    """A rule of a draft, as it was understood."""

    name: str
    kind: str
    severity: Severity
    enabled: bool
