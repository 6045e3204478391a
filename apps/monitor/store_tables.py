"""The monitor's tables. They share a database with other apps, so each name begins with ``monitor_``.

A change here needs a new file in ``migrations``; ``core.migrations.draft`` writes its body, a test compares the two.
Windows are the bulk: their key is the row, moments are seconds since 1970.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, LargeBinary, MetaData, SmallInteger, String, Text
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from core.storage import NAMING, UtcDateTime


class Base(DeclarativeBase):
    """All tables of this app."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[Any]: JSON,
        str: Text,
        bytes: LargeBinary,
    }


class ItemRow(Base):
    """An item with its reading; ``number`` is the order of arrival, ``mended`` the reading as people corrected it."""

    __tablename__ = "monitor_items"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(260), unique=True)
    source: Mapped[str] = mapped_column(String(200))
    title: Mapped[str]
    text: Mapped[str]
    url: Mapped[str]
    author: Mapped[str]
    language: Mapped[str] = mapped_column(String(8))
    tickers: Mapped[list[Any]]
    reach: Mapped[int] = mapped_column(BigInteger)
    published_at: Mapped[datetime | None]
    received_at: Mapped[datetime]
    moment: Mapped[datetime]
    content_hash: Mapped[str] = mapped_column(String(32))
    story_id: Mapped[str] = mapped_column(String(40))
    label: Mapped[str] = mapped_column(String(8))
    confidence: Mapped[float]
    abstained: Mapped[bool]
    reading: Mapped[dict[str, Any]]
    mended: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    __table_args__ = (
        Index("ix_monitor_items_moment", "moment", "number"),
        Index("ix_monitor_items_received", "received_at", "number"),
        Index("ix_monitor_items_hash", "content_hash"),
        Index("ix_monitor_items_story", "story_id"),
        Index("ix_monitor_items_source", "source", "moment"),
        Index("ix_monitor_items_confidence", "confidence"),
    )


class TagRow(Base):
    """A company or topic of an item, for finding."""

    __tablename__ = "monitor_tags"
    kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    value: Mapped[str] = mapped_column(String(200), primary_key=True)
    item: Mapped[int] = mapped_column(ForeignKey("monitor_items.number", ondelete="CASCADE"), primary_key=True)
    __table_args__ = (Index("ix_monitor_tags_item", "item"),)


class StoryRow(Base):
    """A story; ``counted`` are the series it counts in already, ``signature`` its MinHash."""

    __tablename__ = "monitor_stories"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(40), unique=True)
    title: Mapped[str]
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime] = mapped_column(index=True)
    items: Mapped[int]
    reach: Mapped[int] = mapped_column(BigInteger)
    companies: Mapped[list[Any]]
    sources: Mapped[list[Any]]
    counted: Mapped[list[Any]]
    signature: Mapped[bytes | None]


class SeriesRow(Base):
    """A series' number; empty fields mean all."""

    __tablename__ = "monitor_series"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    company: Mapped[str] = mapped_column(String(200))
    topic: Mapped[str] = mapped_column(String(100))
    source: Mapped[str] = mapped_column(String(200))
    __table_args__ = (Unique("company", "topic", "source"),)


class WindowRow(Base):
    """One window of one series; ``span`` 0 minute, 1 hour, 2 day."""

    __tablename__ = "monitor_windows"
    series: Mapped[int] = mapped_column(Integer, primary_key=True)
    span: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    start: Mapped[int] = mapped_column("starts_at", BigInteger, primary_key=True)
    stories: Mapped[int]
    items: Mapped[int]
    reach: Mapped[int] = mapped_column(BigInteger)
    negative: Mapped[int]
    neutral: Mapped[int]
    positive: Mapped[int]
    polarity_sum: Mapped[float]
    confidence_sum: Mapped[float]
    __table_args__ = (Index("ix_monitor_windows_time", "span", "starts_at"), {"sqlite_with_rowid": False})


class RuleSetRow(Base):
    """The rules at one version; none is ever changed."""

    __tablename__ = "monitor_rule_sets"
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    toml: Mapped[str]
    created_at: Mapped[datetime]
    by: Mapped[str] = mapped_column("made_by")
    note: Mapped[str]


class AlertRow(Base):
    """An alert; what is asked for has a column, the whole record is ``content``."""

    __tablename__ = "monitor_alerts"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    rule: Mapped[str] = mapped_column(String(100))
    company: Mapped[str] = mapped_column(String(200))
    topic: Mapped[str] = mapped_column(String(100))
    source: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(16), index=True)
    severity: Mapped[str] = mapped_column(String(16))
    changed_at: Mapped[datetime] = mapped_column(index=True)
    content: Mapped[dict[str, Any]]


class TransitionRow(Base):
    """The audit, append-only."""

    __tablename__ = "monitor_transitions"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    alert_id: Mapped[str] = mapped_column(String(32), index=True)
    at: Mapped[datetime] = mapped_column("moment", index=True)
    content: Mapped[dict[str, Any]]


class SilenceRow(Base):
    """A silence, also a past one."""

    __tablename__ = "monitor_silences"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    start: Mapped[datetime] = mapped_column("starts_at")
    until: Mapped[datetime] = mapped_column("ends_at", index=True)
    content: Mapped[dict[str, Any]]


class MessageRow(Base):
    """The outbox: a message waits here from the transaction of its transition until it was sent."""

    __tablename__ = "monitor_messages"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(64), unique=True)
    channel: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(16))
    group: Mapped[str] = mapped_column("together", String(300))
    alerts: Mapped[list[Any]]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int]
    error: Mapped[str]
    claimed_by: Mapped[str] = mapped_column(String(64))
    claimed_until: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    __table_args__ = (Index("ix_monitor_messages_due", "status", "due_at"),)


class SourceRow(Base):
    """A source and where reading it stands."""

    __tablename__ = "monitor_sources"
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    source: Mapped[dict[str, Any]]
    state: Mapped[dict[str, Any]]


class CorrectionRow(Base):
    """What somebody said an item really is; the newest of an item holds."""

    __tablename__ = "monitor_corrections"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    item_id: Mapped[str] = mapped_column(String(260), index=True)
    at: Mapped[datetime] = mapped_column("moment")
    content: Mapped[dict[str, Any]]


class FactRow(Base):
    """Small facts by name: that the sample was loaded, by how much it was shifted, the lock of ingestion."""

    __tablename__ = "monitor_facts"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[dict[str, Any]]
