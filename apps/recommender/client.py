"""A small client of the recommender's HTTP calls, for shops written in Python. Records in, records out.

    with RecommenderClient("http://127.0.0.1:8000") as shop:
        listed = shop.recommend(user="u-42", k=10)
        shop.add_events([Event("e-1", "u-42", listed.items[0].item, "click", now, list_id=listed.list_id)])

Events get their ids here, before they are sent: a batch that is sent again after a broken connection counts once.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx

from apps.recommender.records import Event, Explanation, Item, Scored
from core.errors import BusyError, ConflictError, DataError, NotFoundError, RemoteError

AT = "/v1/recommender"
TRIES = 3
ERRORS: dict[int, type[Exception]] = {404: NotFoundError, 409: ConflictError, 422: DataError, 413: DataError}


@dataclass(frozen=True, slots=True)
class Listed:
    """A list as it was served; name ``list_id`` in the events that follow."""

    list_id: str
    items: tuple[Scored, ...]
    route: str
    model: str
    experiments: Mapping[str, str] = field(default_factory=dict)
    removed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    price: float = 0.0
    notes: tuple[str, ...] = ()  # such as that no item has a category asked for


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch; ``problems`` are (row from 1, reason)."""

    added: int
    known: int = 0
    updated: int = 0
    problems: tuple[tuple[int, str], ...] = ()


class RecommenderClient:
    """One connection pool to one server. Errors are the suite's own, with the server's sentence."""

    def __init__(
        self,
        address: str,
        key: str | None = None,
        timeout_s: float = 5.0,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(base_url=address, headers=headers, timeout=timeout_s, transport=transport)
        self._sleep = sleep

    def recommend(
        self, user: str = "", history: Sequence[Event] = (), filters: Mapping[str, Any] | None = None, **wish: Any
    ) -> Listed:
        """A list; ``wish`` takes k, diversity, freshness, calibration, exposure, language, explain."""
        body = self._asker(user, history) | wish | ({"filters": _jsonable(filters)} if filters else {})
        said = self._call("POST", "/recommend", body)
        return Listed(
            said["list_id"],
            tuple(_scored(one) for one in said["items"]),
            said["route"],
            said["model"],
            said["experiments"],
            {rule: tuple(ids) for rule, ids in said["removed"].items()},
            said["price"],
            tuple(said.get("notes", ())),
        )

    def score(
        self,
        candidates: Iterable[str | Item],
        user: str = "",
        history: Sequence[Event] = (),
        language: str = "en",
        explain: bool = False,
    ) -> list[Scored]:
        """Interest in each candidate, in their order; with ``explain`` a reason for each."""
        rows = [one if isinstance(one, str) else _item(one) for one in candidates]
        body = self._asker(user, history) | {"candidates": rows, "language": language, "explain": explain}
        return [_scored(one) for one in self._call("POST", "/score", body)["items"]]

    def similar(self, item: str, k: int = 10, language: str = "en") -> list[Scored]:
        """Items like one, best first."""
        said = self._call("POST", "/similar", {"item": item, "k": k, "language": language})
        return [_scored(one) for one in said["items"]]

    def add_events(self, events: Sequence[Event]) -> Taken:
        """Keep events; one without an id gets one here. On disk when this returns."""
        rows = [_event(one) | {"id": one.id or uuid4().hex, "list_id": one.list_id} for one in events]
        return _taken(self._call("POST", "/events", {"events": rows}))

    def put_items(self, items: Sequence[Item]) -> Taken:
        """Add or replace items."""
        return _taken(self._call("POST", "/items", {"items": [_item(one) for one in items]}))

    def explain(self, item: str, user: str = "", history: Sequence[Event] = (), **wish: Any) -> Explanation:
        """Why an item is where it is."""
        return self._explained("/explain", item, user, history, wish)

    def why_not(self, item: str, user: str = "", history: Sequence[Event] = (), **wish: Any) -> Explanation:
        """Where an item was lost."""
        return self._explained("/why-not", item, user, history, wish)

    def delete_item(self, item: str) -> None:
        """Forget an item everywhere."""
        self._call("DELETE", f"/items/{_segment(item)}")

    def delete_user(self, user: str) -> None:
        """Forget a person everywhere."""
        self._call("DELETE", f"/users/{_segment(user)}")

    def user(self, user: str) -> dict[str, Any]:
        """A person's latest events and variants."""
        return dict(self._call("GET", f"/users/{_segment(user)}"))

    def item(self, item: str) -> dict[str, Any]:
        """An item with its events by kind."""
        return dict(self._call("GET", f"/items/{_segment(item)}"))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _asker(self, user: str, history: Sequence[Event]) -> dict[str, Any]:
        return {"user": user, "history": [_past(one) for one in history]}

    def _explained(
        self, path: str, item: str, user: str, history: Sequence[Event], wish: Mapping[str, Any]
    ) -> Explanation:
        said = self._call("POST", path, self._asker(user, history) | {"item": item, **wish})
        scored = _scored(said["scored"]) if said["scored"] else None
        return Explanation(**(said | {"removed_by": tuple(said["removed_by"]), "scored": scored}))

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer's JSON. Every call may be repeated, so a broken connection or a busy server is tried again."""
        for attempt in range(1, TRIES + 1):
            last = attempt == TRIES
            try:
                answer = self._http.request(method, AT + path, json=body)
            except httpx.TransportError as error:
                if last:
                    raise RemoteError(f"The recommender cannot be reached: {error}.") from error
            else:
                if answer.is_success:
                    return answer.json() if answer.content else None
                if last or answer.status_code not in (429, 503):
                    raise _error(answer)
            self._sleep(0.2 * attempt)
        raise AssertionError("not reached")


def _error(answer: httpx.Response) -> Exception:
    try:
        said = str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        said = f"The recommender answered with status {answer.status_code}."
    if answer.status_code in (429, 503):
        return BusyError(said, status=answer.status_code)
    if answer.status_code in ERRORS:
        return ERRORS[answer.status_code](said)
    return RemoteError(said, permanent=answer.status_code < 500)


def _taken(said: Mapping[str, Any]) -> Taken:
    problems = tuple((int(one["line"]), str(one["reason"])) for one in said["problems"])
    return Taken(said["added"], said.get("known", said.get("unchanged", 0)), said.get("updated", 0), problems)


def _scored(said: Mapping[str, Any]) -> Scored:
    values = {one.name: said[one.name] for one in fields(Scored)}
    given = {"routes": tuple(said["routes"]), "because": tuple(said["because"])}
    return Scored(**(values | given | {"probability": said["probability"] or 0.0}))  # a likeness has none


def _item(item: Item) -> dict[str, Any]:
    return _jsonable(asdict(item) | {"attributes": dict(item.attributes)})


def _event(event: Event) -> dict[str, Any]:
    return {name: value for name, value in _jsonable(asdict(event)).items() if value is not None}


def _past(event: Event) -> dict[str, Any]:
    return {name: value for name, value in _event(event).items() if name in ("item", "type", "time", "value")}


def _jsonable(values: Mapping[str, Any]) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, datetime):
            return value.isoformat()
        return list(value) if isinstance(value, tuple) else value

    return {name: plain(value) for name, value in values.items()}


def _segment(id_: str) -> str:
    from urllib.parse import quote

    return quote(id_, safe="")
