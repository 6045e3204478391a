"""The chatbot's use-cases: conversations and hand-over, on top of what it knows. ``build`` alone loads models.

Doors call this and nothing below it. Every change is one transaction; what was acknowledged survives a crash.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from filelock import FileLock

from apps.chatbot import exporting, handover, wordings
from apps.chatbot.engine import Engine
from apps.chatbot.hit_test import HitRow, HitTest
from apps.chatbot.knowledge import Knowledge
from apps.chatbot.knowledge_cases import KnowledgeCases, checked, spoken
from apps.chatbot.pending import PendingAnswers, PendingView
from apps.chatbot.records import (
    Conversation,
    ConversationState,
    Decision,
    Feedback,
    Handover,
    IngestReport,
    Message,
    Outcome,
    Rating,
    Reason,
    Role,
    Turn,
    utc_now,
)
from apps.chatbot.reply import Finished, ReplyEvent
from apps.chatbot.settings import ChatbotSettings
from apps.chatbot.store import Store
from apps.chatbot.turn import Answer, Desk, respond
from core.errors import ConflictError
from core.events import Log, OnEvent, ignore
from core.text import mask_personal_data

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "samples" / "chatbot"


class ChatbotService(KnowledgeCases):
    """See the module. Safe for several threads."""

    def __init__(self, settings: ChatbotSettings, store: Store, knowledge: Knowledge, engine: Engine) -> None:
        super().__init__(settings, store, knowledge, engine)
        self._pending = PendingAnswers(settings.chatbot.workers)

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
        said = checked(text)
        language = spoken(said, conversation.language)
        history = self._store.messages(conversation_id)
        asked = Message(uuid4().hex, conversation_id, Role.CUSTOMER, said, utc_now(), language)
        self._store.add_message(asked)
        if conversation.state is ConversationState.PERSON:
            yield Finished(_paused(conversation_id, language))
            return
        section, engine = self.settings.chatbot, self._engine
        point = self._knowledge.to_the_point
        desk = Desk(self._library, self._intents, self._tuning, engine.generator, section, engine.judge, point)
        for event in respond(desk, history, said, language, asked.created_at, slots, cancel):
            if isinstance(event, Answer):
                yield Finished(self._finish(asked, event, language))
            else:
                yield event

    def submit(self, conversation_id: str, text: str) -> PendingView:
        """Answer in the background; look at it with ``pending``."""
        self._store.conversation(conversation_id)
        said = checked(text)
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
        message = Message(uuid4().hex, conversation_id, Role.AGENT, checked(text), utc_now(), conversation.language)
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

    def export(self, folder: Path, masked: bool = True) -> list[Path]:
        """Conversations, answers and feedback as files, personal data masked unless told otherwise."""
        return exporting.export(self._store, folder, mask_personal_data if masked else None)

    def status(self) -> dict[str, Any]:
        """What runs and how much is known."""
        return {
            "generator": self._engine.state,
            "models": self._engine.names(),
            "adapter": self._engine.adapter,
            "judge": self._engine.judge_state,
            "knowledge": self._store.counts(),
            "languages_tuned": sorted(self._tuning),
            "languages_outdated": self.outdated(),  # tuned by an earlier version, whose thresholds do not hold
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


def build(settings: ChatbotSettings, on_event: OnEvent = ignore, answering: bool = True) -> ChatbotService:
    """The service with its models; the generator goes on loading in the background, without ``answering`` not at all.

    ``on_event`` hears what takes long, also when that is later.
    """
    on_event(Log("Opening the knowledge …"))
    store = Store.open(settings.database_address)
    engine = Engine(settings, answering, on_event)
    knowledge = Knowledge.open(settings, store)
    if answering:
        knowledge.warm_up()
    return ChatbotService(settings, store, knowledge, engine)


def open_service(settings: ChatbotSettings, on_event: OnEvent = ignore, answering: bool = True) -> ChatbotService:
    """``build``, and the sample shop in an empty database when the settings say so.

    Two processes that start at once load it once; a start that was cut off while it loaded is made good by the next.
    """
    service = build(settings, on_event, answering)
    if settings.chatbot.load_sample:
        begun = settings.home / "chatbot-sample-begun"
        with FileLock(settings.home / "chatbot-start.lock"):
            if begun.exists() or not any(service.status()["knowledge"].values()):
                begun.touch()
                on_event(Log("Learning the sample shop, once …"))
                load_sample(service, on_event=lambda event: None if isinstance(event, Log) else on_event(event))
                begun.unlink()
    return service


def load_sample(service: ChatbotService, folder: Path = SAMPLE, on_event: OnEvent = ignore) -> IngestReport:
    """The sample's answers, documents and dialogues, and thresholds fitted on its calibration questions.

    Fitting takes half a minute and with a judge minutes, so the sample brings its thresholds along; they serve while
    judge and encoders are the same.
    """
    from apps.chatbot.dataset import read_questions

    report = service.ingest(sorted(folder.glob("faq.*.csv")), "faq", on_event=on_event)
    report += service.ingest([folder / "documents"], "documents", on_event=on_event)
    report += service.ingest(sorted(folder.glob("dialogues.*.jsonl")), "dialogues", on_event=on_event)
    if not service.take_thresholds(folder / "thresholds.json"):
        labelled = [one for path in sorted(folder.glob("calibration.*.jsonl")) for one in read_questions(path)]
        if labelled:  # a team's own folder may have none yet: the cautious defaults hold then
            service.fit_thresholds(labelled, judged=False)
    return report


def _paused(conversation_id: str, language: str) -> Message:
    decision = Decision(Outcome.HAND_OVER, Reason.BOT_PAUSED, 1.0)
    said = wordings.say("bot_paused", language)
    return Message(uuid4().hex, conversation_id, Role.ASSISTANT, said, utc_now(), language, decision)


__all__ = ["ChatbotService", "HitRow", "HitTest", "build", "load_sample", "open_service"]
