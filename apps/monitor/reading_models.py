"""The models behind a reader: a fine-tuned backbone with three heads, or linear heads on frozen vectors.

Both give numbers for texts as they are shown; which model reads what, and what counts as a company, is ``reading``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from apps.monitor.labelled import LabelledItem
from apps.monitor.lessons import COMPANIES, LABELS, SENTIMENT, TOPICS, Marking, marked
from core.errors import AdapterError
from core.inference.classification import LabelledSpan

if TYPE_CHECKING:
    from core.inference.embedding import Embedder
    from core.inference.linear import LinearClassifier
    from core.models.device import DevicePlan

Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Pointed:
    """A text and the company in it that is asked about, by its place or, where start is -1, by name alone."""

    text: str
    name: str
    start: int
    end: int


@dataclass(frozen=True)
class Answered:
    """What one pass says of texts: moods (n, 3) in the order of ``LABELS``, topics (n, topics), names of each text."""

    moods: Probabilities
    topics: Probabilities
    names: list[list[LabelledSpan]] | None


class Model(Protocol):
    """Reads shown texts; ``names`` of its answers is None when it does not label words."""

    name: str
    topics: tuple[str, ...]
    abstain_below: float | None
    topic_from: float | None

    def answer(self, texts: Sequence[str]) -> Answered: ...
    def moods(self, texts: Sequence[str]) -> Probabilities: ...
    def towards(self, pointed: Sequence[Pointed]) -> Probabilities: ...
    def pointing(self, pointed: Pointed) -> str: ...


class AdaptedModel:
    """A backbone with the reader's adapter: every question in one pass, companies by texts that mark them."""

    def __init__(self, name: str, base: Path, adapter: Path, plan: DevicePlan) -> None:
        from core.inference.headed import HeadedClassifier

        self.name, self.adapter = name, adapter
        self._classifier = HeadedClassifier(base, adapter, plan)
        heads = self._classifier.heads
        if set(heads.names) != {SENTIMENT, TOPICS, COMPANIES} or heads[SENTIMENT].labels != LABELS:
            raise AdapterError(f"Adapter '{name}' has the heads {', '.join(heads.names)}: it is no reader of news.")
        self.topics = heads[TOPICS].labels
        habits = self._classifier.record.get("reader", {})
        self.marking: Marking = habits.get("marking", "brackets")
        self.abstain_below, self.topic_from = _number(habits, "abstain_below"), _number(habits, "topic_from")

    def answer(self, texts: Sequence[str]) -> Answered:
        """One forward pass for mood, topics and names."""
        found = self._classifier.answer(texts)
        return Answered(found.probabilities[SENTIMENT], found.probabilities[TOPICS], found.spans[COMPANIES])

    def moods(self, texts: Sequence[str]) -> Probabilities:
        """Moods alone, of texts or of texts that mark a company."""
        return self._classifier.answer(texts, only=(SENTIMENT,)).probabilities[SENTIMENT]

    def towards(self, pointed: Sequence[Pointed]) -> Probabilities:
        """(n, 3): the mood towards each marked company, all in one go."""
        return self.moods([self.pointing(one) for one in pointed])

    def pointing(self, pointed: Pointed) -> str:
        """The text that asks for the mood towards the company."""
        return marked(pointed.text, pointed.name, pointed.start, pointed.end, self.marking)


class LinearModel:
    """Logistic regressions over a frozen multilingual encoder: modest, honest, and there before any adapter is.

    A company's mood is that of the clause it stands in. It finds no names by itself.
    """

    abstain_below: float | None = None
    topic_from: float | None = None

    def __init__(self, name: str, moods: LinearClassifier, topics: LinearClassifier) -> None:
        self.name, self._moods, self._topics = name, moods, topics
        self.topics = topics.labels

    def answer(self, texts: Sequence[str]) -> Answered:
        """Moods and topics of whole texts."""
        return Answered(self.moods(texts), self._topics.predict_proba(texts), None)

    def moods(self, texts: Sequence[str]) -> Probabilities:
        """(n, 3) in the order of ``LABELS``."""
        order = [self._moods.labels.index(label) for label in LABELS]
        return self._moods.predict_proba(texts)[:, order]

    def towards(self, pointed: Sequence[Pointed]) -> Probabilities:
        """(n, 3): the mood of each company's clause."""
        return self.moods([self.pointing(one) for one in pointed])

    def pointing(self, pointed: Pointed) -> str:
        """The clause that names the company, or the whole text."""
        return clause(pointed.text, pointed.start, pointed.end)

    @classmethod
    def fit(cls, name: str, embedder: Embedder, items: Sequence[LabelledItem]) -> LinearModel:
        """Learns moods of texts and clauses, and topics, from labelled items."""
        from core.inference.linear import LinearClassifier

        said = [(item.text, str(item.sentiment)) for item in items if item.sentiment is not None]
        said += [
            (clause(item.text, company.start, company.end), str(company.label))
            for item in items
            for company in item.companies or ()
            if company.found and company.label is not None and len(item.companies or ()) > 1
        ]
        about = [(item.text, item.topics) for item in items if item.topics is not None]
        moods = LinearClassifier.fit([embedder], [text for text, _ in said], [label for _, label in said])
        topics = LinearClassifier.fit([embedder], [text for text, _ in about], [list(which) for _, which in about])
        return cls(name, moods, topics)

    def save(self, folder: Path) -> None:
        """Both heads, each in a folder of its own."""
        self._moods.save(folder / SENTIMENT)
        self._topics.save(folder / TOPICS)

    @classmethod
    def load(cls, name: str, folder: Path, embedder: Embedder) -> LinearModel:
        """Back from ``save``."""
        from core.inference.linear import LinearClassifier

        return cls(name, *(LinearClassifier.load(folder / part, [embedder]) for part in (SENTIMENT, TOPICS)))


def _number(habits: Mapping[str, Any], name: str) -> float | None:
    found = habits.get(name)
    return float(found) if isinstance(found, int | float) else None


def clause(text: str, start: int, end: int) -> str:
    """The part of the text between commas, colons and full stops that holds the span; all of it for start -1.

    >>> clause("Alba soars, Norvane slumps on fraud; rain ahead", 12, 19)
    'Norvane slumps on fraud'
    """
    if start < 0:
        return text
    breaks = ",;:.!?,;:。!?、\n" + "\uff0c\uff1b\uff1a\uff01\uff1f"
    begin = max((text.rfind(mark, 0, start) for mark in breaks), default=-1) + 1
    ends = [place for mark in breaks if (place := text.find(mark, end)) >= 0]
    return text[begin : min(ends, default=len(text))].strip() or text
