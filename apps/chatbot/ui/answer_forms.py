"""Approved answers as forms: the review queue, the list with search, editing with validity, a new answer."""

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import streamlit as st

from apps.chatbot.faq_files import asked
from apps.chatbot.records import ApprovedAnswer, Status
from apps.chatbot.ui.shared import one_sentence, say
from apps.page_parts import language, plain, say_later, shorten

if TYPE_CHECKING:
    from apps.chatbot.service import ChatbotService

PAGE = 10
LONG = 10_000


def review_list(bot: "ChatbotService") -> None:
    """Answers waiting for a person: change what is wrong, then approve or reject."""
    waiting = bot.answers(status=Status.PENDING, limit=LONG)
    if not waiting:
        st.info(say("review_none"), icon=":material/task_alt:")
        return
    st.caption(say("review_line", n=len(waiting)))
    given = {asked(one): one for one in bot.answers(status=Status.APPROVED, limit=LONG)}
    for answer in _one_page(waiting, "review-page"):
        with st.form(f"review-{answer.id}", border=True):
            changed = _fields(answer, "review")
            st.caption(f"{say(f'lang_{answer.language}')} · {plain(_origin(answer.source))}")
            if live := given.get(asked(answer)):
                st.warning(
                    say("review_given", answer=plain(shorten(live.answer, 300))), icon=":material/compare_arrows:"
                )
            with st.container(horizontal=True):
                approved = st.form_submit_button(say("approve"), type="primary", icon=":material/check:")
                rejected = st.form_submit_button(say("reject"), icon=":material/close:")
            with one_sentence():
                if approved:
                    _approve(bot, answer, changed())
                if rejected:
                    bot.reject(answer.id)
                    say_later(say("rejected"))


def _origin(source: str) -> str:
    """Where an answer came from, in the language of the page: mined ones name their dialogue."""
    kind, _, name = source.partition(" ")
    return f"{say('source_dialogues')}: {name}" if kind == "dialogues" and name else source


def _approve(bot: "ChatbotService", answer: ApprovedAnswer, changed: ApprovedAnswer) -> None:
    if changed != answer:
        changed = bot.save_answer(changed)
    bot.approve(changed.id)
    say_later(say("approved"))


def answer_list(bot: "ChatbotService") -> None:
    """All answers, searched and filtered; each opens into its form."""
    left, right = st.columns([3, 2])
    wanted = left.text_input(say("search"), key="answer-search", icon=":material/search:")
    options: list[Status | None] = [None, *Status]
    status = right.selectbox(say("status"), options, format_func=lambda one: say(f"status_{one}"), key="answer-status")
    found = bot.answers(status=status, search=wanted.strip() or None, limit=LONG)
    st.caption(say("answers_count", n=len(found)))
    for answer in _one_page(found, "answer-page"):
        mark = "" if answer.status is Status.APPROVED else f"  ·  {say(f'status_{answer.status}')}"
        label = f"{plain(shorten(answer.question, 90))}  ·  {answer.language}{mark}"
        with st.expander(label, key=f"answer-{answer.id}", on_change="rerun") as shown:
            if shown.open:
                _edit(bot, answer)


def _edit(bot: "ChatbotService", answer: ApprovedAnswer) -> None:
    with st.form(f"edit-{answer.id}", border=False):
        changed = _fields(answer, "edit")
        saved = st.form_submit_button(say("save"), type="primary", icon=":material/save:")
        with one_sentence():
            if saved:
                bot.save_answer(changed())
                say_later(say("saved"))
    with st.popover(say("delete"), icon=":material/delete:"):
        st.write(say("delete_answer_sure"))
        if st.button(say("delete_yes"), key=f"delete-{answer.id}", type="primary"):
            with one_sentence():
                bot.delete_answer(answer.id)
                say_later(say("deleted"))


def new_answer(bot: "ChatbotService") -> None:
    """A form for an answer that no file brought."""
    number = st.session_state.setdefault("new_number", 0)  # a saved form is followed by an empty one
    with st.expander(say("answer_new"), icon=":material/add:"), st.form("new-answer", border=False):
        changed = _fields(None, f"new{number}")
        saved = st.form_submit_button(say("save"), type="primary", icon=":material/save:")
        with one_sentence():
            if saved:
                bot.save_answer(changed())
                st.session_state["new_number"] = number + 1
                say_later(say("saved"))


def _fields(answer: ApprovedAnswer | None, prefix: str) -> Any:
    """Draw the fields; the returned function builds the answer as it now stands in them."""
    key = f"{prefix}-{answer.id if answer else 'answer'}"
    question = st.text_input(say("question"), answer.question if answer else "", key=f"{key}-question")
    text = st.text_area(say("answer"), answer.answer if answer else "", key=f"{key}-text", height=110)
    similar = st.text_area(
        say("similar"), "\n".join(answer.similar_questions) if answer else "", key=f"{key}-similar", height=80
    )
    columns = st.columns(3)
    category = columns[0].text_input(say("category"), (answer.category or "") if answer else "", key=f"{key}-category")
    since = columns[1].date_input(say("valid_from"), answer.valid_from if answer else None, key=f"{key}-from")
    until = columns[2].date_input(say("valid_until"), answer.valid_until if answer else None, key=f"{key}-until")

    def built() -> ApprovedAnswer:
        start = answer or ApprovedAnswer(
            uuid4().hex, question or " ", text or " ", language=language(), status=Status.APPROVED, source="page"
        )
        return replace(
            start,
            question=question.strip(),
            answer=text.strip(),
            similar_questions=tuple(line.strip() for line in similar.splitlines() if line.strip()),
            category=category.strip() or None,
            valid_from=_day(since),
            valid_until=_day(until),
        )

    return built


def _day(value: Any) -> date | None:
    return value if isinstance(value, date) else None


def _one_page(found: list[ApprovedAnswer], key: str) -> list[ApprovedAnswer]:
    pages = max(1, -(-len(found) // PAGE))
    number = 1 if pages == 1 else min(st.pagination(pages, key=key), pages)
    return found[(number - 1) * PAGE : number * PAGE]
