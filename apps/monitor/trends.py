"""How items become counts: which series an item belongs to, what it adds to a window, sums over windows.

Pure: knows no database and no clock. A story counts once in each series, in the window of its first item there; its
reposts add items and reach, so that syndication is never a surge.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from apps.monitor.records import COUNTERS, NewsItem, Point, Reading, Sentiment, SeriesKey, Span

TOPIC_LEAST = 0.5  # probability from which a topic counts; below, the reader itself thinks it likelier absent
LONGEST_NAME, LONGEST_TOPIC = 200, 100  # characters a series' name may have; what is longer is no name
MOST_PARTS = 12  # companies and topics of one item that are counted; a list of tickers is about none of them


@dataclass(frozen=True, slots=True)
class Voice:
    """One item as series see it: where it counts and with which mood there (None: the reader abstained)."""

    moment: datetime
    reach: int
    moods: Mapping[SeriesKey, Sentiment | None]


def voice(item: NewsItem, reading: Reading) -> Voice:
    """The series an item counts in. A company's series takes the sentiment towards that company.

    Series: all, its source, each company, each topic, each company × topic.
    """
    overall = None if reading.abstained else reading.sentiment
    moods: dict[SeriesKey, Sentiment | None] = {SeriesKey(): overall, SeriesKey(source=item.source): overall}
    topics = topics_of(reading)
    for topic in topics:
        moods[SeriesKey(topic=topic)] = overall
    for company, mood in company_moods(reading).items():
        moods[SeriesKey(company=company)] = mood
        for topic in topics:
            moods[SeriesKey(company=company, topic=topic)] = mood
    return Voice(item.moment, item.reach, moods)


def topics_of(reading: Reading) -> list[str]:
    """The topics that count, the likeliest first."""
    scores = sorted(reading.topics, key=lambda one: -one.probability)
    return [one.topic[:LONGEST_TOPIC] for one in scores if one.probability >= TOPIC_LEAST][:MOST_PARTS]


def company_moods(reading: Reading) -> dict[str, Sentiment | None]:
    """Each company named with the mean sentiment of its mentions, in order of appearance."""
    mentions: dict[str, list[Sentiment]] = {}
    for one in sorted(reading.companies, key=lambda mention: mention.start):
        mentions.setdefault(one.company[:LONGEST_NAME], []).append(one.sentiment)
    return {
        company: None if reading.abstained else _mean(found) for company, found in list(mentions.items())[:MOST_PARTS]
    }


def _mean(found: Sequence[Sentiment]) -> Sentiment:
    if len(found) == 1:
        return found[0]
    count = len(found)
    negative, positive = sum(one.negative for one in found) / count, sum(one.positive for one in found) / count
    return Sentiment(negative, max(0.0, 1 - negative - positive), positive)


Deltas = dict[tuple[SeriesKey, Span, datetime], Point]


def add_voice(deltas: Deltas, heard: Voice, counted: Collection[SeriesKey]) -> set[SeriesKey]:
    """Adds an item to ``deltas``; ``counted`` are the series its story counts in already. Those new."""
    fresh = {key for key in heard.moods if key not in counted}
    for key, mood in heard.moods.items():
        for span in Span:
            start = span.floor(heard.moment)
            added = contribution(start, heard.reach, mood, is_story=key in fresh)
            place = (key, span, start)
            deltas[place] = deltas[place] + added if place in deltas else added
    return fresh


def negated(point: Point) -> Point:
    """What takes a window's counts away."""
    return Point(point.start, **{name: -getattr(point, name) for name in COUNTERS})


def joined(first: Deltas, second: Deltas) -> Deltas:
    """Both changes as one."""
    found = dict(first)
    for place, point in second.items():
        found[place] = found[place] + point if place in found else point
    return found


def contribution(start: datetime, reach: int, mood: Sentiment | None, is_story: bool) -> Point:
    """What one item adds to one window of one series."""
    if not is_story or mood is None:
        return Point(start, stories=int(is_story), items=1, reach=reach)
    label = mood.label.value
    return Point(
        start,
        stories=1,
        items=1,
        reach=reach,
        negative=int(label == "negative"),
        neutral=int(label == "neutral"),
        positive=int(label == "positive"),
        polarity_sum=mood.polarity,
        confidence_sum=mood.confidence if label == "negative" else 0.0,
    )


Piece = tuple[Span, datetime, datetime]  # windows of this span that start in [since, until)


class Counts(Protocol):
    """Where counts are asked for: the database when live, memory in a backtest."""

    def points(self, key: SeriesKey, span: Span, since: datetime, until: datetime) -> list[Point]:
        """The windows with anything in them that start in [since, until), in order."""
        ...

    def pieces(self, key: SeriesKey, parts: Sequence[Piece]) -> list[Point]:
        """Several stretches at once, at most three."""
        ...

    def first(self, key: SeriesKey) -> datetime | None:
        """The start of the series' first hour that is kept, None when it has none."""
        ...


def total(points: Iterable[Point], start: datetime) -> Point:
    """All windows as one that starts at ``start``."""
    summed = Point(start)
    for one in points:
        summed = summed + one
    return summed


def grid(span: timedelta, since: datetime, until: datetime) -> Iterator[datetime]:
    """Starts of equal windows from ``since`` on, all ending by ``until``."""
    start = since
    while start + span <= until:
        yield start
        start += span


def filled(points: Sequence[Point], span: Span, since: datetime, until: datetime) -> list[Point]:
    """Every window from the one holding ``since`` to the one holding ``until``, empty ones too."""
    known = {one.start: one for one in points}
    start, found = span.floor(since), []
    while start < until:
        found.append(known.get(start, Point(start)))
        start += span.length
    return found


class Tally:
    """Counts in memory, for backtests and tests: the same answers as the database gives."""

    def __init__(self) -> None:
        self._windows: dict[tuple[SeriesKey, Span], dict[datetime, Point]] = {}

    def add(self, deltas: Deltas) -> None:
        """Adds what a batch changed."""
        for (key, span, start), point in deltas.items():
            windows = self._windows.setdefault((key, span), {})
            windows[start] = windows[start] + point if start in windows else point

    def points(self, key: SeriesKey, span: Span, since: datetime, until: datetime) -> list[Point]:
        """See ``Counts``."""
        windows = self._windows.get((key, span), {})
        if len(windows) * span.length > 4 * (until - since):
            starts: Iterable[datetime] = grid(span.length, ceiling(since, span), until + span.length)
            return [windows[start] for start in starts if start in windows and start < until]
        return [windows[start] for start in sorted(windows) if since <= start < until]

    def pieces(self, key: SeriesKey, parts: Sequence[Piece]) -> list[Point]:
        """See ``Counts``."""
        return [point for span, since, until in parts for point in self.points(key, span, since, until)]

    def first(self, key: SeriesKey) -> datetime | None:
        """See ``Counts``."""
        return min(self._windows.get((key, Span.HOUR), {}), default=None)


def ceiling(moment: datetime, span: Span) -> datetime:
    """The first window start at or after ``moment``."""
    floor = span.floor(moment)
    return floor if floor == moment else floor + span.length
