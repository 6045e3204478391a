"""Dials of a list: variety, its price, mix of categories, exposure, caps; each against a case worked by hand."""

from collections import Counter

import numpy as np
import pytest

from apps.recommender.diversity import (
    CURVE,
    FRESH_GAP,
    SOFT,
    STRENGTH,
    Pool,
    choose,
    divergence,
    granted,
    intra_list_distance,
    price,
)
from apps.recommender.records import Filters, Wish


def pool(
    scores: list[float], kinds: list[int], exposure: list[float] | None = None, mix: dict[int, float] | None = None
) -> Pool:
    """Candidates of a kind point nearly the same way, those of different kinds are orthogonal."""
    vectors = np.zeros((len(kinds), max(kinds) + 1 + len(kinds)), np.float32)
    for n, kind in enumerate(kinds):
        vectors[n, kind], vectors[n, max(kinds) + 1 + n] = 0.95, np.sqrt(1 - 0.95**2)
    codes = np.array(kinds, np.int32) + 1
    return Pool(
        np.array(scores, np.float32),
        vectors,
        codes,
        codes,
        np.array(exposure or [0.0] * len(kinds), np.float32),
        mix or {},
    )


ALIKE = pool([3.0, 2.9, 2.8, 2.0, 1.0], [0, 0, 0, 1, 2])


def test_without_dials_the_order_is_that_of_the_scores() -> None:
    assert choose(ALIKE, Wish(diversity=0.0), 5).places == [0, 1, 2, 3, 4]


def test_enough_variety_puts_another_kind_before_a_near_copy() -> None:
    assert choose(ALIKE, Wish(diversity=1.0), 3).places == [0, 3, 4]


def test_low_places_are_given_to_variety_first() -> None:
    kinds = [choose(ALIKE, Wish(diversity=dial), 3).places for dial in (0.0, 0.8, 1.0)]
    assert kinds == [[0, 1, 2], [0, 1, 3], [0, 3, 4]]


def test_a_varied_list_stands_in_the_order_of_interest() -> None:
    first_like_third = pool([3.0, 2.9, 2.85, 0.5], [0, 1, 0, 2])
    chosen = choose(first_like_third, Wish(diversity=1.0), 4)
    assert chosen.places == [0, 1, 2, 3]
    assert chosen.added[2] < chosen.added[3]  # the copy was chosen last and says so where it stands


def test_more_variety_never_makes_a_list_more_alike() -> None:
    rows = [choose(ALIKE, Wish(diversity=dial), 3).places for dial in np.linspace(0, 1, 11)]
    distances = [intra_list_distance(ALIKE.vectors[places]) for places in rows]
    assert distances == sorted(distances)
    assert distances[-1] > distances[0]


def test_what_the_dials_add_is_what_they_took() -> None:
    chosen = choose(ALIKE, Wish(diversity=0.54), 5)
    assert chosen.added[0] == pytest.approx(0.0)  # nothing stands above the first
    shares = np.exp(SOFT * ALIKE.scores) / np.exp(SOFT * ALIKE.scores).sum()
    gain = shares[1] / np.log2(3)
    lost = STRENGTH * 0.54**CURVE * float(ALIKE.vectors[0] @ ALIKE.vectors[1])
    assert chosen.added[1] == pytest.approx(np.log((gain - lost) / gain) / SOFT, abs=1e-4)
    assert all(value <= 1e-6 for value in chosen.added)
    assert choose(ALIKE, Wish(diversity=0.0), 5).added == pytest.approx([0] * 5)


def test_distance_of_a_list_by_hand() -> None:
    assert intra_list_distance(np.eye(3, dtype=np.float32)) == pytest.approx(1.0)
    assert intra_list_distance(np.ones((2, 1), np.float32)) == pytest.approx(0.0)
    half = np.array([[1, 0], [1, 0], [0, 1]], np.float32)  # pairs: 0, 1, 1
    assert intra_list_distance(half) == pytest.approx(2 / 3)


def test_the_price_of_a_list_by_hand() -> None:
    probabilities = np.array([0.5, 0.3, 0.2], np.float32)
    best = 0.5 + 0.3 / np.log2(3)
    assert price(probabilities, [0, 1]) == pytest.approx(0.0)
    assert price(probabilities, [0, 2]) == pytest.approx(1 - (0.5 + 0.2 / np.log2(3)) / best)


def test_calibration_brings_the_person_s_own_mix_back() -> None:
    mostly_first = pool([5, 4.9, 4.8, 4.7, 4.6, 4.5], [0, 0, 0, 0, 1, 1], mix={1: 0.5, 2: 0.5})
    kinds = mostly_first.categories
    plain = choose(mostly_first, Wish(diversity=0), 4).places
    mixed = choose(mostly_first, Wish(diversity=0, calibration=1.0), 4).places
    assert Counter(kinds[plain].tolist()) == {1: 4}
    assert Counter(kinds[mixed].tolist()) == {1: 2, 2: 2}


