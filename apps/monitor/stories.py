"""Which items tell the same story: exact copies by hash, near copies by MinHash over shingles, in bounded memory.

Pure: knows no database; what it must remember goes in and out as ``StoryMark``. Chinese is cut into pairs of
characters, other text into runs of four, after links, re-post marks and punctuation are gone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from core.text import fold, language

if TYPE_CHECKING:
    from datasketch import LeanMinHash, MinHash, MinHashLSH

    from apps.monitor.records import NewsItem

PERMUTATIONS = 96  # error of the estimated Jaccard about 1/sqrt(96) = 0.10
SHORTEST = 12  # shingles; a shorter text is only ever the same story when it is the same text
CONTAINED = 0.6  # part of the shorter text that the longer one must hold under the same headline
SHARDS = 16  # a day's index is cut when it holds this part of all that is remembered
_NOISE = re.compile(r"https?://\S+|www\.\S+|\bt\.co/\S+|^\W*(rt|via)\s+@\w+:?|@\w+", re.IGNORECASE)
_REPOST = re.compile(r"^\s*(?:rt\s*@\w+\s*:?|转发(?:微博)?[::]?|\[转载\]|【转载】)\s*", re.IGNORECASE)
_OTHER = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class StoryMark:
    """What is remembered of a story: its id, when it was told, its companies, its signature, its bare headline."""

    id: str
    seen: datetime
    companies: frozenset[str]
    signature: bytes
    headline: str = ""


@dataclass
class _Shard:
    day: date
    lsh: MinHashLSH
    marks: dict[str, StoryMark] = field(default_factory=dict)
    headlines: dict[str, list[str]] = field(default_factory=dict)


def bare(text: str) -> str:
    """The text without what changes when it is passed on: links, re-post marks, names called, case, punctuation.

    >>> bare("RT @desk: Alba Bank fined! https://t.co/x1")
    'alba bank fined'
    """
    return _OTHER.sub(" ", _NOISE.sub(" ", _REPOST.sub("", fold(text)))).strip()


def shingles(text: str) -> set[str]:
    """Pairs of characters of a Chinese text, runs of four of any other."""
    words = bare(text)
    if language(text) == "zh":
        joined = words.replace(" ", "")
        return {joined[at : at + 2] for at in range(len(joined) - 1)}
    return {words[at : at + 4] for at in range(len(words) - 3)}


def headline(text: str) -> str:
    """The bare first line, "" when it is so short that two stories may share it."""
    first = text.strip().split("\n", 1)[0]
    return bare(first) if len(shingles(first)) >= SHORTEST else ""


def story_title(item: NewsItem) -> str:
    """What a story is called that begins with this item."""
    return item.title or item.text[:200]


def signature(text: str) -> bytes | None:
    """How many shingles the text has and its MinHash, as bytes; None when it is too short to be alike another."""
    found = shingles(text)
    if len(found) < SHORTEST:
        return None
    return len(found).to_bytes(4, "little") + _minhash(found).hashvalues.astype("<u4").tobytes()


def _minhash(found: Iterable[str]) -> MinHash:
    made = _empty().copy()
    made.update_batch([one.encode("utf-8") for one in sorted(found)])
    return made


@lru_cache(maxsize=1)
def _empty() -> MinHash:
    from datasketch import MinHash

    return MinHash(num_perm=PERMUTATIONS, seed=1, scheme="affine32")  # drawing the permutations is the slow part


def _values(mark: bytes) -> Any:
    import numpy as np

    return np.frombuffer(mark, dtype="<u4", offset=4).astype(np.uint32)


def likeness(first: bytes, second: bytes) -> tuple[float, float]:
    """Estimated Jaccard of two signatures, and which part of the shorter text the other contains."""
    jaccard = float((_values(first) == _values(second)).mean())
    sizes = [int.from_bytes(mark[:4], "little") for mark in (first, second)]
    return jaccard, min(1.0, jaccard * sum(sizes) / (1 + jaccard) / min(sizes))


def _restored(mark: bytes) -> LeanMinHash:
    from datasketch import LeanMinHash

    return LeanMinHash(seed=1, hashvalues=_values(mark), scheme="affine32")


class StoryIndex:
    """Finds the story a text belongs to among those of the last days. Not safe for several threads."""

    def __init__(self, similarity: float = 0.6, days: int = 3, most: int = 200_000) -> None:
        self._similarity, self._days, self._most = similarity, days, most
        self._shards: list[_Shard] = []

    def __len__(self) -> int:
        return sum(len(shard.marks) for shard in self._shards)

    def find(self, mark: bytes, companies: Iterable[str], headline: str = "") -> str | None:
        """The most similar story's id, None when none is similar enough.

        Under the same headline it is enough that one text contains the other: one adds a line about its source, one
        was cut. A story about other companies is another story, however alike the words: results are announced in
        sentences that differ by a name alone.
        """
        named, best, most = frozenset(companies), None, 0.0
        for known in self._candidates(mark, headline):
            if named and known.companies and not named & known.companies:
                continue
            jaccard, contained = likeness(known.signature, mark)
            same_head = bool(headline) and known.headline == headline and contained >= CONTAINED
            if (jaccard >= self._similarity or same_head) and (best is None or jaccard > most):
                best, most = known.id, jaccard
        return best

    def _candidates(self, mark: bytes, headline: str) -> Iterator[StoryMark]:
        wanted = _restored(mark)
        for shard in reversed(self._shards):
            ids = [*map(str, shard.lsh.query(wanted)), *shard.headlines.get(headline, ())]
            yield from (shard.marks[one] for one in dict.fromkeys(ids))

    def add(self, mark: StoryMark) -> None:
        """Remembers a story; the oldest are forgotten when there are too many or their days are over."""
        if not any(mark.id in shard.marks for shard in self._shards):
            shard = self._shard(mark.seen)
            shard.lsh.insert(mark.id, _restored(mark.signature))
            shard.marks[mark.id] = mark
            if mark.headline:
                shard.headlines.setdefault(mark.headline, []).append(mark.id)
        self.forget(mark.seen)

    def extend(self, marks: Sequence[StoryMark]) -> None:
        """Remembers stories kept elsewhere, oldest first."""
        for mark in marks:
            self.add(mark)

    def forget(self, now: datetime) -> None:
        """Drops whole shards: those older than the days kept, and the oldest while there are too many stories."""
        oldest = (now - timedelta(days=self._days)).date()
        self._shards = [shard for shard in self._shards if shard.day >= oldest]
        while len(self) > self._most and len(self._shards) > 1:
            self._shards.pop(0)

    def _shard(self, seen: datetime) -> _Shard:
        from datasketch import MinHashLSH

        day, full = seen.date(), max(1, self._most // SHARDS)
        found = next((shard for shard in self._shards if shard.day == day and len(shard.marks) < full), None)
        if found is None:
            found = _Shard(day, MinHashLSH(threshold=self._similarity, num_perm=PERMUTATIONS))
            self._shards.append(found)
            self._shards.sort(key=lambda shard: shard.day)
        return found
