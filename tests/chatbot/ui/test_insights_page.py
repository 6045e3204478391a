"""The insights page, clicked through."""

from datetime import date

import pytest

from apps import page_parts
from apps.chatbot.records import ConversationState, Outcome, Role
from apps.chatbot.ui import charts


def texts(page) -> str:
    return "\n".join(one.value for one in [*page.markdown, *page.caption, *page.info, *page.expander])


def press(page, label):
    return next(one for one in page.button if one.label == label).click().run()


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("section", ["overview", "unanswered", "handovers", "thresholds"])
def test_every_section_is_drawn_in_both_languages(open_page, section, language):
    page = open_page("insights", language, insights_section=section)
    assert not page.exception and not page.error


def test_the_overview_shows_the_figures(open_page):
    page = open_page("insights")
    assert {one.label: one.value for one in page.metric} == {
        "Conversations": "12", "Messages": "40", "Answered by the bot": "75%", "Thumbs up": "75%"}  # fmt: skip


def test_an_unanswered_question_becomes_an_answer_with_its_wordings(open_page, bot):
    page = open_page("insights", insights_section="unanswered")
    page.text_area(key="cluster-answer-0").set_value("No shells, sorry.")
    press(page, "Add to the knowledge")
    added = bot.answers_["new"]
    assert (added.answer, added.similar_questions) == ("No shells, sorry.", ("pay with cowries", "do you take shells"))


def test_a_person_replies_and_gives_the_conversation_back(open_page, bot):
    talk = bot.start_conversation()
    bot.request_person(talk.id)
    page = open_page("insights", insights_section="handovers")
    page.text_area(key=f"reply-text-h-{talk.id}").set_value("Anna here.")
    press(page, "Send")
    assert (bot.said[talk.id][-1].role, bot.said[talk.id][-1].text) == (Role.AGENT, "Anna here.")
    press(page, "Give back to the bot")
    assert bot.talks[talk.id].state is ConversationState.BOT and "Nobody waits" in texts(page)


@pytest.mark.parametrize(
    ("language", "told"), [("en", "Wants a person."), ("zh", "顾客共发来 1 条消息。最后：“tea?”。")]
)
def test_what_a_customer_wanted_is_told_in_the_language_of_the_page(open_page, bot, language, told):
    talk = bot.start_conversation()
    bot.add(talk.id, Role.CUSTOMER, "tea?")
    bot.request_person(talk.id)
    page = open_page("insights", language, insights_section="handovers")
    assert told in [one.value.replace("\\", "") for one in page.markdown]


def test_the_thresholds_are_shown_with_what_they_were_fitted_on(open_page):
    row = open_page("insights", insights_section="thresholds").dataframe[0].value.iloc[0]
    assert row["Threshold"] == 0.5 and row["Questions"] == 150 and row["Error rate"] == "10%"


@pytest.mark.parametrize(("language", "told"), [("en", "fitted by an earlier version"), ("zh", "由早期版本拟合")])
def test_thresholds_of_an_earlier_version_are_told_to_be_fitted_anew(open_page, bot, monkeypatch, language, told):
    assert not open_page("insights", language, insights_section="thresholds").warning
    bot.outdated_ = ["en"]
    monkeypatch.setattr(bot, "thresholds", list)
    (warning,) = open_page("insights", language, insights_section="thresholds").warning
    assert told in warning.value and "trifolium chatbot fit" in warning.value


@pytest.mark.parametrize(("language", "written"), [("en", "%-d %b"), ("zh", "%-m月%-d日")])
def test_days_are_written_so_that_nobody_takes_them_for_others(monkeypatch, language, written):
    monkeypatch.setattr(page_parts, "language", lambda: language)
    names = {kind: str(kind) for kind in Outcome}
    dates = page_parts.date_forms()
    encoding = charts.volume([(date(2026, 11, 1), "answer", 3)], names, "Day", "answers", dates).to_dict()["encoding"]
    assert encoding["x"]["axis"]["format"] == encoding["tooltip"][0]["format"] == written
