"""How readers are trained: the heads, the way of reading and the options of each task, chosen on validation rows.

Words only: training happens in ``training`` and ``measures``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from apps.monitor.conll_files import TAGS
from apps.monitor.lessons import LABELS, MARKING, SENTIMENT, Marking
from apps.monitor.lessons import heads as reader_heads
from core.models.heads import Head, HeadSet
from core.training.options import TrainingOptions

NAMES = "names"
LARGE = TrainingOptions(
    epochs=3, learning_rate=5e-4, warmup_share=0.06, batch_size=64, max_tokens=160, rank=16, alpha=16.0, dropout=0.05
)
SMALL = replace(LARGE, epochs=6, learning_rate=1.2e-3, rank=32, alpha=16.0)  # MiniLM and its like
ADVERSARIAL = 0.5  # strength of the embedding attack; on tweets it led the plain training by a hair on validation rows

# ways of reading: MiniLM's states need evening out, Gemma's were measured without
SMALL_READS: dict[str, Any] = {"attention": "native", "pooling": "mean", "even": True}
BOTH: dict[str, Any] = {"attention": "both", "pooling": "mean", "even": False}
FORWARD: dict[str, Any] = {"attention": "native", "pooling": "last", "even": False}


@dataclass(frozen=True)
class Recipe:
    """What is asked, how the backbone reads, with which options."""

    heads: HeadSet
    options: TrainingOptions
    marking: Marking = MARKING

    def where(self, **options: object) -> "Recipe":
        """The same with other training options."""
        return replace(self, options=replace(self.options, **options))  # type: ignore[arg-type]  # checked when made


def sentiment(small: bool = False, chinese: bool = False) -> Recipe:
    """One mood per text. Forum posts in Chinese were read better natively, English tweets both ways."""
    if small:
        return Recipe(_asked(SMALL_READS), SMALL)
    if chinese:
        return Recipe(_asked(FORWARD), replace(LARGE, epochs=2))
    return Recipe(_asked(BOTH), _attacked(LARGE))


def company_sentiment(small: bool = False) -> Recipe:
    """The mood towards a marked company. A decoder did best forwards with the company named before the text too."""
    if small:
        return Recipe(_asked(SMALL_READS), SMALL)
    return Recipe(_asked(FORWARD), replace(LARGE, batch_size=128), "both")


def names(small: bool = False) -> Recipe:
    """Persons, organisations, places and others, as CoNLL-2003 marks them; a decoder must see both sides."""
    options = SMALL if small else replace(LARGE, rank=32, alpha=32.0, epochs=4)
    return Recipe(HeadSet((Head(NAMES, "token", TAGS),), **(SMALL_READS if small else BOTH)), options)


def reader(topics: Sequence[str], small: bool = False) -> Recipe:
    """The reader itself: mood, topics and companies in one pass."""
    options = replace(SMALL, batch_size=32) if small else replace(LARGE, batch_size=128)
    read = SMALL_READS if small else BOTH
    return Recipe(replace(reader_heads(topics), **read), replace(options, max_tokens=256))


def _asked(reads: dict[str, Any]) -> HeadSet:
    return HeadSet((Head(SENTIMENT, "single", LABELS),), **reads)


def _attacked(options: TrainingOptions) -> TrainingOptions:
    return replace(options, adversarial_epsilon=ADVERSARIAL)
