"""What goes into a search and what comes out: entries, found groups, and what search needs of an embedder."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np


class Embeds(Protocol):
    """What search needs of an embedder; ``core.inference.embedding`` has some."""

    @property
    def name(self) -> str:
        """Names model and adapter: vectors under one name are comparable."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    @property
    def languages(self) -> Collection[str]:
        """Codes such as ``en`` and ``zh`` of the languages it reads."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """(n, dim) float32 unit rows."""


@dataclass(frozen=True)
class Entry:
    """One searchable wording. Entries of a ``group`` (a question and its similar questions) are one result."""

    id: str
    group: str
    text: str
    language: str = "en"
    audience: str = "customer"
    valid_from: date | None = None
    valid_until: date | None = None

    def open_to(self, day: date, audiences: Collection[str]) -> bool:
        """Whether it holds on that day (both ends included) and may be read."""
        begun = self.valid_from is None or self.valid_from <= day
        return begun and (self.valid_until is None or day <= self.valid_until) and self.audience in audiences


@dataclass(frozen=True)
class Found:
    """One group found, by its best entry. A rank is None where that side did not find the group.

    ``vector_score`` is the entry's cosine with the question, known also without a rank; ``coverage`` and
    ``resemblance`` are word weight shared one way and both ways. These and ``score`` compare between questions;
    ``lexical_score`` (BM25) and ``fused`` (reciprocal ranks) do not. ``nearest`` is the cosine that ``vector_rank``
    counts by, of the group's nearest entry whatever its words.
    """

    id: str
    entry: str
    text: str
    score: float
    fused: float = 0.0
    lexical_rank: int | None = None
    lexical_score: float | None = None
    vector_rank: int | None = None
    vector_score: float | None = None
    nearest: float | None = None
    coverage: float = 0.0
    resemblance: float = 0.0


@dataclass(frozen=True)
class Synced:
    """How many entries were added, changed (wording, dates or audience) and dropped."""

    added: int = 0
    changed: int = 0
    gone: int = 0

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.gone)


def readers(embedders: Sequence[Embeds], language: str) -> list[str]:
    """Names of the embedders that read the language; all of them when none says so (a text of digits alone)."""
    return [one.name for one in embedders if language in one.languages] or [one.name for one in embedders]
