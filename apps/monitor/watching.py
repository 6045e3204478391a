"""Looks at the series rules may judge and lets ``alerts.decide`` say what becomes of each alert. Pure.

Live and backtest call the same two functions; only where counts and alerts are kept differs.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.monitor.alert_records import Alert, MessageKind, Silence, State, Transition
from apps.monitor.alerts import Seen, alert_id, decide, new_alert
from apps.monitor.judging import Judge, Sources, late_ends
from apps.monitor.records import SeriesKey
from apps.monitor.rules import Kind, Rule

IDLE = (State.NORMAL, State.RESOLVED)
MOST_STEPS = 4  # NO_DATA -> before -> RECOVERING -> RESOLVED is the longest chain at one moment


@dataclass(frozen=True)
class Outcome:
    """What became of one alert: as it is now, its transitions in order, the messages they call for."""

    rule: Rule
    alert: Alert
    transitions: tuple[Transition, ...]
    messages: tuple[MessageKind, ...]


@dataclass(frozen=True)
class Watch:
    """What is needed to look: rules in force, the judge of series, who is heard, what is muted, which model reads."""

    rules: Sequence[Rule]
    judge: Judge
    sources: Sources
    silences: Sequence[Silence] = ()
    model: str = ""


Touched = Mapping[SeriesKey, Sequence[datetime]]  # series that got items, with the moments of these items


def look_at(watch: Watch, alerts: Mapping[str, Alert], touched: Touched, now: datetime) -> list[Outcome]:
    """Looks at the series that items touched; the alerts that changed, in order of rules.

    ``alerts`` must hold those of the touched series.
    """
    return _look(watch, alerts, lambda rule: {key for key in touched if rule.covers(key)}, touched, now)


def look_round(watch: Watch, alerts: Mapping[str, Alert], now: datetime) -> list[Outcome]:
    """Looks at every alert that is not idle and at all sources: what time alone changes.

    ``alerts`` must hold every alert that is not idle and those of all sources.
    """
    return _look(watch, alerts, lambda rule: _standing(rule, watch, alerts.values()), {}, now)


def _look(
    watch: Watch,
    alerts: Mapping[str, Alert],
    keys: Callable[[Rule], set[SeriesKey]],
    touched: Touched,
    now: datetime,
) -> list[Outcome]:
    known, outcomes = dict(alerts), []
    for rule in in_order(watch.rules):
        for key in sorted(keys(rule)):
            outcome = _one(rule, key, watch, known, touched.get(key, ()), now)
            if outcome is not None:
                known[outcome.alert.id] = outcome.alert
                outcomes.append(outcome)
    return outcomes


def in_order(rules: Iterable[Rule]) -> list[Rule]:
    """The rules in force, those that inhibit others first, so that a graver alert is known before a lesser one."""
    enabled = [rule for rule in rules if rule.enabled]
    inhibitors = {name for rule in enabled for name in rule.inhibited_by}
    return sorted(enabled, key=lambda rule: (bool(rule.inhibited_by), rule.name not in inhibitors))


def _standing(rule: Rule, watch: Watch, alerts: Iterable[Alert]) -> set[SeriesKey]:
    keys = {one.key for one in alerts if one.rule == rule.name and _needs_a_look(one)}
    if rule.kind is Kind.SILENCE:
        keys |= {key for name in watch.sources.states if rule.covers(key := SeriesKey(source=name))}
    return keys


def _needs_a_look(alert: Alert) -> bool:
    return alert.state not in IDLE or alert.wait_for_clear


def _one(
    rule: Rule, key: SeriesKey, watch: Watch, known: Mapping[str, Alert], moments: Sequence[datetime], now: datetime
) -> Outcome | None:
    before = known.get(alert_id(rule.name, key))
    ends, settled_at = late_ends(rule, moments, now), before.settled_at if before else None
    evidence = watch.judge.evidence(rule, key, watch.sources, now, ends, settled_at)
    if before is None and (evidence is None or not evidence.holds):
        return None
    silenced = any(one.active(now) and one.covers(rule.name, key) for one in watch.silences)
    seen = Seen(evidence, silenced, inhibited(rule, key, known.values()), watch.model)
    alert, transitions, messages = before or new_alert(rule, key, now), [], []
    for _ in range(MOST_STEPS):
        step = decide(rule, alert, seen, now)
        alert = step.alert
        if step.message is not None:
            messages.append(step.message)
        if step.transition is None:
            break
        transitions.append(step.transition)
    return Outcome(rule, alert, tuple(transitions), tuple(messages)) if alert != before else None


def inhibited(rule: Rule, key: SeriesKey, alerts: Iterable[Alert]) -> bool:
    """Whether a rule named in ``inhibited_by`` is firing on the same company (or the same series without one)."""
    if not rule.inhibited_by:
        return False
    firing = (
        one for one in alerts if one.rule in rule.inhibited_by and one.state in (State.FIRING, State.ACKNOWLEDGED)
    )
    return any(one.key == key or (key.company and one.key.company == key.company) for one in firing)
