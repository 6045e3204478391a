"""Dates as rows write them: read in their source's zone, and believed or not. Knows no row and no file."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo

from apps.monitor.intake_records import DateDoubt

AHEAD = timedelta(hours=26)  # a zone read wrongly puts a date at most this far into the future; more is a mistake
_ZH_DATE = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日(?:\s*(\d{1,2})[::](\d{2})(?:[::](\d{2}))?)?")


def parse_moment(value: Any, zone: str = "UTC") -> datetime | None:
    """A moment in UTC, or None when there is none to be read.

    Reads ISO 8601, RFC 2822, Chinese dates and Unix time (seconds, milliseconds); one without a zone is in ``zone``.

    >>> parse_moment("2026年3月1日 08:30", "Asia/Shanghai").isoformat()
    '2026-03-01T00:30:00+00:00'
    """
    found = _found(value)
    try:
        return found and (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def zoneless(value: Any) -> bool:
    """Whether there is a moment that does not say its zone."""
    found = _found(value)
    return found is not None and found.tzinfo is None


def _found(value: Any) -> datetime | None:
    """The moment as written, None when there is none to be read."""
    if value is None or isinstance(value, bool) or value == "":
        return None
    try:
        return value if isinstance(value, datetime) else _read(value)
    except (ValueError, OverflowError, OSError, TypeError, IndexError):
        return None


def _read(value: Any) -> datetime | None:
    if isinstance(value, int | float) or re.fullmatch(r"\d{9,13}(\.\d+)?", str(value).strip()):
        seconds = float(value)
        return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)
    text = str(value).strip()
    if found := _ZH_DATE.search(text):
        return datetime(*(int(part or 0) for part in found.groups()))  # type: ignore[arg-type]
    try:
        return datetime.fromisoformat(text.replace("/", "-"))
    except ValueError:
        found_date = parsedate_to_datetime(text)
        minus_zero = text.endswith("-0000")  # RFC 2822: the zone is not known, which parsedate leaves naive
        return found_date.replace(tzinfo=UTC) if minus_zero else found_date


def doubt(value: Any, moment: datetime | None, received: datetime, oldest_days: int) -> DateDoubt | None:
    """Why the date ``value``, read as ``moment``, is not used; None when it is, or when there is none."""
    if value is None or not str(value).strip():
        return None
    if moment is None:
        return DateDoubt.UNREADABLE
    if moment > received + AHEAD:
        return DateDoubt.AHEAD
    return DateDoubt.OLD if moment < received - timedelta(days=oldest_days) else None
