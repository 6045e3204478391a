"""The training page: start a run, watch it, compare runs, promote or roll back adapters."""

import streamlit as st

from apps import run_view, training_page
from apps.chatbot.engine import GROUNDED
from apps.chatbot.judging import JUDGE
from apps.chatbot.ui.shared import one_sentence, say, settings
from apps.page_parts import choose, said
from apps.training_page import TrainingPage

WHATS = ("intents", "judge", "generator")
ADAPTERS = (GROUNDED, JUDGE)
SECTIONS = ("runs", "compare", "adapters")


def draw() -> None:
    """Title, sections, the open one."""
    said()
    st.title(say("page_training"))
    chosen = choose("training_section", {name: say(f"section_{name}") for name in SECTIONS}, say("section"))
    chatbot = settings()
    page = TrainingPage("chatbot", chatbot.home, say)
    if chosen == "runs":
        training_page.start(page, lambda: training_page.what_and_steps(page, WHATS))
        training_page.watch(page)
    elif chosen == "compare":
        training_page.compare(page)
    else:
        training_page.adapters(page, run_view.adapter_rows(chatbot.home, ADAPTERS), chatbot.models.generator)


if __name__ == "__main__":
    with one_sentence():
        draw()
