"""The simulator does what its docstring says, and the committed log is what it makes."""

import gzip
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from apps.recommender.dataset import read_sample
from apps.recommender.records import Item
from apps.recommender.simulated_files import (
    events_csv,
    packed,
    read_catalogue,
    read_themes,
    regenerate,
    tastes_json,
)
from apps.recommender.simulated_people import DRIFT_DAYS
from apps.recommender.simulator import PLACES, Plan, simulate
from core.errors import DataError

SAMPLE = Path(__file__).parents[2] / "data" / "samples" / "recommender"
ITEMS = read_catalogue(SAMPLE / "items.jsonl")
THEMES = read_themes(SAMPLE / "themes.csv")
SMALL = Plan(people=40, days=10)


@pytest.fixture(scope="module")
def sample():
    return simulate(ITEMS, THEMES)


@pytest.fixture(scope="module")
def of_type(sample):
    found = defaultdict(list)
    for event in sample.events:
        found[event.type].append(event)
    return found


def rows(sample, events):
    numbers = {id_: row for row, id_ in enumerate(sample.shelf.ids)}
    return [numbers[event.item] for event in events]


def profile(sample, events):
    """Mean shares of themes of the items of these events. (themes,)"""
    return sample.shelf.themes[rows(sample, events)].mean(axis=0)


def by_person(events):
    found = defaultdict(list)
    for event in events:
        found[event.user].append(event)
    return found


def steady(sample):
    return [one for one in sample.people if not one.aimless and one.later_taste is None]


def test_the_committed_files_are_what_the_simulator_makes(sample):
    assert gzip.decompress((SAMPLE / "events.csv.gz").read_bytes()).decode("utf-8") == events_csv(sample.events)
    assert (SAMPLE / "tastes.json").read_text(encoding="utf-8") == tastes_json(sample)


def test_regenerating_a_folder_writes_the_same_bytes_each_time(tmp_path):
    for name in ("items.jsonl", "themes.csv"):
        (tmp_path / name).write_bytes((SAMPLE / name).read_bytes())
    written = []
    for _ in range(2):
        regenerate(tmp_path, SMALL)
        written.append([(tmp_path / name).read_bytes() for name in ("events.csv.gz", "tastes.json")])
    assert written[0] == written[1]
    assert packed("a") == packed("a")


def test_another_seed_gives_another_log():
    one, other = simulate(ITEMS, THEMES, SMALL), simulate(ITEMS, THEMES, replace(SMALL, seed=5))
    assert events_csv(one.events) != events_csv(other.events)


def test_the_sample_stays_small():
    assert sum(path.stat().st_size for path in SAMPLE.iterdir()) < 3_000_000


def test_six_hundred_people_leave_every_kind_of_event_over_sixty_days(sample, of_type):
    assert len(sample.people) == 600
    assert set(of_type) == {
        "impression", "view", "click", "like", "dislike", "comment", "share", "cart", "purchase", "rating",
    }  # fmt: skip
    assert all(len(events) >= 200 for events in of_type.values())
    assert len({event.user for event in sample.events}) > 570
    days = {(event.time - sample.plan.start).days for event in sample.events}
    assert days == set(range(60))


def test_events_are_in_order_of_time_with_ids_of_their_own(sample):
    times = [event.time for event in sample.events]
    assert times == sorted(times)
    assert len({event.id for event in sample.events}) == len(sample.events)


def test_no_event_comes_before_its_item_or_before_its_person(sample):
    created = {item.id: item.created_at for item in ITEMS}
    first_day = {one.id: one.first_day for one in sample.people}
    assert all(event.time >= created[event.item] for event in sample.events)
    assert all((event.time - sample.plan.start).days >= first_day[event.user] for event in sample.events)


def test_what_is_sold_out_is_neither_shown_nor_bought_any_more(sample):
    closed = dict(zip(sample.shelf.ids, sample.shelf.sold_out, strict=True))
    assert {id_ for id_, time in closed.items() if np.isfinite(time)} == {
        item.id for item in ITEMS if not item.available
    }
    late = [
        event
        for event in sample.events
        if event.type in ("impression", "purchase")
        and (event.time - sample.plan.start).total_seconds() >= closed[event.item]
    ]
    assert late == []


