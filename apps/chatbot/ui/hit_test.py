"""The hit test: at which place words and meaning find something, both together, and what would be decided."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from apps.chatbot.records import EvidenceKind, Outcome
from apps.chatbot.ui.shared import decision_line, say
from apps.page_parts import plain, shorten

if TYPE_CHECKING:
    from apps.chatbot.hit_test import Counts, HitRow, HitTest
    from apps.chatbot.service import ChatbotService

RESULT = "hit_result"
KINDS = {
    EvidenceKind.ANSWER: ":material/quick_reference:",
    EvidenceKind.PASSAGE: ":material/description:",
}

SIDES = {"lexical": "bm25", "vector": "nearest", "fused": "score"}  # what each side orders by


def hit_test(bot: "ChatbotService") -> None:
    """Ask as a customer would; nothing is stored and nothing is generated."""
    st.caption(say("hits_line"))
    with st.form("hits", border=True):
        question = st.text_input(say("hits_question"), key="hits-question")
        k = st.slider(say("hits_k"), 3, 30, 8, key="hits-k")
        if st.form_submit_button(say("hits_go"), type="primary", icon=":material/search:") and question.strip():
            st.session_state[RESULT] = (bot.hit_test(question.strip(), k=k), k)
    found, k = st.session_state.get(RESULT, (None, k))
    if found is None:
        return
    decision_line(found.decision)
    if found.decision.outcome is Outcome.COMPOSE:
        st.caption(say("hits_compose"))
    times = " · ".join(f"{say(f'stage_{name}')} {ms:.0f} ms" for name, ms in found.ms.items())
    rewritten = found.standalone if found.standalone and found.standalone != found.question else ""
    st.caption(plain(f"{say('hits_asked')}: {rewritten or found.question}  ({times})"))
    for place, side in zip(st.columns(len(SIDES)), SIDES, strict=True):
        _side(place, found, side, k)
    st.subheader(say("hits_texts"))
    for kind in KINDS:
        for row in _first(found.rows, kind, "fused_rank", k):
            _text(row, found.found[kind])


def _side(place: Any, found: "HitTest", side: str, k: int) -> None:
    """One column: answers and passages are found in indexes of their own, so each kind has its own order."""
    with place.container(border=True):
        st.markdown(f"**{say(f'side_{side}')}**")
        st.caption(say(f"side_{side}_score"))
        for kind, icon in KINDS.items():
            rows, of = _first(found.rows, kind, f"{side}_rank", k), getattr(found.found[kind], side)
            told = say("hits_found", shown=len(rows), found=of) if rows else say("side_none")
            st.caption(f"{icon} {say(f'hits_{kind}')} · {told}")
            st.markdown("\n".join(_line(row, side) for row in rows))


def _line(row: "HitRow", side: str) -> str:
    shown = f"{plain(shorten(row.title, 46))}  :gray[{getattr(row, SIDES[side]):.2f}]"
    return f"{getattr(row, f'{side}_rank')}. {shown}"


def _text(row: "HitRow", counts: "Counts") -> None:
    """A text as a person reads it, with its place on either side."""
    with st.expander(f"{KINDS[EvidenceKind(row.kind)]} {row.fused_rank} · {plain(shorten(row.title, 80))}"):
        lexical, vector = _place(row.lexical_rank, counts.lexical), _place(row.vector_rank, counts.vector)
        st.caption(say("hits_places", lexical=lexical, vector=vector))
        st.markdown(plain(row.text))


def _place(rank: int | None, found: int) -> str:
    return say("hits_no_place") if rank is None else say("hits_place", rank=rank, found=found)


def _first(rows: "Sequence[HitRow]", kind: str, order: str, k: int) -> "list[HitRow]":
    """The first ``k`` of a kind by one of the orders."""
    found = [row for row in rows if row.kind == kind and (getattr(row, order) or k + 1) <= k]
    return sorted(found, key=lambda one: getattr(one, order))
