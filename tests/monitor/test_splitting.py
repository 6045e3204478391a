"""No split gives answers away: groups, near copies and time are heeded."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.monitor.labelled import LabelledItem
from apps.monitor.records import Label
from apps.monitor.splitting import by_time, folds, held_out, jaccard, near_groups, without_copies_of
from core.errors import DataError

DAY = datetime(2026, 3, 1, tzinfo=UTC)
STORY = "Alba Bank fined 12 million over weak controls at its Oslo branch"
TOPICS = ("harvest", "football", "museum", "tunnel", "ferry", "orchard", "school", "comet", "bakery", "glacier")


def item(id: str, text: str, group: str = "", day: int | None = None) -> LabelledItem:
    moment = None if day is None else DAY + timedelta(days=day)
    return LabelledItem(id, text, "en", Label.NEUTRAL, group=group, moment=moment)


def different(count: int) -> list[LabelledItem]:
    return [
        item(str(n), f"{TOPICS[n % 10]} {n} {TOPICS[(n * 7 + 3) % 10]} number {n * n} of {n % 13}")
        for n in range(count)
    ]


def test_near_copies_and_rows_of_one_group_are_one() -> None:
    rows = [
        item("a", STORY),
        item("b", STORY + " - Finance Mirror"),
        item("c", "Rain expected over the harbour tonight"),
        item("d", "Weather: umbrellas out", group="weather"),
        item("e", "A wet evening lies ahead of us", group="weather"),
        item("f", "阿尔巴银行因内控薄弱被罚一千二百万元"),
        item("g", "快讯：阿尔巴银行因内控薄弱被罚一千二百万元"),
    ]
    groups = near_groups(rows)
    assert groups[0] == groups[1] and groups[3] == groups[4] and groups[5] == groups[6]
    assert len(set(groups)) == 4


def test_folds_hold_every_row_once_and_no_story_twice() -> None:
    rows = [*different(30), item("a", STORY), item("b", "RT " + STORY), item("c", STORY + "!")]
    parts = folds(rows, 4)
    assert sorted(number for part in parts for number in part) == list(range(len(rows)))
    assert max(map(len, parts)) - min(map(len, parts)) <= 3
    assert sum({30, 31, 32} <= set(part) for part in parts) == 1
    assert parts == folds(rows, 4)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 50), st.sampled_from([0.1, 0.3, 0.5]))
def test_what_is_held_out_is_disjoint_and_about_as_large_as_asked(seed: int, share: float) -> None:
    rows = [replace(one, group=str(number // 2)) for number, one in enumerate(different(40))]
    train, held = held_out(rows, share, seed)
    assert {row.group for row in train} & {row.group for row in held} == set()
    assert len(train) + len(held) == 40
    assert share * 40 - 2 <= len(held) <= share * 40


def test_a_story_that_crosses_a_border_stays_with_its_first_day() -> None:
    rows = [item("a", STORY, day=1), item("b", STORY + "!", day=6), item("c", "Harbour opens new pier", day=7)]
    early, late = by_time(rows, [DAY + timedelta(days=5)])
    assert [row.id for row in early] == ["a", "b"] and [row.id for row in late] == ["c"]
    with pytest.raises(DataError, match="no date"):
        by_time([item("x", "undated")], [DAY])


def test_copies_of_held_rows_leave_the_training_rows() -> None:
    rows = [item("a", STORY), item("b", "Harbour opens new pier")]
    assert [row.id for row in without_copies_of(rows, [item("t", STORY.upper())])] == ["b"]


def test_shares_and_folds_out_of_range_are_refused() -> None:
    with pytest.raises(DataError, match="between 0 and 1"):
        held_out([item("a", "x")], 1.0)
    with pytest.raises(DataError, match="at least 2"):
        folds([item("a", "x")], 1)
    assert jaccard(set(), set()) == 0.0
