"""Outside ids (texts) to row numbers and back: the one place where the two meet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import cast

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]


class Numbers:
    """Ids numbered in the order they came; a dropped id leaves a hole that is never given to another."""

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._ids: list[str | None] = list(dict.fromkeys(ids))
        self._rows: dict[str, int] = {one: row for row, one in enumerate(self._ids) if one is not None}

    def __len__(self) -> int:
        """Rows given so far, holes included: the length of every array beside this one."""
        return len(self._ids)

    def __contains__(self, one: object) -> bool:
        return one in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    @property
    def count(self) -> int:
        """Ids there are now."""
        return len(self._rows)

    def row(self, one: str) -> int | None:
        """The row of an id, None for an unknown one."""
        return self._rows.get(one)

    def rows(self, ids: Sequence[str]) -> Rows:
        """(n,) rows, -1 for unknown ids."""
        return np.fromiter(map(self._rows.get, ids, repeat(-1)), np.int64, len(ids))

    def add(self, one: str) -> int:
        """The row of an id, a new one when it is new."""
        row = self._rows.get(one)
        if row is None:
            row = self._rows[one] = len(self._ids)
            self._ids.append(one)
        return row

    def add_all(self, ids: Sequence[str]) -> Rows:
        """(n,) rows; new ids are numbered in their order."""
        add = self.add
        return np.fromiter((add(one) for one in ids), np.int64, len(ids))

    def id(self, row: int) -> str:
        """The id of a row that is not a hole."""
        found = self._ids[row]
        assert found is not None, f"row {row} was dropped"
        return found

    def ids(self, rows: Iterable[int]) -> list[str]:
        """The ids of rows that are no holes."""
        return [cast(str, self._ids[row]) for row in rows]

    def drop(self, one: str) -> int | None:
        """Forget an id; its row, None when it was unknown."""
        row = self._rows.pop(one, None)
        if row is not None:
            self._ids[row] = None
        return row

    def shrink(self, rows: int) -> None:
        """Take back the rows from ``rows`` on, as if they had never been given."""
        for one in self._ids[rows:]:
            if one is not None:
                del self._rows[one]
        del self._ids[rows:]

    def alive(self) -> npt.NDArray[np.bool_]:
        """(rows,) whether each row still has its id."""
        return np.fromiter((one is not None for one in self._ids), np.bool_, len(self._ids))
