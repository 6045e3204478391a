"""The knowledge page: upload, review queue, answers, documents, files, hit test. Only the open section is drawn."""

from typing import TYPE_CHECKING

import streamlit as st

from apps.chatbot.records import Document, Status
from apps.chatbot.ui.answer_forms import answer_list, new_answer, review_list
from apps.chatbot.ui.hit_test import hit_test
from apps.chatbot.ui.shared import one_sentence, say, service
from apps.chatbot.ui.source_list import source_list
from apps.chatbot.ui.upload import upload
from apps.page_parts import choose, plain, said, say_later, shorten

if TYPE_CHECKING:
    from apps.chatbot.service import ChatbotService

LONG = 10_000


def draw() -> None:
    """Title, sections, the open one."""
    bot = service()
    said()
    st.title(say("page_knowledge"))
    waiting = len(bot.answers(status=Status.PENDING, limit=LONG))
    sections = {
        "upload": say("section_upload"),
        "review": f"{say('section_review')} ({waiting})" if waiting else say("section_review"),
        "answers": say("section_answers"),
        "documents": say("section_documents"),
        "sources": say("section_sources"),
        "hits": say("section_hits"),
    }
    chosen = choose("knowledge_section", sections, say("section"))
    if chosen == "upload":
        upload(bot)
    elif chosen == "review":
        review_list(bot)
    elif chosen == "answers":
        new_answer(bot)
        answer_list(bot)
    elif chosen == "documents":
        _documents(bot)
    elif chosen == "sources":
        source_list(bot)
    else:
        hit_test(bot)


def _documents(bot: "ChatbotService") -> None:
    documents = bot.documents()
    if not documents:
        st.info(say("documents_none"), icon=":material/folder_open:")
    for document in sorted(documents, key=lambda one: (one.language, one.title)):
        with st.expander(f"{plain(shorten(document.title, 80))}  ·  {document.language}", key=f"document-{document.id}",
                         on_change="rerun") as shown:  # fmt: skip
            if shown.open:
                _document(bot, document)


def _document(bot: "ChatbotService", document: Document) -> None:
    passages = bot.passages(document.id)
    st.caption(say("document_facts", source=plain(document.source), passages=len(passages),
                   audience=say(f"audience_{document.audience}"), validity=_validity(document)))  # fmt: skip
    with st.popover(say("delete"), icon=":material/delete:"):
        st.write(say("delete_sure"))
        if st.button(say("delete_yes"), key=f"delete-{document.id}", type="primary"):
            bot.delete_document(document.id)
            say_later(say("deleted"))
    for number, passage in enumerate(passages, start=1):
        with st.container(border=True):
            st.caption(f"{number} · {plain(passage.heading)} · {passage.start}–{passage.end}")
            st.markdown(plain(passage.text))


def _validity(document: Document) -> str:
    if document.valid_from is None and document.valid_until is None:
        return say("valid_always")
    return f"{document.valid_from or '…'} – {document.valid_until or '…'}"


if __name__ == "__main__":
    with one_sentence():
        draw()
