"""Alerts, rules, sources and messages as they go out over the wire and into ``--json``.

Shapes only, read off the records' attributes; knows no service and no server.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator

from apps.monitor.alert_records import Delivery, MessageKind, Severity, State, Why
from apps.monitor.source_records import Health, SourceKind
from apps.monitor.wire_records import EntryJson, KeyJson, RecordJson
from core.dates import DateOrder


def without_password(address: object) -> object:
    """The address with user and password cut out.

    >>> without_password("https://me:secret@news.example/feed?x=1")
    'https://news.example/feed?x=1'
    """
    scheme, found, rest = str(address).partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}" if found else address


class EvidenceJson(RecordJson):
    """What a rule saw; ``score`` is the excess over the usual count in units of the largest usual excess.

    ``value`` is how much there was of what the rule counts, ``low`` the sure lower end of the negative ``share`` of the
    ``judged`` stories, ``share_limit`` what the rule asks of that end.
    ``story_ids`` are the stories since ``stories_since``: those of the window that fired, and those that came while
    the alert was up.
    """

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
    judged: int
    value: float | None
    share_limit: float | None
    why: str
    story_ids: list[str]
    stories_since: datetime


class AlertJson(RecordJson):
    """One rule on one series, through all its episodes; owner, note and history stay when it fires again.

    ``since`` is when its state began, ``began`` when this episode fired or, of one that only waits, since when it does;
    ``fired_at`` is null while it waits.
    """

    id: str
    rule: str
    rule_version: int
    severity: Severity
    key: KeyJson
    state: State
    is_open: bool
    since: datetime
    began: datetime
    fired_at: datetime | None
    resolved_at: datetime | None
    episode: int
    owner: str
    note: str
    model: str
    evidence: EvidenceJson | None


class TransitionJson(RecordJson):
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


class AlertWhole(RecordJson):
    """An alert with its whole history, oldest first, and the stories its evidence names."""

    alert: AlertJson
    history: list[TransitionJson]
    stories: list[EntryJson]


class SilenceJson(RecordJson):
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


class RulesJson(RecordJson):
    """The rules as they stood at one version; the newest is in force."""

    version: int
    toml: str
    created_at: datetime
    by: str
    note: str


class SavedRulesJson(RulesJson):
    """The same when just saved; ``doubts`` name companies and sources in them of which nothing has come yet."""

    doubts: list[str]


class IncidentJson(RecordJson):
    """Something that truly happened."""

    id: str
    company: str
    topic: str
    start: datetime
    end: datetime
    what: str


class FoundJson(RecordJson):
    """An incident with the first alert that found it; ``delay_s`` null when none did."""

    incident: IncidentJson
    alert_id: str
    rule: str
    at: datetime | None
    delay_s: float | None


class BacktestJson(RecordJson):
    """Rules run over history: every firing, what was found, missed and false; ``outside`` incidents are not counted."""

    start: datetime
    end: datetime
    items: int
    stories: int
    recall: float | None
    median_delay_s: float | None
    false_alarms_per_week: float
    false_alarms_per_company_month: float
    incidents: list[FoundJson]
    outside: int
    firings: list[TransitionJson]
    false_alarms: list[TransitionJson]


class SourceJson(RecordJson):
    """A source as it was set up, without passwords."""

    name: str
    kind: SourceKind
    address: Annotated[str, BeforeValidator(without_password)]
    zone: str
    language: str
    every_s: float
    silent_after_s: float | None
    paused: bool
    columns: dict[str, str]
    dates: DateOrder


class SourceStateJson(RecordJson):
    """Where reading a source stands; ``counts`` adds up what became of its items."""

    last_item_at: datetime | None
    last_try_at: datetime | None
    last_success_at: datetime | None
    failures: int
    counts: dict[str, int]


class HealthJson(RecordJson):
    """How a source is doing; silent and failing ones are unknown, not good news. ``delay_s``: published to received."""

    source: SourceJson
    state: SourceStateJson
    health: Health
    reason: str
    delay_s: float | None


class MessageJson(RecordJson):
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


class RuleJson(RecordJson):
    """A rule of a draft, as it was understood."""

    name: str
    kind: str
    severity: Severity
    enabled: bool
