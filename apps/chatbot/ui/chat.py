"""The chat page: a thin door to the service; a worker answers, this page only looks at how far it is.

The conversation's id stands in the address (``?c=``), so that a reload shows the same conversation.
"""

import contextlib
from typing import TYPE_CHECKING

import streamlit as st

from apps.chatbot.records import ApprovedAnswer, Conversation, ConversationState, Message, Rating, Role, Status
from apps.chatbot.ui.messages import bubble, draw_candidates, draw_message, draw_partial, offers, scroll_to_end
from apps.chatbot.ui.shared import one_sentence, say, service
from apps.page_parts import language, plain, shorten
from core.errors import NotFoundError

if TYPE_CHECKING:
    from apps.chatbot.service import ChatbotService

LOOK_S = 0.3  # how often a growing answer is redrawn
PERSON_LOOK_S = 3.0  # how often the page looks for a person's reply
SUGGESTED = 3


def draw() -> None:
    """The page, top to bottom."""
    bot = service()
    conversation = _current(bot)
    pending = _pending(bot, conversation.id) if conversation else None
    messages = bot.messages(conversation.id) if conversation else []
    with st.container(key="chat"):
        if not messages and not pending:
            _opening(bot)
        _history(bot, conversation, messages)
        if conversation and pending:
            _growing(bot, pending, messages)
        elif conversation and conversation.state is ConversationState.PERSON:
            _with_person(bot, conversation.id, len(messages))
        if messages and not pending:
            scroll_to_end(messages[-1].id)
    with st.bottom:
        _bar(bot, conversation)
        _input(bot, conversation, busy=pending is not None)


def _current(bot: "ChatbotService") -> Conversation | None:
    known = st.query_params.get("c") or st.session_state.get("conversation")
    if not known:
        return None
    try:
        conversation = bot.conversation(known)
    except NotFoundError:
        _forget()
        return None
    _remember(conversation.id)
    return conversation


def _remember(conversation_id: str) -> None:
    st.session_state["conversation"] = conversation_id
    mine = st.session_state.setdefault("mine", [])
    if conversation_id not in mine:
        mine.insert(0, conversation_id)
    if st.query_params.get("c") != conversation_id:
        st.query_params["c"] = conversation_id


def _forget() -> None:
    for key in ("conversation", "pending", "asked"):
        st.session_state.pop(key, None)
    st.query_params.pop("c", None)


def _pending(bot: "ChatbotService", conversation_id: str) -> str | None:
    """The answer being written, if there is one; it too survives a reload. How a failed one failed is kept to show."""
    open_one = bot.pending_in(conversation_id)
    if open_one is not None:
        st.session_state["pending"] = open_one.id
        return open_one.id
    known = st.session_state.get("pending")
    _drop_pending()
    if known:
        with contextlib.suppress(NotFoundError):
            st.session_state["failed"] = bot.pending(known).error
    return None


def _drop_pending() -> None:
    st.session_state.pop("pending", None)
    st.session_state.pop("asked", None)


def _ask(bot: "ChatbotService", conversation: Conversation | None, text: str) -> None:
    conversation = conversation or bot.start_conversation(language=language())
    _remember(conversation.id)
    pending = bot.submit(conversation.id, text)
    st.session_state["asked"] = text
    st.session_state["pending"] = pending.id
    st.rerun()


def _opening(bot: "ChatbotService") -> None:
    """Greeting and a few questions the team has answered, of different subjects; a hint where nothing is known yet."""
    if not any(bot.status()["knowledge"].values()):
        st.info(say("nothing_known"), icon=":material/upload:")
    with bubble(Role.ASSISTANT):
        st.markdown(say("opener"))
        chosen: dict[str | None, str] = {}
        # the first ones that a team writes down are the common ones
        for answer in sorted(bot.answers(status=Status.APPROVED, limit=400), key=_written):
            if answer.language == language() and len(answer.question) <= 70:
                chosen.setdefault(answer.category, answer.question)
        for number, question in enumerate(list(chosen.values())[:SUGGESTED]):
            if st.button(plain(question), key=f"suggested-{number}", icon=":material/chat_bubble:"):
                _ask(bot, None, question)


