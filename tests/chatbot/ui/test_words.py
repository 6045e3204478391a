"""The interface strings: both languages in step, and every one the pages ask for is there."""

import re
from pathlib import Path
from string import Formatter

from apps.chatbot import ui
from apps.chatbot.records import Audience, Outcome, Reason, Role, Status
from apps.chatbot.ui.words import WORDS, translate


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_languages_fill_the_same_places():
    assert [key for key, (en, zh) in WORDS.items() if places(en) != places(zh) or not en or not zh] == []


def test_every_string_the_pages_ask_for_exists():
    asked = set()
    for file in Path(ui.__file__).parent.glob("*.py"):
        asked |= set(re.findall(r'say\(\s*"([a-z_]+)"', file.read_text(encoding="utf-8")))
    assert len(asked) > 50 and asked - set(WORDS) == set()


def test_every_outcome_reason_role_status_and_audience_has_words():
    nouns = {"outcome": Outcome, "reason": Reason, "role": Role, "status": Status, "audience": Audience}
    assert [f"{name}_{one}" for name, kind in nouns.items() for one in kind if f"{name}_{one}" not in WORDS] == []


def test_every_stage_that_a_turn_times_has_words():
    sources = [file.read_text(encoding="utf-8") for file in Path(ui.__file__).parents[1].glob("*.py")]
    stages = {stage for text in sources for stage in re.findall(r"""\blap\("([a-z_]+)"\)""", text)}
    assert {"compose", "understand"} <= stages
    assert [one for one in stages if f"stage_{one}" not in WORDS] == []


def test_a_stage_without_words_shows_its_name():
    assert translate("stage_second_look", "zh") == "second look"


def test_every_page_exists():
    assert all(Path(file).is_file() for language in ("en", "zh") for _, file, _ in ui.pages(language))
