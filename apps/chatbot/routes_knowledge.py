"""The knowledge over HTTP: upload, approved answers and their review, documents, the hit test."""

import tempfile
from pathlib import Path
from typing import Literal
from uuid import uuid4

from fastapi import APIRouter, File, Form, Query, UploadFile

from apps.chatbot.hit_test import HitTest
from apps.chatbot.http_service import Service, safe_name
from apps.chatbot.records import ApprovedAnswer, Document, Forgotten, IngestReport, Passage, Source, Status
from apps.chatbot.wire import AnswerBody, ClusterAnswer, DocumentCard, HitQuestion, TextBody

router = APIRouter(tags=["knowledge"])
PIECE = 1 << 20  # bytes of an upload held in memory at a time


@router.post("/knowledge")
def upload(
    service: Service,
    files: list[UploadFile] = File(description="csv, xlsx, jsonl, md, txt, html, pdf or docx"),
    kind: Literal["auto", "faq", "documents", "dialogues"] = Form("auto"),
    language: Literal["en", "zh"] | None = Form(None),
) -> IngestReport:
    """Take in FAQ files, documents or past dialogues; every row that was not taken is named with its reason."""
    with tempfile.TemporaryDirectory(prefix="trifolium-") as folder:
        paths = [_save(file, Path(folder) / str(number)) for number, file in enumerate(files)]
        return service.ingest(paths, kind=kind, language=language)


def _save(file: UploadFile, folder: Path) -> Path:
    folder.mkdir()  # one per file: two of the same name do not meet
    path = folder / safe_name(file.filename)
    with path.open("wb") as target:
        while piece := file.file.read(PIECE):
            target.write(piece)
    return path


@router.post("/knowledge/text")
def add_text(body: TextBody, service: Service) -> IngestReport:
    """Take in a document sent as text."""
    return service.ingest_text(body.title, body.text, language=body.language)


@router.get("/knowledge/sources")
def sources(service: Service) -> list[Source]:
    """The files that were taken in, with what is known from each."""
    return list(service.sources())


@router.delete("/knowledge/sources/{source:path}")
def forget(
    source: str,
    service: Service,
    keep_by_hand: bool = Query(False, description="Leave answers that people changed or approved."),
    dry_run: bool = Query(False, description="Only tell what would go."),
) -> Forgotten:
    """Take out what a file brought, and what was mined from its dialogues; what another file brought too stays."""
    return service.forgettable(source, keep_by_hand) if dry_run else service.forget(source, keep_by_hand)


@router.get("/answers")
def answers(
    service: Service,
    status: Status | None = None,
    search: str | None = None,
    limit: int = Query(50, ge=1, le=500),
    offset: int = Query(0, ge=0),
) -> list[ApprovedAnswer]:
    """Answers; ``status=pending`` is the review queue."""
    return list(service.answers(status=status, search=search, limit=limit, offset=offset))


@router.post("/answers", status_code=201)
def add_answer(body: AnswerBody, service: Service) -> ApprovedAnswer:
    """Add an answer."""
    return service.save_answer(_answer(uuid4().hex[:12], body, source="api"))


@router.put("/answers/{answer_id}")
def change_answer(answer_id: str, body: AnswerBody, service: Service) -> ApprovedAnswer:
    """Write an answer anew, or create it under this id."""
    return service.save_answer(_answer(answer_id, body, source="api"))


@router.delete("/answers/{answer_id}", status_code=204)
def delete_answer(answer_id: str, service: Service) -> None:
    """Take an answer out of the knowledge."""
    service.delete_answer(answer_id)


@router.post("/answers/{answer_id}/approve")
def approve(answer_id: str, service: Service) -> ApprovedAnswer:
    """Let an answer of the review queue be given to customers."""
    return service.approve(answer_id)


@router.post("/answers/{answer_id}/reject")
def reject(answer_id: str, service: Service) -> ApprovedAnswer:
    """Keep an answer of the review queue from customers."""
    return service.reject(answer_id)


@router.post("/answers/from-cluster", status_code=201)
def from_cluster(body: ClusterAnswer, service: Service) -> ApprovedAnswer:
    """Answer a cluster of unanswered questions; all its wordings lead to the answer from now on."""
    return service.add_from_cluster(body.question, body.answer, body.similar, body.language)


@router.get("/documents")
def documents(service: Service) -> list[DocumentCard]:
    """The documents, without their texts."""
    return [_card(one) for one in service.documents()]


@router.get("/documents/{document_id}/passages")
def passages(document_id: str, service: Service) -> list[Passage]:
    """A document as it was cut, with offsets into its text."""
    return list(service.passages(document_id))


@router.delete("/documents/{document_id}", status_code=204)
def delete_document(document_id: str, service: Service) -> None:
    """Take a document and its passages out of the knowledge."""
    service.delete_document(document_id)


@router.post("/hit-test")
def hit_test(body: HitQuestion, service: Service) -> HitTest:
    """What search finds: the first ``k`` by words, by meaning and by both together, and the decision that would follow.

    Places count from 1 within a kind of evidence, ``found`` says of how many; what each score means stands at its row.

    Nothing is written: after the decision to compose the generator may still decline, and a turn then asks back.
    """
    return service.hit_test(body.question, k=body.k, language=body.language)


def _card(one: Document) -> DocumentCard:
    names = ("id", "title", "source", "language", "audience", "valid_from", "valid_until")
    return DocumentCard(**{name: getattr(one, name) for name in names}, characters=len(one.text))


def _answer(answer_id: str, body: AnswerBody, source: str) -> ApprovedAnswer:
    fields = body.model_dump() | {"similar_questions": tuple(body.similar_questions)}
    return ApprovedAnswer(id=answer_id, source=source, **fields)
