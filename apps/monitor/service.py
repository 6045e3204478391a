"""The monitor's use-cases: items, trends, alerts, rules, sources, messages, learning. ``build`` alone loads models.

Doors call this and nothing below it. Every change is one transaction; what was acknowledged survives a crash.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from apps.monitor import acts, learning, overview
from apps.monitor.alert_desk import AlertDesk, DeskSettings
from apps.monitor.alert_records import (
    Alert,
    AlertView,
    BacktestReport,
    DeliveryReport,
    Incident,
    Message,
    MessageKind,
    RuleSet,
    Severity,
    Silence,
    State,
    Transition,
)
from apps.monitor.backtest import backtest, is_firing
from apps.monitor.delivery import Courier
from apps.monitor.intake import Intake, Reads, StoryRules
from apps.monitor.live import Loop
from apps.monitor.notifiers import send
from apps.monitor.polling import Poller, PollSettings
from apps.monitor.records import (
    Correction,
    DriftRow,
    FeedEntry,
    FeedQuery,
    HeatCell,
    IngestReport,
    Mover,
    NewsItem,
    Point,
    Reading,
    ReplayStep,
    SeriesKey,
    Span,
    Story,
)
from apps.monitor.replay import Player, Progressing, read_dated
from apps.monitor.rows import RowRules, Taken, item_from_row, take_rows
from apps.monitor.rules import parse_rules
from apps.monitor.settings import MonitorSettings
from apps.monitor.source_records import POLLED, Source, SourceHealth, health
from apps.monitor.sources import Limits, rules_of
from apps.monitor.starting import SAMPLE, channels_of, read_incidents, read_sample, set_up
from apps.monitor.store import Store
from core.errors import DataError, NotFoundError
from core.events import OnEvent, Progress, ignore

LIVE_WITHIN = timedelta(hours=36)  # the newest item of a live stream is younger than this, also over a night
SHOWN: Mapping[Span, timedelta] = {
    Span.MINUTE: timedelta(hours=3),
    Span.HOUR: timedelta(days=3),
    Span.DAY: timedelta(days=30),
}
MOST_WINDOWS = 20_000  # in one answer


class MonitorService:
    """See the module. Safe for several threads."""

    def __init__(self, settings: MonitorSettings, store: Store, reader: Reads) -> None:
        self.settings, self._store, self._reader = settings, store, reader
        own = settings.monitor
        self._channels = channels_of(settings)
        wait = timedelta(seconds=own.alerting.group_wait_s)
        self._desk = AlertDesk(DeskSettings(tuple(self._channels), wait, own.alerting.public_url), reader.model)
        stories = StoryRules(own.stories.similarity, own.stories.days, own.stories.most)
        self._intake = Intake(store, reader, self._desk, stories, timedelta(seconds=own.trends.late_after_s))
        lease = timedelta(seconds=own.alerting.lease_s)
        self._courier = Courier(store, self._channels, send, own.alerting.attempts, lease)
        limits = Limits(own.intake.timeout_s, int(own.intake.largest_mb * 1_000_000))
        polling = PollSettings(limits, own.intake.longest_text, own.intake.oldest_days)
        self._poller = Poller(store, polling, self._take)
        self._sample, self._ending = Progressing(), threading.Event()
        self._live: threading.Thread | None = None

    def clock(self) -> datetime:
        """Now, as pages mean it: real now for a live stream, the last moment of a replayed one."""
        now = utc_now()
        with self._store.reading() as work:
            _, received = work.items.latest()
            live = any(source.kind in POLLED and not source.paused for source, _ in work.sources.sources().values())
        return now if received is None or live or now - received < LIVE_WITHIN else received + Span.MINUTE.length

    # Items

    def ingest(self, items: Iterable[NewsItem], now: datetime | None = None, quiet: bool = False) -> IngestReport:
        """Reads, groups, counts and judges items; idempotent by id. ``quiet`` puts no messages into the outbox."""
        return self._take([Taken(item, undated=item.published_at is None) for item in items], now or utc_now(), quiet)

    def ingest_rows(
        self, rows: Iterable[Mapping[str, Any] | DataError], source: str = "push", now: datetime | None = None
    ) -> IngestReport:
        """The same for raw rows (HTTP, files); a bad row is reported by number and never loses another.

        A row that could not even be read comes as its error.
        """
        now = now or utc_now()
        own = self.settings.monitor.intake
        with self._store.reading() as work:
            known = work.sources.sources().get(source)
        rules = RowRules(source, longest_text=own.longest_text, oldest_days=own.oldest_days)
        if known is not None:
            rules = rules_of(known[0], own.longest_text, own.oldest_days)
        taken, problems = take_rows(rows, rules, now)
        return self._take(taken, now) + problems

    def _take(self, taken: Sequence[Taken], now: datetime, quiet: bool = False) -> IngestReport:
        report, size = IngestReport(), self.settings.monitor.intake.batch
        for at in range(0, len(taken), size):
            report += self._intake.take(taken[at : at + size], now, quiet)[0]
        return report

    def classify(self, texts: Sequence[str]) -> list[Reading]:
        """Readings of loose texts; nothing is stored. ``DataError`` for an empty one."""
        now = utc_now()
        rules = RowRules("classify", longest_text=self.settings.monitor.intake.longest_text)
        rows = ({"id": str(at), "text": text} for at, text in enumerate(texts))
        return self._reader.read([item_from_row(row, rules, now).item for row in rows])

    def explain(self, item_id: str, company: str | None = None) -> Sequence[Any]:
        """Which words moved the verdict (towards the company when one is named), by the reader."""
        entry, explain = self.entry(item_id), getattr(self._reader, "explain", None)
        return [] if explain is None else list(explain(entry.item, company))

    def feed(self, query: FeedQuery | None = None, limit: int = 50, offset: int = 0) -> list[FeedEntry]:
        """Newest first."""
        with self._store.reading() as work:
            return work.items.feed(query or FeedQuery(), limit, offset)

    def entry(self, item_id: str) -> FeedEntry:
        """One item; ``NotFoundError`` for an unknown id."""
        with self._store.reading() as work:
            return work.items.entry(item_id)

    def story(self, story_id: str) -> tuple[Story, list[NewsItem]]:
        """A story with its items; ``NotFoundError`` for an unknown id."""
        with self._store.reading() as work:
            return work.items.story(story_id)

    # Trends

    def series(
        self,
        company: str = "",
        topic: str = "",
        source: str = "",
        span: Span = Span.HOUR,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[Point]:
        """All windows of a series in order, empty ones too."""
        until = until or self.clock()
        since = since or until - SHOWN[span]
        if (until - since) / span.length > MOST_WINDOWS:
            raise DataError(f"A series may have {MOST_WINDOWS} windows: choose a longer span or a shorter time.")
        with self._store.reading() as work:
            return overview.series(work.counts, SeriesKey(company, topic, source), span, since, until)

    def heat(self, since: datetime, until: datetime) -> list[HeatCell]:
        """Companies × topics over a period, most stories first; topic "" is the company as a whole."""
        return overview.heat(self._sums(since, until))

    def movers(self, hours: float = 24, limit: int = 10) -> list[Mover]:
        """What changed its mood most in the last hours against the same time before."""
        now, length = self.clock(), timedelta(hours=hours)
        return overview.movers(self._sums(now - length, now), self._sums(now - 2 * length, now - length), limit)

    def _sums(self, since: datetime, until: datetime) -> list[tuple[SeriesKey, Point]]:
        kept = timedelta(days=self.settings.monitor.trends.hour_days)
        span = Span.HOUR if until - since <= kept / 2 else Span.DAY
        with self._store.reading() as work:
            return work.counts.sums(span, span.floor(since), until)

    def companies(self) -> list[str]:
        """Companies found in items, the most frequent first."""
        with self._store.reading() as work:
            return work.items.tag_values("company")

    def company_names(self) -> dict[str, str]:
        """Names to show of the companies in the gazetteer, by id."""
        from apps.monitor.companies import read_companies

        path = self.settings.monitor.reading.gazetteer or SAMPLE / "companies.csv"
        return {one.id: one.name for one in read_companies(path)} if path.is_file() else {}

    def topics(self) -> list[str]:
        """Topics of the settings."""
        return list(self.settings.monitor.reading.topics)

    # Alerts

    def alerts(
        self,
        state: State | None = None,
        severity: Severity | str = "",
        company: str = "",
        open_only: bool = False,
        limit: int = 100,
        offset: int = 0,
    ) -> list[Alert]:
        """The latest changed first."""
        filters = {"state": state.value if state else "", "severity": str(severity), "company": company}
        with self._store.reading() as work:
            return work.alerts.alerts(filters, open_only, limit, offset)

    def alert(self, alert_id: str) -> AlertView:
        """An alert with its history and the stories of its evidence; ``NotFoundError`` for an unknown id."""
        with self._store.reading() as work:
            return acts.view(work, alert_id)

    def acknowledge(self, alert_id: str, by: str, note: str = "", now: datetime | None = None) -> Alert:
        """Somebody has it; ``ConflictError`` when it is not open."""
        return self._act(alert_id, acts.Act.ACKNOWLEDGE, by, note, now)

    def comment(self, alert_id: str, by: str, text: str, now: datetime | None = None) -> Alert:
        """A note for those who come after."""
        return self._act(alert_id, acts.Act.COMMENT, by, text, now)

    def assign(self, alert_id: str, by: str, owner: str, now: datetime | None = None) -> Alert:
        """Gives it to somebody."""
        return self._act(alert_id, acts.Act.ASSIGN, by, owner, now)

    def resolve(self, alert_id: str, by: str, reason: str, now: datetime | None = None) -> Alert:
        """Closes it; ``ConflictError`` when it is not open."""
        return self._act(alert_id, acts.Act.RESOLVE, by, reason, now)

    def false_alarm(self, alert_id: str, by: str, reason: str = "", now: datetime | None = None) -> Alert:
        """Closes it and says that it should not have been raised."""
        return self._act(alert_id, acts.Act.FALSE_ALARM, by, reason, now)

    def _act(self, alert_id: str, act: acts.Act, by: str, note: str, now: datetime | None) -> Alert:
        with self._store.writing() as work:
            return acts.perform(work, self._desk, alert_id, act, by, note, now or utc_now())

    def silence(
        self,
        by: str,
        until: datetime,
        reason: str = "",
        rule: str = "",
        company: str = "",
        topic: str = "",
        source: str = "",
        start: datetime | None = None,
    ) -> Silence:
        """Mutes what matches until then; it begins at ``start`` (now when none is given)."""
        made = Silence(uuid4().hex, start or self.clock(), until, by, reason, rule, company, topic, source)
        with self._store.writing() as work:
            work.alerts.put_silence(made)
        return made

    def silences(self, active_only: bool = True) -> list[Silence]:
        """Those that hold or will hold, or all that ever were."""
        with self._store.reading() as work:
            return work.alerts.silences(ending_after=self.clock() if active_only else None)

    def end_silence(self, silence_id: str, by: str) -> Silence:
        """Lifts a silence now; ``NotFoundError`` for an unknown id."""
        with self._store.writing() as work:
            return acts.end_silence(work, silence_id, by, self.clock())

    def transitions(self, after: int = 0, limit: int = 100) -> list[Transition]:
        """The audit from a number on, in order: what a live stream of alerts sends."""
        with self._store.reading() as work:
            return work.alerts.transitions(after, limit)

    def firings(self, since: datetime, until: datetime, company: str = "", topic: str = "") -> list[Transition]:
        """Alerts raised in a period, oldest first: the marks of a chart."""
        with self._store.reading() as work:
            found = [line for line in work.alerts.between(since, until) if is_firing(line)]
        return [line for line in found if company in ("", line.key.company) and topic in ("", line.key.topic)]

    def tick(self, now: datetime | None = None, quiet: bool = False) -> list[Transition]:
        """Looks at what time alone changes: silent sources, recovery, ends of silences, repeats."""
        with self._store.writing() as work:
            work.sources.take_turn()
            return self._desk.look(work, {}, now or utc_now(), quiet)

    # Rules

    def rules(self) -> RuleSet:
        """The rules in force; version 0 and empty when there are none."""
        with self._store.reading() as work:
            return work.alerts.rule_set() or RuleSet(0, "", utc_now())

    def rule_versions(self) -> list[RuleSet]:
        """All versions, newest first."""
        with self._store.reading() as work:
            return work.alerts.rule_sets()

    def save_rules(self, toml: str, by: str, note: str = "") -> RuleSet:
        """A new version in force from now on; ``DataError`` names the rule and key that is wrong."""
        parse_rules(toml)
        with self._store.writing() as work:
            return work.alerts.add_rule_set(toml, by, note, utc_now())

    def use_rules(self, version: int, by: str) -> RuleSet:
        """An older version again, as a new one; ``NotFoundError`` for an unknown one."""
        with self._store.reading() as work:
            old = work.alerts.rule_set(version)
        if old is None:
            raise NotFoundError(f"There is no version {version} of the rules.")
        return self.save_rules(old.toml, by, f"version {version} again")

    def backtest(
        self,
        toml: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        incidents: Sequence[Incident] = (),
        on_event: OnEvent = ignore,
    ) -> BacktestReport:
        """Rules (None: those in force) over stored history; call it twice to compare two sets."""
        rules = parse_rules(self.rules().toml if toml is None else toml)
        with self._store.reading() as work:
            until = until or (work.items.latest()[1] or utc_now()) + Span.MINUTE.length
            since = since or until - timedelta(days=30)
            learn_from = since - max((rule.history for rule in rules), default=timedelta(0))
            done = Counter[str]()

            def on_step(now: datetime, count: int) -> None:
                done["items"] += count
                if count:
                    on_event(Progress("backtest", done["items"], total))

            total = work.items.count_between(learn_from, until)
            history = work.items.history(learn_from, until)
            return backtest(rules, history, since, until, incidents, on_step, self._reader.model)

    def incidents(self) -> list[Incident]:
        """What is known to have happened: the sample's incidents, moved as its stream was."""
        with self._store.reading() as work:
            fact = work.sources.fact("sample")
        path = SAMPLE / "incidents.jsonl"
        return read_incidents(path, timedelta(days=fact.get("shifted_days", 0))) if fact and path.is_file() else []

    # Sources and replay

    def sources(self) -> list[SourceHealth]:
        """All sources with how they are doing."""
        now = self.clock()
        with self._store.reading() as work:
            known, delays = work.sources.sources(), work.items.delays()
        return [
            SourceHealth(source, state, *health(source, state, now), delay_s=delays.get(name))
            for name, (source, state) in known.items()
        ]

    def save_source(self, source: Source) -> None:
        """Adds a source or changes it; where reading it stands stays."""
        with self._store.writing() as work:
            work.sources.put(source)

    def remove_source(self, name: str) -> None:
        """Forgets a source; its items stay. ``NotFoundError`` for an unknown one."""
        with self._store.writing() as work:
            if not work.sources.remove(name):
                raise NotFoundError(f"There is no source '{name}'.")

    def pause(self, name: str, paused: bool = True) -> None:
        """Stops or goes on looking at a source; ``NotFoundError`` for an unknown one."""
        self._poller.pause(name, paused)

    def poll(self, name: str = "", now: datetime | None = None) -> IngestReport:
        """Looks at one source now, or at all that are due."""
        return self._poller.poll(name, now or utc_now())

    def replay(
        self,
        path: Path,
        speed: float = 0,
        source: str = "",
        deliver: bool = False,
        stop: threading.Event | None = None,
        limit: int | None = None,
    ) -> Iterator[ReplayStep]:
        """Plays a dated file by its times; ``speed`` 0: as fast as it goes, 60: a minute a second."""
        own = self.settings.monitor.intake
        rules = RowRules(source or path.stem, longest_text=own.longest_text, oldest_days=own.oldest_days)
        taken, problems = read_dated(path, rules)
        return self._player(not deliver).play(taken[:limit], speed, stop or threading.Event(), problems)

    def _player(self, quiet: bool) -> Player:
        return Player(self._intake, self._reader, self.tick, quiet, self.settings.monitor.intake.batch)

    def load_sample(self, folder: Path = SAMPLE, stop: threading.Event | None = None) -> Iterator[ReplayStep]:
        """Plays the sample stream, moved by whole days so that it ends now; goes on where an earlier start stopped.

        Does nothing when there are items that are not the sample's.
        """
        with self._store.writing() as work:
            fact = work.sources.fact("sample")
            if not (folder / "stream.jsonl").is_file() or fact.get("done") or (not fact and work.items.count()):
                return
            began = datetime.fromisoformat(fact["began"]) if fact else utc_now()
            taken, days = read_sample(folder, began)
            work.sources.set_fact("sample", {"began": began.isoformat(), "shifted_days": days})
        yield from self._player(quiet=True).play(taken, 0, stop or threading.Event(), IngestReport())
        if stop is None or not stop.is_set():
            with self._store.writing() as work:
                done = {"began": began.isoformat(), "shifted_days": days, "done": True}
                work.sources.set_fact("sample", done)

    # Delivery

    def deliver_pending(self, now: datetime | None = None) -> DeliveryReport:
        """Sends what is due."""
        return self._courier.deliver(utc_now if now is None else lambda: now)

    def messages(self, limit: int = 50, offset: int = 0) -> list[Message]:
        """The outbox, newest first."""
        with self._store.reading() as work:
            return work.outbox.messages(limit, offset)

    def channels(self) -> list[tuple[str, str]]:
        """Names with addresses without their secrets."""
        return [(one.name, one.shown) for one in self._channels.values()]

    def try_channel(self, name: str) -> None:
        """Sends a test message at once; ``RemoteError`` says what went wrong."""
        if name not in self._channels:
            raise NotFoundError(f"There is no channel '{name}' in the settings.")
        now, words = utc_now(), {"alertname": "test", "severity": "info"}
        said = {"summary": "Trifolium: a test message 测试消息", "description": "This channel works. 此通道可用。"}
        body = {"status": "firing", "labels": words, "annotations": said}
        send(self._channels[name], Message(uuid4().hex, name, MessageKind.TEST, "test", (body,), now, now))

    # Learning

    def correct(
        self,
        item_id: str,
        by: str,
        sentiment: str | None = None,
        topics: Sequence[str] | None = None,
        companies: Mapping[str, str] | None = None,
    ) -> Correction:
        """Keeps what somebody says an item really is; feed and counts follow, the next training run learns from it."""
        parts = (sentiment, None if topics is None else tuple(topics), companies)
        made = Correction(item_id, by, utc_now(), *parts)
        with self._store.writing() as work:
            work.sources.take_turn()
            entry = work.items.entry(item_id)
            reading = learning.mended(entry.item, entry.reading, made)
            work.items.correct(made, reading)
            work.counts.add(acts.recount(work, entry, reading))
        return made

    def corrections(self) -> list[tuple[NewsItem, Reading, Correction]]:
        """The newest of each item, with the item and what the model had said: the next run's examples."""
        with self._store.reading() as work:
            return work.items.corrections()

    def uncertain(self, limit: int = 20) -> list[FeedEntry]:
        """Items the reader was least sure of and nobody has corrected, the least sure first."""
        return self.feed(FeedQuery(uncertain=True), limit)

    def drift(self, days: float = 7) -> list[DriftRow]:
        """The last days beside the four times as long before them, the most changed first."""
        now, length = self.clock(), timedelta(days=days)
        with self._store.reading() as work:
            then = work.items.shares(now - 5 * length, now - length)
            return learning.drift(then, work.items.shares(now - length, now + Span.DAY.length))

    def status(self) -> dict[str, Any]:
        """What the suite knows about itself."""
        with self._store.reading() as work:
            moment, received = work.items.latest()
            sample = work.sources.fact("sample")
            found: dict[str, Any] = {
                "items": work.items.count(),
                "newest_item": moment,
                "newest_receipt": received,
                "alerts": work.alerts.counts(),
                "messages": work.outbox.counts(),
                "rules_version": (work.alerts.rule_set() or RuleSet(0, "", utc_now())).version,
                "last_transition": work.alerts.last_number(),
            }
        found |= {"sample": bool(sample), "shifted_days": sample.get("shifted_days", 0)}
        found |= {"loading": self._sample.shown(), "model": self._reader.model, "database": self._store.address}
        return found | {"channels": list(self._channels), "clock": self.clock()}

    def start_sample(self) -> None:
        """Loads the sample in a thread of its own; ``status()["loading"]`` says how far it is."""
        self._sample.start(lambda stop: self.load_sample(stop=stop))

    def start_live(self) -> None:
        """Polls what is due, looks, delivers and prunes in a thread of its own until ``close``."""
        self._live = threading.Thread(target=self.run, args=(self._ending,), name="monitor-live", daemon=True)
        self._live.start()

    def run(self, stop: threading.Event) -> None:
        """The same in this thread, until told to stop; of several processes one works at a time."""
        Loop(self, self._store).run(stop)

    def prune(self, now: datetime | None = None) -> dict[str, int]:
        """Forgets what is older than the settings keep."""
        own = self.settings.monitor.trends
        days = {Span.MINUTE: own.minute_days, Span.HOUR: own.hour_days, Span.DAY: own.day_days}
        return self._store.prune(now or self.clock(), days, own.item_days)

    def close(self) -> None:
        """Stops what runs in the background and closes the database."""
        self._ending.set()
        self._sample.stop()
        if self._live is not None:
            self._live.join(timeout=30)
        self._store.close()


def build(settings: MonitorSettings) -> MonitorService:
    """The service with its reader, rules and sources of the settings' files in place."""
    from apps.monitor.reading import load_reader

    store = Store.open(settings.database_address)
    set_up(store, settings)
    return MonitorService(settings, store, load_reader(settings))


def open_service(settings: MonitorSettings) -> MonitorService:
    """``build``, the sample stream in an empty database and the live loop, both behind and as the settings say."""
    service = build(settings)
    if settings.monitor.load_sample:
        service.start_sample()
    if settings.monitor.live:
        service.start_live()
    return service


def utc_now() -> datetime:
    """The real time."""
    return datetime.now(UTC)
