"""Which column of a row is taken for what: the names that files give our fields, and what of a file was used."""

from collections.abc import Mapping
from typing import Any

# our field -> the names files and feeds give it, the first one found is taken
NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "guid", "item_id"),
    "source": ("source", "feed", "outlet"),
    "title": ("title", "headline"),
    "text": ("text", "body", "content", "summary", "description"),
    "url": ("url", "link"),
    "published_at": ("published_at", "published", "time", "date", "created_at", "pubDate", "timestamp"),
    "received_at": ("received_at",),
    "language": ("language", "lang"),
    "author": ("author",),
    "reach": ("reach",),
    "tickers": ("tickers", "ticker", "symbols"),
}
MOST_COLUMNS = 100  # remembered of a batch; a jsonl file may have other names in each line


def column_of(row: Mapping[str, Any], field: str, columns: Mapping[str, str]) -> str | None:
    """The row's column taken for a field of ours, by ``columns`` or by the usual names; None when none has a value."""
    if field in columns:
        return columns[field]
    return next((name for name in NAMES[field] if row.get(name) not in (None, "")), None)


def value_of(row: Mapping[str, Any], field: str, columns: Mapping[str, str]) -> Any:
    """What the row says of a field of ours."""
    name = column_of(row, field, columns)
    return None if name is None else row.get(name)


class ColumnUse:
    """Gathers over many rows which columns were taken for what, and which for nothing."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        self._columns = columns
        self._taken: dict[str, dict[str, None]] = {}
        self._met: dict[str, None] = {}

    def note(self, row: Mapping[str, Any]) -> None:
        """Adds one row's columns."""
        for field in NAMES:
            name = column_of(row, field, self._columns)
            if name is not None and name in row:
                self._taken.setdefault(field, {})[name] = None
        if len(self._met) < MOST_COLUMNS:
            self._met |= {str(name): None for name in row}

    @property
    def taken(self) -> dict[str, tuple[str, ...]]:
        """Our fields, each with the columns taken for it."""
        return {field: tuple(self._taken[field]) for field in NAMES if field in self._taken}

    @property
    def unused(self) -> tuple[str, ...]:
        """Columns that were taken for nothing, in the order of the file."""
        taken = {name for names in self._taken.values() for name in names}
        return tuple(name for name in self._met if name and name not in taken)[:MOST_COLUMNS]
