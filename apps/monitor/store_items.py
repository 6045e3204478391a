"""Items, readings and corrections in the database: what ingestion writes and what feeds ask for."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, case, delete, distinct, exists, func, insert, or_, select
from sqlalchemy.orm import Session, aliased

from apps.monitor.codec import from_json, to_json
from apps.monitor.records import Correction, FeedEntry, FeedQuery, NewsItem, Reading, SeriesKey, StoredItem
from apps.monitor.store_tables import CorrectionRow, ItemRow, StoryRow, TagRow
from apps.monitor.trends import company_moods, topics_of
from core.errors import NotFoundError

LOOKUP = 500  # ids in one statement


class ItemRows:
    """Items over one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def contents(self, ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Of the ids that are stored: source and content hash."""
        found: dict[str, tuple[str, str]] = {}
        for at in range(0, len(ids), LOOKUP):
            columns = select(ItemRow.id, ItemRow.source, ItemRow.content_hash)
            query = columns.where(ItemRow.id.in_(ids[at : at + LOOKUP]))
            found |= {row[0]: (row[1], row[2]) for row in self._session.execute(query)}
        return found

    def copies(self, hashes: Sequence[str], since: datetime) -> dict[str, tuple[str, Reading]]:
        """Of the content hashes seen since then: the story and the reading (as the model gave it)."""
        found: dict[str, tuple[str, Reading]] = {}
        for at in range(0, len(hashes), LOOKUP):
            columns = select(ItemRow.content_hash, ItemRow.story_id, ItemRow.reading)
            wanted = (ItemRow.content_hash.in_(hashes[at : at + LOOKUP]), ItemRow.received_at >= since)
            for content, story, reading in self._session.execute(columns.where(*wanted).order_by(ItemRow.number)):
                found.setdefault(content, (story, from_json(Reading, reading)))
        return found

    def add_items(self, found: Sequence[tuple[StoredItem, str]]) -> None:
        """Items with their readings, tags and content hashes, in few statements."""
        rows = [
            _columns(one.item) | _read(one.reading)
            | {"moment": one.item.moment, "content_hash": content, "story_id": one.story_id, "mended": None}
            | {"language": one.item.language or one.reading.language}
            for one, content in found
        ]  # fmt: skip
        numbers: dict[str, int] = {}
        for at in range(0, len(rows), LOOKUP):
            made = insert(ItemRow).returning(ItemRow.id, ItemRow.number)
            numbers |= {row[0]: row[1] for row in self._session.execute(made, rows[at : at + LOOKUP])}
        tags = [tag for one, _ in found for tag in _tags(numbers[one.item.id], one.reading)]
        if tags:
            self._session.execute(insert(TagRow), tags)

    def feed(self, query: FeedQuery, limit: int, offset: int) -> list[FeedEntry]:
        """Newest first, or the least confident first: then one item of each story, and none of one corrected."""
        chosen = _filtered(query, select(ItemRow, StoryRow)).outerjoin(StoryRow, StoryRow.id == ItemRow.story_id)
        if query.uncertain:
            chosen = chosen.where(ItemRow.mended.is_(None), ~_told_by_another(query))
            chosen = chosen.order_by(ItemRow.confidence, ItemRow.number.desc())
        else:
            chosen = chosen.order_by(ItemRow.moment.desc(), ItemRow.number.desc())
        return [_entry(*row) for row in self._session.execute(chosen.limit(limit).offset(offset))]

    def entry(self, item_id: str) -> FeedEntry:
        """``NotFoundError`` for an unknown id."""
        found = self.entries([item_id])
        if not found:
            raise NotFoundError(f"There is no item '{item_id}'.")
        return found[0]

    def entries(self, ids: Sequence[str]) -> list[FeedEntry]:
        """Those of the ids that exist, in their order."""
        query = select(ItemRow, StoryRow).outerjoin(StoryRow, StoryRow.id == ItemRow.story_id)
        rows = self._session.execute(query.where(ItemRow.id.in_(ids)))
        found = {row.id: _entry(row, story) for row, story in rows}
        return [found[one] for one in ids if one in found]

    def story_ids(
        self, key: SeriesKey, since: datetime, until: datetime, most: int, reposts: bool = False
    ) -> list[str]:
        """The stories of a series in a stretch of time: negative ones first, then the most told, then the newest.

        A story belongs where the series counts it, at its first item there; with ``reposts`` wherever it is told.
        """
        query = FeedQuery(key.company, key.topic, key.source, since=since, until=until)
        found = _filtered(query, select(ItemRow.story_id))
        if not reposts:
            found = found.where(~_told_before(key))
        worst, newest = func.max(_is_negative()), func.max(ItemRow.moment)
        ranked = found.group_by(ItemRow.story_id).order_by(worst.desc(), StoryRow.items.desc(), newest.desc())
        ranked = ranked.join(StoryRow, StoryRow.id == ItemRow.story_id)
        return list(self._session.scalars(ranked.order_by(ItemRow.story_id).limit(most)))

    def told(self, key: SeriesKey, since: datetime, until: datetime, story_ids: Sequence[str]) -> list[FeedEntry]:
        """Of each story the first item of the series in a stretch of time, in the order given."""
        query = FeedQuery(key.company, key.topic, key.source, since=since, until=until)
        first = _filtered(query, select(func.min(ItemRow.number))).where(ItemRow.story_id.in_(story_ids))
        return self._of_stories(first.group_by(ItemRow.story_id), story_ids)

    def leads(self, story_ids: Sequence[str]) -> list[FeedEntry]:
        """The first item of each story, in the order given."""
        if not story_ids:
            return []
        first = select(func.min(ItemRow.number)).where(ItemRow.story_id.in_(story_ids)).group_by(ItemRow.story_id)
        return self._of_stories(first, story_ids)

    def _of_stories(self, numbers: Any, story_ids: Sequence[str]) -> list[FeedEntry]:
        query = select(ItemRow, StoryRow).outerjoin(StoryRow, StoryRow.id == ItemRow.story_id)
        rows = self._session.execute(query.where(ItemRow.number.in_(numbers)))
        found = {row[0].story_id: _entry(*row) for row in rows}
        return [found[one] for one in story_ids if one in found]

    def delays(self, most: int = 2000) -> dict[str, float]:
        """Mean seconds from publication to receipt of each source's latest items."""
        columns = select(ItemRow.source, ItemRow.published_at, ItemRow.received_at)
        query = columns.where(ItemRow.published_at.is_not(None)).order_by(ItemRow.number.desc()).limit(most)
        found: dict[str, list[float]] = {}
        for source, published, received in self._session.execute(query):
            gap = received - published if published is not None else None
            found.setdefault(source, []).append(gap.total_seconds() if gap is not None else 0.0)
        return {source: sum(each) / len(each) for source, each in found.items()}

    def count_between(self, since: datetime, until: datetime) -> int:
        """Items received in [since, until)."""
        received = (ItemRow.received_at >= since, ItemRow.received_at < until)
        return int(self._session.scalar(select(func.count()).select_from(ItemRow).where(*received)) or 0)

    def history(self, since: datetime, until: datetime) -> Iterable[StoredItem]:
        """All items received in [since, until), in order of receipt, as the reader read them."""
        received = (ItemRow.received_at >= since, ItemRow.received_at < until)
        query = select(ItemRow).where(*received).order_by(ItemRow.received_at, ItemRow.number)
        for row in self._session.scalars(query.execution_options(yield_per=500)):
            yield StoredItem(item_of(row), from_json(Reading, row.reading), row.story_id)

    def latest(self) -> tuple[datetime | None, datetime | None]:
        """The newest moment and receipt of all items."""
        newest = self._session.execute(select(func.max(ItemRow.moment), func.max(ItemRow.received_at))).one()
        return newest[0], newest[1]

    def count(self) -> int:
        return int(self._session.scalar(select(func.count()).select_from(ItemRow)) or 0)

    def correct(self, correction: Correction, mended: Reading) -> None:
        """Keeps a correction, and the item's reading as it now is."""
        content = to_json(correction)
        self._session.add(CorrectionRow(item_id=correction.item_id, at=correction.at, content=content))
        found = select(ItemRow).where(ItemRow.id == correction.item_id)
        row = self._session.scalars(found).one()
        row.mended, row.label, row.confidence = (
            to_json(mended),
            mended.sentiment.label.value,
            mended.sentiment.confidence,
        )
        self._session.execute(delete(TagRow).where(TagRow.item == row.number))
        self._session.add_all(TagRow(**tag) for tag in _tags(row.number, mended))

    def corrections(self) -> list[tuple[NewsItem, Reading, Correction]]:
        """The newest of each item, oldest first."""
        newest = select(func.max(CorrectionRow.number)).group_by(CorrectionRow.item_id)
        joined = select(ItemRow, CorrectionRow).join(CorrectionRow, CorrectionRow.item_id == ItemRow.id)
        query = joined.where(CorrectionRow.number.in_(newest)).order_by(CorrectionRow.number)
        return [
            (item_of(item), from_json(Reading, item.reading), from_json(Correction, row.content))
            for item, row in self._session.execute(query)
        ]

    def drop_before(self, oldest: datetime) -> int:
        """Forgets texts received before ``oldest``, except corrected ones, which are examples; how many."""
        old = (ItemRow.received_at < oldest, ItemRow.mended.is_(None))
        count = int(getattr(self._session.execute(delete(ItemRow).where(*old)), "rowcount", 0))
        told = exists().where(ItemRow.story_id == StoryRow.id)
        self._session.execute(delete(StoryRow).where(StoryRow.last_seen < oldest, ~told))
        return count

    def tag_values(self, kind: str, limit: int = 1000) -> list[str]:
        """Companies or topics found in items, the most frequent first."""
        query = select(TagRow.value).where(TagRow.kind == kind).group_by(TagRow.value)
        return list(self._session.scalars(query.order_by(func.count().desc(), TagRow.value).limit(limit)))

    def story_counts(self, kind: str, values: Sequence[str]) -> dict[str, int]:
        """How many stories name each of some companies or topics."""
        stories: Any = func.count(distinct(ItemRow.story_id))
        named = select(TagRow.value, stories).join(ItemRow, ItemRow.number == TagRow.item).where(TagRow.kind == kind)
        found: dict[str, int] = {}
        for at in range(0, len(values), LOOKUP):
            query = named.where(TagRow.value.in_(values[at : at + LOOKUP])).group_by(TagRow.value)
            found |= {row[0]: int(row[1]) for row in self._session.execute(query)}
        return found

    def shares(self, since: datetime, until: datetime, most: int = 5000) -> list[tuple[str, str, float, bool, int]]:
        """Language, label, confidence, abstention and length of items received in a stretch of time, for drift."""
        columns = (ItemRow.language, ItemRow.label, ItemRow.confidence, ItemRow.abstained)
        size = func.length(ItemRow.title) + func.length(ItemRow.text)
        query = select(*columns, size).where(ItemRow.received_at >= since, ItemRow.received_at < until)
        return [tuple(row) for row in self._session.execute(query.order_by(ItemRow.number.desc()).limit(most))]


def _told_by_another(query: FeedQuery) -> Any:
    """Whether another item of the story stands for it: one that was corrected, or that the reader was less sure of."""
    other = aliased(ItemRow)
    less_sure = or_(
        other.confidence < ItemRow.confidence,
        and_(other.confidence == ItemRow.confidence, other.number > ItemRow.number),
    )
    others = _filtered(query, select(other.number), other).where(other.story_id == ItemRow.story_id)
    return others.where(or_(other.mended.is_not(None), less_sure)).exists()


def _told_before(key: SeriesKey) -> Any:
    """Whether the series counts the story by an earlier item."""
    other = aliased(ItemRow)
    before = _filtered(FeedQuery(key.company, key.topic, key.source), select(other.number), other)
    return before.where(other.story_id == ItemRow.story_id, other.number < ItemRow.number).exists()


def _filtered(query: FeedQuery, chosen: Any, row: Any = ItemRow) -> Any:
    pairs = ((row.source, query.source), (row.label, query.label), (row.language, query.language))
    for column, wanted in pairs:
        if wanted:
            chosen = chosen.where(column == wanted)
    for kind, value in (("company", query.company), ("topic", query.topic)):
        if value:
            named = exists().where(TagRow.item == row.number, TagRow.kind == kind, TagRow.value == value)
            chosen = chosen.where(named)
    if query.search.strip():
        columns = (row.title, row.text)
        chosen = chosen.where(or_(*(one.icontains(query.search.strip(), autoescape=True) for one in columns)))
    if query.since is not None:
        chosen = chosen.where(row.moment >= query.since)
    if query.until is not None:
        chosen = chosen.where(row.moment < query.until)
    return chosen


def _is_negative() -> Any:
    return case((ItemRow.label == "negative", 1), else_=0)


def _columns(item: NewsItem) -> dict[str, Any]:
    names = ("id", "source", "title", "text", "url", "author", "language", "reach", "published_at", "received_at")
    return {name: getattr(item, name) for name in names} | {"tickers": list(item.tickers)}


def _read(reading: Reading) -> dict[str, Any]:
    mood = reading.sentiment
    known = {"label": mood.label.value, "confidence": mood.confidence, "abstained": reading.abstained}
    return known | {"reading": to_json(reading)}


def item_of(row: ItemRow) -> NewsItem:
    """The item of a row."""
    names = ("id", "source", "title", "text", "url", "published_at", "received_at", "language", "author", "reach")
    return NewsItem(**{name: getattr(row, name) for name in names}, tickers=tuple(row.tickers))


def _tags(number: int, reading: Reading) -> list[dict[str, Any]]:
    tags = [("company", one) for one in company_moods(reading)] + [("topic", one) for one in topics_of(reading)]
    return [{"kind": kind, "value": value[:200], "item": number} for kind, value in tags]


def _entry(row: ItemRow, story: StoryRow | None) -> FeedEntry:
    reading = from_json(Reading, row.mended or row.reading)
    told = (story.items, story.reach) if story is not None else (1, row.reach)
    return FeedEntry(item_of(row), reading, row.story_id, *told, corrected=row.mended is not None)
