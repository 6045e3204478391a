"""How an alert looks: its line, its whole body with numbers, texts and history, and what can be done with it."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import streamlit as st

from apps.monitor.alert_records import OPEN, Alert, AlertView, Evidence, Severity, State, Transition
from apps.monitor.alert_words import reason_words
from apps.monitor.records import FeedEntry, Span
from apps.monitor.ui import charts
from apps.monitor.ui.shared import company_line, mood_badge, rule_name, say, series_name
from apps.page_parts import date_forms, language, moment, percent, plain, say_later, shorten

if TYPE_CHECKING:
    from apps.monitor.service import MonitorService

SEVERITIES = {  # colour of the badge, icon
    Severity.CRITICAL: ("red", ":material/crisis_alert:"),
    Severity.HIGH: ("red", ":material/priority_high:"),
    Severity.WARNING: ("orange", ":material/warning:"),
    Severity.INFO: ("blue", ":material/info:"),
    Severity.LOW: ("gray", ":material/low_priority:"),
}
STATES = {
    State.FIRING: "red",
    State.ACKNOWLEDGED: "blue",
    State.RECOVERING: "violet",
    State.PENDING: "orange",
    State.SILENCED: "gray",
    State.NO_DATA: "gray",
    State.RESOLVED: "green",
    State.NORMAL: "green",
}
SHOWN_STORIES = 12
AROUND = timedelta(days=2)  # of history beside an alert's window
SILENCES_H = (1, 4, 12, 24, 72, 168)


def alert_title(watch: "MonitorService", one: Alert) -> str:
    """One line for an expander: severity, what about, state."""
    colour, icon = SEVERITIES[one.severity]
    what = plain(shorten(series_name(watch, one.key), 48))
    over = one.state is State.RESOLVED  # such alerts stand in the order of their end, so that is what they show
    when = say("alert_ended", time=moment(one.since)) if over else moment(one.began)
    state = f":{STATES[one.state]}[{say(f'state_{one.state}')}]"
    return f":{colour}[{icon}] **{what}**  ·  {plain(rule_name(one.rule))}  ·  {when}  ·  {state}"


def alert_line(watch: "MonitorService", one: Alert) -> None:
    """An alert in brief: badges, what about, since when, why."""
    colour, icon = SEVERITIES[one.severity]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(say(f"severity_{one.severity}"), icon=icon, color=colour)  # type: ignore[arg-type]
        st.markdown(f"**{plain(series_name(watch, one.key))}**", width="content")
        st.badge(say(f"state_{one.state}"), color=STATES[one.state])  # type: ignore[arg-type]
        st.caption(say("alert_since", time=moment(one.began)), width="content")
    if one.evidence and one.evidence.why:
        st.markdown(plain(reason(one.evidence)))


def reason(seen: Evidence) -> str:
    """Why the alert fired."""
    return reason_words(seen, language())


def alert_body(watch: "MonitorService", view: AlertView) -> None:
    """Why, the numbers, what happened around it, the texts, what can be done, notes and history."""
    one = view.alert
    facts = [
        say("alert_since", time=moment(one.began)),
        say("alert_rule", rule=rule_name(one.rule), version=one.rule_version),
    ]
    facts += [f"{say('alert_owner')}: {one.owner}"] if one.owner else []
    facts += [say("alert_model", model=one.model)] if one.model else []
    again = one.episode - 1
    facts += [say("alert_reopened", n=again) if again > 1 else say("alert_reopened_once")] if again > 0 else []
    st.caption(plain(" · ".join(facts)))
    if one.evidence:
        st.markdown(f"**{say('alert_why')}**  \n{plain(reason(one.evidence))}")
        _numbers(one.evidence)
        _around(watch, one, one.evidence)
    _stories(watch, one.evidence, view.stories)
    act(watch, one)
    history(view.history)


def _numbers(seen: Evidence) -> None:
    share = "–" if seen.share is None else percent(seen.share)
    if seen.share is not None and seen.low is not None:
        low, limit = percent(seen.low), seen.share_limit
        share += say("share_surely", low=low) if limit is None else say("share_limit", low=low, limit=percent(limit))
    figures = [
        (say("alert_window"), _window(seen)),
        (say("alert_stories"), f"{seen.stories} ({seen.reach})"),
        (say("alert_usual"), "–" if seen.expected is None else f"{seen.expected:.1f}"),
        (say("alert_score"), _score(seen)),
        (say("alert_share"), share),
    ]
    shown = "".join(f"<div><span>{name}</span><b>{value}</b></div>" for name, value in figures)
    st.html(f'<div class="facts">{shown}</div>')


def _window(seen: Evidence) -> str:
    start, end = moment(seen.window_start), moment(seen.window_end)
    same_day = start[:10] == end[:10]
    return f"{start} – {end[11:] if same_day else end[5:]}"


def _score(seen: Evidence) -> str:
    if seen.score is None:
        return "–"
    return f"{seen.score:.1f}" + ("" if seen.threshold is None else say("score_limit", limit=f"{seen.threshold:g}"))


def _around(watch: "MonitorService", one: Alert, seen: Evidence) -> None:
    key = one.key
    points = watch.series(
        key.company, key.topic, key.source, Span.HOUR, seen.window_end - AROUND, seen.window_end + timedelta(hours=6)
    )
    if any(point.stories for point in points):
        drawn = charts.spark(points, Span.HOUR.length, (seen.window_start, seen.window_end), date_forms())
        st.altair_chart(drawn, key=f"around-{one.id}")


def _stories(watch: "MonitorService", seen: Evidence | None, stories: Sequence[FeedEntry]) -> None:
    st.markdown(f"**{say('evidence')}**")
    if not stories:
        st.caption(say("evidence_none"))
    elif seen is not None and seen.stories_since < seen.window_start:
        st.caption(say("evidence_since", time=moment(seen.stories_since)))
    for entry in stories[:SHOWN_STORIES]:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            mood_badge(entry.reading)
            title = plain(shorten(entry.item.title or entry.item.text, 110))
            link = entry.item.url.startswith(("http://", "https://"))
            st.markdown(f"[{title}](<{_address(entry.item.url)}>)" if link else title, width="content")
        parts = [plain(entry.item.source), moment(entry.item.moment)]
        parts += [say("reposts", n=entry.story_items, reach=entry.story_reach)] * (entry.story_items > 1)
        st.caption("  ·  ".join([*parts, company_line(watch, entry.reading)]))


def _address(url: str) -> str:
    """A link that cannot break out of its brackets."""
    return url.replace("<", "%3C").replace(">", "%3E").replace(" ", "%20").replace("\n", "")


def act(watch: "MonitorService", one: Alert) -> None:
    """The form of what a person may do with an alert as it stands."""
    acts = {name: icon for name, icon in ACTS.items() if one.state in MAY.get(name, State)}
    hours = None
    with st.form(f"act-{one.id}", border=False):
        left, right = st.columns([1, 2])
        with left:
            by = _who(one.id)
        words = right.text_input(say("act_words"), key=f"words-{one.id}", max_chars=2000).strip()
        if "silence" in acts:
            hours = st.segmented_control(say("silence_for"), SILENCES_H, default=4, key=f"hours-{one.id}",
                                         format_func=lambda n: say("hours", n=n))  # fmt: skip
        with st.container(horizontal=True):
            pressed = {name: st.form_submit_button(say(f"act_{name}"), icon=icon, key=f"{name}-{one.id}")
                       for name, icon in acts.items()}  # fmt: skip
    done = next((name for name, value in pressed.items() if value), None)
    if done is None:
        return
    if done in NEED_WORDS and not words:
        st.warning(say("words_needed"))
        return
    _do(watch, one, done, by, words, int(hours or 4))
    say_later(say(f"done_{done}"))


ACTS = {
    "acknowledge": ":material/front_hand:",
    "note": ":material/add_comment:",
    "assign": ":material/person_add:",
    "silence": ":material/notifications_paused:",
    "resolve": ":material/check:",
    "false_alarm": ":material/thumb_down:",
}
# states in which an act makes sense; one that is not named always does
MAY = {
    "acknowledge": (State.FIRING, State.RECOVERING, State.SILENCED, State.NO_DATA),
    "silence": (*OPEN, State.PENDING, State.NO_DATA),
    "resolve": (*OPEN, State.PENDING, State.NO_DATA),
    "false_alarm": (*OPEN, State.PENDING, State.NO_DATA),
}
NEED_WORDS = ("note", "assign", "resolve")


def _who(alert_id: str) -> str:
    """The visitor's name as a field of this alert's form, filled with the one given before."""
    name = st.text_input(say("who"), st.session_state.get("acting", ""), key=f"who-{alert_id}", max_chars=80)
    if name:
        st.session_state["acting"] = name
    return (name or "").strip() or say("nobody")


def _do(watch: "MonitorService", one: Alert, what: str, by: str, words: str, hours: int) -> None:
    key = one.key
    doing: dict[str, Callable[[], object]] = {
        "acknowledge": lambda: watch.acknowledge(one.id, by, words),
        "note": lambda: watch.comment(one.id, by, words),
        "assign": lambda: watch.assign(one.id, by, words),
        "resolve": lambda: watch.resolve(one.id, by, words),
        "false_alarm": lambda: watch.false_alarm(one.id, by, words),
        "silence": lambda: watch.silence(
            by, watch.clock() + timedelta(hours=hours), words, rule=one.rule, company=key.company, topic=key.topic,
            source=key.source,
        ),
    }  # fmt: skip
    doing[what]()


def history(lines: Sequence[Transition]) -> None:
    """Every step of an alert's life, the newest first."""
    st.markdown(f"**{say('notes_history')}**")
    st.dataframe(
        [
            {
                say("history_time"): moment(one.at),
                say("history_what"): what_happened(one),
                say("history_by"): one.by or "–",
                say("history_words"): one.note or (reason(one.evidence) if one.evidence and not one.by else ""),
            }
            for one in reversed(lines)
        ],
        hide_index=True,
        key=f"history-{lines[0].alert_id}" if lines else None,
    )


def what_happened(one: Transition) -> str:
    """A line of the audit in words: the change of state, or what was done without one."""
    if one.before is one.after:
        return say(f"why_{one.why}")
    return f"{say(f'state_{one.before}')} → {say(f'state_{one.after}')} ({say(f'why_{one.why}')})"
