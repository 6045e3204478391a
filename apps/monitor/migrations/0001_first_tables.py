"""The first tables."""

import sqlalchemy as sa
from alembic import op

from core.storage import UtcDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes all tables of the first release."""
    op.create_table(
        "monitor_alerts",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("rule", sa.String(length=100), nullable=False),
        sa.Column("company", sa.String(length=200), nullable=False),
        sa.Column("topic", sa.String(length=100), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("changed_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_monitor_alerts")),
    )
    with op.batch_alter_table("monitor_alerts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_monitor_alerts_changed_at"), ["changed_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_monitor_alerts_state"), ["state"], unique=False)

    op.create_table(
        "monitor_corrections",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("item_id", sa.String(length=260), nullable=False),
        sa.Column("moment", UtcDateTime(timezone=True), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_monitor_corrections")),
    )
    with op.batch_alter_table("monitor_corrections", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_monitor_corrections_item_id"), ["item_id"], unique=False)

    op.create_table(
        "monitor_facts",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_monitor_facts")),
    )
    op.create_table(
        "monitor_items",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=260), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("tickers", sa.JSON(), nullable=False),
        sa.Column("reach", sa.BigInteger(), nullable=False),
        sa.Column("published_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("received_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("moment", UtcDateTime(timezone=True), nullable=False),
        sa.Column("content_hash", sa.String(length=32), nullable=False),
        sa.Column("story_id", sa.String(length=40), nullable=False),
        sa.Column("label", sa.String(length=8), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("abstained", sa.Boolean(), nullable=False),
        sa.Column("reading", sa.JSON(), nullable=False),
        sa.Column("mended", sa.JSON(none_as_null=True), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_monitor_items")),
        sa.UniqueConstraint("id", name=op.f("uq_monitor_items_id")),
    )
    with op.batch_alter_table("monitor_items", schema=None) as batch_op:
        batch_op.create_index("ix_monitor_items_confidence", ["confidence"], unique=False)
        batch_op.create_index("ix_monitor_items_hash", ["content_hash"], unique=False)
        batch_op.create_index("ix_monitor_items_moment", ["moment", "number"], unique=False)
        batch_op.create_index("ix_monitor_items_received", ["received_at", "number"], unique=False)
        batch_op.create_index("ix_monitor_items_source", ["source", "moment"], unique=False)
        batch_op.create_index("ix_monitor_items_story", ["story_id"], unique=False)

    op.create_table(
        "monitor_messages",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("together", sa.String(length=300), nullable=False),
        sa.Column("alerts", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("due_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("claimed_by", sa.String(length=64), nullable=False),
        sa.Column("claimed_until", UtcDateTime(timezone=True), nullable=True),
        sa.Column("sent_at", UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_monitor_messages")),
        sa.UniqueConstraint("id", name=op.f("uq_monitor_messages_id")),
    )
    with op.batch_alter_table("monitor_messages", schema=None) as batch_op:
        batch_op.create_index("ix_monitor_messages_due", ["status", "due_at"], unique=False)

    op.create_table(
        "monitor_rule_sets",
        sa.Column("version", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("toml", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_monitor_rule_sets")),
    )
    op.create_table(
        "monitor_series",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("company", sa.String(length=200), nullable=False),
        sa.Column("topic", sa.String(length=100), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_monitor_series")),
        sa.UniqueConstraint("company", "topic", "source", name=op.f("uq_monitor_series_company_topic_source")),
    )
    op.create_table(
        "monitor_silences",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("starts_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("ends_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_monitor_silences")),
    )
    with op.batch_alter_table("monitor_silences", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_monitor_silences_ends_at"), ["ends_at"], unique=False)

    op.create_table(
        "monitor_sources",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("source", sa.JSON(), nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_monitor_sources")),
    )
    op.create_table(
        "monitor_stories",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("first_seen", UtcDateTime(timezone=True), nullable=False),
        sa.Column("last_seen", UtcDateTime(timezone=True), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("reach", sa.BigInteger(), nullable=False),
        sa.Column("companies", sa.JSON(), nullable=False),
        sa.Column("sources", sa.JSON(), nullable=False),
        sa.Column("counted", sa.JSON(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_monitor_stories")),
        sa.UniqueConstraint("id", name=op.f("uq_monitor_stories_id")),
    )
    with op.batch_alter_table("monitor_stories", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_monitor_stories_last_seen"), ["last_seen"], unique=False)

    op.create_table(
        "monitor_transitions",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("alert_id", sa.String(length=32), nullable=False),
        sa.Column("moment", UtcDateTime(timezone=True), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_monitor_transitions")),
    )
    with op.batch_alter_table("monitor_transitions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_monitor_transitions_alert_id"), ["alert_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_monitor_transitions_moment"), ["moment"], unique=False)

    op.create_table(
        "monitor_windows",
        sa.Column("series", sa.Integer(), nullable=False),
        sa.Column("span", sa.SmallInteger(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("stories", sa.Integer(), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("reach", sa.BigInteger(), nullable=False),
        sa.Column("negative", sa.Integer(), nullable=False),
        sa.Column("neutral", sa.Integer(), nullable=False),
        sa.Column("positive", sa.Integer(), nullable=False),
        sa.Column("polarity_sum", sa.Double(), nullable=False),
        sa.Column("confidence_sum", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("series", "span", "starts_at", name=op.f("pk_monitor_windows")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("monitor_windows", schema=None) as batch_op:
        batch_op.create_index("ix_monitor_windows_time", ["span", "starts_at"], unique=False)

    op.create_table(
        "monitor_tags",
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.Column("item", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["item"], ["monitor_items.number"], name=op.f("fk_monitor_tags_item"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("kind", "value", "item", name=op.f("pk_monitor_tags")),
    )
    with op.batch_alter_table("monitor_tags", schema=None) as batch_op:
        batch_op.create_index("ix_monitor_tags_item", ["item"], unique=False)
