"""How one message of a conversation is drawn: text, decision, sources in place, candidates, feedback.

Knows neither the flow of a conversation nor the store; ``Pick`` and ``Rate`` say what a click does.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal

import streamlit as st

from apps.chatbot import reply
from apps.chatbot.records import Decision, Evidence, Message, Outcome, Rating, Role
from apps.chatbot.ui.shared import decision_line, say
from apps.page_parts import moment, plain, shorten

Pick = Callable[[str], None]
Rate = Callable[[str, Rating, str | None, str | None], None]
AVATARS = {
    Role.CUSTOMER: ":material/person:",
    Role.ASSISTANT: ":material/psychiatry:",
    Role.AGENT: ":material/support_agent:",
}
REASONS = ("wrong", "incomplete", "off_topic", "outdated", "unclear")
_CITATION = re.compile(r"\\\[(\d{1,2})\\\]")


def bubble(role: Role) -> Any:
    """The place of one message, with its speaker's sign."""
    return st.chat_message("user" if role is Role.CUSTOMER else "assistant", avatar=AVATARS[role])


def draw_message(message: Message, rate: Rate, offered: bool = False) -> None:
    """A message with everything that belongs to it; candidates ``offered`` as buttons below are not listed twice."""
    with bubble(message.role):
        if message.role is Role.AGENT:
            st.caption(f"{say('role_agent')} · {moment(message.created_at)}")
        st.markdown(with_citations(_unlisted(message) if offered else message.text))
        if message.role is Role.ASSISTANT and message.decision is not None:
            decision_line(message.decision)
            draw_sources(message.decision, message.text)
            _feedback(message, rate)


def draw_partial(text: str, decision: Decision | None) -> None:
    """An answer still being written."""
    with bubble(Role.ASSISTANT):
        if decision is not None:
            decision_line(decision)
        st.markdown(with_citations(text) + " ▌" if text else f"*{plain(say('thinking'))}*")


def scroll_to_end(mark: str, near_only: bool = False) -> None:
    """Bring the newest words into sight, once per ``mark``; ``near_only`` leaves a reader who scrolled up alone.

    Streamlit follows a chat only when its input is drawn in the page itself, and ours shares the bar below with the
    buttons that must always be in sight.
    """
    near = "m.scrollHeight - m.scrollTop - m.clientHeight < 320" if near_only else "true"
    st.html(
        f"""<script data-mark="{mark}">setTimeout(() => {{
        const m = document.querySelector('[data-testid="stMain"]');
        if (m && {near}) m.scrollTo({{top: m.scrollHeight}});
        }}, 150)</script>""",
        unsafe_allow_javascript=True,
    )


def _unlisted(message: Message) -> str:
    """The text without the list of candidates at its end."""
    lines = reply.listed(message.decision.candidates) if message.decision else []
    return message.text.removesuffix("\n".join(["", *lines]))


def with_citations(text: str) -> str:
    """The text shown as it is, its citations ``[1]`` as small badges that match the sources below."""
    return _CITATION.sub(r":green-badge[\1]", plain(text))


def cited(decision: Decision, text: str) -> Sequence[Evidence]:
    """The evidence the text cites; of an approved answer that itself, too; all of it when a composed one cites none."""
    if not text:
        return []
    own = decision.evidence[:1] if decision.outcome is Outcome.ANSWER else ()
    numbers = {int(number) for number in re.findall(r"\[(\d{1,2})\]", text)}
    named = [one for one in decision.evidence if one in own or one.number in numbers]
    return named or (decision.evidence if decision.outcome is Outcome.COMPOSE else [])


def draw_sources(decision: Decision, text: str) -> None:
    """A numbered button for each source; it opens the passage as it was when it was used."""
    sources = cited(decision, text)
    if not sources:
        return
    with st.container(horizontal=True, gap="small"):
        for one in sources:
            with st.popover(f"{one.number} · {plain(shorten(one.title, 32))}", icon=":material/description:"):
                st.markdown(f"**{plain(one.title)}**")
                st.markdown(plain(one.text))
                st.caption(say("source_ranks", kind=say(f"kind_{one.kind}"), lexical=_rank(one.lexical_rank),
                               vector=_rank(one.vector_rank)))  # fmt: skip


def _rank(rank: int | None) -> str:
    return "–" if rank is None else str(rank)


def offers(decision: Decision) -> bool:
    """Whether the decision asks back with questions to choose from."""
    return decision.outcome is Outcome.CLARIFY and bool(decision.candidates)


def draw_candidates(decision: Decision, key: str, pick: Pick) -> None:
    """The questions to choose from, a click asks that one: those offered when asking back, which are numbered because
    typing the number asks, too; or what else may have been meant beside an answer that was not certain."""
    if decision.candidates and not offers(decision):
        st.caption(say("or_meant"))
    for number, one in enumerate(decision.candidates, start=1):
        label = plain(f"{number}. {one.question}" if offers(decision) else one.question)
        if st.button(label, key=f"{key}-{one.id}", icon=":material/subdirectory_arrow_right:"):
            pick(one.question)


def _feedback(message: Message, rate: Rate) -> None:
    key = f"thumb-{message.id}"
    thumb: Literal[0, 1] | None = st.feedback("thumbs", key=key, on_change=_thumbed, args=(message.id, key, rate))
    if thumb == 0 and not st.session_state.get(f"told-{message.id}"):
        _ask_why(message.id, rate)
    elif st.session_state.get(f"told-{message.id}"):
        st.caption(say("feedback_thanks"))


def _thumbed(message_id: str, key: str, rate: Rate) -> None:
    thumb = st.session_state[key]
    if thumb is not None:
        rate(message_id, Rating.UP if thumb == 1 else Rating.DOWN, None, None)


def _ask_why(message_id: str, rate: Rate) -> None:
    with st.form(f"why-{message_id}", border=True):
        reason = st.pills(
            say("feedback_why"), REASONS, format_func=lambda name: say(f"feedback_{name}"), key=f"reason-{message_id}"
        )
        comment = st.text_input(say("feedback_comment"), key=f"comment-{message_id}", max_chars=500)
        if st.form_submit_button(say("send")):
            rate(message_id, Rating.DOWN, reason, comment.strip() or None)
            st.session_state[f"told-{message_id}"] = True
            st.rerun()
