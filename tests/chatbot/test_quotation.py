"""What is quoted to a customer: the nearest sentences, tables row by row, nothing of Markdown's own marks."""

import pytest

from apps.chatbot.quotation import quotation, readable
from apps.chatbot.records import Evidence, EvidenceKind

COOKER = """## Water and time

| Programme | Rice | Time |
| --- | --- | --- |
| White | 2–6 cups | 38 minutes |
| Steam | — | 15 minutes |

Let it **rest** for 8 minutes."""


def passage(text, kind=EvidenceKind.PASSAGE):
    return [Evidence("p1", kind, 1, "Rice cooker", text, 0.9)]


def test_a_row_of_a_table_says_what_its_cells_are_and_empty_ones_say_nothing():
    assert readable(COOKER).split("\n") == [
        "Water and time",
        "",
        "White: Rice 2–6 cups, Time 38 minutes.",
        "Steam: Time 15 minutes.",
        "",
        "Let it rest for 8 minutes.",
    ]


def test_the_points_of_a_list_follow_each_other_without_their_dashes():
    assert readable("- Parts: 6 months.\n* After 3 repairs we exchange it.") == (
        "Parts: 6 months.\nAfter 3 repairs we exchange it."
    )


def test_a_chinese_table_is_told_with_chinese_marks():
    table = "| 程序 | 水量 | 时间 |\n|---|---|---|\n| 白米 | 对齐刻度 | 38 分钟 |"
    assert readable(table) == "白米：水量 对齐刻度，时间 38 分钟。"


def test_a_bar_written_with_a_backslash_is_a_cell_s_own():
    assert readable("| Mode | Key |\n|---|---|\n| Either \\| or | F2 |") == "Either | or: Key F2."


@pytest.mark.parametrize("text", ["a | b is no table", "2 * 3 = 6", "snake_case stays", "first line\nsecond line"])
def test_what_is_no_markdown_is_left_as_it_is(text):
    assert readable(text) == text


def test_a_table_that_begins_after_another_has_its_own_names():
    two = "| A | B |\n|---|---|\n| 1 | 2 |\nbetween\n| C | D |\n|---|---|\n| 3 | 4 |"
    assert readable(two) == "1: B 2.\nbetween\n3: D 4."


def test_the_row_that_holds_the_words_asked_for_is_quoted_with_the_number_of_its_source():
    text, number = quotation("How many minutes for steam?", passage(COOKER))
    assert "Steam: Time 15 minutes." in text and "|" not in text and number == 1


def test_of_a_long_passage_only_the_nearest_sentences_are_quoted():
    padding = " ".join(f"The colour number {place} is sold in every one of our shops all year." for place in range(40))
    text, _ = quotation("How long is the cord?", passage(f"{padding} The cord is 80 cm long. {padding}"))
    assert "The cord is 80 cm long." in text and len(text) < 900


def test_an_approved_answer_is_quoted_whole_and_without_evidence_nothing_is():
    assert quotation("What?", passage("Two years. **Always.**", EvidenceKind.ANSWER)) == ("Two years. **Always.**", 1)
    assert quotation("What?", []) is None
