"""The life cycle of one alert, step by step, with time as an argument; and its rules for any sequence of events."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from apps.monitor.alert_records import OPEN, Evidence, MessageKind, State, Why
from apps.monitor.alerts import Seen, acknowledge, alert_id, assign, close, comment, decide, new_alert
from apps.monitor.records import SeriesKey
from apps.monitor.rules import Kind, Rule
from core.errors import ConflictError

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
RULE = Rule("negative-surge", Kind.SURGE, holds_for=timedelta(0), keep_firing_for=HOUR, repeat=4 * HOUR)
KEY = SeriesKey("alba")


def seen(holds, **more):
    return Seen(Evidence(holds, NOW - HOUR, NOW, stories=5, why="five"), **more)


def walk(*events, rule=RULE, alert=None):
    """Decides after each (minutes, what was seen) until nothing changes; all transitions, all messages, the alert."""
    alert, lines, messages = alert or new_alert(rule, KEY, NOW), [], []
    for minutes, what in events:
        for _ in range(4):
            step = decide(rule, alert, what, NOW + minutes * MINUTE)
            alert = step.alert
            messages += [step.message] if step.message else []
            if step.transition is None:
                break
            lines.append(step.transition)
    return alert, [line.after for line in lines], messages


def test_a_condition_that_holds_fires_at_once_and_is_told_once():
    alert, states, messages = walk((0, seen(True)), (5, seen(True)), (30, seen(True)))
    assert states == [State.FIRING]
    assert messages == [MessageKind.FIRING]
    assert (alert.episode, alert.fired_at) == (1, NOW)


def test_an_alert_began_when_its_episode_first_fired_whatever_became_of_it_since():
    patient = replace(RULE, holds_for=10 * MINUTE)
    events = [
        (0, seen(True)),
        (10, seen(True)),
        (20, seen(False)),
        (90, seen(False)),
        (200, seen(True)),
        (230, seen(True)),
    ]
    began = []
    for number in range(1, len(events) + 1):
        alert, _, _ = walk(*events[:number], rule=patient)
        began.append((alert.state, alert.began))
    assert began == [
        (State.PENDING, NOW),
        (State.FIRING, NOW + 10 * MINUTE),
        (State.RECOVERING, NOW + 10 * MINUTE),
        (State.RESOLVED, NOW + 10 * MINUTE),
        (State.PENDING, NOW + 200 * MINUTE),
        (State.FIRING, NOW + 230 * MINUTE),
    ]
    lost, _, _ = walk(*events[:2], (15, Seen(None)), rule=patient)
    assert (lost.state, lost.began) == (State.NO_DATA, NOW + 10 * MINUTE)
    waiting, _, _ = walk(*events[:5], (205, Seen(None)), rule=patient)
    assert (waiting.state, waiting.began) == (State.NO_DATA, NOW + 205 * MINUTE)


def test_a_rule_with_for_waits_in_pending_and_forgets_what_did_not_last():
    patient = replace(RULE, holds_for=10 * MINUTE)
    alert, states, messages = walk((0, seen(True)), (9, seen(True)), (9.5, seen(False)), rule=patient)
    assert states == [State.PENDING, State.NORMAL] and messages == []
    alert, states, messages = walk((20, seen(True)), (30, seen(True)), rule=patient, alert=alert)
    assert states == [State.PENDING, State.FIRING] and messages == [MessageKind.FIRING]


def test_recovering_waits_before_it_is_resolved_and_says_so_once():
    _, states, messages = walk(
        (0, seen(True)), (10, seen(False)), (69, seen(False)), (70, seen(False)), (99, seen(False))
    )
    assert states == [State.FIRING, State.RECOVERING, State.RESOLVED]
    assert messages == [MessageKind.FIRING, MessageKind.RESOLVED]


def test_a_second_bad_hour_before_it_is_resolved_raises_nothing_again():
    alert, states, messages = walk((0, seen(True)), (10, seen(False)), (40, seen(True)), (50, seen(True)))
    assert states == [State.FIRING, State.RECOVERING, State.FIRING]
    assert messages == [MessageKind.FIRING] and alert.episode == 1


def test_who_is_muted_when_the_source_comes_back_hears_of_no_repeat_that_fell_due_meanwhile():
    alert, states, messages = walk((0, seen(True)), (40, Seen(None)), (400, seen(True, silenced=True)))
    assert states == [State.FIRING, State.NO_DATA, State.FIRING, State.SILENCED]
    assert messages == [MessageKind.FIRING]
    _, _, messages = walk((410, seen(True)), alert=alert)
    assert messages == [MessageKind.REPEAT]  # the silence over, it is told


def test_repeats_grow_rarer_while_nobody_takes_it():
    events = [(minutes, seen(True)) for minutes in range(0, 60 * 40, 30)]
    alert, _, messages = walk(*events)
    assert messages == [MessageKind.FIRING] + [MessageKind.REPEAT] * 3  # after 4, 12 and 28 hours
    assert alert.repeat_at == NOW + 60 * HOUR


def test_somebody_who_acknowledges_hears_no_repeats_but_hears_the_end():
    alert, _, _ = walk((0, seen(True)))
    alert = acknowledge(alert, "ada", "looking", NOW + MINUTE).alert
    alert, states, messages = walk((60 * 9, seen(True)), (600, seen(False)), (700, seen(False)), alert=alert)
    assert states == [State.RECOVERING, State.RESOLVED]
    assert messages == [MessageKind.RESOLVED]
    assert (alert.owner, alert.note) == ("ada", "looking")


def test_what_comes_back_while_recovering_is_still_acknowledged():
    alert = acknowledge(walk((0, seen(True)))[0], "ada", "", NOW).alert
    alert, states, messages = walk((10, seen(False)), (20, seen(True)), alert=alert)
    assert states == [State.RECOVERING, State.ACKNOWLEDGED] and messages == []


def test_owner_note_and_history_survive_a_new_episode():
    alert = acknowledge(walk((0, seen(True)))[0], "ada", "known supplier", NOW).alert
    alert, _, _ = walk((10, seen(False)), (80, seen(False)), alert=alert)
    alert, states, messages = walk((900, seen(True)), alert=alert)
    assert states == [State.FIRING] and messages == [MessageKind.FIRING]
    assert (alert.episode, alert.owner, alert.note) == (2, "ada", "known supplier")
    assert alert.id == alert_id(RULE.name, KEY)


def test_a_silence_mutes_and_its_end_tells_what_is_still_up():
    muted = seen(True, silenced=True)
    alert, states, messages = walk((0, muted), (30, muted))
    assert states == [State.SILENCED] and messages == []
    _, states, messages = walk((40, seen(True)), alert=alert)
    assert states == [State.FIRING] and messages == [MessageKind.FIRING]


def test_what_passes_under_a_silence_is_resolved_without_a_word():
    muted, clear = seen(True, silenced=True), seen(False, silenced=True)
    _, states, messages = walk((0, muted), (10, clear), (80, clear))
    assert states == [State.SILENCED, State.RECOVERING, State.RESOLVED] and messages == []


def test_a_silence_does_not_take_an_acknowledgement_away():
    alert = acknowledge(walk((0, seen(True)))[0], "ada", "", NOW).alert
    alert, states, _ = walk((10, seen(True, silenced=True)), (20, seen(True)), alert=alert)
    assert states == [State.SILENCED, State.ACKNOWLEDGED]


def test_lost_data_is_neither_recovery_nor_alarm():
    gone = Seen(None)
    alert, states, messages = walk((0, seen(True)), (10, gone), (500, gone))
    assert states == [State.FIRING, State.NO_DATA] and messages == [MessageKind.FIRING]
    _, states, messages = walk((510, seen(True)), alert=alert)
    assert states == [State.FIRING] and messages == [MessageKind.REPEAT]  # its pause of four hours is over
    assert walk((0, gone))[1] == []


def test_another_rule_that_fires_holds_the_message_back_until_it_is_over():
    alert, states, messages = walk((0, seen(True, inhibited=True)), (30, seen(True, inhibited=True)))
    assert states == [State.FIRING] and messages == []
    assert walk((40, seen(True)), alert=alert)[2] == [MessageKind.FIRING]


def test_closed_by_hand_it_fires_again_only_after_its_condition_was_gone():
    step = close(walk((0, seen(True)))[0], "ada", "a test mail", NOW + MINUTE, false_alarm=True)
    assert (step.transition.why, step.message) == (Why.FALSE_ALARM, MessageKind.RESOLVED)
    alert, states, messages = walk((5, seen(True)), (60, seen(True)), alert=step.alert)
    assert states == [] and messages == []
    _, states, _ = walk((70, seen(False)), (75, seen(True)), alert=alert)
    assert states == [State.FIRING]


def test_closed_by_hand_it_fires_again_at_once_on_newer_stories_alone():
    alert = close(walk((0, seen(True)))[0], "ada", "settled", NOW + MINUTE).alert
    newer = Seen(Evidence(True, NOW + MINUTE, NOW + 5 * MINUTE, stories=5, items=5))
    alert, states, messages = walk((5, newer), alert=alert)
    assert states == [State.FIRING] and messages == [MessageKind.FIRING]
    assert (alert.episode, alert.held_since) == (2, NOW + 5 * MINUTE)


def test_a_new_episode_that_only_waits_has_not_fired_yet():
    patient = replace(RULE, holds_for=10 * MINUTE)
    alert, _, _ = walk((0, seen(True)), (10, seen(True)), (20, seen(False)), (90, seen(False)), rule=patient)
    assert alert.fired_at == NOW + 10 * MINUTE
    alert, states, _ = walk((200, seen(True)), rule=patient, alert=alert)
    assert states == [State.PENDING]
    assert (alert.fired_at, alert.began, alert.episode) == (None, NOW + 200 * MINUTE, 1)
    alert, _, _ = walk((210, seen(True)), rule=patient, alert=alert)
    assert (alert.fired_at, alert.episode) == (NOW + 210 * MINUTE, 2)


def test_a_flapping_alert_is_told_ever_more_rarely():
    events = [(at, seen(at % 90 < 20)) for at in range(0, 60 * 12, 5)]  # up twenty minutes of every ninety
    _, states, messages = walk(*events, rule=replace(RULE, keep_firing_for=timedelta(0)))
    assert states.count(State.FIRING) == 8
    assert messages.count(MessageKind.FIRING) == 3
    assert messages.count(MessageKind.RESOLVED) == 3


def test_only_an_open_alert_can_be_acknowledged_or_closed():
    fresh = new_alert(RULE, KEY, NOW)
    for act in (acknowledge, close):
        with pytest.raises(ConflictError, match="Only an open alert"):
            act(fresh, "ada", "", NOW)


def test_a_comment_and_an_owner_are_lines_of_the_audit_and_change_no_state():
    alert = walk((0, seen(True)))[0]
    said = comment(alert, "ben", "called them", NOW)
    given_to = assign(said.alert, "ben", "ada", NOW)
    assert (said.transition.before, said.transition.after, said.transition.by) == (State.FIRING, State.FIRING, "ben")
    assert (given_to.alert.owner, given_to.alert.note, given_to.alert.since) == ("ada", "called them", alert.since)


def test_every_line_of_the_audit_names_rule_version_and_model():
    rule = replace(RULE, version=12)
    step = decide(rule, new_alert(rule, KEY, NOW), seen(True, model="reader sha 1f"), NOW)
    assert (step.transition.rule_version, step.transition.model) == (12, "reader sha 1f")


# Any sequence of looks and acts

EVENTS = some.lists(
    some.tuples(
        some.integers(1, 200),
        some.sampled_from(
            ["up", "up", "down", "down", "lost", "muted up", "muted down", "held", "ack", "close", "note"]
        ),
    ),
    max_size=40,
)
RULES = some.builds(
    lambda holds_for, keep, exponential: replace(
        RULE, holds_for=holds_for * MINUTE, keep_firing_for=keep * MINUTE, exponential=exponential
    ),
    some.sampled_from([0, 30]),
    some.sampled_from([0, 60]),
    some.booleans(),
)
LOOKS = {
    "up": seen(True), "down": seen(False), "lost": Seen(None), "muted up": seen(True, silenced=True),
    "muted down": seen(False, silenced=True), "held": seen(True, inhibited=True),
}  # fmt: skip
EDGES = {
    State.NORMAL: {State.PENDING, State.FIRING, State.SILENCED},
    State.PENDING: {State.NORMAL, State.FIRING, State.SILENCED, State.NO_DATA, State.RESOLVED},
    State.FIRING: {State.ACKNOWLEDGED, State.RECOVERING, State.RESOLVED, State.SILENCED, State.NO_DATA},
    State.ACKNOWLEDGED: {State.RECOVERING, State.RESOLVED, State.SILENCED, State.NO_DATA},
    State.RECOVERING: {State.FIRING, State.ACKNOWLEDGED, State.RESOLVED, State.SILENCED, State.NO_DATA},
    State.RESOLVED: {State.PENDING, State.FIRING, State.SILENCED, State.NORMAL},
    State.SILENCED: {State.FIRING, State.ACKNOWLEDGED, State.RECOVERING, State.RESOLVED, State.NO_DATA},
    State.NO_DATA: {State.PENDING, State.RESOLVED, *OPEN},
}


def acted(alert, what, now):
    try:
        if what == "ack":
            return acknowledge(alert, "ada", "", now)
        if what == "close":
            return close(alert, "ada", "", now)
        return comment(alert, "ada", "noted", now)
    except ConflictError:
        return None


def played(rule, events):
    """(what, moment, alert before, step) for every step of a story."""
    alert, now, steps = new_alert(rule, KEY, NOW), NOW, []
    for minutes, what in events:
        now += minutes * MINUTE
        for _ in range(4):
            step = decide(rule, alert, LOOKS[what], now) if what in LOOKS else acted(alert, what, now)
            if step is None:
                break
            steps.append((what, now, alert, step))
            alert = step.alert
            if what not in LOOKS or step.transition is None:
                break
    return steps


@settings(max_examples=300, deadline=None)
@given(RULES, EVENTS)
def test_states_follow_the_drawn_arrows_and_the_audit_is_one_unbroken_chain(rule, events):
    last = State.NORMAL
    for _, now, before, step in played(rule, events):
        line = step.transition
        assert (line is None) == (step.alert.state is before.state) or line.before is line.after
        if line is not None:
            assert (line.before, line.at) == (last, now)
            assert line.after is line.before or line.after in EDGES[line.before]
            last = line.after


@settings(max_examples=300, deadline=None)
@given(RULES, EVENTS)
def test_nobody_is_told_twice_of_one_episode_nor_of_an_end_without_a_beginning(rule, events):
    told: dict[int, list[MessageKind]] = {}
    for what, _, before, step in played(rule, events):
        if step.message is not None:
            told.setdefault(step.alert.episode, []).append(step.message)
            assert what not in ("muted up", "held", "lost", "ack", "note")
            assert step.message is not MessageKind.REPEAT or before.state is not State.ACKNOWLEDGED
    for messages in told.values():
        assert messages.count(MessageKind.FIRING) == 1 and messages[0] is MessageKind.FIRING
        assert messages.count(MessageKind.RESOLVED) <= 1
        assert MessageKind.RESOLVED not in messages[:-1]


@settings(max_examples=300, deadline=None)
@given(RULES, EVENTS)
def test_it_fires_only_what_held_long_enough_and_resolves_only_what_stayed_clear(rule, events):
    for _, now, before, step in played(rule, events):
        line = step.transition
        if line is None:
            continue
        if line.after is State.FIRING and line.before in (State.NORMAL, State.PENDING, State.RESOLVED):
            assert now - step.alert.held_since >= rule.holds_for
            assert step.alert.episode == before.episode + 1
        else:
            assert step.alert.episode in (before.episode, before.episode + 1)
        if line.why is Why.STAYED_CLEAR:
            assert now - step.alert.clear_since >= rule.keep_firing_for


@settings(max_examples=200, deadline=None)
@given(RULES, EVENTS)
def test_looking_again_at_the_same_moment_changes_nothing(rule, events):
    for what, now, _, step in played(rule, events):
        if what in LOOKS and step.transition is None:
            again = decide(rule, step.alert, LOOKS[what], now)
            assert again.alert == step.alert and again.transition is None and again.message is None