def test_every_click_was_shown_before_to_the_same_person_at_the_same_place(of_type):
    shown = {(one.list_id, one.position): one for one in of_type["impression"]}
    assert len(shown) == len(of_type["impression"])
    for click in of_type["click"]:
        impression = shown[click.list_id, click.position]
        assert (impression.user, impression.item) == (click.user, click.item)
        assert impression.time <= click.time


def test_a_list_shows_each_item_once_in_places_from_one_on(of_type):
    lists = defaultdict(list)
    for event in of_type["impression"]:
        lists[event.list_id].append(event)
    for events in lists.values():
        assert [event.position for event in events] == list(range(1, len(events) + 1))
        assert len({event.item for event in events}) == len(events) <= PLACES
        assert len({(event.user, event.time) for event in events}) == 1


def test_a_purchase_follows_a_cart_and_a_rating_a_purchase(of_type):
    for earlier, later in (("cart", "purchase"), ("purchase", "rating")):
        first = {}
        for event in of_type[earlier]:
            first.setdefault((event.user, event.item), event.time)
        assert all(first[event.user, event.item] <= event.time for event in of_type[later])
    left = {(one.user, one.item) for one in of_type["cart"]} - {(one.user, one.item) for one in of_type["purchase"]}
    assert len(left) > 500  # carts nobody finished
    assert {event.value for event in of_type["rating"]} == {1, 2, 3, 4, 5}


def test_places_further_down_are_clicked_less_though_chance_filled_them(of_type):
    shown = Counter(one.position for one in of_type["impression"] if one.list_id.startswith("mixed-"))
    clicked = Counter(one.position for one in of_type["click"] if one.list_id.startswith("mixed-"))
    rate = {place: clicked[place] / shown[place] for place in shown}
    assert rate[1] > 1.2 * rate[2]
    assert rate[1] + rate[2] > 1.6 * (rate[5] + rate[6])


