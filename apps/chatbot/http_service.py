"""How a route gets the service, the metrics and a path of uploaded bytes; shared by the chatbot's routes."""

import re
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request

from apps.chatbot.turns_http import Known
from core.errors import BusyError

if TYPE_CHECKING:
    from apps.chatbot.service import ChatbotService


def _service(request: Request) -> Any:
    found = request.app.state.services.get("chatbot")
    if found is None:
        raise BusyError("The chatbot is still starting: try again shortly.", status=503, retry_after_s=2)
    return found


def _metrics(request: Request) -> Any:
    return request.app.state.metrics


if TYPE_CHECKING:
    Service = ChatbotService
else:  # FastAPI reads the annotation at run time, when importing the service would load half the stem
    Service = Annotated[Any, Depends(_service)]


def _known(request: Request) -> "Known":
    state = request.app.state
    if not hasattr(state, "chatbot_known"):
        state.chatbot_known = Known()
    found: Known = state.chatbot_known
    return found


KnownConversations = Annotated[Known, Depends(_known)]
Metrics = Annotated[Any, Depends(_metrics)]


def safe_name(sent: str | None) -> str:
    """A file name for an upload: the last part of what was sent, without anything a path could be made of."""
    name = re.sub(r"[^\w .()-]", "_", PurePath((sent or "").replace("\\", "/")).name).lstrip(". ")[-120:]
    return name or "upload.txt"
