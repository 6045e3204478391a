"""What to do with a question: answer, compose, ask back or call a person. Pure: signals in, decision out.

Every outcome has a named reason and carries its evidence. Knows no model, search or store; where the thresholds come
from is told in ``calibration.py``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from apps.chatbot.records import Candidate, Decision, Evidence, EvidenceKind, Outcome, Reason

CANDIDATES = 3
# What is composed holds in so many of the cases in which a passage answers (``tuning.PASSAGE_ERROR``); where an
# approved question is likelier than that, the nearest three are offered. Chosen on the sample's calibration questions,
# where the whole probability composed more and was right no more often; a judge has read both alike.
COMPOSED_RIGHT = 0.6
# Asking back quotes the nearest passage, too, where it answers at least one time in five, for each of three questions
# offered is right about as often; an approved answer that is not certain has one beside it where it is likelier than
# not: on the sample's calibration questions most such answers were wrong, and mostly the passage told what was asked.
QUOTED_FROM, BESIDE_FROM = 0.2, 0.5


@dataclass(frozen=True)
class Match:
    """A piece of evidence with what speaks for it.

    ``cosine`` is the likeness of meaning in [-1, 1], ``overlap`` the share of the question's words it holds, weighted
    by rarity, in [0, 1]; ``wording`` is the approved question nearest to the customer's, ``exact`` says they are the
    same words; ``intent`` belongs to approved answers. ``judged`` is the judge's probability, None where none read it.
    """

    evidence: Evidence
    cosine: float
    overlap: float
    wording: str = ""
    exact: bool = False
    intent: str | None = None
    judged: float | None = None

    def scored(self, score: float) -> "Match":
        """The same with another score."""
        return replace(self, evidence=replace(self.evidence, score=round(score, 6)))


@dataclass(frozen=True)
class Signals:
    """All that is known of a turn when it is decided; matches are best first, approved answers each once.

    ``passages`` is what an answer would be composed from; where a judge has read, approved answers are among it.
    """

    answers: tuple[Match, ...] = ()
    passages: tuple[Match, ...] = ()
    judged: bool = False
    follows: bool = False  # the question leans on the one before it
    answer_probability: float = 0.0  # that the first approved answer is the right one
    passage_probability: float = 0.0  # that one of the passages answers
    intent: str | None = None
    intent_probability: float = 0.0
    in_scope: bool = True
    called_for: Reason | None = None
    failures: int = 0  # unhelpful bot turns just before this one


@dataclass(frozen=True)
class Thresholds:
    """Smallest probability at which each act keeps its promised error rate; fitted per language.

    Of DRCD's questions asked with their passage among five, the defaults for passages let 11 % go unanswered, leave
    35 % to the generator and are sure of 54 %; asked without it 84 % go unanswered and 1 % are sure
    (``trifolium chatbot evaluate --dataset gate``).
    """

    answer: float = 0.8
    compose: float = 0.3
    clarify: float = 0.2
    sure: float = 0.95  # of the passages: from here on the generator may not decline
    failures_before_person: int = 2


def decide(signals: Signals, thresholds: Thresholds) -> Decision:
    """The outcome, first rule that holds: a person called for; the approved answer; passages; asking back; a person."""
    if signals.called_for is not None:
        return _hand_over(signals, signals.called_for)
    best = signals.answers[0] if signals.answers else None
    if best is not None and best.exact:
        return _with(signals, Outcome.ANSWER, Reason.APPROVED_MATCH, 1.0, [best])
    if best is not None and signals.answer_probability >= thresholds.answer:
        told = [best, *_quoted(signals, BESIDE_FROM)]
        answered = _with(signals, Outcome.ANSWER, Reason.APPROVED_MATCH, signals.answer_probability, told)
        return replace(answered, candidates=_as_candidates(_offered(signals)[1:]))
    likely = signals.answer_probability >= thresholds.clarify
    worth = signals.passage_probability * (1.0 if signals.judged else COMPOSED_RIGHT)
    grounded = signals.passage_probability >= thresholds.compose and worth >= signals.answer_probability
    if signals.in_scope and grounded:
        return _with(signals, Outcome.COMPOSE, Reason.GROUNDED_PASSAGES, signals.passage_probability, signals.passages)
    if likely and signals.in_scope:
        reason = Reason.SEVERAL_CANDIDATES if len(signals.answers) > 1 else Reason.TOO_VAGUE
        return _ask_back(signals, reason, signals.answer_probability, _offered(signals))
    if signals.failures + 1 >= thresholds.failures_before_person:
        return _hand_over(signals, Reason.REPEATED_FAILURE)
    reason = Reason.NO_EVIDENCE if signals.in_scope else Reason.OUT_OF_SCOPE
    return _ask_back(signals, reason, 1 - max(signals.answer_probability, signals.passage_probability), ())


def after_refusal(decision: Decision, signals: Signals, thresholds: Thresholds) -> Decision:
    """What becomes of a composed answer when the generator finds none in its evidence: ask back, then a person."""
    if signals.failures + 1 >= thresholds.failures_before_person:
        return _hand_over(signals, Reason.REPEATED_FAILURE)
    likely = signals.answer_probability >= thresholds.clarify and signals.answers
    offered = _offered(signals) if likely else ()
    reason = Reason.SEVERAL_CANDIDATES if offered else Reason.NO_EVIDENCE
    return _ask_back(signals, reason, 1 - decision.confidence, offered)


def _offered(signals: Signals) -> list[Match]:
    """The first few approved answers; of those with the same question, which nobody can tell apart, the first."""
    by_title: dict[str, Match] = {}
    for match in signals.answers:
        by_title.setdefault(match.evidence.title.casefold(), match)
    return list(by_title.values())[:CANDIDATES]


def _hand_over(signals: Signals, reason: Reason) -> Decision:
    return _with(signals, Outcome.HAND_OVER, reason, 1.0, ())


def _ask_back(signals: Signals, reason: Reason, confidence: float, offered: Sequence[Match]) -> Decision:
    """The questions offered, and as evidence the passage quoted before them."""
    asked = _with(signals, Outcome.CLARIFY, reason, confidence, _quoted(signals, QUOTED_FROM))
    return replace(asked, candidates=_as_candidates(offered))


def _quoted(signals: Signals, least: float) -> list[Match]:
    """The nearest passage where it answers with at least this probability or lies nearer than any approved answer.

    The second tells where answers are few and far, before anything is fitted; on the sample, where they are many, it
    hardly ever holds.
    """
    passages = [one for one in signals.passages if one.evidence.kind is EvidenceKind.PASSAGE][:1]
    if not signals.in_scope or not passages:
        return []
    judged = passages[0].judged  # else the probability is that of all evidence, approved answers among it
    share = signals.passage_probability if judged is None else judged
    nearer = passages[0].cosine > max((one.cosine for one in signals.answers), default=0.0)
    return passages if share >= least or nearer else []


def _with(signals: Signals, outcome: Outcome, reason: Reason, confidence: float, matches: Sequence[Match]) -> Decision:
    return Decision(
        outcome=outcome,
        reason=reason,
        confidence=round(min(1.0, max(0.0, confidence)), 4),
        intent=signals.intent,
        intent_probability=round(signals.intent_probability, 4),
        evidence=_numbered(match.evidence for match in matches),
    )


def _as_candidates(matches: Iterable[Match]) -> tuple[Candidate, ...]:
    return tuple(Candidate(match.evidence.id, match.evidence.title) for match in matches)


def _numbered(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    return tuple(replace(one, number=number) for number, one in enumerate(evidence, start=1))
