"""Queries over events and the people who caused them, and what changed since a process last looked."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from apps.recommender.records import Event, Item
from apps.recommender.served import ServedList, impressions
from apps.recommender.store_catalogue import LOOKUP, CatalogueTables, as_item, note_gone
from apps.recommender.store_tables import EventRow, GoneRow, ItemRow, ListRow, VersionRow
from core.errors import NotFoundError

PAGE = 20_000  # events read into memory at a time
VERSIONS = 100  # transactions whose items are read at a time


@dataclass(frozen=True)
class Seen:
    """How far a process has read: the version of the last transaction and the number of the last event."""

    version: int = 0
    event: int = 0


@dataclass(frozen=True)
class Changes:
    """What happened between two looks: forget ``gone`` (kind, hash of the id), take ``items``, then ``events``."""

    gone: tuple[tuple[str, str], ...]
    items: tuple[Item, ...]
    events: tuple[Event, ...]
    seen: Seen


@dataclass(frozen=True)
class Person:
    """Somebody known by events: how many, and when the last one was."""

    id: str
    events: int
    last_at: datetime


class BehaviourTables(CatalogueTables):
    """What people did, in the database."""

    def add_events(self, events: Sequence[Event]) -> tuple[int, int]:
        """Keeps events whose id is new, in one transaction; (added, known already). The first of an id wins."""
        wanted = {one.id: one for one in reversed(events)}
        with self.changing() as (session, _):
            known = _known(session, list(wanted))
            fresh = [_columns(one) for id_, one in reversed(wanted.items()) if id_ not in known]
            if fresh:
                session.execute(_INSERT, fresh)
        return len(fresh), len(events) - len(fresh)

    def events_of(self, user: str, limit: int = 200) -> list[Event]:
        """A person's latest events, newest first; none for an unknown one."""
        query = select(EventRow).where(EventRow.user == user)
        query = query.order_by(EventRow.time.desc(), EventRow.number.desc()).limit(limit)
        with self._database.reading() as session:
            return [_event(row) for row in session.scalars(query)]

    def count_of_item(self, item_id: str) -> dict[str, int]:
        """How many events of each kind an item has."""
        query = select(EventRow.type, func.count()).where(EventRow.item == item_id).group_by(EventRow.type)
        with self._database.reading() as session:
            return {str(kind): int(number) for kind, number in session.execute(query)}

    def people_per_item(self, items: Sequence[str], kinds: Sequence[str]) -> dict[str, int]:
        """How many people did one of these kinds of things with each item; items without any are left out."""
        query = select(EventRow.item, func.count(func.distinct(EventRow.user))).group_by(EventRow.item)
        query = query.where(EventRow.item.in_(items), EventRow.type.in_(kinds))
        with self._database.reading() as session:
            return {str(item): int(number) for item, number in session.execute(query)}

    def every_event(self, until: int | None = None, after: int = 0) -> Iterator[Event]:
        """Events in order of arrival, those numbered above ``after`` and up to ``until``, a page at a time."""
        last = after
        while True:
            with self._database.reading() as session:
                page, last = _page(session, last, until)
            if not page:
                return
            yield from page

    def events_since(self, since: datetime, until: datetime | None = None) -> list[Event]:
        """Events that happened from one moment (on) to another (before it), in order of arrival."""
        query = select(*_COLUMNS).where(EventRow.time >= since).order_by(EventRow.number)
        if until is not None:
            query = query.where(EventRow.time < until)
        with self._database.reading() as session:
            return [Event(*row) for row in session.execute(query)]

    def times_since(self, since: datetime) -> list[tuple[datetime, str]]:
        """When events happened, and of which kind; for counting them by the minute."""
        query = select(EventRow.time, EventRow.type).where(EventRow.time >= since).order_by(EventRow.time)
        with self._database.reading() as session:
            return [(when, str(kind)) for when, kind in session.execute(query)]

    def people(self, search: str = "", limit: int = 100, offset: int = 0) -> list[Person]:
        """People with events, those with the most first; ``search`` is looked for in their ids."""
        number = func.count().label("n")
        query = select(EventRow.user, number, func.max(EventRow.time)).group_by(EventRow.user)
        if search.strip():
            query = query.where(EventRow.user.icontains(search.strip(), autoescape=True))
        query = query.order_by(number.desc(), EventRow.user).limit(limit).offset(offset)
        with self._database.reading() as session:
            return [Person(str(user), int(n), last) for user, n, last in session.execute(query)]

    def delete_person(self, user: str) -> None:
        """Everything of a person: events and lists. ``NotFoundError`` when there is nothing of them."""
        with self.changing(secure=True) as (session, version):
            gone = sum(
                session.execute(delete(table).where(table.user == user)).rowcount  # type: ignore[attr-defined]
                for table in (EventRow, ListRow)
            )
            if not gone:
                raise NotFoundError(f"Nothing is known of a user '{user}'.")
            note_gone(session, "user", user, version)
        self.truncate_log()

    def changes(self, seen: Seen) -> Changes | None:
        """What other calls and processes committed since ``seen``, in one consistent view; None when nothing.

        Much at once comes in pieces: ask again until there is None. Events come when all earlier items have.
        """
        with self._database.reading() as session:
            newest = _seen(session)
            if newest == seen:
                return None
            version = min(newest.version, seen.version + VERSIONS)
            gone = select(GoneRow.kind, GoneRow.id_hash).where(GoneRow.version.between(seen.version + 1, version))
            items = select(ItemRow).where(ItemRow.version.between(seen.version + 1, version)).order_by(ItemRow.id)
            events, last = _page(session, seen.event) if version == newest.version else ([], seen.event)
            # the newest event may have been deleted since: then nothing newer is there to be read
            reached = newest.event if version == newest.version and len(events) < PAGE else last
            return Changes(
                tuple((str(kind), str(hashed)) for kind, hashed in session.execute(gone.order_by(GoneRow.number))),
                tuple(as_item(row) for row in session.scalars(items)),
                tuple(events),
                Seen(version, reached),
            )

    def seen(self) -> Seen:
        """How far somebody is who has read everything by now."""
        with self._database.reading() as session:
            return _seen(session)

    def training_events(self, lists: Iterable[ServedList]) -> list[Event]:
        """All events and, as impressions, the places of ``lists``, in order of time; ties as they came."""
        shown = (one for served in lists for one in impressions(served))
        return sorted((*self.every_event(), *shown), key=lambda one: one.time)

    def counts(self) -> dict[str, int]:
        """How much there is of everything."""
        queries = {
            "items": select(func.count()).select_from(ItemRow),
            "events": select(func.count()).select_from(EventRow),
            "people": select(func.count(func.distinct(EventRow.user))),
            "lists": select(func.count()).select_from(ListRow),
        }
        with self._database.reading() as session:
            return {name: int(session.scalar(query) or 0) for name, query in queries.items()}


