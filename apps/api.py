"""Door 2, HTTP: one server for the routers of every name in ``APPS``; errors, health, metrics.

Knows no app by name: an app's ``routes.router`` is mounted, its service is opened by ``service.open_service``.
"""

import importlib
import logging
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from apps import APPS
from apps.gate import Gate, Metrics, error_body, error_type
from apps.request_problem import known_query, request_problem
from core.errors import BusyError, DataError, TrifoliumError
from core.events import Event, Log
from core.settings import CoreSettings

EXAMPLE_ERROR: dict[str, Any] = {**error_body("No conversation has the id 'c1'.", "not_found_error", "not_found")}
INVALID = "invalid_request"  # the code of a request that does not fit, whoever finds that out
Openers = Mapping[str, Callable[[], Any]]


class ErrorDetail(BaseModel):
    """What went wrong: a sentence for people, OpenAI's type, and a code for programs."""

    message: str
    type: str
    code: str


class ErrorBody(BaseModel):
    """The body of every answer that is not a success."""

    error: ErrorDetail
    model_config = ConfigDict(json_schema_extra={"example": dict(EXAMPLE_ERROR)})


class Health(BaseModel):
    """``ok`` while every app is open; ``apps`` has each one's own words."""

    status: str
    version: str
    apps: dict[str, dict[str, Any]]


def openers(config: Path | None = None, overrides: Mapping[str, object] | None = None) -> Openers:
    """For each app the call that loads its settings and opens its service; nothing is opened yet."""
    return {name: partial(open_app, name, config, overrides) for name in APPS}


def open_app(name: str, config: Path | None, overrides: Mapping[str, object] | None) -> Any:
    """One app's service by its own settings."""
    settings = importlib.import_module(f"apps.{name}.settings").load_settings(config, overrides)
    return importlib.import_module(f"apps.{name}.service").open_service(settings, partial(_say, name))


def _say(name: str, event: Event) -> None:
    """What opening an app says of itself goes to the log: a first start takes minutes."""
    if isinstance(event, Log):
        logging.getLogger(__name__).info("%s: %s", name, event.text)


def create_app(settings: CoreSettings, open_services: Openers | None = None) -> FastAPI:
    """The server for these settings; services are opened when it starts and closed when it stops.

    ``open_services`` names other services than those of the default settings: from a command line, or a test's.
    """
    metrics = Metrics()
    app = FastAPI(
        title="Trifolium",
        version=_version(),
        description="Chatbot, monitor and recommender on one shared core. Send the API key as a bearer token.",
        lifespan=_lifespan(openers() if open_services is None else open_services),
        responses={"4XX": {"model": ErrorBody}, "5XX": {"model": ErrorBody}},
        redoc_url=None,
        dependencies=[Depends(known_query)],
    )
    app.state.metrics = metrics
    app.state.services = {}
    app.state.max_body_mb = settings.server.max_body_mb
    for name in APPS:
        app.include_router(importlib.import_module(f"apps.{name}.routes").router)
    _add_errors(app)
    _add_watch(app, metrics)
    app.add_middleware(Gate, server=settings.server, metrics=metrics)
    return app


def _version() -> str:
    try:
        return version("trifolium")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "0"


def _lifespan(open_services: Openers) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            for name, open_service in open_services.items():
                app.state.services[name] = await run_in_threadpool(open_service)
            yield
        finally:
            for service in app.state.services.values():
                await run_in_threadpool(service.close)
            app.state.services.clear()

    return lifespan


def _add_watch(app: FastAPI, metrics: Metrics) -> None:
    @app.get("/", include_in_schema=False)
    def front() -> RedirectResponse:
        """To the description of the interface."""
        return RedirectResponse("/docs")

    @app.get("/health", tags=["operations"])
    def health(request: Request) -> Health:
        """Whether the service answers, and what each app says of itself; needs no key."""
        services = request.app.state.services
        return Health(
            status="ok" if services else "starting",
            version=app.version,
            apps={name: _public_status(service.status()) for name, service in services.items()},
        )

    @app.get("/metrics", tags=["operations"], response_class=PlainTextResponse)
    def figures() -> PlainTextResponse:
        """Prometheus text: requests, refusals, time to the first word, turns per outcome and reason."""
        return PlainTextResponse(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _public_status(status: Mapping[str, Any]) -> dict[str, Any]:
    """Of an app's status what needs no key: whether its model is ready, not where its files lie."""
    return {key: str(status[key]).split(":")[0] for key in ("generator", "model") if key in status}


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(TrifoliumError)
    async def known(request: Request, error: TrifoliumError) -> JSONResponse:
        return error_response(error)

    @app.exception_handler(RequestValidationError)
    async def wrong_body(request: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse(error_body(request_problem(request, error), error_type(422), INVALID), 422)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        text = str(error.detail)
        code = "body_too_large" if error.status_code == 413 else _code(HTTPStatus(error.status_code).phrase)
        if error.status_code in (404, 405):
            text = f"There is no {request.method} {request.url.path} here; /docs lists what there is."
        body = error_body(text if text.endswith(".") else f"{text}.", error_type(error.status_code), code)
        return JSONResponse(body, error.status_code, error.headers)


def error_response(error: TrifoliumError) -> JSONResponse:
    """A known error as its status, one sentence and a code made of its class name."""
    headers = {"Retry-After": str(max(1, round(error.retry_after_s)))} if isinstance(error, BusyError) else None
    return JSONResponse(error_body(str(error), error_type(error.status), error_code(error)), error.status, headers)


def error_code(error: TrifoliumError) -> str:
    """``NotFoundError`` -> ``not_found``; a ``DataError`` has the code of any request that does not fit."""
    if isinstance(error, DataError):
        return INVALID
    return _code(re.sub(r"(?<!^)(?=[A-Z])", " ", type(error).__name__.removesuffix("_").removesuffix("Error")))


def _code(words: str) -> str:
    return re.sub(r"\W+", "_", words.lower()).strip("_")
