"""From items to counts and alerts in one transaction: copies found, the rest read, stories told, rules asked.

Knows no source and no door. Nothing is read by a model inside the transaction; everything is stored or nothing is.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol
from uuid import uuid4

from apps.monitor.alert_desk import AlertDesk
from apps.monitor.alert_records import Transition
from apps.monitor.intake_records import IngestReport
from apps.monitor.records import NewsItem, Reading, SeriesKey, StoredItem, Story
from apps.monitor.rows import Taken, counted
from apps.monitor.source_records import Source, SourceKind, SourceState, heard
from apps.monitor.store import Store, Work
from apps.monitor.store_stories import Tale
from apps.monitor.stories import StoryIndex, StoryMark, headline, signature, story_title
from apps.monitor.trends import Deltas, add_voice, company_moods, voice
from core.text import content_hash

MOST_SOURCES = 2000  # set up by themselves from items' source names; a stream of authors is not a list of sources
MARKS = ("reposts", "late", "undated", "shortened", "garbled", "zoneless")  # of an item, added up with its source
LOOKED_BACK = timedelta(days=30)  # an exact copy after this is news again


class Reads(Protocol):
    """What ingestion asks of a reader."""

    @property
    def model(self) -> str: ...

    def read(self, items: Sequence[NewsItem]) -> list[Reading]:
        """One reading per item, in order."""
        ...


@dataclass(frozen=True)
class StoryRules:
    """When two items are one story."""

    similarity: float = 0.55
    days: int = 3
    most: int = 200_000


@dataclass
class _Batch:
    """What one transaction will write."""

    deltas: Deltas = field(default_factory=dict)
    touched: dict[SeriesKey, list[datetime]] = field(default_factory=dict)
    items: list[tuple[StoredItem, str]] = field(default_factory=list)
    tales: dict[str, Tale] = field(default_factory=dict)
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    heard_at: dict[str, list[datetime]] = field(default_factory=dict)
    report: IngestReport = field(default_factory=IngestReport)

    def count(self, source: str, what: str) -> None:
        self.counts.setdefault(source, Counter())[what] += 1


class Intake:
    """Takes items in. Safe for several threads; several processes take turns through the database."""

    def __init__(
        self, store: Store, reader: Reads, desk: AlertDesk, stories: StoryRules, late_after: timedelta
    ) -> None:
        self._store, self._reader, self._desk, self._rules = store, reader, desk, stories
        self._late_after = late_after
        self._lock = threading.Lock()
        self._index, self._newest = self._empty_index(), 0

    def take(
        self,
        taken: Sequence[Taken],
        now: datetime,
        quiet: bool = False,
        readings: Mapping[str, Reading] | None = None,
        look: bool = True,
    ) -> tuple[IngestReport, list[Transition]]:
        """Stores a batch, counts it and lets the rules look; idempotent by the items' ids.

        ``readings`` by item id spare reading again; ``quiet`` puts nothing into the outbox, without ``look`` no rule is
        asked.
        """
        known = self._readings([one.item for one in taken], readings or {})
        with self._lock:
            try:
                with self._store.writing() as work:
                    work.sources.take_turn()
                    return self._store_batch(work, taken, known, now, quiet, look)
            except BaseException:
                self._index, self._newest = self._empty_index(), 0  # it may hold what was rolled back
                self._desk.forget_past()
                raise

    def _readings(self, items: Sequence[NewsItem], given: Mapping[str, Reading]) -> dict[str, Reading]:
        """Readings by content hash: exact copies' taken over, the rest from the reader, outside any transaction."""
        if not items:
            return {}
        since = min(item.received_at for item in items) - LOOKED_BACK
        hashes = {content_hash(item.full_text): item for item in reversed(items)}
        with self._store.reading() as work:
            found = {one: reading for one, (_, reading) in work.items.copies(list(hashes), since).items()}
            stored = work.items.contents(_ids(items))
        found |= {one: given[item.id] for one, item in hashes.items() if one not in found and item.id in given}
        fresh = {one: item for one, item in hashes.items() if one not in found and _apart(item, one, stored)}
        return found | dict(zip(fresh, self._reader.read(list(fresh.values())) if fresh else [], strict=True))

    def _store_batch(
        self,
        work: Work,
        taken: Sequence[Taken],
        known: Mapping[str, Reading],
        now: datetime,
        quiet: bool,
        look: bool,
    ) -> tuple[IngestReport, list[Transition]]:
        batch = _Batch()
        self._catch_up(work, now)
        stored = work.items.contents(_ids([one.item for one in taken]))
        copies = work.items.copies(sorted({content_hash(one.item.full_text) for one in taken}), now - LOOKED_BACK)
        told = {one: story for one, (story, _) in copies.items()}
        for one in taken:
            content = content_hash(one.item.full_text)
            item = _apart(one.item, content, stored)
            if item is None or content not in known:
                batch.report += IngestReport(duplicates=1)
                batch.count(one.item.source, "duplicates")
                continue
            stored[item.id] = (item.source, content)
            reading = replace(known[content], item_id=item.id)
            told[content] = self._tell(work, batch, replace(one, item=item), reading, content, told.get(content))
        work.items.add_items(batch.items)
        self._newest = max(self._newest, work.stories.put(batch.tales.values()))
        work.counts.add(batch.deltas)
        _hear(work, batch)
        lines = self._desk.look_at(work, batch.touched, now, quiet) if look else []
        return batch.report + IngestReport(transitions=len(lines)), lines

    def _tell(self, work: Work, batch: _Batch, taken: Taken, reading: Reading, content: str, told: str | None) -> str:
        """Puts one item into its story, a known one or its own, and counts it there; the story's id."""
        item, companies = taken.item, set(company_moods(reading))
        mark = signature(item.full_text)
        head = headline(item.full_text)
        tale = self._known(work, batch, told or (self._index.find(mark, companies, head) if mark else None))
        is_repost = tale is not None
        if tale is None:
            tale = Tale(_first(item), set(), set(), mark, is_new=True)
            if mark:
                self._index.add(StoryMark(tale.story.id, item.received_at, frozenset(companies), mark, head))
        else:
            tale.story = _more(tale.story, item)
        batch.tales[tale.story.id] = tale
        spoken = voice(item, reading)
        tale.counted |= add_voice(batch.deltas, spoken, tale.counted)
        tale.companies |= companies
        batch.items.append((StoredItem(item, reading, tale.story.id), content))
        self._note(batch, taken, is_repost, spoken.moods)
        return tale.story.id

    def _known(self, work: Work, batch: _Batch, story_id: str | None) -> Tale | None:
        if story_id is None:
            return None
        return batch.tales.get(story_id) or work.stories.tale(story_id)

    def _note(self, batch: _Batch, taken: Taken, is_repost: bool, keys: Iterable[SeriesKey]) -> None:
        item = taken.item
        late = item.received_at - item.moment > self._late_after
        found = replace(counted([taken]), reposts=int(is_repost), late=int(late))
        batch.report += found
        for name in (name for name in MARKS if getattr(found, name)):
            batch.count(item.source, name)
        batch.heard_at.setdefault(item.source, []).append(item.received_at)
        for key in keys:
            batch.touched.setdefault(key, []).append(item.moment)
            self._desk.past.forget(key, item.moment)

    def _catch_up(self, work: Work, now: datetime) -> None:
        """Stories that other processes have told meanwhile, or all of the last days after a start."""
        newest, marks = work.stories.marks(self._newest, now - timedelta(days=self._rules.days))
        self._index.extend(marks)
        self._newest = max(self._newest, newest)

    def _empty_index(self) -> StoryIndex:
        return StoryIndex(self._rules.similarity, self._rules.days, self._rules.most)


