"""Probabilities and thresholds with a stated error rate."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from apps.chatbot import calibration, tuning
from apps.chatbot.calibration import fit, refit_threshold, risk_coverage_curve
from apps.chatbot.decision import Match, Signals
from apps.chatbot.records import Evidence, EvidenceKind
from apps.chatbot.service import SAMPLE
from apps.chatbot.settings import load_settings
from core.errors import DataError
from core.json_files import read_json


def test_the_curve_counts_wrong_answers_from_the_surest_down():
    curve = risk_coverage_curve(np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, True, False, True]))
    assert [(point.coverage, point.risk) for point in curve] == [(0.25, 0), (0.5, 0), (0.75, 0.3333), (1.0, 0.25)]


def test_nothing_is_answered_when_no_threshold_keeps_the_rate():
    fitted = fit([[0.1], [0.2]] * 10, [True, False] * 10, ("a",), error_rate=0.0001)
    backwards = fit([[1.0]] * 10 + [[1.1]] * 10, [False, True] * 10, ("a",), error_rate=0.01)
    assert fitted.threshold <= 1 and all(point.risk < 1 for point in fitted.curve)
    assert backwards.threshold >= 0.99
    assert all(backwards.calibrator.probability([value]) < backwards.threshold for value in (1.0, 1.1))


def test_where_the_surest_was_wrong_only_what_is_surer_still_is_answered():
    features = [[3.0], *[[2.0]] * 10, *[[0.0]] * 10]
    fitted = fit(features, [False, *[True] * 10, *[False] * 10], ("a",), error_rate=0.05)
    assert all(point.risk > 0.05 for point in fitted.curve)
    assert 0.95 <= fitted.threshold < 1
    assert fitted.threshold > fitted.curve[0].threshold


def test_a_fit_keeps_its_promise_on_fresh_questions():
    draw = np.random.default_rng(0)
    right = draw.random(600) < 0.6
    features = np.stack([right + draw.normal(0, 0.6, 600), draw.normal(0, 1, 600)], axis=1)
    fitted = fit(features[:300].tolist(), right[:300].tolist(), ("a", "b"), error_rate=0.1)
    given = np.array([fitted.calibrator.probability(row) >= fitted.threshold for row in features[300:]])
    assert given.mean() > 0.3 and (~right[300:][given]).mean() < 0.18


def test_a_passage_that_holds_the_questions_words_speaks_against_an_approved_answer():
    def answer(id_, score):
        return Match(Evidence(id_, EvidenceKind.ANSWER, 1, "Cups?", "We engrave cups.", score), 0.5, 0.5)

    passage = Match(Evidence("p", EvidenceKind.PASSAGE, 1, "Guide", "Glass is not engraved.", 0.9), 0.5, 0.8)
    alone = Signals(answers=(answer("a", 0.75), answer("b", 0.5)))
    beside = replace(alone, passages=(replace(passage, overlap=0.3), passage), follows=True)
    assert calibration.answer_features(alone) == [0.75, 0.25, 0.0, 0.0]
    assert calibration.answer_features(beside) == [0.75, 0.25, 1.0, 0.8]
    assert calibration.answer_features(Signals()) == [0.0] * len(calibration.ANSWER_FEATURES)


def test_too_few_labels_are_refused_in_one_sentence():
    with pytest.raises(DataError, match="at least 5 questions answered right and 5 wrong, got 3 and 2"):
        fit([[0.1]] * 5, [True, True, True, False, False], ("a",), 0.1)


def test_a_second_threshold_reads_the_same_probability_for_an_act_that_is_right_more_often():
    rows = [[score / 10] for score in range(20)]
    first_right = [score >= 12 for score in range(20)]
    among_three = [score >= 6 for score in range(20)]
    answer = fit(rows, first_right, ("score",), error_rate=0.1)
    offer = refit_threshold(answer, rows, among_three, error_rate=0.1)
    assert offer.calibrator == answer.calibrator and offer.threshold < answer.threshold
    offered = [answer.calibrator.probability(row) >= offer.threshold for row in rows]
    wrong = sum(shown and not right for shown, right in zip(offered, among_three, strict=True))
    assert offered.count(True) > 12 and wrong <= 0.1 * offered.count(True)


def test_thresholds_over_features_that_are_no_longer_used_are_left_out():
    fitted = fit_of(("score", "score_lead"))
    assert tuning.tuning_from([fitted(kind) for kind in tuning.KINDS]) == {}
    current = fit_of(calibration.ANSWER_FEATURES)
    assert set(tuning.tuning_from([current(kind) for kind in tuning.KINDS])) == {"en"}


def fit_of(features: tuple[str, ...]):
    weights = calibration.Calibrator(features, (1.0,) * len(features), 0.0)
    return lambda kind: tuning.ThresholdSet("en", kind, 0.1, 0.5, (), 20, datetime(2026, 6, 1, tzinfo=UTC), weights)


def test_the_thresholds_that_come_with_the_sample_hold_for_the_settings_as_shipped():
    kept, settings = read_json(SAMPLE / "thresholds.json"), load_settings()
    assert kept is not None
    assert kept["encoders"] == [settings.models.encoder, settings.models.multilingual_encoder]
    assert kept["error_rate"] == settings.chatbot.deciding.error_rate
    tunings = tuning.tuning_from([tuning.from_json(one) for one in kept["sets"]])
    assert set(tunings) == {"en", "zh"}
    assert all(0 <= one.thresholds.clarify < one.thresholds.answer for one in tunings.values())


def test_thresholds_hold_until_the_answers_they_were_fitted_on_have_grown_by_half():
    weights = calibration.Calibrator(calibration.ANSWER_FEATURES, (1.0,) * len(calibration.ANSWER_FEATURES), 0.0)
    made = tuning.ThresholdSet("en", "answer", 0.1, 0.5, (), 20, datetime(2026, 6, 1, tzinfo=UTC), weights, answers=100)
    assert not made.outgrown(100) and not made.outgrown(150) and made.outgrown(151)
    assert tuning.from_json(tuning.to_json(made)).outgrown(151)
    older = tuning.to_json(made)
    del older["answers"]  # as earlier versions wrote them
    assert not tuning.from_json(older).outgrown(10_000)
