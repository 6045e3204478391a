"""The recommender's store: round trips, idempotency, deletion that leaves nothing, changes for other processes, a kill."""

import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from apps.recommender.experiments import Experiment, Variant
from apps.recommender.records import Event, Item
from apps.recommender.served import ServedList
from apps.recommender.store import MIGRATIONS, PutReport, Seen, Store, id_hash
from apps.recommender.store_tables import Base
from core.errors import ConflictError, NotFoundError
from core.migrations import differences

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
TEA = Item("tea", "Oolong 乌龙茶", "Roasted.", ("tea", "茶"), "tea", "Lantern", 12.5, "en", NOW, True, {"grams": 100.0})
CUP = Item("cup", "Cup")


@pytest.fixture
def store(tmp_path: Path):
    opened = Store.open(f"sqlite:///{tmp_path / 'shop.db'}")
    yield opened
    opened.close()


def event(id_: str, user: str = "ann", item: str = "tea", minutes: int = 0, type_: str = "click", **more) -> Event:
    return Event(id_, user, item, type_, NOW + timedelta(minutes=minutes), **more)


def served(id_: str, user: str = "ann", items=("tea", "cup"), minutes: int = 0, **more) -> ServedList:
    return ServedList(id_, user, NOW + timedelta(minutes=minutes), tuple(items), **more)


def test_migrations_and_tables_agree(store):
    assert differences(store._database, Base.metadata) == []
    assert sorted(path.name for path in MIGRATIONS.glob("0*.py"))[0] == "0001_first_tables.py"


def test_items_come_back_as_they_went_in(store):
    assert store.put_items([TEA, CUP]) == PutReport(added=2)
    assert store.item("tea") == TEA
    assert store.all_items() == [CUP, TEA]
    assert store.items() == [TEA, CUP]  # without a date: last


def test_putting_again_tells_unchanged_from_updated_and_keeps_the_day(store):
    store.put_items([TEA])
    assert store.put_items([replace(TEA, created_at=None)]) == PutReport(unchanged=1)
    assert store.put_items([replace(TEA, price=9.0)]) == PutReport(updated=1)
    assert store.item("tea") == replace(TEA, price=9.0)


def test_items_are_searched_in_every_word_and_filtered_by_category(store):
    store.put_items([TEA, CUP, replace(CUP, id="100%", title="Jug", category="ware")])
    assert [one.id for one in store.items(search="乌龙")] == ["tea"]
    assert [one.id for one in store.items(search="LANTERN")] == ["tea"]
    assert [one.id for one in store.items(search="100%")] == ["100%"]
    assert [one.id for one in store.items(category="ware")] == ["100%"]
    assert [one.id for one in store.items(limit=1, offset=1)] == ["100%"]
    assert store.categories() == {"": 1, "tea": 1, "ware": 1}
    assert store.items_of(["tea", "none"]) == {"tea": TEA}


def test_an_event_sent_twice_counts_once_and_the_first_one_wins(store):
    first = event("e1", value=4.0, position=2, list_id="l1")
    assert store.add_events([first, event("e2", minutes=1)]) == (2, 0)
    assert store.add_events([event("e1", item="cup"), event("e3"), event("e3", item="cup")]) == (1, 2)
    assert list(store.every_event()) == [first, event("e2", minutes=1), event("e3")]


def test_a_persons_events_come_newest_first(store):
    store.add_events([event("e1"), event("e2", minutes=5), event("e3", "bob", minutes=9), event("e4", minutes=2)])
    assert [one.id for one in store.events_of("ann")] == ["e2", "e4", "e1"]
    assert [one.id for one in store.events_of("ann", limit=1)] == ["e2"]
    assert store.events_of("nobody") == []
    assert [(one.id, one.events) for one in store.people()] == [("ann", 3), ("bob", 1)]
    assert [one.id for one in store.people(search="BO")] == ["bob"]
    assert store.count_of_item("tea") == {"click": 4}
    assert [one.id for one in store.events_since(NOW + timedelta(minutes=2), NOW + timedelta(minutes=9))] == [
        "e2",
        "e4",
    ]


def test_changes_are_seen_once_by_whoever_looks(store):
    assert store.changes(Seen()) is None
    store.put_items([TEA])
    store.add_events([event("e1")])
    found = store.changes(Seen())
    assert (found.items, found.events, found.gone) == ((TEA,), (event("e1"),), ())
    assert found.seen == store.seen()
    assert store.changes(found.seen) is None
    store.add_events([event("e2", "bob")])
    store.delete_person("ann")
    later = store.changes(found.seen)
    assert (later.items, later.events, later.gone) == ((), (event("e2", "bob"),), (("user", id_hash("ann")),))


def test_much_at_once_comes_in_pieces_with_items_before_their_events(store, monkeypatch):
    monkeypatch.setattr("apps.recommender.store_behaviour.VERSIONS", 2)
    monkeypatch.setattr("apps.recommender.store_behaviour.PAGE", 2)
    for name in "abc":
        store.put_items([replace(CUP, id=name)])
    store.add_events([event(f"e{n}", item="c") for n in range(5)])
    seen, pieces = Seen(), []
    while (found := store.changes(seen)) is not None:
        seen = found.seen
        pieces.append(("".join(one.id for one in found.items), "".join(one.id for one in found.events)))
    assert pieces == [("ab", ""), ("c", "e0e1"), ("", "e2e3"), ("", "e4")]
    assert seen == store.seen()


