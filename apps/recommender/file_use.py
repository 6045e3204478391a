"""How a file was understood: its encoding, the order of its dates, which column was taken for what.

Told in English and Chinese, and only what a person could not take for granted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from apps.recommender.row_problems import (
    AND_MORE,
    ATTRIBUTES,
    COLUMN_TAKEN,
    COLUMNS_TAKEN,
    DAY_FIRST,
    IN_ENCODING,
    MONTH_FIRST,
    NOT_USED,
)
from core.dates import DateOrder
from core.reasons import Reason, joined, reason

MOST_COLUMNS = 12  # named of those that were taken for nothing


@dataclass(frozen=True, slots=True)
class FileUse:
    """What was made of a file: ``columns`` are our fields with its columns where the names differ.

    ``others`` are the columns taken for no field: attributes of items, nothing of events. ``dates`` is the order that
    the file's own dates proved, where others of it needed one.
    """

    source: str
    kind: Literal["items", "events"]
    encoding: str = ""
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    dates: DateOrder = DateOrder.UNSAID

    def told(self) -> Reason:
        """All of it as sentences; "" where nothing wants a word."""
        return joined((*self._encoding(), *self._columns(), *self._others(), *self._dates()))

    def _encoding(self) -> Iterable[Reason]:
        if self.encoding not in ("", "UTF-8"):
            yield reason(IN_ENCODING, encoding=self.encoding)

    def _columns(self) -> Iterable[Reason]:
        taken = [(column, name) for name, columns in self.columns.items() for column in columns]
        pairs = [reason(COLUMN_TAKEN, column=column, field=name) for column, name in taken]
        if pairs:
            yield reason(COLUMNS_TAKEN, columns=_listed(pairs))

    def _others(self) -> Iterable[Reason]:
        if self.others:
            names = [Reason(one, one) for one in self.others[:MOST_COLUMNS]]
            more = len(self.others) - len(names)
            listed = reason(AND_MORE, listed=_listed(names), more=more) if more else _listed(names)
            yield reason(ATTRIBUTES if self.kind == "items" else NOT_USED, columns=listed)

    def _dates(self) -> Iterable[Reason]:
        if self.dates is not DateOrder.UNSAID:
            yield reason(DAY_FIRST if self.dates is DateOrder.DAY_FIRST else MONTH_FIRST)


def _listed(parts: Iterable[Reason]) -> Reason:
    every = list(parts)
    return Reason(", ".join(every), "、".join(one.chinese for one in every))
