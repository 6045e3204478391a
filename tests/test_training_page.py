"""What all training pages share: its words, and how a version and a run's figures are written."""

import re
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

from apps import APPS, training_page
from apps.training_page import RUN_WORDS, TrainingPage
from core import runs


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_languages_have_every_word_with_the_same_places():
    assert [key for key, (en, zh) in RUN_WORDS.items() if places(en) != places(zh) or not en or not zh] == []


def test_every_state_of_a_run_has_words():
    assert [state for state in get_args(runs.State) if f"run_{state}" not in RUN_WORDS] == []


@pytest.mark.parametrize("leaf", APPS)
def test_every_leaf_knows_all_the_words_asked_for(leaf):
    from importlib import import_module

    words = import_module(f"apps.{leaf}.ui.words").WORDS
    source = Path(training_page.__file__).read_text(encoding="utf-8")
    asked = set(re.findall(r'say\("([a-z_]+)"', source))
    assert len(asked) > 15
    assert asked - set(words) <= ({"adapters_line"} if leaf == "recommender" else set())  # it has models instead


def test_a_page_lists_only_its_own_leafs_runs(tmp_path):
    made = {runs.create(tmp_path, app, "kind", {}).id: app for app in ("monitor", "chatbot", "monitor")}
    page = TrainingPage("monitor", tmp_path, lambda key, **values: key)
    assert {run.id for run in page.runs()} == {id for id, app in made.items() if app == "monitor"}
