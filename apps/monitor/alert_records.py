"""The nouns of alerts: states, severities, evidence, the alert, its transitions, silences, messages. Frozen, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from apps.monitor.records import FeedEntry, SeriesKey
from core.errors import DataError


class State(StrEnum):
    """Where an alert stands.

    NORMAL (never yet or nothing up) -> PENDING (holds, not long enough) -> FIRING -> ACKNOWLEDGED (somebody has it) ->
    RECOVERING (no longer holds, not long enough) -> RESOLVED. SILENCED: would fire, but a silence covers it.
    NO_DATA: nobody hears the series any more; what was before waits.
    """

    NORMAL = "normal"
    PENDING = "pending"
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RECOVERING = "recovering"
    RESOLVED = "resolved"
    SILENCED = "silenced"
    NO_DATA = "no_data"


OPEN = (State.FIRING, State.ACKNOWLEDGED, State.RECOVERING, State.SILENCED)


class Severity(StrEnum):
    """Five levels, the gravest first."""

    CRITICAL = "critical"
    HIGH = "high"
    WARNING = "warning"
    INFO = "info"
    LOW = "low"


class Why(StrEnum):
    """The named reason of a transition."""

    HOLDS = "holds"  # the rule's condition holds
    HELD_LONG_ENOUGH = "held_long_enough"  # for as long as `for` asks
    DID_NOT_LAST = "did_not_last"  # gone before that
    CLEARED = "cleared"  # no longer holds
    STAYED_CLEAR = "stayed_clear"  # for as long as `keep_firing_for` asks
    HOLDS_AGAIN = "holds_again"  # came back before it was resolved
    RAISED_AGAIN = "raised_again"  # came back after it was resolved
    SILENCE_BEGAN = "silence_began"
    SILENCE_ENDED = "silence_ended"
    DATA_LOST = "data_lost"
    DATA_BACK = "data_back"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED_BY_HAND = "resolved_by_hand"
    FALSE_ALARM = "false_alarm"
    ASSIGNED = "assigned"
    COMMENT = "comment"
    RULE_GONE = "rule_gone"


@dataclass(frozen=True)
class Evidence:
    """What a rule saw when it looked: the numbers, and the sentence that says why.

    ``holds`` is the verdict. ``expected`` … ``score`` are the surge's: the series' own usual count, and the excess
    over it in units of the largest usual excess. ``share`` is of the ``judged`` stories, ``low`` the lower end of its
    interval, ``share_limit`` what the rule asks of that. ``measure`` is what the rule counted and ``value`` how much of
    it; both are empty in what was written down before they were kept. ``why`` is English; ``cause`` names
    what it says where the numbers alone do not tell it, for doors that speak other languages. Of a silence
    ``threshold`` is the hours after which it is called. ``fired_from`` is where the window began by which an alert
    that is still up fired: the stories named came since then.
    """

    holds: bool
    window_start: datetime
    window_end: datetime
    stories: int = 0
    items: int = 0
    reach: int = 0
    negative: int = 0
    share: float | None = None
    low: float | None = None
    expected: float | None = None
    score: float | None = None
    threshold: float | None = None
    why: str = ""
    story_ids: tuple[str, ...] = ()
    measure: str = ""
    cause: str = ""
    fired_from: datetime | None = None
    judged: int = 0
    value: float | None = None
    share_limit: float | None = None

    @property
    def stories_since(self) -> datetime:
        """From when on the stories named may be: those that made the alert, and those that came while it was up."""
        return min(self.fired_from or self.window_start, self.window_start)


@dataclass(frozen=True)
class Alert:
    """One rule on one series, through all its episodes; owner, note and history stay when it fires again.

    ``since`` is when the state began, ``held_since`` when the condition began to hold, ``clear_since`` when it ceased;
    ``before`` is the state that NO_DATA, SILENCED or RECOVERING interrupts. ``told``: a message of this episode went
    out; ``messages`` counts the streak that makes repeats rarer, the next is due at ``repeat_at``. ``settled_at``: what
    had come by then a person has settled by closing it, so that only what comes later can raise it again;
    ``wait_for_clear``: the condition held when it was closed and must clear first, or hold by newer stories alone.
    ``fired_at`` is None of a new episode that only waits. ``model`` is the reader's name with its adapter's hash when
    last evaluated.
    """

    id: str
    rule: str
    rule_version: int
    severity: Severity
    key: SeriesKey
    state: State
    since: datetime
    episode: int = 0
    held_since: datetime | None = None
    clear_since: datetime | None = None
    before: State | None = None
    fired_at: datetime | None = None
    resolved_at: datetime | None = None
    told: bool = False
    messages: int = 0
    repeat_at: datetime | None = None
    wait_for_clear: bool = False
    settled_at: datetime | None = None
    owner: str = ""
    note: str = ""
    model: str = ""
    evidence: Evidence | None = None

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def began(self) -> datetime:
        """When this episode first fired; of one that is pending or normal, since when it is that."""
        stands = self.before or self.state if self.state is State.NO_DATA else self.state
        return self.since if stands in (State.PENDING, State.NORMAL) else self.fired_at or self.since


@dataclass(frozen=True)
class Transition:
    """One line of the audit, append-only: what changed, when, why, by whom, under which rule and model version.

    ``number`` grows over all alerts (0 until stored). ``before == after`` for comments and assignments.
    """

    alert_id: str
    at: datetime
    before: State
    after: State
    why: Why
    episode: int
    rule: str
    rule_version: int
    severity: Severity
    key: SeriesKey
    by: str = ""
    note: str = ""
    model: str = ""
    evidence: Evidence | None = None
    number: int = 0


@dataclass(frozen=True)
class AlertView:
    """An alert with its whole history, oldest first, and of each story its evidence names the item that counted."""

    alert: Alert
    history: tuple[Transition, ...]
    stories: tuple[FeedEntry, ...]


@dataclass(frozen=True)
class Silence:
    """Mutes what matches until ``until``: empty fields match everything. Maintenance windows are silences with a start.

    ``ended_at`` is when somebody lifted it early.
    """

    id: str
    start: datetime
    until: datetime
    by: str
    reason: str = ""
    rule: str = ""
    company: str = ""
    topic: str = ""
    source: str = ""
    ended_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.until <= self.start:
            raise DataError(f"A silence must end after it begins, got {self.start} … {self.until}.")
        if not self.by.strip():
            raise DataError("A silence needs the name of whoever sets it.")

    def active(self, now: datetime) -> bool:
        """Whether it holds at that moment; the end itself no longer does."""
        return self.start <= now < (self.ended_at or self.until)

    def covers(self, rule: str, key: SeriesKey) -> bool:
        """Whether an alert of that rule on that series is muted while active."""
        pairs = ((self.rule, rule), (self.company, key.company), (self.topic, key.topic), (self.source, key.source))
        return all(not wanted or wanted == found for wanted, found in pairs)


class MessageKind(StrEnum):
    """Why somebody is told."""

    FIRING = "firing"
    REPEAT = "repeat"
    RESOLVED = "resolved"
    TEST = "test"


class Delivery(StrEnum):
    """Where a message in the outbox stands."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    SENT = "sent"
    FAILED = "failed"


