"""Every measure of lists against a worked example."""

import numpy as np
import pytest

from apps.recommender.measures.ranked import (
    LOST,
    K,
    Ranking,
    calibration,
    coverage,
    figures,
    gini,
    joined,
    list_distance,
    of_scores,
    paired_gain,
)
from core.metrics_ranking import ndcg_of


def test_ndcg_of_one_target_is_the_discount_of_its_place() -> None:
    ranking = Ranking(np.array([0, 1, 2, 9, 10]), np.zeros((5, K), np.int64))
    expected = [1.0, 1 / np.log2(3), 0.5, 1 / np.log2(11), 0.0]
    assert ranking.gains() == pytest.approx(expected)
    assert ranking.hits().tolist() == [1, 1, 1, 1, 0]


def test_it_agrees_with_the_measure_of_the_stem() -> None:
    order = list(range(20))
    for place in (0, 3, 9, 10, 15):
        ours = Ranking(np.array([place]), np.zeros((1, K), np.int64)).gains()[0]
        assert ours == pytest.approx(ndcg_of(order, [order[place]], K))


def test_scores_become_places_and_lists_with_ties_to_the_lower_row() -> None:
    scores = np.array([[0.5, 0.9, 0.5, 0.1], [0.2, 0.2, 0.2, 0.2]], np.float32)
    found = of_scores(scores, [2, 0])
    assert found.places.tolist() == [2, 0]  # 0.9 and the earlier 0.5 are before; the first of equals
    assert found.lists[0, :4].tolist() == [1, 0, 2, 3]


def test_a_filtered_target_is_never_found() -> None:
    scores = np.array([[1.0, -np.inf, 0.5]], np.float32)
    found = of_scores(scores, [1])
    assert found.places[0] == LOST
    assert found.hits()[0] == 0
    assert found.lists[0, :3].tolist() == [0, 2, -1]


def test_coverage_and_concentration_by_hand() -> None:
    lists = np.array([[0, 1], [0, 1], [0, 2]])
    assert coverage(lists, 4) == 0.75
    # counts 0, 1, 2, 3 in order: sum of (2 i - 5) * count is -1 * 1 + 1 * 2 + 3 * 3 = 10, over 4 * 6
    assert gini(lists, 4) == pytest.approx(10 / 24)
    assert gini(np.array([[0, 1], [2, 3]]), 4) == pytest.approx(0.0)


def test_distance_inside_lists_is_the_mean_over_lists() -> None:
    space = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    assert list_distance(np.array([[0, 1], [0, 2]]), space) == pytest.approx(0.5)


def test_cold_and_warm_are_parted() -> None:
    lists = np.tile(np.arange(K), (4, 1))
    found = figures(
        Ranking(np.array([0, 50, 0, 50]), lists), np.array([True, True, False, False]), 60, np.eye(60, dtype=np.float32)
    )
    assert (found["cold_hr10"], found["warm_hr10"], found["hr10"]) == (0.5, 0.5, 0.5)
    assert found["mrr"] == pytest.approx((1 + 1 / 51) / 2)
    assert found["ndcg10_low"] <= found["ndcg10"] <= found["ndcg10_high"]


def test_a_gain_everybody_has_is_certain_and_one_of_chance_is_not() -> None:
    random = np.random.default_rng(0)
    before = random.random(200)
    users = [str(n // 2) for n in range(200)]
    sure = paired_gain(before * 1.1, before, users)
    assert sure["gain"] == pytest.approx(0.1)
    assert sure["gain_low"] == pytest.approx(0.1)
    chance = paired_gain(before + random.normal(0, 0.3, 200), before, users)
    assert chance["gain_low"] < 0 < chance["gain_high"]


def test_stated_probabilities_that_come_true_are_calibrated() -> None:
    stated = np.full(100, 0.2, np.float32)
    assert calibration(stated, np.arange(100) < 20) == pytest.approx(0.0, abs=1e-6)
    assert calibration(stated, np.arange(100) < 70) == pytest.approx(0.5, abs=1e-6)


def test_parts_of_a_ranking_join_in_order() -> None:
    one = Ranking(np.array([1]), np.zeros((1, K), np.int64))
    assert joined([one, Ranking(np.array([2]), np.ones((1, K), np.int64))]).places.tolist() == [1, 2]
