"""The chatbot's use-cases: conversations, knowledge, review, hand-over, insights. ``build`` alone loads models.

Doors call this and nothing below it. Every change is one transaction; what was acknowledged survives a crash.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from apps.chatbot import exporting, handover, insights, tuning, wordings
from apps.chatbot.decision import decide
from apps.chatbot.engine import Engine
from apps.chatbot.followup import standalone
from apps.chatbot.insights import Insights
from apps.chatbot.intents import IntentModel
from apps.chatbot.judging import Judge
from apps.chatbot.knowledge import Knowledge
from apps.chatbot.library import KnowledgeLibrary, ReducedLibrary, learn_intents, withheld_questions
from apps.chatbot.pending import PendingAnswers, PendingView
from apps.chatbot.records import (
    ApprovedAnswer,
    Conversation,
    ConversationState,
    Decision,
    Document,
    EvidenceKind,
    Feedback,
    Handover,
    IngestReport,
    LabelledQuestion,
    Message,
    Outcome,
    Passage,
    Rating,
    Reason,
    Role,
    Status,
    Turn,
    utc_now,
)
from apps.chatbot.reply import Finished, ReplyEvent
from apps.chatbot.settings import ChatbotSettings
from apps.chatbot.store import Store
from apps.chatbot.tuning import ThresholdSet
from apps.chatbot.turn import Answer, Clock, Desk, respond
from apps.chatbot.understanding import Asked, Depth, Tuning, understand
from core.errors import ConflictError, DataError
from core.events import OnEvent, ignore
from core.json_files import read_json, write_json
from core.text import language as language_of
from core.text import mask_personal_data

JUDGE_S = 300.0  # longest wait for the judge before thresholds are fitted
LONGEST_MESSAGE = 4000  # characters; a longer one is refused rather than cut, so that nobody is answered half
SAMPLE = Path(__file__).resolve().parents[2] / "data" / "samples" / "chatbot"


@dataclass(frozen=True)
class HitRow:
    """One piece of evidence with its place on either side and in the fused order of its kind."""

    id: str
    kind: str
    title: str
    text: str
    score: float
    lexical_rank: int | None
    vector_rank: int | None
    cosine: float
    overlap: float
    fused_rank: int


@dataclass(frozen=True)
class HitTest:
    """What a question finds and what would be done with it; nothing is stored."""

    question: str
    standalone: str | None
    rows: tuple[HitRow, ...]
    decision: Decision
    ms: Mapping[str, float]


class ChatbotService:
    """See the module. Safe for several threads."""

    def __init__(self, settings: ChatbotSettings, store: Store, knowledge: Knowledge, engine: Engine) -> None:
        self.settings, self._store, self._knowledge, self._engine = settings, store, knowledge, engine
        self._library = KnowledgeLibrary(knowledge)
        self._pending = PendingAnswers(settings.chatbot.workers)
        self._learning = threading.Lock()
        self._intents: IntentModel | None = None
        self._tuning: dict[str, Tuning] = {}
        self.refresh()

    # Conversations

    def start_conversation(self, language: str = "en", history: Sequence[Turn] = ()) -> Conversation:
        """A new conversation with the bot; ``history`` is what was said elsewhere before."""
        made = self._store.create_conversation(uuid4().hex, "zh" if language == "zh" else "en", utc_now())
        for turn in history:
            self._store.add_message(Message(uuid4().hex, made.id, turn.role, turn.text, utc_now(), made.language))
        return made

    def conversation(self, conversation_id: str) -> Conversation:
        """``NotFoundError`` for an unknown id."""
        return self._store.conversation(conversation_id)

    def conversations(self, limit: int = 50) -> list[Conversation]:
        """The latest, newest first."""
        return self._store.conversations(limit)

    def messages(self, conversation_id: str) -> list[Message]:
        """All messages of a conversation in order, with decision and evidence as they were."""
        self._store.conversation(conversation_id)
        return self._store.messages(conversation_id)

    def answer(
        self,
        conversation_id: str,
        text: str,
        cancel: threading.Event | None = None,
        slots: Mapping[str, str] | None = None,
    ) -> Iterator[ReplyEvent]:
        """One turn as events, ``Finished`` last; the same iterator for page, HTTP and terminal.

        The customer's message is stored before anything is thought about it, the bot's with its decision, hand-over
        and latency in one transaction at the end. While a person has the conversation the bot is silent: the message
        is stored and ``Finished`` carries a decision with the reason bot_paused.
        """
        conversation = self._store.conversation(conversation_id)
        said = _checked(text)
        language = _language(said, conversation.language)
        history = self._store.messages(conversation_id)
        asked = Message(uuid4().hex, conversation_id, Role.CUSTOMER, said, utc_now(), language)
        self._store.add_message(asked)
        if conversation.state is ConversationState.PERSON:
            yield Finished(_paused(conversation_id, language))
            return
        section, judge = self.settings.chatbot, self._engine.judge
        desk = Desk(self._library, self._intents, self._tuning, self._engine.generator, section, judge)
        for event in respond(desk, history, said, language, asked.created_at, slots, cancel):
            if isinstance(event, Answer):
                yield Finished(self._finish(asked, event, language))
            else:
                yield event

    def submit(self, conversation_id: str, text: str) -> PendingView:
        """Answer in the background; look at it with ``pending``."""
        self._store.conversation(conversation_id)
        said = _checked(text)
        return self._pending.submit(conversation_id, lambda cancel: self.answer(conversation_id, said, cancel))

    def pending(self, pending_id: str) -> PendingView:
        """An answer in the making as it stands."""
        return self._pending.view(pending_id)

    def pending_in(self, conversation_id: str) -> PendingView | None:
        """The answer a conversation still waits for, if any."""
        return self._pending.open_in(conversation_id)

    def stop(self, pending_id: str) -> None:
        """Stop writing an answer; what was shown is kept."""
        self._pending.stop(pending_id)

    def feedback(self, message_id: str, rating: Rating, reason: str | None = None, comment: str | None = None) -> None:
        """A thumb on a bot message; a second one replaces the first."""
        self._store.add_feedback(Feedback(message_id, Rating(rating), reason, comment, utc_now()))

    # Hand-over

    def request_person(self, conversation_id: str) -> Message:
        """The customer pressed "talk to a person"."""
        conversation = self._store.conversation(conversation_id)
        if conversation.state is ConversationState.PERSON:
            raise ConflictError("A person has this conversation already.")
        decision = Decision(Outcome.HAND_OVER, Reason.ASKED_FOR_PERSON, 1.0)
        said = wordings.say("asked_for_person", conversation.language)
        message = Message(
            uuid4().hex, conversation_id, Role.ASSISTANT, said, utc_now(), conversation.language, decision
        )
        self._store.add_message(message, self._handover(conversation_id, decision, message))
        return message

    def handovers(self, open_only: bool = True) -> list[Handover]:
        """Conversations waiting for a person, oldest first."""
        return self._store.handovers(open_only)

    def agent_reply(self, conversation_id: str, text: str) -> Message:
        """A person's words to the customer; only while the person has the conversation."""
        conversation = self._store.conversation(conversation_id)
        if conversation.state is not ConversationState.PERSON:
            raise ConflictError("The bot has this conversation: a person can write after a hand-over.")
        message = Message(uuid4().hex, conversation_id, Role.AGENT, _checked(text), utc_now(), conversation.language)
        self._store.add_message(message)
        return message

    def release(self, conversation_id: str) -> Conversation:
        """Give the conversation back to the bot; earlier failures no longer count, so it is not handed over again."""
        conversation = self._store.conversation(conversation_id)
        if conversation.state is not ConversationState.PERSON:
            raise ConflictError("The bot has this conversation already.")
        said = wordings.say("released", conversation.language)
        decision = Decision(Outcome.ANSWER, Reason.SMALL_TALK, 1.0)
        note = Message(uuid4().hex, conversation_id, Role.ASSISTANT, said, utc_now(), conversation.language, decision)
        return self._store.release(conversation_id, note)

    # Knowledge

    def ingest(
        self, paths: Sequence[Path], kind: str = "auto", language: str | None = None, on_event: OnEvent = ignore
    ) -> IngestReport:
        """Read files into the knowledge; dialogues are mined into the review queue. Bad rows are in the report."""
        report = self._knowledge.ingest(paths, kind, language, on_event)
        self.refresh()
        return report

    def ingest_text(self, title: str, text: str, language: str | None = None) -> IngestReport:
        """A document typed into the page."""
        report = self._knowledge.ingest_text(title, text, language)
        self.refresh()
        return report

    def answers(
        self, status: Status | None = None, search: str | None = None, limit: int = 100, offset: int = 0
    ) -> list[ApprovedAnswer]:
        """Approved answers and the review queue, newest first; ``search`` looks into questions and answers."""
        return self._store.answers(status, search, limit, offset)

    def save_answer(self, answer: ApprovedAnswer) -> ApprovedAnswer:
        """Add or change an answer; what customers get changes with it."""
        saved = self._knowledge.put_answer(answer)
        self.refresh()
        return saved

    def delete_answer(self, answer_id: str) -> None:
        """Forget an answer."""
        self._knowledge.delete_answer(answer_id)
        self.refresh()

    def approve(self, answer_id: str) -> ApprovedAnswer:
        """From the review queue into what customers get."""
        return self.save_answer(replace(self._store.answer(answer_id), status=Status.APPROVED))

    def reject(self, answer_id: str) -> ApprovedAnswer:
        """Out of the review queue; kept, so that mining does not bring it again."""
        return self.save_answer(replace(self._store.answer(answer_id), status=Status.REJECTED))

    def documents(self) -> list[Document]:
        """All documents."""
        return self._store.documents()

    def passages(self, document_id: str) -> list[Passage]:
        """A document's passages in order."""
        return self._store.passages(document_id)

    def delete_document(self, document_id: str) -> None:
        """Forget a document and its passages."""
        self._knowledge.delete_document(document_id)
        self.refresh()

    def add_from_cluster(
        self, question: str, answer: str, similar: Sequence[str] = (), language: str = "en"
    ) -> ApprovedAnswer:
        """An unanswered question becomes an approved answer."""
        made = ApprovedAnswer(
            uuid4().hex, question, answer, tuple(similar), language=language, source="insights", created_at=utc_now()
        )
        return self.save_answer(made)

    def hit_test(self, question: str, k: int = 10, language: str | None = None) -> HitTest:
        """What a question finds, on both sides and fused, and what would be decided."""
        said = _checked(question)
        tongue = language or _language(said, "en")
        clock, limits = Clock(), self._tuning.get(tongue, Tuning())
        asked, judge = Asked(said, said, tongue, utc_now()), self._engine.judge()
        signals = understand(asked, self._library, self._intents, limits, Depth(k, k), judge)
        clock.lap("understand")
        decision = decide(signals, limits.of(signals.judged).thresholds)
        clock.lap("decide")
        passages = [one for one in signals.passages if one.evidence.kind is EvidenceKind.PASSAGE]
        ranked = [*enumerate(signals.answers, start=1), *enumerate(passages, start=1)]
        rows = tuple(
            HitRow(
                one.evidence.id,
                one.evidence.kind.value,
                one.evidence.title,
                one.evidence.text,
                one.evidence.score,
                one.evidence.lexical_rank,
                one.evidence.vector_rank,
                one.cosine,
                one.overlap,
                rank,
            )
            for rank, one in ranked
        )
        return HitTest(said, standalone(said, ()), rows, decision, clock.ms)

    # Watching and tuning

    def insights(self, days: int = 30) -> Insights:
        """Figures over the last ``days`` days."""
        since = utc_now() - timedelta(days=days)
        embed = self._knowledge.topic_vectors
        return insights.compute(self._store.messages_since(since), self._store.feedback_since(since), embed)

    def thresholds(self) -> list[ThresholdSet]:
        """The newest fitted thresholds, per language and kind."""
        return self._store_sets()

    def fit_thresholds(
        self, questions: Sequence[LabelledQuestion], error_rate: float | None = None, judged: bool = True
    ) -> list[ThresholdSet]:
        """Fit to labelled questions; used from the next turn on. ``DataError`` when a language has too few.

        With ``judged`` also for turns in which the judge reads, which takes it a second a question on two cores.
        """
        languages = sorted({one.language for one in questions})
        if not languages:
            raise DataError("There are no labelled questions to fit thresholds on.")
        rate = error_rate or self.settings.chatbot.deciding.error_rate
        approved = self._store.answers(Status.APPROVED, None, 1_000_000, 0)
        withheld, reduced = withheld_questions(approved), ReducedLibrary(self._knowledge, approved)
        intents, holds = self._intents, self._library.holds
        judges: tuple[Judge | None, ...] = (None,)
        if judged and (judge := self._engine.judge(JUDGE_S)) is not None:
            judges = (None, judge)
        made = [
            one
            for language in languages
            for judge in judges
            for one in tuning.fit_language(
                questions, withheld, language, self._library, reduced, intents, holds, rate, utc_now(), judge
            )
        ]
        self._store.save_thresholds([tuning.to_json(one) for one in made])
        self._tuning = tuning.tuning_from(self._store_sets())
        return made

    def save_thresholds(self, path: Path) -> None:
        """Writes the thresholds in use to a JSON file with what they hold for, for a new start to take."""
        sets = self._store_sets()
        promised = min((one.error_rate for one in sets if one.kind == "answer"), default=None)
        write_json(path, self._holding | {"error_rate": promised, "sets": [tuning.to_json(one) for one in sets]})

    def take_thresholds(self, path: Path) -> bool:
        """Uses what ``save_thresholds`` wrote; False where there is nothing or it holds for something else."""
        kept = read_json(path)
        if kept is None or any(kept.get(name) != value for name, value in self._holding.items()):
            return False
        self._store.save_thresholds(kept["sets"])
        self._tuning = tuning.tuning_from(self._store_sets())
        return True

    @property
    def _holding(self) -> dict[str, Any]:
        """What thresholds depend on besides the knowledge: judge, encoders, promised error rate."""
        models = self.settings.models
        return {
            "judge": self._engine.judge_hash,
            "encoders": [models.encoder, models.multilingual_encoder],
            "error_rate": self.settings.chatbot.deciding.error_rate,
        }

    def refresh(self) -> None:
        """Learn intents from the approved answers and read the thresholds again; after any change of knowledge."""
        with self._learning:
            approved = self._store.answers(Status.APPROVED, None, 1_000_000, 0)
            rejected = self.settings.chatbot.deciding.rejected_share
            self._intents = learn_intents(approved, self._knowledge, rejected)
            self._library.learn(approved)
            self._tuning = tuning.tuning_from(self._store_sets())

    def export(self, folder: Path, masked: bool = True) -> list[Path]:
        """Conversations, answers and feedback as files, personal data masked unless told otherwise."""
        return exporting.export(self._store, folder, mask_personal_data if masked else None)

    def status(self) -> dict[str, Any]:
        """What runs and how much is known."""
        return {
            "generator": self._engine.state,
            "adapter": self._engine.adapter,
            "judge": self._engine.judge_state,
            "knowledge": self._store.counts(),
            "languages_tuned": sorted(self._tuning),
            "intents": len(self._intents.labels) if self._intents else 0,
        }

    def wait_until_ready(self, wait_s: float = 120.0) -> bool:
        """Wait for generator and judge; False when there is no generator in time or cannot be."""
        self._engine.judge(wait_s)
        return self._engine.generator() is not None

    def close(self) -> None:
        """Stop workers and models."""
        self._pending.close()
        self._engine.close()
        self._knowledge.close()

    def _finish(self, asked: Message, answer: Answer, language: str) -> Message:
        message = Message(
            uuid4().hex,
            asked.conversation_id,
            Role.ASSISTANT,
            answer.text,
            utc_now(),
            language,
            answer.decision,
            answer.latency_ms,
            asked.id,
        )
        handed = answer.decision.outcome is Outcome.HAND_OVER
        self._store.add_message(message, self._handover(asked.conversation_id, answer.decision) if handed else None)
        return message

    def _handover(self, conversation_id: str, decision: Decision, *more: Message) -> Handover:
        messages = [*self._store.messages(conversation_id), *more]
        return Handover(
            uuid4().hex,
            conversation_id,
            decision.reason,
            handover.summary(messages, decision.reason),
            handover.transcript(messages),
            utc_now(),
        )

    def _store_sets(self) -> list[ThresholdSet]:
        return [tuning.from_json(one) for one in self._store.thresholds()]


