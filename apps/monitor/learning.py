"""What people's corrections make of a reading, and how far today's stream has moved from what it was. Pure."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from apps.monitor.records import CompanyMention, Correction, DriftRow, NewsItem, Reading, Sentiment, TopicScore

LEAST = 30  # items on each side below which a distribution says nothing
EMPTY = 1e-3  # stands for a share of zero, whose logarithm does not exist

Seen = Sequence[tuple[str, str, float, bool, int]]  # language, label, confidence, abstained, length of each item


def mended(item: NewsItem, reading: Reading, correction: Correction) -> Reading:
    """The reading as a person corrected it; what the correction leaves out stays as read.

    The mood of a text about one company is the mood towards that company.
    """
    if correction.sentiment is not None:
        mood = Sentiment.certain(correction.sentiment)
        reading = replace(reading, sentiment=mood, abstained=False)
        if len({one.company for one in reading.companies}) == 1:
            reading = replace(reading, companies=tuple(replace(one, sentiment=mood) for one in reading.companies))
    if correction.topics is not None:
        reading = replace(reading, topics=tuple(TopicScore(one, 1.0) for one in correction.topics))
    if correction.companies is not None:
        found = [_mention(item, reading, company, mood) for company, mood in correction.companies.items()]
        reading = replace(reading, companies=tuple(found))
    return reading


def _mention(item: NewsItem, reading: Reading, company: str, mood: str) -> CompanyMention:
    known = next((one for one in reading.companies if one.company == company), None)
    if known is not None:
        return replace(known, sentiment=Sentiment.certain(mood))
    start = max(0, item.full_text.find(company))
    end = start + len(company) if item.full_text.startswith(company, start) else start
    return CompanyMention(company, item.full_text[start:end] or company, start, end, Sentiment.certain(mood))


def drift(then: Seen, now: Seen) -> list[DriftRow]:
    """Inputs (language, length) and outputs (mood, confidence, abstention), the most changed first.

    Empty while either side has fewer than thirty items.
    """
    if min(len(then), len(now)) < LEAST:
        return []
    watched = {
        "language": lambda one: one[0] or "other",
        "mood": lambda one: one[1],
        "confidence": lambda one: f"{min(int(one[2] * 10), 9) / 10:.1f}",
        "abstained": lambda one: "yes" if one[3] else "no",
        "length": lambda one: _size(one[4]),
    }
    rows = [_row(name, [of(one) for one in then], [of(one) for one in now]) for name, of in watched.items()]
    return sorted(rows, key=lambda row: -row.index)


def _row(name: str, then: Sequence[str], now: Sequence[str]) -> DriftRow:
    words = sorted({*then, *now})
    before, after = _shares(then, words), _shares(now, words)
    return DriftRow(name, before, after, round(stability(before, after), 4))


def stability(then: Mapping[str, float], now: Mapping[str, float]) -> float:
    """Population stability index of two distributions over the same words: sum of (now - then) * ln(now / then).

    >>> stability({"a": 0.5, "b": 0.5}, {"a": 0.5, "b": 0.5})
    0.0
    """
    pairs = [(max(then[word], EMPTY), max(now[word], EMPTY)) for word in then]
    return sum((after - before) * math.log(after / before) for before, after in pairs)


def _shares(found: Sequence[str], words: Sequence[str]) -> dict[str, float]:
    counts = Counter(found)
    return {word: counts[word] / len(found) for word in words}


def _size(characters: int) -> str:
    edges = (40, 80, 160, 400, 1200)
    return next((f"under {edge}" for edge in edges if characters < edge), f"{edges[-1]} and more")
