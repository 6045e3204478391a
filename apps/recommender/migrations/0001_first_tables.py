"""The first tables."""

import sqlalchemy as sa
from alembic import op

from core.storage import UtcDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes all tables of the first release."""
    op.create_table(
        "recommender_events",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("user_id", sa.String(length=200), nullable=False),
        sa.Column("item_id", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("happened_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("list_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_recommender_events")),
        sa.UniqueConstraint("id", name=op.f("uq_recommender_events_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("recommender_events", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_recommender_events_happened_at"), ["happened_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_recommender_events_item_id"), ["item_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_recommender_events_user_id"), ["user_id"], unique=False)

    op.create_table(
        "recommender_experiments",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("variants", sa.JSON(), nullable=False),
        sa.Column("started_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_recommender_experiments")),
    )
    with op.batch_alter_table("recommender_experiments", schema=None) as batch_op:
        batch_op.create_index("ix_recommender_experiments_started_at", ["started_at"], unique=False)

    op.create_table(
        "recommender_gone",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("id_hash", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_recommender_gone")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("recommender_gone", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_recommender_gone_version"), ["version"], unique=False)

    op.create_table(
        "recommender_items",
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("category", sa.String(length=200), nullable=False),
        sa.Column("brand", sa.String(length=200), nullable=False),
        sa.Column("price", sa.Double(), nullable=True),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("available", sa.Boolean(), nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recommender_items")),
    )
    with op.batch_alter_table("recommender_items", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_recommender_items_category"), ["category"], unique=False)
        batch_op.create_index(batch_op.f("ix_recommender_items_version"), ["version"], unique=False)

    op.create_table(
        "recommender_lists",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=200), nullable=False),
        sa.Column("served_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("items", sa.JSON(), nullable=False),
        sa.Column("arms", sa.JSON(), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("route", sa.String(length=40), nullable=False),
        sa.Column("took_ms", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recommender_lists")),
    )
    with op.batch_alter_table("recommender_lists", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_recommender_lists_served_at"), ["served_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_recommender_lists_user_id"), ["user_id"], unique=False)

    op.create_table(
        "recommender_changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recommender_changes")),
    )
