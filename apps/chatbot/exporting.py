"""Writes what the team owns to files: conversations, knowledge, feedback; for archives, audits, training and moving.

Personal data is masked by the function handed in. Files are written whole or not at all.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from apps.chatbot.records import (
    ApprovedAnswer,
    Conversation,
    Dialogue,
    Document,
    Feedback,
    Message,
    Status,
    as_json,
)

Mask = Callable[[str], tuple[str, Any]]
EVERYTHING = 1_000_000


class Archive(Protocol):
    """What exporting reads."""

    def conversations(self, limit: int) -> list[Conversation]: ...
    def messages(self, conversation_id: str) -> list[Message]: ...
    def answers(self, status: Status | None, search: str | None, limit: int, offset: int) -> list[ApprovedAnswer]: ...
    def documents(self) -> list[Document]: ...
    def dialogues(self) -> list[Dialogue]: ...
    def feedback_since(self, since: datetime) -> list[Feedback]: ...


def export(archive: Archive, folder: Path, mask: Mask | None) -> list[Path]:
    """Conversations, answers, documents, the past dialogues taken in, and feedback, a file each in ``folder``.

    All but ``feedback.jsonl`` have the formats that ``ingest`` reads: what is read back is the same knowledge.
    """
    folder.mkdir(parents=True, exist_ok=True)
    hide = (lambda text: mask(text)[0]) if mask else (lambda text: text)
    dialogues = (_dialogue(one, archive, hide) for one in archive.conversations(EVERYTHING))
    answers = (_plain(one) for one in archive.answers(None, None, EVERYTHING, 0))
    past = (_past(one, hide) for one in archive.dialogues())
    thumbs = (_thumb(one, hide) for one in archive.feedback_since(datetime(1970, 1, 1, tzinfo=UTC)))
    return [
        _write(folder / "dialogues.jsonl", (one for one in dialogues if one["turns"])),
        _write(folder / "documents.jsonl", (_plain(one) for one in archive.documents())),
        _write(folder / "faq.jsonl", answers),
        _write(folder / "past_dialogues.jsonl", past),
        _write(folder / "feedback.jsonl", thumbs),
    ]


def _dialogue(one: Conversation, archive: Archive, hide: Callable[[str], str]) -> dict[str, Any]:
    messages = archive.messages(one.id)
    return {
        "id": one.id,
        "language": one.language,
        "started_at": one.created_at.isoformat(),
        "turns": [{"role": message.role.value, "text": hide(message.text)} for message in messages],
        "outcomes": [message.decision.reason.value for message in messages if message.decision],
        "resolved": None,
        "csat": None,
    }


def _plain(one: ApprovedAnswer | Document | Dialogue) -> dict[str, Any]:
    return dict(as_json(one))


def _past(one: Dialogue, hide: Callable[[str], str]) -> dict[str, Any]:
    return _plain(replace(one, turns=tuple(replace(turn, text=hide(turn.text)) for turn in one.turns)))


def _thumb(one: Feedback, hide: Callable[[str], str]) -> dict[str, Any]:
    plain = dict(as_json(one))
    plain["comment"] = hide(one.comment) if one.comment else None
    return plain


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    part.replace(path)
    return path
