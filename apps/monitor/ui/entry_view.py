"""How one item of the feed looks: its card, the words that moved the verdict, the form to correct it."""

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from apps.monitor.records import FeedEntry, Label, NewsItem
from apps.monitor.ui.shared import company_line, company_name, mood_badge, say, topic_name
from apps.page_parts import moment, percent, plain, say_later, shorten

if TYPE_CHECKING:
    from apps.monitor.service import MonitorService

SHOWN_TEXT = 260  # characters of a card; the whole text is one click away
NOT_ABOUT = "none"
MOST_EXPLAINED = 32  # kept per visitor
FAINTEST = 0.06  # share of the strongest word's weight below which a word is left plain


def card(watch: "MonitorService", entry: FeedEntry) -> None:
    """Mood, title, text, where from, companies and topics; why and correction on demand."""
    item = entry.item
    with st.container(border=True, key=f"card-{safe(item.id)}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            mood_badge(entry.reading)
            st.caption(origin(entry), width="content")
        said(item)
        line = company_line(watch, entry.reading)
        if line:
            st.markdown(line)
        with st.expander(say("why_correct"), key=why_key(item.id), on_change="rerun", type="compact") as shown:
            if shown.open:
                why(watch, entry)
                correct(watch, entry)


def said(item: NewsItem) -> None:
    """Title and text, each cut short."""
    title, text = item.title.strip(), item.text.strip()
    if title:
        st.markdown(f"**{plain(shorten(title, 200))}**")
    if text and text != title:
        st.markdown(plain(shorten(text, SHOWN_TEXT)))


def why_key(item_id: str) -> str:
    """The key of the part of an item's card that opens."""
    return f"why-{safe(item_id)}"


def safe(item_id: str) -> str:
    """An id as part of a widget's key."""
    return "".join(sign if sign.isalnum() else "-" for sign in item_id)


def origin(entry: FeedEntry) -> str:
    """Where an item came from, when, how often it was told, and a link to it, as Markdown."""
    item = entry.item
    parts = [plain(item.source), moment(item.moment)]
    if item.published_at is None:
        parts.append(say("undated"))
    if entry.story_items > 1:
        parts.append(f"**{say('reposts', n=entry.story_items, reach=entry.story_reach)}**")
    if entry.corrected:
        parts.append(f":blue[{say('corrected')}]")
    if item.url.startswith(("http://", "https://")):
        address = item.url.replace("<", "%3C").replace(">", "%3E").replace(" ", "%20").replace("\n", "")
        parts.append(f"[{say('open_original')}](<{address}>)")
    return "  ·  ".join(parts)


def why(watch: "MonitorService", entry: FeedEntry) -> None:
    """The text with the words that moved the verdict, and the three probabilities; of a person's verdict only that."""
    reading = entry.reading
    if entry.corrected:
        st.markdown(f"**{say('why_corrected', mood=say(f'mood_{reading.sentiment.label}'))}**")
        return
    with st.spinner(say("working")):
        words = _explained(watch, entry)
    st.markdown(f"**{say('why', mood=say(f'mood_{reading.sentiment.label}'))}**")
    if words:
        st.html(f'<div class="why">{highlighted(entry.item.full_text, words, reading.sentiment.label)}</div>')
        st.caption(say("why_words"))
    else:
        st.caption(say("why_none"))
    chances = [f"{say(f'mood_{mood}')} {percent(getattr(reading.sentiment, mood))}" for mood in Label]
    topics = [f"{topic_name(one.topic)} {percent(one.probability)}" for one in reading.topics]
    told = [" / ".join(chances), *topics]
    st.caption(plain("  ·  ".join(told + ([say("read_by", model=reading.model)] if reading.model else []))))


def _explained(watch: "MonitorService", entry: FeedEntry) -> Sequence[Any]:
    """The words that moved the verdict, remembered for this visitor: a live page draws an open card every few seconds.

    Explaining reads the text once per word, which a backbone does in seconds.
    """
    known: dict[tuple[str, str], Sequence[Any]] = st.session_state.setdefault("explained", {})
    key = (entry.item.id, entry.reading.model)
    if key not in known:
        while len(known) >= MOST_EXPLAINED:
            known.pop(next(iter(known)))
        known[key] = watch.explain(entry.item.id)
    return known[key]


def highlighted(text: str, words: Sequence[Any], label: Label) -> str:
    """The text as HTML; words that spoke for the verdict in its colour, those against it grey, stronger where heavier.

    ``words`` have ``start``, ``end`` (into ``text``) and ``weight``; overlapping ones are left out.
    """
    colour = {Label.NEGATIVE: "#cf4f5b", Label.NEUTRAL: "#4c86d8", Label.POSITIVE: "#2f9e68"}[label]
    strongest = max((abs(one.weight) for one in words), default=0.0) or 1.0
    shown, at = [], 0
    for one in sorted(words, key=lambda word: word.start):
        part = abs(one.weight) / strongest
        if one.start < at or part < FAINTEST:
            continue
        shown.append(html.escape(text[at : one.start]))
        ink = colour if one.weight > 0 else "#8a948e"
        style = f"background: color-mix(in srgb, {ink} {10 + 60 * part:.0f}%, transparent)"
        shown.append(f'<mark style="{style}" title="{one.weight:+.2f}">{html.escape(text[one.start : one.end])}</mark>')
        at = one.end
    return "".join([*shown, html.escape(text[at:])]).replace("\n", "<br>")


def correct(watch: "MonitorService", entry: FeedEntry) -> None:
    """What the item really is; only what was changed is sent."""
    reading, key = entry.reading, safe(entry.item.id)
    moods = [one.value for one in Label]
    named = list(dict.fromkeys(one.company for one in reading.companies))
    was = {one.company: one.sentiment.label.value for one in reversed(reading.companies)}
    topics = tuple(one.topic for one in reading.topics)
    others = [one for one in watch.companies() if one not in named]
    with st.form(f"correct-{key}", border=False):
        st.caption(say("correct_line"))
        mood = st.segmented_control(say("correct_mood"), moods, default=str(reading.sentiment.label),
                                    key=f"mood-{key}", format_func=lambda one: say(f"mood_{one}"))  # fmt: skip
        about = st.multiselect(say("correct_topics"), list(dict.fromkeys([*watch.topics(), *topics])), topics,
                               key=f"topics-{key}", format_func=topic_name)  # fmt: skip
        said: dict[str, Any] = {}
        for number, company in enumerate(named):
            said[company] = st.segmented_control(
                say("correct_company", company=company_name(watch, company)), [*moods, NOT_ABOUT], default=was[company],
                key=f"company-{key}-{number}", format_func=_mood_or_none,
            )  # fmt: skip
        other = st.selectbox(say("correct_add"), ["", *others], key=f"other-{key}",
                             format_func=lambda one: company_name(watch, one) if one else "–")  # fmt: skip
        pressed = st.form_submit_button(say("correct_save"), type="primary", icon=":material/school:")
    if pressed:
        moods_now = {company: value for company, value in said.items() if value and value != NOT_ABOUT}
        moods_now |= {other: mood or reading.sentiment.label.value} if other else {}
        changed: dict[str, Any] = {
            "sentiment": mood if mood and mood != reading.sentiment.label else None,
            "topics": about if set(about) != set(topics) else None,
            "companies": moods_now if moods_now != was else None,
        }
        _send(watch, entry, changed)


def _mood_or_none(one: str) -> str:
    return say("correct_none") if one == NOT_ABOUT else say(f"mood_{one}")


def _send(watch: "MonitorService", entry: FeedEntry, changed: dict[str, Any]) -> None:
    if all(value is None for value in changed.values()):
        st.warning(say("correct_same"))
        return
    watch.correct(entry.item.id, st.session_state.get("acting") or say("nobody"), **changed)
    say_later(say("correct_saved"))
