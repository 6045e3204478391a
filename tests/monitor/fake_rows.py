"""Hand-typed items with their readings, and plain counting over them: what the stand-in service holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from apps.monitor.records import CompanyMention, FeedEntry, NewsItem, Point, Reading, Sentiment, TopicScore

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
MOODS = {"negative": (0.9, 0.08, 0.02), "neutral": (0.1, 0.8, 0.1), "positive": (0.03, 0.07, 0.9)}
TOML = '[[rule]]\nname = "negative-surge"\nkind = "surge"\nseverity = "high"\n'
SECRET = "s3cret-token"


def entry(
    id: str, title: str, mood: str = "negative", topic: str = "credit", company: str = "aldermoor",
    hours_ago: float = 1, source: str = "wire", language: str = "en", items: int = 1, written: str = "", text: str = "",
    confidence: float | None = None,
) -> FeedEntry:  # fmt: skip
    """An item with its reading; the company is marked where ``written`` (else the id) stands in the title."""
    at = NOW - timedelta(hours=hours_ago)
    item = NewsItem(id, source, title, text, f"https://news.example/{id}", at, at, language, reach=items)
    mood_is = Sentiment(*MOODS[mood]) if confidence is None else _unsure(mood, confidence)
    name = written or company
    start = max(0, item.full_text.lower().find(name.lower()))
    mentions = (CompanyMention(company, name, start, start + len(name), mood_is),) if company else ()
    topics = (TopicScore(topic, 0.8),) if topic else ()
    return FeedEntry(
        item, Reading(id, language, mood_is, topics, mentions, model="tiny@1f2e"), f"st-{id}", items, items
    )


def _unsure(mood: str, confidence: float) -> Sentiment:
    rest = (1 - confidence) / 2
    return Sentiment(*(confidence if mood == one else rest for one in MOODS))


def entries() -> list[FeedEntry]:
    return [
        entry("n1", "Aldermoor misses a bond payment", hours_ago=1, items=50),
        entry("n2", "Lenders leave Aldermoor", hours_ago=2),
        entry("n3", "鹤川集团上调全年业绩指引", "positive", "guidance", "hechuan", 3, "财讯", "zh", written="鹤川集团"),
        entry("n4", "Brightquay opens a second plant", "neutral", "product", "brightquay", 30, confidence=0.41),
        entry("n5", "Aldermoor names a new chair", "neutral", "management", hours_ago=50),
        entry("n6", "Rates unchanged <script>alert(1)</script>", "neutral", "macro", "", 5),
    ]


def count(start: datetime, found: Sequence[FeedEntry]) -> Point:
    moods = Counter(one.reading.sentiment.label for one in found)
    return Point(
        start, len(found), sum(one.story_items for one in found), sum(one.story_reach for one in found),
        moods["negative"], moods["neutral"], moods["positive"], sum(one.reading.sentiment.polarity for one in found),
    )  # fmt: skip
