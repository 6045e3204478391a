"""Figures over served lists against counts that a reader can do by hand."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from apps.recommender.quality import daily, exposure, fresh_items, gini, per_minute
from apps.recommender.records import Item
from apps.recommender.served import Outcome, ServedList

NOW = datetime(2026, 6, 2, 12, 0, tzinfo=UTC)


def outcome(id_, items, wanted=(), user="ann", days=0, route="warm", ms=10.0):
    served = ServedList(id_, user, NOW - timedelta(days=days), tuple(items), route=route, took_ms=ms)
    return Outcome(served, frozenset(wanted))


def test_each_day_is_counted_by_itself():
    rows = [
        outcome("l1", "abcd", "a", days=1),
        outcome("l2", "abcd", "", "bob", days=1, route="popular", ms=30.0),
        outcome("l3", "ab", "ab"),
    ]
    first, second = daily(rows, catalogue=8)
    assert (first.lists, first.people, first.shown, first.wanted, first.without_model) == (2, 2, 8, 1, 1)
    assert (first.click_rate, first.ndcg, first.coverage) == (0.125, 1.0, 0.5)
    assert first.p95_ms == pytest.approx(29.0)
    assert (second.click_rate, second.coverage, second.without_model) == (1.0, 0.25, 0)
    assert daily([outcome("l1", "ab")], 2)[0].ndcg is None
    assert daily([], 5) == []


def test_exposure_counts_items_never_shown():
    even = exposure([outcome("l", "abcd").served], catalogue=4)
    assert (even.gini, even.coverage) == (0.0, 1.0)
    assert even.curve[0] == (0.0, 0.0) and even.curve[-1] == (1.0, 1.0)
    one = exposure([outcome("l", "a").served], catalogue=4)
    assert (one.gini, one.coverage, one.most) == (0.75, 0.25, (("a", 1),))
    assert exposure([], 4).coverage == 0.0


def test_gini_agrees_with_its_definition():
    amounts = np.array([5.0, 0.0, 1.0, 2.0, 9.0])
    pairs = np.abs(amounts[:, None] - amounts[None, :]).mean() / (2 * amounts.mean())
    assert gini(amounts) == pytest.approx(pairs)
    assert gini(np.zeros(3)) == 0.0


def test_fresh_items_are_watched_until_they_are_old():
    items = [
        Item("new", "New", created_at=NOW - timedelta(days=1)),
        Item("old", "Old", created_at=NOW - timedelta(days=30)),
        Item("week", "Week", created_at=NOW - timedelta(days=7)),
        Item("undated", "Undated"),
    ]
    found = fresh_items(items, [outcome("l", ("new", "old"), ("new",))], NOW, fresh_days=14)
    assert [(one.item, one.age_days, one.shown, one.wanted) for one in found] == [
        ("new", 1.0, 1, 1),
        ("week", 7.0, 0, 0),
    ]


def test_events_are_counted_by_the_minute():
    times = [(NOW, "click"), (NOW - timedelta(seconds=61), "click"), (NOW - timedelta(seconds=70), "click")]
    times += [(NOW, "like"), (NOW - timedelta(hours=2), "click"), (NOW + timedelta(minutes=1), "click")]
    assert per_minute(times, NOW, 60) == [
        (NOW - timedelta(minutes=2), "click", 2), (NOW, "click", 1), (NOW, "like", 1)]  # fmt: skip
