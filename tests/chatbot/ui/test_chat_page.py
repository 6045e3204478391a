"""The chat page, clicked through."""

from dataclasses import replace

from apps.chatbot.records import ConversationState, EvidenceKind, Rating, Reason, Role
from apps.chatbot.ui.messages import cited, with_citations
from tests.chatbot.ui.fake import RETURNS, SOURCE, WARRANTY


def shown(page) -> str:
    return "\n".join(one.value for one in [*page.markdown, *page.caption, *page.info, *page.error])


def click(page, key):
    return page.button(key=key).click().run()


def test_an_empty_chat_greets_and_suggests_questions_of_the_visitors_language(open_page):
    english, chinese = open_page("chat"), open_page("chat", "zh")
    assert [one.label for one in english.button if str(one.key).startswith("suggested")] == [
        r"How long can I return things?", "Is there a warranty?"]  # fmt: skip
    assert [one.label for one in chinese.button if str(one.key).startswith("suggested")] == ["退货期限是多久？"]
    assert not english.exception and not chinese.exception


def test_where_nothing_is_known_yet_the_chat_says_what_to_do(open_page, bot):
    assert "Nothing is known yet" not in shown(open_page("chat"))
    bot.answers_, bot.documents_ = {}, {}
    assert "Nothing is known yet" in shown(open_page("chat")) and "知识库还是空的" in shown(open_page("chat", "zh"))


def test_a_question_is_answered_with_its_decision_and_its_source(open_page, bot):
    page = open_page("chat")
    page.chat_input(key="ask").set_value("how full may the kettle be").run()
    assert ":green-badge[1]" in shown(page) and "87%" in shown(page) and "Never above MAX" in shown(page)
    assert not page.exception
    assert page.query_params["c"] == ["c0"] or page.query_params["c"] == "c0"


def test_a_suggested_question_is_asked_by_a_click(open_page, bot):
    page = click(open_page("chat"), "suggested-0")
    assert bot.said["c0"][0].text == "How long can I return things?"
    assert not page.exception


def test_the_conversation_survives_a_reload_by_its_address(open_page, bot):
    page = open_page("chat")
    page.chat_input(key="ask").set_value("how full may the kettle be").run()
    again = type(page).from_file(page._script_path, default_timeout=60)
    again.query_params["c"] = "c0"
    again.run()
    assert "how full may the kettle be" in shown(again)


def test_an_unknown_conversation_in_the_address_starts_afresh(open_page):
    page = open_page("chat", conversation="gone")
    assert not page.exception and not page.error
    assert "conversation" not in page.session_state


def test_a_growing_answer_survives_clicks_and_can_be_stopped(open_page, bot):
    bot.hold = True
    page = open_page("chat")
    page.chat_input(key="ask").set_value("how full may the kettle be").run()
    assert "Never abo ▌" in shown(page) and page.chat_input(key="ask").disabled
    page.run()
    assert "Never abo ▌" in shown(page)
    click(page, "stop")
    assert bot.stopped and "▌" not in shown(page.run())
    assert not page.chat_input(key="ask").disabled


def test_a_stop_is_seen_to_be_taken_while_the_worker_ends_its_step(open_page, bot, monkeypatch):
    bot.hold = True
    monkeypatch.setattr(bot, "stop", bot.stopped.append)
    page = open_page("chat", "zh")
    page.chat_input(key="ask").set_value("how full may the kettle be").run()
    click(page, "stop")
    assert len(bot.stopped) == 1 and not page.exception and not page.error
    assert (page.button(key="stop").label, page.button(key="stop").disabled) == ("正在停止……", True)


def test_an_answer_stopped_before_its_first_word_shows_no_sources(open_page, bot, monkeypatch):
    stopped = replace(bot._decide("kettle")[0], reason=Reason.CANCELLED)
    monkeypatch.setattr(bot, "_decide", lambda text: (stopped, ""))
    page = open_page("chat")
    page.chat_input(key="ask").set_value("how full may the kettle be").run()
    assert "stopped" in shown(page) and "MAX" not in shown(page) and not page.exception


