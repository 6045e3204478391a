"""Item-item tables and factors on matrices whose right answer is evident, and against formulas solved otherwise."""

import numpy as np
import pytest

from apps.recommender.candidates import best
from apps.recommender.factors import CONFIDENCE, PENALTY, Factors, alternating
from apps.recommender.neighbours import ItemTable, linear, together

CHESS_PEOPLE, CHESS_ITEMS = 12, 8


def checkerboard() -> tuple[np.ndarray, np.ndarray]:
    """Even people met all even items, odd people all odd ones, but each misses one."""
    pairs = [
        (person, item)
        for person in range(CHESS_PEOPLE)
        for item in range(CHESS_ITEMS)
        if item % 2 == person % 2 and item // 2 != person // 2 % 4
    ]
    people, items = np.array(pairs).T
    return people, items


def missing(person: int) -> int:
    return person // 2 % 4 * 2 + person % 2


def scores_of(table: ItemTable, person: int) -> np.ndarray:
    people, items = checkerboard()
    met = items[people == person]
    found = table.scores(met, np.ones(len(met), np.float32), CHESS_ITEMS)
    found[met] = -np.inf
    return found


@pytest.mark.parametrize("kind", ["together", "linear"])
def test_everybody_is_given_back_the_square_she_misses(kind: str) -> None:
    people, items = checkerboard()
    if kind == "together":
        table = together(people, items, CHESS_ITEMS, 8, np.ones(len(items), np.float32))
    else:
        table = linear(people, items, CHESS_ITEMS, 8, penalty=0.5)
    for person in range(CHESS_PEOPLE):
        assert scores_of(table, person).argmax() == missing(person)


def test_factors_give_back_the_missing_square_too() -> None:
    people, items = checkerboard()
    factors = alternating(people, items, CHESS_ITEMS, dim=2, seed=3)
    for person in range(CHESS_PEOPLE):
        met = items[people == person]
        found = factors.scores(met, np.ones(len(met), np.float32), CHESS_ITEMS)
        found[met] = -np.inf
        assert found.argmax() == missing(person)


def test_the_linear_model_is_least_squares_with_a_penalty_and_no_own_weight() -> None:
    people, items = checkerboard()
    met = np.zeros((CHESS_PEOPLE, CHESS_ITEMS))
    met[people, items] = 1
    table = linear(people, items, CHESS_ITEMS, CHESS_ITEMS, penalty=2.0)
    weights = np.zeros((CHESS_ITEMS, CHESS_ITEMS))
    weights[np.arange(CHESS_ITEMS)[:, None], table.neighbours] = table.weights
    for target in range(CHESS_ITEMS):  # ridge regression of one column on the others
        others = [n for n in range(CHESS_ITEMS) if n != target]
        left = met[:, others].T @ met[:, others] + 2.0 * np.eye(CHESS_ITEMS - 1)
        expected = np.linalg.solve(left, met[:, others].T @ met[:, target])
        assert weights[others, target] == pytest.approx(expected, abs=1e-5)
        assert weights[target, target] == 0


def test_a_person_s_factors_solve_her_weighted_least_squares() -> None:
    people, items = checkerboard()
    factors = alternating(people, items, CHESS_ITEMS, dim=3, seed=0)
    met, weights = np.array([0, 4]), np.array([1.0, 0.5], np.float32)
    vectors = factors.items.astype(np.float64)
    sure = np.ones(CHESS_ITEMS)
    sure[met] += CONFIDENCE * weights
    wanted = np.zeros(CHESS_ITEMS)
    wanted[met] = 1
    left = vectors.T @ (sure[:, None] * vectors) + PENALTY * np.eye(3)
    expected = np.linalg.solve(left, vectors.T @ (sure * wanted))
    assert factors.person(met, weights) == pytest.approx(expected, abs=1e-4)


