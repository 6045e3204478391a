"""What the team owns goes out to files and comes back in as the same knowledge."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from apps.chatbot.exporting import export
from apps.chatbot.knowledge import Knowledge
from apps.chatbot.records import (
    ApprovedAnswer,
    Audience,
    Dialogue,
    Document,
    Feedback,
    Message,
    Rating,
    Role,
    Status,
    Turn,
)
from apps.chatbot.store import Store
from core.text import mask_personal_data
from tests.chatbot.test_knowledge import Letters

NOW = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
ANSWERS = (
    ApprovedAnswer(
        "a1", "多久送到？", "两到四个\n工作日。", ("几天到；能快点吗",), "物流", "delivery", "zh", date(2026, 1, 1)
    ),
    ApprovedAnswer("a2", "Open?", "From 8; on Saturday from 9.", ("hours", "when | how long")),
    ApprovedAnswer("a3", "Open?", "By appointment.", status=Status.PENDING),
    ApprovedAnswer("a4", "Parking?", "No.", status=Status.REJECTED, valid_until=date(2026, 12, 31)),
)
DOCUMENT = Document(
    "d1", "Fees", "# Fees\n\nA missed visit costs 40.", "fees.md", "en", Audience.STAFF, date(2026, 1, 1)
)
SAID = (Turn(Role.CUSTOMER, "I am ann@example.org, is it done?"), Turn(Role.AGENT, "It is."))
DIALOGUE = Dialogue("t1", SAID, "en", False, 2, "repair", NOW, "phone")


def opened(folder: Path) -> Knowledge:
    return Knowledge(Store.open(f"sqlite:///{folder}.db"), [Letters()], folder).load()


@pytest.fixture
def full(tmp_path: Path) -> Knowledge:
    made = opened(tmp_path / "full")
    made._store.put_answers(ANSWERS)
    made._store.put_documents([(DOCUMENT, [])])
    made._store.put_dialogues([DIALOGUE])
    made._store.create_conversation("c1", "en", NOW)
    made._store.add_message(Message("m1", "c1", Role.ASSISTANT, "Hello.", NOW))
    made._store.add_feedback(Feedback("m1", Rating.UP, None, "call 91234567", NOW))
    return made


def knowledge_of(known: Knowledge) -> list[object]:
    answers = [replace(one, source="", files=(), created_at=None) for one in known._store.answers()]
    documents = [replace(one, files=(), created_at=None) for one in known._store.documents()]
    dialogues = [replace(one, files=()) for one in known._store.dialogues() if one.id == "t1"]
    return [sorted(answers, key=lambda one: one.id), documents, dialogues]


def test_what_was_exported_is_the_same_knowledge_when_it_is_taken_in_elsewhere(full, tmp_path):
    export(full._store, tmp_path / "out", None)
    other = opened(tmp_path / "other")
    report = other.ingest([tmp_path / "out"])
    assert knowledge_of(other) == knowledge_of(full)
    assert (report.added, report.merged, report.failed) == (7, (), ())  # the conversation is a past dialogue now
    assert [one.source for one in report.problems] == ["feedback.jsonl"] and not report.in_vain
    again = full.ingest([tmp_path / "out"])
    assert (again.added, again.updated, again.unchanged) == (1, 0, 6)  # at home nothing else is new


def test_an_export_of_nothing_taken_in_is_no_failure(tmp_path):
    empty = opened(tmp_path / "empty")
    assert len(export(empty._store, tmp_path / "out", None)) == 5
    report = empty.ingest([tmp_path / "out"])
    assert report.failed == () and report.added == 0


def test_what_customers_said_is_masked_and_the_teams_own_texts_are_not(full, tmp_path):
    files = {path.name: path.read_text("utf-8") for path in export(full._store, tmp_path / "out", mask_personal_data)}
    assert not any("ann@example.org" in text or "91234567" in text for text in files.values())
    assert json.loads(files["documents.jsonl"])["text"] == DOCUMENT.text
