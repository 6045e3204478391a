"""Page tests: a page under AppTest with the true service on a small engine behind it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from apps.recommender.service import RecommenderService
from apps.recommender.ui import shared
from tests.recommender.plain_service import open_plain

UI = Path(shared.__file__).parent


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RecommenderService]:
    made = open_plain(tmp_path)
    monkeypatch.setattr(shared, "service", lambda: made)
    monkeypatch.setattr(shared, "settings", lambda: made.settings)
    yield made
    made.close()
    st.cache_resource.clear()


@pytest.fixture
def open_page(shop: RecommenderService) -> Callable[..., AppTest]:
    def open_(name: str, language: str = "en", query: dict[str, str] | None = None, **state: object) -> AppTest:
        page = AppTest.from_file(str(UI / f"{name}.py"), default_timeout=60)
        page.session_state["ui_language"] = language
        for key, value in state.items():
            page.session_state[key] = value
        for key, value in (query or {}).items():
            page.query_params[key] = value
        return page.run()

    return open_


def shown(page: AppTest) -> str:
    """Everything a visitor reads, Markdown's escapes taken out."""
    blocks = [*page.markdown, *page.caption, *page.info, *page.error, *page.warning, *page.success, *page.subheader]
    return "\n".join(one.value for one in blocks).replace("\\", "")


def press(page: AppTest, key: str) -> AppTest:
    """Click the button of that key and run."""
    return page.button(key=key).click().run()
