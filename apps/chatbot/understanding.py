"""Gathers what is known of a question: matches with their scores, the intent, whether it is in scope.

Stands between search and decision. Gets its knowledge, intent model and calibration handed in; keeps no state.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

import numpy as np

from apps.chatbot import calibration, handover
from apps.chatbot.calibration import Calibrator
from apps.chatbot.decision import Match, Signals, Thresholds
from apps.chatbot.judging import Pairing
from core.text import fold, lexical_tokens

ALL_WORDS = 0.999
# Not measured: low enough for "How long does standard delivery take?" beside the approved "… take within Singapore?";
# one changed word ("express" for "standard") fails ALL_WORDS whatever the cosine.
NEAR = 0.7
MANY_WORDS = 4  # different ones; not fitted: the questions of DRCD, on which the words' weight was, all have more
FOLLOWED = 30  # answers looked at where a question follows another
SAID_ALREADY = 0.25  # chosen on the sample's few calibration follow-ups, where twice as much did no better


class Library(Protocol):
    """What understanding needs of the knowledge: matches best first, each thing once, valid at ``now``."""

    def match_answers(self, query: str, language: str, now: datetime, k: int) -> list[Match]: ...
    def match_passages(self, query: str, language: str, now: datetime, k: int) -> list[Match]: ...


class Intents(Protocol):
    """What understanding needs of the intent model."""

    def probabilities(self, text: str, language: str) -> Mapping[str, float]: ...
    def in_scope(self, text: str, language: str) -> bool: ...


class Judges(Protocol):
    """What understanding needs of the judge: (n,) probabilities that candidates answer."""

    def probabilities(self, pairings: Sequence[Pairing]) -> np.ndarray: ...


@dataclass(frozen=True)
class Tuning:
    """The calibrators and thresholds of one language; ``judged`` are those that hold where a judge has read."""

    answer: Calibrator = calibration.DEFAULT_ANSWER
    passage: Calibrator = calibration.DEFAULT_PASSAGE
    thresholds: Thresholds = field(default_factory=Thresholds)
    judged: "Tuning | None" = None

    def of(self, judged: bool) -> "Tuning":
        """This tuning, or the one for judged matches."""
        return (self.judged or DEFAULT_JUDGED) if judged else self


DEFAULT_JUDGED = Tuning(
    calibration.DEFAULT_JUDGED_ANSWER, calibration.DEFAULT_JUDGED_EVIDENCE, Thresholds(answer=0.8, compose=0.5)
)


@dataclass(frozen=True)
class Depth:
    """How many approved answers and passages are looked at."""

    answers: int = 5
    passages: int = 5


@dataclass(frozen=True)
class Asked:
    """A question as it is searched for; ``own_words`` is what the customer typed when ``query`` says more.

    ``before`` is the customer's earlier question where this one leans on it.
    """

    query: str
    own_words: str
    language: str
    now: datetime
    failures: int = 0
    before: str = ""


def understand(
    asked: Asked,
    library: Library,
    intents: Intents | None,
    tuning: Tuning,
    depth: Depth = Depth(),
    judge: Judges | None = None,
) -> Signals:
    """The signals of one turn. Query and own words are both searched when they differ: either may find more.

    The judge reads what was found, unless the customer used an approved question's very words.
    """
    answers = sorted(_answers(asked, library, depth.answers), key=lambda one: not one.exact)[: depth.answers]
    passages = _passages(asked, library, depth.passages)
    probabilities = intents.probabilities(asked.query, asked.language) if intents else {}
    intent = max(probabilities, key=lambda name: probabilities[name]) if probabilities else None
    known = Signals(
        intent=intent,
        intent_probability=probabilities.get(intent or "", 0.0),
        in_scope=intents.in_scope(asked.query, asked.language) if intents else True,
        called_for=handover.called_for(asked.own_words),
        failures=asked.failures,
        follows=bool(asked.before),
    )
    exact = bool(answers) and answers[0].exact
    if judge is None or exact or known.called_for or not (answers or passages):
        return _weighed(known, answers, passages, tuning)
    return _judged(known, asked, answers, passages, tuning.of(True), judge, depth.passages)


def _answers(asked: Asked, library: Library, k: int) -> list[Match]:
    """The approved answers found for the question, best first; of a follow-up, less what it is known from.

    A follow-up is searched for together with the question before it, which then finds its own answer once more:
    what the earlier question finds by itself counts against (``SAID_ALREADY``).
    """

    def find(text: str, most: int) -> list[Match]:
        return library.match_answers(text, asked.language, asked.now, most)

    if not asked.before:
        queries = list(dict.fromkeys((asked.query, asked.own_words)))
        return _with_exact(_merged(find(one, k) for one in queries), {_bare(one) for one in queries})
    own = {one.evidence.id: one for one in _with_exact(find(asked.own_words, k), {_bare(asked.own_words)})}
    known = {one.evidence.id: one.evidence.score for one in find(asked.before, FOLLOWED)}
    found = find(asked.query, FOLLOWED)
    less = [one.scored(one.evidence.score - SAID_ALREADY * known.get(one.evidence.id, 0.0)) for one in found]
    ordered = sorted(less, key=lambda one: -one.evidence.score)
    return [_both(one, own.pop(one.evidence.id, one)) for one in ordered] + list(own.values())


def _passages(asked: Asked, library: Library, k: int) -> list[Match]:
    """The passages found for the question, best first.

    Holding all words of a question tells much where these are many and little where they are one or two: "shipping?"
    names a topic. Of a follow-up's own words ("And the other one?") it tells nothing: by them it is only looked for.
    """
    lists = []
    for query in dict.fromkeys((asked.query, asked.own_words)):
        told = 0.0 if asked.before and query != asked.query else _telling(query)
        found = library.match_passages(query, asked.language, asked.now, k)
        lists.append([replace(one, overlap=told * one.overlap) for one in found])
    return _merged(lists)[:k]


def _telling(question: str) -> float:
    """How much it tells that a text holds the question's words: 1 from ``MANY_WORDS`` on.

    Of one or two words it tells as much as makes a passage the answer where no approved answer is likelier.
    """
    words = len(set(lexical_tokens(question)))
    return min(1.0, max(1, words - 1) / (MANY_WORDS - 1))


def _weighed(known: Signals, answers: Sequence[Match], passages: Sequence[Match], tuning: Tuning) -> Signals:
    """The signals by search scores alone."""
    signals = replace(known, answers=tuple(answers), passages=tuple(passages))
    answer = tuning.answer.probability(calibration.answer_features(signals)) if answers else 0.0
    passage = tuning.passage.probability(calibration.passage_features(passages)) if passages else 0.0
    return replace(signals, answer_probability=answer, passage_probability=passage)


def _judged(
    known: Signals,
    asked: Asked,
    answers: Sequence[Match],
    passages: Sequence[Match],
    tuning: Tuning,
    judge: Judges,
    most: int,
) -> Signals:
    """The signals after the judge has read every candidate; passages and approved answers together are the evidence."""
    found = [*answers, *passages]
    read = judge.probabilities([_pairing(asked, one) for one in found])
    judged = [replace(one, judged=float(share)) for one, share in zip(found, read, strict=True)]
    order = sorted(range(len(judged)), key=lambda place: -(judged[place].judged or 0.0))
    best_answers = [judged[place] for place in order if place < len(answers)]
    evidence = [judged[place] for place in order][:most]
    signals = replace(known, judged=True, answers=tuple(best_answers), passages=tuple(evidence))
    answer = tuning.answer.probability(calibration.judged_answer_features(signals)) if answers else 0.0
    told = tuning.passage.probability(calibration.judged_evidence_features(evidence))
    return replace(signals, answer_probability=answer, passage_probability=told)


def _pairing(asked: Asked, match: Match) -> Pairing:
    return Pairing(asked.own_words, match.wording or match.evidence.title, match.evidence.text, asked.before)


def _merged(lists: Iterable[Sequence[Match]]) -> list[Match]:
    """Several queries' matches as one list: each thing once with its best scores, in order of its best place."""
    best: dict[str, Match] = {}
    place: dict[str, int] = {}
    for matches in lists:
        for rank, one in enumerate(matches):
            key = one.evidence.id
            place[key] = min(rank, place.get(key, rank))
            best[key] = _both(best.get(key, one), one)
    return [best[key] for key in sorted(best, key=lambda key: place[key])]


def _both(one: Match, same: Match) -> Match:
    """One match of the same thing, with the best that either search says of it."""
    cosine, overlap = max(one.cosine, same.cosine), max(one.overlap, same.overlap)
    return replace(one, cosine=cosine, overlap=overlap, exact=one.exact or same.exact)


def _with_exact(answers: Sequence[Match], bare: set[str]) -> list[Match]:
    """Marks the approved wording itself; or a near one, when it comes first and no other has all of the words."""
    same = {one.evidence.id for one in answers if _bare(one.wording) in bare}
    whole = [one for one in answers if one.overlap >= ALL_WORDS]
    near = {one.evidence.id for one in whole if len(whole) == 1 and one is answers[0] and one.cosine >= NEAR}
    exact = same or near
    return [replace(one, exact=one.evidence.id in exact) for one in answers]


def _bare(text: str) -> str:
    return "".join(character for character in fold(text) if character.isalnum())
