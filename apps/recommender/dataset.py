"""Outside files become items and events; rows that cannot be read are reported by line and never cost another row.

Column names people use are known; a mapping names others. Public sets with layouts of their own are ``public_sets``.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

from apps.recommender.columns import EVENT_COLUMNS, ITEM_COLUMNS, Columns
from apps.recommender.records import Event, Item
from apps.recommender.row_files import rows_of
from apps.recommender.row_problems import NO_TIME, NUMBER, PRICE_LEFT_OUT, TIME
from apps.recommender.splits import temporal
from core.errors import DataError
from core.reasons import Reason, reason, reason_of

Made = TypeVar("Made", Item, Event)

MILLISECONDS_FROM = 1e11  # a time stamp above is in milliseconds: in seconds it would be after the year 5000
NO_WORDS = ("", "null", "none", "nan", "n/a")
_ZONE = re.compile(r"(?:Z|[+-]\d\d(?::?\d\d){0,2})\s*$", re.IGNORECASE)
FALSE_WORDS = ("0", "false", "no", "n", "f")


@dataclass(frozen=True)
class Problem:
    """A row that could not be used, by its line (from 1), and why; ``kept`` where it only lost its price."""

    line: int
    sentence: str
    kept: bool = False


@dataclass(frozen=True)
class Parsed(Generic[Made]):
    """Usable rows with the line each began on, and the problems; ``zoneless`` rows have a time without a zone."""

    rows: tuple[Made, ...]
    problems: tuple[Problem, ...]
    lines: tuple[int, ...]
    zoneless: int = 0


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


def read_items(path: Path, mapping: Mapping[str, str] | None = None) -> Parsed[Item]:
    """Items of a file. ``mapping`` gives our field's name the file's column; columns nobody knows become attributes.

    Raises ``DataError`` for a file of no known kind, without the needed columns, or a mapping that names none.
    """
    return _read(path, mapping or {}, ITEM_COLUMNS, ("id", "title"), _item, _price_problem)


def read_events(path: Path, mapping: Mapping[str, str] | None = None) -> Parsed[Event]:
    """Events of a file, in its order. A row without a type is a rating where it has a value, a click otherwise.

    A row without an id gets one made of its content, so that reading the file twice adds nothing. Times are ISO 8601
    (without a zone: UTC) or seconds or milliseconds since 1970.
    """
    repeats: Counter[str] = Counter()
    return _read(
        path, mapping or {}, EVENT_COLUMNS, ("user", "item", "time"), lambda found, rest: _event(found, repeats)
    )


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


def _read(
    path: Path,
    mapping: Mapping[str, str],
    columns: Mapping[str, tuple[str, ...]],
    needed: Sequence[str],
    make: Callable[[dict[str, Any], dict[str, Any]], Made],
    lost: Callable[[dict[str, Any]], Reason | None] = lambda found: None,
) -> Parsed[Made]:
    """``lost`` says what of a row was left out though the row is used."""
    named = Columns(path.name, mapping, columns, needed)
    rows: list[Made] = []
    lines: list[int] = []
    problems: list[Problem] = []
    bare = 0
    for line, row in rows_of(path).rows:
        if isinstance(row, Reason):
            problems.append(Problem(line, row))
            continue
        chosen = named.of(row)
        found = {name: row.get(column) for name, column in chosen.items()}
        try:
            made = make(found, _rest(row, chosen))
        except (DataError, ValueError, TypeError, OverflowError) as error:
            problems.append(Problem(line, _sentence(error)))
            continue
        if (left_out := lost(found)) is not None:
            problems.append(Problem(line, left_out, kept=True))
        rows.append(made)
        lines.append(line)
        bare += _zoneless(found.get("time") or found.get("created_at"))
    named.check()
    return Parsed(tuple(rows), tuple(problems), tuple(lines), bare)


def _rest(row: Mapping[str, Any], chosen: Mapping[str, str]) -> dict[str, Any]:
    taken = set(chosen.values())
    return {name: value for name, value in row.items() if name not in taken}


def _item(found: dict[str, Any], rest: dict[str, Any]) -> Item:
    return Item(
        id=_text(found.get("id")),
        title=_text(found.get("title")),
        description=_text(found.get("description")),
        tags=_tags(found.get("tags")),
        category=_text(found.get("category")),
        brand=_text(found.get("brand")),
        price=_price(found.get("price")),
        language=_text(found.get("language")),
        created_at=None if _missing(found.get("created_at")) else _time(found["created_at"], "created_at"),
        available=_text(found.get("available")).lower() not in FALSE_WORDS,
        attributes=_attributes(rest),
    )


def _price(value: Any) -> float | None:
    """A price that is none costs the item its price, not its place in the catalogue and all events with it."""
    try:
        price = _number(value, "price")
    except DataError:
        return None
    return price if price is not None and math.isfinite(price) and price >= 0 else None


def _price_problem(found: dict[str, Any]) -> Reason | None:
    value = found.get("price")
    return None if _missing(value) or _price(value) is not None else reason(PRICE_LEFT_OUT, value=str(value)[:40])


def _event(found: dict[str, Any], repeats: Counter[str]) -> Event:
    value = _number(found.get("value"), "value")
    kind = _text(found.get("type")) or ("rating" if value is not None else "click")
    position = _number(found.get("position"), "position")
    event = Event(
        id=_text(found.get("id")) or "-",
        user=_text(found.get("user")),
        item=_text(found.get("item")),
        type=kind,
        time=_time(found.get("time"), "time"),
        value=value,
        position=int(position) if position is not None else None,
        list_id=_text(found.get("list_id")),
    )
    if event.id != "-":
        return event
    content = "\x1f".join((event.user, event.item, event.type, event.time.isoformat(), repr(event.value)))
    repeats[content] += 1
    name = hashlib.sha256(f"{content}\x1f{repeats[content]}".encode()).hexdigest()[:24]
    return Event(name, event.user, event.item, event.type, event.time, value, event.position, event.list_id)


def _attributes(rest: Mapping[str, Any]) -> dict[str, float | str]:
    """Columns of the team's own: numbers as such, also where the file has them as text."""
    found: dict[str, float | str] = {}
    for name, value in rest.items():
        if _missing(value) or isinstance(value, dict | list):
            continue
        try:
            found[name] = float(value)
        except ValueError:
            found[name] = str(value)
    return found


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.strip().lower() in NO_WORDS) or value != value


