"""What the service hands to its doors beside the nouns: answers with who gave them, reports of what was taken in."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.recommender.file_use import FileUse
from apps.recommender.quality import Day, Exposure, FreshItem
from apps.recommender.records import Event, Item, Recommendation, Scored
from apps.recommender.store import PutReport


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A row that wants a word: where it stands (line 1 is the first line of a file, row 1 of a call) and why."""

    source: str
    line: int  # 0: the whole file
    reason: str


@dataclass(frozen=True, slots=True)
class EventReport:
    """What became of events: kept now, kept before under the same id, not taken."""

    added: int = 0
    known: int = 0
    problems: tuple[RowProblem, ...] = ()

    def __add__(self, other: "EventReport") -> "EventReport":
        return EventReport(self.added + other.added, self.known + other.known, self.problems + other.problems)


@dataclass(frozen=True, slots=True)
class ItemReport:
    """What became of items: ``problems`` are rows not taken.

    ``noted`` are rows that were taken, but without their price or date, or that gave way to a later row of their id.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    problems: tuple[RowProblem, ...] = ()
    noted: tuple[RowProblem, ...] = ()

    def __add__(self, other: "ItemReport | PutReport") -> "ItemReport":
        problems, noted = (other.problems, other.noted) if isinstance(other, ItemReport) else ((), ())
        return ItemReport(
            self.added + other.added,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.problems + problems,
            self.noted + noted,
        )


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What became of files; ``failed`` names those of which nothing could be read, the reason is a problem.

    ``zoneless`` counts times without a zone, which were read as UTC; ``uses`` says of each file how it was understood.
    """

    items: ItemReport = ItemReport()
    events: EventReport = EventReport()
    failed: tuple[str, ...] = ()
    zoneless: int = 0
    uses: tuple[FileUse, ...] = ()

    def __add__(self, other: "IngestReport") -> "IngestReport":
        return IngestReport(
            self.items + other.items,
            self.events + other.events,
            self.failed + other.failed,
            self.zoneless + other.zoneless,
            self.uses + other.uses,
        )

    @property
    def problems(self) -> tuple[RowProblem, ...]:
        """Everything that was not taken, by file and line."""
        return tuple(sorted(self.items.problems + self.events.problems, key=lambda one: (one.source, one.line)))

    @property
    def noted(self) -> tuple[RowProblem, ...]:
        """Rows that were taken and want a word, by file and line."""
        return tuple(sorted(self.items.noted, key=lambda one: (one.source, one.line)))

    @property
    def bad_rows(self) -> int:
        """How many rows were not taken; a whole file is none of them."""
        return sum(one.line > 0 for one in self.problems)

    @property
    def in_vain(self) -> bool:
        """Whether a file could not be read, or no row of all was taken."""
        items, events = self.items, self.events
        taken = items.added + items.updated + items.unchanged + events.added + events.known
        return bool(self.failed or (self.problems and not taken))


@dataclass(frozen=True, slots=True)
class ListAnswer:
    """A list with the id that later clicks name, and who made it.

    ``route`` is warm or cold when the model did (a person it knows, or not), else behaviour, popular or latest.
    """

    list_id: str
    list: Recommendation
    route: str
    model: str
    arms: Mapping[str, str] = field(default_factory=dict)
    took_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class ScoreAnswer:
    """Candidates scored, in their own order; from a fall-back they carry no probability."""

    items: tuple[Scored, ...]
    route: str
    model: str
    took_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class ItemView:
    """An item with its events by kind."""

    item: Item
    events: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PersonView:
    """A person's latest events, newest first, and the variant of each running experiment."""

    id: str
    events: tuple[Event, ...]
    arms: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Quality:
    """Figures over a span of days."""

    days: tuple[Day, ...]
    exposure: Exposure
    fresh: tuple[FreshItem, ...]
    lists: int
    people: int
    click_rate: float
    ndcg: float | None
