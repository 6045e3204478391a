"""Which events count for which list, and how near the top they stood."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.recommender.records import Event
from apps.recommender.served import ServedList, impressions, outcomes

NOW = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)


def is_positive(event: Event) -> bool:
    return event.type in ("click", "purchase")


def served(id_, *items, user="ann", hours=0):
    return ServedList(id_, user, NOW + timedelta(hours=hours), items)


def event(item, user="ann", hours=1.0, list_id="", type_="click"):
    return Event(f"{item}{hours}", user, item, type_, NOW + timedelta(hours=hours), list_id=list_id)


def wanted(lists, *events):
    return [set(one.wanted) for one in outcomes(lists, events, is_positive, join_hours=24)]


def test_an_event_counts_for_the_list_it_names():
    lists = [served("l1", "a", "b"), served("l2", "a", "b", hours=0.5)]
    assert wanted(lists, event("a", list_id="l1")) == [{"a"}, set()]


def test_an_event_without_a_list_counts_for_the_persons_latest_list_that_shows_it():
    lists = [
        served("l1", "a", "b"),
        served("l2", "a", hours=0.5),
        served("l3", "a", hours=2),
        served("x", "a", user="bob"),
    ]
    assert wanted(lists, event("a"), event("b")) == [{"b"}, {"a"}, set(), set()]


def test_late_early_unshown_and_negative_events_count_for_nothing():
    lists = [served("l1", "a", "b")]
    events = (
        event("a", hours=25, list_id="l1"), event("b", hours=-1, list_id="l1"), event("c", list_id="l1"),
        event("a", type_="view", list_id="l1"), event("a", list_id="unknown"),
    )  # fmt: skip
    assert wanted(lists, *events) == [set()]


def test_the_order_of_what_was_wanted_is_judged_by_its_places():
    first, second = outcomes(
        [served("l1", "a", "b"), served("l2", "a", "b", hours=0.1)],
        [event("a", list_id="l1"), event("b", list_id="l2")],
        is_positive,
        24,
    )
    assert first.ndcg == 1.0
    assert second.ndcg == pytest.approx(0.6309, abs=1e-4)  # 1 / log2(3)
    assert outcomes([served("l3", "a")], [], is_positive, 24)[0].ndcg is None


def test_an_item_deleted_since_leaves_the_places_of_the_others():
    (one,) = outcomes([served("l1", None, "b")], [event("b", list_id="l1")], is_positive, 24)
    assert one.ndcg == pytest.approx(0.6309, abs=1e-4)
    assert one.served.shown == ("b",)


def test_a_list_becomes_impressions_with_places_from_one():
    made = impressions(served("l1", "a", None, "c"))
    assert [(one.id, one.item, one.position, one.list_id, one.type) for one in made] == [
        ("l1:1", "a", 1, "l1", "impression"), ("l1:3", "c", 3, "l1", "impression")]  # fmt: skip
    assert impressions(served("l2", "a", user="")) == []
