"""A stand-in for the monitor's service with the same methods, all in memory: the door tests' other side.

It counts what it holds by plain loops, so that a door's figures can be compared with hand-typed rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from apps.monitor.alert_records import (
    Alert,
    BacktestReport,
    Delivery,
    DeliveryReport,
    Evidence,
    Found,
    Incident,
    Message,
    MessageKind,
    RuleSet,
    Severity,
    Silence,
    State,
    Transition,
    Why,
)
from apps.monitor.forgetting import Forgotten
from apps.monitor.intake_records import DateDoubt, DateProblem, IngestReport, Preview, RowProblem
from apps.monitor.layouts import Layout, take_file
from apps.monitor.records import (
    TOPICS,
    Correction,
    FeedEntry,
    HeatCell,
    Mover,
    NewsItem,
    Point,
    Reading,
    Sentiment,
    SeriesKey,
    Span,
    Story,
    TopicScore,
)
from apps.monitor.row_problems import NO_TEXT
from apps.monitor.rows import NamedRow, RowRules, counted
from apps.monitor.rules import Rule, parse_rules, rules_to_use
from apps.monitor.source_records import Source, SourceHealth, SourceKind, SourceState, health
from core.errors import BusyError, ConflictError, DataError, NotFoundError, RemoteError, known_names
from core.events import Progress, ignore
from core.reasons import Reason, reason, reason_of
from tests.monitor.fake_rows import MOODS, NOW, TOML, count, entries, entry


class FakeMonitor:
    """See the module. ``boom`` as a search, text or name fails in the way of a bug."""

    def __init__(self, rows: Iterable[FeedEntry] | None = None) -> None:
        self.rows = list(rows) if rows is not None else entries()
        self.closed = False
        self.readers = 0
        self.acts: list[tuple[str, ...]] = []
        self.tried: list[str] = []
        self.replayed: list[tuple[Path, float]] = []
        self.corrected: list[Correction] = []
        self.muted: list[Silence] = []
        self.versions = [RuleSet(1, TOML, NOW - timedelta(days=3), "sample", "first")]
        self.known = [Incident("i1", "aldermoor", NOW - timedelta(hours=3), NOW + timedelta(hours=3), "credit", "default"),
                      Incident("i2", "hechuan", NOW - timedelta(days=2), NOW - timedelta(days=1), "", "recall")]  # fmt: skip
        self.places = {
            "wire": Source("wire", SourceKind.RSS, "https://news.example/feed"),
            "财讯": Source("财讯", SourceKind.PUSH),
            "desk": Source("desk", SourceKind.FILE, "/data/desk.jsonl"),
        }
        self.audit: list[Transition] = []
        self.held = {one.id: one for one in (self._alert("a1", "aldermoor"), self._alert("a2", "hechuan"))}
        for one in self.held.values():
            self._note(one, State.PENDING, State.FIRING, Why.HOLDS)
        self.act("a2", State.RESOLVED, Why.STAYED_CLEAR)

    def _alert(self, id: str, company: str) -> Alert:
        seen = Evidence(
            True, NOW - timedelta(hours=1), NOW, 12, 61, 70, 9, 0.75, 0.55, 1.5, 6.2, 3.5,
            "12 stories in an hour, usually 1.5; 9 of them negative.", tuple(one.story_id for one in self.rows[:2]),
        )  # fmt: skip
        return Alert(
            id, "negative-surge", 1, Severity.HIGH, SeriesKey(company=company), State.FIRING,
            NOW - timedelta(minutes=40), 1, model="tiny@1f2e", evidence=seen,
        )  # fmt: skip

    def _note(self, one: Alert, before: State, after: State, why: Why, by: str = "", note: str = "") -> None:
        self.audit.append(
            Transition(one.id, NOW, before, after, why, one.episode, one.rule, one.rule_version, one.severity, one.key,
                       by, note, one.model, one.evidence, len(self.audit) + 1)
        )  # fmt: skip

    def act(self, id: str, state: State | None, why: Why, by: str = "", words: str = "", **changes: Any) -> Alert:
        """One step of an alert's life, written down."""
        old = self._held(id)
        new = replace(old, state=state or old.state, **changes)
        self.held[id] = new
        self._note(new, old.state, new.state, why, by, words)
        self.acts.append((why.value, id, by, words))
        return new

    def _held(self, id: str) -> Alert:
        if id not in self.held:
            raise NotFoundError(f"No alert has the id '{id}'.")
        return self.held[id]

    # what the doors call

    def clock(self) -> datetime:
        return NOW

    def ingest_rows(
        self, rows: Iterable[NamedRow], source: str = "push", now: Any = None, on_event: Any = None, layout: Any = None
    ) -> IngestReport:
        self.layout = layout
        known, added, doubles, bad, dates = {one.item.id for one in self.rows}, 0, 0, [], []
        for name, row in rows:
            if isinstance(row, DataError):
                bad.append(RowProblem(name, reason_of(row)))
                continue
            title = str(row.get("title") or row.get("text") or "")
            if title == "boom":
                raise ZeroDivisionError("/secret/path")
            if not title.strip():
                bad.append(RowProblem(name, reason(NO_TEXT)))
            elif str(row.get("id")) in known:
                doubles += 1
            else:
                known.add(str(row.get("id")))
                self.rows.append(
                    entry(str(row.get("id")), title, "neutral", "macro", "", 0, str(row.get("source") or source))
                )
                added += 1
                if row.get("date") == "soon":
                    dates.append(DateProblem(name, "soon", DateDoubt.UNREADABLE))
        counts = {"malformed": len(bad)} if bad else {}
        return IngestReport(added, doubles, undated=len(dates), counts=counts, problems=tuple(bad),
                            date_problems=tuple(dates))  # fmt: skip

    def preview_rows(
        self, rows: Iterable[NamedRow], source: str = "push", now: Any = None, layout: Any = None
    ) -> Preview:
        taken, report = take_file(rows, RowRules(source), layout or Layout(), NOW)
        return Preview(report + counted(taken), tuple(one.item for one in taken[:3]))

    def classify(self, texts: Sequence[str]) -> list[Reading]:
        if "busy" in texts:
            raise BusyError("The reader is busy: try again shortly.", status=503, retry_after_s=2)
        made = []
        for number, text in enumerate(texts):
            mood = "negative" if "loss" in text or "亏损" in text else "neutral"
            made.append(
                Reading(
                    str(number),
                    "zh" if "亏" in text else "en",
                    Sentiment(*MOODS[mood]),
                    (TopicScore("earnings", 0.7),),
                    model="tiny@1f2e",
                )
            )
        return made

    def explain(self, item_id: str, company: str | None = None) -> list[SimpleNamespace]:
        text = self.entry(item_id).item.full_text
        start = text.find(" misses")
        return [] if start < 0 else [
            SimpleNamespace(word="misses", start=start + 1, end=start + 7, weight=0.6),
            SimpleNamespace(word="a", start=start + 8, end=start + 9, weight=-0.1),
        ]  # fmt: skip

    def feed(self, query: Any = None, limit: int = 50, offset: int = 0) -> list[FeedEntry]:
        if query is not None and query.search == "boom":
            raise RuntimeError("/secret/path.py line 3")
        kept = [one for one in self.rows if query is None or self._fits(one, query)]
        sure = query is not None and query.uncertain
        kept.sort(key=lambda one: one.reading.sentiment.confidence if sure else -one.item.moment.timestamp())
        return kept[offset : offset + limit]

    def _fits(self, one: FeedEntry, query: Any) -> bool:
        read = one.reading
        return all((
            not query.company or query.company in [mention.company for mention in read.companies],
            not query.topic or query.topic in [topic.topic for topic in read.topics],
            not query.source or query.source == one.item.source,
            not query.label or query.label == read.sentiment.label,
            not query.language or query.language == read.language,
            not query.search or query.search.lower() in one.item.full_text.lower(),
            query.since is None or one.item.moment >= query.since,
            query.until is None or one.item.moment < query.until,
        ))  # fmt: skip

    def entry(self, item_id: str) -> FeedEntry:
        found = next((one for one in self.rows if one.item.id == item_id), None)
        if found is None:
            raise NotFoundError(f"No item has the id '{item_id}'.")
        return found

    def entries(self, ids: Sequence[str]) -> list[FeedEntry]:
        return [self.entry(one) for one in ids]

    def story(self, story_id: str) -> tuple[Story, list[NewsItem]]:
        found = [one for one in self.rows if one.story_id == story_id]
        if not found:
            raise NotFoundError(f"No story has the id '{story_id}'.")
        at = found[0].item.moment
        return Story(story_id, found[0].item.title, at, at, found[0].story_items, found[0].story_reach), [found[0].item]

    def series(
        self,
        company: str = "",
        topic: str = "",
        source: str = "",
        span: Span = Span.HOUR,
        since: Any = None,
        until: Any = None,
    ) -> list[Point]:
        query = SimpleNamespace(company=company, topic=topic, source=source, label="", language="", search="",
                                since=since, until=until)  # fmt: skip
        kept = [one for one in self.rows if self._fits(one, query)]
        start, end = span.floor(since or NOW - timedelta(days=1)), until or NOW
        made = []
        while start < end:
            made.append(count(start, [one for one in kept if span.floor(one.item.moment) == start]))
            start += span.length
        return made

    def check_names(self, company: str = "", topic: str = "", source: str = "", rule: str = "") -> None:
        rules = [one.name for one in parse_rules(self.rules().toml)]
        known = (self.companies(), self.topics(), self._sources(), rules)
        for kind, name, names in zip(
            ("company", "topic", "source", "rule"), (company, topic, source, rule), known, strict=True
        ):
            if name and name not in names:
                raise NotFoundError(f"There is no {kind} '{name}'; {known_names(name, names)}.")

    def _sources(self) -> list[str]:
        return [*self.places, *(one.item.source for one in self.rows)]

    def check_rules(self, toml: str) -> tuple[Rule, ...]:
        return rules_to_use(toml)

    def rule_doubts(self, toml: str) -> list[Reason]:
        named = [one for rule in parse_rules(toml) for one in rule.companies if one not in self.companies()]
        return [Reason(f"Nothing has come of {one}.", f"{one} 尚未出现。") for one in named]

    def heat(self, since: datetime, until: datetime) -> list[HeatCell]:
        groups: dict[tuple[str, str], list[FeedEntry]] = {}
        for one in self.rows:
            if since <= one.item.moment < until:
                for company in {mention.company for mention in one.reading.companies}:
                    for topic in ["", *(score.topic for score in one.reading.topics)]:
                        groups.setdefault((company, topic), []).append(one)
        cells = [HeatCell(company, topic, count(since, found)) for (company, topic), found in groups.items()]
        return sorted(cells, key=lambda cell: -cell.point.stories)

    def movers(self, hours: float = 24, limit: int = 10) -> list[Mover]:
        now, before = count(NOW, self.rows[:2]), count(NOW, self.rows[3:5])
        return [Mover(SeriesKey(company="aldermoor"), now, before, -0.9, 1.0)][:limit]

    def companies(self) -> list[str]:
        return sorted({mention.company for one in self.rows for mention in one.reading.companies})

    def company_names(self, language: str = "en") -> dict[str, str]:
        return {"aldermoor": "奥德摩银行" if language == "zh" else "Aldermoor Bank", "hechuan": "鹤川集团"}

    def topics(self) -> list[str]:
        return list(TOPICS)

    def alerts(
        self,
        state: Any = None,
        severity: str = "",
        company: str = "",
        open_only: bool = False,
        limit: int = 100,
        offset: int = 0,
    ) -> list[Alert]:
        kept = [
            one for one in self.held.values()
            if state in (None, one.state) and severity in ("", one.severity) and company in ("", one.key.company)
            and (one.is_open or not open_only)
        ]  # fmt: skip
        return kept[offset : offset + limit]

    def alerts_of(self, ids: Sequence[str]) -> list[Alert]:
        return [self.held[one] for one in ids if one in self.held]

    def alert(self, alert_id: str) -> SimpleNamespace:
        one = self._held(alert_id)
        stories = [row for row in self.rows if one.evidence and row.story_id in one.evidence.story_ids]
        lines = [line for line in self.audit if line.alert_id == alert_id]
        return SimpleNamespace(alert=one, history=tuple(lines), stories=tuple(stories))

    def acknowledge(self, alert_id: str, by: str, note: str = "") -> Alert:
        if self._held(alert_id).state is not State.FIRING:
            raise ConflictError(f"Alert '{alert_id}' is not firing.")
        return self.act(alert_id, State.ACKNOWLEDGED, Why.ACKNOWLEDGED, by, note, owner=by)

    def comment(self, alert_id: str, by: str, text: str) -> Alert:
        return self.act(alert_id, None, Why.COMMENT, by, text, note=text)

    def assign(self, alert_id: str, by: str, owner: str) -> Alert:
        return self.act(alert_id, None, Why.ASSIGNED, by, owner, owner=owner)

    def resolve(self, alert_id: str, by: str, reason: str) -> Alert:
        return self.act(alert_id, State.RESOLVED, Why.RESOLVED_BY_HAND, by, reason)

    def false_alarm(self, alert_id: str, by: str, reason: str = "") -> Alert:
        return self.act(alert_id, State.RESOLVED, Why.FALSE_ALARM, by, reason)

    def silence(
        self, by: str, until: datetime, reason: str = "", rule: str = "", company: str = "", topic: str = "", source: str = "",
        start: datetime | None = None,
    ) -> Silence:  # fmt: skip
        self.check_names(company, topic, source, rule)
        made = Silence(f"s{len(self.muted) + 1}", start or NOW, until, by, reason, rule, company, topic, source)
        self.muted.append(made)
        for one in list(self.held.values()):
            if one.is_open and made.covers(one.rule, one.key):
                self.act(one.id, State.SILENCED, Why.SILENCE_BEGAN, by, reason)
        return made

    def silences(self, active_only: bool = True) -> list[Silence]:
        return [one for one in self.muted if not active_only or one.active(NOW)]

    def end_silence(self, silence_id: str, by: str) -> Silence:
        for number, one in enumerate(self.muted):
            if one.id == silence_id:
                self.muted[number] = replace(one, ended_at=NOW)
                return self.muted[number]
        raise NotFoundError(f"No silence has the id '{silence_id}'.")

    def transitions(self, after: int = 0, limit: int = 100) -> list[Transition]:
        return [one for one in self.audit if one.number > after][:limit]

    def tick(self, now: Any = None) -> list[Transition]:
        return []

    def rules(self) -> RuleSet:
        return self.versions[-1]

    def rule_versions(self) -> list[RuleSet]:
        return self.versions[::-1]

    def save_rules(self, toml: str, by: str, note: str = "") -> RuleSet:
        self.check_rules(toml)
        self.versions.append(RuleSet(len(self.versions) + 1, toml, NOW, by, note))
        return self.versions[-1]

    def use_rules(self, version: int, by: str) -> RuleSet:
        found = next((one for one in self.versions if one.version == version), None)
        if found is None:
            raise NotFoundError(f"There is no rule version {version}.")
        return self.save_rules(found.toml, by, f"version {version} again")

    def firings(self, since: datetime, until: datetime, company: str = "", topic: str = "") -> list[Transition]:
        return [
            one
            for one in self.audit
            if one.after is State.FIRING
            and since <= one.at <= until
            and company in ("", one.key.company)
            and topic in ("", one.key.topic)
        ]

    def incidents(self) -> list[Incident]:
        return list(self.known)

    def backtest(
        self,
        toml: str | None = None,
        since: Any = None,
        until: Any = None,
        incidents: Sequence[Incident] = (),
        on_event: Any = ignore,
    ) -> BacktestReport:
        rules_to_use(self.rules().toml if toml is None else toml)
        on_event(Progress("replaying", 1, 1))
        fired = tuple(one for one in self.audit if one.after is State.FIRING)
        since, until = since or NOW - timedelta(days=14), until or NOW
        inside = [one for one in incidents if since < one.end and one.start < until]
        found = tuple(
            Found(one, "a1", "negative-surge", NOW, 1800.0) if one.company == "aldermoor" else Found(one)
            for one in inside
        )
        return BacktestReport(
            since,
            until,
            len(self.rows),
            len(self.rows),
            fired,
            found,
            fired[1:],
            2,
            len(incidents) - len(inside),
            fired,
        )

    def sources(self) -> list[SourceHealth]:
        states = {
            "wire": SourceState(
                last_item_at=NOW - timedelta(minutes=5),
                last_try_at=NOW,
                counts={"items": 40, "duplicates": 3, "late": 2},
            ),
            "desk": SourceState(failures=5, error="No such file.", error_zh="文件不存在。", last_try_at=NOW),
        }
        made = []
        for source in self.places.values():
            state = states.get(source.name, SourceState())
            made.append(SourceHealth(source, state, *health(source, state, NOW), delay_s=42.0))
        return made

    def save_source(self, source: Source) -> None:
        self.places[source.name] = source

    def remove_source(self, name: str) -> None:
        if self.places.pop(name, None) is None:
            raise NotFoundError(f"There is no source '{name}'.")

    def forgettable(self, source: str, since: Any = None) -> Forgotten:
        found = [
            one for one in self.rows if one.item.source == source and (since is None or one.item.received_at >= since)
        ]
        if not found:
            raise NotFoundError(f"There is no item of a source '{source}'.")
        return Forgotten(len(found), sum(one.item.id in {each.item_id for each in self.corrected} for one in found))

    def forget(self, source: str, since: Any = None, on_event: Any = ignore) -> Forgotten:
        gone = self.forgettable(source, since)
        self.rows = [one for one in self.rows if one.item.source != source or (since and one.item.received_at < since)]
        return gone

    def pause(self, name: str, paused: bool = True) -> None:
        if name not in self.places:
            raise NotFoundError(f"There is no source '{name}'.")
        self.places[name] = replace(self.places[name], paused=paused)

    def poll(self, name: str = "", now: Any = None) -> IngestReport:
        return IngestReport(added=2)

    def replay(
        self,
        path: Path,
        speed: float = 0,
        source: str = "",
        deliver: bool = False,
        stop: Any = None,
        limit: int | None = None,
        layout: Any = None,
    ) -> Iterator[SimpleNamespace]:
        self.replayed.append((path, speed))
        total = sum(1 for _ in path.open(encoding="utf-8"))
        for done in range(1, (limit or total) + 1):
            if stop is not None and stop.is_set():
                return
            yield SimpleNamespace(
                clock=NOW - timedelta(hours=total - done), done=done, total=total, report=IngestReport(done), firings=1
            )

    def deliver_pending(self, now: Any = None) -> DeliveryReport:
        return DeliveryReport(sent=1)

    def messages(self, limit: int = 50) -> list[Message]:
        alerts = ({"labels": {"company": "aldermoor"}},)
        waits = Message("m1", "desk-mail", MessageKind.FIRING, "g", alerts, NOW, NOW)
        return [waits, replace(waits, id="m2", status=Delivery.FAILED, error="Refused: 550.", attempts=10)][:limit]

    def channels(self) -> list[tuple[str, str]]:
        return [("desk-mail", "mailtos://…"), ("hook", "https://hook.example/…")]

    def try_channel(self, name: str) -> None:
        self.tried.append(name)
        if name == "hook":
            raise RemoteError("The channel 'hook' refused the message: 403.", permanent=True)

    def correct(
        self, item_id: str, by: str, sentiment: str | None = None, topics: Sequence[str] | None = None,
        companies: Mapping[str, str] | None = None,
    ) -> Correction:  # fmt: skip
        self.entry(item_id)
        made = Correction(item_id, by, NOW, sentiment, None if topics is None else tuple(topics), companies)
        self.corrected.append(made)
        return made

    def corrections(self) -> list[tuple[NewsItem, Reading, Correction]]:
        return [(self.entry(one.item_id).item, self.entry(one.item_id).reading, one) for one in self.corrected]

    def uncertain(self, limit: int = 20, language: str = "") -> list[FeedEntry]:
        done = {one.item_id for one in self.corrected}
        kept = [one for one in self.rows if one.item.id not in done and one.reading.sentiment.confidence < 0.6]
        kept = [one for one in kept if language in ("", one.reading.language)]
        return sorted(kept, key=lambda one: one.reading.sentiment.confidence)[:limit]

    def drift(self) -> list[SimpleNamespace]:
        then, now = (
            {"negative": 0.3, "neutral": 0.5, "positive": 0.2},
            {"negative": 0.5, "neutral": 0.4, "positive": 0.1},
        )
        return [SimpleNamespace(name="mood", then=then, now=now, index=0.31),
                SimpleNamespace(name="confidence", then={"0.9–1": 1.0}, now={"0.9–1": 1.0}, index=0.0)]  # fmt: skip

    def status(self) -> dict[str, Any]:
        return {
            "items": len(self.rows),
            "newest_item": NOW,
            "clock": NOW,
            "alerts": {"firing": 1, "resolved": 1, "silenced": 0},
            "messages": {},
            "rules_version": len(self.versions),
            "channels": ["desk"],
            "model": "tiny@1f2e",
            "database": "sqlite:///x.db",
            "sample": True,
            "shifted_days": 12,
            "last_transition": len(self.audit),
            "home": "/secret",
        }

    def close(self) -> None:
        self.closed = True
