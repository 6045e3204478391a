"""Fits calibrators and thresholds on labelled questions, per language, to the error rate the team chose.

Uses the same understanding as a live turn, so that what is fitted is what runs. Knows no store; the service keeps what
comes out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from apps.chatbot import calibration
from apps.chatbot.calibration import (
    ANSWER_FEATURES,
    JUDGED_ANSWER_FEATURES,
    JUDGED_EVIDENCE_FEATURES,
    PASSAGE_FEATURES,
    Calibrator,
    CurvePoint,
    Fit,
)
from apps.chatbot.decision import CANDIDATES, Match, Signals, Thresholds
from apps.chatbot.followup import standalone
from apps.chatbot.records import Kind, LabelledQuestion, Role
from apps.chatbot.understanding import Asked, Intents, Judges, Library, Tuning, understand
from core.errors import DataError

# Asking back costs the customer one click, and "please say it in other words" costs another sentence: candidates are
# offered as long as one of them is right every other time.
OFFER_ERROR = 0.5
# Composing tries: a passage that does not hold the answer makes the generator decline, and what it says is checked, so
# some of the tries may come to nothing; not half of them, for a small model declines too seldom.
PASSAGE_ERROR = 0.4
FEATURES = (ANSWER_FEATURES, PASSAGE_FEATURES, JUDGED_ANSWER_FEATURES, JUDGED_EVIDENCE_FEATURES)
KINDS = frozenset({"answer", "passage", "offer"})
JUDGED = "judged_"  # before the kind of a set that holds where a judge has read


# The more answers there are, the more of them resemble a question: what was fitted on few is too sure of many.
OUTGROWN = 1.5


@dataclass(frozen=True)
class ThresholdSet:
    """A fitted threshold with the curve it was read from; ``kind`` is one of ``KINDS``, or one of these judged."""

    language: str
    kind: str
    error_rate: float
    threshold: float
    curve: tuple[CurvePoint, ...]
    fitted_on: int
    created_at: datetime
    calibrator: Calibrator
    answers: int = 0  # approved answers of the language when it was fitted; 0 where nobody noted it

    @property
    def readable(self) -> bool:
        """Whether it was fitted over the features that are looked at today; an older one is fitted anew."""
        return self.calibrator.features in FEATURES

    def outgrown(self, answers: int) -> bool:
        """Whether the knowledge has become so much larger that the promise no longer holds."""
        return bool(self.answers) and answers > OUTGROWN * self.answers


def fit_language(
    questions: Sequence[LabelledQuestion],
    withheld: Sequence[LabelledQuestion],
    language: str,
    library: Library,
    reduced: Library,
    intents: Intents | None,
    holds: Callable[[LabelledQuestion, Sequence[Match]], bool],
    error_rate: float,
    now: datetime,
    judge: Judges | None = None,
) -> list[ThresholdSet]:
    """The thresholds of one language, fitted on labelled questions and ``withheld`` wordings of approved answers.

    The latter are asked of ``reduced``, a library without them: labelled questions are collected where bots fail, the
    wordings are everyday traffic, and an error rate must hold over both. An approved answer is right when it is one of
    the accepted ones; composing is right when ``holds`` finds the answer in the passages. Raises ``DataError`` naming
    the language when there are too few questions.
    """
    own = [one for one in questions if one.language == language and one.kind is not Kind.HANDOVER]
    spared = [one for one in withheld if one.language == language]
    asked = [(one, library) for one in own] + [(one, reduced) for one in spared]
    signals = [_signals(one, place, intents, now, judge) for one, place in asked]
    rows = _JUDGED if judge else _PLAIN
    right_answer = [
        bool(found.answers) and found.answers[0].evidence.id in accepted(one)
        for (one, _), found in zip(asked, signals, strict=True)
    ]
    answer_rows = [rows.of_answers(found) for found in signals]
    passages = [found.passages for found in signals[: len(own)]]
    right_passage = [_holds(one, found, holds) for one, found in zip(own, passages, strict=True)]
    passage_rows = [rows.of_passages(found) for found in passages]
    try:
        answer = calibration.fit(answer_rows, right_answer, rows.answer_names, error_rate)
        passage = calibration.fit(passage_rows, right_passage, rows.passage_names, PASSAGE_ERROR)
    except DataError as error:
        raise DataError(f"For language '{language}': {error}") from error
    offers = [_offered_right(one, found.answers) for (one, _), found in zip(asked, signals, strict=True)]
    offer = calibration.refit_threshold(answer, answer_rows, offers, OFFER_ERROR)
    if offer.threshold <= offer.curve[-1].threshold:  # kept over all questions: no score is known to be too low
        offer = replace(offer, threshold=0.0)
    kinds = {"answer": answer, "passage": passage, "offer": offer}
    return [_set(language, rows.prefix + kind, found, now) for kind, found in kinds.items()]


@dataclass(frozen=True)
class _Rows:
    """How matches become rows of features, with and without a judge."""

    prefix: str
    of_answers: Callable[[Signals], list[float]]
    of_passages: Callable[[Sequence[Match]], list[float]]
    answer_names: tuple[str, ...]
    passage_names: tuple[str, ...]


_PLAIN = _Rows("", calibration.answer_features, calibration.passage_features, ANSWER_FEATURES, PASSAGE_FEATURES)
_JUDGED = _Rows(
    JUDGED,
    calibration.judged_answer_features,
    calibration.judged_evidence_features,
    JUDGED_ANSWER_FEATURES,
    JUDGED_EVIDENCE_FEATURES,
)


def _holds(
    question: LabelledQuestion,
    evidence: Sequence[Match],
    holds: Callable[[LabelledQuestion, Sequence[Match]], bool],
) -> bool:
    """Whether the evidence answers: the labelled words stand in it, or an accepted approved answer is among it."""
    return holds(question, evidence) or any(one.evidence.id in accepted(question) for one in evidence)


def accepted(question: LabelledQuestion) -> tuple[str, ...]:
    """Ids of the approved answers that count as right; none for ambiguous questions, which ask for asking back."""
    if question.kind is Kind.AMBIGUOUS:
        return ()
    return question.faq_ids or ((question.faq_id,) if question.faq_id else ())


def _offered_right(question: LabelledQuestion, matches: Sequence[Match]) -> bool:
    """Whether one of the candidates that asking back would offer is an accepted answer."""
    wanted = set(question.faq_ids) | set(accepted(question))
    return any(match.evidence.id in wanted for match in matches[:CANDIDATES])


def tuning_from(sets: Sequence[ThresholdSet]) -> dict[str, Tuning]:
    """What a turn needs of the newest sets, by language; those over features that are no longer used are left out."""
    found: dict[str, dict[str, ThresholdSet]] = {}
    for one in sorted(filter(lambda one: one.readable, sets), key=lambda one: one.created_at):
        found.setdefault(one.language, {})[one.kind] = one
    return {language: _tuning(kinds) for language, kinds in found.items() if kinds.keys() >= KINDS}


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
        answers=plain.get("answers", 0),
    )


def _tuning(kinds: Mapping[str, ThresholdSet]) -> Tuning:
    answer, passage = kinds["answer"], kinds["passage"]
    # the generator may always decline: that evidence holds an answer does not say that a small model gets it out
    thresholds = Thresholds(answer.threshold, passage.threshold, kinds["offer"].threshold, sure=calibration.NEVER)
    judged = {kind.removeprefix(JUDGED): one for kind, one in kinds.items() if kind.startswith(JUDGED)}
    return Tuning(
        answer.calibrator, passage.calibrator, thresholds, _tuning(judged) if judged.keys() >= KINDS else None
    )


def _set(language: str, kind: str, fit: Fit, now: datetime) -> ThresholdSet:
    return ThresholdSet(language, kind, fit.error_rate, fit.threshold, fit.curve, fit.fitted_on, now, fit.calibrator)


def _signals(
    question: LabelledQuestion, library: Library, intents: Intents | None, now: datetime, judge: Judges | None
) -> Signals:
    query = standalone(question.question, question.history)
    before = next((one.text for one in reversed(question.history) if one.role is Role.CUSTOMER), "") if query else ""
    asked = Asked(query or question.question, question.question, question.language, now, before=before)
    return understand(asked, library, intents, Tuning(), judge=judge)
