"""The team's desk over HTTP: experiments, figures, models."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Query

from apps.recommender.answers import Quality
from apps.recommender.experiments import Experiment, ExperimentReport, Variant
from apps.recommender.http_service import Service
from apps.recommender.model_shelf import as_row
from apps.recommender.wire import ExperimentBody

router = APIRouter()


@router.get("/experiments", tags=["experiments"])
def experiments(service: Service) -> list[Experiment]:
    """All experiments, newest first."""
    return list(service.experiments())


@router.post("/experiments", status_code=201, tags=["experiments"])
def start(body: ExperimentBody, service: Service) -> Experiment:
    """Split people by a stable hash from now on; a person stays in her variant."""
    variants = [Variant(one.name, one.share, one.dials) for one in body.variants]
    return service.start_experiment(body.name, variants, body.about)


@router.get("/experiments/{name}", tags=["experiments"])
def read(name: str, service: Service) -> ExperimentReport:
    """What its lists say so far: click rate and order per variant, differences with intervals true at every look."""
    return service.read_experiment(name)


@router.post("/experiments/{name}/end", tags=["experiments"])
def end(name: str, service: Service) -> Experiment:
    """Split nobody any more; the figures stay."""
    return service.end_experiment(name)


@router.get("/quality", tags=["figures"])
def quality(service: Service, days: int = Query(30, ge=1, le=3650)) -> Quality:
    """Click rate, order, coverage and exposure of the lists served, by day, and the chances new items got."""
    return service.quality(days)


@router.get("/pulse", tags=["figures"])
def pulse(service: Service, minutes: int = Query(60, ge=1, le=1440)) -> list[tuple[datetime, str, int]]:
    """Events per minute and kind."""
    return list(service.pulse(minutes))


@router.get("/models", tags=["models"])
def models(service: Service) -> list[dict[str, Any]]:
    """Fitted models, newest first; the live one is marked."""
    return [as_row(one) for one in service.models()]


@router.post("/models/{name}/promote", tags=["models"])
def promote(name: str, service: Service) -> dict[str, Any]:
    """Make a model the live one; no call fails meanwhile."""
    return as_row(service.promote(name))


@router.post("/models/roll-back", tags=["models"])
def roll_back(service: Service) -> dict[str, Any]:
    """Make the model live that was so before."""
    return as_row(service.roll_back())


@router.get("/status", tags=["models"])
def status(service: Service) -> dict[str, Any]:
    """What runs and how much is known."""
    return dict(service.status())
