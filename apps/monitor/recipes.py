"""How readers are trained: the heads, the way of reading and the options of each task, chosen on validation rows.

Words only: training happens in ``training`` and ``measures``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from apps.monitor.conll_files import TAGS
from apps.monitor.lessons import LABELS, MARKING, SENTIMENT, Marking
from apps.monitor.lessons import heads as reader_heads
from core.models.heads import Head, HeadSet
from core.training.options import TrainingOptions

NAMES = "names"
LARGE = TrainingOptions(
    epochs=4, learning_rate=3e-4, warmup_share=0.06, batch_size=64, max_tokens=160, rank=16, alpha=16.0, dropout=0.05
)
SMALL = replace(LARGE, epochs=8, learning_rate=1e-3, rank=32, alpha=16.0)  # MiniLM and its like


@dataclass(frozen=True)
class Recipe:
    """What is asked, how the backbone reads, with which options."""

    heads: HeadSet
    options: TrainingOptions
    marking: Marking = MARKING

    def reading(self, attention: Literal["native", "both"], pooling: Literal["last", "mean", "first"]) -> "Recipe":
        """The same with another way of reading."""
        return replace(self, heads=replace(self.heads, attention=attention, pooling=pooling))

    def where(self, **options: object) -> "Recipe":
        """The same with other training options."""
        return replace(self, options=replace(self.options, **options))  # type: ignore[arg-type]  # checked when made


def sentiment(small: bool = False) -> Recipe:
    """One mood per text."""
    options = SMALL if small else LARGE
    return Recipe(HeadSet((Head(SENTIMENT, "single", LABELS),), **_reads(small)), options)


def company_sentiment(small: bool = False) -> Recipe:
    """The mood towards a marked company."""
    options = SMALL if small else replace(LARGE, batch_size=128)
    return replace(sentiment(small), options=options)


def names(small: bool = False) -> Recipe:
    """Persons, organisations, places and others, as CoNLL-2003 marks them; a decoder must see both sides."""
    options = SMALL if small else replace(LARGE, rank=32)
    return Recipe(HeadSet((Head(NAMES, "token", TAGS),), **_reads(small)), options)


def reader(topics: Sequence[str], small: bool = False) -> Recipe:
    """The reader itself: mood, topics and companies in one pass."""
    options = replace(SMALL, max_tokens=256) if small else replace(LARGE, epochs=3, batch_size=128, max_tokens=256)
    read = _reads(small)
    return Recipe(reader_heads(topics, read["attention"], read["pooling"]), options)


def _reads(small: bool) -> dict[str, Any]:
    return {"attention": "native", "pooling": "mean"} if small else {"attention": "both", "pooling": "mean"}
