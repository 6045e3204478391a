"""The answer when no model can: behaviour, then popular, then latest; filters hold; what is forgotten is gone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from apps.recommender.fallback import Fallback
from apps.recommender.records import MEANINGS, Event, Filters, Item

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ITEMS = [
    Item("tea", "Oolong", category="drinks", brand="L", price=10, created_at=NOW - timedelta(days=9)),
    Item("cup", "Cup", category="ware", brand="L", price=20, created_at=NOW - timedelta(days=8)),
    Item("pot", "Pot", category="ware", brand="M", price=30, created_at=NOW - timedelta(days=7)),
    Item("lamp", "Lamp", category="home", brand="M", created_at=NOW - timedelta(days=1)),
    Item("old", "Old thing", category="home", brand="N"),
]


def event(user, item, type_="click", days=0.0):
    return Event(f"{user}{item}{days}{type_}", user, item, type_, NOW - timedelta(days=days))


@pytest.fixture
def shop():
    made = Fallback(MEANINGS)
    made.upsert_items(ITEMS)
    made.observe(
        [event("a", "tea", days=3), event("a", "cup", days=2), event("b", "tea", days=2), event("b", "pot", days=1)]
    )
    made.observe([event("c", "pot", days=1), event("c", "cup", days=0.5)])
    return made


def ids(shop, user="", k=10, history=(), filters=Filters(), language="en"):
    return [one.item for one in shop.list_(user, history, k, filters, language)[0]]


def test_with_nothing_counted_the_newest_come_first():
    shop = Fallback(MEANINGS)
    shop.upsert_items(ITEMS)
    rows, route = shop.list_("x", (), 10, Filters(), "zh")
    assert [one.item for one in rows] == ["lamp", "pot", "cup", "tea", "old"]
    assert route == "latest" and rows[0].reason == "按上架时间展示，新的在前。"
    assert Fallback(MEANINGS).list_("x", (), 5, Filters(), "en") == ([], "latest")


def test_a_stranger_gets_what_is_popular_then_what_is_new(shop):
    rows, route = shop.list_("stranger", (), 10, Filters(), "en")
    assert route == "popular"
    assert [one.item for one in rows] == ["pot", "cup", "tea", "lamp", "old"]


def test_what_somebody_refuses_is_listed_no_more_and_leads_to_nothing(shop):
    everything = Filters(exclude_seen=False)
    shop.observe([event("d", "tea", days=2)])
    assert "tea" in ids(shop, "d", filters=everything)
    shop.observe([event("d", "tea", "dislike", days=1)])
    rows, route = shop.list_("d", (), 10, everything, "en")
    assert route == "popular" and "tea" not in {one.item for one in rows}
    assert "cup" not in ids(shop, "x", history=[event("x", "cup", "dislike")], filters=everything)
    shop.observe([event("d", "tea")])
    assert "tea" in ids(shop, "d", filters=everything)


def test_who_met_something_gets_what_goes_with_it_and_reads_why(shop):
    rows, route = shop.list_("d", [event("d", "tea")], 2, Filters(), "en")
    assert route == "behaviour"
    assert {one.item for one in rows} == {"cup", "pot"}
    assert rows[0].reason == "Others who met Oolong also met it." and rows[0].because == ("tea",)
    assert ids(shop, "a")[0] == "pot"  # by what is remembered of a; tea and cup are met already
    assert "tea" not in ids(shop, "a")


def test_an_event_changes_the_next_list(shop):
    before = ids(shop, "e")
    shop.observe([event("e", "cup")])
    assert ids(shop, "e") != before and "cup" not in ids(shop, "e")


def test_dislikes_and_impressions_make_nothing_popular(shop):
    shop.observe([event("x", "lamp", "dislike"), event("x", "old", "impression"), event("x", "old", "unheard")] * 5)
    assert ids(shop)[:3] == ["pot", "cup", "tea"]


def test_what_is_long_ago_counts_for_less():
    shop = Fallback(MEANINGS)
    shop.upsert_items(ITEMS)
    shop.observe([event(f"u{n}", "tea", days=140) for n in range(50)])
    shop.observe([event("v", "cup")])
    assert shop.popular(2) == ["cup", "tea"]  # ten half-lives: 50 / 1024 of a click


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(categories=("ware",)), ["pot", "cup"]),
        (Filters(price_min=15, price_max=25), ["cup"]),
        (Filters(blocked_items=("pot",), blocked_brands=("N",), blocked_categories=("home",)), ["cup", "tea"]),
        (Filters(most_per_category=1), ["pot", "tea", "lamp"]),
        (Filters(most_per_brand=1), ["pot", "cup", "old"]),
        (Filters(languages=("zh",)), []),
    ],
)
def test_filters_hold(shop, filters, expected):
    assert ids(shop, filters=filters) == expected


def test_what_is_sold_out_is_left_out(shop):
    shop.upsert_items([replace(ITEMS[2], available=False)])
    assert "pot" not in ids(shop) and "pot" not in shop.popular(5) and "pot" not in shop.latest(5)
    assert "pot" in ids(shop, filters=Filters(available_only=False))
    assert shop.latest(2, "ware") == ["cup"]


def test_a_forgotten_item_and_person_are_gone(shop):
    shop.forget_item("pot")
    assert "pot" not in ids(shop, "a") and "pot" not in shop.item_ids()
    shop.forget_user("a")
    assert "a" not in shop.user_ids() and set(ids(shop, "a")) == {"cup", "tea", "lamp", "old"}
