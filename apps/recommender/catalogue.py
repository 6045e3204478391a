"""Items as columns: what ranking and filters read of all items at once, beside the records themselves.

Knows no person, no event and no score. Rows are those of ``Numbers``; a dropped item's row stays and is not alive.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from apps.recommender.identifiers import Numbers, Rows
from apps.recommender.records import Item, epoch

Column = npt.NDArray[np.float32]


class Catalogue:
    """Growing columns, one row per item; codes stand for the texts of category, brand and language."""

    def __init__(self, numeric_columns: Sequence[str] = ()) -> None:
        self.numeric_columns = tuple(numeric_columns)
        self.numbers = Numbers()
        self.items: list[Item | None] = []
        self.categories, self.brands, self.languages = Numbers([""]), Numbers([""]), Numbers([""])
        self._room = 0
        self._columns: dict[str, npt.NDArray[np.generic]] = {}
        self._grow(64)

    def __len__(self) -> int:
        """Rows, dropped ones included."""
        return len(self.items)

    @property
    def count(self) -> int:
        """Items there are."""
        return self.numbers.count

    def upsert(self, items: Iterable[Item]) -> Rows:
        """Add items or replace those of the same id; their rows in the given order."""
        return np.array([self._put(one) for one in items], np.int64)

    def drop(self, item: str) -> int | None:
        """Forget an item; its row, None when it was unknown."""
        row = self.numbers.drop(item)
        if row is not None:
            self.items[row] = None
            self._columns["alive"][row] = False
        return row

    def shrink(self, rows: int) -> None:
        """Forget all rows from ``rows`` on."""
        self.numbers.shrink(rows)
        del self.items[rows:]

    def item(self, row: int) -> Item:
        """The record of a living row."""
        found = self.items[row]
        assert found is not None, f"item row {row} was dropped"
        return found

    @property
    def alive(self) -> npt.NDArray[np.bool_]:
        """(rows,) whether the item is still there."""
        return self._column("alive", np.bool_)

    @property
    def available(self) -> npt.NDArray[np.bool_]:
        """(rows,) whether it can be had."""
        return self._column("available", np.bool_)

    @property
    def price(self) -> Column:
        """(rows,) NaN where unknown."""
        return self._column("price", np.float32)

    @property
    def created(self) -> npt.NDArray[np.float64]:
        """(rows,) seconds since 1970, NaN where unknown."""
        return self._column("created", np.float64)

    @property
    def category(self) -> npt.NDArray[np.int32]:
        """(rows,) code of ``categories``; 0 is none."""
        return self._column("category", np.int32)

    @property
    def brand(self) -> npt.NDArray[np.int32]:
        """(rows,) code of ``brands``; 0 is none."""
        return self._column("brand", np.int32)

    @property
    def language(self) -> npt.NDArray[np.int32]:
        """(rows,) code of ``languages``; 0 is unknown."""
        return self._column("language", np.int32)

    @property
    def numeric(self) -> Column:
        """(rows, numeric_columns) the team's own numbers, NaN where missing."""
        return self._column("numeric", np.float32)

    def _column(self, name: str, _: type) -> npt.NDArray:
        return self._columns[name][: len(self.items)]

    def _put(self, item: Item) -> int:
        row = self.numbers.add(item.id)
        if row == len(self.items):
            if row == self._room:
                self._grow(2 * self._room)
            self.items.append(item)
        self.items[row] = item
        columns = self._columns
        columns["alive"][row] = True
        columns["available"][row] = item.available
        columns["price"][row] = np.nan if item.price is None else item.price
        columns["created"][row] = np.nan if item.created_at is None else epoch(item.created_at)
        columns["category"][row] = self.categories.add(item.category)
        columns["brand"][row] = self.brands.add(item.brand)
        columns["language"][row] = self.languages.add(item.language)
        values = [item.attributes.get(name) for name in self.numeric_columns]
        columns["numeric"][row] = [float(one) if isinstance(one, int | float) else np.nan for one in values]
        return row

    def _grow(self, room: int) -> None:
        kinds: dict[str, npt.DTypeLike] = {
            "alive": bool, "available": bool, "price": np.float32, "created": np.float64,
            "category": np.int32, "brand": np.int32, "language": np.int32,
        }  # fmt: skip
        shapes: dict[str, tuple[int, ...]] = dict.fromkeys(kinds, (room,)) | {
            "numeric": (room, len(self.numeric_columns))
        }
        for name, shape in shapes.items():
            fresh = np.zeros(shape, kinds.get(name, np.float32))
            old = self._columns.get(name)
            if old is not None:
                fresh[: len(old)] = old
            self._columns[name] = fresh
        self._room = room
