"""Dates as people and feeds write them, read as moments. Knows no row and no file."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

_ZH_DATE = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日(?:\s*(\d{1,2})[:：](\d{2})(?:[:：](\d{2}))?)?")
_CLOCK = r"(?:[T,\s]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*([ap]m)?\s*(z|[+-]\d{2}:?\d{2})?)?"
_YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})" + _CLOCK, re.IGNORECASE)
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})" + _CLOCK, re.IGNORECASE)


class DateOrder(StrEnum):
    """What comes first in dates such as 03/04/2026; ``UNSAID`` leaves it to what the dates themselves prove."""

    UNSAID = ""
    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


def parse_moment(value: Any, zone: str = "UTC", order: DateOrder = DateOrder.UNSAID) -> datetime | None:
    """A moment in UTC, or None when there is none to be read.

    Reads ISO 8601, RFC 2822, Chinese dates, Unix time (seconds, milliseconds) and, in that ``order``, numbers that end
    with the year; a date that may be read two ways is not guessed at. One without a zone is in ``zone``.

    >>> parse_moment("2026年3月1日 08:30", "Asia/Shanghai").isoformat()
    '2026-03-01T00:30:00+00:00'
    >>> parse_moment("27.11.2026 14:05").isoformat(), parse_moment("3/4/2026")
    ('2026-11-27T14:05:00+00:00', None)
    """
    found = _found(value, order)
    try:
        return found and (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def zoneless(value: Any, order: DateOrder = DateOrder.UNSAID) -> bool:
    """Whether there is a moment that does not say its zone."""
    found = _found(value, order)
    return found is not None and found.tzinfo is None


def ends_with_year(value: Any) -> bool:
    """Whether it is a date in numbers whose day and month could stand in either order, as far as its form goes."""
    return _YEAR_LAST.fullmatch(str(value).strip()) is not None


def proven_order(values: Iterable[Any]) -> DateOrder:
    """The order that the dates of one file prove by a number that is no month; ``UNSAID`` for none, or for both.

    >>> proven_order(["03/04/2026", "27/11/2026"]), proven_order(["03/04/2026"])
    (<DateOrder.DAY_FIRST: 'day-first'>, <DateOrder.UNSAID: ''>)
    """
    proven = {_own_order(value) for value in values} - {DateOrder.UNSAID}
    return proven.pop() if len(proven) == 1 else DateOrder.UNSAID


def two_ways(value: Any, order: DateOrder = DateOrder.UNSAID) -> bool:
    """Whether the date may be the one day or another, and nobody said which."""
    found = _YEAR_LAST.fullmatch(str(value).strip()) if order is DateOrder.UNSAID else None
    first, second = (int(found[1]), int(found[3])) if found else (0, 0)
    return first != second and 1 <= first <= 12 and 1 <= second <= 12


def _own_order(value: Any) -> DateOrder:
    """What a date proves by itself: 27/11/2026 can only begin with its day."""
    found = _YEAR_LAST.fullmatch(str(value).strip())
    first, second = (int(found[1]), int(found[3])) if found else (0, 0)
    if 12 < first <= 31 and 1 <= second <= 12:
        return DateOrder.DAY_FIRST
    return DateOrder.MONTH_FIRST if 1 <= first <= 12 < second <= 31 else DateOrder.UNSAID


def _found(value: Any, order: DateOrder) -> datetime | None:
    """The moment as written, None when there is none to be read."""
    if value is None or isinstance(value, bool) or value == "":
        return None
    try:
        return value if isinstance(value, datetime) else _read(value, order)
    except (ValueError, OverflowError, OSError, TypeError, IndexError):
        return None


def _read(value: Any, order: DateOrder) -> datetime | None:
    if isinstance(value, int | float) or re.fullmatch(r"\d{9,13}(\.\d+)?", str(value).strip()):
        seconds = float(value)
        return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)
    text = str(value).strip()
    if found := _ZH_DATE.search(text):
        return datetime(*(int(part or 0) for part in found.groups()))  # type: ignore[arg-type]
    if found := _YEAR_LAST.fullmatch(text):
        return None if two_ways(text, order) else _in_order(found, order or _own_order(text))
    try:
        return datetime.fromisoformat(text.replace("/", "-"))
    except ValueError:
        if found := _YEAR_FIRST.fullmatch(text):  # as ISO 8601, with 2026/3/1 and 9:05 besides
            return _at(int(found[1]), int(found[3]), int(found[4]), *found.group(5, 6, 7, 8, 9))
        found_date = parsedate_to_datetime(text)
        minus_zero = text.endswith("-0000")  # RFC 2822: the zone is not known, which parsedate leaves naive
        return found_date.replace(tzinfo=UTC) if minus_zero else found_date


def _in_order(found: re.Match[str], order: DateOrder) -> datetime:
    first, second = int(found[1]), int(found[3])
    month, day = (first, second) if order is DateOrder.MONTH_FIRST else (second, first)
    return _at(int(found[4]), month, day, *found.group(5, 6, 7, 8, 9))


def _at(
    year: int, month: int, day: int, hour: str | None, minute: str | None, second: str | None, half: str | None,
    zone: str | None,
) -> datetime:  # fmt: skip
    """The moment of these parts; ``half`` is am or pm, a ``zone`` left out stays unknown."""
    hours = int(hour or 0)
    if half:
        hours = hours % 12 + (12 if half.lower() == "pm" else 0)
    known = datetime.strptime(zone.upper(), "%z").tzinfo if zone else None
    return datetime(year, month, day, hours, int(minute or 0), int(second or 0), tzinfo=known)