def _text(value: Any) -> str:
    if _missing(value):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _number(value: Any, name: str) -> float | None:
    if _missing(value):
        return None
    text = str(value).strip().strip("$€£¥ ")
    comma = "." if re.fullmatch(r"[+-]?\d+,\d{1,2}", text) else ""  # 12,50 is twelve and a half, 1,250 is not
    try:
        return float(text.replace(",", comma))
    except ValueError as error:
        raise DataError(reason(NUMBER, name=name, value=str(value)[:40])) from error


def _tags(value: Any) -> tuple[str, ...]:
    """A list, or a text parted by | or ; or commas; else by blanks."""
    if isinstance(value, list | tuple):
        return tuple(str(one).strip() for one in value if str(one).strip())
    text = _text(value)
    mark = next((one for one in "|;," if one in text), None)
    return tuple(one.strip() for one in text.split(mark) if one.strip())


def _time(value: Any, name: str) -> datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if _missing(value):
        raise DataError(reason(NO_TIME, name=name))
    text = str(value).strip()
    try:
        seconds = float(text)
    except ValueError:
        return _iso(text, name)
    return datetime.fromtimestamp(seconds / 1000 if abs(seconds) > MILLISECONDS_FROM else seconds, UTC)


def _zoneless(value: Any) -> bool:
    """Whether a time of day stands there without its zone; a day alone is not asked for one."""
    if isinstance(value, datetime):
        return value.tzinfo is None
    return isinstance(value, str) and ":" in value and _ZONE.search(value) is None


def _iso(text: str, name: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise DataError(reason(TIME, name=name, value=text[:40])) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _sentence(error: Exception) -> str:
    text = reason_of(error) or type(error).__name__
    return text if text.endswith(".") else f"{text}."
