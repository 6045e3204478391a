"""The monitor's use-cases. ``build`` alone loads models; doors call this and nothing below it.

Signatures first: bodies follow.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from apps.monitor.alert_records import (
    Alert,
    BacktestReport,
    DeliveryReport,
    Incident,
    Message,
    RuleSet,
    Silence,
    State,
    Transition,
)
from apps.monitor.records import (
    Correction,
    FeedEntry,
    HeatCell,
    IngestReport,
    Mover,
    NewsItem,
    Point,
    Reading,
    Span,
    Story,
)
from apps.monitor.settings import MonitorSettings
from apps.monitor.source_records import Source, SourceHealth
from core.events import OnEvent, ignore


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class AlertView:
    """An alert with its whole history, oldest first, and the stories its evidence names."""

    alert: Alert
    history: tuple[Transition, ...]
    stories: tuple[FeedEntry, ...]


@dataclass(frozen=True)
class ReplayStep:
    """Where a replay stands: the stream's own time, items done, what became of them, alerts fired so far."""

    clock: datetime
    done: int
    total: int
    report: IngestReport
    firings: int


@dataclass(frozen=True)
class DriftRow:
    """One thing watched: its distribution then and now, and the population stability index between them.

    Under 0.1 is steady, over 0.25 a change worth a look (the usual reading of the index in credit scoring).
    """

    name: str
    then: Mapping[str, float]
    now: Mapping[str, float]
    index: float


