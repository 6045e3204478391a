"""Approved answers out of csv, xlsx, jsonl and json files; rows that give none are told by line with the reason."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from apps.chatbot import columns
from apps.chatbot.columns import FAQ
from apps.chatbot.records import ApprovedAnswer, Status
from apps.chatbot.row_problems import AND, EMPTY_CELL, JOINED, NAMES, NO_COLUMN, SAME_ID, STATUS, WANTED
from apps.chatbot.tables import Reading, Row, Rows, read_rows
from core.errors import DataError
from core.reasons import Reason, reason
from core.text import content_hash, fold
from core.text import language as language_of

HINTS = {"question": "标准问", "answer": "答案"}
_NUMBER = re.compile(r"\d+")
ALIKE = 0.85  # answers to the same question that share so much of their words are one, a stray "View more" apart


def read_faq(path: Path, language: str | None = None) -> Rows[ApprovedAnswer]:
    """Approved answers in the order of the file.

    A row without question and answer but with another wording belongs to the row above; rows of the same question and
    (nearly) the same answer become one and are told as merged. Raises ``DataError`` when no column is a question or
    none an answer.
    """
    reading: Reading[ApprovedAnswer] = Reading(path.name)
    rows = read_rows(path, lambda name: columns.is_known(name, FAQ), reading)
    _check_columns(rows, path.name)
    for row in rows:
        cells = columns.renamed(row.cells, FAQ)
        if _continues(cells) and reading.records:
            more = columns.wordings(cells["similar_questions"])
            last = reading.records[-1]
            reading.records[-1] = replace(last, similar_questions=_joined(last.similar_questions, more, last.question))
        else:
            reading.take(row.line, lambda cells=cells: _answer(cells, path.name, language))  # type: ignore[misc]
    return _merged(reading)


def _check_columns(rows: list[Row], name: str) -> None:
    """By all rows, since objects of a jsonl file may leave keys out."""
    found = {ours for row in rows for ours in columns.renamed(dict.fromkeys(row.cells, "x"), FAQ)}
    missing = [one for one in ("question", "answer") if one not in found]
    if rows and missing:
        theirs = ", ".join(dict.fromkeys(str(column) for row in rows[:20] for column in row.cells))
        wanted = [reason(WANTED, ours=one, theirs=HINTS[one]) for one in missing]
        both = Reason(AND[0].join(wanted), AND[1].join(one.chinese for one in wanted))
        names = Reason(AND[0].join(f"'{one}'" for one in missing), AND[1].join(f"“{HINTS[one]}”" for one in missing))
        raise DataError(reason(NO_COLUMN, name=name, wanted=both, columns=theirs, names=names))


def _continues(cells: Mapping[str, Any]) -> bool:
    return "similar_questions" in cells and not cells.keys() & {"question", "answer"}


def _answer(cells: Mapping[str, list[Any]], source: str, language: str | None) -> ApprovedAnswer:
    question = columns.text(" ".join(str(one) for one in cells.get("question", ())))
    answer = columns.long_text(cells.get("answer", ()))
    if not question or not answer:
        raise DataError(reason(EMPTY_CELL, name=reason(NAMES["answer" if question else "question"])))
    similar = columns.wordings(cells.get("similar_questions", ()))
    return ApprovedAnswer(
        id=columns.text(cells["id"][0]) if "id" in cells else id_of(question, answer),
        question=question,
        answer=answer,
        similar_questions=_joined((), similar, question),
        category=columns.text(cells["category"][0]) if "category" in cells else None,
        intent=columns.text(cells["intent"][0]) if "intent" in cells else None,
        language=_language(cells, language, f"{question}\n{answer}"),
        valid_from=columns.day(cells["valid_from"][0], "valid_from") if "valid_from" in cells else None,
        valid_until=columns.day(cells["valid_until"][0], "valid_until") if "valid_until" in cells else None,
        status=_status(cells),
        source=source,
    )


def id_of(question: str, answer: str) -> str:
    """The id of an answer whose file names none."""
    return content_hash(question + chr(10) + answer)[:16]


def asked(one: ApprovedAnswer) -> str:
    """The same for answers to one and the same question in one language."""
    return f"{one.language} {fold(one.question)}"


def _language(cells: Mapping[str, list[Any]], given: str | None, text: str) -> str:
    if "language" in cells:
        written = str(cells["language"][0]).strip().lower()
        return {"中文": "zh", "chinese": "zh", "英文": "en", "english": "en"}.get(written, written[:2])
    return given or language_of(text)


def _status(cells: Mapping[str, list[Any]]) -> Status:
    written = str(cells["status"][0]).strip().lower() if "status" in cells else "approved"
    if written not in set(Status):
        raise DataError(reason(STATUS, known=", ".join(Status), value=written))
    return Status(written)


def _joined(have: tuple[str, ...], more: tuple[str, ...], question: str) -> tuple[str, ...]:
    return tuple(one for one in dict.fromkeys((*have, *more)) if one != question)


def _merged(reading: Reading[ApprovedAnswer]) -> Rows[ApprovedAnswer]:
    """Repeats joined into the first of them; each is told, so that the count of rows can be followed."""
    kept: list[tuple[int, ApprovedAnswer]] = []
    by_question: dict[str, list[int]] = {}
    ids: dict[str, int] = {}
    for line, one in zip(reading.lines, reading.records, strict=True):
        places = by_question.setdefault(asked(one), [])
        same = next((place for place in places if _alike(kept[place][1], one)), None)
        if same is not None:
            first_line, first = kept[same]
            kept[same] = (first_line, _one_of_two(first, one))
            reading.merge(line, reason(JOINED, line=first_line))
        elif one.id in ids:
            reading.problem(line, reason(SAME_ID, id=one.id, line=ids[one.id]))
        else:
            places.append(len(kept))
            ids[one.id] = line
            kept.append((line, one))
    return replace(reading.done(), records=tuple(one for _, one in kept), lines=tuple(line for line, _ in kept))


def _alike(one: ApprovedAnswer, other: ApprovedAnswer) -> bool:
    if (one.valid_from, one.valid_until, one.status) != (other.valid_from, other.valid_until, other.status):
        return False
    return say_the_same(one.answer, other.answer)


def say_the_same(one: str, other: str) -> bool:
    """Whether two answers share nearly all of their words and every number: 30 days are not 60."""
    first, second = _pieces(one), _pieces(other)
    same_numbers = set(_NUMBER.findall(one)) == set(_NUMBER.findall(other))
    return same_numbers and len(first & second) / (len(first | second) or 1) >= ALIKE


def _pieces(text: str) -> set[str]:
    letters = "".join(letter for letter in fold(text) if letter.isalnum())
    return {letters[place : place + 5] for place in range(max(1, len(letters) - 4))}


def _one_of_two(one: ApprovedAnswer, other: ApprovedAnswer) -> ApprovedAnswer:
    longer = max((one.answer, other.answer), key=len)
    return replace(
        one,
        answer=longer,
        similar_questions=_joined(one.similar_questions, (other.question, *other.similar_questions), one.question),
        category=one.category or other.category,
        intent=one.intent or other.intent,
    )
