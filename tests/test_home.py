"""The pages' shell: the start page over ``APPS``, the language switch, the navigation."""

from importlib import import_module
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import apps
from apps import APPS, home

HOME = Path(apps.__file__).parent / "home.py"


def start(**state: str) -> AppTest:
    page = AppTest.from_file(str(HOME), default_timeout=60)
    for key, value in state.items():
        page.session_state[key] = value
    return page.run()


@pytest.mark.parametrize(("language", "name"), [("en", "Customer-service chatbot"), ("zh", "客服机器人")])
def test_the_start_page_shows_every_leaf_in_the_visitors_language(language, name):
    page = start(ui_language=language)
    assert not page.exception
    assert len(page.subheader) == len(APPS) and name in page.subheader[0].value


def test_the_pages_sign_is_a_file_of_our_own_so_that_no_outside_server_is_asked():
    assert home.ICON.is_file() and home.ICON.read_text(encoding="utf-8").startswith("<svg")


def test_the_language_of_the_interface_is_switched_on_every_page():
    page = start(ui_language="en")
    page.segmented_control(key="ui_language").set_value("zh").run()
    assert "客服机器人" in page.subheader[0].value


def test_the_address_can_ask_for_a_language():
    page = AppTest.from_file(str(HOME), default_timeout=60)
    page.query_params["lang"] = "zh-CN"
    assert "客服机器人" in page.run().subheader[0].value


def test_addresses_have_hyphens():
    files = [file for name in APPS for _, file, _ in import_module(f"apps.{name}.ui").pages("en")]
    assert all("_" not in home.address("leaf", file) for file in files)


def test_no_page_shows_error_details():
    config = (HOME.parent / ".streamlit" / "config.toml").read_text(encoding="utf-8")
    assert 'showErrorDetails = "none"' in config and "gatherUsageStats = false" in config
