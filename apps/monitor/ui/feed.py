"""The feed page: items as they come, filtered, each with its reading, why, and a form to correct it.

Live while one looks at the newest page; it stands still while an item is open, or altogether with ``Live`` off.
"""

from typing import TYPE_CHECKING, Any

import streamlit as st

from apps.monitor.records import FeedQuery, Label
from apps.monitor.ui.alerts import pager
from apps.monitor.ui.entry_view import card, why_key
from apps.monitor.ui.kept_list import kept_list, waiting_line
from apps.monitor.ui.shared import (
    LIVE_S,
    clock_line,
    company_name,
    head,
    none_yet,
    one_sentence,
    say,
    service,
    topic_name,
)

if TYPE_CHECKING:
    from apps.monitor.service import MonitorService

PAGE = 20
FIELDS = ("company", "topic", "source", "label", "language")
NUMBER = "feed-page"


def draw() -> None:
    """Head and filters, then the items."""
    watch = service()
    head(watch, "feed")
    _filters(watch)
    if st.session_state.get("feed-live", True) and not st.session_state.get(NUMBER):
        _live()
    else:
        _still()


def _filters(watch: "MonitorService") -> None:
    first = st.columns([3, 2, 2, 2])
    first[0].text_input(say("search"), key="feed-search", icon=":material/search:", label_visibility="collapsed",
                        placeholder=say("search"), on_change=_to_newest)  # fmt: skip
    _select(first[1], "company", watch.companies(), lambda one: company_name(watch, one))
    _select(first[2], "topic", watch.topics(), topic_name)
    _select(first[3], "label", list(Label), lambda one: say(f"mood_{one}"))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.toggle(say("live_on"), value=True, key="feed-live")
        with st.popover(say("more_filters"), icon=":material/tune:"):
            _select(st, "source", [one.source.name for one in watch.sources()], str)
            _select(st, "language", ["en", "zh"], lambda one: say(f"language_{one}"))
            st.checkbox(say("unsure_only"), key="feed-uncertain", on_change=_to_newest)


def _select(place: Any, name: str, options: Any, words: Any) -> None:
    place.selectbox(
        say(name),
        ["", *options],
        key=f"feed-{name}",
        format_func=lambda one: words(one) if one else say(f"{name}_all"),
        label_visibility="collapsed",
        on_change=_to_newest,
    )


def _to_newest() -> None:
    st.session_state[NUMBER] = 0


@st.fragment(run_every=LIVE_S)
def _live() -> None:
    _items()


@st.fragment
def _still() -> None:
    _items()


def _items() -> None:
    with one_sentence():
        watch = service()
        page = int(st.session_state.get(NUMBER, 0))
        clock_line(watch)
        found, asked = watch.feed(_query(), limit=PAGE + 1, offset=page * PAGE), (_query(), page)
        shown = kept_list("feed-shown", asked, [one.item.id for one in found], PAGE, why_key)
        if not shown.ids:
            none_yet(watch, "feed_none", ":material/filter_alt_off:")
        waiting_line(shown)
        for entry in watch.entries(shown.ids):
            with one_sentence():
                card(watch, entry)
        pager(NUMBER, page, shown.older)


def _query() -> FeedQuery:
    company, topic, source, label, language = (str(st.session_state.get(f"feed-{name}") or "") for name in FIELDS)
    words = str(st.session_state.get("feed-search") or "").strip()
    unsure = bool(st.session_state.get("feed-uncertain"))
    return FeedQuery(company, topic, source, label, language, words, uncertain=unsure)


if __name__ == "__main__":
    with one_sentence():
        draw()
