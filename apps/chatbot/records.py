"""The chatbot's nouns as frozen records that check themselves when made; code further in trusts them.

They know nothing of files, tables, models or pages. Dates without a time are whole days: ``valid_until`` is the last
valid day.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from dataclasses import field as attribute
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from apps.chatbot.row_problems import CSAT, EMPTY_DIALOGUE, NAMES, NEEDED, RECORDS, VALIDITY
from core.errors import DataError
from core.reasons import reason


class Status(StrEnum):
    """Where an answer stands in review; only ``APPROVED`` ones are shown to customers."""

    APPROVED = "approved"
    PENDING = "pending"
    REJECTED = "rejected"


class Audience(StrEnum):
    """Who may read a text: what is for ``STAFF`` is never quoted to a customer."""

    CUSTOMER = "customer"
    STAFF = "staff"


class Role(StrEnum):
    """Who speaks: the customer, the bot (``ASSISTANT``) or a person of the service team (``AGENT``)."""

    CUSTOMER = "customer"
    ASSISTANT = "assistant"
    AGENT = "agent"


class Kind(StrEnum):
    """Kinds of labelled questions; the first three have an answer in the knowledge."""

    FAQ = "faq"
    DOCUMENT = "document"
    FOLLOW_UP = "follow_up"
    OUT_OF_SCOPE = "out_of_scope"
    UNANSWERABLE = "unanswerable"
    AMBIGUOUS = "ambiguous"
    HANDOVER = "handover"


class Outcome(StrEnum):
    """The four things a turn can end in; a typed field beside the text, never hidden in it."""

    ANSWER = "answer"
    COMPOSE = "compose"
    CLARIFY = "clarify"
    HAND_OVER = "hand_over"


class Reason(StrEnum):
    """Why a turn ended as it did."""

    APPROVED_MATCH = "approved_match"
    GROUNDED_PASSAGES = "grounded_passages"
    SEVERAL_CANDIDATES = "several_candidates"
    TOO_VAGUE = "too_vague"
    NO_EVIDENCE = "no_evidence"
    OUT_OF_SCOPE = "out_of_scope"
    ASKED_FOR_PERSON = "asked_for_person"
    COMPLAINT = "complaint"
    REPEATED_FAILURE = "repeated_failure"
    BOT_PAUSED = "bot_paused"
    UNSUPPORTED_ANSWER = "unsupported_answer"
    MODEL_UNAVAILABLE = "model_unavailable"
    SMALL_TALK = "small_talk"
    SLOT_MISSING = "slot_missing"
    CANCELLED = "cancelled"


class EvidenceKind(StrEnum):
    """What a piece of evidence is: a whole approved answer or a passage of a document."""

    ANSWER = "answer"
    PASSAGE = "passage"


class ConversationState(StrEnum):
    """Who has the word: the bot, a person (the bot is silent until released), or nobody any more."""

    BOT = "bot"
    PERSON = "person"
    CLOSED = "closed"


class Rating(StrEnum):
    """A customer's thumb."""

    UP = "up"
    DOWN = "down"


def is_valid(valid_from: date | None, valid_until: date | None, now: date) -> bool:
    """Whether ``now`` (a day or a moment) lies in the validity, both ends included; an open end is always valid."""
    day = now.date() if isinstance(now, datetime) else now
    return (valid_from is None or valid_from <= day) and (valid_until is None or day <= valid_until)


def _require(record: object, *names: str) -> None:
    for name in names:
        if not str(getattr(record, name)).strip():
            bare = name.replace("_", " ")
            named = reason(NAMES.get(name, (bare, bare)))
            raise DataError(reason(NEEDED, what=reason(RECORDS[type(record).__name__]), name=named))


def _check_validity(valid_from: date | None, valid_until: date | None) -> None:
    if valid_from is not None and valid_until is not None and valid_until < valid_from:
        raise DataError(reason(VALIDITY, first=valid_from, last=valid_until))


@dataclass(frozen=True)
class ApprovedAnswer:
    """A question with the team's own answer; ``similar_questions`` are other wordings that lead to the same answer.

    ``files`` name what brought it, none for one written by hand; ``by_hand`` says that a person has changed, approved
    or rejected it since.
    """

    id: str
    question: str
    answer: str
    similar_questions: tuple[str, ...] = ()
    category: str | None = None
    intent: str | None = None
    language: str = "en"
    valid_from: date | None = None
    valid_until: date | None = None
    status: Status = Status.APPROVED
    source: str = ""
    created_at: datetime | None = None
    files: tuple[str, ...] = ()
    by_hand: bool = False

    def __post_init__(self) -> None:
        _require(self, "id", "question", "answer")
        _check_validity(self.valid_from, self.valid_until)

    @property
    def wordings(self) -> tuple[str, ...]:
        """The question and its similar questions, each once."""
        return tuple(dict.fromkeys((self.question, *self.similar_questions)))

    def valid_at(self, now: date) -> bool:
        """Whether a customer may be given this answer on that day, status aside."""
        return is_valid(self.valid_from, self.valid_until, now)


