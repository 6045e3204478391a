"""The page "Training": start a run, watch it, compare runs, promote a model or go back to the one before."""

from typing import TYPE_CHECKING

import streamlit as st

from apps import training_page
from apps.page_parts import choose, say_later
from apps.recommender.model_shelf import Version
from apps.recommender.ui.shared import head, one_sentence, say, service, settings
from apps.training_page import TrainingPage

if TYPE_CHECKING:
    from apps.recommender.service import RecommenderService

SECTIONS = ("runs", "compare", "models")


def draw() -> None:
    """Title, sections, the open one."""
    head("training")
    chosen = choose("training_section", {name: say(f"section_{name}") for name in SECTIONS}, say("section"))
    page = TrainingPage("recommender", settings().home, say)
    if chosen == "runs":
        training_page.start(page, _fields)
        training_page.watch(page)
    elif chosen == "compare":
        training_page.compare(page)
    else:
        _models(service())


def _fields() -> list[str]:
    st.markdown(say("train_line"))
    text = st.checkbox(say("train_text"), value=True, key="train-text", help=say("train_text_help"))
    promote = st.checkbox(say("train_promote"), value=True, key="train-promote")
    return ["train", *([] if text else ["--no-text"]), *([] if promote else ["--no-promote"])]


def _models(shop: "RecommenderService") -> None:
    rows = shop.models()
    if not rows:
        st.info(say("models_none"), icon=":material/deployed_code:")
        return
    st.caption(say("models_line"))
    for row in rows:
        with st.container(border=True), one_sentence():
            _model(shop, row)


def _model(shop: "RecommenderService", row: Version) -> None:
    line = f"{row.made_at[:16].replace('T', ' ')} · {row.source}"
    training_page.version(say, row.name, line, row.live, row.metrics)
    if not row.live and st.button(say("promote"), key=f"promote-{row.name}", icon=":material/publish:"):
        shop.promote(row.name)
        say_later(say("promoted", name=row.name))
    if row.live and shop.can_roll_back() and st.button(say("roll_back"), key="roll-back", icon=":material/undo:"):
        say_later(say("rolled_back", name=shop.roll_back().name))


if __name__ == "__main__":
    with one_sentence():
        draw()