def build(settings: ChatbotSettings) -> ChatbotService:
    """The service with its models; the generator goes on loading in the background."""
    store = Store.open(settings.database_address)
    engine = Engine(settings)
    knowledge = Knowledge.open(settings, store)
    return ChatbotService(settings, store, knowledge, engine)


def open_service(settings: ChatbotSettings) -> ChatbotService:
    """``build``, and the sample shop in an empty database when the settings say so."""
    service = build(settings)
    if settings.chatbot.load_sample and not any(service.status()["knowledge"].values()):
        load_sample(service)
    return service


def load_sample(service: ChatbotService, folder: Path = SAMPLE) -> IngestReport:
    """The sample's answers, documents and dialogues, and thresholds fitted on its calibration questions.

    Fitting with the judge takes minutes, so the sample brings its thresholds along; they serve while its judge is live.
    """
    from apps.chatbot.dataset import read_questions

    report = service.ingest(sorted(folder.glob("faq.*.csv")), "faq")
    report += service.ingest([folder / "documents"], "documents")
    report += service.ingest(sorted(folder.glob("dialogues.*.jsonl")), "dialogues")
    if not service.take_thresholds(folder / "thresholds.json"):
        labelled = [one for path in sorted(folder.glob("calibration.*.jsonl")) for one in read_questions(path)]
        service.fit_thresholds(labelled, judged=False)
    return report


def _checked(text: str) -> str:
    said = text.strip()
    if not said:
        raise DataError("The message is empty: write a question.")
    if len(said) > LONGEST_MESSAGE:
        raise DataError(f"A message may have {LONGEST_MESSAGE} characters, this one has {len(said)}: shorten it.")
    return said


def _language(text: str, before: str) -> str:
    found = language_of(text)
    return found if found in ("en", "zh") else before


def _paused(conversation_id: str, language: str) -> Message:
    decision = Decision(Outcome.HAND_OVER, Reason.BOT_PAUSED, 1.0)
    said = wordings.say("bot_paused", language)
    return Message(uuid4().hex, conversation_id, Role.ASSISTANT, said, utc_now(), language, decision)


__all__ = ["ChatbotService", "HitRow", "HitTest", "build", "load_sample", "open_service"]
