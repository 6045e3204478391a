"""Stories in the database: what ingestion adds to and compares with, and what is shown of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from apps.monitor.records import NewsItem, SeriesKey, Story
from apps.monitor.store_items import item_of
from apps.monitor.store_tables import ItemRow, StoryRow
from apps.monitor.stories import StoryMark, headline
from core.errors import NotFoundError


@dataclass
class Tale:
    """A story while ingestion adds to it: the companies it names, the series it counts in, its MinHash."""

    story: Story
    companies: set[str]
    counted: set[SeriesKey]
    signature: bytes | None = None
    is_new: bool = False


class StoryRows:
    """Stories over one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def marks(self, after: int, since: datetime) -> tuple[int, list[StoryMark]]:
        """Stories added after that number and seen since then, with the newest number."""
        query = select(StoryRow).where(StoryRow.number > after, StoryRow.last_seen >= since).order_by(StoryRow.number)
        rows = list(self._session.scalars(query))
        marks = [
            StoryMark(row.id, row.last_seen, frozenset(row.companies), row.signature, headline(row.title))
            for row in rows
            if row.signature
        ]
        return (rows[-1].number if rows else after), marks

    def tale(self, story_id: str) -> Tale | None:
        """A stored story, to be added to."""
        row = self._session.scalar(select(StoryRow).where(StoryRow.id == story_id))
        if row is None:
            return None
        return Tale(story_of(row), set(row.companies), {SeriesKey(*parts) for parts in row.counted})

    def put(self, tales: Iterable[Tale]) -> int:
        """Adds stories or brings known ones up to date; the newest story's number."""
        fresh, known = [], {}
        for one in tales:
            values = _story_columns(one)
            if one.is_new:
                fresh.append(values | {"first_seen": one.story.first_seen, "signature": one.signature})
            else:
                known[one.story.id] = values
        if fresh:
            self._session.execute(insert(StoryRow), fresh)
        for row in self._session.scalars(select(StoryRow).where(StoryRow.id.in_(list(known)))) if known else ():
            for name, value in known[row.id].items():
                if name not in ("id", "title"):
                    setattr(row, name, value)
        return int(self._session.scalar(select(func.max(StoryRow.number))) or 0)

    def story(self, story_id: str) -> tuple[Story, list[NewsItem]]:
        """A story and its items in order of arrival; ``NotFoundError`` for an unknown id."""
        row = self._session.scalar(select(StoryRow).where(StoryRow.id == story_id))
        if row is None:
            raise NotFoundError(f"There is no story '{story_id}'.")
        query = select(ItemRow).where(ItemRow.story_id == story_id).order_by(ItemRow.number)
        return story_of(row), [item_of(one) for one in self._session.scalars(query)]

    def titles(self, story_ids: Sequence[str]) -> list[tuple[str, str]]:
        """Title and address of stories, in the order given; the address is of one of their items."""
        if not story_ids:
            return []
        query = select(ItemRow.story_id, StoryRow.title, func.max(ItemRow.url)).join(
            StoryRow, StoryRow.id == ItemRow.story_id
        )
        wanted = query.where(ItemRow.story_id.in_(story_ids)).group_by(ItemRow.story_id, StoryRow.title)
        found = {row[0]: (row[1], row[2]) for row in self._session.execute(wanted)}
        return [found[one] for one in story_ids if one in found]

    def recount(self, story_id: str, counted: Iterable[SeriesKey]) -> None:
        """The series a story counts in, after a correction."""
        row = self._session.scalars(select(StoryRow).where(StoryRow.id == story_id)).one()
        row.counted = [[key.company, key.topic, key.source] for key in sorted(counted)]
        row.companies = sorted({key.company for key in counted if key.company})


def story_of(row: StoryRow) -> Story:
    """The story of a row."""
    return Story(row.id, row.title, row.first_seen, row.last_seen, row.items, row.reach, tuple(row.sources))


def _story_columns(tale: Tale) -> dict[str, Any]:
    story = tale.story
    known = {"id": story.id, "title": story.title, "last_seen": story.last_seen}
    sums = {"items": story.items, "reach": story.reach, "sources": list(story.sources)}
    counted = [[key.company, key.topic, key.source] for key in sorted(tale.counted)]
    return known | sums | {"companies": sorted(tale.companies), "counted": counted}
