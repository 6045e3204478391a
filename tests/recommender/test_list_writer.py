"""Served lists are written behind the answers: all of them, in order, also after the database was away for a while."""

from datetime import UTC, datetime

from apps.recommender.list_writer import ListWriter
from apps.recommender.served import ServedList
from core.errors import BusyError


def served(id_: str, user: str = "ann") -> ServedList:
    return ServedList(id_, user, datetime(2026, 6, 1, tzinfo=UTC), ("tea",))


class Database:
    """Keeps what is written; says that it is busy as often as it is told."""

    def __init__(self, busy: int = 0) -> None:
        self.kept: list[str] = []
        self.busy = busy

    def write(self, lists) -> None:
        if self.busy:
            self.busy -= 1
            raise BusyError("The database is busy.")
        self.kept += [one.id for one in lists]


def test_everything_put_is_written_once_and_in_order():
    database = Database()
    writer = ListWriter(database.write)
    for number in range(500):
        writer.put(served(f"l{number}"))
    writer.close()
    assert database.kept == [f"l{number}" for number in range(500)]


def test_a_busy_database_loses_no_list(caplog):
    database = Database(busy=2)
    writer = ListWriter(database.write)
    writer.put(served("l1"))
    writer.flush()
    writer.put(served("l2"))
    writer.flush()
    writer.flush()
    writer.close()
    assert database.kept == ["l1", "l2"] and "could not be written yet" in caplog.text


def test_what_waits_of_a_forgotten_person_is_never_written():
    database = Database(busy=1)
    writer = ListWriter(database.write)
    writer.put(served("l1", "ann"))
    writer.put(served("l2", "bob"))
    writer.flush()
    writer.forget("ann")
    writer.close()
    assert database.kept == ["l2"]
