"""Turns match scores into probabilities and thresholds with a stated error rate, per language.

A logistic regression over a few plain features, fitted on labelled questions; each threshold is read off the
risk-coverage curve of held-out probabilities. Pure: no search, no store, no clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from apps.chatbot.decision import Match, Signals
from core.errors import DataError
from core.metrics import risk_coverage, threshold_for_risk

ANSWER_FEATURES = ("score", "score_lead", "follows", "passage_overlap")
PASSAGE_FEATURES = ("cosine", "overlap", "covered", "best_of_both")
# where the judge has read question and candidate together
JUDGED_ANSWER_FEATURES = ("judged", "judged_lead", "score")
JUDGED_EVIDENCE_FEATURES = ("judged", "judged_second")
FOLDS = 5
NEVER = 1.01  # a threshold no probability reaches: nothing is answered


@dataclass(frozen=True)
class Calibrator:
    """Logistic weights over named features; ``probability`` is in [0, 1]."""

    features: tuple[str, ...]
    weights: tuple[float, ...]
    bias: float

    def probability(self, values: Sequence[float]) -> float:
        """1 / (1 + e^-(w·x + b)) for features in the order of ``features``."""
        logit = float(np.dot(self.weights, values)) + self.bias
        return float(1.0 / (1.0 + np.exp(-np.clip(logit, -30, 30))))


# Cautious guesses for a language nothing was fitted on yet; `trifolium chatbot fit` replaces them.
# The mean of what was fitted on the sample's English and Chinese questions when its answers had half as many wordings
# and passages did not count: who has no documents would else be answered too surely.
DEFAULT_ANSWER = Calibrator(ANSWER_FEATURES, (5.0, 3.9, -0.4, 0.0), -2.6)
# Fitted on 400 questions of DRCD's development part, each asked with and without its passage among the five nearest
# (area under the curve 0.95, `trifolium chatbot evaluate --dataset gate`); by the question's words alone, which mean
# the same in every language and every encoder. Where questions do not repeat a passage's words they tell nothing.
DEFAULT_PASSAGE = Calibrator(PASSAGE_FEATURES, (0.0, 18.8, -4.6, 0.0), -5.1)
# The judge's own probability is calibrated on what it was trained on; a shop's questions are a little harder.
DEFAULT_JUDGED_ANSWER = Calibrator(JUDGED_ANSWER_FEATURES, (0.7, 0.3, 0.0), -0.5)
DEFAULT_JUDGED_EVIDENCE = Calibrator(JUDGED_EVIDENCE_FEATURES, (0.7, 0.3), 0.0)


@dataclass(frozen=True)
class CurvePoint:
    """At ``threshold`` the share ``coverage`` of questions is answered and ``risk`` of those answers are wrong."""

    coverage: float
    risk: float
    threshold: float


@dataclass(frozen=True)
class Fit:
    """A calibrator with its threshold at the promised error rate and the curve it was read from."""

    calibrator: Calibrator
    threshold: float
    error_rate: float
    curve: tuple[CurvePoint, ...]
    fitted_on: int


def answer_features(signals: Signals) -> list[float]:
    """What speaks for the first approved answer: score and lead over the second; against it, two things.

    That the question follows another, for it is searched for with that one, which finds high scores for little reason.
    That a passage holds the question's words, for what documents tell in detail an approved answer often only touches.
    Overlap and likeness of the answer itself, the intent's probability and scope, the question's length and whether
    words and vectors agree were tried beside these on the sample's calibration questions and added nothing that held in
    both languages.
    """
    matches = signals.answers
    if not matches:
        return [0.0] * len(ANSWER_FEATURES)
    first, told = matches[0].evidence.score, max((one.overlap for one in signals.passages), default=0.0)
    second = matches[1].evidence.score if len(matches) > 1 else 0.0
    return [first, first - second, float(signals.follows), told]


def passage_features(matches: Sequence[Match]) -> list[float]:
    """What speaks for the passages together: the best scores among them."""
    if not matches:
        return [0.0] * len(PASSAGE_FEATURES)
    cosine = max(match.cosine for match in matches)
    overlap = max(match.overlap for match in matches)
    return [cosine, overlap, float(np.mean([match.overlap for match in matches[:3]])), max(cosine, overlap)]


def judged_answer_features(signals: Signals) -> list[float]:
    """What speaks for the first approved answer once a judge has read them: log odds, lead over the second, score.

    Whether a question follows another adds nothing here: the judge has read both.
    """
    matches = signals.answers
    if not matches:
        return [0.0] * len(JUDGED_ANSWER_FEATURES)
    first, second = _log_odds(matches, 0), _log_odds(matches, 1)
    return [first, first - second, matches[0].evidence.score]


def judged_evidence_features(matches: Sequence[Match]) -> list[float]:
    """What speaks for the evidence as a whole: the log odds of its best two pieces."""
    return [_log_odds(matches, 0), _log_odds(matches, 1)] if matches else [0.0] * len(JUDGED_EVIDENCE_FEATURES)


def _log_odds(matches: Sequence[Match], place: int) -> float:
    """The judge's log odds, kept within the range in which its calibration was seen."""
    judged = matches[place].judged if place < len(matches) else 0.0
    share = min(0.999, max(0.001, judged or 0.0))
    return float(np.log(share / (1 - share)))


