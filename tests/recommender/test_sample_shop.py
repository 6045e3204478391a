"""The sample's log becomes a past that ended yesterday: the same hours, the same distances, lists instead of impressions."""

from datetime import UTC, datetime, timedelta

from apps.recommender.records import Event, Item
from apps.recommender.sample_shop import SAMPLE, moved

THEN = datetime(2026, 1, 10, 8, 30, tzinfo=UTC)


def event(id_, item="a", minutes=0, type_="click", **more):
    return Event(id_, "ann", item, type_, THEN + timedelta(minutes=minutes), **more)


def test_everything_moves_by_the_same_whole_days():
    now = datetime(2026, 3, 1, 7, 0, tzinfo=UTC)
    items = [Item("a", "A", created_at=THEN - timedelta(days=3)), Item("b", "B")]
    dated, others, lists = moved(items, [event("e1"), event("e2", "b", minutes=90)], now)
    ahead = others[0].time - THEN
    assert ahead == timedelta(days=49) and others[1].time - THEN == ahead + timedelta(minutes=90)
    assert dated[0].created_at == THEN - timedelta(days=3) + ahead and dated[1].created_at is None
    assert timedelta() <= now - others[1].time < timedelta(days=1) and lists == []


def test_what_was_shown_becomes_lists_in_their_order():
    shown = [
        event(f"i{n}", item, 0, "impression", position=n, list_id="home-1")
        for n, item in ((2, "b"), (1, "a"), (4, "d"))
    ]
    _, others, (served,) = moved(
        [], [*shown, event("c", "a", 1, list_id="home-1"), event("x", type_="impression")], THEN
    )
    assert served.items == ("a", "b", None, "d") and (served.id, served.user, served.route) == (
        "home-1",
        "ann",
        "sample",
    )
    assert [one.id for one in others] == ["c", "x"]  # an impression of no list stays what it is


def test_the_sample_is_where_it_is_looked_for():
    assert (SAMPLE / "items.jsonl").is_file()
