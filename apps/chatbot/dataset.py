"""The dataset adapter: files people bring become records; the sample and its splits. Formats live in their own files.

Nothing is dropped silently: every row that gives no record is a ``RowProblem`` with its line and the reason.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from apps.chatbot import columns
from apps.chatbot.columns import DOCUMENT, FAQ
from apps.chatbot.dialogue_files import is_dialogue, read_dialogues
from apps.chatbot.document_files import READERS, read_documents
from apps.chatbot.faq_files import read_faq
from apps.chatbot.mining import mine_answers
from apps.chatbot.records import (
    ApprovedAnswer,
    Dialogue,
    Document,
    IngestReport,
    Kind,
    LabelledQuestion,
    Role,
    RowProblem,
    Turn,
)
from apps.chatbot.row_problems import FEEDBACK, KIND_NAMES, NO_FILE, NO_ROWS, OTHER_KIND, UNKNOWN_ENDING
from apps.chatbot.tables import TABLES, Reading, Row, Rows, read_rows
from core.errors import DataError, MissingExtraError, NotFoundError
from core.reasons import reason, reason_of

__all__ = [
    "Loaded",
    "Rows",
    "Sample",
    "files_in",
    "kind_of",
    "load",
    "mine_answers",
    "read_dialogues",
    "read_documents",
    "read_faq",
    "read_questions",
    "read_sample",
]

R = TypeVar("R", ApprovedAnswer, Document, Dialogue)
KINDS = ("faq", "documents", "dialogues")
FEEDBACK_KIND = "feedback"  # what ``export`` writes beside the knowledge: seen, so that it is told what it is
JSON_TABLES = (".jsonl", ".ndjson", ".json")


@dataclass(frozen=True)
class Loaded:
    """What one file gave; ``failed`` holds its name when nothing of it could be read."""

    answers: tuple[ApprovedAnswer, ...] = ()
    documents: tuple[Document, ...] = ()
    dialogues: tuple[Dialogue, ...] = ()
    problems: tuple[RowProblem, ...] = ()
    failed: tuple[str, ...] = ()
    merged: tuple[RowProblem, ...] = ()
    lines: tuple[int, ...] = ()  # of its records, which are of one kind


@dataclass(frozen=True)
class Sample:
    """The sample shop, or a team's folder laid out like it."""

    answers: tuple[ApprovedAnswer, ...]
    documents: tuple[Document, ...]
    dialogues: tuple[Dialogue, ...]
    calibration: tuple[LabelledQuestion, ...]
    questions: tuple[LabelledQuestion, ...]
    problems: tuple[RowProblem, ...] = ()

    def splits(self) -> dict[str, tuple[str, ...]]:
        """Question texts by part: wordings to learn from, questions to fit thresholds on, questions to test on."""
        return {
            "train": tuple(wording for one in self.answers for wording in one.wordings),
            "calibration": tuple(_in_context(one) for one in self.calibration),
            "test": tuple(_in_context(one) for one in self.questions),
        }


def read_sample(folder: Path) -> Sample:
    """A folder with ``documents/`` and files named faq, dialogues, calibration and questions, one per language."""
    if not folder.is_dir():
        raise NotFoundError(f"There is no folder '{folder}'.")
    faq = _all([read_faq(path) for path in sorted(folder.glob("faq.*.csv"))])
    documents = _all([read_documents(path, source=path.name) for path in sorted((folder / "documents").glob("*.*"))])
    dialogues = _all([read_dialogues(path) for path in sorted(folder.glob("dialogues.*.jsonl"))])
    calibration = _all([read_questions(path) for path in sorted(folder.glob("calibration.*.jsonl"))])
    questions = _all([read_questions(path) for path in sorted(folder.glob("questions.*.jsonl"))])
    problems = [one.problems for one in (faq, documents, dialogues, calibration, questions)]
    return Sample(
        faq.records,
        documents.records,
        dialogues.records,
        calibration.records,
        questions.records,
        tuple(one for some in problems for one in some),
    )


def read_questions(path: Path) -> Rows[LabelledQuestion]:
    """Labelled questions of a jsonl file; iterating gives them, ``problems`` the rows that gave none."""
    reading: Reading[LabelledQuestion] = Reading(path.name)
    for row in read_rows(path, lambda name: name in ("question", "kind"), reading):
        reading.take(row.line, lambda row=row: _question(row.cells))  # type: ignore[misc]
    return reading.done()


def files_in(paths: Sequence[Path]) -> tuple[list[tuple[Path, str]], IngestReport]:
    """Readable files of files and folders with the name each is known by, and a report that names the others.

    In a folder the name is the path inside it, so that two files of one name stay apart; hidden files are skipped, and
    one that is not read or is empty is no failure there, as it is when it was named itself.
    """
    files: list[tuple[Path, str]] = []
    report = IngestReport()
    for path in paths:
        if not path.exists():
            report += _refused(str(path), reason(NO_FILE, name=path))
            continue
        inside = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        for one in inside:
            name = one.relative_to(path).as_posix() if path.is_dir() else one.name
            if any(part.startswith((".", "~$")) for part in Path(name).parts):
                continue
            if path.is_dir() and not one.stat().st_size:
                report += _refused(name, reason(NO_ROWS, name=one.name), failed=False)
            elif one.suffix.lower() in (*READERS, *TABLES):
                files.append((one, name))
            else:
                known = ", ".join((*TABLES, *READERS))
                why = reason(UNKNOWN_ENDING, ending=one.suffix, known=known)
                report += _refused(name, why, failed=not path.is_dir())
    return files, report


