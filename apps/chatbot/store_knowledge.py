"""Queries over answers, documents, passages and dialogues; every change counts the knowledge's version up."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any, TypeVar

from sqlalchemy import String, cast, delete, func, or_, select
from sqlalchemy.orm import Session

from apps.chatbot.records import (
    ApprovedAnswer,
    Audience,
    Dialogue,
    Document,
    IngestReport,
    Passage,
    Role,
    Status,
    Turn,
    utc_now,
)
from apps.chatbot.store_tables import AnswerRow, DialogueRow, DocumentRow, KnowledgeRow, PassageRow
from core.errors import NotFoundError
from core.storage import Database

LOOKUP = 500  # ids in one statement
WRITTEN = ("question", "answer", "similar_questions", "category", "intent", "language", "valid_from", "valid_until")
R = TypeVar("R", ApprovedAnswer, Document, Dialogue)
T = TypeVar("T", AnswerRow, DocumentRow, DialogueRow)


class KnowledgeTables:
    """What the chatbot knows, in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def answers(
        self, status: Status | None = None, search: str | None = None, limit: int = 100, offset: int = 0
    ) -> list[ApprovedAnswer]:
        """Newest first; ``search`` is looked for in question, other wordings and answer."""
        query = select(AnswerRow).order_by(AnswerRow.created_at.desc(), AnswerRow.id).limit(limit).offset(offset)
        if status is not None:
            query = query.where(AnswerRow.status == status.value)
        if search and search.strip():
            columns = (AnswerRow.question, AnswerRow.answer, cast(AnswerRow.similar_questions, String))
            query = query.where(or_(*(one.icontains(search.strip(), autoescape=True) for one in columns)))
        with self._database.reading() as session:
            return [_answer(row) for row in session.scalars(query)]

    def approved_by_language(self) -> dict[str, int]:
        """How many approved answers there are in each language."""
        query = select(AnswerRow.language, func.count()).where(AnswerRow.status == Status.APPROVED.value)
        with self._database.reading() as session:
            return dict(session.execute(query.group_by(AnswerRow.language)).all())

    def answer(self, answer_id: str) -> ApprovedAnswer:
        """``NotFoundError`` for an unknown id."""
        with self._database.reading() as session:
            return _answer(_known(session.get(AnswerRow, answer_id), "answer", answer_id))

    def put_answers(self, answers: Iterable[ApprovedAnswer]) -> IngestReport:
        """Adds or replaces answers by id, in one transaction; the day an answer was made stays."""
        with self._changing() as session:
            return _put(session, AnswerRow, answers)

    def put_by_hand(self, answer: ApprovedAnswer) -> None:
        """Adds an answer or replaces it, as a person wrote or reviewed it; where it once came from stays known."""
        with self._changing() as session:
            row = session.get(AnswerRow, answer.id)
            now = _columns(answer)
            touched = row is not None and any(getattr(row, name) != now[name] for name in (*WRITTEN, "status"))
            _put(session, AnswerRow, [replace(answer, by_hand=touched or (row is not None and row.by_hand))])

    def add_pending(self, answers: Iterable[ApprovedAnswer]) -> IngestReport:
        """Puts mined answers into the review queue; ids ever seen, also rejected ones, are left as they are."""
        with self._changing() as session:
            known = set(session.scalars(select(AnswerRow.id)))
            fresh = [one for one in answers if one.id not in known]
            return _put(session, AnswerRow, [replace(one, status=Status.PENDING) for one in fresh])

    def delete_answer(self, answer_id: str) -> None:
        """``NotFoundError`` for an unknown id."""
        with self._changing() as session:
            session.delete(_known(session.get(AnswerRow, answer_id), "answer", answer_id))

    def documents(self) -> list[Document]:
        """All documents, newest first."""
        with self._database.reading() as session:
            rows = session.scalars(select(DocumentRow).order_by(DocumentRow.created_at.desc(), DocumentRow.title))
            return [_document(row) for row in rows]

    def document(self, document_id: str) -> Document:
        """``NotFoundError`` for an unknown id."""
        with self._database.reading() as session:
            return _document(_known(session.get(DocumentRow, document_id), "document", document_id))

    def put_documents(self, documents: Sequence[tuple[Document, Sequence[Passage]]]) -> IngestReport:
        """Adds or replaces documents with their passages, in one transaction."""
        with self._changing() as session:
            report = IngestReport()
            for document, passages in documents:
                one = _put(session, DocumentRow, [document])
                report += one
                session.flush()
                session.execute(delete(PassageRow).where(PassageRow.document_id == document.id))
                session.add_all(_passage_row(passage, place) for place, passage in enumerate(passages))
            return report

    def delete_document(self, document_id: str) -> None:
        """The document and its passages; ``NotFoundError`` for an unknown id."""
        with self._changing() as session:
            session.delete(_known(session.get(DocumentRow, document_id), "document", document_id))

    def passages(self, document_id: str | None = None) -> list[Passage]:
        """A document's passages in order, or all."""
        query = select(PassageRow).order_by(PassageRow.document_id, PassageRow.place)
        if document_id is not None:
            query = query.where(PassageRow.document_id == document_id)
        with self._database.reading() as session:
            if document_id is not None:
                _known(session.get(DocumentRow, document_id), "document", document_id)
            return [_passage(row) for row in session.scalars(query)]

    def put_dialogues(self, dialogues: Iterable[Dialogue]) -> IngestReport:
        """Adds or replaces past dialogues by id, in one transaction."""
        with self._database.session() as session:
            return _put(session, DialogueRow, dialogues)

    def dialogues(self) -> list[Dialogue]:
        """All past dialogues by id."""
        with self._database.reading() as session:
            return [_dialogue(row) for row in session.scalars(select(DialogueRow).order_by(DialogueRow.id))]

    def knowledge_version(self) -> int:
        """Counts up with every change of answers or documents by any process."""
        with self._database.reading() as session:
            return session.scalar(select(KnowledgeRow.version)) or 0

    def counts(self) -> dict[str, int]:
        """How much there is of everything the chatbot knows."""
        with self._database.reading() as session:
            by_status = dict(session.execute(select(AnswerRow.status, func.count()).group_by(AnswerRow.status)).all())
            tables = {"documents": DocumentRow, "passages": PassageRow, "dialogues": DialogueRow}
            others = {name: session.scalar(select(func.count()).select_from(row)) or 0 for name, row in tables.items()}
        answers = {"answers": by_status.get(Status.APPROVED, 0), "pending": by_status.get(Status.PENDING, 0)}
        return answers | {"rejected": by_status.get(Status.REJECTED, 0)} | others

    @contextmanager
    def _changing(self) -> Iterator[Session]:
        """A transaction that counts the version up."""
        with self._database.session() as session:
            yield session
            row = session.get(KnowledgeRow, 1)
            if row is None:
                session.add(KnowledgeRow(id=1, version=1))
            else:
                row.version += 1


