"""What becomes of an alert: pure decisions of its life cycle, with ``now`` as an argument. No I/O, no clock.

``decide`` is the one function live and backtest share; people's acts are in ``acts``.

    NORMAL ─► PENDING ─► FIRING ─► RECOVERING ─► RESOLVED
                 │       │    ▲        │   ▲
                 ▼       ▼    └────────┘   │
              NORMAL   ACKNOWLEDGED ───────┘        SILENCED beside FIRING, NO_DATA beside every open state
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from apps.monitor.alert_records import OPEN, Alert, Evidence, MessageKind, Severity, State, Transition, Why
from apps.monitor.records import SeriesKey
from apps.monitor.rules import Rule
from core.errors import ConflictError
from core.text import content_hash

FLAPPING = 3  # messages in one streak from which also a new episode waits for its turn
LONGEST_REPEAT = timedelta(days=7)  # doubling stops here: once a week is rare enough


@dataclass(frozen=True)
class Seen:
    """What is known at the moment of deciding. ``evidence`` None: nobody hears the series, so nothing is known."""

    evidence: Evidence | None
    silenced: bool = False
    inhibited: bool = False
    model: str = ""


@dataclass(frozen=True)
class Step:
    """The alert afterwards, the transition if there was one, and the message to send if there is one."""

    alert: Alert
    transition: Transition | None = None
    message: MessageKind | None = None


def new_alert(rule: Rule, key: SeriesKey, now: datetime) -> Alert:
    """The alert of a rule on a series before anything happened; its id is the same each time."""
    return Alert(alert_id(rule.name, key), rule.name, rule.version, rule.severity, key, State.NORMAL, now)


def alert_id(rule: str, key: SeriesKey) -> str:
    """One alert per rule and series, for ever, so that owner, note and history outlive an episode."""
    return content_hash(f"{rule}\n{key}")[:16]


def decide(rule: Rule, alert: Alert, seen: Seen, now: datetime) -> Step:
    """One step of the life cycle: at most one transition, at most one message.

    Calling it again with the same arguments changes nothing more, except where a step leads straight on (NO_DATA back
    to FIRING and from there to RECOVERING): callers repeat while there is a transition.
    """
    alert = replace(alert, rule_version=rule.version, severity=rule.severity, model=seen.model or alert.model)
    if seen.evidence is None:
        return _lost(alert, now)
    if seen.evidence.holds or alert.evidence is None:
        alert = replace(alert, evidence=_going_on(alert, seen.evidence))
    alert = _remember_since(alert, seen.evidence, now)
    state, why = _next(rule, alert, seen, now)
    if state is alert.state:
        return _with_message(rule, Step(alert), seen, now)
    return _with_message(rule, _moved(alert, state, why, now), seen, now)


def _going_on(alert: Alert, evidence: Evidence) -> Evidence:
    """What is seen now; while an alert is up it keeps what it fired by, a new episode has nothing of the last one."""
    known = alert.evidence
    if known is None or not (alert.is_open or alert.state is State.NO_DATA):
        return evidence
    return replace(evidence, story_ids=evidence.story_ids or known.story_ids, fired_from=known.stories_since)


def _lost(alert: Alert, now: datetime) -> Step:
    if alert.state in (*OPEN, State.PENDING):
        return _moved(alert, State.NO_DATA, Why.DATA_LOST, now)
    return Step(alert)


def _remember_since(alert: Alert, evidence: Evidence, now: datetime) -> Alert:
    if evidence.holds:
        waits = alert.wait_for_clear and not _is_new(alert, evidence)
        return replace(alert, held_since=alert.held_since or now, clear_since=None, wait_for_clear=waits)
    return replace(alert, held_since=None, clear_since=alert.clear_since or now, wait_for_clear=False)


def _is_new(alert: Alert, evidence: Evidence) -> bool:
    """Whether it rests on nothing but news from after the alert was closed by hand."""
    return alert.settled_at is not None and evidence.items > 0 and evidence.window_start >= alert.settled_at


def _next(rule: Rule, alert: Alert, seen: Seen, now: datetime) -> tuple[State, Why]:
    holds = seen.evidence is not None and seen.evidence.holds
    if alert.state is State.NO_DATA:
        return alert.before or State.NORMAL, Why.DATA_BACK
    if alert.state in (State.NORMAL, State.RESOLVED, State.PENDING):
        return _rising(rule, alert, holds, seen.silenced, now)
    if alert.state is State.SILENCED:
        return _muted(alert, holds, seen.silenced)
    if alert.state is State.RECOVERING:
        return _falling(rule, alert, holds, seen.silenced, now)
    if not holds:
        return (State.RESOLVED, Why.STAYED_CLEAR) if not rule.keep_firing_for else (State.RECOVERING, Why.CLEARED)
    return (State.SILENCED, Why.SILENCE_BEGAN) if seen.silenced else (alert.state, Why.HOLDS)


def _rising(rule: Rule, alert: Alert, holds: bool, silenced: bool, now: datetime) -> tuple[State, Why]:
    if not holds:
        return (State.NORMAL, Why.DID_NOT_LAST) if alert.state is State.PENDING else (alert.state, Why.CLEARED)
    if alert.wait_for_clear:
        return alert.state, Why.HOLDS
    if now - (alert.held_since or now) < rule.holds_for:
        return State.PENDING, Why.HOLDS
    why = Why.HELD_LONG_ENOUGH if alert.state is State.PENDING else Why.HOLDS
    why = Why.RAISED_AGAIN if alert.episode else why
    return (State.SILENCED if silenced else State.FIRING), why


def _muted(alert: Alert, holds: bool, silenced: bool) -> tuple[State, Why]:
    if not holds:
        return State.RECOVERING, Why.CLEARED
    if silenced:
        return State.SILENCED, Why.HOLDS
    return alert.before or State.FIRING, Why.SILENCE_ENDED


def _falling(rule: Rule, alert: Alert, holds: bool, silenced: bool, now: datetime) -> tuple[State, Why]:
    if holds:
        return (State.SILENCED if silenced else alert.before or State.FIRING), Why.HOLDS_AGAIN
    if now - (alert.clear_since or now) >= rule.keep_firing_for:
        return State.RESOLVED, Why.STAYED_CLEAR
    return State.RECOVERING, Why.CLEARED


def moved(alert: Alert, state: State, why: Why, now: datetime, by: str = "", note: str = "") -> Step:
    """The alert in another state, with the line of the audit that says so."""
    transition = Transition(
        alert.id, now, alert.state, state, why, alert.episode, alert.rule, alert.rule_version, alert.severity,
        alert.key, by, note, alert.model, alert.evidence,
    )  # fmt: skip
    return Step(replace(alert, state=state, since=now) if state is not alert.state else alert, transition)


def _moved(alert: Alert, state: State, why: Why, now: datetime) -> Step:
    if state in (State.FIRING, State.SILENCED) and alert.state in (State.NORMAL, State.RESOLVED, State.PENDING):
        alert = replace(alert, episode=alert.episode + 1, fired_at=now, told=False, before=None)
    if state is State.RESOLVED:
        alert = replace(alert, resolved_at=now, before=None)
    if state is State.PENDING and alert.state is not State.NO_DATA:
        alert = replace(alert, fired_at=None)
    step = moved(alert, state, why, now)
    return replace(step, alert=replace(step.alert, before=_interrupted(alert, state)))


def _interrupted(alert: Alert, state: State) -> State | None:
    """What to go back to when ``state`` ends."""
    if state is State.NO_DATA:
        return State.ACKNOWLEDGED if alert.before is State.ACKNOWLEDGED else alert.state
    if state in (State.RECOVERING, State.SILENCED):
        held = (State.FIRING, State.ACKNOWLEDGED)
        return alert.state if alert.state in held else alert.before if alert.before in held else None
    return None


def _with_message(rule: Rule, step: Step, seen: Seen, now: datetime) -> Step:
    alert, moved_to = step.alert, step.transition.after if step.transition else None
    if moved_to is State.RESOLVED:
        done = replace(alert, told=False)
        return replace(step, alert=done, message=MessageKind.RESOLVED if alert.told else None)
    if alert.state is not State.FIRING or seen.inhibited or seen.silenced:  # back from NO_DATA it passes FIRING
        return step
    if not alert.told and not _cooling(rule, alert, now):
        alert = replace(alert, messages=0)
    if alert.repeat_at and now < alert.repeat_at and (alert.told or alert.messages >= FLAPPING):
        return step
    kind = MessageKind.REPEAT if alert.told else MessageKind.FIRING
    pause = rule.repeat * (2 ** min(alert.messages, 20) if rule.exponential else 1)
    told = replace(alert, told=True, messages=alert.messages + 1, repeat_at=now + min(pause, LONGEST_REPEAT))
    return replace(step, alert=told, message=kind)


def _cooling(rule: Rule, alert: Alert, now: datetime) -> bool:
    """Whether the last message is so recent that this episode goes on with its growing pauses."""
    return alert.repeat_at is not None and now - alert.repeat_at < rule.repeat


def acknowledge(alert: Alert, by: str, note: str, now: datetime) -> Step:
    """Somebody has it: no more repeats until it is resolved. ``ConflictError`` when it is not open."""
    if alert.state not in (State.FIRING, State.RECOVERING, State.SILENCED, State.NO_DATA):
        raise ConflictError(f"Only an open alert can be acknowledged; this one is {alert.state.value}.")
    owned = replace(alert, owner=alert.owner or by, note=note or alert.note)
    step = moved(owned, State.ACKNOWLEDGED, Why.ACKNOWLEDGED, now, by, note)
    return replace(step, alert=replace(step.alert, before=None))


def close(
    alert: Alert, by: str, note: str, now: datetime, false_alarm: bool = False, settled_at: datetime | None = None
) -> Step:
    """Resolved by hand: only news from after ``settled_at`` (None: now) can raise it again.

    ``ConflictError`` when it is not open.
    """
    if alert.state not in (*OPEN, State.PENDING, State.NO_DATA):
        raise ConflictError(f"Only an open alert can be resolved; this one is {alert.state.value}.")
    why = Why.FALSE_ALARM if false_alarm else Why.RESOLVED_BY_HAND
    told = alert.told
    done = replace(
        alert, resolved_at=now, before=None, told=False, note=note or alert.note,
        held_since=None, wait_for_clear=alert.held_since is not None, settled_at=settled_at or now,
    )  # fmt: skip
    step = moved(done, State.RESOLVED, why, now, by, note)
    return replace(step, message=MessageKind.RESOLVED if told else None)


def comment(alert: Alert, by: str, note: str, now: datetime) -> Step:
    """A note for those who come after; the state stays."""
    return moved(replace(alert, note=note), alert.state, Why.COMMENT, now, by, note)


def assign(alert: Alert, by: str, owner: str, now: datetime) -> Step:
    """Gives the alert to somebody; the state stays."""
    return moved(replace(alert, owner=owner), alert.state, Why.ASSIGNED, now, by, owner)


def gravest(severities: list[Severity]) -> Severity:
    """The first of them in the order of severity."""
    return min(severities, key=list(Severity).index)
