"""A stand-in for the chatbot service with the same methods, all in memory: the page tests' other side."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from types import SimpleNamespace

from apps.chatbot.calibration import CurvePoint
from apps.chatbot.hit_test import Counts, HitRow
from apps.chatbot.records import (
    ApprovedAnswer,
    Candidate,
    Conversation,
    ConversationState,
    Decision,
    Document,
    Evidence,
    EvidenceKind,
    Forgotten,
    Handover,
    IngestReport,
    Message,
    Outcome,
    Passage,
    Rating,
    Reason,
    Role,
    RowProblem,
    Source,
    Status,
)  # fmt: skip
from core.errors import DataError, NotFoundError

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
RETURNS = ApprovedAnswer("a1", "How long can I return things?", "Thirty days. [1]", ("return window",), "returns")
WARRANTY = ApprovedAnswer("a2", "Is there a warranty?", "Two years on every kettle.", (), "warranty")
MINED = ApprovedAnswer("a3", "Do you ship to Norway?", "We do, in six days.", status=Status.PENDING, source="d-17")
ZH = ApprovedAnswer("a4", "退货期限是多久？", "三十天。", (), "returns", language="zh")
MANUAL = Document("d1", "Ember kettle manual", "Fill it. Never above MAX.", "kettle.md")
PASSAGE = Passage("p1", "d1", MANUAL.title, "Filling", "Never above MAX.", 9, 25)
SOURCE = Evidence("p1", EvidenceKind.PASSAGE, 1, MANUAL.title, PASSAGE.text, 0.9, 1, 2, "d1", 9, 25)


@dataclass
class View:
    """What ``pending`` gives."""

    text: str = ""
    decision: Decision | None = None
    done: bool = False
    error: str | None = None
    message: Message | None = None


@dataclass
class FakeService:
    """Questions with "kettle" are answered with a citation, with "hm" asked back about, others get no answer yet."""

    answers_: dict[str, ApprovedAnswer] = field(
        default_factory=lambda: {one.id: one for one in (RETURNS, WARRANTY, MINED, ZH)}
    )
    documents_: dict[str, Document] = field(default_factory=lambda: {"d1": MANUAL})
    sources_: list[Source] = field(
        default_factory=lambda: [Source("a_b.csv", answers=3, by_hand=1), Source("kettle.md", documents=1)]
    )
    outgrown_: dict[str, tuple[int, int]] = field(default_factory=dict)
    outdated_: list[str] = field(default_factory=list)
    said: dict[str, list[Message]] = field(default_factory=dict)
    talks: dict[str, Conversation] = field(default_factory=dict)
    open_: dict[str, Handover] = field(default_factory=dict)
    given: list[tuple[str, Rating, str | None, str | None]] = field(default_factory=list)
    views: dict[str, View] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)
    ingested: list[str] = field(default_factory=list)
    hold: bool = False  # answers stay unfinished
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    def start_conversation(self, language: str = "en") -> Conversation:
        talk = Conversation(f"c{next(self.numbers)}", language, ConversationState.BOT, NOW, NOW)
        self.talks[talk.id], self.said[talk.id] = talk, []
        return talk

    def conversation(self, id: str) -> Conversation:
        if id not in self.talks:
            raise NotFoundError(f"No conversation '{id}'.")
        return self.talks[id]

    def messages(self, id: str) -> list[Message]:
        return list(self.said[id])

    def add(self, id: str, role: Role, text: str, decision: Decision | None = None) -> Message:
        message = Message(f"m{next(self.numbers)}", id, role, text, NOW, decision=decision)
        self.said[id].append(message)
        return message

    def submit(self, id: str, text: str) -> SimpleNamespace:
        if text == "boom":
            raise RuntimeError("/secret/path.py line 3")
        self.add(id, Role.CUSTOMER, text)
        decision, reply = self._decide(text)
        view = View("Never abo", decision) if self.hold else View(done=True)
        if self.talks[id].state is ConversationState.BOT and not self.hold:
            view.message = self.add(id, Role.ASSISTANT, reply, decision)
        self.views[key := f"p{next(self.numbers)}"] = view
        return SimpleNamespace(id=key, conversation_id=id)

    def _decide(self, text: str) -> tuple[Decision, str]:
        if "hm" in text:
            offered = (Candidate("a1", RETURNS.question), Candidate("a2", WARRANTY.question))
            return Decision(Outcome.CLARIFY, Reason.SEVERAL_CANDIDATES, 0.5, candidates=offered), "Did you mean:"
        if text == "is it guaranteed":
            other = (Candidate("a1", RETURNS.question),)
            decision = Decision(Outcome.ANSWER, Reason.APPROVED_MATCH, 0.8, candidates=other, evidence=(SOURCE,))
            return decision, "For two years."
        return Decision(Outcome.COMPOSE, Reason.GROUNDED_PASSAGES, 0.87, evidence=(SOURCE,)), "Never above MAX. [1]"

    def pending(self, id: str) -> View:
        if id not in self.views:
            raise NotFoundError(f"No answer '{id}' is being written.")
        return self.views[id]

    def pending_in(self, id: str) -> SimpleNamespace | None:
        return next((SimpleNamespace(id=key) for key, view in self.views.items() if not view.done), None)

    def stop(self, id: str) -> None:
        self.stopped.append(id)
        self.views[id].done = True

    def request_person(self, id: str) -> Message:
        self.talks[id] = replace(self.talks[id], state=ConversationState.PERSON)
        self.open_[id] = Handover(f"h-{id}", id, Reason.ASKED_FOR_PERSON, "Wants a person.", "…", NOW)
        return self.add(id, Role.ASSISTANT, "I am calling a person.",
                        Decision(Outcome.HAND_OVER, Reason.ASKED_FOR_PERSON, 1.0))  # fmt: skip

    def feedback(self, id: str, rating: Rating, reason: str | None = None, comment: str | None = None) -> None:
        self.given.append((id, rating, reason, comment))

    def handovers(self, open_only: bool = True) -> list[Handover]:
        return list(self.open_.values())

    def release(self, id: str) -> Conversation:
        self.open_.pop(id)
        self.talks[id] = replace(self.talks[id], state=ConversationState.BOT)
        return self.talks[id]

    def agent_reply(self, id: str, text: str) -> Message:
        return self.add(id, Role.AGENT, text)

    def ingest(self, paths, kind="auto", language=None, on_event=None) -> IngestReport:  # type: ignore[no-untyped-def]
        self.ingested += [path.name for path in paths]
        return IngestReport(2, 1, 0, (RowProblem("faq.csv", 3, "the answer is empty"),))

    def ingest_text(self, title: str, text: str, language: str | None = None) -> IngestReport:
        self.ingested.append(title)
        return IngestReport(1)

    def answers(
        self, status: Status | None = None, search: str | None = None, limit: int = 50, offset: int = 0
    ) -> list[ApprovedAnswer]:
        kept = [
            one for one in self.answers_.values() if status in (None, one.status) and (search or "") in one.question
        ]
        return kept[offset : offset + limit]

    def save_answer(self, answer: ApprovedAnswer) -> ApprovedAnswer:
        self.answers_[answer.id] = answer
        return answer

    def delete_answer(self, id: str) -> None:
        del self.answers_[id]

    def approve(self, id: str) -> None:
        self.answers_[id] = replace(self.answers_[id], status=Status.APPROVED)

    def reject(self, id: str) -> None:
        self.answers_[id] = replace(self.answers_[id], status=Status.REJECTED)

    def documents(self) -> list[Document]:
        return list(self.documents_.values())

    def delete_document(self, id: str) -> None:
        del self.documents_[id]

    def status(self) -> dict[str, dict[str, int]]:
        return {"knowledge": {"answers": len(self.answers_), "documents": len(self.documents_)}}

    def outgrown(self) -> dict[str, tuple[int, int]]:
        return dict(self.outgrown_)

    def outdated(self) -> list[str]:
        return list(self.outdated_)

    def sources(self) -> list[Source]:
        return list(self.sources_)

    def forgettable(self, source: str, keep_by_hand: bool = False) -> Forgotten:
        (one,) = (one for one in self.sources_ if one.name == source)
        kept = one.by_hand if keep_by_hand else 0
        return Forgotten(replace(one, answers=one.answers - kept, by_hand=one.by_hand - kept), kept)

    def forget(self, source: str, keep_by_hand: bool = False) -> Forgotten:
        told = self.forgettable(source, keep_by_hand)
        self.sources_ = [one for one in self.sources_ if one.name != source]
        return told

    def passages(self, id: str) -> list[Passage]:
        return [PASSAGE]

    def hit_test(self, question: str, k: int = 10, language: str | None = None) -> SimpleNamespace:
        if question == "bad":
            raise DataError("A question needs words.")
        rows = [
            HitRow("p1", "passage", MANUAL.title, PASSAGE.text, 0.032, 2, 1.1, 1, 0.8, 0.8, 0.4, 1),
            HitRow("a1", "answer", RETURNS.question, RETURNS.answer, 0.016, 1, 4.2, None, None, 0.0, 1.0, 1),
        ]
        found = {"passage": Counts(7, 12, 12), "answer": Counts(31, 0, 31)}
        return SimpleNamespace(
            question=question, standalone=None, rows=rows, found=found, decision=self._decide("")[0], ms={"search": 3.2}
        )

    def insights(self, days: int = 30) -> SimpleNamespace:
        cluster = SimpleNamespace(question="Can I pay with cowries?", size=4, language="en",
                                  examples=("pay with cowries", "do you take shells"), handovers=1)  # fmt: skip
        return SimpleNamespace(
            conversations=12, messages=40, unanswered=[cluster],
            per_day=[(date(2026, 11, 19), "answer", 6), (date(2026, 11, 20), "clarify", 2)],
            outcomes={"answer": 6, "clarify": 2}, reasons={"approved_match": 6, "too_vague": 2},
            feedback={"up": 3, "down": 1, "reasons": {"wrong": 1}}, latency={"search": {"p50": 4.0, "p95": 9.0}},
        )  # fmt: skip

    def add_from_cluster(self, question: str, answer: str, similar: list[str], language: str) -> ApprovedAnswer:
        return self.save_answer(ApprovedAnswer("new", question, answer, tuple(similar), language=language))

    def thresholds(self) -> list[SimpleNamespace]:
        curve = (CurvePoint(1.0, 0.2, 0.1), CurvePoint(0.7, 0.1, 0.5), CurvePoint(0.4, 0.02, 0.8))
        return [SimpleNamespace(language="en", kind="answer", error_rate=0.1, threshold=0.5, curve=curve, fitted_on=150,
                                created_at=NOW)]  # fmt: skip
