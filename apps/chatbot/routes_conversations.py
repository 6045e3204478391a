"""Conversations over HTTP: messages, feedback, hand-over to a person and back, and what the team learns from them."""

import threading
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Query, Request

from apps.chatbot.http_service import Metrics, Service
from apps.chatbot.insights import Insights
from apps.chatbot.records import Conversation, Handover, LabelledQuestion, Message
from apps.chatbot.tuning import ThresholdSet
from apps.chatbot.turns_http import Turn, events, watching
from apps.chatbot.wire import FeedbackBody, FitBody, NewConversation, NewMessage, TurnAnswer
from core.errors import DataError

router = APIRouter()


@router.post("/conversations", status_code=201, tags=["conversations"])
def start(body: NewConversation, service: Service) -> Conversation:
    """Begin a conversation; the server keeps its history."""
    return service.start_conversation(body.language)


@router.get("/conversations", tags=["conversations"])
def conversations(service: Service, limit: int = Query(50, ge=1, le=500)) -> list[Conversation]:
    """The latest conversations."""
    return service.conversations(limit)


@router.get("/conversations/{conversation_id}", tags=["conversations"])
def conversation(conversation_id: str, service: Service) -> Conversation:
    """One conversation; its state tells whether the bot or a person has the word."""
    return service.conversation(conversation_id)


@router.get("/conversations/{conversation_id}/messages", tags=["conversations"])
def messages(conversation_id: str, service: Service) -> list[Message]:
    """Every message, the bot's with decision, evidence and time per stage."""
    return list(service.messages(conversation_id))


@router.post("/conversations/{conversation_id}/messages", tags=["conversations"])
async def send(
    conversation_id: str, body: NewMessage, request: Request, service: Service, metrics: Metrics
) -> TurnAnswer:
    """The customer writes; the answer in one piece. For a stream use ``/v1/chat/completions``."""
    cancel, turn = threading.Event(), Turn(metrics)

    def work(stop: threading.Event) -> Any:
        return service.answer(conversation_id, body.text, cancel=stop, slots=body.slots)

    async with watching(request.receive, cancel), aclosing(events(work, cancel)) as whole:
        async for event in whole:
            turn.note(event)
    if turn.finished is None:
        raise DataError("The turn ended without an answer.")
    return TurnAnswer(message=turn.finished.message, standalone=turn.decided.standalone if turn.decided else None)


@router.post("/conversations/{conversation_id}/person", tags=["hand-over"])
def person(conversation_id: str, service: Service) -> Message:
    """The customer asks for a person; the bot is silent until released."""
    return service.request_person(conversation_id)


@router.post("/conversations/{conversation_id}/agent", status_code=201, tags=["hand-over"])
def agent(conversation_id: str, body: NewMessage, service: Service) -> Message:
    """A person of the team writes."""
    return service.agent_reply(conversation_id, body.text)


@router.post("/conversations/{conversation_id}/release", tags=["hand-over"])
def release(conversation_id: str, service: Service) -> Conversation:
    """Give the word back to the bot."""
    return service.release(conversation_id)


@router.get("/handovers", tags=["hand-over"])
def handovers(service: Service, open_only: bool = True) -> list[Handover]:
    """Conversations that wait for a person, each with reason, summary and transcript."""
    return list(service.handovers(open_only=open_only))


@router.post("/messages/{message_id}/feedback", status_code=204, tags=["conversations"])
def feedback(message_id: str, body: FeedbackBody, service: Service) -> None:
    """A thumb on a bot message, with a reason and free words."""
    service.feedback(message_id, body.rating, reason=body.reason, comment=body.comment)


@router.get("/insights", tags=["insights"])
def insights(service: Service, days: int = Query(30, ge=1, le=3650)) -> Insights:
    """Volume, outcomes, feedback, latency, and unanswered questions gathered by topic."""
    return service.insights(days=days)


@router.get("/thresholds", tags=["insights"])
def thresholds(service: Service) -> list[ThresholdSet]:
    """The thresholds in use, with the risk-coverage curve each was fitted on."""
    return service.thresholds()


@router.post("/thresholds", tags=["insights"])
def fit(body: FitBody, service: Service) -> list[ThresholdSet]:
    """Fit the thresholds on labelled questions to an error rate, and use them."""
    return service.fit_thresholds([_labelled(row) for row in body.questions], error_rate=body.error_rate)


def _labelled(row: dict[str, Any]) -> LabelledQuestion:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(LabelledQuestion).validate_python(row)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "it"
        raise DataError(f"Question '{row.get('id', '?')}' cannot be read: {where}: {first['msg']}.") from error