class MonitorService:
    """See the module. Safe for several threads."""

    settings: MonitorSettings

    def clock(self) -> datetime:
        """Now, as pages mean it: real now for a live stream, the last moment of a replayed one."""
        raise NotImplementedError

    # Items
    def ingest(self, items: Iterable[NewsItem], now: datetime | None = None, quiet: bool = False) -> IngestReport:
        """Reads, groups, counts and judges items; idempotent by id. ``quiet`` puts no messages into the outbox."""
        raise NotImplementedError

    def ingest_rows(
        self, rows: Iterable[Mapping[str, Any]], source: str = "push", now: datetime | None = None
    ) -> IngestReport:
        """The same for raw rows (HTTP, files); a bad row is reported by number and never loses another."""
        raise NotImplementedError

    def classify(self, texts: Sequence[str]) -> list[Reading]:
        """Readings of loose texts; nothing is stored."""
        raise NotImplementedError

    def explain(self, item_id: str) -> Sequence[Any]:
        """Which words moved the verdict (the reader's ``explain``)."""
        raise NotImplementedError

    def feed(self, query: FeedQuery = FeedQuery(), limit: int = 50, offset: int = 0) -> list[FeedEntry]:
        """Newest first."""
        raise NotImplementedError

    def entry(self, item_id: str) -> FeedEntry:
        raise NotImplementedError

    def story(self, story_id: str) -> tuple[Story, list[NewsItem]]:
        raise NotImplementedError

    # Trends
    def series(
        self, company: str = "", topic: str = "", source: str = "", span: Span = Span.HOUR,
        since: datetime | None = None, until: datetime | None = None,
    ) -> list[Point]:  # fmt: skip
        """All windows of a series in order, empty ones too."""
        raise NotImplementedError

    def heat(self, since: datetime, until: datetime) -> list[HeatCell]:
        """Companies × topics over a period, most stories first; topic "" is the company as a whole."""
        raise NotImplementedError

    def movers(self, hours: float = 24, limit: int = 10) -> list[Mover]:
        raise NotImplementedError

    def companies(self) -> list[str]:
        raise NotImplementedError

    def topics(self) -> list[str]:
        raise NotImplementedError

    # Alerts
    def alerts(
        self, state: State | None = None, severity: str = "", company: str = "", open_only: bool = False,
        limit: int = 100, offset: int = 0,
    ) -> list[Alert]:  # fmt: skip
        raise NotImplementedError

    def alert(self, alert_id: str) -> AlertView:
        raise NotImplementedError

    def acknowledge(self, alert_id: str, by: str, note: str = "") -> Alert:
        raise NotImplementedError

    def comment(self, alert_id: str, by: str, text: str) -> Alert:
        raise NotImplementedError

    def assign(self, alert_id: str, by: str, owner: str) -> Alert:
        raise NotImplementedError

    def resolve(self, alert_id: str, by: str, reason: str) -> Alert:
        raise NotImplementedError

    def false_alarm(self, alert_id: str, by: str, reason: str = "") -> Alert:
        raise NotImplementedError

    def silence(
        self, by: str, until: datetime, reason: str = "", rule: str = "", company: str = "", topic: str = "",
        source: str = "", start: datetime | None = None,
    ) -> Silence:  # fmt: skip
        raise NotImplementedError

    def silences(self, active_only: bool = True) -> list[Silence]:
        raise NotImplementedError

    def end_silence(self, silence_id: str, by: str) -> Silence:
        raise NotImplementedError

    def transitions(self, after: int = 0, limit: int = 100) -> list[Transition]:
        """The audit from a number on, in order: what a live stream of alerts sends."""
        raise NotImplementedError

    def tick(self, now: datetime | None = None) -> list[Transition]:
        """Looks at every rule at ``now``: what time alone changes (silence, recovery, expiry, repeats)."""
        raise NotImplementedError

    # Rules
    def rules(self) -> RuleSet:
        raise NotImplementedError

    def rule_versions(self) -> list[RuleSet]:
        raise NotImplementedError

    def save_rules(self, toml: str, by: str, note: str = "") -> RuleSet:
        """A new version in force from now on; ``DataError`` says the rule and key that is wrong."""
        raise NotImplementedError

    def use_rules(self, version: int, by: str) -> RuleSet:
        """An older version again, as a new one."""
        raise NotImplementedError

    def backtest(
        self, toml: str | None = None, since: datetime | None = None, until: datetime | None = None,
        incidents: Sequence[Incident] = (), on_event: OnEvent = ignore,
    ) -> BacktestReport:  # fmt: skip
        """Rules (None: those in force) over stored history; call it twice to compare two sets."""
        raise NotImplementedError

    # Sources and replay
    def sources(self) -> list[SourceHealth]:
        raise NotImplementedError

    def save_source(self, source: Source) -> None:
        raise NotImplementedError

    def remove_source(self, name: str) -> None:
        raise NotImplementedError

    def pause(self, name: str, paused: bool = True) -> None:
        raise NotImplementedError

    def poll(self, name: str = "", now: datetime | None = None) -> IngestReport:
        """Looks at one source now, or at all that are due."""
        raise NotImplementedError

    def replay(
        self, path: Path, speed: float = 0, source: str = "", deliver: bool = False,
        stop: threading.Event | None = None, limit: int | None = None,
    ) -> Iterator[ReplayStep]:  # fmt: skip
        """Plays a dated csv or jsonl file by its times; ``speed`` 0: as fast as it goes, 60: a minute a second."""
        raise NotImplementedError

    # Delivery
    def deliver_pending(self, now: datetime | None = None) -> DeliveryReport:
        raise NotImplementedError

    def messages(self, limit: int = 50) -> list[Message]:
        raise NotImplementedError

    def channels(self) -> list[tuple[str, str]]:
        """Names with addresses without their secrets."""
        raise NotImplementedError

    def try_channel(self, name: str) -> None:
        """Sends a test message at once; ``RemoteError`` says what went wrong."""
        raise NotImplementedError

    # Learning
    def correct(
        self, item_id: str, by: str, sentiment: str | None = None, topics: Sequence[str] | None = None,
        companies: Mapping[str, str] | None = None,
    ) -> Correction:  # fmt: skip
        raise NotImplementedError

    def corrections(self) -> list[tuple[NewsItem, Reading, Correction]]:
        """The newest of each item, with the item and what the model had said: the next run's examples."""
        raise NotImplementedError

    def uncertain(self, limit: int = 20) -> list[FeedEntry]:
        """Items the reader was least sure of and nobody has corrected, the least sure first."""
        raise NotImplementedError

    def drift(self) -> list[DriftRow]:
        raise NotImplementedError

    def status(self) -> dict[str, Any]:
        raise NotImplementedError

    def run(self, stop: threading.Event, pause: Callable[[float], None] | None = None) -> None:
        """The live loop: polls what is due, ticks, delivers, prunes, until told to stop."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


def build(settings: MonitorSettings) -> MonitorService:
    """The service with its reader."""
    raise NotImplementedError


def open_service(settings: MonitorSettings) -> MonitorService:
    """``build``, and the sample stream in an empty database when the settings say so."""
    raise NotImplementedError
