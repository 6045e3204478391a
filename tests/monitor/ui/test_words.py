"""The interface strings: both languages in step, and every one the pages ask for is there."""

import re
from pathlib import Path
from string import Formatter

from apps import training_page
from apps.monitor import ui
from apps.monitor.alert_records import Delivery, MessageKind, Severity, State, Why
from apps.monitor.intake_records import DateDoubt
from apps.monitor.records import TOPICS, Label
from apps.monitor.rules import MEASURES, SENSITIVITY, Kind
from apps.monitor.source_records import Health, SourceKind
from apps.monitor.ui.words import SHARED, WORDS, translate
from apps.monitor.ui.words_desk import DESK
from apps.monitor.ui.words_sources import SOURCES
from apps.monitor.ui.words_watch import WATCH
from apps.training_page import RUN_WORDS


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def asked() -> set[str]:
    sources = [file.read_text(encoding="utf-8") for file in Path(ui.__file__).parent.glob("*.py")]
    return {
        key
        for text in sources
        for key in re.findall(r"""(?:say|translate|_coming|none_yet)\((?:watch, )?\s*["']([a-z_0-9]+)["']""", text)
    }


def test_both_languages_fill_the_same_places():
    assert [key for key, (en, zh) in WORDS.items() if places(en) != places(zh) or not en or not zh] == []


def test_every_string_the_pages_ask_for_exists():
    assert len(asked()) > 120
    assert asked() - set(WORDS) == set()


def test_no_string_is_written_twice_or_left_over():
    own = [*SHARED, *WATCH, *DESK, *SOURCES]
    assert len(own) == len(set(own))
    assert set(own) & set(RUN_WORDS) == {"section_compare"}  # the rules page compares rules, not runs
    made = re.compile(
        r"(page|span|label|cause|mood|topic|company|source|severity|state|why|section|kind|measure|per|rule|sensitivity|language|act"
        r"|date|done|message|delivery|drift|train|run|report|health|answer|one|so_many|silenced|seen)_"
    )
    files = [*Path(ui.__file__).parent.glob("*.py"), Path(training_page.__file__)]
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    left = [key for key in set(own) - asked() if not made.match(key) and text.count(f'"{key}"') < 2]
    assert left == []


def test_every_noun_the_pages_show_has_words():
    nouns = {
        "mood": Label, "topic": TOPICS, "severity": Severity, "state": State, "why": Why, "kind": Kind, "rule": Kind,
        "measure": MEASURES, "sensitivity": SENSITIVITY, "source_state": Health, "message": MessageKind,
        "delivery": Delivery, "date": DateDoubt, "source_kind": SourceKind,
    }  # fmt: skip
    assert [f"{name}_{one}" for name, kind in nouns.items() for one in kind if f"{name}_{one}" not in WORDS] == []


def test_a_topic_added_by_a_setting_shows_its_name():
    assert translate("topic_supply_chain", "zh") == "supply chain"


def test_every_page_exists_and_is_named_in_both_languages():
    for language in ("en", "zh"):
        shown = ui.pages(language)
        assert [Path(file).stem for _, file, _ in shown] == [
            "overview",
            "feed",
            "alerts",
            "rules",
            "sources",
            "training",
        ]
        assert all(Path(file).is_file() for _, file, _ in shown)
    assert ui.about("en")[0] != ui.about("zh")[0]
