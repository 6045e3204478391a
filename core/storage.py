"""One database by URL: SQLite in WAL mode by default, PostgreSQL by address; a session is one transaction.

Knows no table: each app has its own ``Base``, its own migrations folder and its own version table.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Dialect, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import StaticPool
from sqlalchemy.types import DateTime, TypeDecorator

from core.errors import (
    BusyError,
    ConflictError,
    DataError,
    MissingExtraError,
    ResourceError,
    SettingsError,
    TrifoliumError,
)

# ``metadata = MetaData(naming_convention=NAMING)``: a constraint without a name cannot be dropped by a migration
NAMING = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
BUSY_TIMEOUT_S = 60.0  # how long a writer waits for others: each takes a moment, but a busy machine's come one by one
_BEGIN = "begin_statement"


class UtcDateTime(TypeDecorator[datetime]):
    """A moment. Goes in with any time zone, comes out in UTC on both databases; a time without a zone is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise DataError(f"A stored moment needs a time zone, got {value.isoformat()}.")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


@dataclass(frozen=True)
class Database:
    """An opened database. ``session`` writes, ``reading`` only reads; both are one short transaction."""

    engine: Engine

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @property
    def address(self) -> str:
        """The URL without its password, for people."""
        return self.engine.url.render_as_string(hide_password=True)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back when anything is raised.

        On SQLite it holds the write lock from its first statement (BEGIN IMMEDIATE), so that read-then-write cannot
        meet a changed database; keep it short, generate no text inside, open no second one inside. Database errors
        leave as one-sentence errors: ``BusyError`` when another writer does not finish, ``ConflictError`` for a broken
        constraint. Objects stay readable afterwards.
        """
        with _sentences(self), sessionmaker(self.engine, expire_on_commit=False).begin() as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One consistent view that neither waits for a writer nor holds one up; changes made in it are dropped."""
        one_view = {_BEGIN: "BEGIN"} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        engine = self.engine.execution_options(**one_view)
        with _sentences(self), Session(engine, expire_on_commit=False, autoflush=False) as session:
            yield session

    def close(self) -> None:
        """Close all connections; SQLite then folds its write-ahead log into the file."""
        self.engine.dispose()


def open_database(url: str) -> Database:
    """The database at ``url``: ``sqlite:///file.db``, ``sqlite://`` in memory or ``postgresql://…``; not yet connected.

    A SQLite file's folder is made. Raises ``SettingsError`` for an address that cannot be meant and
    ``MissingExtraError`` when PostgreSQL's driver is not installed.
    """
    address = _parse(url)
    if address.get_backend_name() == "sqlite":
        return Database(_sqlite_engine(address))
    try:
        engine = create_engine(address, pool_pre_ping=True, json_serializer=_to_json)
    except ModuleNotFoundError as error:
        raise MissingExtraError("psycopg", "postgres", "PostgreSQL") from error
    return Database(engine)


def migrate(database: Database, folder: Path) -> str:
    """Bring the database to the newest revision in an app's migrations folder; see ``core.migrations.migrate``."""
    from core.migrations import migrate as run  # Alembic loads only where it is needed

    with _sentences(database):
        return run(database, folder)


def _parse(url: str) -> URL:
    try:
        address = make_url(url)
        backend = address.get_backend_name()
    except (ArgumentError, ValueError) as error:
        raise SettingsError("Setting 'database_url' must be a URL such as sqlite:///file.db.") from error
    if backend in ("postgres", "postgresql"):
        return address.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise SettingsError(f"Setting 'database_url' must begin with sqlite:// or postgresql://, got {backend}://.")
    return address


def _sqlite_engine(address: URL) -> Engine:
    in_memory = address.database in (None, "", ":memory:")
    pool: dict[str, Any] = {"poolclass": StaticPool} if in_memory else {}
    if address.database and not in_memory:
        try:
            Path(address.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            found = f"'{address.database}': {error.strerror}"
            raise SettingsError(f"Setting 'database_url' must name a file that can be made, got {found}.") from error
    arguments = {"timeout": BUSY_TIMEOUT_S, "check_same_thread": False}
    engine = create_engine(address, connect_args=arguments, json_serializer=_to_json, **pool)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, record: object) -> None:
    connection.isolation_level = None  # we begin transactions ourselves; the driver would begin them late
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")  # readers beside one writer; a killed process leaves no half
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN IMMEDIATE"))


@contextmanager
def _sentences(database: Database) -> Iterator[None]:
    """Database errors that leave the block become errors of ours."""
    try:
        yield
    except SQLAlchemyError as error:
        ours = _translated(error, database.address)
        if ours is None:
            raise
        raise ours from error


def _translated(error: SQLAlchemyError, address: str) -> TrifoliumError | None:
    if isinstance(error, StatementError) and isinstance(error.orig, TrifoliumError):
        return error.orig  # raised by a column type of ours
    if not isinstance(error, DBAPIError):
        return None
    reason = str(error.orig).strip().split("\n")[0]
    if isinstance(error, IntegrityError):
        return ConflictError(f"The change contradicts what is stored: {reason}.")
    if "database is locked" in reason or "database table is locked" in reason:
        return BusyError(
            "The database is busy with another change; try again in a moment.", status=503, retry_after_s=2
        )
    if "disk is full" in reason or "disk I/O error" in reason:
        return ResourceError(f"Database '{address}' cannot be written: {reason}.")
    if "not a database" in reason or "malformed" in reason:
        return DataError(f"'{address}' is not a sound SQLite database: {reason}.")
    if "unable to open" in reason or "readonly" in reason or "no such table" in reason:
        return DataError(f"Database '{address}' cannot be used: {reason}.")
    if error.connection_invalidated or "connect" in reason:
        return BusyError(f"Database '{address}' cannot be reached: {reason}.", status=503, retry_after_s=5)
    return None


_to_json = partial(json.dumps, ensure_ascii=False)  # Chinese stays readable in the table
