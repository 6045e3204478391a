"""The knowledge as a turn sees it: matches with the scores that decisions are made of, and intents learnt from it.

Turns records into evidence; searching is ``knowledge``'s, deciding ``decision``'s.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import TypeVar

from apps.chatbot.decision import Match
from apps.chatbot.intents import IntentModel
from apps.chatbot.knowledge import Hit, Knowledge, answer_entries
from apps.chatbot.records import ApprovedAnswer, Evidence, EvidenceKind, Kind, LabelledQuestion, Passage
from core.models.device import one_blas_thread
from core.retrieval.blending import QUESTIONS
from core.retrieval.search import Search, SearchOptions
from core.text import fold, lexical_tokens

R = TypeVar("R", ApprovedAnswer, Passage)
OTHER_LANGUAGES = 3  # so many times as deep is looked, since evidence in another language is put aside
FEWEST_WORDINGS = 3  # an intent with fewer wordings cannot be told from chance
# Share of what all wordings of an answer and its text claim together beside what search finds in single ones. Chosen on
# the sample's calibration questions and on wordings left out, never on its test questions; half to four fifths put the
# right answer first about as often. What comes of it: ``trifolium chatbot evaluate``.
CLAIMED = 2 / 3
MOST_CLAIMANTS = 4000  # wordings and answers together; more would be learnt again for minutes after each change
# What an answer is taken to claim where there are too many to learn from: search alone looks far surer than it is, so
# only the very words are then answered at once, until a team fits thresholds.
UNCLAIMED = 0.2
LOOKED_AT = 30  # answers that search brings up and that are put in order
KEPT_WORDINGS = 10_000  # whose words are remembered: cutting those of thirty answers anew took a third of a search


class KnowledgeLibrary:
    """``Library`` over the live knowledge. Evidence in the customer's language wins; other languages answer alone."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._claims: IntentModel | None = None

    def learn(self, answers: Sequence[ApprovedAnswer]) -> None:
        """Learn which answer a question belongs to from all wordings of all answers; after any change of them."""
        self._claims = learn_answers(answers, self._knowledge)

    def match_answers(self, query: str, language: str, now: datetime, k: int) -> list[Match]:
        """Approved answers, best first, each once."""
        hits = self._knowledge.find_answers(query, max(LOOKED_AT, OTHER_LANGUAGES * k), now, language)
        return _ordered(own_language(hits, language), query, language, self._claims)[:k]

    def match_passages(self, query: str, language: str, now: datetime, k: int) -> list[Match]:
        """Passages that customers may read, best first."""
        hits = self._knowledge.find_passages(query, OTHER_LANGUAGES * k, now, language)
        return [_passage_match(hit) for hit in own_language(hits, language)[:k]]

    def holds(self, question: LabelledQuestion, matches: Sequence[Match]) -> bool:
        """Whether one of the passages contains the labelled answer word for word, marks and case aside."""
        gold = _bare(question.answer or "")
        return bool(gold) and question.answerable and any(gold in _bare(one.evidence.text) for one in matches)


class ReducedLibrary:
    """A library whose approved answers are found without one wording each, so that this wording can be asked of it."""

    def __init__(self, knowledge: Knowledge, answers: Sequence[ApprovedAnswer]) -> None:
        self._full = KnowledgeLibrary(knowledge)
        kept = [replace(one, similar_questions=one.similar_questions[:-1]) for one in answers]
        self._records = {one.id: one for one in kept}
        self._search = Search(knowledge.cached_embedders, options=SearchOptions(blend=QUESTIONS))
        self._search.sync(entry for one in kept for entry in answer_entries(one))
        self._claims = learn_answers(kept, knowledge)

    def match_answers(self, query: str, language: str, now: datetime, k: int) -> list[Match]:
        """As ``KnowledgeLibrary``'s."""
        found = self._search.search(query, max(LOOKED_AT, OTHER_LANGUAGES * k), now, language)
        hits = [Hit(self._records[one.id], one) for one in found]
        return _ordered(own_language(hits, language), query, language, self._claims)[:k]

    def match_passages(self, query: str, language: str, now: datetime, k: int) -> list[Match]:
        """The full library's."""
        return self._full.match_passages(query, language, now, k)


