"""Which column of a row is taken for what: the names that files give our fields, and what of a file was used."""

from collections.abc import Iterable, Mapping
from typing import Any

from apps.monitor.row_problems import NO_FIELD
from core.errors import DataError
from core.reasons import known, reason

# our field -> the names files and feeds give it in small letters, the first one found is taken
NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "guid", "item_id", "编号"),
    "source": ("source", "feed", "outlet", "site", "publisher", "来源", "媒体"),
    "title": ("title", "headline", "标题"),
    "text": ("text", "body", "content", "summary", "description", "article", "正文", "内容", "摘要"),
    "url": ("url", "link", "链接", "网址"),
    "published_at": (
        *("published_at", "published", "time", "date", "created_at", "pubdate", "pub_date", "timestamp", "datetime"),
        *("publish_time", "publish_date", "published_date", "发布时间", "发布日期", "时间", "日期"),
    ),
    "received_at": ("received_at",),
    "language": ("language", "lang", "语言"),
    "author": ("author", "作者"),
    "reach": ("reach",),
    "tickers": ("tickers", "ticker", "symbols"),
}
MOST_COLUMNS = 100  # remembered of a batch; a jsonl file may have other names in each line


def check_fields(columns: Mapping[str, str]) -> None:
    """``DataError`` for a mapped name that is no field of ours."""
    for field in columns:
        if field not in NAMES:
            raise DataError(reason(NO_FIELD, name=field, known=known(field, NAMES)))


def columns_of(row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, str]:
    """Our fields with the row's column for each: by ``columns``, else by the usual names in capitals or not.

    Of several the first with a value is taken; a field without any is left out.
    """
    mapped = set(columns.values())
    free = {str(name).strip().lower(): str(name) for name, value in row.items() if value not in (None, "")}
    found = dict(columns)
    for field, names in NAMES.items():
        if field not in columns:
            usual = (free[name] for name in names if name in free and free[name] not in mapped)
            if (column := next(usual, None)) is not None:
                found[field] = column
    return found


def has_words(names: Iterable[str], columns: Mapping[str, str]) -> bool:
    """Whether a row with columns of these names has one for title or text, be it empty."""
    row = dict.fromkeys(names, True)
    found = columns_of(row, columns)
    return any(found.get(field) in row for field in ("title", "text"))


class ColumnUse:
    """Gathers over many rows which columns were taken for what, and which for nothing."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        self._columns = columns
        self._taken: dict[str, dict[str, None]] = {}
        self._met: dict[str, None] = {}

    def note(self, row: Mapping[str, Any]) -> None:
        """Adds one row's columns."""
        for field, name in columns_of(row, self._columns).items():
            if name in row:
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
