"""Two answers to one question: which customers get, what waits for a person, and what the report says."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from apps.chatbot.contradictions import settle
from apps.chatbot.faq_files import id_of
from apps.chatbot.knowledge import Knowledge
from apps.chatbot.records import ApprovedAnswer, Status
from apps.chatbot.store import Store
from core.reasons import in_language
from tests.chatbot.test_knowledge import Letters

TODAY = date(2026, 6, 1)


def row(answer: str, question: str = "When are you open?", file: str = "faq.csv", **more) -> ApprovedAnswer:
    return ApprovedAnswer(id_of(question, answer), question, answer, files=(file,), **more)


NINE, TEN = row("From nine to five."), row("From ten to eight, on Sundays too.")
OTHER = row("In Lantern Lane.", "Where are you?")


def test_of_two_rows_that_contradict_each_other_the_first_is_given_and_the_other_waits():
    settled = settle([NINE, OTHER, TEN], [3, 5, 7], [], TODAY)
    assert [one.status for one in settled.answers] == [Status.APPROVED, Status.APPROVED, Status.PENDING]
    (note,) = settled.noted
    assert (note.source, note.line) == ("faq.csv", 7)
    assert note.reason.startswith("Asks the same as line 3 and answers otherwise: that one is given, this one waits")
    assert in_language(note.reason, "zh").startswith("与第 3 行问题相同而答案不同")


def test_an_answer_that_another_file_brought_stays_and_the_new_one_waits():
    settled = settle([TEN], [2], [replace(NINE, files=("old.csv",))], TODAY)
    assert [one.status for one in settled.answers] == [Status.PENDING]
    assert "an answer of 'old.csv'" in settled.noted[0].reason


def test_a_file_brought_again_with_another_answer_changes_its_own():
    settled = settle([TEN], [2], [NINE], TODAY)
    assert settled.noted == ()
    assert [(one.id, one.answer, one.status) for one in settled.answers] == [(NINE.id, TEN.answer, Status.APPROVED)]
    again = settle([TEN], [2], settled.answers, TODAY)  # the row's own id was never stored
    assert again == settled


def test_what_a_person_changed_is_not_changed_back_by_the_file():
    mended = replace(NINE, answer="From nine to six.", by_hand=True)
    settled = settle([TEN], [2], [mended], TODAY)
    assert [one.status for one in settled.answers] == [Status.PENDING]
    assert "an answer written by hand" in settled.noted[0].reason


@pytest.mark.parametrize(("status", "notes"), [(Status.REJECTED, 0), (Status.PENDING, 1), (Status.APPROVED, 1)])
def test_a_decision_of_the_review_queue_outlives_the_next_ingest(status, notes):
    settled = settle([NINE, TEN], [2, 3], [NINE, replace(TEN, status=status)], TODAY)
    assert [one.status for one in settled.answers] == [Status.APPROVED, status]
    assert len(settled.noted) == notes
    assert status is not Status.APPROVED or "both are given" in settled.noted[0].reason


@pytest.mark.parametrize(
    "other",
    [
        replace(TEN, language="zh"),
        replace(TEN, question="When are you open in winter?"),
        replace(TEN, status=Status.PENDING),
        replace(TEN, answer="From nine to five", id="same"),  # says the same
        replace(TEN, valid_from=TODAY + timedelta(days=31)),  # after the other's last day
    ],
)
def test_no_contradiction_is_seen_where_there_is_none(other):
    first = replace(NINE, valid_until=TODAY + timedelta(days=30))
    settled = settle([first, other], [2, 3], [], TODAY)
    assert settled.answers == (first, other) and settled.noted == ()


def test_an_answer_whose_time_is_over_contradicts_nothing():
    over = replace(NINE, valid_until=TODAY - timedelta(days=1))
    assert settle([over, TEN], [2, 3], [], TODAY).noted == ()


def test_customers_get_the_first_and_the_report_names_rows_at_odds_and_rows_whose_time_is_over(tmp_path):
    store = Store.open(f"sqlite:///{tmp_path / 'shop.db'}")
    knowledge = Knowledge(store, [Letters()], tmp_path / "home").load()
    lines = [
        "question,answer,valid_until",
        "When are you open?,From nine to five.,",
        "Is there a spring sale?,Until Easter.,2024-04-01",
        "When are you open?,From ten to eight and on Sundays.,",
        "Is there a winter sale?,Until March.,2024-03-01",
    ]
    (tmp_path / "faq.csv").write_text("\n".join(lines), encoding="utf-8")
    report = knowledge.ingest([tmp_path / "faq.csv"])
    assert report.added == 4
    assert [one.line for one in report.noted] == [3, 4, 5]
    assert [one.reason for one in report.noted if one.line != 4] == [
        "Its last valid day is over: no customer gets it."
    ] * 2
    found = knowledge.find_answers("When are you open?", 5, datetime.now(UTC))
    assert [one.record.answer for one in found] == ["From nine to five."]
    (waiting,) = store.answers(Status.PENDING)
    assert waiting.answer == "From ten to eight and on Sundays."
    again = knowledge.ingest([tmp_path / "faq.csv"])
    assert (again.added, again.updated, again.unchanged) == (0, 0, 4)


def test_answers_that_differ_in_a_number_alone_are_not_merged(tmp_path):
    from apps.chatbot.faq_files import read_faq

    long = "Unopened goods can be sent back within {} days of delivery, with the receipt, in their own packing."
    (tmp_path / "faq.csv").write_text(f'question,answer\nReturns?,"{long.format(30)}"\nReturns?,"{long.format(60)}"\n')
    rows = read_faq(tmp_path / "faq.csv")
    assert len(rows) == 2 and rows.lines == (2, 3) and not rows.merged
