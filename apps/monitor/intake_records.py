"""What became of a batch of rows: counts, rows not taken, dates and reaches not used; and the steps of a replay.

Frozen records; they know no file and no door.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from apps.monitor.records import NewsItem

MOST_PROBLEMS = 100  # kept per batch, so that a broken feed of a million rows fits the report


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A row that was not taken as it is: where it stands (file and line, or number in a request), and one sentence."""

    row: str
    reason: str


class DateDoubt(StrEnum):
    """Why a date that was given is not used."""

    UNREADABLE = "unreadable"
    TWO_WAYS = "two_ways"  # 03/04/2026, and nothing tells whether day or month comes first
    AHEAD = "ahead"  # of the moment the item came in, by more than a wrong time zone explains
    OLD = "old"  # beyond ``monitor.intake.oldest_days``


_DOUBTS = {
    DateDoubt.UNREADABLE: "The date '{}' cannot be read: write it like 2026-03-01T08:30:00+08:00.",
    DateDoubt.TWO_WAYS: "The date '{}' may begin with its day or its month: say day-first or month-first (--dates in "
    "the terminal, dates of the source).",
    DateDoubt.AHEAD: "The date '{}' lies in the future and is not believed.",
    DateDoubt.OLD: "The date '{}' lies further back than monitor.intake.oldest_days and is not believed.",
}


@dataclass(frozen=True, slots=True)
class DateProblem:
    """A row that was taken without its date ``value``: it counts at the moment it came in. ``row`` as in RowProblem."""

    row: str
    value: str
    why: DateDoubt

    @property
    def reason(self) -> str:
        """One sentence that names the value."""
        return _DOUBTS[self.why].format(self.value)


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What became of a batch. ``added`` + ``duplicates`` + ``dropped`` is what came in.

    ``reposts`` (of the added: near-duplicates of a known story), ``late`` (their window was over), ``undated``,
    ``shortened``, ``garbled`` (broken encoding mended), ``zoneless`` (a date that does not say its zone, read in its
    source's, which is UTC unless the source names another) and ``without_reach`` (one that is no number) are counted
    among the added; ``counts`` has the dropped by reason (``empty``, ``malformed``). ``date_problems`` names those of
    the undated that had a date, ``reach_problems`` those whose reach is not used. ``columns`` says which columns of the
    rows were taken for each field of ours, ``unused`` which for none, ``sources`` to which sources the added belong,
    ``date_orders`` how dates such as 03/04/2026 were read, where there were any.
    """

    added: int = 0
    duplicates: int = 0
    reposts: int = 0
    late: int = 0
    undated: int = 0
    shortened: int = 0
    garbled: int = 0
    zoneless: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[RowProblem, ...] = ()
    date_problems: tuple[DateProblem, ...] = ()
    without_reach: int = 0
    reach_problems: tuple[RowProblem, ...] = ()
    transitions: int = 0
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    date_orders: tuple[str, ...] = ()

    @property
    def dropped(self) -> int:
        return sum(self.counts.values())

    def __add__(self, other: "IngestReport") -> "IngestReport":
        sums = {name: getattr(self, name) + getattr(other, name) for name in _SUMMED}
        reasons = {*self.counts, *other.counts}
        fields = {**self.columns, **other.columns}
        counts = {name: self.counts.get(name, 0) + other.counts.get(name, 0) for name in sorted(reasons)}
        return IngestReport(
            **sums,
            counts=counts,
            problems=(*self.problems, *other.problems)[:MOST_PROBLEMS],
            date_problems=(*self.date_problems, *other.date_problems)[:MOST_PROBLEMS],
            reach_problems=(*self.reach_problems, *other.reach_problems)[:MOST_PROBLEMS],
            columns={one: _once(self.columns.get(one, ()), other.columns.get(one, ())) for one in fields},
            unused=_once(self.unused, other.unused),
            sources=_once(self.sources, other.sources),
            date_orders=_once(self.date_orders, other.date_orders),
        )


_SUMMED = (
    "added", "duplicates", "reposts", "late", "undated", "shortened", "garbled", "zoneless", "without_reach",
    "transitions",
)  # fmt: skip


def _once(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))[:MOST_PROBLEMS]


@dataclass(frozen=True, slots=True)
class Preview:
    """Rows looked at and not stored: the first items as they would be taken in, and the report there would be.

    ``report.added`` is what could be taken; copies of what is stored are not looked for.
    """

    report: IngestReport
    items: tuple[NewsItem, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplayStep:
    """Where a replay stands: the stream's own time, items done, what became of them, alerts raised so far."""

    clock: datetime
    done: int
    total: int
    report: IngestReport
    firings: int
