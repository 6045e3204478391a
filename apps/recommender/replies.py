"""Answers as JSON-ready values, and their shapes for the schema. Written out by hand, for they are the hot path."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from apps.recommender.answers import ListAnswer, ScoreAnswer
from apps.recommender.records import Explanation, Item, Scored

SCORED: dict[str, Any] = {
    "item": "tea-oolong", "score": 1.84, "probability": 0.31,
    "parts": {"text": 0.9, "behaviour": 0.6, "popularity": 0.2, "recency": 0.1, "rule": 0.0, "diversity": 0.04},
    "routes": ["text", "together"], "reason": "Because you liked Tieguanyin.", "because": ["tea-tieguanyin"],
    "known": True,
}  # fmt: skip
LISTED: dict[str, Any] = {
    "list_id": "5f0c9a6e2b7d4c1e8a3f0b9d6c2e7a14", "user": "u-42", "route": "warm", "model": "20260301-093000-1f2e",
    "experiments": {"more-variety": "varied"}, "took_ms": 7.2, "items": [{"rank": 1, **SCORED}],
    "candidates": {"text": 200, "popular": 200}, "removed": {"exclude_seen": ["tea-green"]},
    "removed_count": 1, "price": 0.012, "ild": 0.71, "ild_plain": 0.58, "notes": [],
}  # fmt: skip


class _Scored(BaseModel):
    item: str
    score: float
    parts: dict[str, float]
    routes: list[str]
    reason: str
    because: list[str]
    known: bool


class ScoredReply(_Scored):
    """One item: the score is the sum of its parts, the probability is calibrated (0 from a fall-back)."""

    probability: float
    model_config = ConfigDict(json_schema_extra={"example": SCORED})


class ListedReply(ScoredReply):
    """An item at its place; ``details`` only when they were asked for."""

    rank: int
    details: dict[str, Any] | None = None
    model_config = ConfigDict(json_schema_extra={"example": {"rank": 1, **SCORED}})


class ListReply(BaseModel):
    """A list. Send its ``list_id`` with the events that follow, so that they count for it.

    An item may be ``removed`` by several rules; ``removed_count`` counts it once.
    """

    list_id: str
    user: str
    route: str
    model: str
    experiments: dict[str, str]
    took_ms: float
    items: list[ListedReply]
    candidates: dict[str, int]
    removed: dict[str, list[str]]
    removed_count: int
    price: float
    ild: float
    ild_plain: float
    notes: list[str]
    model_config = ConfigDict(json_schema_extra={"example": LISTED})


class ScoreReply(BaseModel):
    """The candidates in their own order."""

    model: str
    route: str
    took_ms: float
    items: list[ScoredReply]


class AlikeReply(_Scored):
    """An item at its place among those like another one: the score is a likeness of at most 1, which is no probability.

    ``details`` only when they were asked for.
    """

    rank: int
    probability: None = None
    details: dict[str, Any] | None = None
    model_config = ConfigDict(json_schema_extra={"example": {"rank": 1, **SCORED, "score": 0.62, "probability": None}})


class SimilarReply(BaseModel):
    """Items like one, best first."""

    items: list[AlikeReply]


class ExplainReply(BaseModel):
    """Where the item is, or at which stage it was lost: unknown, route, filter, ranking, diversity, shown."""

    item: str
    stage: str
    sentence: str
    rank: int | None
    place: int | None
    removed_by: list[str]
    scored: ScoredReply | None


def scored(one: Scored) -> dict[str, Any]:
    """One item of an answer."""
    return {
        "item": one.item,
        "score": one.score,  # as it is: rounding hundreds of rows takes as long as ranking them
        "probability": one.probability,
        "parts": one.parts,
        "routes": one.routes,
        "reason": one.reason,
        "because": one.because,
        "known": one.known,
    }


def listed(one: Scored, rank: int, items: Mapping[str, Item] | None) -> dict[str, Any]:
    """One item at its place."""
    value = {"rank": rank, **scored(one)}
    if items is not None and one.item in items:
        value["details"] = card(items[one.item])
    return value


def alike(one: Scored, rank: int, items: Mapping[str, Item] | None = None) -> dict[str, Any]:
    """One item among those like another one."""
    return listed(one, rank, items) | {"probability": None}


def card(item: Item) -> dict[str, Any]:
    """What a shop needs to draw an item."""
    return {
        "title": item.title,
        "category": item.category,
        "brand": item.brand,
        "price": item.price,
        "tags": list(item.tags),
        "created_at": moment(item.created_at),
        "available": item.available,
    }


def list_reply(answer: ListAnswer, items: Mapping[str, Item] | None) -> dict[str, Any]:
    """A list as JSON-ready values."""
    made = answer.list
    return {
        "list_id": answer.list_id,
        "user": made.user,
        "route": answer.route,
        "model": answer.model,
        "experiments": dict(answer.arms),
        "took_ms": round(answer.took_ms, 2),
        "items": [listed(one, rank, items) for rank, one in enumerate(made.items, start=1)],
        "candidates": dict(made.candidates),
        "removed": {rule: list(ids) for rule, ids in made.removed.items()},
        "removed_count": made.removed_count,
        "price": round(made.price, 6),
        "ild": round(made.ild, 6),
        "ild_plain": round(made.ild_plain, 6),
        "notes": list(made.notes),
    }


def score_reply(answer: ScoreAnswer) -> dict[str, Any]:
    """Scores as JSON-ready values."""
    return {
        "model": answer.model,
        "route": answer.route,
        "took_ms": round(answer.took_ms, 2),
        "items": [scored(one) for one in answer.items],
    }


def explanation(found: Explanation) -> dict[str, Any]:
    """An explanation as JSON-ready values."""
    return {
        "item": found.item,
        "stage": found.stage,
        "sentence": found.sentence,
        "rank": found.rank,
        "place": found.place,
        "removed_by": list(found.removed_by),
        "scored": scored(found.scored) if found.scored else None,
    }


def moment(when: datetime | None) -> str | None:
    """ISO form, in UTC."""
    return when.isoformat() if when else None
