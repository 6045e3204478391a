"""Rules looked at, alerts kept, messages put into the outbox, inside the transaction of whoever asks.

Knows which channels exist by name, not how anything is sent.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from apps.monitor.alert_records import Alert, Message, MessageKind, State, Transition, Why
from apps.monitor.alerts import alert_id, moved
from apps.monitor.judging import Judge, Past, Sources
from apps.monitor.notices import Telling, notice
from apps.monitor.records import SeriesKey
from apps.monitor.rules import Rule, parse_rules
from apps.monitor.store import Work
from apps.monitor.store_sources import FORGOTTEN
from apps.monitor.watching import Outcome, Touched, Watch, look_at, look_round
from core.text import content_hash

MOST_NAMED = 10  # stories an alert's evidence names
REPOSTS_COUNT = ("items", "reach")  # measures that an old story told again adds to; the others count it once
TOLD = (State.FIRING, State.SILENCED, State.PENDING)  # transitions whose evidence keeps the stories that caused it


@dataclass(frozen=True)
class DeskSettings:
    """Channels there are, how long messages wait for company, how people are told."""

    channels: tuple[str, ...] = ()
    group_wait: timedelta = timedelta(seconds=10)
    telling: Callable[[], Telling] = Telling


class Named(Protocol):
    """A reader, as far as the audit must name it; the name changes when another adapter is promoted."""

    @property
    def model(self) -> str: ...


class AlertDesk:
    """Keeps the rules in force and what was learnt of each series."""

    def __init__(self, settings: DeskSettings, reader: Named) -> None:
        self.settings, self._reader = settings, reader
        self.past = Past()
        self._parsed: tuple[int, tuple[Rule, ...]] = (0, ())
        self._forgotten = 0  # how often items were taken out when the past was learnt

    def forget_past(self) -> None:
        """After a transaction that was undone: learn again from what is stored."""
        self.past = Past()

    def _heed_forgetting(self, work: Work) -> None:
        """Items that any process took out are no past to judge by."""
        times = int(work.sources.fact(FORGOTTEN).get("times", 0))
        if times != self._forgotten:
            self.past, self._forgotten = Past(), times

    def rules(self, work: Work) -> tuple[Rule, ...]:
        """The rules in force; parsed once per version."""
        version = work.alerts.newest_rules()
        if version != self._parsed[0]:
            newest = work.alerts.rule_set(version)
            self._parsed = (version, parse_rules(newest.toml, version) if newest else ())
        return self._parsed[1]

    def look_at(self, work: Work, touched: Touched, now: datetime, quiet: bool = False) -> list[Transition]:
        """Looks at the series that items touched; everything that follows is in the same transaction."""
        watch = self._watch(work, now)
        ids = {alert_id(rule.name, key) for rule in watch.rules for key in touched if rule.covers(key)}
        outcomes = look_at(watch, work.alerts.named(sorted(ids)), touched, now)
        return [line for outcome in outcomes for line in self.keep(work, outcome, now, quiet)]

    def look_round(self, work: Work, now: datetime, quiet: bool = False) -> list[Transition]:
        """Looks at every open alert and every source: what time alone changes."""
        watch = self._watch(work, now)
        heard = [SeriesKey(source=name) for name in watch.sources.states]
        ids = {alert_id(rule.name, key) for rule in watch.rules for key in heard if rule.covers(key)}
        known = work.alerts.named(sorted(ids)) | work.alerts.standing()
        done = self._retired(work, known, {rule.name for rule in watch.rules}, now)
        outcomes = look_round(watch, known, now)
        return done + [line for outcome in outcomes for line in self.keep(work, outcome, now, quiet)]

    def adopt(self, work: Work, alerts: Iterable[Alert], lines: Iterable[Transition]) -> None:
        """Keeps what a backtest of the stored history came to, which is what live would have; nobody is told."""
        for line in lines:
            if line.after in TOLD:
                _, (line,) = _with_stories(work, replace(_of(line), evidence=line.evidence), [line])
            work.alerts.add_transitions([line])
        for alert in alerts:
            work.alerts.put_alert(_with_stories(work, replace(alert, told=False))[0])

    def _watch(self, work: Work, now: datetime) -> Watch:
        self._heed_forgetting(work)
        silences = [one for one in work.alerts.silences(ending_after=now) if one.active(now)]
        judge, sources = Judge(work.counts, self.past), Sources(work.sources.sources())
        return Watch(self.rules(work), judge, sources, silences, self._reader.model)

    def keep(self, work: Work, outcome: Outcome, now: datetime, quiet: bool = False) -> list[Transition]:
        """Stores what became of an alert and queues its messages."""
        alert, transitions = outcome.alert, list(outcome.transitions)
        if any(one.after in TOLD for one in transitions) or _is_up(alert):
            alert, transitions = _with_stories(work, alert, transitions)
        work.alerts.put_alert(alert)
        numbered = work.alerts.add_transitions(transitions)
        for kind in outcome.messages if not quiet else ():
            self.queue(work, outcome.rule, alert, kind, now)
        return numbered

    def queue(self, work: Work, rule: Rule | None, alert: Alert, kind: MessageKind, now: datetime) -> None:
        """One message for each channel of the rule (all channels when it names none)."""
        wanted = rule.channels if rule is not None and rule.channels else self.settings.channels
        told = work.stories.titles(alert.evidence.story_ids if alert.evidence else ())
        body = notice(alert, kind, told, self.settings.telling())
        group = alert.key.company or str(alert.key)
        for channel in (one for one in wanted if one in self.settings.channels):
            name = f"{alert.id}|{alert.episode}|{kind.value}|{alert.messages}|{channel}"
            wait = timedelta(0) if kind is MessageKind.TEST else self.settings.group_wait
            work.outbox.add(Message(content_hash(name), channel, kind, group, (body,), now, now + wait))

    def _retired(self, work: Work, known: dict[str, Alert], names: set[str], now: datetime) -> list[Transition]:
        """Alerts whose rule is gone are resolved."""
        gone = [one for one in known.values() if one.rule not in names]
        lines: list[Transition] = []
        for alert in gone:
            del known[alert.id]
            step = moved(alert, State.RESOLVED, Why.RULE_GONE, now)
            work.alerts.put_alert(replace(step.alert, before=None, told=False, wait_for_clear=False))
            lines += work.alerts.add_transitions([step.transition] if step.transition else [])
        return lines


def _of(line: Transition) -> Alert:
    return Alert(line.alert_id, line.rule, line.rule_version, line.severity, line.key, line.after, line.at)


def _is_up(alert: Alert) -> bool:
    """Whether an open alert's condition holds, so that its window moves on and stories come to it."""
    return alert.is_open and alert.clear_since is None


def _with_stories(work: Work, alert: Alert, transitions: Sequence[Transition] = ()) -> tuple[Alert, list[Transition]]:
    """The evidence with the stories it rests on, as they are now."""
    seen = alert.evidence
    if seen is None:
        return alert, list(transitions)
    reposts = seen.measure in REPOSTS_COUNT
    ids = tuple(work.items.story_ids(alert.key, seen.stories_since, seen.window_end, MOST_NAMED, reposts))
    told = [replace(one, evidence=replace(one.evidence, story_ids=ids)) if one.evidence else one for one in transitions]
    return replace(alert, evidence=replace(seen, story_ids=ids)), told


def by_name(rules: Sequence[Rule]) -> Mapping[str, Rule]:
    """Rules by their names."""
    return {rule.name: rule for rule in rules}