def test_what_follows_counts_more_than_what_came_before() -> None:
    people, items = np.zeros(2, np.int64), np.array([0, 1])
    table = together(people, items, 2, 2, np.ones(2, np.float32))
    forward = table.scores(np.array([0]), np.ones(1, np.float32), 2)[1]
    back = table.scores(np.array([1]), np.ones(1, np.float32), 2)[0]
    assert forward == pytest.approx(2 * back)


def test_old_meetings_fade_and_other_people_s_are_not_joined() -> None:
    people, items = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 2])
    table = together(people, items, 3, 3, np.array([1, 1, 1, 0.25], np.float32))
    found = table.scores(np.array([0]), np.ones(1, np.float32), 3)
    assert found[1] > found[2] > 0
    assert table.scores(np.array([1]), np.ones(1, np.float32), 3)[2] == 0  # nobody met both


def test_between_names_the_weight_of_each_pair() -> None:
    people, items = checkerboard()
    table = together(people, items, CHESS_ITEMS, 3, np.ones(len(items), np.float32))
    liked, candidates = np.array([0, 2, 7]), np.array([4, 6, 1, 0])
    found = table.between(liked, candidates)
    for row, item in enumerate(liked):
        alone = table.scores(np.array([item]), np.ones(1, np.float32), CHESS_ITEMS)
        assert found[row] == pytest.approx(alone[candidates])


def test_an_item_newer_than_the_table_adds_nothing() -> None:
    table = together(np.zeros(2, np.int64), np.array([0, 1]), 2, 2, np.ones(2, np.float32))
    assert not table.scores(np.array([5]), np.ones(1, np.float32), 6).any()


def test_moments_over_all_items_are_those_of_their_scores() -> None:
    people, items = checkerboard()
    factors = alternating(people, items, CHESS_ITEMS, dim=3, seed=0)
    met, weights = np.array([1, 3]), np.array([1.0, 0.7], np.float32)
    whole = factors.scores(met, weights, CHESS_ITEMS)
    some, mean, spread = factors.some(met, weights, np.array([5, 2]))
    assert some == pytest.approx(whole[[5, 2]], abs=1e-7)  # float32: sums near 0 depend on their order
    assert (mean, spread) == pytest.approx((whole.mean(), whole.std()), abs=1e-5)


@pytest.mark.parametrize("allowed_share", [1.0, 0.3, 0.0])
def test_the_best_of_the_longest_vectors_are_the_best_of_all(allowed_share: float) -> None:
    random = np.random.default_rng(5)
    items = random.normal(size=(20_000, 8)).astype(np.float32) * random.pareto(2, (20_000, 1)).astype(np.float32)
    factors, allowed = Factors(items, np.eye(8)), random.random(20_000) < allowed_share
    for person in random.normal(size=(5, 8)).astype(np.float32):
        liking = np.where(allowed, items @ person, 0)
        expected = [row for row in np.argsort(-liking)[:50].tolist() if liking[row] > 0]
        assert factors.best(person, 50, allowed).tolist() == expected


def test_nobody_known_to_the_factors_likes_nothing_best() -> None:
    factors = Factors(np.ones((3, 2), np.float32), np.eye(2))
    stranger = factors.person(np.array([7]), np.ones(1, np.float32))
    assert not stranger.any() and not len(factors.best(stranger, 2, np.ones(3, bool)))


@pytest.mark.parametrize("shape", ["few", "many", "sparse", "in a row"])
def test_the_best_rows_are_those_of_a_full_sort(shape: str) -> None:
    random = np.random.default_rng(2)
    values = {
        "few": random.normal(size=30),
        "many": random.normal(size=30_000),
        "sparse": np.where(random.random(30_000) < 0.001, random.random(30_000), 0.0),
        "in a row": np.arange(-15_000, 15_000, dtype=float),
    }[shape]
    allowed = random.random(len(values)) < 0.7
    for mask in (None, allowed):
        open_ = values if mask is None else np.where(mask, values, 0)
        expected = [row for row in np.argsort(-open_, kind="stable")[:20].tolist() if open_[row] > 0]
        assert best(values, 20, mask).tolist() == expected
