"""Words that speak for a topic: found as words, added to what a model says, enough for a topic no model knows."""

import numpy as np
import pytest

from apps.monitor.records import TOPICS
from apps.monitor.settings import load_settings
from apps.monitor.topic_words import ALONE, PHRASES, WEIGHT, WORDS, TopicWords, without
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


def test_a_star_before_a_blank_ends_the_word() -> None:
    words = TopicWords({"supply": ("fail*_to_ship",)})
    texts = ("It fails to ship", "It fail to ship", "Failsto ship", "It fails ship")
    assert [words.said(text, ["supply"])[0] for text in texts] == [True, True, False, False]


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


@pytest.mark.parametrize(
    ("text", "topics"),
    [
        ("The issuer may not be able to meet all obligations when due", ["credit"]),
        ("Alba is unable to repay its bondholders", ["credit"]),
        ("阿尔巴银行无力偿还到期债券", ["credit"]),
        ("公司未能按期兑付", ["credit"]),
        ("Money laundering probe into Alba widens", ["regulation", "scandal"]),
        ("阿尔巴银行涉嫌洗钱", ["regulation", "scandal"]),
        ("Alba tops analysts' estimates", ["earnings"]),
        ("阿尔巴单季表现超预期", ["earnings"]),
        ("Exports beat expectations", []),
        ("出口增速超预期", []),
        ("Alba repays its bond. It is able to open a branch", []),
        ("新产品无法按期交付", []),
    ],
)
def test_a_phrase_that_leaves_no_doubt_tells_its_topic_whatever_the_head_says(text, topics) -> None:
    found = OURS.moved(np.full((1, len(TOPICS)), 0.01), [text], TOPICS)[0]
    assert [topic for topic, probability in zip(TOPICS, found, strict=True) if probability >= ALONE] == topics


def test_phrases_are_of_topics_that_ship_and_stand_once() -> None:
    for topic, phrases in PHRASES.items():
        assert topic in WORDS
        assert len(set(phrases.split())) == len(phrases.split())


def test_words_of_a_team_come_beside_ours_and_must_be_of_a_topic_there_is() -> None:
    own = load_settings(None, {"monitor.reading.topic_words": {"credit": ["gearing"]}}).monitor.reading
    words = TopicWords(own.topic_words)
    assert words.said("gearing", ["credit"]) == words.said("default", ["credit"]) == [True]
    assert 0.5 < ALONE < 1
    with pytest.raises(SettingsError, match="supply is no topic"):
        load_settings(None, {"monitor.reading.topic_words": {"supply": ["wafer*"]}})
