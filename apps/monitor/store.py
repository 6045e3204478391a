"""The monitor's store: everything that must outlive a crash, in one database. Records in, records out, no rows."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from apps.monitor.records import SeriesKey, Span
from apps.monitor.store_alerts import AlertRows, Outbox
from apps.monitor.store_counts import StoredCounts
from apps.monitor.store_items import ItemRows
from apps.monitor.store_removal import Removal
from apps.monitor.store_sources import TURN, ReadSources, SourceRows
from apps.monitor.store_stories import StoryRows
from core.storage import Database, migrate, open_database

MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True)
class Work:
    """One transaction's view of all tables; what is done through it is done together or not at all."""

    items: ItemRows
    stories: StoryRows
    counts: StoredCounts
    alerts: AlertRows
    outbox: Outbox
    sources: SourceRows
    removal: Removal


class Store:
    """The tables over one database. Safe for several threads and processes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._series: dict[SeriesKey, int] = {}
        self._read: ReadSources = {}
        # SQLite lets waiting writers try again and again, which is not fair: threads of one process queue here instead
        self._turn: AbstractContextManager[object] = threading.Lock() if database.is_sqlite else nullcontext()

    @classmethod
    def open(cls, url: str) -> "Store":
        """The store at a database URL, its tables brought to the newest form."""
        database = open_database(url)
        migrate(database, MIGRATIONS)
        store = cls(database)
        with store.writing() as work:
            if not work.sources.fact(TURN):
                work.sources.set_fact(TURN, {"made": True})
        return store

    @contextmanager
    def writing(self) -> Iterator[Work]:
        """One transaction that changes things; keep it short and read no text inside."""
        made = dict(self._series)
        with self._turn, self._database.session() as session:
            yield _work(session, made, self._read)
        self._series |= made  # only numbers that were committed are worth remembering

    @contextmanager
    def reading(self) -> Iterator[Work]:
        """One consistent view that holds nobody up."""
        with self._database.reading() as session:
            yield _work(session, self._series, self._read)

    def prune(self, now: datetime, days: dict[Span, int], item_days: int) -> dict[str, int]:
        """Forgets what is older than its days, one short transaction per kind; how many of each."""
        gone = {}
        for span in Span:
            with self.writing() as work:
                gone[span.value] = work.counts.drop_before(span, now - timedelta(days=days[span]))
        with self.writing() as work:
            gone["items"] = work.items.drop_before(now - timedelta(days=item_days))
        return gone

    @property
    def address(self) -> str:
        """The database's URL without its password."""
        return self._database.address

    def close(self) -> None:
        """Close the connections."""
        self._database.close()


def _work(session: Session, series: dict[SeriesKey, int], read: ReadSources) -> Work:
    return Work(
        ItemRows(session),
        StoryRows(session),
        StoredCounts(session, series),
        AlertRows(session),
        Outbox(session),
        SourceRows(session, read),
        Removal(session),
    )
