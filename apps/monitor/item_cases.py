"""Use-cases of items: ingest, classify, feed, stories, trends, corrections, drift."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from apps.monitor import acts, learning, overview
from apps.monitor.cases import utc_now
from apps.monitor.forgetting import Forgotten, forget_some, settle
from apps.monitor.intake_records import IngestReport, Preview
from apps.monitor.layouts import Layout, check_dates, take_file
from apps.monitor.name_cases import NameCases
from apps.monitor.records import (
    Correction,
    DriftRow,
    FeedEntry,
    FeedQuery,
    HeatCell,
    Mover,
    NewsItem,
    Point,
    Reading,
    SeriesKey,
    Span,
    Story,
)
from apps.monitor.rows import NamedRow, RowRules, Taken, counted, item_from_row, take_rows
from apps.monitor.sources import rules_of
from core.errors import DataError, NotFoundError, known_names
from core.events import OnEvent, Progress, ignore

SHOWN: Mapping[Span, timedelta] = {
    Span.MINUTE: timedelta(hours=3),
    Span.HOUR: timedelta(days=3),
    Span.DAY: timedelta(days=30),
}
MOST_WINDOWS = 20_000  # in one answer
PREVIEWED = 3  # items shown before a file is taken in


class ItemCases(NameCases):
    """What is done with news itself."""

    # Items

    def ingest(self, items: Iterable[NewsItem], now: datetime | None = None, quiet: bool = False) -> IngestReport:
        """Reads, groups, counts and judges items; idempotent by id. ``quiet`` puts no messages into the outbox."""
        return self._take([Taken(item, undated=item.published_at is None) for item in items], now or utc_now(), quiet)

    def ingest_rows(
        self,
        rows: Iterable[NamedRow],
        source: str = "push",
        now: datetime | None = None,
        on_event: OnEvent = ignore,
        layout: Layout | None = None,
    ) -> IngestReport:
        """The same for raw rows (HTTP, files); a bad row is reported by its name and never loses another.

        ``layout`` is that of a file somebody brings, who can be asked: ``DataError``, and nothing stored, when its
        columns are not to be told or its dates may be read two ways.
        """
        now = now or utc_now()
        taken, problems = self._taken(rows, source, now, layout)
        if layout is not None:
            check_dates(taken)
        return self._take(taken, now, on_event=on_event) + problems

    def preview_rows(
        self,
        rows: Iterable[NamedRow],
        source: str = "push",
        now: datetime | None = None,
        layout: Layout | None = None,
    ) -> Preview:
        """What ``ingest_rows`` would make of the rows: the columns used, the first items; nothing is read or stored."""
        taken, problems = self._taken(rows, source, now or utc_now(), layout)
        return Preview(problems + counted(taken), tuple(one.item for one in taken[:PREVIEWED]))

    def _taken(
        self, rows: Iterable[NamedRow], source: str, now: datetime, layout: Layout | None
    ) -> tuple[list[Taken], IngestReport]:
        rules = self._rules_of(source)
        return take_rows(rows, rules, now) if layout is None else take_file(rows, rules, layout, now)

    def _rules_of(self, source: str) -> RowRules:
        """What a source lays down for its rows; one that nobody set up lays down nothing."""
        own = self.settings.monitor.intake
        with self._store.reading() as work:
            known = work.sources.sources().get(source)
        if known is not None:
            return rules_of(known[0], own.longest_text, own.oldest_days)
        return RowRules(source, longest_text=own.longest_text, oldest_days=own.oldest_days)

    def _take(
        self, taken: Sequence[Taken], now: datetime, quiet: bool = False, on_event: OnEvent = ignore
    ) -> IngestReport:
        report, size = IngestReport(), self.settings.monitor.intake.batch
        for at in range(0, len(taken), size):
            report += self._intake.take(taken[at : at + size], now, quiet)[0]
            on_event(Progress("items", min(at + size, len(taken)), len(taken)))
        return report

    def classify(self, texts: Sequence[str]) -> list[Reading]:
        """Readings of loose texts; nothing is stored. ``DataError`` for an empty one."""
        now = utc_now()
        rules = RowRules("classify", longest_text=self.settings.monitor.intake.longest_text)
        rows = ({"id": str(at), "text": text} for at, text in enumerate(texts))
        return self._reader.read([item_from_row(row, rules, now).item for row in rows])

    def explain(self, item_id: str, company: str | None = None) -> Sequence[Any]:
        """Which words moved the verdict (towards the company when one is named), by the reader."""
        entry, explain = self.entry(item_id), getattr(self._reader, "explain", None)
        return [] if explain is None else list(explain(entry.item, company))

    def feed(self, query: FeedQuery | None = None, limit: int = 50, offset: int = 0) -> list[FeedEntry]:
        """Newest first."""
        with self._store.reading() as work:
            return work.items.feed(query or FeedQuery(), limit, offset)

    def entry(self, item_id: str) -> FeedEntry:
        """One item; ``NotFoundError`` for an unknown id."""
        with self._store.reading() as work:
            return work.items.entry(item_id)

    def entries(self, ids: Sequence[str]) -> list[FeedEntry]:
        """The items of these ids in this order; one that is not there is left out."""
        with self._store.reading() as work:
            return work.items.entries(ids)

    def story(self, story_id: str) -> tuple[Story, list[NewsItem]]:
        """A story with its items; ``NotFoundError`` for an unknown id."""
        with self._store.reading() as work:
            return work.stories.story(story_id)

    # Trends

    def series(
        self,
        company: str = "",
        topic: str = "",
        source: str = "",
        span: Span = Span.HOUR,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[Point]:
        """All windows of a series in order, empty ones too."""
        until = until or self.clock()
        since = since or until - SHOWN[span]
        if (until - since) / span.length > MOST_WINDOWS:
            raise DataError(f"A series may have {MOST_WINDOWS} windows: choose a longer span or a shorter time.")
        with self._store.reading() as work:
            return overview.series(work.counts, SeriesKey(company, topic, source), span, since, until)

    def heat(self, since: datetime, until: datetime) -> list[HeatCell]:
        """Companies × topics over a period, most stories first; topic "" is the company as a whole."""
        cells = overview.heat(self._sums(since, until))
        with self._store.reading() as work:
            unproven = self.unproven(work, {one.company for one in cells})
        return [one for one in cells if one.company not in unproven]

    def movers(self, hours: float = 24, limit: int = 10) -> list[Mover]:
        """What changed its mood most in the last hours against the same time before."""
        now, length = self.clock(), timedelta(hours=hours)
        return overview.movers(self._sums(now - length, now), self._sums(now - 2 * length, now - length), limit)

    def _sums(self, since: datetime, until: datetime) -> list[tuple[SeriesKey, Point]]:
        kept = timedelta(days=self.settings.monitor.trends.hour_days)
        span = Span.HOUR if until - since <= kept / 2 else Span.DAY
        with self._store.reading() as work:
            return work.counts.sums(span, span.floor(since), until)

    def companies(self) -> list[str]:
        """Companies found in items, the most frequent first; a common word that one story takes for a name is none."""
        with self._store.reading() as work:
            found = work.items.tag_values("company")
            unproven = self.unproven(work, found)
        return [one for one in found if one not in unproven]

    # Forgetting

    def forgettable(self, source: str, since: datetime | None = None) -> Forgotten:
        """What ``forget`` would take out; ``NotFoundError`` for a source of which nothing is stored."""
        with self._store.reading() as work:
            found = Forgotten(*work.removal.count(source, since))
            if not found.items:
                raise NotFoundError(_nothing_of(source, since, work.removal.names()))
        return found

    def forget(self, source: str, since: datetime | None = None, on_event: OnEvent = ignore) -> Forgotten:
        """Takes a source's items out again, those received ``since`` then, with what people said of them.

        Counts are as if they had never come; alerts and their history stay. ``NotFoundError`` as above.
        """
        total, gone = self.forgettable(source, since).items, Forgotten()
        while True:
            with self._store.writing() as work:
                work.sources.take_turn()
                found = forget_some(work, source, since)
                if not found.items:
                    settle(work, source)
                    return gone
            gone += found
            on_event(Progress("items", gone.items, total))

    # Learning

    def correct(
        self,
        item_id: str,
        by: str,
        sentiment: str | None = None,
        topics: Sequence[str] | None = None,
        companies: Mapping[str, str] | None = None,
    ) -> Correction:
        """Keeps what somebody says an item really is; feed and counts follow, the next training run learns from it."""
        parts = (sentiment, None if topics is None else tuple(topics), companies)
        made = Correction(item_id, by, utc_now(), *parts)
        with self._store.writing() as work:
            work.sources.take_turn()
            entry = work.items.entry(item_id)
            reading = learning.mended(entry.item, entry.reading, made)
            work.items.correct(made, reading)
            work.counts.add(acts.recount(work, entry, reading))
        return made

    def corrections(self) -> list[tuple[NewsItem, Reading, Correction]]:
        """The newest of each item, with the item and what the model had said: the next run's examples."""
        with self._store.reading() as work:
            return work.items.corrections()

    def uncertain(self, limit: int = 20, language: str = "") -> list[FeedEntry]:
        """Items the reader was least sure of, the least sure first; one of each story, and none of one corrected.

        ``language`` leaves only those that whoever reviews them can read.
        """
        return self.feed(FeedQuery(language=language, uncertain=True), limit)

    def drift(self, days: float = 7) -> list[DriftRow]:
        """The last days beside the four times as long before them, the most changed first."""
        now, length = self.clock(), timedelta(days=days)
        with self._store.reading() as work:
            then = work.items.shares(now - 5 * length, now - length)
            return learning.drift(then, work.items.shares(now - length, now + Span.DAY.length))


def _nothing_of(source: str, since: datetime | None, names: Collection[str]) -> str:
    if since is not None and source in names:
        return f"There is no item of source '{source}' received since {since.isoformat()}: choose an earlier moment."
    return f"There is no item of a source '{source}'; {known_names(source, names)}."
