"""Queries over items, the version that every change counts up, and what was deleted; each act is one transaction."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from hashlib import sha256
from typing import Any

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from apps.recommender.records import Item
from apps.recommender.store_tables import EventRow, GoneRow, ItemRow, ListRow, VersionRow
from core.errors import NotFoundError
from core.storage import Database

LOOKUP = 500  # ids in one statement
GONE_KEPT = 10_000  # deletions remembered for processes that have not looked since


@dataclass(frozen=True)
class PutReport:
    """What putting rows did."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0

    def __add__(self, other: "PutReport") -> "PutReport":
        return PutReport(self.added + other.added, self.updated + other.updated, self.unchanged + other.unchanged)


def id_hash(id_: str) -> str:
    """What is kept of a deleted id."""
    return sha256(id_.encode()).hexdigest()


class CatalogueTables:
    """The items, in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put_items(self, items: Sequence[Item]) -> PutReport:
        """Adds or replaces items by id; one without a date keeps the date it has. Twice the same changes nothing."""
        with self.changing() as (session, version):
            return _put(session, {one.id: one for one in items}, version)

    def item(self, item_id: str) -> Item:
        """``NotFoundError`` for an unknown id."""
        with self._database.reading() as session:
            row = session.get(ItemRow, item_id)
            if row is None:
                raise NotFoundError(f"There is no item '{item_id}'.")
            return as_item(row)

    def items(self, search: str = "", category: str = "", limit: int = 100, offset: int = 0) -> list[Item]:
        """Newest first, those without a date last; ``search`` is looked for in title, description, brand and id."""
        query = select(ItemRow).order_by(ItemRow.created_at.desc().nulls_last(), ItemRow.id)
        if search.strip():
            columns = (ItemRow.title, ItemRow.description, ItemRow.brand, ItemRow.id)
            query = query.where(or_(*(one.icontains(search.strip(), autoescape=True) for one in columns)))
        if category:
            query = query.where(ItemRow.category == category)
        with self._database.reading() as session:
            return [as_item(row) for row in session.scalars(query.limit(limit).offset(offset))]

    def items_of(self, ids: Sequence[str]) -> dict[str, Item]:
        """The items of these ids, as far as there are any."""
        found: dict[str, Item] = {}
        with self._database.reading() as session:
            for start in range(0, len(ids), LOOKUP):
                query = select(ItemRow).where(ItemRow.id.in_(ids[start : start + LOOKUP]))
                found |= {row.id: as_item(row) for row in session.scalars(query)}
        return found

    def all_items(self) -> list[Item]:
        """The whole catalogue, by id."""
        with self._database.reading() as session:
            return [as_item(row) for row in session.scalars(select(ItemRow).order_by(ItemRow.id))]

    def categories(self) -> dict[str, int]:
        """Items per category, largest first."""
        counted = func.count().label("n")
        query = select(ItemRow.category, counted).group_by(ItemRow.category).order_by(counted.desc(), ItemRow.category)
        with self._database.reading() as session:
            return {str(category): int(number) for category, number in session.execute(query)}

    def delete_item(self, item_id: str) -> None:
        """The item, its events and its places in served lists (left empty); ``NotFoundError`` when nothing has the id.

        Nothing of it stays in the file either.
        """
        with self.changing(secure=True) as (session, version):
            gone = session.execute(delete(ItemRow).where(ItemRow.id == item_id)).rowcount  # type: ignore[attr-defined]
            gone += session.execute(delete(EventRow).where(EventRow.item == item_id)).rowcount  # type: ignore[attr-defined]
            if not gone:
                raise NotFoundError(f"There is no item '{item_id}'.")
            _blank_in_lists(session, item_id)
            note_gone(session, "item", item_id, version)
        self.truncate_log()

    def delete_items(self, ids: Sequence[str]) -> int:
        """As ``delete_item`` for many in one transaction; those that are not there are passed over. How many went."""
        gone = 0
        with self.changing(secure=True) as (session, version):
            for start in range(0, len(ids), LOOKUP):
                some = ids[start : start + LOOKUP]
                session.execute(delete(EventRow).where(EventRow.item.in_(some)))
                gone += session.execute(delete(ItemRow).where(ItemRow.id.in_(some))).rowcount  # type: ignore[attr-defined]
            for one in ids:
                _blank_in_lists(session, one)
                note_gone(session, "item", one, version)
        self.truncate_log()
        return gone

    @contextmanager
    def changing(self, secure: bool = False) -> Iterator[tuple[Session, int]]:
        """A transaction that counts the version up first, so that writers stand in line; gives the new version.

        ``secure`` overwrites what is deleted (SQLite only; PostgreSQL's vacuum does it in its own time).
        """
        with self._database.session() as session:
            if self._database.is_sqlite:
                session.connection().exec_driver_sql(f"PRAGMA secure_delete={'ON' if secure else 'OFF'}")
            changed = session.execute(
                update(VersionRow).where(VersionRow.id == 1).values(version=VersionRow.version + 1)
            )
            if not changed.rowcount:  # type: ignore[attr-defined]
                session.add(VersionRow(id=1, version=1))
                session.flush()
            yield session, int(session.scalar(select(VersionRow.version)) or 0)

    def truncate_log(self) -> None:
        """Let no deleted row survive in SQLite's write-ahead log."""
        if self._database.is_sqlite:
            with self._database.engine.connect() as connection:
                raw: Any = connection.connection.dbapi_connection
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def note_gone(session: Session, kind: str, id_: str, version: int) -> None:
    """Tell other processes of a deletion by the hash of the id; old notes go."""
    session.add(GoneRow(kind=kind, id_hash=id_hash(id_), version=version))
    session.execute(delete(GoneRow).where(GoneRow.version < version - GONE_KEPT))


def _put(session: Session, items: dict[str, Item], version: int) -> PutReport:
    rows: dict[str, ItemRow] = {}
    ids = list(items)
    for start in range(0, len(ids), LOOKUP):
        query = select(ItemRow).where(ItemRow.id.in_(ids[start : start + LOOKUP]))
        rows |= {row.id: row for row in session.scalars(query)}
    updated = unchanged = 0
    for item in items.values():
        row, values = rows.get(item.id), _columns(item)
        if row is None:
            session.add(ItemRow(**values, version=version))
            continue
        if item.created_at is None:
            values.pop("created_at")
        changed = {name: value for name, value in values.items() if getattr(row, name) != value}
        for name, value in (changed | {"version": version} if changed else {}).items():
            setattr(row, name, value)
        updated, unchanged = updated + bool(changed), unchanged + (not changed)
    return PutReport(len(items) - len(rows), updated, unchanged)


def _columns(item: Item) -> dict[str, Any]:
    values = {one.name: getattr(item, one.name) for one in fields(item)}
    return values | {"tags": list(item.tags), "attributes": dict(item.attributes)}


def as_item(row: ItemRow) -> Item:
    """The record of a row."""
    values = {one.name: getattr(row, one.name) for one in fields(Item)}
    return Item(**(values | {"tags": tuple(row.tags), "attributes": dict(row.attributes)}))


def _blank_in_lists(session: Session, item_id: str) -> None:
    """The places of a deleted item in served lists stay, empty: the places of the others must not move."""
    from sqlalchemy import String, cast

    shown = cast(ListRow.items, String).contains(item_id, autoescape=True)
    for row in session.scalars(select(ListRow).where(shown)):
        row.items = [None if one == item_id else one for one in row.items]
