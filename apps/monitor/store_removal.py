"""Stories with all that told them, to be told with fewer, and the removal of items, in the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from apps.monitor.codec import from_json
from apps.monitor.records import NewsItem, Reading, SeriesKey, Story
from apps.monitor.store_items import LOOKUP, item_of
from apps.monitor.store_stories import story_of
from apps.monitor.store_tables import CorrectionRow, ItemRow, StoryRow


@dataclass(frozen=True)
class Told:
    """An item as the reader read it; ``mended`` as people corrected it."""

    item: NewsItem
    reading: Reading
    mended: Reading | None = None


@dataclass(frozen=True)
class ToldStory:
    """A story with its items in order of arrival, the series it counts in, its companies and MinHash.

    ``whole`` says that none of its items was forgotten with age before.
    """

    story: Story
    told: tuple[Told, ...]
    counted: frozenset[SeriesKey]
    companies: frozenset[str]
    signature: bytes | None
    whole: bool = True

    @property
    def counted_before(self) -> frozenset[SeriesKey]:
        """The series in which items that are no longer stored made the story count."""
        return frozenset() if self.whole else self.counted


class Removal:
    """Over one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def count(self, source: str, since: datetime | None) -> tuple[int, int]:
        """Items of a source received since then, and how many of them people have corrected."""
        query = select(func.count(), func.count(ItemRow.mended)).where(*_chosen(source, since))
        found = self._session.execute(query).one()
        return int(found[0]), int(found[1])

    def names(self) -> list[str]:
        """Every source that items are stored of."""
        return list(self._session.scalars(select(ItemRow.source).distinct().order_by(ItemRow.source)))

    def left(self, source: str) -> tuple[int, datetime | None]:
        """How many items of a source there are, and when the newest was received."""
        query = select(func.count(), func.max(ItemRow.received_at)).where(ItemRow.source == source)
        found = self._session.execute(query).one()
        return int(found[0]), found[1]

    def stories(self, source: str, since: datetime | None, most: int) -> list[ToldStory]:
        """The first stories that items of the source, received since then, tell."""
        ids = select(ItemRow.story_id).where(*_chosen(source, since)).group_by(ItemRow.story_id)
        wanted = list(self._session.scalars(ids.order_by(func.min(ItemRow.number)).limit(most)))
        rows = self._session.scalars(select(StoryRow).where(StoryRow.id.in_(wanted)))
        stories = {row.id: row for row in rows}
        told: dict[str, list[Told]] = {one: [] for one in wanted}
        for item in self._session.scalars(select(ItemRow).where(ItemRow.story_id.in_(wanted)).order_by(ItemRow.number)):
            told[item.story_id].append(_told(item))
        return [_told_story(stories[one], told[one]) for one in wanted]

    def drop(self, ids: Sequence[str]) -> None:
        """Deletes items, their tags with them, and what people said of them."""
        for at in range(0, len(ids), LOOKUP):
            some = ids[at : at + LOOKUP]
            self._session.execute(delete(CorrectionRow).where(CorrectionRow.item_id.in_(some)))
            self._session.execute(delete(ItemRow).where(ItemRow.id.in_(some)))

    def drop_story(self, story_id: str) -> None:
        """Deletes a story that nothing tells any more."""
        self._session.execute(delete(StoryRow).where(StoryRow.id == story_id))

    def retell(self, made: ToldStory) -> None:
        """Keeps a story as it is told now."""
        row = self._session.scalars(select(StoryRow).where(StoryRow.id == made.story.id)).one()
        for name in ("title", "first_seen", "last_seen", "items", "reach"):
            setattr(row, name, getattr(made.story, name))
        row.sources, row.companies = list(made.story.sources), sorted(made.companies)
        row.counted = [[key.company, key.topic, key.source] for key in sorted(made.counted)]
        row.signature = made.signature


def _chosen(source: str, since: datetime | None) -> list[Any]:
    return [ItemRow.source == source, *([ItemRow.received_at >= since] if since is not None else [])]


def _told(row: ItemRow) -> Told:
    mended = from_json(Reading, row.mended) if row.mended is not None else None
    return Told(item_of(row), from_json(Reading, row.reading), mended)


def _told_story(row: StoryRow, told: Sequence[Told]) -> ToldStory:
    counted = frozenset(SeriesKey(*parts) for parts in row.counted)
    whole = len(told) == row.items
    return ToldStory(story_of(row), tuple(told), counted, frozenset(row.companies), row.signature, whole)
