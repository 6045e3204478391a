"""Past service dialogues out of jsonl or json files: one conversation an object, a list of turns with role and text."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from apps.chatbot import columns
from apps.chatbot.columns import DIALOGUE
from apps.chatbot.records import Dialogue, Role, Turn
from apps.chatbot.row_problems import CSAT, NO_TURN, NO_TURN_TEXT, NO_TURNS, ROLE, SAME_ID, STARTED
from apps.chatbot.tables import Reading, Rows, read_rows
from core.errors import DataError
from core.reasons import reason
from core.text import content_hash, normalise
from core.text import language as language_of

ROLES = {
    Role.CUSTOMER: ("customer", "user", "client", "visitor", "buyer", "human", "顾客", "客户", "用户", "买家"),
    Role.AGENT: ("agent", "staff", "operator", "representative", "seller", "support", "客服", "坐席", "人工", "商家"),
    Role.ASSISTANT: ("assistant", "bot", "chatbot", "robot", "system", "机器人", "助手"),
}
TEXT_NAMES = ("text", "content", "message", "utterance", "value", "内容")
ROLE_NAMES = ("role", "speaker", "from", "sender", "author", "角色")


def read_dialogues(path: Path, language: str | None = None) -> Rows[Dialogue]:
    """Dialogues in the order of the file; one whose turns cannot be read is a problem with the reason."""
    reading: Reading[Dialogue] = Reading(path.name)
    lines: dict[str, int] = {}
    for row in read_rows(path, lambda name: columns.is_known(name, DIALOGUE), reading):
        made = reading.take(row.line, lambda row=row: _dialogue(row.cells, path.name, language))  # type: ignore[misc]
        if made is not None and lines.setdefault(made.id, row.line) != row.line:
            reading.records.pop()
            reading.problem(row.line, reason(SAME_ID, id=made.id, line=lines[made.id]))
    return reading.done()


def is_dialogue(cells: Mapping[str, Any]) -> bool:
    """Whether an object has a list of turns."""
    turns = columns.renamed(cells, DIALOGUE).get("turns", [None])[0]
    return isinstance(turns, list) and bool(turns) and isinstance(turns[0], dict)


def _dialogue(cells: Mapping[str, Any], source: str, language: str | None) -> Dialogue:
    known = {name: values[0] for name, values in columns.renamed(cells, DIALOGUE).items()}
    turns = _turns(known.get("turns"))
    said = "\n".join(turn.text for turn in turns)
    return Dialogue(
        id=columns.text(known["id"]) if "id" in known else content_hash(f"{source}\n{said}")[:16],
        turns=turns,
        language=str(known.get("language") or language or language_of(said)),
        resolved=columns.yes_or_no(known["resolved"], "resolved") if "resolved" in known else None,
        csat=_csat(known["csat"]) if "csat" in known else None,
        intent=columns.text(known["intent"]) if "intent" in known else None,
        started_at=_moment(known["started_at"]) if "started_at" in known else None,
        channel=columns.text(known["channel"]) if "channel" in known else None,
    )


def _turns(value: Any) -> tuple[Turn, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise DataError(reason(NO_TURNS))
    turns = tuple(_turn(one, number) for number, one in enumerate(value, start=1))
    return tuple(turn for turn in turns if turn.text)


def _turn(value: Any, number: int) -> Turn:
    if not isinstance(value, Mapping):
        raise DataError(reason(NO_TURN, number=number))
    role = next((str(value[name]).strip().lower() for name in ROLE_NAMES if name in value), "")
    text = next((value[name] for name in TEXT_NAMES if name in value), None)
    for ours, names in ROLES.items():
        if role in names and isinstance(text, str):
            return Turn(ours, normalise(text))
    if not isinstance(text, str):
        raise DataError(reason(NO_TURN_TEXT, number=number))
    raise DataError(reason(ROLE, number=number, role=role))


def _csat(value: Any) -> int:
    try:
        return int(float(value))
    except (TypeError, ValueError):
        raise DataError(reason(CSAT, value=f"'{value}'")) from None


def _moment(value: Any) -> datetime:
    try:
        seconds = isinstance(value, int | float) and not isinstance(value, bool)
        moment = datetime.fromtimestamp(value, UTC) if seconds else datetime.fromisoformat(str(value))
    except (ValueError, OverflowError, OSError):
        raise DataError(reason(STARTED, value=value)) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