def test_the_front_page_favours_the_popular_and_the_mixed_list_does_not(sample, of_type):
    def shares(kind):
        counts = Counter(one.item for one in of_type["impression"] if one.list_id.startswith(kind))
        old = [id_ for id_, since in zip(sample.shelf.ids, sample.shelf.opened, strict=True) if since < 0]
        return np.array(sorted(counts[id_] for id_ in old)) / sum(counts[id_] for id_ in old)

    top_tenth = {kind: shares(kind)[-len(shares(kind)) // 10 :].sum() for kind in ("home-", "mixed-")}
    assert top_tenth["mixed-"] < 0.16  # 0.10 and what chance adds
    assert top_tenth["home-"] > 1.4 * top_tenth["mixed-"]


def test_known_tastes_show_in_the_clicks(sample, of_type):
    clicks, shown = by_person(of_type["click"]), by_person(of_type["impression"])
    right = [
        int(np.argmax(profile(sample, clicks[one.id]) - profile(sample, shown[one.id]))) == int(np.argmax(one.taste))
        for one in steady(sample)
        if len(clicks[one.id]) >= 15
    ]
    assert len(right) > 100
    assert np.mean(right) > 0.75  # one in twelve by guessing


def test_tastes_show_also_when_only_other_categories_are_looked_at(sample, of_type):
    """The taste is for what the texts say: clicks in half of the categories foretell those in the other half."""
    half = set(range(0, 12, 2))
    category = sample.shelf.category
    agreements, strangers = [], []
    people = [one for one in steady(sample) if len(by_person(of_type["click"])[one.id]) >= 20]
    clicks = by_person(of_type["click"])
    sides = []
    for one in people:
        numbers = np.array(rows(sample, clicks[one.id]))
        within = np.isin(category[numbers], list(half))
        if within.sum() >= 5 and (~within).sum() >= 5:
            sides.append([sample.shelf.themes[numbers[side]].mean(axis=0) for side in (within, ~within)])
    for at, (left, right) in enumerate(sides):
        agreements.append(left @ right)
        strangers.append(left @ sides[at - 1][1])
    assert len(sides) > 50
    assert np.mean(agreements) > 2 * np.mean(strangers)


def test_the_drift_of_those_who_drift_is_seen_in_their_clicks(sample, of_type):
    clicks = by_person(of_type["click"])
    before, after = [], []
    for one in sample.people:
        if one.later_taste is None or one.drift_day is None:
            continue
        old, new = int(np.argmax(one.taste)), int(np.argmax(one.later_taste))
        start = sample.plan.start + timedelta(days=one.drift_day)
        for event, row in zip(clicks[one.id], rows(sample, clicks[one.id]), strict=True):
            shares = sample.shelf.themes[row, old], sample.shelf.themes[row, new]
            if event.time < start:
                before.append(shares)
            elif event.time > start + timedelta(days=DRIFT_DAYS):
                after.append(shares)
    (old_before, new_before), (old_after, new_after) = np.mean(before, axis=0), np.mean(after, axis=0)
    assert old_before > 2 * new_before
    assert new_after > 2 * old_after


def test_people_hardly_click_what_they_cannot_read(sample, of_type):
    reads = {one.id: one.reads for one in sample.people}
    language = {item.id: item.language for item in ITEMS}

    def rate(foreign):
        counts = [
            sum((language[one.item] not in (*reads[one.user], "")) == foreign for one in of_type[type_])
            for type_ in ("click", "impression")
        ]
        return counts[0] / counts[1]

    assert rate(foreign=True) < 0.25 * rate(foreign=False)


def test_the_thrifty_put_cheaper_things_in_their_carts(sample, of_type):
    carts = by_person(of_type["cart"])

    def dearness(people):
        return sample.shelf.dearness[rows(sample, [event for one in people for event in carts[one.id]])].mean()

    ordered = sorted(sample.people, key=lambda one: one.thrift)
    assert dearness(ordered[-200:]) < dearness(ordered[:200]) - 0.15


def test_the_aimless_click_without_a_theme(sample, of_type):
    clicks = by_person(of_type["click"])

    def widest(people):
        return np.mean([profile(sample, clicks[one.id]).max() for one in people if len(clicks[one.id]) >= 12])

    assert widest([one for one in sample.people if one.aimless]) < 0.7 * widest(steady(sample))


def test_search_opens_items_that_no_list_showed_at_that_moment(of_type):
    clicked = {
        (one.user, one.item, (one.time + timedelta(seconds=late)).timestamp())
        for one in of_type["click"]
        for late in (0, 1, 2)
    }
    direct = [one for one in of_type["view"] if (one.user, one.item, one.time.timestamp()) not in clicked]
    assert 0.1 < len(direct) / len(of_type["view"]) < 0.5
    assert all(one.position is None and one.list_id == "" for one in of_type["view"])


def test_a_world_of_two_themes_is_understood_by_hand():
    """Two themes, four items each; a lover of the one clicks it far more often than the other."""
    old = datetime(2026, 1, 1, tzinfo=UTC)
    items = [
        Item(f"{theme}{number}", title, price=10.0, category="all", brand="b", language="en", created_at=old)
        for theme, title in (("sea", "海"), ("hill", "山"))
        for number in range(4)
    ]
    themes = {item.id: {item.id[:-1]: 1.0} for item in items}
    result = simulate(items, themes, Plan(people=200, days=20))
    own = Counter()
    for event in result.events:
        person = result.people[int(event.user[1:]) - 1]
        if event.type == "click" and "en" in person.reads and not person.aimless and person.later_taste is None:
            loved = result.shelf.theme_names[int(np.argmax(person.taste))]
            if person.taste.max() > 0.85:
                own[event.item.startswith(loved)] += 1
    assert own[True] > 4 * own[False] > 0


@pytest.mark.parametrize("lacking", [{"price": None}, {"created_at": None}])
def test_an_item_that_cannot_be_simulated_is_named(lacking):
    item = replace(ITEMS[0], **lacking)
    with pytest.raises(DataError, match=rf"Item '{item.id}' needs themes, a price and created_at"):
        simulate([item], THEMES, SMALL)
    with pytest.raises(DataError, match="needs themes"):
        simulate([ITEMS[0]], {}, SMALL)


def test_a_folder_without_themes_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "items.jsonl").write_bytes((SAMPLE / "items.jsonl").read_bytes())
    with pytest.raises(DataError, match=r"needs 'themes\.csv', and it is not in"):
        regenerate(tmp_path, SMALL)
    assert not (tmp_path / "events.csv.gz").exists()


def test_the_dataset_adapter_reads_the_files_as_they_were_meant(sample):
    read = read_sample(SAMPLE)
    assert list(read.items) == ITEMS
    assert read.events == sample.events
    assert set(read.tastes["people"]) == {one.id for one in sample.people}
