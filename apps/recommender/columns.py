"""What people call the columns of their files of items and events, and which column of a row is which of our fields."""

from collections.abc import Mapping, Sequence
from typing import Any

from apps.recommender.row_problems import NO_COLUMN, NO_MAPPED_COLUMN
from core.errors import DataError, known_names
from core.reasons import known, reason

ITEM_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "item_id", "item", "movieid", "movie_id", "itemid", "asin", "sku", "product_id"),
    "title": ("title", "name", "item_title", "movie_title", "product_name"),
    "description": ("description", "text", "abstract", "plot", "body", "summary"),
    "tags": ("tags", "genres", "genre", "class", "keywords", "labels"),
    "category": ("category", "categories", "main_category", "type"),
    "brand": ("brand", "brands", "author", "maker", "publisher"),
    "price": ("price", "cost"),
    "language": ("language", "lang"),
    "created_at": ("created_at", "created", "published_at", "date", "release_date"),
    "available": ("available", "in_stock", "is_available"),
}
EVENT_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "event_id"),
    "user": ("user", "user_id", "userid", "visitor_id", "person"),
    "item": ("item", "item_id", "movieid", "movie_id", "itemid", "asin", "product_id"),
    "type": ("type", "event", "event_type", "feedback_type", "action"),
    "time": ("time", "timestamp", "ts", "datetime", "date"),
    "value": ("value", "rating", "stars", "score"),
    "position": ("position", "rank"),
    "list_id": ("list_id", "impression_id", "request_id", "session_id"),
}
PATIENCE = 100  # rows looked at for the needed columns: objects of a jsonl file may leave some out


class Columns:
    """The fields of one file's rows: by ``mapping``, else by the names people use; ``DataError`` for no such field."""

    def __init__(
        self, file: str, mapping: Mapping[str, str], names: Mapping[str, tuple[str, ...]], needed: Sequence[str]
    ) -> None:
        unknown = next((name for name in mapping if name not in names), None)
        if unknown is not None:
            raise DataError(f"There is no field '{unknown}' to map; {known_names(unknown, names)}.")
        self._file, self._mapping, self._names, self._needed = file, mapping, names, needed
        self._by_shape: dict[tuple[str, ...], dict[str, str]] = {}
        self._looked, self._whole, self._wrong = 0, False, DataError()

    def of(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Our field's name → this row's column. ``DataError`` when none of many rows had the needed ones."""
        shape = tuple(row)
        if shape not in self._by_shape:
            self._by_shape[shape] = self._chosen(row)
        if not self._whole:
            self._look(row, self._by_shape[shape])
        return self._by_shape[shape]

    def check(self) -> None:
        """``DataError`` when there were rows and none had the needed columns."""
        if self._looked and not self._whole:
            raise self._wrong

    def _look(self, row: Mapping[str, Any], chosen: Mapping[str, str]) -> None:
        missing = [name for name in self._needed if name not in chosen]
        absent = next((column for column in self._mapping.values() if column not in row), None)
        self._whole = not missing and absent is None
        self._looked += 1
        if self._looked == 1 and not self._whole:
            self._wrong = self._error([str(one) for one in row], missing, absent)
        if self._looked == PATIENCE:
            self.check()

    def _error(self, columns: Sequence[str], missing: Sequence[str], absent: str | None) -> DataError:
        if absent is not None:
            return DataError(reason(NO_MAPPED_COLUMN, name=self._file, column=absent, known=known(absent, columns)))
        listed, needed = ", ".join(columns), ", ".join(missing)
        return DataError(reason(NO_COLUMN, name=self._file, missing=needed, first=missing[0], columns=listed))

    def _chosen(self, row: Mapping[str, Any]) -> dict[str, str]:
        by_lower = {str(name).lower(): str(name) for name in row}
        found = {name: column for name, column in self._mapping.items() if column in row}
        for name, theirs in self._names.items():
            if name not in self._mapping:
                free = (by_lower[one] for one in theirs if one in by_lower and by_lower[one] not in found.values())
                if (column := next(free, None)) is not None:
                    found[name] = column
        return found