@dataclass(frozen=True)
class Document:
    """A text the team uploaded, whole; passages point into ``text`` by offsets, ``files`` name what brought it."""

    id: str
    title: str
    text: str
    source: str = ""
    language: str = "en"
    audience: Audience = Audience.CUSTOMER
    valid_from: date | None = None
    valid_until: date | None = None
    created_at: datetime | None = None
    files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require(self, "id", "title", "text")
        _check_validity(self.valid_from, self.valid_until)


@dataclass(frozen=True)
class Passage:
    """A stretch of a document: ``text == document.text[start:end]``; ``heading`` is the path of headings above it."""

    id: str
    document_id: str
    title: str
    heading: str
    text: str
    start: int
    end: int
    language: str = "en"
    audience: Audience = Audience.CUSTOMER
    valid_from: date | None = None
    valid_until: date | None = None

    def __post_init__(self) -> None:
        _require(self, "id", "document_id", "text")
        if not 0 <= self.start < self.end:
            raise DataError(f"A passage must have 0 <= start < end, got {self.start} and {self.end}.")

    @property
    def indexed_text(self) -> str:
        """What search reads: title and headings before the text, so that "the Ember kettle" is found in its manual."""
        return "\n".join(part for part in (self.title, self.heading, self.text) if part)

    def valid_at(self, now: date) -> bool:
        """Whether the passage holds on that day."""
        return is_valid(self.valid_from, self.valid_until, now)


@dataclass(frozen=True)
class Turn:
    """One message of a dialogue."""

    role: Role
    text: str


@dataclass(frozen=True)
class Dialogue:
    """A past conversation with the service team; ``csat`` is 1 to 5, ``resolved`` None when nobody said."""

    id: str
    turns: tuple[Turn, ...]
    language: str = "en"
    resolved: bool | None = None
    csat: int | None = None
    intent: str | None = None
    started_at: datetime | None = None
    channel: str | None = None
    files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require(self, "id")
        if not self.turns:
            raise DataError(reason(EMPTY_DIALOGUE, id=self.id))
        if self.csat is not None and not 1 <= self.csat <= 5:
            raise DataError(reason(CSAT, value=self.csat))


@dataclass(frozen=True)
class LabelledQuestion:
    """A question with what a good chatbot does with it.

    ``answer`` is a short copied fact, ``standalone`` the form of a follow-up that needs no history.
    """

    id: str
    question: str
    kind: Kind
    language: str = "en"
    history: tuple[Turn, ...] = ()
    intent: str = "out_of_scope"
    faq_id: str | None = None
    faq_ids: tuple[str, ...] = ()
    document: str | None = None
    answer: str | None = None
    standalone: str | None = None

    def __post_init__(self) -> None:
        _require(self, "id", "question")

    @property
    def answerable(self) -> bool:
        """Whether the knowledge holds an answer."""
        return self.kind in (Kind.FAQ, Kind.DOCUMENT, Kind.FOLLOW_UP)


@dataclass(frozen=True)
class Evidence:
    """One numbered source of an answer, as it was when used; ``start`` and ``end`` point into the document."""

    id: str
    kind: EvidenceKind
    number: int
    title: str
    text: str
    score: float
    lexical_rank: int | None = None
    vector_rank: int | None = None
    document_id: str | None = None
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True)
class Candidate:
    """An approved question offered when asking back."""

    id: str
    question: str


@dataclass(frozen=True)
class Decision:
    """What is done with a turn and why; ``confidence`` is the calibrated probability that the outcome is right.

    ``candidates`` are the questions asked back about; beside an approved answer, what else may have been meant.
    ``evidence`` is what the text rests on or quotes; of an approved answer that itself comes first.
    """

    outcome: Outcome
    reason: Reason
    confidence: float
    intent: str | None = None
    intent_probability: float | None = None
    candidates: tuple[Candidate, ...] = ()
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class Message:
    """A stored turn; the bot's carry their decision, evidence and milliseconds per stage."""

    id: str
    conversation_id: str
    role: Role
    text: str
    created_at: datetime
    language: str | None = None
    decision: Decision | None = None
    latency_ms: Mapping[str, float] = attribute(default_factory=dict)
    reply_to: str | None = None


