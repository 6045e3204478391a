"""Page tests: a page under AppTest with a stand-in service behind it."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from apps.monitor.ui import shared
from tests.monitor.fake_service import FakeMonitor

UI = Path(shared.__file__).parent


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeMonitor]:
    made = FakeMonitor()
    monkeypatch.setattr(shared, "service", lambda: made)
    yield made
    st.cache_resource.clear()


@pytest.fixture
def open_page(fake: FakeMonitor) -> Callable[..., AppTest]:
    def open_(
        name: str, language: str = "en", asked: Mapping[str, str] = MappingProxyType({}), **state: object
    ) -> AppTest:
        page = AppTest.from_file(str(UI / f"{name}.py"), default_timeout=60)
        page.session_state["ui_language"] = language
        for key, value in asked.items():  # what stands behind the ? of the address
            page.query_params[key] = value
        for key, value in state.items():
            page.session_state[key] = value
        return page.run()

    return open_
