"""The knowledge page, clicked through."""

import threading
from dataclasses import replace
from datetime import date

import pytest

from apps.chatbot.records import IngestReport, Outcome, Reason, RowProblem, Status
from apps.chatbot.row_problems import EMPTY_CELL, NAMES
from apps.chatbot.ui.upload import JOB
from apps.page_parts import Job
from core.reasons import reason


def texts(page) -> str:
    return "\n".join(one.value for one in [*page.markdown, *page.caption, *page.info])


def press(page, label):
    return next(one for one in page.button if one.label == label).click().run()


def finish_upload(page):
    assert page.session_state[JOB].wait(30)
    return page.run()


def test_uploaded_files_are_ingested_and_every_bad_row_is_listed(open_page, bot):
    page = open_page("knowledge")
    page.file_uploader[0].upload("../faq.csv", b"question,answer\na,b\n", "text/csv")
    press(page, "Add to the knowledge")
    finish_upload(page)
    assert bot.ingested == ["faq.csv"]
    assert {one.label: one.value for one in page.metric} == {
        "Added": "2", "Updated": "1", "Unchanged": "0", "Merged into another": "0", "Rows not taken": "1"}  # fmt: skip
    assert page.dataframe[0].value.iloc[0].tolist() == ["faq.csv", "3", "the answer is empty"]


@pytest.mark.parametrize(("language", "where"), [("en", "whole file"), ("zh", "整个文件")])
def test_what_concerns_a_whole_file_stands_on_no_line(open_page, language, where):
    report = IngestReport(problems=(RowProblem("torn.pdf", 0, "It is no PDF."),), failed=("torn.pdf",))
    job = Job(lambda listen: report, "")
    assert job.wait(30)
    page = open_page("knowledge", language, **{JOB: job})
    assert page.dataframe[0].value.iloc[0].tolist() == ["torn.pdf", where, "It is no PDF."]
    assert page.metric[4].value == "0"  # a file, not a row


def test_why_a_row_was_not_taken_is_told_in_the_language_of_the_page(open_page):
    why = reason(EMPTY_CELL, name=reason(NAMES["answer"]))
    job = Job(lambda listen: IngestReport(problems=(RowProblem("faq.csv", 3, why),)), "")
    assert job.wait(30)
    for language, told in (("en", "The row has no answer."), ("zh", "这一行没有答案。")):
        page = open_page("knowledge", language, **{JOB: job})
        assert page.dataframe[0].value.iloc[0].tolist() == ["faq.csv", "3", told]


@pytest.mark.parametrize(
    ("language", "lines"), [("en", "2, 3, 4, 5, 6, … (8 in all)"), ("zh", "2、3、4、5、6……（共 8 行）")]
)
def test_rows_with_the_same_reason_are_one_row_and_merged_ones_are_listed_apart(open_page, language, lines):
    bad = tuple(RowProblem("faq.csv", line, "No answer.") for line in range(2, 10))
    report = IngestReport(1, problems=bad, merged=(RowProblem("faq.csv", 12, "The two are one."),))
    job = Job(lambda listen: report, "")
    assert job.wait(30)
    page = open_page("knowledge", language, **{JOB: job})
    assert [one.value for one in page.metric] == ["1", "0", "0", "1", "8"]
    assert page.dataframe[0].value.values.tolist() == [["faq.csv", lines, "No answer."]]
    assert page.dataframe[1].value.values.tolist() == [["faq.csv", "12", "The two are one."]]


@pytest.mark.parametrize(("language", "told"), [("en", "to be looked at: 1"), ("zh", "请留意：1")])
def test_rows_that_were_taken_but_contradict_others_are_named(open_page, language, told):
    job = Job(lambda listen: IngestReport(2, noted=(RowProblem("faq.csv", 7, "As line 3, otherwise."),)), "")
    assert job.wait(30)
    page = open_page("knowledge", language, **{JOB: job})
    assert told in page.warning[0].value
    assert page.dataframe[0].value.values.tolist() == [["faq.csv", "7", "As line 3, otherwise."]]


