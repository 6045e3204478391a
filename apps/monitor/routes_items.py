"""Items, readings and trends over HTTP: push, classify, the feed, why, corrections, series, heat map, movers."""

from typing import Any, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from apps.monitor.http_service import Service
from apps.monitor.records import FeedQuery, Label, Span
from apps.monitor.rows import numbered
from apps.monitor.wire import NewCorrection, NewItems, Texts
from apps.monitor.wire_records import (
    CellJson,
    CorrectionJson,
    DriftJson,
    EntryJson,
    IngestJson,
    MoverJson,
    PointJson,
    PreviewJson,
    ReadingJson,
    StoryWhole,
    WordJson,
)
from core.errors import DataError

router = APIRouter()
MOST_WINDOWS = 20_000  # of one answer: two weeks of minutes


@router.post("/items", tags=["items"], response_model=IngestJson)
def push(body: NewItems, service: Service) -> Any:
    """Send items. Idempotent: one sent again (same id, or same content) is counted as a duplicate and changes nothing.

    A row that cannot be taken is named in ``problems`` and loses no other; one whose date cannot be used is taken and
    counts at the moment it came in: ``date_problems`` says which and why. One whose reach is no number is taken with
    its source's reach and named in ``reach_problems``.
    """
    return service.ingest_rows(numbered(body.items), source=body.source)


@router.post("/items/preview", tags=["items"], response_model=PreviewJson)
def preview(body: NewItems, service: Service) -> Any:
    """See what would be taken for what: columns, the first items, rows that could not be taken. Nothing is stored."""
    return service.preview_rows(numbered(body.items), source=body.source)


@router.post("/classify", tags=["items"], response_model=list[ReadingJson])
def classify(body: Texts, service: Service) -> Any:
    """Read loose texts: mood with probabilities, topics, companies with the mood towards each. Nothing is stored."""
    return service.classify(body.texts)


@router.get("/items", tags=["items"], response_model=list[EntryJson])
def feed(
    service: Service,
    company: str = "",
    topic: str = "",
    source: str = "",
    sentiment: Label | None = None,
    language: Literal["en", "zh"] | None = None,
    search: str = "",
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    uncertain: bool = False,
    limit: int = Query(50, ge=1, le=500),
    offset: int = Query(0, ge=0),
) -> Any:
    """Items with their readings, newest first; with ``uncertain`` those the model was least sure of."""
    service.check_names(company, topic, source)
    query = FeedQuery(company, topic, source, sentiment or "", language or "", search, since, until, uncertain)
    return service.feed(query, limit=limit, offset=offset)


@router.get("/items/{item_id}", tags=["items"], response_model=EntryJson)
def item(item_id: str, service: Service) -> Any:
    """One item with its reading."""
    return service.entry(item_id)


@router.get("/items/{item_id}/explanation", tags=["items"], response_model=list[WordJson])
def explanation(item_id: str, service: Service, company: str | None = None) -> Any:
    """Which words moved the verdict on the text, or on one company in it."""
    return service.explain(item_id, company)


@router.post("/items/{item_id}/correction", status_code=201, tags=["learning"], response_model=CorrectionJson)
def correct(item_id: str, body: NewCorrection, service: Service) -> Any:
    """Say what an item really is: the feed shows it at once, the next training learns from it."""
    return service.correct(item_id, body.by, body.sentiment, body.topics, body.companies)


@router.get("/corrections", tags=["learning"], response_model=list[CorrectionJson])
def corrections(service: Service) -> Any:
    """The newest correction of each item."""
    return [correction for _, _, correction in service.corrections()]


@router.get("/uncertain", tags=["learning"], response_model=list[EntryJson])
def uncertain(
    service: Service, language: Literal["en", "zh"] | None = None, limit: int = Query(20, ge=1, le=500)
) -> Any:
    """Items nobody has corrected, those the model was least sure of first; of one language where one is named."""
    return service.uncertain(limit, language or "")


@router.get("/drift", tags=["learning"], response_model=list[DriftJson])
def drift(service: Service) -> Any:
    """Whether texts and confidence of late differ from those before."""
    return service.drift()


@router.get("/stories/{story_id}", tags=["items"], response_model=StoryWhole)
def story(story_id: str, service: Service) -> Any:
    """One story with every item that told it."""
    told, items = service.story(story_id)
    return {"story": told, "items": items}


@router.get("/series", tags=["trends"], response_model=list[PointJson])
def series(
    service: Service,
    company: str = "",
    topic: str = "",
    source: str = "",
    span: Span = Span.HOUR,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
) -> Any:
    """A series window by window, empty ones too; every field left out means all. Counts are of stories."""
    service.check_names(company, topic, source)
    if since is not None and ((until or service.clock()) - since) / span.length > MOST_WINDOWS:
        raise DataError(f"One answer has at most {MOST_WINDOWS} windows: ask for a shorter time or a longer span.")
    return service.series(company, topic, source, span, since, until)


@router.get("/heat", tags=["trends"], response_model=list[CellJson])
def heat(since: AwareDatetime, service: Service, until: AwareDatetime | None = None) -> Any:
    """Companies × topics over a period; topic "" is the company as a whole."""
    return service.heat(since, until or service.clock())


@router.get("/movers", tags=["trends"], response_model=list[MoverJson])
def movers(service: Service, hours: float = Query(24, gt=0, le=8784), limit: int = Query(10, ge=1, le=200)) -> Any:
    """Series that changed most against the same length of time before."""
    return service.movers(hours, limit)


@router.get("/companies", tags=["trends"])
def companies(service: Service) -> dict[str, str]:
    """Companies seen, id and name."""
    names = service.company_names()
    return {one: names.get(one, one) for one in service.companies()}


@router.get("/topics", tags=["trends"])
def topics(service: Service) -> list[str]:
    """The topics that are told apart."""
    return list(service.topics())
