"""The monitor's use-cases as one service, and what makes it live: sources, replay, messages, the loop behind.

``build`` alone loads models; doors call this and nothing below it. Every change is one transaction; what was
acknowledged survives a crash. Items and alerts have their use-cases in ``item_cases`` and ``alert_cases``.
"""

import threading
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from apps.monitor.alert_cases import AlertCases
from apps.monitor.alert_records import (
    DeliveryReport,
    Message,
    MessageKind,
    RuleSet,
    Transition,
)
from apps.monitor.backtest import Bench, is_firing
from apps.monitor.cases import utc_now
from apps.monitor.delivery import Courier
from apps.monitor.intake import Reads
from apps.monitor.intake_records import IngestReport, ReplayStep
from apps.monitor.item_cases import ItemCases
from apps.monitor.layouts import Layout
from apps.monitor.live import Loop
from apps.monitor.notices import trial
from apps.monitor.notifiers import send
from apps.monitor.polling import Poller, PollSettings
from apps.monitor.records import Span
from apps.monitor.replay import AS_USUAL, Player, Progressing, read_dated
from apps.monitor.row_columns import check_fields
from apps.monitor.rows import RowRules, Taken
from apps.monitor.settings import MonitorSettings
from apps.monitor.source_records import Source, SourceHealth, health
from apps.monitor.sources import Limits
from apps.monitor.starting import SAMPLE, SAMPLE_LEASE, read_sample, set_up
from apps.monitor.store import Store
from core.errors import NotFoundError
from core.events import OnEvent, ignore

LEASE = timedelta(minutes=2)


class MonitorService(ItemCases, AlertCases):
    """See the module. Safe for several threads."""

    def __init__(self, settings: MonitorSettings, store: Store, reader: Reads) -> None:
        super().__init__(settings, store, reader)
        own = settings.monitor
        lease = timedelta(seconds=own.alerting.lease_s)
        self._courier = Courier(store, self._channels, send, own.alerting.attempts, lease)
        limits = Limits(own.intake.timeout_s, int(own.intake.largest_mb * 1_000_000))
        polling = PollSettings(limits, own.intake.longest_text, own.intake.oldest_days)
        self._poller = Poller(store, polling, self._take)
        self._sample, self._ending = Progressing(), threading.Event()
        self._live: threading.Thread | None = None

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
        """Adds a source or changes it; where reading it stands stays. ``DataError`` for columns of no field of ours."""
        check_fields(source.columns)
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
        layout: Layout | None = None,
    ) -> Iterator[ReplayStep]:
        """Plays a dated file by its times; ``speed`` 0: as fast as it goes, 60: a minute a second."""
        own = self.settings.monitor.intake
        rules = RowRules(source or path.stem, longest_text=own.longest_text, oldest_days=own.oldest_days)
        taken, problems = read_dated(path, rules, layout or AS_USUAL)
        return self._player(not deliver).play(taken[:limit], speed, stop or threading.Event(), problems)

    def _player(self, quiet: bool) -> Player:
        return Player(self._intake, self._reader, self.tick, quiet, self.settings.monitor.intake.batch)

    def load_sample(self, folder: Path = SAMPLE, stop: threading.Event | None = None) -> Iterator[ReplayStep]:
        """Plays the sample stream, moved by whole days so that it ends now; goes on where an earlier start stopped.

        Does nothing when there are items that are not the sample's, or while another process is at it.
        """
        by, stop = uuid4().hex, stop or threading.Event()
        with self._store.writing() as work:
            fact = work.sources.fact("sample")
            if not (folder / "stream.jsonl").is_file() or fact.get("done") or (not fact and work.items.count()):
                return
            if not work.sources.lease(SAMPLE_LEASE, by, utc_now(), LEASE):
                return
            began = datetime.fromisoformat(fact["began"]) if fact else utc_now()
            taken, days = read_sample(folder, began)
            fact = {"began": began.isoformat(), "shifted_days": days, "total": len(taken)}
            work.sources.set_fact("sample", fact)
        try:
            yield from self._prolonged(self._take_history(taken, stop, fact | {"done": True}), by)
        finally:
            with self._store.writing() as work:
                work.sources.give_up(SAMPLE_LEASE, by)

    def _take_history(
        self, taken: Sequence[Taken], stop: threading.Event, done: dict[str, Any]
    ) -> Iterator[ReplayStep]:
        """Stores dated items in bulk, then lets the rules look over them all as they would have live."""
        report, size = IngestReport(), self.settings.monitor.intake.batch
        for at in range(0, len(taken), size):
            if stop.is_set():
                return
            batch = taken[at : at + size]
            now = batch[-1].item.received_at
            report += self._intake.take(batch, now, quiet=True, look=False)[0]
            yield ReplayStep(now, at + len(batch), len(taken), report, 0)
        lines = self._look_back(taken[0].item.received_at, now + Span.MINUTE.length, done)
        yield ReplayStep(now, len(taken), len(taken), report, sum(is_firing(line) for line in lines))

    def _look_back(self, since: datetime, until: datetime, done: dict[str, Any]) -> list[Transition]:
        with self._store.reading() as work:
            bench = Bench(self._desk.rules(work), model=self._reader.model)
            lines = list(bench.play(work.items.history(since, until)))
        with self._store.writing() as work:
            work.sources.take_turn()
            if not work.sources.fact("sample").get("done"):
                self._desk.adopt(work, bench.alerts.values(), lines)
                work.sources.set_fact("sample", done)
        return lines

    def _prolonged(self, steps: Iterator[ReplayStep], by: str) -> Iterator[ReplayStep]:
        """The steps, while the right to load the sample is ours."""
        until = utc_now() + LEASE / 2
        for step in steps:
            if utc_now() > until:
                with self._store.writing() as work:
                    if not work.sources.lease(SAMPLE_LEASE, by, utc_now(), LEASE):
                        return
                until = utc_now() + LEASE / 2
            yield step

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
        now, body = utc_now(), trial(self.settings.monitor.alerting.language)
        send(self._channels[name], Message(uuid4().hex, name, MessageKind.TEST, "test", (body,), now, now))

    def status(self) -> dict[str, Any]:
        """What the suite knows about itself."""
        with self._store.reading() as work:
            moment, received = work.items.latest()
            sample, loading = work.sources.fact("sample"), work.sources.held(SAMPLE_LEASE, utc_now())
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
        if loading and not self._sample.running:  # pages and HTTP are two processes, of which one reads the sample in
            total = int(sample.get("total", 0))
            found["loading"] = {"running": True, "done": min(found["items"], total), "total": total, "error": ""}
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


def build(settings: MonitorSettings, on_event: OnEvent = ignore) -> MonitorService:
    """The service with its reader, rules and sources of the settings' files in place.

    ``on_event`` hears when models are loaded, which happens when the first text comes.
    """
    from apps.monitor.reading import load_reader

    store = Store.open(settings.database_address)
    set_up(store, settings)
    return MonitorService(settings, store, load_reader(settings, on_event))


def open_service(settings: MonitorSettings, on_event: OnEvent = ignore) -> MonitorService:
    """``build``, the sample stream in an empty database and the live loop, both behind and as the settings say."""
    service = build(settings, on_event)
    if settings.monitor.load_sample:
        service.start_sample()
    if settings.monitor.live:
        service.start_live()
    return service
