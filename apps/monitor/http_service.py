"""How a route of the monitor gets the service; shared by its routes."""

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request

from core.errors import BusyError

if TYPE_CHECKING:
    from apps.monitor.service import MonitorService


def _service(request: Request) -> Any:
    found = request.app.state.services.get("monitor")
    if found is None:
        raise BusyError("The monitor is still starting: try again shortly.", status=503, retry_after_s=2)
    return found


if TYPE_CHECKING:
    Service = MonitorService
else:  # FastAPI reads the annotation at run time, when importing the service would load half the stem
    Service = Annotated[Any, Depends(_service)]
