"""Reads what an OpenAI-compatible server sends: server-sent events, or one JSON body from a server that cannot stream.

Pure over a response; decides what is broken and says so as ``RemoteError``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.errors import RemoteError

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True)
class Piece:
    """Some text, and at the end the reason and the token counts."""

    text: str = ""
    reason: str = ""
    usage: Mapping[str, int] = field(default_factory=dict)


def read_pieces(response: httpx.Response, url: str) -> Iterator[Piece]:
    """Pieces of a streamed answer. ``RemoteError`` for wrong JSON, an error inside the stream, and one cut off."""
    kind = response.headers.get("content-type", "")
    if "event-stream" not in kind:
        yield _piece(read_json(response, url), url, "message")
        return
    ended = False
    for line in response.iter_lines():
        if not line.startswith("data:"):
            continue  # comments that keep the connection alive, event names, blank lines
        data = line[5:].strip()
        if data == "[DONE]":
            return
        if data:
            piece = _piece(_parsed(data, url), url, "delta")
            ended = ended or bool(piece.reason)
            yield piece
    if not ended:
        raise RemoteError(f"The server at {url} cut the answer off before its end.")


def read_json(response: httpx.Response, url: str) -> dict[str, Any]:
    """A whole JSON body; anything else is a wrong address more often than not, so asking again cannot help."""
    response.read()
    try:
        body = json.loads(response.text)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RemoteError(f"The server at {url} answered with something that is not JSON.", permanent=True)
    return body


def _parsed(data: str, url: str) -> dict[str, Any]:
    try:
        body = json.loads(data)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RemoteError(f"The server at {url} sent a piece of answer that is not JSON.")
    return body


def _piece(body: dict[str, Any], url: str, key: str) -> Piece:
    if "error" in body:
        error = body["error"]
        said = error.get("message", "") if isinstance(error, dict) else str(error)
        raise RemoteError(f"The server at {url} failed while answering: {' '.join(str(said).split())[:200]}")
    try:
        choices = body["choices"]
        choice = choices[0] if choices else {}
        text = (choice.get(key) or {}).get("content") or ""
        reason = choice.get("finish_reason") or ""
        usage = {name: int(count) for name, count in (body.get("usage") or {}).items() if isinstance(count, int)}
    except (KeyError, TypeError, AttributeError, IndexError):
        raise RemoteError(f"The server at {url} sent JSON that is no chat completion.", permanent=True) from None
    if not isinstance(text, str):
        raise RemoteError(f"The server at {url} sent JSON that is no chat completion.", permanent=True)
    return Piece(text, "length" if reason == "length" else "stop" if reason else "", usage)