@dataclass(frozen=True)
class Conversation:
    """A customer's conversation; in state ``PERSON`` the bot is paused."""

    id: str
    language: str
    state: ConversationState
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class Handover:
    """What a person gets when the bot steps back; open until ``released_at`` is set."""

    id: str
    conversation_id: str
    reason: Reason
    summary: str
    transcript: str
    created_at: datetime
    released_at: datetime | None = None


@dataclass(frozen=True)
class Feedback:
    """A thumb on one bot message, with a reason of a short list and free words."""

    message_id: str
    rating: Rating
    reason: str | None = None
    comment: str | None = None
    created_at: datetime | None = None


@dataclass(frozen=True)
class Source:
    """A file that was taken in and what is known from it; ``waiting`` are mined answers in review or rejected.

    ``by_hand`` of the answers, waiting ones too, were changed, approved or rejected by a person since.
    """

    name: str
    answers: int = 0
    waiting: int = 0
    by_hand: int = 0
    documents: int = 0
    dialogues: int = 0


@dataclass(frozen=True)
class Forgotten:
    """What went with a source, or would go; ``kept`` stays: another file brought it too, or people have touched it."""

    gone: Source
    kept: int = 0


@dataclass(frozen=True)
class RowProblem:
    """A row that gave no record of its own: where it stands (line 1 is the file's first, 0 the whole file) and why."""

    source: str
    line: int
    reason: str


@dataclass(frozen=True)
class IngestReport:
    """What an ingest did; nothing is dropped without a problem naming it.

    ``failed`` names files of which nothing could be read; their reason is a problem of line 0. ``merged`` are rows that
    became part of another one, such as a question asked twice: nothing is wrong with them. ``noted`` are rows that were
    taken and that a person should look at, such as an answer that says otherwise than another one.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    problems: tuple[RowProblem, ...] = ()
    failed: tuple[str, ...] = ()
    merged: tuple[RowProblem, ...] = ()
    noted: tuple[RowProblem, ...] = ()

    @property
    def bad_rows(self) -> int:
        """How many rows were not taken; a whole file is none of them."""
        return sum(one.line > 0 for one in self.problems)

    @property
    def in_vain(self) -> bool:
        """Whether a file could not be read, or no row of all was taken."""
        return bool(self.failed or (self.problems and not self.added + self.updated + self.unchanged))

    def __add__(self, other: "IngestReport") -> "IngestReport":
        return IngestReport(
            self.added + other.added,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.problems + other.problems,
            self.failed + other.failed,
            self.merged + other.merged,
            self.noted + other.noted,
        )


def utc_now() -> datetime:
    """The moment, with its zone; only services and stores call it, thinking code gets ``now`` as an argument."""
    return datetime.now(UTC)


def as_json(record: Any) -> Any:
    """A record (or a tuple, mapping, plain value) as JSON-ready values; dates in ISO form."""
    if is_dataclass(record) and not isinstance(record, type):
        return {one.name: as_json(getattr(record, one.name)) for one in fields(record)}
    if isinstance(record, Mapping):
        return {str(key): as_json(value) for key, value in record.items()}
    if isinstance(record, list | tuple):
        return [as_json(value) for value in record]
    if isinstance(record, StrEnum):
        return record.value
    return record.isoformat() if isinstance(record, date) else record


def decision_from_json(data: Mapping[str, Any]) -> Decision:
    """The decision that ``as_json`` wrote; keys of later versions are skipped."""
    plain = {"confidence": 0.0} | _known(Decision, data)
    plain["outcome"], plain["reason"] = Outcome(plain["outcome"]), Reason(plain["reason"])
    plain["candidates"] = tuple(Candidate(**_known(Candidate, one)) for one in data.get("candidates", ()))
    plain["evidence"] = tuple(evidence_from_json(one) for one in data.get("evidence", ()))
    return Decision(**plain)


def evidence_from_json(data: Mapping[str, Any]) -> Evidence:
    """The evidence that ``as_json`` wrote."""
    return Evidence(**(_known(Evidence, data) | {"kind": EvidenceKind(data["kind"])}))


def _known(cls: type, data: Mapping[str, Any]) -> dict[str, Any]:
    names = {one.name for one in fields(cls)}
    return {key: value for key, value in data.items() if key in names}