def _known(row: Any, noun: str, one: str) -> Any:
    if row is None:
        raise NotFoundError(f"There is no {noun} '{one}'.")
    return row


def _put(session: Session, table: type[T], records: Iterable[R]) -> IngestReport:
    """Inserts, updates or leaves each record.

    The row's own ``created_at`` is kept, and made now when it has none; files that bring it again are added to those
    that did before, and an answer keeps the source it first came from.
    """
    wanted = list(records)
    rows = rows_of(session, table, [one.id for one in wanted])
    added = updated = unchanged = 0
    for record in wanted:
        values = _columns(record)
        row = rows.get(record.id)
        if row is None:
            if "created_at" in values:
                values["created_at"] = values["created_at"] or utc_now()
            rows[record.id] = row = table(**values)
            session.add(row)
            added += 1
            continue
        changed = _changed(row, values)
        updated, unchanged = updated + changed, unchanged + (not changed)
    return IngestReport(added, updated, unchanged)


def _changed(row: AnswerRow | DocumentRow | DialogueRow, values: dict[str, Any]) -> bool:
    """Whether the values are new to the row, which has them now."""
    row.files = list(dict.fromkeys((*row.files, *values["files"])))
    stays = {"created_at", "files"} | ({"source"} if isinstance(row, AnswerRow) else set())
    changed = {name for name, value in values.items() if name not in stays and getattr(row, name) != value}
    for name in changed:
        setattr(row, name, values[name])
    return bool(changed)


def rows_of(session: Session, table: type[T], ids: Sequence[str]) -> dict[str, T]:
    """The rows of these ids that there are, by id."""
    found: dict[str, T] = {}
    for start in range(0, len(ids), LOOKUP):
        query = select(table).where(table.id.in_(ids[start : start + LOOKUP]))
        found |= {row.id: row for row in session.scalars(query)}
    return found


def _columns(record: Any) -> dict[str, Any]:
    values = {one.name: getattr(record, one.name) for one in fields(record)}
    for name, value in values.items():
        if name == "turns":
            values[name] = [{"role": str(turn.role), "text": turn.text} for turn in value]
        elif isinstance(value, tuple):
            values[name] = list(value)
        elif isinstance(value, Status | Audience):
            values[name] = value.value
    return values


def _plain(row: Any, cls: type) -> dict[str, Any]:
    values = {one.name: getattr(row, one.name) for one in fields(cls)}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _answer(row: AnswerRow) -> ApprovedAnswer:
    return ApprovedAnswer(**(_plain(row, ApprovedAnswer) | {"status": Status(row.status)}))


def _document(row: DocumentRow) -> Document:
    return Document(**(_plain(row, Document) | {"audience": Audience(row.audience)}))


def _passage(row: PassageRow) -> Passage:
    return Passage(**(_plain(row, Passage) | {"audience": Audience(row.audience)}))


def _passage_row(passage: Passage, place: int) -> PassageRow:
    values = _plain(passage, Passage) | {"audience": passage.audience.value}
    return PassageRow(place=place, **values)


def _dialogue(row: DialogueRow) -> Dialogue:
    turns = tuple(Turn(Role(turn["role"]), turn["text"]) for turn in row.turns)
    return Dialogue(**(_plain(row, Dialogue) | {"turns": turns}))
