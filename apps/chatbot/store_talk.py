"""Queries over conversations, messages, hand-overs, feedback and fitted thresholds; each act is one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, func, select, update
from sqlalchemy.orm import Session

from apps.chatbot.records import (
    Conversation,
    ConversationState,
    Feedback,
    Handover,
    Message,
    Rating,
    Reason,
    Role,
    as_json,
    decision_from_json,
    utc_now,
)
from apps.chatbot.store_tables import ConversationRow, FeedbackRow, HandoverRow, MessageRow, ThresholdRow
from core.errors import ConflictError, NotFoundError
from core.storage import Database


class TalkTables:
    """What was said, and what became of it, in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create_conversation(self, conversation_id: str, language: str, now: datetime) -> Conversation:
        """A new conversation that the bot has. ``ConflictError`` when the id is taken."""
        made = Conversation(conversation_id, language, ConversationState.BOT, now, now)
        with self._database.session() as session:
            session.add(ConversationRow(**(_plain(made) | {"state": made.state.value})))
        return made

    def conversation(self, conversation_id: str) -> Conversation:
        """``NotFoundError`` for an unknown id."""
        with self._database.reading() as session:
            return _conversation(_row(session, conversation_id))

    def conversations(self, limit: int = 50) -> list[Conversation]:
        """The latest, newest first."""
        query = select(ConversationRow).order_by(ConversationRow.updated_at.desc(), ConversationRow.id).limit(limit)
        with self._database.reading() as session:
            return [_conversation(row) for row in session.scalars(query)]

    def messages(self, conversation_id: str) -> list[Message]:
        """All messages of a conversation in order of arrival; none for an unknown one."""
        query = select(MessageRow).where(MessageRow.conversation_id == conversation_id).order_by(MessageRow.number)
        with self._database.reading() as session:
            return [_message(row) for row in session.scalars(query)]

    def messages_since(self, since: datetime) -> list[Message]:
        """Messages of all conversations from that moment on, in order of arrival."""
        query = select(MessageRow).where(MessageRow.created_at >= since).order_by(MessageRow.number)
        with self._database.reading() as session:
            return [_message(row) for row in session.scalars(query)]

    def add_message(self, message: Message, handover: Handover | None = None) -> None:
        """Keeps a message and, with it, the hand-over it announces: then a person has the word.

        A conversation has at most one open hand-over; a second one is dropped. ``NotFoundError`` for an unknown
        conversation, ``ConflictError`` when the message's id is taken.
        """
        with self._database.session() as session:
            conversation = _row(session, message.conversation_id)
            conversation.updated_at = max(conversation.updated_at, message.created_at)
            session.add(_message_row(message))
            if handover is not None and conversation.state != ConversationState.PERSON:
                conversation.state = ConversationState.PERSON.value
                session.add(HandoverRow(**(_plain(handover) | {"reason": handover.reason.value})))

    def handovers(self, open_only: bool = True) -> list[Handover]:
        """Oldest first."""
        query = select(HandoverRow).order_by(HandoverRow.created_at, HandoverRow.id)
        if open_only:
            query = query.where(HandoverRow.released_at.is_(None))
        with self._database.reading() as session:
            return [_handover(row) for row in session.scalars(query)]

    def release(self, conversation_id: str, note: Message | None = None) -> Conversation:
        """Gives the word back to the bot, closes the hand-over and keeps the note, all or nothing.

        ``ConflictError`` when no person has the conversation (any more).
        """
        now = note.created_at if note else utc_now()
        with self._database.session() as session:
            _row(session, conversation_id)
            own, person = ConversationRow.id == conversation_id, ConversationRow.state == ConversationState.PERSON.value
            change = update(ConversationRow).where(own, person)
            changed = session.execute(change.values(state=ConversationState.BOT.value, updated_at=now))
            if not isinstance(changed, CursorResult) or changed.rowcount != 1:
                raise ConflictError("The bot has this conversation already.")
            still_open = (HandoverRow.conversation_id == conversation_id, HandoverRow.released_at.is_(None))
            session.execute(update(HandoverRow).where(*still_open).values(released_at=now))
            if note is not None:
                session.add(_message_row(note))
        return self.conversation(conversation_id)

    def add_feedback(self, feedback: Feedback) -> None:
        """A thumb on a bot message; a second one replaces the first. ``NotFoundError`` for another message."""
        with self._database.session() as session:
            of_bot = (MessageRow.id == feedback.message_id, MessageRow.role == Role.ASSISTANT.value)
            if session.scalar(select(MessageRow.id).where(*of_bot)) is None:
                raise NotFoundError(f"There is no bot message '{feedback.message_id}' to rate.")
            values = _plain(feedback) | {"rating": feedback.rating.value}
            session.merge(FeedbackRow(**(values | {"created_at": feedback.created_at or utc_now()})))

    def feedback_since(self, since: datetime) -> list[Feedback]:
        """Thumbs from that moment on, in order of time."""
        query = select(FeedbackRow).where(FeedbackRow.created_at >= since).order_by(FeedbackRow.created_at)
        with self._database.reading() as session:
            return [Feedback(**_values(row, Feedback, rating=Rating(row.rating))) for row in session.scalars(query)]

    def save_thresholds(self, sets: Sequence[Mapping[str, Any]]) -> None:
        """Keeps fitted thresholds as they were handed over; each has ``language`` and ``kind``. Older ones stay."""
        with self._database.session() as session:
            session.add_all(ThresholdRow(language=one["language"], kind=one["kind"], content=dict(one)) for one in sets)

    def thresholds(self) -> list[dict[str, Any]]:
        """The newest of each language and kind."""
        newest = select(func.max(ThresholdRow.number)).group_by(ThresholdRow.language, ThresholdRow.kind)
        query = select(ThresholdRow).where(ThresholdRow.number.in_(newest)).order_by(ThresholdRow.number)
        with self._database.reading() as session:
            return [dict(row.content) for row in session.scalars(query)]


def _row(session: Session, conversation_id: str) -> ConversationRow:
    row = session.get(ConversationRow, conversation_id)
    if row is None:
        raise NotFoundError(f"There is no conversation '{conversation_id}'.")
    return row


def _plain(record: Any) -> dict[str, Any]:
    return {one.name: getattr(record, one.name) for one in fields(record)}


def _values(row: Any, cls: type, **changes: Any) -> dict[str, Any]:
    return {one.name: getattr(row, one.name) for one in fields(cls)} | changes


def _conversation(row: ConversationRow) -> Conversation:
    return Conversation(**_values(row, Conversation, state=ConversationState(row.state)))


def _handover(row: HandoverRow) -> Handover:
    return Handover(**_values(row, Handover, reason=Reason(row.reason)))


def _message(row: MessageRow) -> Message:
    decision = decision_from_json(row.decision) if row.decision else None
    return Message(**_values(row, Message, role=Role(row.role), decision=decision))


def _message_row(message: Message) -> MessageRow:
    decision = as_json(message.decision) if message.decision else None
    latency = dict(message.latency_ms)
    return MessageRow(**(_plain(message) | {"role": message.role.value, "decision": decision, "latency_ms": latency}))
