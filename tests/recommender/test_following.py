"""A memory in step with the database: everything at the start, only what is new afterwards, deletions by hash."""

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apps.recommender.following import Follower
from apps.recommender.records import Event, Item
from apps.recommender.store import Store

NOW = datetime(2026, 6, 1, tzinfo=UTC)


class Memory:
    """Writes down what it is told."""

    def __init__(self, *known: str) -> None:
        self.items, self.users, self.told = set(known), set(), []
        self.wait: threading.Event | None = None

    def upsert_items(self, items) -> None:
        self.items |= {one.id for one in items}
        self.told += [one.id for one in items]

    def observe(self, events) -> None:
        if self.wait:
            self.wait.wait(20)
        self.users |= {one.user for one in events}
        self.told += [one.id for one in events]

    def forget_item(self, item) -> None:
        self.items.discard(item)

    def forget_user(self, user) -> None:
        self.users.discard(user)

    def item_ids(self):
        return list(self.items)

    def user_ids(self):
        return list(self.users)


def event(id_: str, user: str = "ann") -> Event:
    return Event(id_, user, "tea", "click", NOW)


@pytest.fixture
def store(tmp_path: Path):
    opened = Store.open(f"sqlite:///{tmp_path / 'shop.db'}")
    opened.put_items([Item("tea", "Tea"), Item("cup", "Cup")])
    opened.add_events([event("e1"), event("e2", "bob")])
    yield opened
    opened.close()


def test_a_new_memory_is_told_everything_and_forgets_what_the_database_never_had(store):
    memory = Memory("ghost")
    Follower(store, memory).read_all(shown=[event("shown")])
    assert memory.told == ["cup", "tea", "e1", "e2", "shown"] and memory.items == {"tea", "cup"}


def test_only_the_newest_events_when_so_wanted(store):
    memory = Memory()
    Follower(store, memory).read_all(newest=1)
    assert memory.told == ["cup", "tea", "e2"]


def test_what_is_new_is_told_once_and_what_is_gone_is_forgotten(store):
    memory = Memory()
    follower = Follower(store, memory)
    follower.read_all()
    memory.told.clear()
    assert follower.catch_up() and memory.told == []
    store.add_events([event("e3", "cid")])
    store.delete_person("bob")
    store.delete_item("cup")
    store.put_items([Item("pot", "Pot")])
    follower.catch_up()
    assert memory.told == ["pot", "e3"] and memory.items == {"tea", "pot"} and memory.users == {"ann", "cid"}


def test_a_small_call_does_not_wait_for_a_large_intake(store):
    memory = Memory()
    follower = Follower(store, memory)
    memory.wait = threading.Event()
    thread = threading.Thread(target=follower.read_all)
    thread.start()
    while not memory.told:
        pass
    assert follower.catch_up(wait_s=0.05) is False
    memory.wait.set()
    thread.join()
    assert follower.catch_up(wait_s=5) is True
