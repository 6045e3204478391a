"""Picking one of the offered questions by a short message; each right answer is evident."""

import pytest

from apps.chatbot.picking import chosen, turns_down

THREE = ["What does express cost?", "How long is standard?", "Do you ship abroad?"]


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ("1", 0), ("2.", 1), ("(3)", 2), ("No. 2", 1), ("#2", 1), ("option 3", 2), ("number two", 1),
        ("the second one", 1), ("Second please", 1), ("the first question", 0), ("I mean the third one", 2),
        ("yes, the first one", 0), ("the last one", 2), ("2nd", 1),
        ("第二个", 1), ("第1个", 0), ("选3", 2), ("二", 1), ("第三个问题", 2), ("最后一个", 2), ("我想问的是第一个", 0),
        ("就第二个吧", 1),
    ],
)  # fmt: skip
def test_a_number_or_a_place_picks_its_question(message, place):
    assert chosen(message, THREE) == THREE[place]


@pytest.mark.parametrize(
    "message",
    [
        "2 kettles please",
        "no one",
        "4",
        "yes",
        "is it the first time?",
        "one more question",
        "第二天能到吗",
        "二手的有吗",
        "",
        "the",
    ],
)
def test_any_other_message_picks_nothing(message):
    assert chosen(message, THREE) is None


def test_a_place_that_was_not_offered_picks_nothing():
    assert chosen("the third one", THREE[:2]) is None
    assert chosen("2", []) is None


@pytest.mark.parametrize("message", ["yes", "Yes please", "是的", "对"])
def test_yes_picks_the_only_question_there_is(message):
    assert chosen(message, THREE[:1]) == THREE[0]


@pytest.mark.parametrize(
    "message", ["none of these", "No", "neither", "No, none of those", "都不是", "以上都不对", "不是"]
)
def test_none_of_them_is_understood(message):
    assert turns_down(message)


@pytest.mark.parametrize("message", ["none of my cups arrived", "not the blue one?", "没有货吗", "no thanks"])
def test_a_question_with_the_same_words_turns_nothing_down(message):
    assert not turns_down(message)
