"""The surge detector: judged before learnt, found at the exact place on made signals, online equals recomputed."""

import math
import random
from datetime import UTC, datetime, timedelta

import pytest

from apps.monitor.surge import QUANTILE, SurgeDetector

HOUR, START = timedelta(hours=1), datetime(2026, 3, 2, tzinfo=UTC)  # a Monday


def judged(values, width=1, counts=True, season=True, step=HOUR, memory=6400):
    """Each value's judgement, before it is learnt."""
    detector = SurgeDetector(step, width, memory, counts, season)
    found = []
    for number, value in enumerate(values):
        at = START + step * number
        found.append(detector.judge(at, value))
        detector.learn(at, value)
    return found


def test_the_first_hour_of_a_surge_is_found_and_none_before_it():
    rng = random.Random(4)
    quiet = [rng.choice([0, 0, 0, 1, 1, 2]) for _ in range(24 * 14)]
    scores = [one.score for one in judged([*quiet, 12, 15])]
    assert max(scores[24 * 3 : -2]) < 1
    assert scores[-2] > 1.5


def test_a_steady_series_is_never_unusual_and_one_step_away_from_it_is():
    scores = [one.score for one in judged([50.0] * 200 + [200.0])]
    assert all(abs(score) < 1e-9 for score in scores[1:-1])
    assert scores[-1] > 1


def test_a_busy_hour_of_the_day_is_expected_at_that_hour_and_not_at_night():
    day = [0] * 9 + [20] * 2 + [1] * 13  # busy from nine to eleven
    values = day * 5 + [0, 0] * 24 + day * 5  # two idle days are the weekend
    found = judged(values + [0, 0] * 24 + day[:9])
    detector_time = START + HOUR * len(values + [0, 0] * 24 + day[:9])
    again = SurgeDetector(HOUR)
    for number, value in enumerate(values + [0, 0] * 24 + day[:9]):
        again.learn(START + HOUR * number, value)
    busy, night = again.judge(detector_time, 20), again.judge(detector_time + 12 * HOUR, 20)
    assert found[0].seen == 0
    assert busy.expected > 10 > 5 > night.expected
    assert busy.score < night.score


def test_a_count_that_chance_explains_is_no_surge_however_even_the_past():
    assert judged([0] * 400 + [1])[-1].score < 1
    assert judged([0] * 400 + [2])[-1].score < 1.05
    assert judged([0] * 400 + [6])[-1].score > 1.5


def test_a_new_series_does_not_take_its_first_values_for_a_surge():
    assert judged([3, 4, 5, 3])[-1].score < 1


def test_nothing_after_a_value_changes_what_was_said_of_it():
    rng = random.Random(8)
    values = [rng.gauss(20, 4) for _ in range(300)]
    other = values[:200] + [value * 50 for value in values[200:]]
    assert judged(values)[:200] == judged(other)[:200]


def test_online_equals_recomputed_from_the_definition():
    rng = random.Random(2)
    values = [rng.uniform(0, 9) for _ in range(180)]
    last = judged(values, width=4, counts=False, season=False)[-1]
    means = [sum(values[max(0, at - 3) : at + 1]) / len(values[max(0, at - 3) : at + 1]) for at in range(180)]
    strays = sorted(abs(means[at] - sum(values[:at]) / at) for at in range(1, 179))
    past = values[:-1]
    mean = sum(past) / len(past)
    spread = math.sqrt(sum((value - mean) ** 2 for value in past) / len(past))
    usual = max(2 * spread, strays[int(QUANTILE * (len(strays) - 1))])
    assert last.expected == pytest.approx(mean)
    assert last.score == pytest.approx((means[-1] - mean) / usual)


def test_what_is_older_than_the_memory_is_forgotten():
    short = judged([100.0] * 300 + [5.0] * 100, memory=50, season=False)[-1]
    assert short.expected == pytest.approx(5.0)
    assert short.seen == 50


def test_both_directions_are_told_by_the_sign():
    assert judged([30.0] * 100 + [90.0], counts=False)[-1].score > 1
    assert judged([30.0] * 100 + [1.0], counts=False)[-1].score < -1
