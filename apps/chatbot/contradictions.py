"""Answers to one question that say otherwise: which of them customers get, and what a person is told. Pure.

A file brought again with another answer changes its own earlier one. Whatever else says otherwise than what customers
get already waits for a person: two answers at once would mean that chance decides. Knows no files and no store.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from apps.chatbot.faq_files import asked, id_of, say_the_same
from apps.chatbot.records import ApprovedAnswer, RowProblem, Status
from apps.chatbot.row_problems import BOTH_GIVEN, BY_HAND, OF_FILE, ON_LINE, SAYS_OTHERWISE
from core.reasons import Reason, reason


@dataclass(frozen=True)
class Settled:
    """The answers as they are to be stored, and the rows that a person should look at."""

    answers: tuple[ApprovedAnswer, ...]
    noted: tuple[RowProblem, ...]


@dataclass(frozen=True)
class _Given:
    """An answer that customers get, with its line in the file that is coming in; 0 where it is none of that file's."""

    answer: ApprovedAnswer
    line: int = 0


def settle(
    answers: Sequence[ApprovedAnswer], lines: Sequence[int], known: Iterable[ApprovedAnswer], today: date
) -> Settled:
    """A file's answers beside all that are ``known``, of whatever status; ``lines`` are those they stand on.

    What a person has approved or rejected before stays so where another answer contradicts it.
    """
    stored = {one.id: one for one in known}
    coming = {one.id: _Given(one, line) for one, line in zip(answers, lines, strict=True)}
    given: dict[str, list[_Given]] = {}
    for one in stored.values():
        if one.status is Status.APPROVED:
            now = coming.get(one.id, _Given(one))
            given.setdefault(asked(now.answer), []).append(now)
    kept: list[ApprovedAnswer] = []
    noted: list[RowProblem] = []
    for one, line in zip(answers, lines, strict=True):
        others = given.setdefault(asked(one), [])
        if one.id not in stored and (earlier := _earlier(one, others)):
            others.remove(earlier)
            one = replace(one, id=earlier.answer.id)
        rival = next((other for other in others if _contradict(other.answer, one, today)), None)
        if rival is not None:
            before = stored.get(one.id)
            one = replace(one, status=before.status if before else Status.PENDING)
            noted += _told(one, line, rival)
        if one.status is Status.APPROVED and one.id not in {other.answer.id for other in others}:
            others.append(_Given(one, line))
        kept.append(one)
    return Settled(tuple(kept), tuple(noted))


def _earlier(one: ApprovedAnswer, others: Iterable[_Given]) -> _Given | None:
    """What the same file, which names no ids, brought for the question before, untouched by people."""
    if one.id != id_of(one.question, one.answer):
        return None
    own = (other for other in others if not other.line and other.answer.files == one.files)
    return next((other for other in own if not other.answer.by_hand), None)


def _contradict(one: ApprovedAnswer, other: ApprovedAnswer, today: date) -> bool:
    """Whether both are to be given on one day from today on and do not say the same."""
    if one.id == other.id or other.status is not Status.APPROVED:
        return False
    begins = max(day for day in (today, one.valid_from, other.valid_from) if day is not None)
    ends = min((day for day in (one.valid_until, other.valid_until) if day is not None), default=begins)
    return begins <= ends and not say_the_same(one.answer, other.answer)


def _told(one: ApprovedAnswer, line: int, rival: _Given) -> list[RowProblem]:
    """A note for the row, none for one that a person rejected, nor a second one where both rows are of one file."""
    if one.status is Status.REJECTED or (one.status is Status.APPROVED and rival.line > line):
        return []
    words = SAYS_OTHERWISE if one.status is Status.PENDING else BOTH_GIVEN
    return [RowProblem(one.files[0] if one.files else one.source, line, reason(words, other=_named(rival)))]


def _named(rival: _Given) -> Reason:
    if rival.line:
        return reason(ON_LINE, line=rival.line)
    files = rival.answer.files
    return reason(OF_FILE, name=files[0]) if files and not rival.answer.by_hand else reason(BY_HAND)
