"""Page tests: a page under AppTest with a stand-in service behind it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from apps.chatbot.ui import shared
from tests.chatbot.ui.fake import FakeService

UI = Path(shared.__file__).parent


@pytest.fixture
def bot(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeService]:
    fake = FakeService()
    monkeypatch.setattr(shared, "service", lambda: fake)
    yield fake
    st.cache_resource.clear()


@pytest.fixture
def open_page(bot: FakeService) -> Callable[..., AppTest]:
    def open_(name: str, language: str = "en", **state: object) -> AppTest:
        page = AppTest.from_file(str(UI / f"{name}.py"), default_timeout=60)
        page.session_state["ui_language"] = language
        for key, value in state.items():
            page.session_state[key] = value
        return page.run()

    return open_
