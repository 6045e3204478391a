"""What people teach the reader: uncertain items to review, corrections made, and whether the stream has drifted."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import streamlit as st

from apps.monitor.records import Correction, FeedEntry, NewsItem, Reading
from apps.monitor.ui import charts
from apps.monitor.ui.entry_view import correct, origin, safe, said, why, why_key
from apps.monitor.ui.shared import company_line, company_name, has_words, mood_badge, none_yet, say, topic_name
from apps.page_parts import moment, plain, say_later, shorten

if TYPE_CHECKING:
    from apps.monitor.service import MonitorService

OFFERED = 10
LANGUAGES = ("en", "zh")
STEADY, CHANGED = 0.1, 0.25  # population stability index, as read in credit scoring


def review(watch: "MonitorService") -> None:
    """The least sure first; right or corrected, each answer becomes an example."""
    chosen = st.segmented_control(
        say("language"),
        ["", *LANGUAGES],
        default="",
        required=True,
        key="review-language",
        format_func=lambda one: say(f"language_{one or 'all'}"),
        label_visibility="collapsed",
    )
    found = watch.uncertain(OFFERED, str(chosen or ""))
    if not found:
        none_yet(watch, "review_none", ":material/task_alt:")
        return
    st.caption(say("review_line"))
    for entry in found:
        with st.container(border=True, key=f"review-{safe(entry.item.id)}"):
            _one(watch, entry)


def _one(watch: "MonitorService", entry: FeedEntry) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        mood_badge(entry.reading)
        st.caption(origin(entry), width="content")
    said(entry.item)
    line = company_line(watch, entry.reading)
    if line:
        st.markdown(line)
    if st.button(say("review_right"), key=f"right-{safe(entry.item.id)}", icon=":material/check:"):
        _confirm(watch, entry)
    with st.expander(say("why_correct"), key=why_key(entry.item.id), on_change="rerun", type="compact") as shown:
        if shown.open:
            why(watch, entry)
            correct(watch, entry)


def _confirm(watch: "MonitorService", entry: FeedEntry) -> None:
    """The reading as it stands, said by a person."""
    reading = entry.reading
    topics = [one.topic for one in reading.topics]
    moods = {one.company: one.sentiment.label.value for one in reversed(reading.companies)}
    by = st.session_state.get("acting") or say("nobody")
    watch.correct(entry.item.id, by, reading.sentiment.label.value, topics, moods or None)
    say_later(say("correct_saved"))


def corrections(watch: "MonitorService") -> None:
    """What was read and what people made of it, the newest first."""
    found = watch.corrections()
    if not found:
        st.info(say("corrections_none"), icon=":material/school:")
        return
    st.caption(say("corrections_line", n=len(found)))
    st.dataframe([_row(watch, *one) for one in found], hide_index=True)


def _row(watch: "MonitorService", item: NewsItem, reading: Reading, made: Correction) -> dict[str, str]:
    companies = [f"{company_name(watch, name)}: {say(f'mood_{mood}')}" for name, mood in (made.companies or {}).items()]
    return {
        say("history_time"): moment(made.at),
        say("history_by"): made.by,
        say("correct_text"): shorten(item.full_text, 120),
        say("correct_read"): say(f"mood_{reading.sentiment.label}"),
        say("correct_mood"): say(f"mood_{made.sentiment}") if made.sentiment else "–",
        say("correct_topics"): ", ".join(topic_name(one) for one in made.topics) if made.topics is not None else "–",
        say("company"): ", ".join(companies) or "–",
    }


def drift(watch: "MonitorService") -> None:
    """Distributions before and of late, the most changed first."""
    found = sorted(watch.drift(), key=lambda one: -one.index)
    if not found:
        st.info(say("drift_none"), icon=":material/hourglass_empty:")
        return
    st.caption(say("drift_line"))
    for one in found:
        with st.container(border=True):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"**{plain(say(f'drift_{one.name}'))}**", width="content")
                verdict, colour = _verdict(one.index)
                st.badge(f"{say(verdict)} · {one.index:.2f}", color=colour)  # type: ignore[arg-type]
            names = (say("drift_before"), say("drift_recent"))
            st.altair_chart(charts.then_and_now(_named(one.then), _named(one.now), names), key=f"drift-{one.name}")


def _verdict(index: float) -> tuple[str, str]:
    if index > CHANGED:
        return "drift_changed", "red"
    return ("drift_some", "orange") if index > STEADY else ("drift_steady", "green")


def _named(shares: Mapping[str, float]) -> dict[str, float]:
    """Kinds in the visitor's words where there are some."""
    return {_word(kind): share for kind, share in shares.items()}


def _word(kind: str) -> str:
    if size := re.fullmatch(r"under (\d+)|(\d+) and more", kind):
        return say("drift_under", n=size[1]) if size[1] else say("drift_from", n=size[2])
    return next(
        (say(f"{what}_{kind}") for what in ("mood", "topic", "language", "answer") if has_words(f"{what}_{kind}")), kind
    )
