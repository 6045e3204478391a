"""Writes what the team owns to files: conversations, approved answers, feedback; for archives, audits and training.

Personal data is masked by the function handed in. Files are written whole or not at all.
"""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from apps.chatbot.records import ApprovedAnswer, Conversation, Feedback, Message, Status, as_json

Mask = Callable[[str], tuple[str, Any]]
EVERYTHING = 1_000_000


class Archive(Protocol):
    """What exporting reads."""

    def conversations(self, limit: int) -> list[Conversation]: ...
    def messages(self, conversation_id: str) -> list[Message]: ...
    def answers(self, status: Status | None, search: str | None, limit: int, offset: int) -> list[ApprovedAnswer]: ...
    def feedback_since(self, since: datetime) -> list[Feedback]: ...


def export(archive: Archive, folder: Path, mask: Mask | None) -> list[Path]:
    """``dialogues.jsonl`` (the format that ``ingest`` reads), ``faq.jsonl`` and ``feedback.jsonl`` in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    hide = (lambda text: mask(text)[0]) if mask else (lambda text: text)
    dialogues = (_dialogue(one, archive, hide) for one in archive.conversations(EVERYTHING))
    answers = (_answer(one) for one in archive.answers(None, None, EVERYTHING, 0))
    thumbs = (_thumb(one, hide) for one in archive.feedback_since(datetime(1970, 1, 1, tzinfo=UTC)))
    return [
        _write(folder / "dialogues.jsonl", (one for one in dialogues if one["turns"])),
        _write(folder / "faq.jsonl", answers),
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


def _answer(one: ApprovedAnswer) -> dict[str, Any]:
    return dict(as_json(one))


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