@pytest.mark.parametrize(("language", "told"), [("en", "Customers get this now"), ("zh", "顾客目前得到的答案")])
def test_the_review_queue_shows_what_customers_get_for_the_same_question(open_page, bot, language, told):
    assert not open_page("knowledge", language, knowledge_section="review").warning
    rival = replace(bot.answers_["a1"], id="rival", answer="Sixty days.", status=Status.PENDING)
    bot.answers_["rival"] = rival
    (warning,) = open_page("knowledge", language, knowledge_section="review").warning
    assert told in warning.value and "Thirty days" in warning.value


@pytest.mark.parametrize(
    ("language", "told"), [("en", "Thresholds for English were fitted on 40"), ("zh", "英文的阈值")]
)
def test_after_an_upload_the_page_says_when_thresholds_are_outgrown(open_page, bot, language, told):
    job = Job(lambda listen: IngestReport(50), "")
    assert job.wait(30)
    assert not open_page("knowledge", language, **{JOB: job}).warning
    bot.outgrown_ = {"en": (40, 90)}
    (warning,) = open_page("knowledge", language, **{JOB: job}).warning
    assert told in warning.value and "90" in warning.value


def test_what_was_chosen_for_an_upload_stays_chosen_after_it(open_page, bot, monkeypatch):
    go_on, taken = threading.Event(), []

    def slow(paths, kind, language, on_event):
        taken.append((kind, language))
        go_on.wait(30)
        return IngestReport(1)

    monkeypatch.setattr(bot, "ingest", slow)
    page = open_page("knowledge")
    page.selectbox(key="upload-language").set_value("zh")
    page.selectbox(key="upload-kind").set_value("faq")
    page.file_uploader[0].upload("../faq.csv", b"question,answer\na,b\n", "text/csv")
    press(page, "Add to the knowledge")
    page.run()
    assert not page.file_uploader  # the form is away meanwhile
    go_on.set()
    finish_upload(page)
    assert taken == [("faq", "zh")]
    assert (page.selectbox(key="upload-kind").value, page.selectbox(key="upload-language").value) == ("faq", "zh")


def test_a_language_left_open_is_still_shown_as_that_after_an_upload(open_page, bot):
    page = open_page("knowledge")
    page.file_uploader[0].upload("../faq.csv", b"question,answer\na,b\n", "text/csv")
    press(page, "Add to the knowledge")
    finish_upload(page)
    assert page.selectbox(key="upload-language").value == "auto"


def test_pasted_text_becomes_a_document(open_page, bot):
    page = open_page("knowledge")
    page.text_input(key="paste-title").set_value("House rules")
    page.text_area(key="paste-text").set_value("No shoes.")
    press(page, "Add")
    finish_upload(page)
    assert bot.ingested == ["House rules"] and not page.exception


def test_a_mined_answer_is_mended_and_approved(open_page, bot):
    page = open_page("knowledge", knowledge_section="review")
    page.text_area(key="review-a3-text").set_value("We do, in five days.")
    press(page, "Approve")
    assert (bot.answers_["a3"].status, bot.answers_["a3"].answer) == (Status.APPROVED, "We do, in five days.")
    assert "Nothing waits" in texts(page)


def test_a_mined_answer_is_rejected(open_page, bot):
    press(open_page("knowledge", knowledge_section="review"), "Reject")
    assert bot.answers_["a3"].status is Status.REJECTED


def test_an_approved_answer_is_edited_with_validity(open_page, bot):
    page = open_page("knowledge", knowledge_section="answers", **{"answer-a1": True})
    page.text_input(key="answer-search").set_value("return").run()
    page.date_input(key="edit-a1-until").set_value(date(2027, 1, 31))
    next(one for one in page.button if one.label == "Save" and "edit-a1" in str(one.form_id)).click().run()
    assert bot.answers_["a1"].valid_until == date(2027, 1, 31) and not page.exception


def test_an_answer_is_deleted_only_after_a_second_click(open_page, bot):
    page = open_page("knowledge", knowledge_section="answers", **{"answer-a1": True})
    assert "no longer give it" in texts(page) and "a1" in bot.answers_
    page.button(key="delete-a1").click().run()
    assert "a1" not in bot.answers_ and not page.exception


