"""Windows in the database: what a batch adds, what is asked for, what is old enough to go."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import and_, bindparam, case, delete, exists, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from apps.monitor.records import COUNTERS, EPOCH, Point, SeriesKey, Span
from apps.monitor.store_tables import SeriesRow, WindowRow
from apps.monitor.trends import Deltas, Piece

SPANS: Mapping[Span, int] = {Span.MINUTE: 0, Span.HOUR: 1, Span.DAY: 2}
ROWS = 500  # in one statement: both databases limit how many values one may carry


PIECES = 3  # hours in the middle, minutes at both ends
NOTHING = (Span.MINUTE, EPOCH, EPOCH)


def _piece(number: int) -> Any:
    begins: Any = WindowRow.start
    inside = (begins >= bindparam(f"since{number}"), begins < bindparam(f"until{number}"))
    return and_(WindowRow.span == bindparam(f"span{number}"), *inside)


# put together once: building a statement costs more than running it
_PIECES = (
    select(WindowRow.start, *(getattr(WindowRow, name) for name in COUNTERS))
    .where(WindowRow.series == bindparam("series"), or_(*(_piece(number) for number in range(PIECES))))
    .order_by(WindowRow.start)
)


_FIRST = select(func.min(WindowRow.start)).where(
    WindowRow.series == bindparam("series"), WindowRow.span == SPANS[Span.HOUR]
)


_WINDOWS: Any = WindowRow.__table__
_HERE = (
    _WINDOWS.c.series == bindparam("of"),
    _WINDOWS.c.span == bindparam("length"),
    _WINDOWS.c.starts_at == bindparam("at"),
)


def _changed(name: str) -> Any:
    value = _WINDOWS.c[name] + bindparam(f"more_{name}")
    return value if name == "polarity_sum" else case((value > 0, value), else_=0)


_CHANGE = _WINDOWS.update().where(*_HERE).values({name: _changed(name) for name in COUNTERS})
_DROP_EMPTY = _WINDOWS.delete().where(*_HERE, _WINDOWS.c["items"] <= 0, _WINDOWS.c["stories"] <= 0)


class StoredCounts:
    """``trends.Counts`` over one session; numbers of series are remembered in ``ids``, which sessions may share."""

    def __init__(self, session: Session, ids: dict[SeriesKey, int]) -> None:
        self._session, self._ids = session, ids

    def points(self, key: SeriesKey, span: Span, since: datetime, until: datetime) -> list[Point]:
        """The windows with anything in them that start in [since, until), in order."""
        return self.pieces(key, [(span, since, until)])

    def pieces(self, key: SeriesKey, parts: Sequence[Piece]) -> list[Point]:
        """Windows of at most three spans and stretches in one query, in order of time."""
        series = self._find(key)
        if series is None:
            return []
        wanted: dict[str, int] = {"series": series}
        for number in range(PIECES):
            span, since, until = parts[number] if number < len(parts) else NOTHING
            wanted |= {f"span{number}": SPANS[span], f"since{number}": seconds(since), f"until{number}": seconds(until)}
        return [_point(row) for row in self._session.execute(_PIECES, wanted)]

    def names(self, kind: str) -> list[str]:
        """The companies, topics or sources of which anything is counted; ``kind`` says which."""
        column = getattr(SeriesRow, kind)
        counted = exists().where(WindowRow.series == SeriesRow.id)
        return list(self._session.scalars(select(column).where(column != "", counted).distinct()))

    def first(self, key: SeriesKey) -> datetime | None:
        """The start of the series' first hour that is kept, None when it has none."""
        series = self._find(key)
        if series is None:
            return None
        found = self._session.scalar(_FIRST, {"series": series})
        return None if found is None else moment(found)

    def sums(self, span: Span, since: datetime, until: datetime) -> list[tuple[SeriesKey, Point]]:
        """All series summed over the windows that start in [since, until), in one query."""
        columns = [func.sum(getattr(WindowRow, name)) for name in COUNTERS]
        names = (SeriesRow.company, SeriesRow.topic, SeriesRow.source)
        query = (
            select(*names, *columns)
            .join(SeriesRow, SeriesRow.id == WindowRow.series)
            .where(WindowRow.span == SPANS[span], WindowRow.start >= seconds(since), WindowRow.start < seconds(until))
            .group_by(*names)
        )
        return [(SeriesKey(*row[:3]), _point((seconds(since), *row[3:]))) for row in self._session.execute(query)]

    def add(self, deltas: Deltas) -> None:
        """Adds to windows; a window that is not there yet begins at zero."""
        self._make({key for key, _, _ in deltas})
        rows = [
            {"series": self._ids[key], "span": SPANS[span], "start": seconds(start)}
            | {name: getattr(point, name) for name in COUNTERS}
            for (key, span, start), point in sorted(deltas.items(), key=lambda one: str(one[0]))
        ]
        insert = _insert(self._session)(WindowRow)
        sums = {name: getattr(WindowRow, name) + insert.excluded[name] for name in COUNTERS}
        keys = [WindowRow.series, WindowRow.span, WindowRow.start]
        statement = insert.on_conflict_do_update(index_elements=keys, set_=sums)
        for at in range(0, len(rows), ROWS):
            self._session.execute(statement, rows[at : at + ROWS])

    def change(self, deltas: Deltas) -> None:
        """Changes windows that are there; what is no longer kept stays away, one without an item left goes.

        No count falls below nothing, whatever an earlier version counted.
        """
        rows = [
            {"of": self._find(key), "length": SPANS[span], "at": seconds(start)}
            | {f"more_{name}": getattr(point, name) for name in COUNTERS}
            for (key, span, start), point in deltas.items()
        ]
        for at in range(0, len(rows), ROWS):
            self._session.execute(_CHANGE, rows[at : at + ROWS])
            self._session.execute(_DROP_EMPTY, rows[at : at + ROWS])

    def drop_before(self, span: Span, oldest: datetime) -> int:
        """Forgets windows that started before ``oldest``; how many."""
        old = (WindowRow.span == SPANS[span], WindowRow.start < seconds(oldest))
        return int(getattr(self._session.execute(delete(WindowRow).where(*old)), "rowcount", 0))

    def _find(self, key: SeriesKey) -> int | None:
        if key not in self._ids:
            found = self._session.scalar(select(SeriesRow.id).where(*_is(key)))
            if found is None:
                return None
            self._ids[key] = found
        return self._ids[key]

    def _make(self, keys: Iterable[SeriesKey]) -> None:
        missing = [key for key in sorted(keys) if self._find(key) is None]
        if not missing:
            return
        rows = [{"company": key.company, "topic": key.topic, "source": key.source} for key in missing]
        self._session.execute(_insert(self._session)(SeriesRow).on_conflict_do_nothing(), rows)
        for key in missing:
            self._find(key)


def seconds(when: datetime) -> int:
    """Whole seconds since 1970."""
    return int(when.timestamp())


def moment(when: int) -> datetime:
    """The moment of whole seconds since 1970, in UTC."""
    return datetime.fromtimestamp(when, UTC)


def _insert(session: Session) -> Any:
    """``insert`` with ON CONFLICT, which each database has in its own module."""
    return sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert


def _is(key: SeriesKey) -> tuple[Any, ...]:
    return SeriesRow.company == key.company, SeriesRow.topic == key.topic, SeriesRow.source == key.source


def _point(row: Any) -> Point:
    stories, items, reach, negative, neutral, positive = (int(value) for value in row[1:7])
    return Point(moment(row[0]), stories, items, reach, negative, neutral, positive, float(row[7]), float(row[8]))
