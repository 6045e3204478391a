"""The hit test: every side's own places from 1 without gaps, of how many, and the order of a turn."""

from datetime import UTC, datetime

import pytest

from apps.chatbot.hit_test import look
from apps.chatbot.knowledge import Knowledge
from apps.chatbot.library import KnowledgeLibrary
from apps.chatbot.records import ApprovedAnswer
from apps.chatbot.store import Store
from tests.chatbot.test_knowledge import KETTLE, Letters

NOW = datetime(2026, 6, 1, tzinfo=UTC)
TEA = [ApprovedAnswer(f"tea{n}", f"Can tea number {n} be returned?", f"Tea {n} can.") for n in range(12)]
OTHERS = [ApprovedAnswer(f"zh{n}", f"tea {n} 号茶可以退吗", "可以。", language="zh") for n in range(12)]
HOURS = ApprovedAnswer("hours", "When are you open?", "Ten to eight.")


@pytest.fixture
def knowledge(tmp_path):
    made = Knowledge(Store.open(f"sqlite:///{tmp_path / 'shop.db'}"), [Letters()], tmp_path / "home").load()
    for answer in (*OTHERS, *TEA, HOURS):
        made.put_answer(answer)
    made.ingest_text("Ember kettle", KETTLE)
    return made


def places(rows, side: str, kind: str = "answer") -> list[int]:
    return sorted(place for one in rows if one.kind == kind and (place := getattr(one, side)) is not None)


def test_each_sides_first_places_are_there_without_gaps_though_another_language_lies_between(knowledge):
    rows, found = look("can tea 3 be returned", "en", NOW, 4, knowledge, KnowledgeLibrary(knowledge))
    for side in ("lexical_rank", "vector_rank", "fused_rank"):
        assert places(rows, side)[:4] == [1, 2, 3, 4], side
    assert found["answer"].lexical == 12  # nothing shares a word with the hours, and Chinese ones are not counted
    assert found["answer"].fused == 13


def test_the_numbers_of_a_side_fall_in_the_order_of_its_places(knowledge):
    rows, _ = look("can tea 3 be returned", "en", NOW, 12, knowledge, KnowledgeLibrary(knowledge))
    for place, number in (("lexical_rank", "bm25"), ("vector_rank", "nearest"), ("fused_rank", "score")):
        known = sorted((one for one in rows if one.kind == "answer" and getattr(one, place)), key=lambda one: getattr(one, place))  # fmt: skip
        numbers = [getattr(one, number) for one in known]
        assert numbers == sorted(numbers, reverse=True), place


def test_what_meaning_alone_finds_has_no_place_by_words(knowledge):
    rows, found = look("tea", "en", NOW, 13, knowledge, KnowledgeLibrary(knowledge))
    (hours,) = (one for one in rows if one.id == "hours")
    assert (hours.lexical_rank, hours.bm25) == (None, None) and hours.vector_rank == 13
    assert found["answer"].lexical == 12 and found["passage"].lexical == 0


def test_the_order_of_both_is_that_of_a_turn(knowledge):
    library = KnowledgeLibrary(knowledge)
    rows, _ = look("can tea 3 be returned", "en", NOW, 5, knowledge, library)
    shown = sorted((one for one in rows if one.kind == "answer" and one.fused_rank <= 5), key=lambda one: one.fused_rank)  # fmt: skip
    turn = library.match_answers("can tea 3 be returned", "en", NOW, 5)
    assert [one.id for one in shown] == [one.evidence.id for one in turn]
