"""Outside files become items and events; rows that cannot be read are reported by line and never cost another row.

Column names people use are known; a mapping names others. Public sets with layouts of their own are ``public_sets``.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from apps.recommender import cells
from apps.recommender.cells import Dates
from apps.recommender.columns import EVENT_COLUMNS, ITEM_COLUMNS, Columns
from apps.recommender.file_use import FileUse
from apps.recommender.records import Event, Item
from apps.recommender.row_files import rows_of
from apps.recommender.row_problems import DATE_LEFT_OUT, PRICE_LEFT_OUT, STANDS_AGAIN
from apps.recommender.splits import temporal
from core.dates import DateOrder
from core.errors import DataError
from core.reasons import Reason, reason, reason_of

Made = TypeVar("Made", Item, Event)
NAMELESS = "-"  # the id of an event whose row has none, until it gets its own


@dataclass(frozen=True)
class Problem:
    """Something about a row, by its line (from 1): why it could not be used, or what of it was left out."""

    line: int
    sentence: str


@dataclass(frozen=True)
class Parsed(Generic[Made]):
    """Usable rows with the line each began on, how the file was understood, and the rows that gave none.

    ``noted`` are rows that were taken though something of them was not, or gave way to a later row of their id;
    ``zoneless`` rows have a time without a zone.
    """

    rows: tuple[Made, ...]
    problems: tuple[Problem, ...]
    lines: tuple[int, ...]
    use: FileUse
    noted: tuple[Problem, ...] = ()
    zoneless: int = 0


@dataclass(frozen=True)
class _Layout(Generic[Made]):
    """What rows of one kind need: ``make`` reads the known cells and the others, ``left_out`` says what it did not.

    ``when`` is the field with the moment.
    """

    kind: Literal["items", "events"]
    names: Mapping[str, tuple[str, ...]]
    needed: Sequence[str]
    when: str
    make: Callable[[dict[str, Any], dict[str, Any], Dates], Made]
    left_out: Callable[[dict[str, Any], Made, Dates], list[Reason]]


@dataclass(frozen=True)
class Sample:
    """The sample shop: items, events by time, and the simulator's truth (for tests, never for a model)."""

    items: tuple[Item, ...]
    events: tuple[Event, ...]
    tastes: Mapping[str, Any] = field(default_factory=dict)

    def splits(self) -> dict[str, tuple[str, ...]]:
        """Ids of events for fitting, choosing and reporting, cut by time."""
        parts = temporal(self.events, (0.75, 0.12, 0.13))
        return {
            name: tuple(one.id for one in part) for name, part in zip(("train", "valid", "test"), parts, strict=True)
        }


def read_items(
    path: Path, mapping: Mapping[str, str] | None = None, dates: DateOrder = DateOrder.UNSAID
) -> Parsed[Item]:
    """Items of a file. ``mapping`` gives our field's name the file's column; columns nobody knows become attributes.

    Of rows with the same id the last one is taken, the others are noted. ``dates`` is the order of those such as
    03/04/2026 where no other date of the file tells it. Raises ``DataError`` for a file of no known kind, without the
    needed columns, or a mapping that names none.
    """
    return _last_of_each(_read(path, mapping or {}, _items, dates))


def read_events(
    path: Path, mapping: Mapping[str, str] | None = None, dates: DateOrder = DateOrder.UNSAID
) -> Parsed[Event]:
    """Events of a file, in its order. A row without a type is a rating where it has a value, a click otherwise.

    A row without an id gets one made of its content, so that reading the file twice adds nothing. Times are dates
    (without a zone: UTC; ``dates`` as above) or seconds or milliseconds since 1970.
    """
    return _read(path, mapping or {}, _events, dates)


def read_sample(folder: Path) -> Sample:
    """The sample in a folder: items.jsonl, events.csv.gz and tastes.json."""
    items = _whole(read_items(folder / "items.jsonl"), "items.jsonl")
    found = next(
        (folder / name for name in ("events.csv.gz", "events.jsonl.gz", "events.csv") if (folder / name).is_file()),
        None,
    )
    if found is None:
        raise DataError(f"There is no events file in '{folder}'.")
    events = _whole(read_events(found), found.name)
    tastes = folder / "tastes.json"
    truth = json.loads(tastes.read_text(encoding="utf-8")) if tastes.is_file() else {}
    return Sample(items, events, truth)


def _whole(parsed: Parsed[Made], name: str) -> tuple[Made, ...]:
    if parsed.problems:
        first = parsed.problems[0]
        raise DataError(f"{name}, line {first.line}: {first.sentence}")
    return parsed.rows


def _items() -> _Layout[Item]:
    return _Layout("items", ITEM_COLUMNS, ("id", "title"), "created_at", _item, _left_out)


def _events() -> _Layout[Event]:
    """For one reading: how often each content was met is counted anew."""
    repeats: Counter[str] = Counter()
    return _Layout(
        "events",
        EVENT_COLUMNS,
        ("user", "item", "time"),
        "time",
        lambda found, rest, dates: _with_id(_event(found, dates), repeats),
        lambda found, made, dates: [],
    )


def _read(
    path: Path, mapping: Mapping[str, str], layout: Callable[[], _Layout[Made]], order: DateOrder
) -> Parsed[Made]:
    """Once; and again where some dates need an order that others of the file prove."""
    dates = Dates(order)
    parsed = _read_once(path, mapping, layout(), dates)
    if (better := dates.better) is DateOrder.UNSAID:
        return parsed
    parsed = _read_once(path, mapping, layout(), Dates(better))
    return replace(parsed, use=replace(parsed.use, dates=better))


