"""Experiments: assignment is stable and even, differences are found where they are and not where they are not."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from apps.recommender.experiments import Experiment, Variant, half_width, read
from apps.recommender.served import Outcome, ServedList
from core.errors import DataError

NOW = datetime(2026, 6, 1, tzinfo=UTC)
HALVES = (Variant("A", 0.5), Variant("B", 0.5, {"diversity": 0.8}))


def experiment(*variants, name="dials"):
    return Experiment(name, variants or HALVES, NOW)


def lists(rates, people=400, shown=10, seed=1):
    """Each person of each arm sees one list and wants each item with the arm's rate."""
    drawn = random.Random(seed)
    made = []
    for arm, rate in rates.items():
        for person in range(people):
            items = tuple(f"i{n}" for n in range(shown))
            served = ServedList(
                f"{arm}{person}", f"{arm}{person}", NOW + timedelta(minutes=person), items, {"dials": arm}
            )
            made.append(Outcome(served, frozenset(one for one in items if drawn.random() < rate)))
    return made


def test_the_same_person_always_gets_the_same_variant_also_in_another_process():
    one = experiment()
    assert [one.assign(user).name for user in ("ann", "bob", "曹", "dora", "eve", "fay")] == [
        "B",
        "A",
        "A",
        "B",
        "A",
        "A",
    ]  # first bytes by sha256sum: 89 28 6d d5 6f 45
    assert one.assign("") is None


def test_people_are_split_by_share_and_experiments_do_not_follow_each_other():
    one, other = (
        experiment(Variant("A", 0.3), Variant("B", 0.2)),
        experiment(Variant("A", 0.5), Variant("B", 0.5), name="x"),
    )
    people = [f"user{n}" for n in range(20_000)]
    names = [(got := one.assign(user)) and got.name for user in people]
    assert names.count("A") / len(people) == pytest.approx(0.3, abs=0.015)
    assert names.count("B") / len(people) == pytest.approx(0.2, abs=0.015)
    assert names.count(None) / len(people) == pytest.approx(0.5, abs=0.015)
    in_a = [other.assign(user).name for user, name in zip(people, names, strict=True) if name == "A"]
    assert in_a.count("A") / len(in_a) == pytest.approx(0.5, abs=0.03)


def test_a_difference_that_is_there_is_found_with_its_size():
    report = read(experiment(), lists({"A": 0.05, "B": 0.15}))
    a, b = report.arms
    assert (a.people, a.lists, a.shown) == (400, 400, 4000)
    assert a.click_rate == pytest.approx(0.05, abs=0.01) and b.click_rate == pytest.approx(0.15, abs=0.015)
    (difference,) = report.differences
    assert difference.verdict == "better" and 0 < difference.low < 0.1 < difference.high
    assert read(experiment(), lists({"A": 0.15, "B": 0.05})).differences[0].verdict == "worse"


def test_equal_arms_stay_open_at_every_look():
    wrong = 0
    for seed in range(20):
        rows = lists({"A": 0.1, "B": 0.1}, seed=seed)
        looks = [read(experiment(), rows[:n] + rows[400 : 400 + n]) for n in range(40, 401, 40)]
        wrong += any(one.differences[0].verdict != "open" for one in looks)
    assert wrong <= 2


def test_few_people_give_no_verdict():
    assert read(experiment(), lists({"A": 0.0, "B": 1.0}, people=10)).differences[0].verdict == "too_few"
    empty = read(experiment(), [])
    assert empty.differences[0].verdict == "too_few" and empty.arms[0].click_rate == 0 and empty.mismatch_p == 1.0


def test_a_split_that_is_not_as_meant_is_told():
    rows = lists({"A": 0.1, "B": 0.1})
    assert read(experiment(), rows).mismatch_p == pytest.approx(1.0)
    assert read(experiment(), rows[:600]).mismatch_p < 0.001  # 400 against 200


def test_the_interval_is_wider_than_one_for_a_single_look_and_shrinks_with_people():
    assert half_width(0.01**2, 500) > 1.96 * 0.01
    assert half_width(1 / 500, 500) > half_width(1 / 5000, 5000)


@pytest.mark.parametrize(
    ("variants", "words"),
    [
        ((Variant("A", 0.5),), "at least two variants"),
        ((Variant("A", 0.5), Variant("A", 0.5)), "different names"),
        ((Variant("A", 0.7), Variant("B", 0.7)), "sum to at most 1"),
    ],
)
def test_an_experiment_that_cannot_be_meant_is_refused(variants, words):
    with pytest.raises(DataError, match=words):
        Experiment("x", variants, NOW)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": "A", "share": 0.0}, "share must be above 0"),
        ({"name": " ", "share": 0.5}, "needs a name"),
        ({"name": "A", "share": 0.5, "dials": {"divrsity": 0.5}}, "nearest known is 'diversity'"),
        ({"name": "A", "share": 0.5, "dials": {"diversity": 2}}, "between 0 and 1"),
    ],
)
def test_a_variant_that_cannot_be_meant_is_refused(given, words):
    with pytest.raises(DataError, match=words):
        Variant(**given)
