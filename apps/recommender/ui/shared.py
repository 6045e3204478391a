"""What the recommender's pages share: the one service, words, the head of a page.

``service`` and ``settings`` are the only doors to what lies behind the pages. The cached service holds no visitor's
state: what a visitor chose lives in ``st.session_state``, truth in the database.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from apps import page_parts
from apps.page_parts import language, plain
from apps.recommender.money import money
from apps.recommender.records import Item
from apps.recommender.settings import RecommenderSettings, load_settings
from apps.recommender.ui.words import translate

if TYPE_CHECKING:
    from apps.recommender.service import RecommenderService


def settings() -> RecommenderSettings:
    """The settings of this process, read afresh: a changed file needs no restart of the pages."""
    return load_settings()


@st.cache_resource(show_spinner=False)
def _open() -> "RecommenderService":
    from apps.recommender.service import open_service  # torch and the models: not before a page is opened

    return open_service(settings())


def service() -> "RecommenderService":
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


def head(page: str) -> None:
    """What was done last, the look, the title."""
    page_parts.said()
    st.html(f"<style>{(Path(__file__).parent / 'look.css').read_text(encoding='utf-8')}</style>")
    st.title(say(f"page_{page}"))


def warn_without_model(shop: "RecommenderService") -> None:
    """Say so when no model answers, and why."""
    if not shop.model:
        st.warning(say("no_model", why=plain(shop.problem)), icon=":material/model_training:")


def priced(shop: "RecommenderService", item: Item) -> str:
    """An item's price with the shop's currency; "" where it has none."""
    return money(item.price, shop.settings.recommender.currency)


def category_name(category: str) -> str:
    """A category in the visitor's language; a team's own shows itself."""
    return say(f"category_{category}")
