"""The recommender's store: everything that must outlive a crash, in one database. Records in, records out, no rows."""

from pathlib import Path

from apps.recommender.store_behaviour import BehaviourTables, Changes, Person, Seen
from apps.recommender.store_catalogue import PutReport, id_hash
from apps.recommender.store_lists import ListTables
from core.storage import Database, migrate, open_database

MIGRATIONS = Path(__file__).parent / "migrations"


class Store(BehaviourTables, ListTables):
    """All parts over one database. Safe for several threads and processes; each call is one transaction."""

    def __init__(self, database: Database) -> None:
        BehaviourTables.__init__(self, database)
        ListTables.__init__(self, database)

    @classmethod
    def open(cls, url: str) -> "Store":
        """The store at a database URL, its tables brought to the newest form."""
        database = open_database(url)
        migrate(database, MIGRATIONS)
        return cls(database)

    def close(self) -> None:
        """Close the connections."""
        self._database.close()


__all__ = ["MIGRATIONS", "Changes", "Person", "PutReport", "Seen", "Store", "id_hash"]