def fit(features: Sequence[Sequence[float]], right: Sequence[bool], names: tuple[str, ...], error_rate: float) -> Fit:
    """Fit on labelled questions: ``right[i]`` says whether acting on question i would have been right.

    The curve and the threshold come from ``FOLDS``-fold held-out probabilities, the calibrator from all rows. Where
    even the surest questions were wrong too often, the threshold lies above every wrong one. Raises
    ``DataError`` when there are fewer than ``FOLDS`` questions of either kind.
    """
    x, y = np.asarray(features, dtype=float), np.asarray(right, dtype=bool)
    if min(int(y.sum()), int((~y).sum())) < FOLDS:
        raise DataError(
            f"Fitting a threshold needs at least {FOLDS} questions answered right and {FOLDS} wrong, "
            f"got {int(y.sum())} and {int((~y).sum())}: add labelled questions."
        )
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    model = LogisticRegression(C=10.0, max_iter=2000)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    held_out = cross_val_predict(model, x, y, cv=folds, method="predict_proba")[:, 1]
    model.fit(x, y)
    calibrator = Calibrator(names, tuple(float(weight) for weight in model.coef_[0]), float(model.intercept_[0]))
    curve = risk_coverage_curve(held_out, y)
    threshold = threshold_for_risk(held_out, y, error_rate)
    if threshold == np.inf:  # only what is surer than anything that was wrong, and sure enough by the fit
        threshold = max(1 - error_rate, float(np.nextafter(held_out[~y].max(), 2)))
    return Fit(calibrator, threshold, error_rate, curve, len(y))


def refit_threshold(fitted: Fit, features: Sequence[Sequence[float]], right: Sequence[bool], error_rate: float) -> Fit:
    """Another threshold on the same probability, for an act that is right in other cases."""
    probabilities = np.array([fitted.calibrator.probability(row) for row in features])
    wanted = np.asarray(right, dtype=bool)
    threshold = min(NEVER, threshold_for_risk(probabilities, wanted, error_rate))
    return Fit(fitted.calibrator, threshold, error_rate, risk_coverage_curve(probabilities, wanted), len(wanted))


def risk_coverage_curve(probabilities: np.ndarray, right: np.ndarray) -> tuple[CurvePoint, ...]:
    """The stem's risk-coverage curve as points that the store keeps and the page draws."""
    curve = risk_coverage(probabilities, right)
    points = zip(curve.coverage, curve.risk, curve.thresholds, strict=True)
    return tuple(CurvePoint(round(float(c), 4), round(float(r), 4), float(t)) for c, r, t in points)
