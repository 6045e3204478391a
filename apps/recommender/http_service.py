"""How a route gets the service, and how large answers leave quickly; shared by the recommender's routes."""

import re
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request, Response
from pydantic_core import to_json

from core.errors import BusyError

if TYPE_CHECKING:
    from apps.recommender.service import RecommenderService


async def _service(request: Request) -> Any:
    found = request.app.state.services.get("recommender")
    if found is None:
        raise BusyError("The recommender is still starting: try again shortly.", status=503, retry_after_s=2)
    return found


if TYPE_CHECKING:
    Service = RecommenderService
else:  # FastAPI reads the annotation at run time, when importing the service would load half the stem
    Service = Annotated[Any, Depends(_service)]


def quick(value: Any) -> Response:
    """JSON without a second check of every field: what we made ourselves, hundreds of rows in a millisecond."""
    return Response(to_json(value, inf_nan_mode="null"), media_type="application/json")


def safe_name(sent: str | None) -> str:
    """A file name for an upload: the last part of what was sent, without anything a path could be made of."""
    name = re.sub(r"[^\w .()-]", "_", PurePath((sent or "").replace("\\", "/")).name).lstrip(". ")[-120:]
    return name or "upload.csv"
