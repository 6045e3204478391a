"""What one cell of a file says: a text, a number, a moment, tags. Knows no row; ``DataError`` for what is none."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from apps.recommender.money import amount
from apps.recommender.row_problems import NO_TIME, NUMBER, TIME, TWO_WAYS
from core.dates import DateOrder, parse_moment, proven_order, two_ways
from core.errors import DataError
from core.reasons import reason

SHOWN = 40  # characters of a cell in the sentence that says what is wrong with it
MILLISECONDS_FROM = 1e11  # a time stamp above is in milliseconds: in seconds it would be after the year 5000
NO_WORDS = ("", "null", "none", "nan", "n/a")
FALSE_WORDS = (
    *("0", "false", "no", "n", "f", "sold out", "out of stock"),
    *("否", "无", "没有", "无货", "缺货", "售罄", "下架"),
)
_COMPACT = re.compile(r"(?:19|20)\d{2}[01]\d[0-3]\d")  # 20261127
_ZONE = re.compile(r"(?:Z|GMT|UTC|[+-]\d\d(?::?\d\d){0,2})\s*$", re.IGNORECASE)


def missing(value: Any) -> bool:
    """Whether the cell is empty, or says that there is nothing."""
    return value is None or (isinstance(value, str) and value.strip().lower() in NO_WORDS) or value != value


def text(value: Any) -> str:
    """The cell's words; "" for none. A whole number that a file has as a fraction (7.0) is written as one."""
    if missing(value):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def number(value: Any, name: str) -> float | None:
    """The number, None for an empty cell; a currency beside it is left out."""
    if missing(value):
        return None
    try:
        return amount(str(value))
    except ValueError as error:
        raise DataError(reason(NUMBER, name=name, value=str(value)[:SHOWN])) from error


def tags(value: Any) -> tuple[str, ...]:
    """A list, or a text parted by | or ; or commas; else by blanks."""
    if isinstance(value, list | tuple):
        return tuple(str(one).strip() for one in value if str(one).strip())
    words = text(value)
    mark = next((one for one in "|;," if one in words), None)
    return tuple(one.strip() for one in words.split(mark) if one.strip())


def attributes(cells: Mapping[str, Any]) -> dict[str, float | str]:
    """Columns of the team's own: numbers as such, also where the file has them as text."""
    found: dict[str, float | str] = {}
    for name, value in cells.items():
        if missing(value) or isinstance(value, dict | list):
            continue
        try:
            found[name] = float(value)
        except ValueError:
            found[name] = str(value)
    return found


def zoneless(value: Any) -> bool:
    """Whether a time of day stands there without its zone; a day alone is not asked for one."""
    if isinstance(value, datetime):
        return value.tzinfo is None
    return isinstance(value, str) and (":" in value or "：" in value) and _ZONE.search(value) is None


class Dates:
    """Reads the dates of one file, and notes what they prove of their order: 27/11/2026 can only begin with its day."""

    def __init__(self, order: DateOrder = DateOrder.UNSAID) -> None:
        self._order = order
        self._proven: set[DateOrder] = set()
        self._doubtful = False

    @property
    def better(self) -> DateOrder:
        """The order in which more could be read, as other dates of the file prove it; ``UNSAID`` for none."""
        return next(iter(self._proven)) if self._doubtful and len(self._proven) == 1 else DateOrder.UNSAID

    def moment(self, value: Any, name: str) -> datetime:
        """A date in any usual form, or seconds or milliseconds since 1970; without a zone it is in UTC."""
        if isinstance(value, datetime):
            return _with_zone(value)
        if missing(value):
            raise DataError(reason(NO_TIME, name=name))
        words = str(value).strip()
        if _COMPACT.fullmatch(words):  # as seconds it would be a day of 1970
            return self._date(words, name)
        try:
            seconds = float(words)
        except ValueError:
            return self._date(words, name)
        try:
            return datetime.fromtimestamp(seconds / 1000 if abs(seconds) > MILLISECONDS_FROM else seconds, UTC)
        except (ValueError, OverflowError, OSError) as error:
            raise DataError(reason(TIME, name=name, value=words[:SHOWN])) from error

    def _date(self, words: str, name: str) -> datetime:
        try:
            return _with_zone(datetime.fromisoformat(words))
        except ValueError:
            return self._other_date(words, name)

    def _other_date(self, words: str, name: str) -> datetime:
        self._proven |= {proven_order([words])} - {DateOrder.UNSAID}
        found = parse_moment(words, order=self._order)
        if found is not None:
            return found
        doubtful = two_ways(words, self._order)
        self._doubtful |= doubtful
        raise DataError(reason(TWO_WAYS if doubtful else TIME, name=name, value=words[:SHOWN]))


def _with_zone(value: datetime) -> datetime:
    return value if value.tzinfo else value.replace(tzinfo=UTC)
