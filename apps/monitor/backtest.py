"""Runs rules over history exactly as they would have run live, and says what they found, missed and invented.

Pure: history and rules in, report out. The looking and deciding are ``watching``, the same as live.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from apps.monitor.alert_records import Alert, BacktestReport, Found, Incident, Silence, State, Transition, Why
from apps.monitor.history import STEP, steps
from apps.monitor.judging import Judge, Past, Sources
from apps.monitor.records import SeriesKey, StoredItem
from apps.monitor.rules import Kind, Rule
from apps.monitor.source_records import Source, SourceKind, SourceState, heard
from apps.monitor.trends import Deltas, Tally, add_voice, voice
from apps.monitor.watching import Outcome, Watch, look_at, look_round

RAISED = (Why.HOLDS, Why.HELD_LONG_ENOUGH, Why.RAISED_AGAIN)  # a new episode, not one that goes on


@dataclass
class Bench:
    """What live keeps in the database, in memory."""

    rules: Sequence[Rule]
    silences: Sequence[Silence] = ()
    model: str = ""

    def __post_init__(self) -> None:
        self.tally, self.past = Tally(), Past()
        self.alerts: dict[str, Alert] = {}
        self.sources: dict[str, tuple[Source, SourceState]] = {}
        self._counted: dict[str, set[SeriesKey]] = {}

    def play(self, history: Iterable[StoredItem]) -> Iterator[Transition]:
        """Everything that becomes of a history, in order of receipt."""
        for step in steps(history, lambda one: one.item.received_at):
            yield from self.take(step.batch, step.now) if step.batch else ()
            yield from self.look(step.now) if step.look else ()

    def take(self, batch: Sequence[StoredItem], now: datetime) -> list[Transition]:
        """Counts a batch and lets the rules look, as ingestion does."""
        deltas: Deltas = {}
        touched: dict[SeriesKey, list[datetime]] = {}
        for one in batch:
            spoken = voice(one.item, one.reading)
            counted = self._counted.setdefault(one.story_id, set())
            counted |= add_voice(deltas, spoken, counted)
            for key in spoken.moods:
                touched.setdefault(key, []).append(one.item.moment)
                self.past.forget(key, one.item.moment)
            self._hear(one)
        self.tally.add(deltas)
        return self._kept(look_at(self._watch(), self.alerts, touched, now))

    def look(self, now: datetime) -> list[Transition]:
        """Looks at all open alerts and sources, as the live loop does."""
        return self._kept(look_round(self._watch(), self.alerts, now))

    def _watch(self) -> Watch:
        return Watch(self.rules, Judge(self.tally, self.past), Sources(self.sources), self.silences, self.model)

    def _kept(self, outcomes: Sequence[Outcome]) -> list[Transition]:
        self.alerts |= {one.alert.id: one.alert for one in outcomes}
        return [line for one in outcomes for line in one.transitions]

    def _hear(self, one: StoredItem) -> None:
        name = one.item.source
        source, state = self.sources.get(name, (Source(name, SourceKind.PUSH), SourceState()))
        self.sources[name] = (source, heard(state, one.item.received_at))


def backtest(
    rules: Sequence[Rule],
    history: Iterable[StoredItem],
    since: datetime,
    until: datetime,
    incidents: Sequence[Incident] = (),
    on_step: Callable[[datetime, int], None] | None = None,
    model: str = "",
) -> BacktestReport:
    """The rules over ``history`` (in order of receipt, beginning early enough to learn from before ``since``).

    Only what happens in [since, until) is reported, incidents too. An alert finds an incident when it is raised on its
    company (or, for rules without company, its topic) between its start and its end; any other alert about companies or
    topics in that time is a false alarm. Alerts about silent sources and new companies are listed and not counted as
    either.
    """
    bench, lines, companies, items, stories = Bench(rules, model=model), [], set(), 0, set()
    for step in steps(_until(history, until), lambda one: one.item.received_at):
        found = bench.take(step.batch, step.now) if step.batch else []
        found += bench.look(step.now) if step.look else []
        if on_step is not None:
            on_step(step.now, len(step.batch))
        if step.now < since:
            continue
        lines += found
        items += len(step.batch)
        stories |= {one.story_id for one in step.batch}
        companies |= {mention.company for one in step.batch for mention in one.reading.companies}
    firings = tuple(line for line in lines if is_firing(line))
    judged = [line for line in firings if _about_news(line, rules)]
    inside = [one for one in incidents if one.touches(since, until)]
    matched = [_found(one, judged) for one in inside]
    false = tuple(line for line in judged if inside and not any(finds(line, one) for one in incidents))
    report = BacktestReport(since, until, items, len(stories), firings, tuple(matched), false, len(companies))
    return replace(report, outside=len(incidents) - len(inside), transitions=tuple(lines))


def is_firing(line: Transition) -> bool:
    """Whether an alert was raised here: a new episode."""
    return line.after is State.FIRING and line.why in RAISED


def finds(line: Transition, incident: Incident) -> bool:
    """Whether this alert tells of that incident."""
    if not incident.start <= line.at <= incident.end + STEP:
        return False
    if line.key.company:
        return line.key.company == incident.company
    return bool(line.key.topic) and line.key.topic == incident.topic


def _found(incident: Incident, firings: Sequence[Transition]) -> Found:
    first = min((line for line in firings if finds(line, incident)), key=lambda line: line.at, default=None)
    if first is None:
        return Found(incident)
    delay = max(0.0, (first.at - incident.start).total_seconds())
    return Found(incident, first.alert_id, first.rule, first.at, delay)


def _about_news(line: Transition, rules: Sequence[Rule]) -> bool:
    kinds = {rule.name: rule.kind for rule in rules}
    return kinds.get(line.rule) in (Kind.SURGE, Kind.THRESHOLD)


def _until(history: Iterable[StoredItem], until: datetime) -> Iterator[StoredItem]:
    return (one for one in history if one.item.received_at < until)