def kind_of(path: Path) -> str:
    """faq, documents, dialogues or feedback: by the ending, for tables by their columns. ``DataError`` for no rows."""
    if path.suffix.lower() in READERS:
        return "documents"
    reading: Reading[Any] = Reading(path.name)
    rows = _rows_of(path, reading)
    if not rows and not reading.problems:
        raise DataError(reason(NO_ROWS, name=path.name))
    return _kind_of_rows(rows) or "faq"  # whose reader names the columns that are missing, or each line that is wrong


def _rows_of(path: Path, reading: Reading[Any]) -> list[Row]:
    return read_rows(path, lambda name: columns.is_known(name, {**FAQ, **DOCUMENT}), reading)


def _kind_of_rows(rows: Sequence[Row]) -> str | None:
    for row in rows[:20]:
        if is_dialogue(row.cells):
            return "dialogues"
        if {"question", "answer"} <= columns.renamed(row.cells, FAQ).keys():
            return "faq"
        if {"title", "text"} <= columns.renamed(row.cells, DOCUMENT).keys():
            return "documents"
        if row.cells.keys() >= {"message_id", "rating"}:
            return FEEDBACK_KIND
    return None


def load(path: Path, kind: str = "auto", language: str | None = None, source: str | None = None) -> Loaded:
    """A file as records. A file that cannot be read at all is a problem, so that the others of a folder go on."""
    if kind not in (*KINDS, "auto"):
        raise DataError(f"kind must be one of auto, {', '.join(KINDS)}, got '{kind}'.")
    named = source or path.name
    try:
        read = _read(path, kind_of(path) if kind == "auto" else kind, language, named)
        if read == Loaded():
            raise DataError(reason(NO_ROWS, name=path.name))
    except (DataError, MissingExtraError) as error:
        read = _unread(named, reason_of(error))
    nothing = not (read.answers or read.documents or read.dialogues)
    other = _looks_like(path) if nothing and kind != "auto" else None
    if other in (None, kind, FEEDBACK_KIND):
        return read
    # the one reason for which no row can be taken, instead of as many as there are rows
    words = {"given": reason(KIND_NAMES[kind]), "found": reason(KIND_NAMES[other]), "kind": other}
    return _unread(named, reason(OTHER_KIND, name=path.name, **words))


def _looks_like(path: Path) -> str | None:
    """The kind a file shows by itself; None where it shows none."""
    try:
        return "documents" if path.suffix.lower() in READERS else _kind_of_rows(_rows_of(path, Reading(path.name)))
    except (DataError, MissingExtraError):
        return None


def _unread(named: str, why: str) -> Loaded:
    return Loaded(problems=(RowProblem(named, 0, why),), failed=(named,))


def _read(path: Path, kind: str, language: str | None, named: str) -> Loaded:
    if kind == "faq":
        rows = read_faq(path, language)
        problems, merged = _named(rows.problems, named), _named(rows.merged, named)
        return Loaded(answers=_brought(rows.records, named), problems=problems, merged=merged, lines=rows.lines)
    if kind == "dialogues":
        talks = read_dialogues(path, language)
        return Loaded(dialogues=_brought(talks.records, named), problems=_named(talks.problems, named))
    if kind == FEEDBACK_KIND:
        return Loaded(problems=(RowProblem(named, 0, reason(FEEDBACK, name=path.name)),))
    texts = read_documents(path, language, named)
    lost = any(one.line == 0 for one in texts.problems)  # a scan: no row of it is wrong, all of it is
    documents, failed = _brought(texts.records, named), (named,) if lost else ()
    return Loaded(documents=documents, problems=texts.problems, failed=failed, lines=texts.lines)


def _brought(records: Sequence[R], file: str) -> tuple[R, ...]:
    return tuple(replace(one, files=(file,)) for one in records)


def _refused(name: str, why: str, failed: bool = True) -> IngestReport:
    return IngestReport(problems=(RowProblem(name, 0, why),), failed=(name,) if failed else ())


def _named(problems: Sequence[RowProblem], source: str) -> tuple[RowProblem, ...]:
    return tuple(replace(one, source=source) for one in problems)


def _all(parts: Sequence[Rows[Any]]) -> Rows[Any]:
    return sum(parts, Rows[Any]())


def _question(cells: Mapping[str, Any]) -> LabelledQuestion:
    kind = str(cells.get("kind", ""))
    if kind not in set(Kind):
        raise DataError(f"kind must be one of {', '.join(Kind)}, got '{kind}'.")
    try:
        history = tuple(Turn(Role(turn["role"]), str(turn["text"])) for turn in cells.get("history") or ())
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"history must be turns with role and text: {error}.") from None
    return LabelledQuestion(
        id=str(cells.get("id", "")),
        question=str(cells.get("question", "")),
        kind=Kind(kind),
        language=str(cells.get("language") or "en"),
        history=history,
        intent=str(cells.get("intent") or "out_of_scope"),
        faq_id=cells.get("faq_id"),
        faq_ids=tuple(cells.get("faq_ids") or ()),
        document=cells.get("document"),
        answer=cells.get("answer"),
        standalone=cells.get("standalone"),
    )


def _in_context(one: LabelledQuestion) -> str:
    """A follow-up is another question after another history."""
    return (
        json.dumps([*(turn.text for turn in one.history), one.question], ensure_ascii=False)
        if one.history
        else one.question
    )
