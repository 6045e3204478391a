"""The chatbot's tables. They share a database with other apps, so each name begins with ``chatbot_``.

A change here needs a new file in ``migrations``; ``core.migrations.draft`` writes its body, a test compares the two.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Date, ForeignKey, Index, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from core.storage import NAMING, UtcDateTime


class Base(DeclarativeBase):
    """All tables of this app."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: UtcDateTime, date: Date, dict[str, Any]: JSON, list[Any]: JSON, str: Text}  # noqa: RUF012


class AnswerRow(Base):
    """An approved, pending or rejected answer."""

    __tablename__ = "chatbot_answers"
    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    question: Mapped[str]
    answer: Mapped[str]
    similar_questions: Mapped[list[Any]]
    category: Mapped[str | None]
    intent: Mapped[str | None]
    language: Mapped[str] = mapped_column(String(16))
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]
    status: Mapped[str] = mapped_column(String(16))
    source: Mapped[str]
    created_at: Mapped[datetime]
    files: Mapped[list[Any]]
    by_hand: Mapped[bool]
    __table_args__ = (Index("ix_chatbot_answers_status", "status", "created_at"),)


class DocumentRow(Base):
    """A document, whole."""

    __tablename__ = "chatbot_documents"
    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    title: Mapped[str]
    text: Mapped[str]
    source: Mapped[str]
    language: Mapped[str] = mapped_column(String(16))
    audience: Mapped[str] = mapped_column(String(16))
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]
    created_at: Mapped[datetime]
    files: Mapped[list[Any]]


class PassageRow(Base):
    """A stretch of a document; language, audience and validity are the document's, kept here for search."""

    __tablename__ = "chatbot_passages"
    id: Mapped[str] = mapped_column(String(240), primary_key=True)
    document_id: Mapped[str] = mapped_column(ForeignKey("chatbot_documents.id", ondelete="CASCADE"), index=True)
    place: Mapped[int]
    title: Mapped[str]
    heading: Mapped[str]
    text: Mapped[str]
    start: Mapped[int] = mapped_column("starts_at")
    end: Mapped[int] = mapped_column("ends_at")
    language: Mapped[str] = mapped_column(String(16))
    audience: Mapped[str] = mapped_column(String(16))
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]


class DialogueRow(Base):
    """A past dialogue with the service team."""

    __tablename__ = "chatbot_dialogues"
    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    turns: Mapped[list[Any]]
    language: Mapped[str] = mapped_column(String(16))
    resolved: Mapped[bool | None]
    csat: Mapped[int | None]
    intent: Mapped[str | None]
    started_at: Mapped[datetime | None]
    channel: Mapped[str | None]
    files: Mapped[list[Any]]


class KnowledgeRow(Base):
    """One row: counts up with every change of answers or documents, so that other processes notice."""

    __tablename__ = "chatbot_knowledge"
    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int]


class ConversationRow(Base):
    """A customer's conversation."""

    __tablename__ = "chatbot_conversations"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    language: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime] = mapped_column(index=True)


class MessageRow(Base):
    """A message; ``number`` is the order of arrival, which clocks cannot tell."""

    __tablename__ = "chatbot_messages"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(64), unique=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("chatbot_conversations.id", ondelete="CASCADE"))
    role: Mapped[str] = mapped_column(String(16))
    text: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(index=True)
    language: Mapped[str | None] = mapped_column(String(16))
    decision: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    latency_ms: Mapped[dict[str, Any]]
    reply_to: Mapped[str | None] = mapped_column(String(64))
    __table_args__ = (Index("ix_chatbot_messages_conversation", "conversation_id", "number"),)


class HandoverRow(Base):
    """A hand-over to a person; open until released."""

    __tablename__ = "chatbot_handovers"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("chatbot_conversations.id", ondelete="CASCADE"), index=True)
    reason: Mapped[str] = mapped_column(String(32))
    summary: Mapped[str]
    transcript: Mapped[str]
    created_at: Mapped[datetime]
    released_at: Mapped[datetime | None]


class FeedbackRow(Base):
    """The thumb on a message, one per message."""

    __tablename__ = "chatbot_feedback"
    message_id: Mapped[str] = mapped_column(ForeignKey("chatbot_messages.id", ondelete="CASCADE"), primary_key=True)
    rating: Mapped[str] = mapped_column(String(8))
    reason: Mapped[str | None]
    comment: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(index=True)


class ThresholdRow(Base):
    """A fitted threshold with its calibrator and curve; older versions stay."""

    __tablename__ = "chatbot_thresholds"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    language: Mapped[str] = mapped_column(String(16))
    kind: Mapped[str] = mapped_column(String(16))
    content: Mapped[dict[str, Any]]
