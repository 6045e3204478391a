"""Queries over the files that knowledge came from: what each brought, and taking that out again.

A row that several files brought goes with the last of them. Answers mined from a file's dialogues are the file's, too.
"""

from collections import Counter
from collections.abc import Iterable

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from apps.chatbot.records import Forgotten, Source, Status
from apps.chatbot.store_knowledge import LOOKUP, KnowledgeTables, T, rows_of
from apps.chatbot.store_tables import AnswerRow, DialogueRow, DocumentRow, PassageRow
from core.errors import NotFoundError, known_names

Row = AnswerRow | DocumentRow | DialogueRow


class SourceTables(KnowledgeTables):
    """What the chatbot knows, and by which file it came."""

    def sources(self) -> list[Source]:
        """The files of which something is known, by name."""
        with self._database.reading() as session:
            counts = _counts(session)
        return [Source(name, **one) for name, one in sorted(counts.items())]

    def forgettable(self, source: str, keep_by_hand: bool = False) -> Forgotten:
        """What ``forget`` would take out; ``NotFoundError`` for a file of which nothing is known."""
        with self._database.reading() as session:
            return _forgotten(source, *_parted(session, source, keep_by_hand))

    def forget(self, source: str, keep_by_hand: bool = False) -> Forgotten:
        """Takes out what the file alone brought, in one transaction; with ``keep_by_hand`` save what people touched."""
        with self._changing() as session:
            gone, kept = _parted(session, source, keep_by_hand)
            told = _forgotten(source, gone, kept)
            for row in kept:
                row.files = [one for one in row.files if one != source]
            _delete_passages(session, [row.id for row in gone if isinstance(row, DocumentRow)])
            for row in gone:
                session.delete(row)
        return told


def _counts(session: Session) -> dict[str, Counter[str]]:
    """By file: its answers, waiting, by_hand, documents and dialogues; without the texts, which may be long."""
    found: dict[str, Counter[str]] = {}
    for files, status, by_hand in session.execute(select(AnswerRow.files, AnswerRow.status, AnswerRow.by_hand)):
        for name in files:
            found.setdefault(name, Counter()).update(_of_answer(status, by_hand))
    for kind, noun in ((DocumentRow, "documents"), (DialogueRow, "dialogues")):
        for files in session.scalars(select(kind.files)):
            for name in files:
                found.setdefault(name, Counter())[noun] += 1
    return found


def _of_answer(status: str, by_hand: bool) -> list[str]:
    return ["answers" if status == Status.APPROVED else "waiting", *(["by_hand"] if by_hand else [])]


def _parted(session: Session, source: str, keep_by_hand: bool) -> tuple[list[Row], list[Row]]:
    """The file's rows that go with it, and those that stay."""
    rows: list[Row] = [*_brought(session, AnswerRow, source), *_brought(session, DocumentRow, source)]
    rows += _brought(session, DialogueRow, source)
    if not rows:
        raise NotFoundError(f"Nothing is known from a file '{source}'; {known_names(source, _counts(session))}.")
    gone = [row for row in rows if not _stays(row, keep_by_hand)]
    return gone, [row for row in rows if _stays(row, keep_by_hand)]


def _brought(session: Session, kind: type[T], source: str) -> list[T]:
    ids = [id_ for id_, files in session.execute(select(kind.id, kind.files)) if source in files]
    return list(rows_of(session, kind, ids).values())


def _stays(row: Row, keep_by_hand: bool) -> bool:
    return len(row.files) > 1 or (keep_by_hand and isinstance(row, AnswerRow) and row.by_hand)


def _forgotten(source: str, gone: Iterable[Row], kept: list[Row]) -> Forgotten:
    counts: Counter[str] = Counter()
    for row in gone:
        if isinstance(row, AnswerRow):
            counts.update(_of_answer(row.status, row.by_hand))
        else:
            counts["documents" if isinstance(row, DocumentRow) else "dialogues"] += 1
    return Forgotten(Source(source, **counts), len(kept))


def _delete_passages(session: Session, documents: list[str]) -> None:
    for start in range(0, len(documents), LOOKUP):
        some = documents[start : start + LOOKUP]
        session.execute(delete(PassageRow).where(PassageRow.document_id.in_(some)))