def withheld_questions(answers: Sequence[ApprovedAnswer]) -> list[LabelledQuestion]:
    """The last other wording of each approved answer that has several, as a labelled question."""
    return [
        LabelledQuestion(
            f"{one.id}-withheld",
            one.similar_questions[-1],
            Kind.FAQ,
            one.language,
            intent=one.intent or "",
            faq_id=one.id,
        )
        for one in answers
        if len(one.similar_questions) > 1
    ]


def learn_intents(answers: Sequence[ApprovedAnswer], knowledge: Knowledge, rejected: float) -> IntentModel | None:
    """An intent model from the wordings of approved answers that name an intent; None when fewer than two do.

    None, too, when most answers name none: a question about those would be taken for out of scope.
    ``rejected`` is the share of in-scope wordings that may be taken for out of scope.
    """
    rows = [(wording, one.intent, one.language, one.id) for one in answers if one.intent for wording in one.wordings]
    if 2 * sum(bool(one.intent) for one in answers) < len(answers):
        return None
    counts = Counter(intent for _, intent, _, _ in rows)
    rows = [row for row in rows if counts[row[1]] >= FEWEST_WORDINGS]
    if len({intent for _, intent, _, _ in rows}) < 2:
        return None
    texts, labels, languages, groups = zip(*rows, strict=True)
    with one_blas_thread():  # two wait for each other where both cores have other work, many times as long
        return IntentModel.fit(texts, labels, languages, list(knowledge.cached_embedders), rejected, groups)


def learn_answers(answers: Sequence[ApprovedAnswer], knowledge: Knowledge) -> IntentModel | None:
    """An intent model whose labels are the answers' ids, from their wordings and texts.

    Where there are many answers the first wordings of each are learnt from, so many that the whole stays within
    ``MOST_CLAIMANTS``. None when there are fewer than two answers, or too many for even that.
    """
    wordings = MOST_CLAIMANTS // max(1, len(answers)) - 1
    if len(answers) < 2 or wordings < 1:
        return None
    rows = [(text, one.id, one.language) for one in answers for text in (*one.wordings[:wordings], one.answer)]
    texts, labels, languages = zip(*rows, strict=True)
    with one_blas_thread():
        return IntentModel.fit(texts, labels, languages, list(knowledge.cached_embedders))


def _ordered(hits: Sequence[Hit[ApprovedAnswer]], query: str, language: str, model: IntentModel | None) -> list[Match]:
    """The hits as matches, by what search found and what the answers' own model claims."""
    asked = _words(query)
    matches = [_answer_match(hit, asked) for hit in hits]
    claims, unclaimed = (model.claims(query, language), 0.0) if model else ({}, UNCLAIMED)
    scores = [(1 - CLAIMED) * one.evidence.score + CLAIMED * claims.get(one.evidence.id, unclaimed) for one in matches]
    scored = [one.scored(score) for one, score in zip(matches, scores, strict=True)]
    return sorted(scored, key=lambda one: -one.evidence.score)


def own_language(hits: list[Hit[R]], language: str) -> list[Hit[R]]:
    """What is in the customer's language; where nothing is, all of it."""
    return [hit for hit in hits if hit.record.language == language] or hits


def _answer_match(hit: Hit[ApprovedAnswer], asked: frozenset[str]) -> Match:
    record, found = hit.record, hit.found
    whole = next((one for one in record.wordings if len(asked) > 1 and asked <= _words(one)), None)
    evidence = Evidence(
        record.id,
        EvidenceKind.ANSWER,
        0,
        record.question,
        record.answer,
        round(found.score, 6),
        found.lexical_rank,
        found.vector_rank,
    )
    overlap = 1.0 if whole else found.coverage
    return Match(evidence, found.vector_score or 0.0, overlap, whole or found.text, intent=record.intent)


def _passage_match(hit: Hit[Passage]) -> Match:
    record, found = hit.record, hit.found
    title = f"{record.title} › {record.heading}" if record.heading else record.title
    evidence = Evidence(
        record.id,
        EvidenceKind.PASSAGE,
        0,
        title,
        record.text,
        round(found.score, 6),
        found.lexical_rank,
        found.vector_rank,
        record.document_id,
        record.start,
        record.end,
    )
    return Match(evidence, found.vector_score or 0.0, found.coverage)


@lru_cache(maxsize=KEPT_WORDINGS)
def _words(text: str) -> frozenset[str]:
    return frozenset(lexical_tokens(text))


def _bare(text: str) -> str:
    return "".join(character for character in fold(text) if character.isalnum())
