"""Lists, scores and reasons over HTTP: the calls that a shop makes while a page loads."""

from typing import Any

from fastapi import APIRouter, Query, Response
from fastapi.concurrency import run_in_threadpool

from apps.recommender.http_service import Service, quick
from apps.recommender.replies import (
    ExplainReply,
    ListReply,
    ScoreReply,
    SimilarReply,
    alike,
    card,
    explanation,
    list_reply,
    score_reply,
)
from apps.recommender.wire import ExplainBody, RecommendBody, ScoreBody, SimilarBody, utc_now

router = APIRouter(tags=["recommendations"])


def _reply(model: Any) -> dict[int | str, dict[str, Any]]:
    return {200: {"model": model}}


@router.post("/recommend", responses=_reply(ListReply))
async def recommend(body: RecommendBody, service: Service) -> Response:
    """A list for a person, a visitor with a history, or nobody; each item with probability, parts and reason.

    Running experiments choose dials by the person. The list is kept under its id, and events that name it count for it.
    Without a model, or when it is late, behaviour, popularity or dates answer: see ``route``.
    """
    wish = service.wish(**body.given())
    answer = await service.recommend_soon(body.user, body.events(utc_now()), wish)
    ids = [one.item for one in answer.list.items]
    items = await run_in_threadpool(service.items_of, ids) if body.details else None
    return quick(list_reply(answer, items))


@router.post("/score", responses=_reply(ScoreReply))
async def score(body: ScoreBody, service: Service) -> Response:
    """Interest in each candidate, in the order sent; a candidate may be an item that the catalogue does not have."""
    answer = await service.score_soon(body.records(), body.user, body.events(utc_now()), body.language, body.explain)
    return quick(score_reply(answer))


@router.post("/similar", responses=_reply(SimilarReply))
def similar(body: SimilarBody, service: Service) -> Response:
    """Items like one, best first; the score is a likeness, and nobody's probability of wanting it."""
    found = service.similar(body.item, body.k, body.language)
    items = service.items_of([one.item for one in found]) if body.details else None
    return quick({"items": [alike(one, rank, items) for rank, one in enumerate(found, start=1)]})


@router.post("/explain", responses=_reply(ExplainReply))
def explain(body: ExplainBody, service: Service) -> Response:
    """Why an item is where it is for a person: its rank, its parts, the items it follows from."""
    return quick(_explained(body, service))


@router.post("/why-not", responses=_reply(ExplainReply))
def why_not(body: ExplainBody, service: Service) -> Response:
    """Where an item was lost on its way into a person's list: no such item, no route, a filter, others, variety."""
    return quick(_explained(body, service))


def _explained(body: ExplainBody, service: Any) -> dict[str, Any]:
    wish = service.wish(**body.given())
    return explanation(service.explain(body.item, body.user, body.events(utc_now()), wish))


@router.get("/popular")
def popular(service: Service, k: int = Query(20, ge=1, le=500), category: str = "") -> Response:
    """The most wanted items of these days, for everybody."""
    return quick({"items": [{"item": one.id, **card(one)} for one in service.popular(k, category)]})


@router.get("/latest")
def latest(service: Service, k: int = Query(20, ge=1, le=500), category: str = "") -> Response:
    """The newest items."""
    return quick({"items": [{"item": one.id, **card(one)} for one in service.latest(k, category)]})
