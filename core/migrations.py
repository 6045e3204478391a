"""Brings a database to an app's newest tables with Alembic; needs only a folder of revision files, no env.py, no ini.

A revision file is plain Alembic: ``revision``, ``down_revision``, ``upgrade()``. A released one is never edited; the
next one is added.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, MetaData

from core.errors import ConflictError, DataError, NotFoundError

if TYPE_CHECKING:
    from core.storage import Database

_LOCK = 7_471_105  # any fixed number: migrations of one PostgreSQL database wait for each other


def migrate(database: Database, folder: Path) -> str:
    """Apply the revisions in ``folder`` that the database lacks, all in one transaction; the newest revision's id.

    The version table is named after the folder's parent (``apps/chatbot/migrations`` -> ``chatbot_version``), so that
    apps share a database. Two processes may start at once: the second waits and finds the work done. Raises
    ``NotFoundError`` without revisions, ``ConflictError`` when a newer program made the database.
    """
    script = _scripts(folder)
    head = script.get_current_head()
    if head is None:
        raise NotFoundError(f"Folder '{folder}' holds no migrations.")
    if current_revision(database, folder) == head:  # the usual start, which must not wait for somebody's writing
        return head
    with _exclusive(database) as connection:
        current = _context(connection, _version_table(folder)).get_current_revision()
        if current != head:
            _check_known(script, current, database)
            _upgrade(connection, script, folder)
    return head


def current_revision(database: Database, folder: Path) -> str | None:
    """The revision the database is at, None before the first."""
    with database.reading() as session:
        return _context(session.connection(), _version_table(folder)).get_current_revision()


def differences(database: Database, metadata: MetaData) -> list[str]:
    """What the app's tables in the database lack or have beyond ``metadata``; empty when migrations and tables agree.

    Tables of other apps, recognised by not being in ``metadata``, are not looked at.
    """
    with database.engine.connect() as connection:
        context = _context(connection, "unused", metadata)
        return [str(difference) for difference in _flat(compare_metadata(context, metadata))]


def draft(database: Database, metadata: MetaData) -> str:
    """The body of ``upgrade()`` that brings the database to ``metadata``: read it, put it into the next revision."""
    with database.engine.connect() as connection:
        changes = produce_migrations(_context(connection, "unused", metadata), metadata)
    if changes.upgrade_ops is None:
        return "pass"
    return str(render_python_code(changes.upgrade_ops, render_as_batch=True))


def _version_table(folder: Path) -> str:
    return f"{folder.resolve().parent.name}_version"


def _scripts(folder: Path) -> ScriptDirectory:
    if not folder.is_dir():
        raise NotFoundError(f"The migrations folder '{folder}' does not exist.")
    config = Config()
    location = str(folder).replace("%", "%%")
    config.set_main_option("path_separator", "newline")
    config.set_main_option("script_location", location)
    config.set_main_option("version_locations", location)
    return ScriptDirectory.from_config(config)


def _check_known(script: ScriptDirectory, current: str | None, database: Database) -> None:
    if current is None:
        return
    try:
        script.get_revision(current)
    except CommandError as error:
        raise ConflictError(
            f"Database '{database.address}' was made by a newer version of this program (revision {current}): "
            "update the program or use another database."
        ) from error


def _upgrade(connection: Connection, script: ScriptDirectory, folder: Path) -> None:
    def missing(revision: Any, _: Any) -> Any:
        return script._upgrade_revs("head", revision)

    with EnvironmentContext(Config(), script, fn=missing) as environment:
        environment.configure(
            connection=connection,
            version_table=_version_table(folder),
            render_as_batch=True,
            transactional_ddl=True,
        )
        environment.run_migrations()
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if broken is not None:
            raise DataError(f"The migration was undone: table '{broken[0]}' would point to rows that do not exist.")


@contextmanager
def _exclusive(database: Database) -> Iterator[Connection]:
    """A connection in a transaction that no other migration can enter; committed at the end."""
    with database.engine.connect() as connection:
        if not database.is_sqlite:
            with connection.begin():
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
                yield connection
            return
        raw: Any = connection.connection.dbapi_connection
        # changing a table on SQLite rebuilds it; with foreign keys on, dropping the old copy would delete its children
        raw.execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.begin():
                yield connection
        finally:
            raw.execute("PRAGMA foreign_keys=ON")


def _context(connection: Connection, version_table: str, metadata: MetaData | None = None) -> MigrationContext:
    known = set(metadata.tables) if metadata is not None else set()

    def ours(thing: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
        return kind != "table" or name in known

    options = {"version_table": version_table, "include_object": ours, "compare_type": True, "render_as_batch": True}
    return MigrationContext.configure(connection, opts=options)


def _flat(changes: Iterable[Any]) -> Iterator[Any]:
    for change in changes:
        if isinstance(change, list):
            yield from _flat(change)
        else:
            yield change