def test_candidates_are_buttons_that_ask(open_page, bot):
    page = open_page("chat")
    page.chat_input(key="ask").set_value("hm").run()
    offered = next(one for one in page.button if str(one.key).endswith("-a2"))
    assert offered.label == r"2\. Is there a warranty?"  # its number may be typed instead
    offered.click().run()
    assert bot.said["c0"][-2].text == "Is there a warranty?"


def test_what_is_quoted_while_asking_back_stays_above_the_buttons_with_its_source(open_page, bot, monkeypatch):
    quoted = replace(bot._decide("hm")[0], evidence=(SOURCE,))
    found = "This may be it:\nNever above MAX. [1]\nIf not, which?"
    listed = f"{found}\n1. {RETURNS.question}\n2. {WARRANTY.question}"
    monkeypatch.setattr(bot, "_decide", lambda text: (quoted, listed))
    page = open_page("chat")
    page.chat_input(key="ask").set_value("hm").run()
    last = page.chat_message[-1].markdown[0].value
    assert "Never above MAX" in last and "If not, which?" in last and "warranty" not in last
    assert any(str(one.key).endswith("-a2") for one in page.button)


def test_an_approved_answer_keeps_its_own_source_beside_what_the_documents_say(open_page, bot, monkeypatch):
    own = replace(SOURCE, id="a2", kind=EvidenceKind.ANSWER, title=WARRANTY.question)
    decision = replace(bot._decide("is it guaranteed")[0], evidence=(own, replace(SOURCE, number=2)))
    monkeypatch.setattr(bot, "_decide", lambda text: (decision, "For two years.\n\nBesides: never above MAX. [2]"))
    page = open_page("chat")
    page.chat_input(key="ask").set_value("is it guaranteed").run()
    assert cited(decision, "For two years. [2]") == [own, replace(SOURCE, number=2)]
    assert "Besides" in shown(page) and not page.exception


def test_beside_an_uncertain_answer_stands_what_else_may_have_been_meant(open_page, bot):
    page = open_page("chat")
    page.chat_input(key="ask").set_value("is it guaranteed").run()
    assert "Not what you meant?" in shown(page)
    other = next(one for one in page.button if str(one.key).endswith("-a1"))
    assert not other.label.startswith("1")  # a number typed would be no choice here
    other.click().run()
    assert bot.said["c0"][-2].text == other.label.replace("\\", "")


def test_a_thumb_down_asks_why_and_both_are_kept(open_page, bot):
    page = open_page("chat")
    page.chat_input(key="ask").set_value("how full may the kettle be").run()
    message = bot.said["c0"][-1]
    page.feedback(key=f"thumb-{message.id}").set_value(0).run()
    page.pills(key=f"reason-{message.id}").set_value("wrong")
    page.text_input(key=f"comment-{message.id}").set_value("it is MIN")
    next(one for one in page.button if one.label == "Send").click().run()
    assert bot.given == [(message.id, Rating.DOWN, None, None), (message.id, Rating.DOWN, "wrong", "it is MIN")]
    assert "Thank you" in shown(page)


def test_a_person_can_always_be_called_and_their_words_appear(open_page, bot):
    page = click(open_page("chat"), "person")
    assert bot.talks["c0"].state is ConversationState.PERSON and "silent" in shown(page)
    bot.add("c0", Role.AGENT, "Anna here.")
    page.run()
    assert "Anna here" in shown(page) and not page.exception


def test_a_new_conversation_leaves_the_old_one_within_reach(open_page, bot):
    page = open_page("chat")
    page.chat_input(key="ask").set_value("how full may the kettle be").run()
    click(page, "new")
    assert "how full may" not in "".join(one.value for one in page.markdown)
    click(page, "earlier-c0")
    assert "how full may" in shown(page)


def test_a_failure_is_one_sentence_without_paths(open_page, bot):
    page = open_page("chat")
    page.chat_input(key="ask").set_value("boom").run()
    assert [one.value for one in page.error] == ["Something went wrong here; the log says what."]
    assert not page.exception and "secret" not in shown(page)


def test_text_from_outside_is_shown_as_it_is():
    text = with_citations("![x](http://evil/a.png) costs $5 and $6 [1]\n<b>")
    assert text.endswith("\\<b\\>") and "![" not in text and ":green-badge[1]" in text and r"\$5" in text