def test_divergence_is_nothing_for_the_same_mix_and_large_for_a_missing_category() -> None:
    mix = {1: 0.5, 2: 0.5}
    assert divergence(mix, Counter({1: 2, 2: 2})) == pytest.approx(0.0, abs=1e-9)
    expected = 0.5 * np.log(0.5 / (0.99 * 1.0 + 0.005)) + 0.5 * np.log(0.5 / 0.005)
    assert divergence(mix, Counter({1: 4})) == pytest.approx(expected)


def test_exposure_holds_back_what_everybody_is_shown() -> None:
    famous = pool([3.0, 2.9], [0, 1], exposure=[1000.0, 1.0])
    assert choose(famous, Wish(diversity=0, exposure=0.0), 2).places == [0, 1]
    assert choose(famous, Wish(diversity=0, exposure=0.5), 2).places == [1, 0]


def test_a_cap_passes_over_what_is_too_much_and_names_it() -> None:
    chosen = choose(ALIKE, Wish(diversity=0, filters=Filters(most_per_brand=1)), 3)
    assert chosen.places == [0, 3, 4]
    assert chosen.capped == {"most_per_brand": [1, 2]}


def test_fresh_places_are_the_last_ones_and_only_as_many_as_missing() -> None:
    fresh, alike = np.array([False, False, True, False, True]), np.zeros(5, np.float32)
    assert granted([0, 1, 3], [0, 1, 3, 2, 4], fresh, alike, alike, 1 / 3, 3) == {2: 2}
    assert granted([0, 1, 3], [0, 1, 3, 2, 4], fresh, alike, alike, 2 / 3, 3) == {1: 2, 2: 4}
    assert granted([0, 2, 3], [0, 2, 3, 1, 4], fresh, alike, alike, 1 / 3, 3) == {}
    assert granted([0, 1, 3], [0, 1, 3, 2, 4], np.zeros(5, bool), alike, alike, 2 / 3, 3) == {}


def test_the_fresh_item_with_the_larger_claim_comes_first_whatever_its_score() -> None:
    fresh, scores = np.array([False, False, True, True]), np.array([3.0, 3.0, 2.9, 2.8], np.float32)
    claims = np.array([0.0, 0.0, 0.1, 0.7], np.float32)
    assert granted([0, 1], [0, 1, 2, 3], fresh, scores, claims, 0.5, 2) == {1: 3}
    assert granted([0, 1], [0, 1, 2, 3], fresh, scores, claims, 0.9, 2) == {0: 3, 1: 2}


def test_fresh_items_take_places_from_the_end_and_stop_at_the_first_that_is_too_far_behind() -> None:
    fresh = np.array([False, False, False, True, True])
    scores = np.array([9.0, 3.0, 3.0, 3.0, 3.0], np.float32)
    claims = np.zeros(5, np.float32)
    assert granted([0, 1, 2], [0, 1, 2, 3, 4], fresh, scores, claims, 0.4, 3) == {2: 3}
    assert granted([0, 1, 2], [0, 1, 2, 3, 4], fresh, scores, claims, 0.9, 3) == {1: 3, 2: 4}
    scores[3] = -20.0
    assert granted([0, 1, 2], [0, 1, 2, 4, 3], fresh, scores, np.arange(5, 0, -1, np.float32), 0.9, 3) == {}


def test_a_fresh_item_far_behind_takes_no_place_until_the_dial_is_at_its_end() -> None:
    fresh, order = np.array([False, False, True]), [0, 1, 2]
    near, far = (np.array([5.0, 3.0, 3.0 - below], np.float32) for below in (2 * FRESH_GAP - 0.1, 2 * FRESH_GAP + 0.1))
    none = np.zeros(3, np.float32)
    assert granted([0, 1], order, fresh, near, none, 0.5, 2) == {1: 2}
    assert granted([0, 1], order, fresh, far, none, 0.5, 2) == {}
    assert granted([0, 1], order, fresh, far, none, 0.9, 1) == {1: 2}
    assert granted([0, 1], order, fresh, np.array([9.0, 9.0, -9.0], np.float32), none, 1.0, 1) == {1: 2}


def test_a_fresh_item_is_held_against_the_plain_order_not_against_what_variety_put_there() -> None:
    fresh, scores = np.array([False, False, False, True]), np.array([9.0, 8.0, 1.0, 2.0], np.float32)
    none = np.zeros(4, np.float32)
    assert granted([0, 2], [0, 1, 3, 2], fresh, scores, none, 0.5, 2) == {}
    assert granted([0, 1], [0, 1, 3, 2], fresh, scores + np.array([0, 0, 0, 5], np.float32), none, 0.5, 2) == {1: 3}
