"""A shop small enough to see the right answer: two tastes, eight things each, in English and Chinese; an honest encoder.

The encoder counts words, so that equal words are near and nothing else is: no weights, no chance.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from apps.recommender.records import Event, Item
from core.events import OnEvent, ignore
from core.text import lexical_tokens

NOW = datetime(2026, 6, 1, tzinfo=UTC)
TEA = (
    "green tea leaves",
    "black tea leaves",
    "tea pot clay",
    "tea cup clay",
    "绿茶 茶叶",
    "红茶 茶叶",
    "茶壶 紫砂",
    "茶杯 紫砂",
)
RIDE = (
    "bike lamp front",
    "bike lamp rear",
    "bike bell brass",
    "bike lock steel",
    "自行车 前灯",
    "自行车 尾灯",
    "自行车 铃铛",
    "自行车 车锁",
)


class CountingWords:
    """Vectors of word counts by a fixed hash; the same text gives the same row."""

    def __init__(self, name: str = "counting-words", dim: int = 256, languages: tuple[str, ...] = ("en", "zh")) -> None:
        self.name, self.dim, self.languages = name, dim, languages

    def encode(self, texts: Sequence[str], on_event: OnEvent = ignore) -> np.ndarray:
        rows = np.zeros((len(texts), self.dim), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in lexical_tokens(text):
                row[sum(ord(letter) * 31**place for place, letter in enumerate(word)) % self.dim] += 1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(min=1e-9)


def catalogue() -> list[Item]:
    """t0…t7 for tea, r0…r7 for riding; the newest came a month ago, so none is fresh."""
    found = []
    for letter, titles, category in (("t", TEA, "tea"), ("r", RIDE, "bicycles")):
        for number, title in enumerate(titles):
            created = NOW - timedelta(days=30 + number)
            found.append(
                Item(
                    f"{letter}{number}",
                    title,
                    category=category,
                    price=10.0 + number,
                    created_at=created,
                    brand=f"b{number % 2}",
                )
            )
    return found


def event(user: str, item: str, type_: str = "click", days_ago: float = 10.0, number: int = 0, **more: object) -> Event:
    return Event(f"{user}-{item}-{type_}-{number}", user, item, type_, NOW - timedelta(days=days_ago), **more)  # type: ignore[arg-type]


def checkerboard(people: int = 12) -> list[Event]:
    """Even people met all of tea but one, odd ones all of riding but one; which one goes round."""
    found = []
    for person in range(people):
        letter = "tr"[person % 2]
        for number in range(8):
            if number != (person // 2) % 8:
                found.append(event(f"p{person}", f"{letter}{number}", days_ago=20 - number - person / 100))
    return found
