"""Sources, channels and the outbox over HTTP: health, set up, pause, remove, take items out, look now, send a test."""

from typing import Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from apps.monitor.http_service import Service
from apps.monitor.wire import NewSource
from apps.monitor.wire_alerts import ChannelJson, HealthJson, MessageJson
from apps.monitor.wire_records import ForgottenJson, IngestJson
from core.errors import NotFoundError

router = APIRouter()


@router.get("/sources", tags=["sources"], response_model=list[HealthJson])
def sources(service: Service) -> Any:
    """Every source with its health; a silent or failing one is unknown, not good news."""
    return service.sources()


@router.put("/sources/{name}", tags=["sources"], response_model=HealthJson)
def save(name: str, body: NewSource, service: Service) -> Any:
    """Set up a source, or change it."""
    service.save_source(body.record(name))
    return _health(service, name)


@router.delete("/sources/{name}", status_code=204, tags=["sources"])
def remove(name: str, service: Service) -> None:
    """Look at it no longer; what came from it stays (see ``…/items`` to take that out)."""
    service.remove_source(name)


@router.delete("/sources/{name}/items", tags=["sources"], response_model=ForgottenJson)
def forget(name: str, service: Service, since: AwareDatetime | None = None) -> Any:
    """Take its items out again (those received ``since`` then), as if they had never come; alerts stay as they were."""
    return service.forget(name, since)


@router.post("/sources/{name}/pause", tags=["sources"], response_model=HealthJson)
def pause(name: str, service: Service) -> Any:
    """Do not look at it for a while."""
    service.pause(name)
    return _health(service, name)


@router.post("/sources/{name}/resume", tags=["sources"], response_model=HealthJson)
def resume(name: str, service: Service) -> Any:
    """Look at it again."""
    service.pause(name, paused=False)
    return _health(service, name)


@router.post("/sources/{name}/poll", tags=["sources"], response_model=IngestJson)
def poll(name: str, service: Service) -> Any:
    """Look at it now."""
    return service.poll(name)


@router.get("/channels", tags=["delivery"])
def channels(service: Service) -> list[ChannelJson]:
    """Where alerts are sent to, without secrets; they are set up in the settings."""
    return [ChannelJson(name=name, address=address) for name, address in service.channels()]


@router.post("/channels/{name}/test", status_code=204, tags=["delivery"])
def try_channel(name: str, service: Service) -> None:
    """Send a test message at once."""
    service.try_channel(name)


@router.get("/messages", tags=["delivery"], response_model=list[MessageJson])
def messages(service: Service, limit: int = Query(50, ge=1, le=1000)) -> Any:
    """The outbox: what waits, was sent or was given up, the newest first."""
    return service.messages(limit)


def _health(service: Any, name: str) -> Any:
    found = next((one for one in service.sources() if one.source.name == name), None)
    if found is None:
        raise NotFoundError(f"There is no source '{name}'.")
    return found
