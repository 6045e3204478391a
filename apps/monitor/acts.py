"""What people do with alerts and readings, inside one transaction: acknowledge, comment, close, correct."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from apps.monitor import alerts
from apps.monitor.alert_desk import AlertDesk, by_name
from apps.monitor.alert_records import Alert, AlertView, Silence
from apps.monitor.records import FeedEntry, NewsItem, Reading, Span
from apps.monitor.store import Work
from apps.monitor.trends import Deltas, add_voice, joined, negated, voice
from core.errors import DataError


class Act(StrEnum):
    """What a person can do with an alert."""

    ACKNOWLEDGE = "acknowledge"
    COMMENT = "comment"
    ASSIGN = "assign"
    RESOLVE = "resolve"
    FALSE_ALARM = "false_alarm"


_STEPS: dict[Act, Callable[[Alert, str, str, datetime], alerts.Step]] = {
    Act.ACKNOWLEDGE: alerts.acknowledge,
    Act.COMMENT: alerts.comment,
    Act.ASSIGN: alerts.assign,
}


def perform(work: Work, desk: AlertDesk, alert_id: str, act: Act, by: str, note: str, now: datetime) -> Alert:
    """Does it: the alert, the audit's line and the message it calls for, together."""
    if not by.strip():
        raise DataError("Say who does this: the audit needs a name.")
    if act in (Act.COMMENT, Act.ASSIGN) and not note.strip():
        raise DataError(f"To {act.value} needs a text, got none.")
    step = _step(work, act, work.alerts.alert(alert_id, lock=True), by.strip(), note.strip(), now)
    work.alerts.put_alert(step.alert)
    work.alerts.add_transitions([step.transition] if step.transition else [])
    if step.message is not None:
        desk.queue(work, by_name(desk.rules(work)).get(step.alert.rule), step.alert, step.message, now)
    return step.alert


def _step(work: Work, act: Act, alert: Alert, by: str, note: str, now: datetime) -> alerts.Step:
    if act in _STEPS:
        return _STEPS[act](alert, by, note, now)
    return alerts.close(alert, by, note, now, act is Act.FALSE_ALARM, _heard_until(work, now))


def _heard_until(work: Work, now: datetime) -> datetime:
    """Just after the newest text: of an archive that was replayed this lies long before ``now``."""
    newest = work.items.latest()[0]
    return now if newest is None else min(now, newest + Span.MINUTE.length)


def view(work: Work, alert_id: str) -> AlertView:
    """One alert with all that belongs to it."""
    alert = work.alerts.alert(alert_id)
    return AlertView(alert, tuple(work.alerts.history(alert_id)), tuple(_told(work, alert)))


def _told(work: Work, alert: Alert) -> list[FeedEntry]:
    """The stories of its evidence, each by the item that counted."""
    seen = alert.evidence
    return work.items.told(alert.key, seen.stories_since, seen.window_end, seen.story_ids) if seen else []


def end_silence(work: Work, silence_id: str, by: str, now: datetime) -> Silence:
    """The silence, ended now; one that is over stays as it is."""
    silence = work.alerts.silence(silence_id)
    if now < (silence.ended_at or silence.until):
        silence = replace(silence, ended_at=max(now, silence.start), reason=f"{silence.reason} (ended by {by})".strip())
        work.alerts.put_silence(silence)
    return silence


def recount(work: Work, entry: FeedEntry, reading: Reading) -> Deltas:
    """What a corrected reading changes in the counts: its old part taken out, its new part put in.

    Only a story's first item gave it its mood; correcting a repost changes the feed alone.
    """
    lead = work.items.leads([entry.story_id])
    if not lead or lead[0].item.id != entry.item.id:
        return {}
    before, after = _parts(entry.item, entry.reading), _parts(entry.item, reading)
    work.stories.recount(entry.story_id, {key for key, _, _ in after})
    return joined({place: negated(point) for place, point in before.items()}, after)


def _parts(item: NewsItem, reading: Reading) -> Deltas:
    parts: Deltas = {}
    add_voice(parts, voice(item, reading), ())
    return parts