def _written(answer: ApprovedAnswer) -> float:
    return answer.created_at.timestamp() if answer.created_at else 0.0


def _history(bot: "ChatbotService", conversation: Conversation | None, messages: list[Message]) -> None:
    def rate(message_id: str, rating: Rating, reason: str | None, comment: str | None) -> None:
        with one_sentence():
            bot.feedback(message_id, rating, reason, comment)

    last = messages[-1] if messages and "pending" not in st.session_state else None
    for message in messages:
        draw_message(message, rate, message is last and message.decision is not None and offers(message.decision))
    if last is not None and last.decision is not None:
        draw_candidates(last.decision, f"candidate-{last.id}", lambda question: _ask(bot, conversation, question))
    failed = st.session_state.pop("failed", None)
    if failed:
        st.error(plain(failed), icon=":material/error:")


def _growing(bot: "ChatbotService", pending: str, messages: list[Message]) -> None:
    """The question just asked, the answer so far and a stop button that raises a flag for the worker."""
    asked = st.session_state.get("asked")
    last_said = next((message.text for message in reversed(messages) if message.role is Role.CUSTOMER), None)
    if asked and (not messages or messages[-1].role is not Role.CUSTOMER or last_said != asked):
        with bubble(Role.CUSTOMER):
            st.markdown(plain(asked))

    def stop() -> None:
        bot.stop(pending)
        st.session_state["stopping"] = pending

    @st.fragment(run_every=LOOK_S)
    def grow() -> None:
        # parts of this container do not fade while a busy machine redraws them: stop can be had at any moment
        with one_sentence(), st.container(key="growing"):
            view = bot.pending(pending)
            if view.done:
                st.rerun()
            draw_partial(view.text, view.decision)
            scroll_to_end(f"{pending}-{len(view.text) // 80}", near_only=bool(view.text))
            stopping = st.session_state.get("stopping") == pending  # the worker ends with the step it is at
            label = say("stopping" if stopping else "stop")
            st.button(label, key="stop", icon=":material/stop_circle:", disabled=stopping, on_click=stop)

    grow()


def _with_person(bot: "ChatbotService", conversation_id: str, shown: int) -> None:
    st.info(say("with_person"), icon=":material/support_agent:")

    @st.fragment(run_every=PERSON_LOOK_S)
    def look() -> None:
        with one_sentence():
            released = bot.conversation(conversation_id).state is not ConversationState.PERSON
            if released or len(bot.messages(conversation_id)) != shown:
                st.rerun()

    look()


def _bar(bot: "ChatbotService", conversation: Conversation | None) -> None:
    """Always in sight above the input: a person, a new conversation, the visitor's earlier ones."""
    with st.container(horizontal=True, gap="small"):
        waiting = conversation is not None and conversation.state is ConversationState.PERSON
        if st.button(say("person"), key="person", icon=":material/support_agent:", disabled=waiting):
            conversation = conversation or bot.start_conversation(language=language())
            _remember(conversation.id)
            bot.request_person(conversation.id)
            st.rerun()
        if st.button(say("new"), key="new", icon=":material/add_comment:", disabled=conversation is None):
            _forget()
            st.rerun()
        others = [one for one in st.session_state.get("mine", []) if conversation is None or one != conversation.id]
        if others:
            with st.popover(say("earlier"), icon=":material/history:"):
                for one in others[:10]:
                    _earlier(bot, one)


def _earlier(bot: "ChatbotService", conversation_id: str) -> None:
    said = [message.text for message in bot.messages(conversation_id) if message.role is Role.CUSTOMER]
    if st.button(plain(shorten(said[0] if said else "…", 48)), key=f"earlier-{conversation_id}", type="tertiary"):
        _drop_pending()
        _remember(conversation_id)
        st.rerun()


def _input(bot: "ChatbotService", conversation: Conversation | None, busy: bool) -> None:
    closed = conversation is not None and conversation.state is ConversationState.CLOSED
    text = st.chat_input(say("busy" if busy else "ask"), key="ask", max_chars=2000, disabled=busy or closed)
    if text and text.strip():
        _ask(bot, conversation, text.strip())


if __name__ == "__main__":
    with one_sentence():
        draw()
