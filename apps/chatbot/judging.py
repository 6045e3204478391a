"""Reads a question and a candidate together and says how probably the one answers the other.

Search compares two texts read apart; the judge, a fine-tuned classifier, sees both at once, and what was asked before.
Knows texts and a classifier's protocol; what follows from its probabilities is ``decision``'s.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from apps.chatbot.grounding import focus, one_line
from core.inference.classification import Classifier

if TYPE_CHECKING:
    from core.models.device import DevicePlan

JUDGE = "answer-judge"  # the adapter's name in the registry
FITS, OTHER = "fits", "other"
LABELS = (FITS, OTHER)
CANDIDATE_TOKENS = 90  # of a candidate's text; reading time grows with it, and its nearest sentences decide
LONGEST_TITLE = 160  # characters
CUE = "Does it answer?"  # the classifier's head sits on the last token, so that token should always be the same


@dataclass(frozen=True)
class Pairing:
    """A question, the one asked before it when it leans on that, and a candidate's title and text."""

    question: str
    title: str
    text: str = ""
    before: str = ""

    @property
    def judged(self) -> str:
        """The text the classifier reads; the adapter is trained on exactly this form."""
        asked = [one_line(self.before)] if self.before else []
        asked.append(one_line(self.question))
        shown = [one_line(self.title)[:LONGEST_TITLE]]
        if self.text:
            shown.append(one_line(focus(self.question, [self.text], CANDIDATE_TOKENS)[0]))
        return "\n".join([*asked, "", *shown, "", CUE])


class Judge:
    """Probabilities that candidates answer a question. Safe for several threads as far as its classifier is."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier, self._column = classifier, classifier.labels.index(FITS)

    def probabilities(self, pairings: Sequence[Pairing]) -> np.ndarray:
        """(n,) float32 in [0, 1], in the order given; a pairing's value does not depend on the others."""
        if not pairings:
            return np.zeros(0, np.float32)
        return self._classifier.predict_proba([one.judged for one in pairings])[:, self._column]


def load_judge(base: Path, adapter: Path, plan: "DevicePlan") -> Judge:
    """The judge out of a base model's folder and a trained adapter; ``AdapterError`` where they do not fit."""
    from core.inference.classification import SequenceClassifier

    return Judge(SequenceClassifier(base, adapter, plan))
