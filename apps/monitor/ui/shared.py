"""What the monitor's pages share: the one service, words, names of companies and topics, the head of a page.

``service`` and ``settings`` are the only doors to what lies behind the pages. The cached service holds no visitor's
state: what a visitor chose lives in ``st.session_state``, truth in the database.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from apps import page_parts
from apps.monitor import alert_words
from apps.monitor.records import Label, Reading, SeriesKey
from apps.monitor.settings import MonitorSettings, load_settings
from apps.monitor.ui.words import WORDS, translate
from apps.page_parts import language, moment, plain

if TYPE_CHECKING:
    from apps.monitor.service import MonitorService

LIVE_S = 5.0  # how often a live page looks again
MOOD_COLOURS = {Label.NEGATIVE: "red", Label.NEUTRAL: "gray", Label.POSITIVE: "green"}
MOOD_ICONS = {
    Label.NEGATIVE: ":material/trending_down:",
    Label.NEUTRAL: ":material/trending_flat:",
    Label.POSITIVE: ":material/trending_up:",
}


def settings() -> MonitorSettings:
    """The settings of this process, read afresh: a changed file needs no restart of the pages."""
    return load_settings()


@st.cache_resource(show_spinner=False)
def _open() -> "MonitorService":
    from apps.monitor.service import open_service  # torch and the models: not before a page is opened

    return open_service(settings())


def service() -> "MonitorService":
    """The one service of this process, opened at the first visit."""
    with st.spinner(say("opening")):
        return _open()


def say(key: str, **values: object) -> str:
    """An interface string in the visitor's language."""
    return translate(key, language(), **values)


def has_words(key: str) -> bool:
    """Whether there are words for a key; settings and models may bring names nobody translated."""
    return key in WORDS


@contextmanager
def one_sentence() -> Iterator[None]:
    """Whatever goes wrong inside is shown as one sentence; the log has the rest."""
    with page_parts.one_sentence(say("unexpected")):
        yield


def head(watch: "MonitorService", page: str) -> None:
    """Title, the moment the page speaks of, and what the stream is while it is the sample."""
    page_parts.said()
    st.html(f"<style>{(Path(__file__).parent / 'monitor.css').read_text(encoding='utf-8')}</style>")
    st.title(say(f"page_{page}"))
    status = watch.status()
    if status.get("sample"):
        days = status.get("shifted_days") or 0
        st.caption(f":material/science: {say('sample_line', days=days) if days else say('sample_plain')}")


def clock_line(watch: "MonitorService") -> None:
    """The moment everything on the page is told as of; while the sample still comes in, how far it is."""
    st.caption(f":material/schedule: {say('clock', time=moment(watch.clock()))}", help=say("clock_help"))
    loading = watch.status().get("loading") or {}
    if loading.get("running"):
        done, total = int(loading["done"]), int(loading["total"])
        st.progress(min(1.0, done / total) if total else 0.0, text=_coming("loading", done, total))
    elif loading.get("error"):
        st.warning(plain(str(loading["error"])), icon=":material/error:")


def none_yet(watch: "MonitorService", key: str, icon: str, coming: str = "sample_coming", good: bool = False) -> None:
    """Says that there is nothing, in the words of ``key``; while the sample is read in, that it is still to come."""
    loading = watch.status().get("loading") or {}
    if loading.get("running"):
        st.info(_coming(coming, int(loading["done"]), int(loading["total"])), icon=":material/hourglass_top:")
    else:
        (st.success if good else st.info)(say(key), icon=icon)


def _coming(key: str, done: int, total: int) -> str:
    """How far the sample is; how long it is may not be known yet."""
    return say(key, done=f"{done:,}", total=f"{total:,}" if total else "…")


def topic_name(topic: str) -> str:
    """A topic in the visitor's language; one added by a setting shows its key."""
    return say(f"topic_{topic}") if topic else say("heat_other")


def company_name(watch: "MonitorService", company: str) -> str:
    """A company as people know it, its id when nobody said."""
    return watch.company_names(language()).get(company, company)


def company_choice(watch: "MonitorService", company: str) -> str:
    """A company in a list to choose from, where an empty one stands for all."""
    return company_name(watch, company) if company else say("company_all")


def topic_choice(topic: str) -> str:
    """A topic in a list to choose from, where an empty one stands for all."""
    return topic_name(topic) if topic else say("topic_all")


def series_name(watch: "MonitorService", key: SeriesKey) -> str:
    """Which items a series counts, in words."""
    return alert_words.series_words(key, watch.company_names(language()), language())


def rule_name(name: str) -> str:
    """A rule by its name, in Chinese too where it ships."""
    return alert_words.rule_words(name, language())


def mood_badge(reading: Reading) -> None:
    """The mood of a text with its probability; "not sure" stands before it when the model abstained."""
    if reading.abstained:
        st.badge(f"{say('mood_abstained')} · {_mood(reading)}", icon=":material/help:", color="orange")
        return
    mood = reading.sentiment.label
    st.badge(_mood(reading), icon=MOOD_ICONS[mood], color=MOOD_COLOURS[mood])  # type: ignore[arg-type]


def _mood(reading: Reading) -> str:
    return f"{say(f'mood_{reading.sentiment.label}')} {reading.sentiment.confidence:.0%}"


def company_line(watch: "MonitorService", reading: Reading) -> str:
    """The companies of a text as Markdown, each in the colour of the mood towards it, then its topics."""
    named: dict[str, str] = {}
    for mention in reading.companies:
        colour = MOOD_COLOURS[mention.sentiment.label]
        named.setdefault(mention.company, f":{colour}[**{plain(company_name(watch, mention.company))}**]")
    topics = [plain(topic_name(one.topic)) for one in reading.topics]
    return "  ·  ".join([*named.values(), *topics])


def late_words() -> str:
    """From how long on an item counts as late."""
    return length_words(timedelta(seconds=settings().monitor.trends.late_after_s))


def length_words(length: timedelta) -> str:
    """A length in days, hours or minutes, whichever says it in a small number."""
    return alert_words.length_words(length, language())


def dark() -> bool:
    """Whether the visitor's theme is the dark one."""
    return getattr(st.context.theme, "type", None) == "dark"
