"""The hit test: what each retrieval side finds for a question, the fused order, and what would be decided."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from apps.chatbot.records import EvidenceKind, Outcome
from apps.chatbot.ui.shared import decision_line, say
from apps.page_parts import plain, shorten

if TYPE_CHECKING:
    from apps.chatbot.service import ChatbotService

RESULT = "hit_result"
KINDS = {
    EvidenceKind.ANSWER: ":material/quick_reference:",
    EvidenceKind.PASSAGE: ":material/description:",
}


def hit_test(bot: "ChatbotService") -> None:
    """Ask as a customer would; nothing is stored and nothing is generated."""
    st.caption(say("hits_line"))
    with st.form("hits", border=True):
        question = st.text_input(say("hits_question"), key="hits-question")
        k = st.slider(say("hits_k"), 3, 30, 8, key="hits-k")
        if st.form_submit_button(say("hits_go"), type="primary", icon=":material/search:") and question.strip():
            st.session_state[RESULT] = bot.hit_test(question.strip(), k=k)
    found = st.session_state.get(RESULT)
    if found is None:
        return
    decision_line(found.decision)
    if found.decision.outcome is Outcome.COMPOSE:
        st.caption(say("hits_compose"))
    times = " · ".join(f"{say(f'stage_{name}')} {ms:.0f} ms" for name, ms in found.ms.items())
    rewritten = found.standalone if found.standalone and found.standalone != found.question else ""
    st.caption(plain(f"{say('hits_asked')}: {rewritten or found.question}  ({times})"))
    lists = st.columns(3)
    _side(lists[0], say("side_lexical"), found.rows, "lexical_rank", "overlap")
    _side(lists[1], say("side_vector"), found.rows, "vector_rank", "cosine")
    _side(lists[2], say("side_fused"), found.rows, "fused_rank", "score")
    st.subheader(say("hits_texts"))
    for row in sorted(found.rows, key=lambda one: (one.kind, one.fused_rank)):
        with st.expander(f"{KINDS[row.kind]} {row.fused_rank} · {plain(shorten(row.title, 80))}"):
            st.markdown(plain(row.text))


def _side(place: Any, title: str, rows: Sequence[Any], order: str, score: str) -> None:
    """One column: answers and passages are found in indexes of their own, so each kind has its own order."""
    with place.container(border=True):
        st.markdown(f"**{title}**")
        for kind, icon in KINDS.items():
            found = [row for row in rows if row.kind == kind and getattr(row, order) is not None]
            st.caption(f"{icon} {say(f'hits_{kind}')}" if found else f"{icon} {say('side_none')}")
            for row in sorted(found, key=lambda one: getattr(one, order)):
                shown = f"{plain(shorten(row.title, 46))}  :gray[{getattr(row, score):.3f}]"
                st.markdown(f"{getattr(row, order)}. {shown}")