def _page(session: Session, after: int, until: int | None = None) -> tuple[list[Event], int]:
    """The next events by number, and the number of the last; plain rows, for there may be millions."""
    query = select(EventRow.number, *_COLUMNS).where(EventRow.number > after).order_by(EventRow.number).limit(PAGE)
    if until is not None:
        query = query.where(EventRow.number <= until)
    rows = session.execute(query).all()
    return [Event(*row[1:]) for row in rows], rows[-1][0] if rows else after


def _seen(session: Session) -> Seen:
    version = session.scalar(select(VersionRow.version)) or 0
    return Seen(int(version), int(session.scalar(select(func.max(EventRow.number))) or 0))


def _known(session: Session, ids: list[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(ids), LOOKUP):
        found |= set(session.scalars(select(EventRow.id).where(EventRow.id.in_(ids[start : start + LOOKUP]))))
    return found


def _columns(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "user_id": event.user,
        "item_id": event.item,
        "kind": event.type,
        "happened_at": event.time,
        "value": event.value,
        "position": event.position,
        "list_id": event.list_id,
    }


def _event(row: EventRow) -> Event:
    return Event(**{one.name: getattr(row, one.name) for one in fields(Event)})


_COLUMNS = [getattr(EventRow, one.name) for one in fields(Event)]
# straight into the table: the mapper's insert leaves out what is None and so takes rows of different shape one by one
_INSERT = insert(EventRow.__table__)  # type: ignore[arg-type]
