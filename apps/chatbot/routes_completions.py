"""OpenAI's chat completions and model list. The text is where clients look for it, our decision beside it."""

import json
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from apps.chatbot.http_service import KnownConversations, Metrics, Service
from apps.chatbot.records import Role
from apps.chatbot.records import Turn as Said
from apps.chatbot.reply import Decided, ReplyEvent
from apps.chatbot.turns_http import Known, Turn, events, watching
from apps.chatbot.wire import (
    MODEL,
    AnswerMessage,
    ChatAnswer,
    ChatRequest,
    Choice,
    ModelCard,
    ModelList,
    TrifoliumAnswer,
    Usage,
)
from core.errors import NotFoundError, TrifoliumError
from core.events import Token

router = APIRouter(tags=["chat"])
SAMPLE_STREAM = (
    'data: {"object":"chat.completion.chunk","choices":[{"delta":{"content":"Standard"}}]}\n\ndata: [DONE]\n'
)


@router.get("/v1/models")
def models() -> ModelList:
    """The assistants that can be named in ``model``."""
    return ModelList(data=[ModelCard(id=MODEL)])


@router.post(
    "/v1/chat/completions",
    response_model=ChatAnswer,
    responses={200: {"content": {"text/event-stream": {"example": SAMPLE_STREAM}}}},
)
async def complete(
    body: ChatRequest, request: Request, service: Service, metrics: Metrics, known: KnownConversations
) -> Any:
    """A turn with the chatbot. Without ``trifolium.conversation_id`` the messages sent are the whole history.

    With ``stream`` the answer comes as server-sent events and ends with ``[DONE]``; decision and citations are in the
    ``trifolium`` field of a chunk of their own and of the last one. Closing the connection stops the answer.
    """
    if body.model != MODEL:
        raise NotFoundError(f"There is no model '{body.model}' here: send model '{MODEL}'.")
    conversation_id = await run_in_threadpool(_conversation, service, body, known)
    cancel, turn = threading.Event(), Turn(metrics)
    reply = Reply(body, conversation_id, known)

    def work(stop: threading.Event) -> Iterator[ReplyEvent]:
        return service.answer(conversation_id, body.messages[-1].words, cancel=stop, slots=body.trifolium.slots)

    if body.stream:
        stream = events(work, cancel)
        first = await anext(stream, None)  # an error before the first event still has its own status
        lines = _lines(reply, turn, stream, first)
        return StreamingResponse(lines, media_type="text/event-stream", headers={"Cache-Control": "no-cache"})
    async with watching(request.receive, cancel), aclosing(events(work, cancel)) as whole:
        async for event in whole:
            turn.note(event)
    return reply.whole(turn)


def _conversation(service: Any, body: ChatRequest, known: Known) -> str:
    """The conversation named, the one that these messages were answered in, or a new one that begins with them."""
    from core.text import language

    if body.trifolium.conversation_id:
        return str(service.conversation(body.trifolium.conversation_id).id)
    found = known.take(body.history)
    if found is not None:
        return found
    roles = {"user": Role.CUSTOMER, "assistant": Role.ASSISTANT}
    before = [Said(roles[one.role], one.words) for one in body.messages[:-1] if one.role in roles and one.words.strip()]
    spoken = body.trifolium.language or ("zh" if language(body.messages[-1].words) == "zh" else "en")
    return str(service.start_conversation(spoken, history=before).id)


class Reply:
    """Builds what is sent for one request: chunks, or the whole."""

    def __init__(self, body: ChatRequest, conversation_id: str, known: Known) -> None:
        self.id = f"chatcmpl-{uuid4().hex}"
        self.created = int(time.time())
        self.body = body
        self.conversation_id = conversation_id
        self.known = known

    def whole(self, turn: Turn) -> ChatAnswer:
        """The answer in one piece."""
        text = turn.finished.message.text if turn.finished else turn.text
        self.remember(text)
        choice = Choice(message=AnswerMessage(content=text))
        extra = self.extra(turn)
        return ChatAnswer(id=self.id, created=self.created, choices=[choice], usage=self.usage(text), trifolium=extra)

    def remember(self, text: str) -> None:
        """Let a caller who keeps the history himself go on in the same conversation."""
        last = self.body.messages[-1]
        self.known.put([*self.body.history, (last.role, last.words), ("assistant", text)], self.conversation_id)

    def extra(self, turn: Turn) -> TrifoliumAnswer:
        """Our field, as much of it as is known by now."""
        message = turn.finished.message if turn.finished else None
        decision = (message and message.decision) or (turn.decided and turn.decided.decision) or None
        text = message.text if message else turn.text
        return TrifoliumAnswer(
            conversation_id=self.conversation_id,
            message_id=message.id if message else None,
            decision=decision,
            citations=[one for one in decision.evidence if f"[{one.number}]" in text] if decision else [],
            standalone=turn.decided.standalone if turn.decided else None,
            latency_ms=dict(message.latency_ms) if message else {},
            ignored=self.body.ignored,
        )

    def usage(self, text: str) -> Usage:
        """Estimated counts of what came in and went out."""
        asked = sum(_tokens(one.words) for one in self.body.messages)
        return Usage(prompt_tokens=asked, completion_tokens=_tokens(text), total_tokens=asked + _tokens(text))

    def chunk(self, delta: dict[str, str], finish: str | None = None, **more: Any) -> str:
        """One server-sent event."""
        choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
        head = {"id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": MODEL}
        return sse({**head, "choices": choices, **more})


async def _lines(
    reply: Reply, turn: Turn, stream: AsyncGenerator[ReplyEvent, None], first: ReplyEvent | None
) -> AsyncIterator[str]:
    """The server-sent events of a turn; an error after the first of them is an event of its own."""
    async with aclosing(stream):
        try:
            yield reply.chunk({"role": "assistant", "content": ""})
            async for event in _chain(first, stream):
                turn.note(event)
                if isinstance(event, Token):
                    yield reply.chunk({"content": event.text})
                elif isinstance(event, Decided):
                    yield reply.chunk({}, trifolium=reply.extra(turn).model_dump(mode="json"))
            if turn.rest:
                yield reply.chunk({"content": turn.rest})
            reply.remember(turn.finished.message.text if turn.finished else turn.text)
            yield reply.chunk({}, "stop", trifolium=reply.extra(turn).model_dump(mode="json"))
            if reply.body.stream_options and reply.body.stream_options.include_usage:
                text = turn.finished.message.text if turn.finished else turn.text
                yield reply.chunk({}, choices=[], usage=reply.usage(text).model_dump())
        except TrifoliumError as error:
            yield sse({"error": {"message": str(error), "type": "server_error", "code": type(error).__name__}})
        yield "data: [DONE]\n\n"


async def _chain(first: ReplyEvent | None, rest: AsyncIterator[ReplyEvent]) -> AsyncIterator[ReplyEvent]:
    if first is not None:
        yield first
    async for event in rest:
        yield event


def sse(value: dict[str, Any]) -> str:
    """A value as one server-sent event."""
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"


def _tokens(text: str) -> int:
    wide = sum(ord(sign) > 0x2E7F for sign in text)
    return wide + (len(text) - wide + 3) // 4
