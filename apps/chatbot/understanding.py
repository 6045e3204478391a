"""Gathers what is known of a question: matches with their scores, the intent, whether it is in scope.

Stands between search and decision. Gets its knowledge, intent model and calibration handed in; keeps no state.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from apps.chatbot import calibration, handover
from apps.chatbot.calibration import Calibrator
from apps.chatbot.decision import Match, Signals, Thresholds
from core.text import fold

ALL_WORDS = 0.999
# Not measured: low enough for "How long does standard delivery take?" beside the approved "… take within Singapore?";
# one changed word ("express" for "standard") fails ALL_WORDS whatever the cosine.
NEAR = 0.7


class Library(Protocol):
    """What understanding needs of the knowledge: matches best first, each thing once, valid at ``now``."""

    def match_answers(self, query: str, language: str, now: datetime, k: int) -> list[Match]: ...
    def match_passages(self, query: str, language: str, now: datetime, k: int) -> list[Match]: ...


class Intents(Protocol):
    """What understanding needs of the intent model."""

    def probabilities(self, text: str, language: str) -> Mapping[str, float]: ...
    def in_scope(self, text: str, language: str) -> bool: ...


@dataclass(frozen=True)
class Tuning:
    """The calibrators and thresholds of one language."""

    answer: Calibrator = calibration.DEFAULT_ANSWER
    passage: Calibrator = calibration.DEFAULT_PASSAGE
    thresholds: Thresholds = field(default_factory=Thresholds)


@dataclass(frozen=True)
class Depth:
    """How many approved answers and passages are looked at."""

    answers: int = 5
    passages: int = 5


@dataclass(frozen=True)
class Asked:
    """A question as it is searched for; ``own_words`` is what the customer typed when ``query`` says more."""

    query: str
    own_words: str
    language: str
    now: datetime
    failures: int = 0


def understand(
    asked: Asked, library: Library, intents: Intents | None, tuning: Tuning, depth: Depth = Depth()
) -> Signals:
    """The signals of one turn. Query and own words are both searched when they differ: either may find more."""
    queries = list(dict.fromkeys((asked.query, asked.own_words)))
    bare = {_bare(one) for one in queries}
    answers = _merged(library.match_answers(one, asked.language, asked.now, depth.answers) for one in queries)
    answers = _with_exact(answers, bare)
    answers = sorted(answers, key=lambda one: not one.exact)[: depth.answers]
    passages = _merged(library.match_passages(one, asked.language, asked.now, depth.passages) for one in queries)
    passages = passages[: depth.passages]
    probabilities = intents.probabilities(asked.query, asked.language) if intents else {}
    intent = max(probabilities, key=lambda name: probabilities[name]) if probabilities else None
    answer_features = calibration.answer_features(answers)
    passage_features = calibration.passage_features(passages)
    return Signals(
        answers=tuple(answers),
        passages=tuple(passages),
        answer_probability=tuning.answer.probability(answer_features) if answers else 0.0,
        passage_probability=tuning.passage.probability(passage_features) if passages else 0.0,
        intent=intent,
        intent_probability=probabilities.get(intent or "", 0.0),
        in_scope=intents.in_scope(asked.query, asked.language) if intents else True,
        called_for=handover.called_for(asked.own_words),
        failures=asked.failures,
    )


def _merged(lists: Iterable[Sequence[Match]]) -> list[Match]:
    """Several queries' matches as one list: each thing once with its best scores, in order of its best place."""
    best: dict[str, Match] = {}
    place: dict[str, int] = {}
    for matches in lists:
        for rank, one in enumerate(matches):
            key = one.evidence.id
            place[key] = min(rank, place.get(key, rank))
            known = best.get(key, one)
            best[key] = replace(known, cosine=max(known.cosine, one.cosine), overlap=max(known.overlap, one.overlap))
    return [best[key] for key in sorted(best, key=lambda key: place[key])]


def _with_exact(answers: Sequence[Match], bare: set[str]) -> list[Match]:
    """Marks the approved wording itself; or, when there is only one such, a near one that has all of the words."""
    same = {one.evidence.id for one in answers if _bare(one.wording) in bare}
    near = {one.evidence.id for one in answers if one.overlap >= ALL_WORDS and one.cosine >= NEAR}
    exact = same or (near if len(near) == 1 else set())
    return [replace(one, exact=one.evidence.id in exact) for one in answers]


def _bare(text: str) -> str:
    return "".join(character for character in fold(text) if character.isalnum())
