import copy
import doctest
import json
import pickle
from dataclasses import dataclass
from importlib import import_module
from string import Formatter

import pytest

from core import reasons
from core.errors import DataError
from core.reasons import Alike, Reason, alike, in_language, joined, known, reason, reason_of

WORDS = ("{name} is wrong.", "{name} 有误。")


@dataclass(frozen=True)
class Row:
    source: str
    line: int
    reason: str = reason(WORDS, name="price")


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(reasons).failed == 0


def test_a_reason_is_its_english_sentence_and_knows_the_chinese_one():
    told = reason(WORDS, name=reason(("price", "价格")))
    assert told == "price is wrong." and json.dumps([told]) == '["price is wrong."]'
    assert (in_language(told, "en"), in_language(told, "zh")) == ("price is wrong.", "价格 有误。")
    assert in_language("Nobody has worded this.", "zh") == "Nobody has worded this."


def test_an_error_keeps_both_wordings_and_shows_the_english_one():
    error = DataError(reason(WORDS, name="price"))
    assert str(error) == "price is wrong." and in_language(reason_of(error), "zh") == "price 有误。"
    assert reason_of(DataError("plain")) == "plain" and reason_of(ValueError()) == ""


def test_a_copied_reason_is_the_same_in_both_languages():
    told = Reason("one", "一")
    for other in (copy.deepcopy(told), pickle.loads(pickle.dumps(told))):
        assert (other, other.chinese) == ("one", "一")


def test_sentences_are_joined_in_each_language():
    both = joined([Reason("One.", "一。"), "Two."])
    assert (both, both.chinese) == ("One. Two.", "一。Two.")


def test_the_nearest_known_name_is_told_in_each_language():
    told = known("clik", ["view", "click"])
    assert told == "the nearest known is 'click' (known here: click, view)"
    assert told.chinese == "最接近的是“click”（已知：click、view）"
    assert known("zzz", ["view"]).chinese == "已知：view"


@pytest.mark.parametrize("leaf", ["chatbot", "monitor", "recommender"])
def test_every_reason_of_a_leaf_fills_the_same_places_in_both_languages(leaf):
    words = {name: value for name, value in vars(import_module(f"apps.{leaf}.row_problems")).items() if name.isupper()}
    pairs = [pair for value in words.values() for pair in (value.values() if isinstance(value, dict) else [value])]
    assert len(pairs) > 15
    assert [pair for pair in pairs if places(pair[0]) != places(pair[1])] == []


def places(text):
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_what_is_not_taken_for_the_same_reason_in_the_same_file_is_told_once_with_its_lines():
    rows = [Row("a.csv", 2), Row("b.csv", 2), Row("a.csv", 5), Row("a.csv", 6, "Another reason.")]
    told = alike(rows)
    assert told == [
        Alike("a.csv", "price is wrong.", (2, 5)),
        Alike("b.csv", "price is wrong.", (2,)),
        Alike("a.csv", "Another reason.", (6,)),
    ]
    assert in_language(told[0].reason, "zh") == "price 有误。"