def test_a_validity_that_ends_before_it_begins_is_one_sentence(open_page, bot):
    page = open_page("knowledge", knowledge_section="answers", **{"answer-a1": True})
    page.date_input(key="edit-a1-from").set_value(date(2027, 2, 1))
    page.date_input(key="edit-a1-until").set_value(date(2027, 1, 31))
    next(one for one in page.button if one.label == "Save" and "edit-a1" in str(one.form_id)).click().run()
    assert len(page.error) == 1 and "valid" in page.error[0].value and not page.exception


def test_a_new_answer_needs_both_question_and_answer(open_page, bot):
    page = open_page("knowledge", knowledge_section="answers")
    page.text_input(key="new0-answer-question").set_value("Do you gift-wrap?")
    press(page, "Save")
    assert len(page.error) == 1 and len(bot.answers_) == 4
    page.text_area(key="new0-answer-text").set_value("Yes, for free.")
    press(page, "Save")
    assert [one.answer for one in bot.answers_.values()][-1] == "Yes, for free."


def test_documents_open_to_their_passages_and_can_be_deleted(open_page, bot):
    page = open_page("knowledge", knowledge_section="documents", **{"document-d1": True})
    assert "Never above MAX" in texts(page)
    page.button(key="delete-d1").click().run()
    assert bot.documents_ == {} and "No documents yet" in texts(page)


@pytest.mark.parametrize(
    ("language", "told"), [("en", "What goes: Answers: 3 · Touched by hand: 1"), ("zh", "将移除：标准问答: 3")]
)
def test_a_file_is_taken_out_after_the_page_said_what_goes(open_page, bot, language, told):
    page = open_page("knowledge", language, knowledge_section="sources", **{"source-forgetting-a_b.csv": True})
    assert page.dataframe[0].value.iloc[0].tolist() == ["a_b.csv", 3, 0, 1, 0, 0]
    assert told in texts(page) and len(bot.sources()) == 2
    page.checkbox(key="source-keep").check().run()
    assert told not in texts(page)  # the one that was changed by hand stays
    page.button(key="source-forget").click().run()
    assert [one.name for one in bot.sources()] == ["kettle.md"] and not page.exception
    assert not [one for one in page.button if one.key == "source-forget"]  # a second click takes nothing more


def test_where_no_file_was_taken_in_the_page_says_so(open_page, bot):
    bot.sources_ = []
    assert "No file has been taken in" in texts(open_page("knowledge", knowledge_section="sources"))


def test_the_hit_test_shows_both_sides_and_the_fused_order(open_page):
    page = open_page("knowledge", knowledge_section="hits")
    page.text_input(key="hits-question").set_value("kettle")
    press(page, "Test")
    shown = texts(page)
    assert shown.index("Words (BM25") < shown.index("Meaning (vectors") < shown.index("Both together")
    assert "1 of 31" in shown and "place 2 of 7" in shown and "by meaning: not found" in shown
    assert "from -1 to 1" in shown and "0 to 2.5" in shown  # what the numbers mean
    assert "87%" in shown and "search 3 ms" in shown and not page.exception


@pytest.mark.parametrize(("language", "told"), [("en", "may still decline"), ("zh", "仍可能放弃作答")])
def test_the_hit_test_says_that_the_generator_may_still_decline_what_would_be_composed(
    open_page, bot, monkeypatch, language, told
):
    page = open_page("knowledge", language, knowledge_section="hits")
    page.text_input(key="hits-question").set_value("kettle")
    go = {"en": "Test", "zh": "测试"}[language]
    assert told in texts(press(page, go))
    found = bot.hit_test("kettle")
    found.decision = replace(found.decision, outcome=Outcome.ANSWER, reason=Reason.APPROVED_MATCH)
    monkeypatch.setattr(bot, "hit_test", lambda question, k: found)
    assert told not in texts(press(page, go))


def test_a_refused_question_is_one_sentence(open_page):
    page = open_page("knowledge", "zh", knowledge_section="hits")
    page.text_input(key="hits-question").set_value("bad")
    press(page, "测试")
    assert "A question needs words" in page.error[0].value and not page.exception