@dataclass(frozen=True)
class Message:
    """One notification to one channel; ``id`` never changes, also when it must be sent again.

    ``alerts`` are the alerts as they were, JSON-ready, in the shape of Alertmanager's webhook (labels, annotations,
    startsAt, endsAt); several of one ``group`` may share a message.
    """

    id: str
    channel: str
    kind: MessageKind
    group: str
    alerts: tuple[Mapping[str, object], ...]
    created_at: datetime
    due_at: datetime
    status: Delivery = Delivery.WAITING
    attempts: int = 0
    error: str = ""
    sent_at: datetime | None = None


@dataclass(frozen=True)
class DeliveryReport:
    """What one round of delivering did; ``waiting`` are still to be tried."""

    sent: int = 0
    retried: int = 0
    failed: int = 0
    waiting: int = 0
    errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Channel:
    """Where messages go: an apprise URL, or ``http(s)://…`` for the signed JSON webhook. ``address`` holds secrets."""

    name: str
    address: str
    secret: str = ""

    @property
    def shown(self) -> str:
        """The address without its secrets."""
        scheme, found, rest = self.address.partition("://")
        return (
            f"{scheme}://{rest.split('@')[-1].split('/')[0].split('?')[0]}/…"
            if found and "http" in scheme
            else f"{scheme}://…"
        )


@dataclass(frozen=True)
class RuleSet:
    """The rules as they stood at one version; the newest is in force."""

    version: int
    toml: str
    created_at: datetime
    by: str = ""
    note: str = ""


@dataclass(frozen=True)
class Incident:
    """Something that truly happened, for a backtest: an alert on this company (and topic, if given) was right then."""

    id: str
    company: str
    start: datetime
    end: datetime
    topic: str = ""
    what: str = ""

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise DataError(f"Incident '{self.id}' must end after it begins.")

    def touches(self, since: datetime, until: datetime) -> bool:
        """Whether any of it lies in [since, until)."""
        return self.end > since and self.start < until


@dataclass(frozen=True)
class Found:
    """An incident with the first alert that found it; ``delay_s`` None when none did."""

    incident: Incident
    alert_id: str = ""
    rule: str = ""
    at: datetime | None = None
    delay_s: float | None = None


@dataclass(frozen=True)
class BacktestReport:
    """A rule set run over history: every firing, and with incidents given what was found, missed and false.

    ``firings`` are the transitions to FIRING in order of time; ``false_alarms`` those that match no incident.
    ``incidents`` are those that touch the period; ``outside`` counts the others, which are neither found nor missed.
    ``recall`` and ``median_delay_s`` are None without incidents or findings.
    """

    start: datetime
    end: datetime
    items: int
    stories: int
    firings: tuple[Transition, ...]
    incidents: tuple[Found, ...] = ()
    false_alarms: tuple[Transition, ...] = ()
    companies: int = 0
    outside: int = 0
    transitions: tuple[Transition, ...] = field(default=(), repr=False)

    @property
    def recall(self) -> float | None:
        return sum(one.at is not None for one in self.incidents) / len(self.incidents) if self.incidents else None

    @property
    def missed(self) -> tuple[Incident, ...]:
        return tuple(one.incident for one in self.incidents if one.at is None)

    @property
    def weeks(self) -> float:
        return max((self.end - self.start).total_seconds() / 604800, 1e-9)

    @property
    def false_alarms_per_week(self) -> float:
        return len(self.false_alarms) / self.weeks

    @property
    def false_alarms_per_company_month(self) -> float:
        """Of 30.44 days."""
        return len(self.false_alarms) / max(1, self.companies) / (self.weeks * 7 / 30.44)

    @property
    def median_delay_s(self) -> float | None:
        delays = sorted(one.delay_s for one in self.incidents if one.delay_s is not None)
        middle = len(delays) // 2
        return None if not delays else (delays[middle] + delays[~middle]) / 2