def test_a_reader_ahead_of_a_deletion_comes_to_rest(store):
    store.add_events([event("e1"), event("e2", "bob")])
    seen = store.seen()
    store.delete_person("bob")
    found = store.changes(seen)
    assert found.events == () and store.changes(found.seen) is None


def test_training_reads_events_and_shown_lists_in_order_of_time(store):
    store.add_events([event("e2", minutes=5), event("e1", minutes=1)])
    made = store.training_events([served("l1", minutes=3)])
    assert [one.id for one in made] == ["e1", "l1:1", "l1:2", "e2"]


def test_the_number_of_a_deleted_event_is_not_given_again(store):
    store.add_events([event("e1"), event("e2", "bob")])
    seen = store.seen()
    store.delete_person("bob")
    store.add_events([event("e3")])
    assert [one.id for one in store.changes(seen).events] == ["e3"]


def test_a_deleted_person_leaves_nothing_not_even_in_the_file(store, tmp_path):
    store.add_events([event(f"e{n}", "Wilhelmina-Zebra") for n in range(50)] + [event("x")])
    store.add_lists([served("l1", "Wilhelmina-Zebra"), served("l2")])
    store.delete_person("Wilhelmina-Zebra")
    assert store.counts() == {"items": 0, "events": 1, "people": 1, "lists": 1}
    assert store.events_of("Wilhelmina-Zebra") == []
    for path in tmp_path.iterdir():
        assert b"Wilhelmina-Zebra" not in path.read_bytes(), path.name
    with pytest.raises(NotFoundError, match="Nothing is known of a user 'Wilhelmina-Zebra'"):
        store.delete_person("Wilhelmina-Zebra")


def test_a_deleted_item_takes_its_events_along_and_leaves_an_empty_place_in_lists(store):
    store.put_items([TEA, CUP])
    store.add_events([event("e1"), event("e2", item="cup")])
    store.add_lists([served("l1", items=("tea", "cup")), served("l2", items=("teapot", "cup"))])
    store.delete_item("tea")
    assert [one.id for one in store.all_items()] == ["cup"]
    assert [one.id for one in store.every_event()] == ["e2"]
    assert store.list_("l1").items == (None, "cup")
    assert store.list_("l2").items == ("teapot", "cup")
    with pytest.raises(NotFoundError, match="There is no item 'tea'"):
        store.delete_item("tea")


def test_lists_come_back_as_they_went_in_and_old_ones_are_forgotten(store):
    one = served("l1", arms={"dials": "B"}, model="m", route="warm", took_ms=3.5)
    store.add_lists([one, served("l2", minutes=60)])
    store.add_lists([replace(one, user="bob")])
    assert store.list_("l1") == one
    assert [row.id for row in store.every_list()] == ["l1", "l2"]
    assert store.drop_lists(NOW + timedelta(minutes=30)) == 1
    assert [row.id for row in store.lists_since(NOW)] == ["l2"]


def test_an_experiment_is_begun_once_and_ended_once(store):
    made = Experiment("dials", (Variant("A", 0.5), Variant("B", 0.5, {"diversity": 0.8})), NOW, "more variety")
    store.add_experiment(made)
    assert store.experiments() == [made]
    with pytest.raises(ConflictError, match="choose another name"):
        store.add_experiment(made)
    store.end_experiment("dials", NOW + timedelta(days=1))
    assert store.experiment("dials").ended_at == NOW + timedelta(days=1)
    with pytest.raises(ConflictError, match="has ended already"):
        store.end_experiment("dials", NOW)
    with pytest.raises(NotFoundError):
        store.experiment("none")


def test_several_threads_write_and_nothing_is_lost_or_doubled(store):
    def write(part: int) -> None:
        for number in range(20):
            store.add_events([event(f"t{part}-{number}"), event(f"shared-{number}")])

    threads = [threading.Thread(target=write, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = [one.id for one in store.every_event()]
    assert len(ids) == len(set(ids)) == 4 * 20 + 20


WRITER = """
import sys
from datetime import UTC, datetime
from apps.recommender.records import Event
from apps.recommender.store import Store
store = Store.open(sys.argv[1])
for batch in range(100_000):
    store.add_events([Event(f"b{batch}-{n}", "ann", "tea", "click", datetime.now(UTC)) for n in range(10)])
    print(batch, flush=True)
"""


def test_a_kill_in_the_middle_of_writing_loses_nothing_acknowledged(tmp_path):
    address = f"sqlite:///{tmp_path / 'shop.db'}"
    process = subprocess.Popen([sys.executable, "-c", WRITER, address], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    acknowledged = -1
    for line in process.stdout:
        acknowledged = int(line)
        if acknowledged >= 25:
            process.send_signal(signal.SIGKILL)
            break
    rest = process.stdout.read().split()
    process.wait()
    acknowledged = int(rest[-1]) if rest else acknowledged
    store = Store.open(address)
    ids = {one.id for one in store.every_event()}
    store.close()
    assert {f"b{batch}-{n}" for batch in range(acknowledged + 1) for n in range(10)} <= ids
    assert len(ids) % 10 == 0  # a batch is there whole or not at all
