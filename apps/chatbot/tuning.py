"""Fits calibrators and thresholds on labelled questions, per language, to the error rate the team chose.

Uses the same understanding as a live turn, so that what is fitted is what runs. Knows no store; the service keeps what
comes out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from apps.chatbot import calibration
from apps.chatbot.calibration import ANSWER_FEATURES, PASSAGE_FEATURES, Calibrator, CurvePoint, Fit
from apps.chatbot.decision import Match, Signals, Thresholds
from apps.chatbot.followup import standalone
from apps.chatbot.records import Kind, LabelledQuestion
from apps.chatbot.understanding import Asked, Intents, Library, Tuning, understand
from core.errors import DataError

# Asking back costs the customer one click where a wrong answer costs a wrong answer, so candidates are offered from
# this probability on, well below the one at which the first of them is given.
CLARIFY_SHARE = 0.4


@dataclass(frozen=True)
class ThresholdSet:
    """A fitted threshold with the curve it was read from; ``kind`` is answer or passage."""

    language: str
    kind: str
    error_rate: float
    threshold: float
    curve: tuple[CurvePoint, ...]
    fitted_on: int
    created_at: datetime
    calibrator: Calibrator


def fit_language(
    questions: Sequence[LabelledQuestion],
    language: str,
    library: Library,
    intents: Intents | None,
    holds: Callable[[LabelledQuestion, Sequence[Match]], bool],
    error_rate: float,
    now: datetime,
) -> list[ThresholdSet]:
    """Both thresholds of one language. ``holds`` tells whether passages contain a question's answer.

    An approved answer is right when it is one of the accepted ones; composing is right when the passages hold the
    answer. Raises ``DataError`` naming the language when its labelled questions are too few.
    """
    own = [one for one in questions if one.language == language and one.kind is not Kind.HANDOVER]
    signals = [_signals(one, library, intents, now) for one in own]
    right_answer = [
        bool(s.answers) and s.answers[0].evidence.id in accepted(q) for q, s in zip(own, signals, strict=True)
    ]
    right_passage = [holds(q, s.passages) for q, s in zip(own, signals, strict=True)]
    answer_rows = [
        calibration.answer_features(s.answers, _intents(intents, q)) for q, s in zip(own, signals, strict=True)
    ]
    passage_rows = [calibration.passage_features(s.passages) for s in signals]
    try:
        answer = calibration.fit(answer_rows, right_answer, ANSWER_FEATURES, error_rate)
        passage = calibration.fit(passage_rows, right_passage, PASSAGE_FEATURES, error_rate)
    except DataError as error:
        raise DataError(f"For language '{language}': {error}") from error
    return [_set(language, "answer", answer, now), _set(language, "passage", passage, now)]


def accepted(question: LabelledQuestion) -> tuple[str, ...]:
    """Ids of the approved answers that count as right; none for ambiguous questions, which ask for asking back."""
    if question.kind is Kind.AMBIGUOUS:
        return ()
    return question.faq_ids or ((question.faq_id,) if question.faq_id else ())


def tuning_from(sets: Sequence[ThresholdSet]) -> dict[str, Tuning]:
    """What a turn needs of the newest sets, by language."""
    found: dict[str, dict[str, ThresholdSet]] = {}
    for one in sorted(sets, key=lambda one: one.created_at):
        found.setdefault(one.language, {})[one.kind] = one
    return {language: _tuning(kinds) for language, kinds in found.items() if {"answer", "passage"} <= kinds.keys()}


def to_json(one: ThresholdSet) -> dict[str, Any]:
    """A set as plain values for the store."""
    plain = asdict(one)
    plain["created_at"] = one.created_at.isoformat()
    return plain


def from_json(plain: Mapping[str, Any]) -> ThresholdSet:
    """The set that ``to_json`` wrote."""
    weights = plain["calibrator"]
    return ThresholdSet(
        language=plain["language"],
        kind=plain["kind"],
        error_rate=plain["error_rate"],
        threshold=plain["threshold"],
        curve=tuple(CurvePoint(**point) for point in plain["curve"]),
        fitted_on=plain["fitted_on"],
        created_at=datetime.fromisoformat(plain["created_at"]),
        calibrator=Calibrator(tuple(weights["features"]), tuple(weights["weights"]), weights["bias"]),
    )


def _tuning(kinds: Mapping[str, ThresholdSet]) -> Tuning:
    answer, passage = kinds["answer"], kinds["passage"]
    thresholds = Thresholds(answer.threshold, passage.threshold, CLARIFY_SHARE * min(1.0, answer.threshold))
    return Tuning(answer.calibrator, passage.calibrator, thresholds)


def _set(language: str, kind: str, fit: Fit, now: datetime) -> ThresholdSet:
    return ThresholdSet(language, kind, fit.error_rate, fit.threshold, fit.curve, fit.fitted_on, now, fit.calibrator)


def _signals(question: LabelledQuestion, library: Library, intents: Intents | None, now: datetime) -> Signals:
    query = standalone(question.question, question.history) or question.question
    asked = Asked(query, question.question, question.language, now)
    return understand(asked, library, intents, Tuning())


def _intents(intents: Intents | None, question: LabelledQuestion) -> Mapping[str, float]:
    query = standalone(question.question, question.history) or question.question
    return intents.probabilities(query, question.language) if intents else {}
