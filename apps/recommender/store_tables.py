"""The recommender's tables. They share a database with other apps, so each name begins with ``recommender_``.

A change here needs a new file in ``migrations``; ``core.migrations.draft`` writes its body, a test compares the two.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from core.storage import NAMING, UtcDateTime

ID = String(200)


class Base(DeclarativeBase):
    """All tables of this app."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: JSON, list[Any]: JSON, str: Text}  # noqa: RUF012


class VersionRow(Base):
    """One row: counts up with every writing transaction, and holds writers in a line, so that numbers grow in the order
    of commits and a reader who goes by them misses nothing."""

    __tablename__ = "recommender_changes"
    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int]


class ItemRow(Base):
    """An item of the catalogue; ``version`` is that of the last transaction that changed it."""

    __tablename__ = "recommender_items"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    title: Mapped[str]
    description: Mapped[str]
    tags: Mapped[list[Any]]
    category: Mapped[str] = mapped_column(String(200), index=True)
    brand: Mapped[str] = mapped_column(String(200))
    price: Mapped[float | None]
    language: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime | None]
    available: Mapped[bool]
    attributes: Mapped[dict[str, Any]]
    version: Mapped[int] = mapped_column(index=True)


class EventRow(Base):
    """Something a person did; ``number`` is the order of arrival and never given twice, ``id`` the caller's."""

    __tablename__ = "recommender_events"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(ID, unique=True)
    user: Mapped[str] = mapped_column("user_id", ID, index=True)
    item: Mapped[str] = mapped_column("item_id", ID, index=True)
    type: Mapped[str] = mapped_column("kind", String(40))
    time: Mapped[datetime] = mapped_column("happened_at", index=True)
    value: Mapped[float | None]
    position: Mapped[int | None]
    list_id: Mapped[str] = mapped_column(String(64))
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012  # else SQLite gives a deleted number again


class GoneRow(Base):
    """An item or a person deleted, so that other processes forget too; of the id only a hash is left."""

    __tablename__ = "recommender_gone"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(8))
    id_hash: Mapped[str] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(index=True)
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012


class ListRow(Base):
    """A list as it was served: item ids in order (null where one was deleted since), and the arm of each experiment."""

    __tablename__ = "recommender_lists"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    user: Mapped[str] = mapped_column("user_id", ID, index=True)
    served_at: Mapped[datetime] = mapped_column(index=True)
    items: Mapped[list[Any]]
    arms: Mapped[dict[str, Any]]
    model: Mapped[str] = mapped_column(String(200))
    route: Mapped[str] = mapped_column(String(40))
    took_ms: Mapped[float]


class ExperimentRow(Base):
    """An experiment with its variants; ``ended_at`` None while it runs."""

    __tablename__ = "recommender_experiments"
    name: Mapped[str] = mapped_column(ID, primary_key=True)
    about: Mapped[str]
    variants: Mapped[list[Any]]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    __table_args__ = (Index("ix_recommender_experiments_started_at", "started_at"),)
