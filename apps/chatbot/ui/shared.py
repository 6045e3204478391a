"""What the chatbot's pages share: the one service, the language of the interface, one-sentence errors.

``service`` and ``settings`` are the only doors to what lies behind the pages. The cached service holds no visitor's
state: ids live in ``st.session_state`` and in the address, truth in the database.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import streamlit as st

from apps.chatbot.records import Decision, Outcome
from apps.chatbot.settings import ChatbotSettings, load_settings
from apps.chatbot.ui.words import translate
from core.errors import TrifoliumError

if TYPE_CHECKING:
    from apps.chatbot.service import ChatbotService

LANGUAGE_KEY = "ui_language"
OUTCOMES = {  # colour of the badge, icon
    Outcome.ANSWER: ("green", ":material/verified:"),
    Outcome.COMPOSE: ("blue", ":material/edit_note:"),
    Outcome.CLARIFY: ("orange", ":material/help:"),
    Outcome.HAND_OVER: ("red", ":material/support_agent:"),
}
_MARKS = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:^=])")


def settings() -> ChatbotSettings:
    """The settings of this process, read afresh: a changed file needs no restart of the pages."""
    return load_settings()


@st.cache_resource(show_spinner=False)
def _open() -> "ChatbotService":
    from apps.chatbot.service import open_service  # torch and the models: not before a page is opened

    return open_service(settings())


def service() -> "ChatbotService":
    """The one service of this process, opened at the first visit."""
    with st.spinner(say("opening")):
        return _open()


def language() -> str:
    """The language of the interface, chosen in the shell."""
    return str(st.session_state.get(LANGUAGE_KEY, "en"))


def say(key: str, **values: object) -> str:
    """An interface string in the visitor's language."""
    return translate(key, language(), **values)


@contextmanager
def one_sentence() -> Iterator[None]:
    """Whatever goes wrong inside is shown as one sentence; the log has the rest."""
    try:
        yield
    except TrifoliumError as error:
        st.error(plain(str(error)), icon=":material/error:")
    except Exception:
        logging.getLogger(__name__).exception("A page failed.")
        st.error(say("unexpected"), icon=":material/error:")


def plain(text: str) -> str:
    """Text from outside as Markdown that shows exactly these characters: no image, link, formula or directive."""
    return _MARKS.sub(r"\\\1", text).replace("\n", "  \n")


def shorten(text: str, most: int = 60) -> str:
    """The text on one line, cut with an ellipsis."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def percent(value: float) -> str:
    """A share as a whole percentage."""
    return f"{value:.0%}"


def moment(when: datetime) -> str:
    """A moment in the server's own time zone, to the minute."""
    return f"{when.astimezone():%Y-%m-%d %H:%M}"


def choose(key: str, options: dict[str, str]) -> str:
    """A row of sections of which one is open; only the open one is drawn. Empty labels stand for nothing."""
    chosen = st.segmented_control(
        say("section"),
        list(options),
        key=key,
        format_func=lambda name: options.get(name, name),
        default=next(iter(options)),
        required=True,
        label_visibility="collapsed",
    )
    return str(chosen)


def say_later(text: str, icon: str = ":material/check_circle:") -> None:
    """Redraw the page, then tell the visitor what was done."""
    st.session_state["said"] = (text, icon)
    st.rerun()


def said() -> None:
    """Show what ``say_later`` left."""
    text, icon = st.session_state.pop("said", (None, None))
    if text:
        st.toast(text, icon=icon)


def decision_line(decision: Decision) -> None:
    """Outcome as a badge, with its reason and confidence beside it."""
    colour, icon = OUTCOMES[decision.outcome]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(say(f"outcome_{decision.outcome}"), icon=icon, color=colour)  # type: ignore[arg-type]
        st.caption(f"{say(f'reason_{decision.reason}')} · {percent(decision.confidence)}", width="content")
