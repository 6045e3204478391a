"""Interest objective: the texts somebody met, pooled, come close to the text she chose next; all others go apart.

Knows texts and their weights; knows no items, events or people. Each distinct text of a batch is encoded once, however
many histories hold it, and serves every other pair as a negative.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from core.models import loading
from core.models.pooling import mean_pool
from core.training import examples as ex
from core.training.batches import pad, pad_id_of
from core.training.objectives import Batch, Outcome

if TYPE_CHECKING:
    from core.models.device import DevicePlan

SCALE = 20.0  # inverse temperature of the cosines, as in ``core.training.contrast``
TYPICAL_BATCH = 256  # pairs for which the chance of meeting a text in a batch is reckoned


@dataclass
class Interest:
    """Softmax over all texts of the batch but the pair's own history, corrected for how common each text is.

    Without the correction a popular text would be pushed away for being met as a negative so often (sampled softmax,
    Bengio & Senécal 2008): the logarithm of its chance to be in a batch is taken off its score.
    """

    task_type: str = "FEATURE_EXTRACTION"
    best: str = "loss"
    best_is_highest: bool = False
    by_row: bool = False
    _numbers: dict[str, int] = field(default_factory=dict, repr=False)
    _tokens: list[list[int]] = field(default_factory=list, repr=False)
    _rates: Counter[int] = field(default_factory=Counter, repr=False)
    _pairs: int = 0

    def load(self, base: Path, plan: DevicePlan) -> tuple[Any, Any]:
        return loading.load_encoder(base, plan)

    def encode(self, tokenizer: Any, examples: Sequence[Any], max_tokens: int) -> list[ex.Features]:
        """Texts become numbers of one table; ``input_ids`` (the target's) is there for the order of batches."""
        features = [self._feature(tokenizer, one, max_tokens) for one in examples]
        if not self._pairs:  # the first call brings the training examples
            self._pairs = len(features)
            for one in features:
                self._rates.update({one["target"], *one["history"], *one["negatives"]})
        return features

    def _feature(self, tokenizer: Any, one: ex.InterestExample, max_tokens: int) -> ex.Features:
        total = sum(one.weights)
        target = self._number(tokenizer, one.target, max_tokens)
        return {
            "input_ids": self._tokens[target],
            "target": target,
            "history": [self._number(tokenizer, text, max_tokens) for text in one.history],
            "weights": [weight / total for weight in one.weights],
            "negatives": [self._number(tokenizer, text, max_tokens) for text in one.negatives],
        }

    def _number(self, tokenizer: Any, text: str, max_tokens: int) -> int:
        if text not in self._numbers:
            self._numbers[text] = len(self._tokens)
            self._tokens.append(ex.encode_text(tokenizer, text, max_tokens))
        return self._numbers[text]

    def collate(self, tokenizer: Any, features: Sequence[ex.Features]) -> Batch:
        """input_ids and attention_mask (texts, longest), pool (pairs, texts), target (pairs,), correction (texts,)."""
        numbers = sorted({n for one in features for n in (one["target"], *one["history"], *one["negatives"])})
        column = {number: place for place, number in enumerate(numbers)}
        rows = [self._tokens[number] for number in numbers]
        pool = torch.zeros(len(features), len(numbers))
        for place, one in enumerate(features):
            for number, weight in zip(one["history"], one["weights"], strict=True):
                pool[place, column[number]] += weight
        chances = torch.tensor([self._chance(number, len(features)) for number in numbers])
        return {
            "texts": torch.tensor(numbers),
            "input_ids": pad(rows, pad_id_of(tokenizer)),
            "attention_mask": pad([[1] * len(row) for row in rows], 0),
            "pool": pool,
            "target": torch.tensor([column[one["target"]] for one in features]),
            "correction": chances.log(),
        }

    def _chance(self, number: int, pairs: int) -> float:
        """How likely a batch of so many pairs holds the text; one never met in training counts as met once."""
        rate = max(1, self._rates[number]) / max(1, self._pairs)
        return float(1.0 - (1.0 - min(rate, 1.0 - 1e-6)) ** pairs)

    @property
    def tokens(self) -> list[list[int]]:
        """Tokens of every text met so far, by its number in ``texts`` of a batch."""
        return self._tokens

    def count(self, batch: Batch) -> int:
        return len(batch["target"])

    def losses(self, model: Any, batch: Batch) -> Outcome:
        hidden = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
        return compared(mean_pool(hidden, batch["attention_mask"]), batch)

    def measure(self, predictions: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
        """Where each pair's own target stands by cosine among the texts of its validation batch, from 1."""
        ranks = predictions.float()
        return {"recall_at_10": float((ranks <= 10).float().mean()), "mrr": float((1 / ranks).mean())}


def compared(vectors: torch.Tensor, batch: Batch) -> Outcome:
    """Losses and ranks of each pair's target; ``vectors`` are unit rows of the batch's texts (texts, dim)."""
    with torch.autocast(vectors.device.type, enabled=False):
        people = F.normalize(batch["pool"] @ vectors, dim=1)  # (pairs, dim)
        cosines = SCALE * people @ vectors.T
        own = batch["pool"] > 0  # what she met is no rival
        scores = (cosines - batch["correction"]).masked_fill(own, float("-inf"))
        losses = F.cross_entropy(scores, batch["target"], reduction="none")
        rivals = cosines.masked_fill(own, float("-inf"))
        ranks = 1 + (rivals > rivals.gather(1, batch["target"][:, None])).sum(1)
    return Outcome(losses, ranks, batch["target"])
