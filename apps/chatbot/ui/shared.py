"""What the chatbot's pages share: the one service, the language of the interface, one-sentence errors.

``service`` and ``settings`` are the only doors to what lies behind the pages. The cached service holds no visitor's
state: ids live in ``st.session_state`` and in the address, truth in the database.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import streamlit as st

from apps import page_parts
from apps.chatbot.records import Decision, Outcome
from apps.chatbot.settings import ChatbotSettings, load_settings
from apps.chatbot.ui.words import translate
from apps.page_parts import language, percent

if TYPE_CHECKING:
    from apps.chatbot.service import ChatbotService

OUTCOMES = {  # colour of the badge, icon
    Outcome.ANSWER: ("green", ":material/verified:"),
    Outcome.COMPOSE: ("blue", ":material/edit_note:"),
    Outcome.CLARIFY: ("orange", ":material/help:"),
    Outcome.HAND_OVER: ("red", ":material/support_agent:"),
}


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


def say(key: str, **values: object) -> str:
    """An interface string in the visitor's language."""
    return translate(key, language(), **values)


@contextmanager
def one_sentence() -> Iterator[None]:
    """Whatever goes wrong inside is shown as one sentence; the log has the rest."""
    with page_parts.one_sentence(say("unexpected")):
        yield


def decision_line(decision: Decision) -> None:
    """Outcome as a badge, with its reason and confidence beside it."""
    colour, icon = OUTCOMES[decision.outcome]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(say(f"outcome_{decision.outcome}"), icon=icon, color=colour)  # type: ignore[arg-type]
        st.caption(f"{say(f'reason_{decision.reason}')} · {percent(decision.confidence)}", width="content")


def unused_thresholds(bot: "ChatbotService") -> None:
    """Languages whose thresholds no longer hold: the bot is cautious again until they are fitted anew."""
    for tongue in bot.outdated():
        st.warning(say("outdated", tongue=say(f"lang_{tongue}")), icon=":material/tune:")
    for tongue, (then, now) in bot.outgrown().items():
        told = say("outgrown", tongue=say(f"lang_{tongue}"), then=then, now=now)
        st.warning(told, icon=":material/tune:")
