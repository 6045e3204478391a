"""What a model reads right on held-out rows, and below which confidence it had better say nothing.

Works on any model behind the reader; the training gate compares two by it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from apps.monitor.labelled import LabelledItem
from apps.monitor.measures.scores import Said, macro_f1
from apps.monitor.reading_models import Model, Pointed, Probabilities
from apps.monitor.topic_words import TopicWords, without

TRUSTED = 0.9  # accuracy wanted of what is not abstained from
MOST_ABSTAINED = 0.2  # share of texts that may be left open for it
TOPIC_FROM = 0.5  # where nothing was labelled
BARS = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6)  # a few, for held-out topics are few too
AT_ONCE = 256
T = TypeVar("T")


@dataclass(frozen=True)
class HeldFigures:
    """Macro-F1 of text moods and of moods towards companies, micro-F1 of topics; None where nothing was labelled."""

    text_macro_f1: float | None
    company_macro_f1: float | None
    topics_micro_f1: float | None
    abstain_below: float
    topic_from: float

    @property
    def score(self) -> float:
        """Mean of the figures there are, 0 without any."""
        there = [one for one in (self.text_macro_f1, self.company_macro_f1, self.topics_micro_f1) if one is not None]
        return sum(there) / len(there) if there else 0.0

    def as_numbers(self) -> dict[str, float]:
        """For a report; what is None is left out."""
        found = {name: getattr(self, name) for name in ("text_macro_f1", "company_macro_f1", "topics_micro_f1")}
        return {name: value for name, value in found.items() if value is not None} | {
            "score": self.score,
            "abstain_below": self.abstain_below,
            "topic_from": self.topic_from,
        }


def held_figures(
    model: Model, held: Sequence[LabelledItem], topics: Sequence[str], words: TopicWords | None = None
) -> HeldFigures:
    """All figures of a model on labelled texts, topics as a reader with these ``words`` tells them."""
    text, threshold = _texts(model, [item for item in held if item.sentiment is not None])
    about, topic_from = _topics(model, held, topics, words or TopicWords())
    return HeldFigures(text, _companies(model, held), about, threshold, topic_from)


def abstain_below(confidence: npt.NDArray[np.floating], right: npt.NDArray[np.bool_]) -> float:
    """The lowest confidence from which answers are right nine times in ten; at most a fifth is left open.

    >>> float(abstain_below(np.array([0.4, 0.6, 0.7, 0.8, 0.9]), np.array([False, True, True, True, True])))
    0.6
    """
    order = np.argsort(confidence)
    ranked, correct = confidence[order], right[order].astype(float)
    most = int(MOST_ABSTAINED * len(ranked))
    for left_out in range(most + 1):
        if correct[left_out:].mean() >= TRUSTED:
            return float(ranked[left_out]) if left_out else 0.0
    return float(ranked[most])


def _texts(model: Model, held: Sequence[LabelledItem]) -> tuple[float | None, float]:
    if not held:
        return None, 0.5
    found = _chunks(model.moods, [item.text for item in held])
    wanted = [str(item.sentiment) for item in held]
    said = Said.of(found)
    right = np.array([one == other for one, other in zip(said.labels, wanted, strict=True)])
    return macro_f1(wanted, [str(label) for label in said.labels]), abstain_below(found.max(1), right)


def _companies(model: Model, held: Sequence[LabelledItem]) -> float | None:
    pairs = [(item, one) for item in held for one in item.companies or () if one.label is not None]
    if not pairs:
        return None
    pointed = [Pointed(item.text, one.name, one.start, one.end) for item, one in pairs]
    found = Said.of(_chunks(model.towards, pointed))
    return macro_f1([str(one.label) for _, one in pairs], [str(label) for label in found.labels])


def _topics(
    model: Model, held: Sequence[LabelledItem], topics: Sequence[str], words: TopicWords
) -> tuple[float | None, float]:
    """Micro-F1 at the probability from which topics are best told, and that probability."""
    judged = [item for item in held if item.topics is not None]
    if not judged:
        return None, TOPIC_FROM
    texts = [item.text for item in judged]
    nameless = [without(item.text, ((one.start, one.end) for one in item.companies or ())) for item in judged]
    told = words.moved(np.concatenate([model.answer(part).topics for part in _parts(texts)]), nameless, model.topics)
    wanted = np.array([[topic in (item.topics or ()) for topic in model.topics] for item in judged])
    kept = [number for number, topic in enumerate(model.topics) if topic in topics]
    tried = [(_micro_f1(told[:, kept] >= bar, wanted[:, kept]), bar) for bar in BARS]
    return max(tried, key=lambda one: (one[0], -abs(one[1] - TOPIC_FROM)))


def _micro_f1(told: npt.NDArray[np.bool_], wanted: npt.NDArray[np.bool_]) -> float:
    total = told.sum() + wanted.sum()
    return float(2 * (told & wanted).sum() / total) if total else 1.0


def _chunks(read: Callable[[Sequence[T]], Probabilities], asked: Sequence[T]) -> Probabilities:
    return np.concatenate([read(part) for part in _parts(asked)])


def _parts(rows: Sequence[T]) -> list[Sequence[T]]:
    return [rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE)]
