"""Words that speak for a topic: found as words, added to what a model says, enough for a topic no model knows."""

import numpy as np
import pytest

from apps.monitor.records import TOPICS
from apps.monitor.settings import load_settings
from apps.monitor.topic_words import ALONE, WEIGHT, WORDS, TopicWords, without
from core.errors import SettingsError

OURS = TopicWords()


def said(text: str) -> list[str]:
    return [topic for topic, there in zip(TOPICS, OURS.said(text, TOPICS), strict=True) if there]


@pytest.mark.parametrize(
    ("text", "topics"),
    [
        ("Alba misses a coupon", ["earnings", "credit"]),
        ("Alba's chief executive quits", ["management"]),
        ("阿尔巴债券违约", ["credit"]),
        ("監管機構立案調查", ["regulation"]),
        ("公司高管減持", ["management", "market"]),
        ("Ａｌｂａ　ＩＰＯ", ["market"]),
        ("A quiet day by the sea", []),
        ("今天天气很好", []),
    ],
)
def test_words_are_found_in_either_script_case_and_width(text, topics) -> None:
    assert said(text) == topics


def test_a_word_stands_alone_and_a_star_lets_letters_follow() -> None:
    words = TopicWords({"supply": ("wafer*", "bid_up", "缺货")})
    texts = ("Wafers", "a wafer", "bid up again", "门店缺货", "bid upward", "rabid up", "walnut-wafer")
    assert [words.said(text, ["supply"])[0] for text in texts] == [True, True, True, True, False, False, True]


def test_every_topic_that_ships_has_words_in_both_languages() -> None:
    assert set(WORDS) == set(TOPICS)
    for words in WORDS.values():
        latin = [word.isascii() for word in words.split()]
        assert 10 < sum(latin) < len(latin) - 10
        assert len(set(words.split())) == len(latin)


def test_a_word_adds_its_weight_to_the_log_odds_and_nothing_else_moves() -> None:
    before = np.array([[0.2, 0.5, 0.0], [0.2, 0.5, 1.0]])
    after = OURS.moved(before, ["Alba defaults", "a quiet day"], ["credit", "macro", "no such topic"])
    assert after[0, 0] == pytest.approx(1 / (1 + np.exp(-(np.log(0.2 / 0.8) + WEIGHT))))
    assert after[0, 1] == pytest.approx(0.5)
    assert after[1].tolist() == pytest.approx([0.2, 0.5, 1.0], abs=2e-4)
    assert OURS.moved(np.zeros((0, 3)), [], ["a", "b", "c"]).shape == (0, 3)


def test_a_companys_own_name_does_not_speak_for_a_topic() -> None:
    text = "Shorehill Credit opens an office"
    assert OURS.said(text, ["credit"]) == [True]
    assert OURS.said(without(text, [(0, 16), (-1, -1)]), ["credit"]) == [False]


def test_words_of_a_team_come_beside_ours_and_must_be_of_a_topic_there_is() -> None:
    own = load_settings(None, {"monitor.reading.topic_words": {"credit": ["gearing"]}}).monitor.reading
    words = TopicWords(own.topic_words)
    assert words.said("gearing", ["credit"]) == words.said("default", ["credit"]) == [True]
    assert 0.5 < ALONE < 1
    with pytest.raises(SettingsError, match="supply is no topic"):
        load_settings(None, {"monitor.reading.topic_words": {"supply": ["wafer*"]}})
