"""The first tables."""

import sqlalchemy as sa
from alembic import op

from core.storage import UtcDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes all tables of the first release."""
    op.create_table(
        "chatbot_answers",
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("similar_questions", sa.JSON(), nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("intent", sa.Text(), nullable=True),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chatbot_answers")),
    )
    with op.batch_alter_table("chatbot_answers", schema=None) as batch_op:
        batch_op.create_index("ix_chatbot_answers_status", ["status", "created_at"], unique=False)

    op.create_table(
        "chatbot_conversations",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chatbot_conversations")),
    )
    with op.batch_alter_table("chatbot_conversations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_chatbot_conversations_updated_at"), ["updated_at"], unique=False)

    op.create_table(
        "chatbot_dialogues",
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("turns", sa.JSON(), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("resolved", sa.Boolean(), nullable=True),
        sa.Column("csat", sa.Integer(), nullable=True),
        sa.Column("intent", sa.Text(), nullable=True),
        sa.Column("started_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chatbot_dialogues")),
    )
    op.create_table(
        "chatbot_documents",
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("audience", sa.String(length=16), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chatbot_documents")),
    )
    op.create_table(
        "chatbot_knowledge",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chatbot_knowledge")),
    )
    op.create_table(
        "chatbot_thresholds",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_chatbot_thresholds")),
    )
    op.create_table(
        "chatbot_handovers",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("conversation_id", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("transcript", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("released_at", UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["chatbot_conversations.id"],
            name=op.f("fk_chatbot_handovers_conversation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chatbot_handovers")),
    )
    with op.batch_alter_table("chatbot_handovers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_chatbot_handovers_conversation_id"), ["conversation_id"], unique=False)

    op.create_table(
        "chatbot_messages",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("conversation_id", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=True),
        sa.Column("decision", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("latency_ms", sa.JSON(), nullable=False),
        sa.Column("reply_to", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["chatbot_conversations.id"],
            name=op.f("fk_chatbot_messages_conversation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_chatbot_messages")),
        sa.UniqueConstraint("id", name=op.f("uq_chatbot_messages_id")),
    )
    with op.batch_alter_table("chatbot_messages", schema=None) as batch_op:
        batch_op.create_index("ix_chatbot_messages_conversation", ["conversation_id", "number"], unique=False)
        batch_op.create_index(batch_op.f("ix_chatbot_messages_created_at"), ["created_at"], unique=False)

    op.create_table(
        "chatbot_passages",
        sa.Column("id", sa.String(length=240), nullable=False),
        sa.Column("document_id", sa.String(length=200), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("heading", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.Integer(), nullable=False),
        sa.Column("ends_at", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("audience", sa.String(length=16), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["document_id"], ["chatbot_documents.id"], name=op.f("fk_chatbot_passages_document_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chatbot_passages")),
    )
    with op.batch_alter_table("chatbot_passages", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_chatbot_passages_document_id"), ["document_id"], unique=False)

    op.create_table(
        "chatbot_feedback",
        sa.Column("message_id", sa.String(length=64), nullable=False),
        sa.Column("rating", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["chatbot_messages.id"], name=op.f("fk_chatbot_feedback_message_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_chatbot_feedback")),
    )
    with op.batch_alter_table("chatbot_feedback", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_chatbot_feedback_created_at"), ["created_at"], unique=False)
