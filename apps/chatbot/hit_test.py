"""The hit test: at which place each side of the search puts what a question finds, and the order of both together.

Looks deeper than a turn does, so that every side's own list is whole; the first places are those of a turn. Decides
nothing and stores nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from apps.chatbot.decision import Match
from apps.chatbot.knowledge import Knowledge
from apps.chatbot.library import own_language
from apps.chatbot.records import Decision, EvidenceKind
from apps.chatbot.understanding import Library
from core.retrieval.entries import Found

DEEP = 1000  # pieces of evidence looked at: more than most teams have, so that a side's list has no gaps
AS_A_TURN = 5  # answers and passages that a turn asks for; with more the search orders more, which changes the order


@dataclass(frozen=True)
class HitRow:
    """One piece of evidence with its place on either side and in the order of both, each counted from 1 in its kind.

    A place is None where that side did not find it. ``score`` orders both sides together and compares between
    questions: of an approved answer 0 to about 1.1, two thirds of it what all its wordings claim together and one third
    likeness to single ones; of a passage 0 to 2.5, its cosine and one and a half times its overlap. It is no
    probability: that is the decision's ``confidence``. ``bm25`` orders the words' side, within one question only, and
    ``nearest`` the side of meaning, a cosine from -1 to 1. ``overlap`` is the share of the question's words held, rare
    ones counting more, from 0 to 1; ``cosine`` belongs to the wording that speaks most for the whole.
    """

    id: str
    kind: str
    title: str
    text: str
    score: float
    lexical_rank: int | None
    bm25: float | None
    vector_rank: int | None
    nearest: float | None
    cosine: float
    overlap: float
    fused_rank: int


@dataclass(frozen=True)
class Counts:
    """How many pieces of evidence the words found, meaning found, and both together."""

    lexical: int = 0
    vector: int = 0
    fused: int = 0


@dataclass(frozen=True)
class HitTest:
    """What a question finds and what would be done with it; nothing is stored. ``found`` is by kind of evidence."""

    question: str
    standalone: str | None
    rows: tuple[HitRow, ...]
    found: Mapping[str, Counts]
    decision: Decision
    ms: Mapping[str, float]


class Finds(Protocol):
    """A search of one kind of evidence as a turn sees it: matches, best first."""

    def __call__(self, query: str, language: str, now: datetime, k: int) -> list[Match]: ...


def look(
    question: str, language: str, now: datetime, k: int, knowledge: Knowledge, library: Library
) -> tuple[tuple[HitRow, ...], dict[str, Counts]]:
    """The first ``k`` of either side and of both together, answers then passages, with how many there were of each."""
    answers = own_language(knowledge.find_answers(question, DEEP, now, language), language)
    passages = own_language(knowledge.find_passages(question, DEEP, now, language), language)
    rows, found = [], {}
    for kind, hits, finds in (
        (EvidenceKind.ANSWER, {one.record.id: one.found for one in answers}, library.match_answers),
        (EvidenceKind.PASSAGE, {one.record.id: one.found for one in passages}, library.match_passages),
    ):
        placed = _rows(kind, hits, _in_order(question, language, now, finds))
        found[kind.value] = Counts(_most(placed, "lexical_rank"), _most(placed, "vector_rank"), len(placed))
        rows += [one for one in placed if min(_places(one)) <= k]
    return tuple(rows), found


def _in_order(question: str, language: str, now: datetime, finds: Finds) -> list[Match]:
    """The matches of a turn in its order, then all others."""
    first = finds(question, language, now, AS_A_TURN)
    known = {one.evidence.id for one in first}
    return first + [one for one in finds(question, language, now, DEEP) if one.evidence.id not in known]


def _rows(kind: EvidenceKind, found: Mapping[str, Found], matches: Iterable[Match]) -> list[HitRow]:
    lexical = _numbered({id_: one.lexical_rank for id_, one in found.items()})
    vector = _numbered({id_: one.vector_rank for id_, one in found.items()})
    known = [one for one in matches if one.evidence.id in found]
    return [
        HitRow(
            id=one.evidence.id,
            kind=kind.value,
            title=one.evidence.title,
            text=one.evidence.text,
            score=one.evidence.score,
            lexical_rank=lexical.get(one.evidence.id),
            bm25=found[one.evidence.id].lexical_score,
            vector_rank=vector.get(one.evidence.id),
            nearest=found[one.evidence.id].nearest,
            cosine=one.cosine,
            overlap=one.overlap,
            fused_rank=place,
        )
        for place, one in enumerate(known, start=1)
    ]


def _numbered(ranks: Mapping[str, int | None]) -> dict[str, int]:
    """Places from 1 without gaps: a side counts other languages' evidence too, which is not shown."""
    ordered = sorted((rank, id_) for id_, rank in ranks.items() if rank is not None)
    return {id_: place for place, (_, id_) in enumerate(ordered, start=1)}


def _most(rows: Iterable[HitRow], side: str) -> int:
    return sum(getattr(one, side) is not None for one in rows)


def _places(row: HitRow) -> list[int]:
    return [one for one in (row.fused_rank, row.lexical_rank, row.vector_rank) if one is not None]
