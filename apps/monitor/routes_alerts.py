"""Alerts over HTTP: list, life cycle, silences, the audit, and a server-sent stream of what changes."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from apps.monitor.alert_records import Severity, State
from apps.monitor.http_service import Service
from apps.monitor.wire import Act, AlertSilence, Assignment, NewSilence, Note, Who
from apps.monitor.wire_alerts import AlertJson, AlertWhole, SilenceJson, TransitionJson
from apps.monitor.wire_records import as_json
from core.errors import BusyError

router = APIRouter(tags=["alerts"])
LOOK_S = 1.0  # how often the stream looks for something new
ALIVE_EVERY = 15  # looks without news after which a comment keeps proxies from closing the connection
BATCH = 100
MOST_LISTENERS = 4  # half of the places of server.max_concurrent's default


@router.get("/alerts", response_model=list[AlertJson])
def alerts(
    service: Service,
    state: State | None = None,
    severity: Severity | None = None,
    company: str = "",
    open_only: bool = False,
    limit: int = Query(100, ge=1, le=1000),
    offset: int = Query(0, ge=0),
) -> Any:
    """Alerts; ``open_only`` leaves out what is resolved, pending or normal."""
    service.check_names(company)
    return service.alerts(state, severity or "", company, open_only, limit, offset)


@router.get("/alerts/stream", response_class=StreamingResponse)
async def stream(
    request: Request,
    service: Service,
    after: int | None = Query(None, ge=0, description="number of the last transition seen; left out: from now on"),
    last_event_id: int | None = Header(None, ge=0, description="sent by a browser that connects again"),
) -> StreamingResponse:
    """Server-sent events, one per transition: ``id`` its number, ``event`` the new state, ``data`` the transition.

    After a lost connection go on with ``after`` or ``Last-Event-ID``: nothing is missed.
    """
    seen = last_event_id if last_event_id is not None else after
    listeners = _listeners(request)
    number = (await run_in_threadpool(service.status))["last_transition"] if seen is None else seen
    return StreamingResponse(
        _events(service, number, listeners), media_type="text/event-stream", headers={"Cache-Control": "no-cache"}
    )


class Listeners:
    """How many streams are open; each holds one of the server's places, and some must stay for other requests."""

    def __init__(self) -> None:
        self.count = 0


def _listeners(request: Request) -> Listeners:
    state = request.app.state
    if not hasattr(state, "monitor_listeners"):
        state.monitor_listeners = Listeners()
    found: Listeners = state.monitor_listeners
    if found.count >= MOST_LISTENERS:
        raise BusyError(f"{found.count} streams of alerts are open already: close one first.", retry_after_s=30)
    return found


async def _events(service: Any, number: int, listeners: Listeners) -> AsyncIterator[str]:
    listeners.count += 1
    quiet = 0
    try:
        yield ": the stream of alerts has begun\n\n"
        while True:
            found = await run_in_threadpool(service.transitions, number, BATCH)
            for one in found:
                number = one.number
                data = json.dumps(as_json(TransitionJson, one), ensure_ascii=False)
                yield f"id: {number}\nevent: {one.after.value}\ndata: {data}\n\n"
            quiet = 0 if found else quiet + 1
            if quiet and quiet % ALIVE_EVERY == 0:
                yield ": nothing new\n\n"
            if not found:
                await asyncio.sleep(LOOK_S)
    finally:
        listeners.count -= 1


@router.get("/alerts/{alert_id}", response_model=AlertWhole)
def alert(alert_id: str, service: Service) -> Any:
    """One alert with its evidence, its history and the stories it speaks of."""
    return service.alert(alert_id)


@router.post("/alerts/{alert_id}/acknowledge", response_model=AlertJson)
def acknowledge(alert_id: str, body: Act, service: Service) -> Any:
    """Somebody has it: no repeats while it lasts."""
    return service.acknowledge(alert_id, body.by, body.note)


@router.post("/alerts/{alert_id}/note", response_model=AlertJson)
def note(alert_id: str, body: Note, service: Service) -> Any:
    """A comment; it stays when the alert fires again."""
    return service.comment(alert_id, body.by, body.text)


@router.post("/alerts/{alert_id}/assign", response_model=AlertJson)
def assign(alert_id: str, body: Assignment, service: Service) -> Any:
    """Give it an owner."""
    return service.assign(alert_id, body.by, body.owner)


@router.post("/alerts/{alert_id}/resolve", response_model=AlertJson)
def resolve(alert_id: str, body: Act, service: Service) -> Any:
    """Close it by hand, with a reason; it fires again when its condition comes back."""
    return service.resolve(alert_id, body.by, body.note)


@router.post("/alerts/{alert_id}/false-alarm", response_model=AlertJson)
def false_alarm(alert_id: str, body: Act, service: Service) -> Any:
    """Close it as a false alarm, which its history keeps."""
    return service.false_alarm(alert_id, body.by, body.note)


@router.post("/alerts/{alert_id}/silence", status_code=201, response_model=SilenceJson)
def silence_alert(alert_id: str, body: AlertSilence, service: Service) -> Any:
    """Silence this alert's rule on its series until a moment; it is still watched and shown."""
    held = service.alert(alert_id).alert
    key = held.key
    return service.silence(
        body.by, body.until, body.reason, rule=held.rule, company=key.company, topic=key.topic, source=key.source
    )


@router.get("/silences", response_model=list[SilenceJson])
def silences(service: Service, active_only: bool = True) -> Any:
    """What is silenced, until when and by whom."""
    return service.silences(active_only)


@router.post("/silences", status_code=201, response_model=SilenceJson)
def silence(body: NewSilence, service: Service) -> Any:
    """Silence everything that matches; with ``start`` a maintenance window."""
    matching = {name: getattr(body, name) for name in ("rule", "company", "topic", "source")}
    return service.silence(body.by, body.until, body.reason, start=body.start, **matching)


@router.post("/silences/{silence_id}/end", response_model=SilenceJson)
def end_silence(silence_id: str, body: Who, service: Service) -> Any:
    """End a silence before its time."""
    return service.end_silence(silence_id, body.by)


@router.get("/transitions", response_model=list[TransitionJson])
def transitions(service: Service, after: int = Query(0, ge=0), limit: int = Query(100, ge=1, le=1000)) -> Any:
    """The audit of all alerts from a number on, append-only: what, why, by whom, under which rule and model version."""
    return service.transitions(after, limit)
