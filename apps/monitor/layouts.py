"""How a file is laid out, as the person says who brings it: which column is which, and what its dates begin with.

What she says is checked against the file before a row of it is taken. Knows no door and no store.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from difflib import SequenceMatcher

from apps.monitor.intake_records import DateDoubt, IngestReport
from apps.monitor.row_columns import MOST_COLUMNS, NAMES, check_fields, columns_of, has_words
from apps.monitor.row_problems import ANY_COLUMN, NO_MAPPED_COLUMN, NO_TEXT_COLUMN, PAIRS, TWO_WAYS_FILE
from apps.monitor.rows import NamedRow, RowRules, Taken, take_rows
from core.dates import DateOrder
from core.errors import DataError
from core.reasons import Reason, known, reason

ALIKE = 0.6  # from which two names are alike, as where the nearest known name is told


@dataclass(frozen=True)
class Layout:
    """``columns`` maps our field names to the file's, ``dates`` tells how 03/04/2026 is to be read."""

    columns: Mapping[str, str] = field(default_factory=dict)
    dates: DateOrder = DateOrder.UNSAID

    def over(self, rules: RowRules) -> RowRules:
        """The source's rules with what is said of the file on top."""
        return replace(rules, columns={**rules.columns, **self.columns}, dates=self.dates or rules.dates)


def take_file(
    rows: Iterable[NamedRow], rules: RowRules, layout: Layout, received_at: datetime | None
) -> tuple[list[Taken], IngestReport]:
    """As ``take_rows``; ``DataError`` for columns that are not there, and where none can be taken for title or text."""
    check_fields(layout.columns)
    rows, rules = list(rows), layout.over(rules)
    names = column_names(rows)
    for ours, column in layout.columns.items():
        if names and column not in names:
            raise DataError(reason(NO_MAPPED_COLUMN, column=column, field=ours, known=known(column, names)))
    check_words(rows, rules.columns)
    return take_rows(rows, rules, received_at)


def check_words(rows: Sequence[NamedRow], columns: Mapping[str, str]) -> None:
    """``DataError`` when no row has a column that could be a title or a text: no row could be taken."""
    names = column_names(rows)
    if names and not has_words(names, columns):
        told = ", ".join(names[:MOST_COLUMNS])
        raise DataError(reason(NO_TEXT_COLUMN, columns=told, example=_example(names, columns)))


def _example(names: Sequence[str], columns: Mapping[str, str]) -> Reason:
    """The column whose name is most like a usual one of a title or text, as it would be said; else how it is said."""
    taken = columns_of(dict.fromkeys(names, True), columns).values()
    free = [name for name in names if name not in taken]
    usual = [(field, name) for field in ("title", "text") for name in NAMES[field]]
    pairs = [(_likeness(name, column), f"{field}={column}") for field, name in usual for column in free]
    likeness, said = max(pairs, default=(0.0, ""), key=lambda pair: pair[0])
    return Reason(said, said) if likeness >= ALIKE else reason(ANY_COLUMN)


def _likeness(name: str, other: str) -> float:
    return SequenceMatcher(None, name, other.lower()).ratio()


def check_dates(taken: Sequence[Taken]) -> None:
    """``DataError`` when a date may be read two ways: taken without it, the item would have to be forgotten again."""
    for one in taken:
        if one.date_problem is not None and one.date_problem.why is DateDoubt.TWO_WAYS:
            raise DataError(reason(TWO_WAYS_FILE, value=one.date_problem.value, row=one.date_problem.row))


def column_names(rows: Iterable[NamedRow]) -> list[str]:
    """Every column that a row has, in the order of the file."""
    return list({str(name): None for _, row in rows if isinstance(row, Mapping) for name in row if name})


def columns_from(text: str) -> dict[str, str]:
    """``title=headline, text=body`` as a mapping; ``DataError`` says how it is written.

    >>> columns_from("title=headline, text = body")
    {'title': 'headline', 'text': 'body'}
    """
    pairs = [pair.partition("=") for pair in text.replace("，", ",").split(",") if pair.strip()]
    for ours, equals, theirs in pairs:
        if not (equals and ours.strip() and theirs.strip()):
            raise DataError(reason(PAIRS, found=f"{ours}{equals}{theirs}".strip()))
    return {ours.strip(): theirs.strip() for ours, _, theirs in pairs}


def columns_text(columns: Mapping[str, str]) -> str:
    """The other way round."""
    return ", ".join(f"{ours}={theirs}" for ours, theirs in columns.items())