def _apart(item: NewsItem, content: str, stored: Mapping[str, tuple[str, str]]) -> NewsItem | None:
    """The item if it is new; under a longer id when another source uses the same id for another text."""
    if item.id not in stored:
        return item
    source, known = stored[item.id]
    if known == content or source == item.source:
        return None
    other = _other_id(item, content)
    return None if other in stored else replace(item, id=other)


def _other_id(item: NewsItem, content: str) -> str:
    return f"{item.id}~{content[:12]}"


def _ids(items: Sequence[NewsItem]) -> list[str]:
    """The ids under which these items may be stored."""
    return [name for item in items for name in (item.id, _other_id(item, content_hash(item.full_text)))]


def _first(item: NewsItem) -> Story:
    return Story(uuid4().hex, story_title(item), item.received_at, item.received_at, 1, item.reach, (item.source,))


def _more(story: Story, item: NewsItem) -> Story:
    sources = tuple(dict.fromkeys((*story.sources, item.source)))[:50]
    seen = max(story.last_seen, item.received_at)
    return replace(story, last_seen=seen, items=story.items + 1, reach=story.reach + item.reach, sources=sources)


def _hear(work: Work, batch: _Batch) -> None:
    """Every source of the batch: when it was heard, what became of its items; unknown ones are set up as pushed."""
    known = work.sources.sources()
    for name in sorted({*batch.heard_at, *batch.counts}):
        source, state = known.get(name, (Source(name, SourceKind.PUSH), SourceState()))
        if name not in known and len(known) >= MOST_SOURCES:
            continue
        for at in sorted(batch.heard_at.get(name, ())):
            state = heard(state, at)
        counts = Counter(dict(state.counts)) + batch.counts.get(name, Counter())
        state = replace(state, counts=dict(counts))
        work.sources.put(source, state)
        known[name] = (source, state)
