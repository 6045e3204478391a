"""What every HTTP request passes before it reaches a route: key, origin, size, number at once; and what is counted.

Plain ASGI, so that streams pass through untouched and a caller who leaves is noticed. Knows no app and no route.
"""

import hmac
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit
from uuid import uuid4

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from core.settings import ServerSettings

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN_PATHS = ("/", "/health", "/docs", "/openapi.json")  # no key: a load balancer has none, the schema holds no secret
UNCOUNTED_PATHS = ("/health", "/metrics")  # answered also when the service is full
LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")
log = logging.getLogger(__name__)


def error_body(message: str, kind: str, code: str) -> dict[str, dict[str, str]]:
    """The one shape of every error: ``{"error": {"message", "type", "code"}}``."""
    return {"error": {"message": message, "type": kind, "code": code}}


def error_type(status: int) -> str:
    """OpenAI's word for a class of errors, so that its clients sort them rightly."""
    known = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
    return known.get(status, "invalid_request_error" if status < 500 else "server_error")


class Metrics:
    """Prometheus figures of one server; a registry of its own, so that two servers in a process do not clash."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.requests = Counter("trifolium_requests", "Requests answered.", labels, registry=self.registry)
        self.seconds = Histogram(
            "trifolium_request_seconds", "Time to the end of the answer.", ("route",), registry=self.registry
        )
        self.running = Gauge("trifolium_requests_running", "Requests being worked on.", registry=self.registry)
        self.refused = Counter("trifolium_requests_refused", "Requests turned away.", ("why",), registry=self.registry)
        self.outcomes = Counter("trifolium_turns", "Turns.", ("app", "outcome", "reason"), registry=self.registry)
        self.first_token = Histogram("trifolium_first_token_seconds", "First words.", ("app",), registry=self.registry)


class Gate:
    """Lets a request in or answers it at once with one sentence; counts it either way."""

    def __init__(self, app: App, server: ServerSettings, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics
        self.most = server.max_concurrent
        self.most_bytes = int(server.max_body_mb * 1_000_000)
        self.key = server.api_key.get_secret_value().encode() if server.api_key else None
        self.running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        counted = scope["path"] not in UNCOUNTED_PATHS
        self.running += counted
        self.metrics.running.set(self.running)
        try:
            await self._pass(scope, receive, send)
        finally:
            self.running -= counted
            self.metrics.running.set(self.running)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        if self.key is not None and scope["path"] not in OPEN_PATHS and not self._has_key(headers):
            return self._no(401, "wrong_key", "Send the API key as 'Authorization: Bearer …'; it is missing or wrong.")
        if self.key is None and not _from_here(headers):
            return self._no(403, "foreign_origin", "Without server.api_key only this machine's own pages may call.")
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > self.most_bytes:
            return self._no(413, "body_too_large", self._too_large())
        if self.running >= self.most and scope["path"] not in UNCOUNTED_PATHS:
            text = f"{self.running} requests are being worked on already (server.max_concurrent): try again shortly."
            return self._no(429, "too_many_requests", text, {"Retry-After": "1"})
        return None

    def _has_key(self, headers: Headers) -> bool:
        scheme, _, sent = headers.get("authorization", "").partition(" ")
        right = hmac.compare_digest(sent.strip().encode("latin-1", "replace"), self.key or b"")
        return right and scheme.lower() == "bearer"

    def _too_large(self) -> str:
        return f"The request body is larger than {self.most_bytes / 1e6:g} MB (server.max_body_mb)."

    def _no(self, status: int, code: str, text: str, headers: dict[str, str] | None = None) -> JSONResponse:
        self.metrics.refused.labels(code).inc()
        if status == 401:
            headers = {"WWW-Authenticate": "Bearer"}
        return JSONResponse(error_body(text, error_type(status), code), status, headers)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, request_id = time.perf_counter(), uuid4().hex[:12]
        status, taken, begun = 500, 0, False
        scope.setdefault("state", {})["request_id"] = request_id

        async def counted_receive() -> MutableMapping[str, Any]:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self.most_bytes:  # a body sent in chunks tells no length beforehand
                raise HTTPException(413, self._too_large())
            return message

        async def marked_send(message: MutableMapping[str, Any]) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self.app(scope, counted_receive, marked_send)
        except Exception:
            log.exception("Request %s failed", request_id)
            if begun:
                raise  # too late for another answer: the server closes the connection
            text = f"Something went wrong in the service; its log tells more under request {request_id}."
            body = error_body(text, "server_error", "internal_error")
            await JSONResponse(body, 500)(scope, receive, marked_send)
        finally:
            route = _template(scope)
            seconds = time.perf_counter() - began
            self.metrics.requests.labels(scope["method"], route, str(status)).inc()
            self.metrics.seconds.labels(route).observe(seconds)
            log.info("%s %s %s %d %.0f ms", request_id, scope["method"], route, status, seconds * 1000)


def _template(scope: Scope) -> str:
    """The path with parameters in braces, so that no id becomes a label; ``unknown`` where no route is."""
    if "route" not in scope:
        return "unknown"
    path, names = scope["path"], {str(value): f"{{{name}}}" for name, value in scope.get("path_params", {}).items()}
    for value, name in names.items():
        path = path.replace(value, name) if "/" in value else path  # an id may be an address
    return "/".join(names.get(part, part) for part in path.split("/"))


def _from_here(headers: Headers) -> bool:
    """Whether a keyless request comes from a program or page of this machine.

    A foreign page in the user's browser can reach 127.0.0.1 too: its ``Origin`` is another one, or, after the name
    it came from was pointed here (DNS rebinding), its ``Host`` is no name of this machine.
    """
    host = headers.get("host", "")
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    origin = headers.get("origin")
    return name.lower() in LOCAL_NAMES and (origin is None or urlsplit(origin).netloc == host)
