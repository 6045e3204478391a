"""The chatbot's store: everything that must outlive a crash, in one database. Records in, records out, no rows."""

from pathlib import Path

from apps.chatbot.store_sources import SourceTables
from apps.chatbot.store_talk import TalkTables
from core.storage import Database, migrate, open_database

MIGRATIONS = Path(__file__).parent / "migrations"


class Store(SourceTables, TalkTables):
    """Both halves over one database. Safe for several threads and processes; each call is one transaction."""

    def __init__(self, database: Database) -> None:
        SourceTables.__init__(self, database)
        TalkTables.__init__(self, database)

    @classmethod
    def open(cls, url: str) -> "Store":
        """The store at a database URL, its tables brought to the newest form."""
        database = open_database(url)
        migrate(database, MIGRATIONS)
        return cls(database)

    def close(self) -> None:
        """Close the connections."""
        self._database.close()
