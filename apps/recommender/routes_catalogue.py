"""What a team sends and takes back over HTTP: items, events, files, people."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, File, Form, Query, UploadFile

from apps.recommender.answers import EventReport, IngestReport, ItemReport, ItemView, PersonView
from apps.recommender.http_service import Service, safe_name
from apps.recommender.records import Item
from apps.recommender.store import Person
from apps.recommender.wire import EventBody, EventsBody, ItemBody, ItemsBody, read_rows, utc_now
from core.dates import DateOrder
from core.errors import DataError

router = APIRouter()
PIECE = 1 << 20  # bytes of an upload held in memory at a time


@router.post("/events", tags=["events"])
def add_events(body: EventsBody, service: Service) -> EventReport:
    """A batch of events; the next list knows them. One sent again under its id counts once; bad rows are named.

    They are on disk when this answers.
    """
    now = utc_now()
    good, places, problems = read_rows(body.events, EventBody, lambda one: one.record(now), "events")
    _not_empty(body.events, "events")
    report = service.add_events(good) if good else EventReport()
    moved = tuple(replace(one, line=places[one.line - 1]) for one in report.problems)
    return replace(report, problems=tuple(sorted((*problems, *moved), key=lambda one: one.line)))


@router.post("/items", tags=["items"])
def put_items(body: ItemsBody, service: Service) -> ItemReport:
    """Add or replace a batch of items; each can be recommended when this answers. Bad rows are named."""
    good, _, problems = read_rows(body.items, ItemBody, ItemBody.record, "items")
    _not_empty(body.items, "items")
    report = service.put_items(good) if good else ItemReport()
    return replace(report, problems=(*problems, *report.problems))


@router.get("/items", tags=["items"])
def items(
    service: Service,
    search: str = "",
    category: str = "",
    limit: int = Query(50, ge=1, le=500),
    offset: int = Query(0, ge=0),
    nearest: bool = Query(False, description="where nothing has the words of search: items near in words or meaning"),
) -> list[Item]:
    """The catalogue, newest first; ``search`` is looked for as it is written in title, description, brand and id."""
    found = list(service.items(search, category, limit, offset))
    if nearest and search.strip() and not found and not offset:
        return list(service.nearest_items(search, category, limit))
    return found


@router.get("/items/{item_id:path}", tags=["items"])
def item(item_id: str, service: Service) -> ItemView:
    """An item with its events by kind."""
    return service.item(item_id)


@router.put("/items/{item_id:path}", tags=["items"])
def put_item(item_id: str, body: ItemBody, service: Service) -> ItemReport:
    """Add or replace one item."""
    if body.id != item_id:
        raise DataError(f"The path says item '{item_id}', the body says '{body.id}'.")
    return service.put_items([body.record()])


@router.delete("/items/{item_id:path}", status_code=204, tags=["items"])
def delete_item(item_id: str, service: Service) -> None:
    """Forget an item: catalogue, events, places in lists, memory."""
    service.delete_item(item_id)


@router.get("/users", tags=["users"])
def users(
    service: Service, search: str = "", limit: int = Query(50, ge=1, le=500), offset: int = Query(0, ge=0)
) -> list[Person]:
    """People with events, those with the most first."""
    return list(service.people(search, limit, offset))


@router.get("/users/{user_id:path}", tags=["users"])
def user(user_id: str, service: Service, limit: int = Query(200, ge=1, le=5000)) -> PersonView:
    """A person's latest events, and the variant of each running experiment."""
    return service.person(user_id, limit)


@router.delete("/users/{user_id:path}", status_code=204, tags=["users"])
def delete_user(user_id: str, service: Service) -> None:
    """Forget a person: events, lists, memory; nothing of them stays on disk."""
    service.delete_person(user_id)


@router.post("/files", tags=["events"])
def upload(
    service: Service,
    files: list[UploadFile] = File(description="csv, jsonl or parquet"),
    kind: Literal["auto", "items", "events"] = Form("auto"),
    dates: DateOrder = Form(DateOrder.UNSAID, description="how 03/04/2026 is read, where no other date tells"),
) -> IngestReport:
    """Take in files of items and events; every row that was not taken is named by its line.

    Times without a zone are in UTC; `uses` says of each file how it was understood.
    """
    with tempfile.TemporaryDirectory(prefix="trifolium-") as folder:
        paths = [_save(file, Path(folder) / str(number)) for number, file in enumerate(files)]
        return service.ingest(paths, kind, dates=dates)


def _save(file: UploadFile, folder: Path) -> Path:
    folder.mkdir()  # one per file: two of the same name do not meet
    path = folder / safe_name(file.filename)
    with path.open("wb") as target:
        while piece := file.file.read(PIECE):
            target.write(piece)
    return path


def _not_empty(rows: list[Any], noun: str) -> None:
    if not rows:
        raise DataError(f"There are no {noun} in the request.")
