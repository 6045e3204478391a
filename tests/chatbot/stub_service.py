"""A small service in memory with the real one's methods, for tests of the doors alone; it answers by fixed words."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

from apps.chatbot.calibration import Calibrator
from apps.chatbot.hit_test import Counts, HitRow, HitTest
from apps.chatbot.insights import Insights
from apps.chatbot.records import (
    ApprovedAnswer,
    Conversation,
    ConversationState,
    Decision,
    Document,
    Evidence,
    EvidenceKind,
    Feedback,
    Forgotten,
    Handover,
    IngestReport,
    Message,
    Outcome,
    Passage,
    Reason,
    Role,
    RowProblem,
    Source,
    Status,
    utc_now,
)
from apps.chatbot.reply import Decided, Finished, Stage
from apps.chatbot.tuning import ThresholdSet
from core.errors import BusyError, ConflictError, ModelError, NotFoundError
from core.events import Log, Progress, Token, ignore

EVIDENCE = Evidence("p1", EvidenceKind.PASSAGE, 1, "Shipping", "Standard delivery takes 2 to 4 working days.", 0.9)


class StubService:
    """``slow`` streams until it is cancelled; ``busy``, ``break`` and ``crash`` fail in their ways."""

    def __init__(self) -> None:
        self.known: dict[str, Conversation] = {}
        self.said: dict[str, list[Message]] = {}
        self.rows = {"a1": ApprovedAnswer("a1", "Hours?", "Ten to eight.", status=Status.PENDING)}
        self.noted: list[Feedback] = []
        self.files: list[tuple[str, bytes]] = []
        self.cancelled = threading.Event()
        self.running = threading.Event()
        self.closed = False
        self.sourced = True

    def start_conversation(self, language="en", history=()):
        now = utc_now()
        made = Conversation(uuid4().hex, language, ConversationState.BOT, now, now)
        self.known[made.id], self.said[made.id] = made, []
        for turn in history:
            self._store(made.id, turn.role, turn.text)
        return made

    def conversation(self, conversation_id):
        if conversation_id not in self.known:
            raise NotFoundError(f"No conversation has the id '{conversation_id}'.")
        return self.known[conversation_id]

    def conversations(self, limit=50):
        return list(self.known.values())[:limit]

    def messages(self, conversation_id):
        self.conversation(conversation_id)
        return list(self.said[conversation_id])

    def _store(self, conversation_id, role, text, decision=None):
        made = Message(uuid4().hex, conversation_id, role, text, utc_now(), "en", decision, {"search": 1.5})
        self.said[conversation_id].append(made)
        return made

    def answer(self, conversation_id, text, cancel=None, slots=None) -> Iterator:
        self.conversation(conversation_id)
        if text == "busy":
            raise BusyError("Too many are waiting: try again shortly.", status=503, retry_after_s=3)
        if text == "crash":
            raise ZeroDivisionError("secret-path /home/x")
        before = len(self.said[conversation_id])
        self._store(conversation_id, Role.CUSTOMER, text)
        yield Stage("search", 1.5)
        decision = Decision(
            Outcome.COMPOSE, Reason.GROUNDED_PASSAGES, 0.9, evidence=(EVIDENCE, replace(EVIDENCE, id="p2", number=2))
        )
        yield Decided(decision, "How long does delivery take?" if before else None)
        words = ["Standard delivery ", "takes 2 to 4 ", "工作日 "]
        for word in words:
            yield Token(word)
        if text == "break":
            raise ModelError("The generator gave up.")
        while text == "slow":
            self.running.set()
            if cancel is not None and cancel.wait(0.02):
                self.cancelled.set()
                decision = replace(decision, reason=Reason.CANCELLED)
                break
            yield Token("more ")
            time.sleep(0.01)
        whole = "".join(words) + "[1]" + f" ({before} before{', ' + slots['order_number'] if slots else ''})"
        yield Finished(self._store(conversation_id, Role.ASSISTANT, whole, decision))

    def request_person(self, conversation_id):
        self.known[conversation_id] = replace(self.conversation(conversation_id), state=ConversationState.PERSON)
        return self._store(conversation_id, Role.ASSISTANT, "A person will take over.")

    def release(self, conversation_id):
        if self.conversation(conversation_id).state is not ConversationState.PERSON:
            raise ConflictError("The bot has the word already.")
        self.known[conversation_id] = replace(self.known[conversation_id], state=ConversationState.BOT)
        return self.known[conversation_id]

    def agent_reply(self, conversation_id, text):
        return self._store(conversation_id, Role.AGENT, text)

    def handovers(self, open_only=True):
        waiting = [one for one in self.known.values() if one.state is ConversationState.PERSON]
        return [Handover("h", one.id, Reason.ASKED_FOR_PERSON, "asks", "…", utc_now()) for one in waiting]

    def feedback(self, message_id, rating, reason=None, comment=None):
        if not any(message_id == one.id for said in self.said.values() for one in said):
            raise NotFoundError(f"No message has the id '{message_id}'.")
        self.noted.append(Feedback(message_id, rating, reason, comment))

    def ingest(self, paths, kind="auto", language=None, on_event=ignore):
        self.files += [(path.name, path.read_bytes()) for path in paths]
        on_event(Progress("reading", 1, 1))
        return IngestReport(added=len(paths), problems=(RowProblem(paths[0].name, 3, "The answer is empty."),))

    def ingest_text(self, title, text, language=None):
        return IngestReport(added=1)

    def answers(self, status=None, search=None, limit=50, offset=0):
        found = [one for one in self.rows.values() if status in (None, one.status)]
        return [one for one in found if search is None or search in one.question][offset : offset + limit]

    def save_answer(self, answer):
        self.rows[answer.id] = answer
        return answer

    def delete_answer(self, answer_id):
        if self.rows.pop(answer_id, None) is None:
            raise NotFoundError(f"No answer has the id '{answer_id}'.")

    def approve(self, answer_id):
        return self.save_answer(replace(self.rows[answer_id], status=Status.APPROVED))

    def reject(self, answer_id):
        return self.save_answer(replace(self.rows[answer_id], status=Status.REJECTED))

    def documents(self):
        return [Document("d1", "Shipping", "Standard delivery …")]

    def passages(self, document_id):
        return [Passage("p1", document_id, "Shipping", "", "Standard", 0, 8)]

    def delete_document(self, document_id):
        raise NotFoundError(f"No document has the id '{document_id}'.")

    def sources(self):
        return [Source("rules/faq.csv", answers=2, by_hand=1)] if self.sourced else []

    def forgettable(self, source, keep_by_hand=False):
        if source != "rules/faq.csv" or not self.sourced:
            raise NotFoundError(f"Nothing is known from a file '{source}'.")
        whole = Forgotten(Source(source, answers=2, by_hand=1))
        return Forgotten(Source(source, answers=1), kept=1) if keep_by_hand else whole

    def forget(self, source, keep_by_hand=False):
        told, self.sourced = self.forgettable(source, keep_by_hand), False
        return told

    def hit_test(self, question, k=10, language=None):
        row = HitRow("a1", "answer", "Tea?", "Yes.", 0.5, 2, 3.1, None, None, 0.0, 0.7, 1)
        decision = Decision(Outcome.CLARIFY, Reason.TOO_VAGUE, 0.4)
        return HitTest(question, None, (row,), {"answer": Counts(9, 4, 12)}, decision, {"search": 2.0})

    def insights(self, days=30):
        return Insights(1, 2, (), {"compose": 1}, {}, {}, {"search": {"p50": 1.0, "p95": 2.0}}, ())

    def thresholds(self):
        return []

    def fit_thresholds(self, questions, error_rate=None, judged=True, on_event=ignore):
        on_event(Log("Fitting the thresholds of 'en' …"))
        calibrator = Calibrator(("cosine",), (1.0,), 0.0)
        return [ThresholdSet("en", "answer", error_rate or 0.1, 0.7, (), len(questions), utc_now(), calibrator)]

    def wait_until_ready(self, wait_s=120.0):
        return False

    def add_from_cluster(self, question, answer, similar, language):
        return self.save_answer(ApprovedAnswer("c1", question, answer, tuple(similar), language=language))

    def export(self, folder, masked=True):
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / ("masked.jsonl" if masked else "unmasked.jsonl")
        path.write_text("{}\n")
        return [path]

    def status(self):
        known = {"answers": 41, "pending": 2, "documents": 3}
        return {
            "generator": "failed: /secret/path is broken", "judge": "not loaded", "home": "/secret", "intents": 7,
            "knowledge": known, "languages_tuned": ["en", "zh"], "languages_outdated": [], "adapter": None,
            "models": {"generator": "gemma-3-270m", "judge": "evidence-judge v2"},
        }  # fmt: skip

    def close(self):
        self.closed = True
