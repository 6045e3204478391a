"""The interface strings: both languages in step, and every one the pages ask for is there."""

import re
from pathlib import Path
from string import Formatter

from apps.recommender import ui
from apps.recommender.experiments import DIALS
from apps.recommender.records import MEANINGS, PARTS, ROUTES
from apps.recommender.ui.words import WORDS, translate


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_languages_fill_the_same_places():
    assert [key for key, (en, zh) in WORDS.items() if places(en) != places(zh) or not en or not zh] == []


def test_every_string_the_pages_ask_for_exists():
    asked = set()
    for file in Path(ui.__file__).parent.glob("*.py"):
        asked |= set(re.findall(r'say\(\s*"([a-z_0-9]+)"', file.read_text(encoding="utf-8")))
    assert len(asked) > 70 and asked - set(WORDS) == set()


def test_every_part_route_stage_event_and_dial_has_words():
    wanted = [f"part_{one}" for one in PARTS] + [f"route_name_{one}" for one in ROUTES]
    wanted += [f"route_{one}" for one in ("warm", "cold", "behaviour", "popular", "latest")]
    wanted += [f"stage_{one}" for one in ("unknown", "route", "filter", "ranking", "diversity", "shown")]
    wanted += [f"event_{one.type}" for one in MEANINGS] + [f"dial_{one}" for one in DIALS]
    wanted += [f"dial_{one}_help" for one in DIALS]
    assert [one for one in wanted if one not in WORDS] == []


def test_a_name_without_words_shows_itself():
    assert translate("category_board games", "zh") == "board games"


def test_every_page_exists():
    assert all(Path(file).is_file() for language in ("en", "zh") for _, file, _ in ui.pages(language))
    assert len(ui.about("zh")) == 3