def _read_once(path: Path, mapping: Mapping[str, str], layout: _Layout[Made], dates: Dates) -> Parsed[Made]:
    named = Columns(path.name, mapping, layout.names, layout.needed)
    file = rows_of(path)
    gathered = _Gathered(layout, dates)
    for line, row in file.rows:
        if isinstance(row, Reason):
            gathered.problems.append(Problem(line, row))
        else:
            gathered.take(line, row, named.of(row))
    named.check()
    return gathered.parsed(FileUse(path.name, layout.kind, file.encoding, named.renamed, named.others))


@dataclass
class _Gathered(Generic[Made]):
    """What was read of a file so far."""

    layout: _Layout[Made]
    dates: Dates
    rows: list[Made] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    noted: list[Problem] = field(default_factory=list)
    zoneless: int = 0

    def take(self, line: int, row: Mapping[str, Any], chosen: Mapping[str, str]) -> None:
        """Adds what a row gives, be it the reason why it gives nothing; ``chosen`` are its columns for our fields."""
        layout = self.layout
        found = {name: row.get(column) for name, column in chosen.items()}
        try:
            made = layout.make(found, _rest(row, chosen), self.dates)
        except (DataError, ValueError, TypeError, OverflowError) as error:
            self.problems.append(Problem(line, _sentence(error)))
            return
        self.rows.append(made)
        self.lines.append(line)
        self.noted += [Problem(line, why) for why in layout.left_out(found, made, self.dates)]
        self.zoneless += getattr(made, layout.when) is not None and cells.zoneless(found.get(layout.when))

    def parsed(self, use: FileUse) -> Parsed[Made]:
        """All of it."""
        problems, noted = tuple(self.problems), tuple(self.noted)
        return Parsed(tuple(self.rows), problems, tuple(self.lines), use, noted, self.zoneless)


def _rest(row: Mapping[str, Any], chosen: Mapping[str, str]) -> dict[str, Any]:
    taken = set(chosen.values())
    return {name: value for name, value in row.items() if name not in taken}


def _last_of_each(parsed: Parsed[Item]) -> Parsed[Item]:
    """Without the rows whose id stands again further down, each of which is noted with the line that was taken."""
    pairs = list(zip(parsed.rows, parsed.lines, strict=True))
    last = {item.id: line for item, line in pairs}
    again = {line: item.id for item, line in pairs if last[item.id] != line}
    given_way = [Problem(line, reason(STANDS_AGAIN, id=name, line=last[name])) for line, name in again.items()]
    rest = [one for one in parsed.noted if one.line not in again]
    return replace(
        parsed,
        rows=tuple(item for item, line in pairs if line not in again),
        lines=tuple(line for line in parsed.lines if line not in again),
        noted=tuple(sorted((*given_way, *rest), key=lambda one: one.line)),
    )


def _item(found: dict[str, Any], rest: dict[str, Any], dates: Dates) -> Item:
    return Item(
        id=cells.text(found.get("id")),
        title=cells.text(found.get("title")),
        description=cells.text(found.get("description")),
        tags=cells.tags(found.get("tags")),
        category=cells.text(found.get("category")),
        brand=cells.text(found.get("brand")),
        price=_price(found.get("price")),
        language=cells.text(found.get("language")),
        created_at=_created(found, dates),
        available=cells.text(found.get("available")).lower() not in cells.FALSE_WORDS,
        attributes=cells.attributes(rest),
    )


def _price(value: Any) -> float | None:
    """A price that is none costs the item its price, not its place in the catalogue and all events with it."""
    try:
        price = cells.number(value, "price")
    except DataError:
        return None
    return price if price is not None and math.isfinite(price) and price >= 0 else None


def _created(found: dict[str, Any], dates: Dates) -> datetime | None:
    """As with the price: a date that is none costs the item its date only."""
    try:
        return None if cells.missing(found.get("created_at")) else dates.moment(found["created_at"], "created_at")
    except DataError:
        return None


def _left_out(found: dict[str, Any], item: Item, dates: Dates) -> list[Reason]:
    price, date = found.get("price"), found.get("created_at")
    told = []
    if item.price is None and not cells.missing(price):
        told.append(reason(PRICE_LEFT_OUT, value=str(price)[: cells.SHOWN]))
    if item.created_at is None and not cells.missing(date):
        told.append(reason(DATE_LEFT_OUT, why=_why_no_date(date, dates)))
    return told


def _why_no_date(value: Any, dates: Dates) -> str:
    try:
        dates.moment(value, "created_at")
    except DataError as error:
        return reason_of(error)
    return ""


def _event(found: dict[str, Any], dates: Dates) -> Event:
    value = cells.number(found.get("value"), "value")
    position = cells.number(found.get("position"), "position")
    return Event(
        id=cells.text(found.get("id")) or NAMELESS,
        user=cells.text(found.get("user")),
        item=cells.text(found.get("item")),
        type=cells.text(found.get("type")) or ("rating" if value is not None else "click"),
        time=dates.moment(found.get("time"), "time"),
        value=value,
        position=int(position) if position is not None else None,
        list_id=cells.text(found.get("list_id")),
    )


def _with_id(event: Event, repeats: Counter[str]) -> Event:
    """One without an id gets one made of its content and of how often that was met before."""
    if event.id != NAMELESS:
        return event
    content = "\x1f".join((event.user, event.item, event.type, event.time.isoformat(), repr(event.value)))
    repeats[content] += 1
    name = hashlib.sha256(f"{content}\x1f{repeats[content]}".encode()).hexdigest()[:24]
    return replace(event, id=name)


def _sentence(error: Exception) -> str:
    text = reason_of(error) or type(error).__name__
    return text if text.endswith(".") else f"{text}."
