"""Contrastive objective: texts that mean the same come close, all others of the batch go apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from core.models import loading
from core.models.pooling import mean_pool
from core.training import examples as ex
from core.training.batches import pad_id_of, text_batch
from core.training.objectives import Batch, Outcome

if TYPE_CHECKING:
    from core.models.device import DevicePlan

SCALE = 20.0  # inverse temperature of the similarities, the default of sentence-transformers' ranking loss


@dataclass
class Contrastive:
    """Multiple negatives ranking, both ways, over mean-pooled unit vectors; each pair may bring hard negatives.

    A larger batch means more negatives. Pairs of the batch that share a text do not count as negatives of each other,
    or the loss would drive equal meanings apart.
    """

    task_type: str = "FEATURE_EXTRACTION"
    best: str = "recall_at_1"
    best_is_highest: bool = True
    by_row: bool = False  # all others of the batch are what a text is told apart from

    def load(self, base: Path, plan: DevicePlan) -> tuple[Any, Any]:
        return loading.load_encoder(base, plan)

    def encode(self, tokenizer: Any, examples: Sequence[Any], max_tokens: int) -> list[ex.Features]:
        return [
            {
                "input_ids": ex.encode_text(tokenizer, pair.anchor, max_tokens),
                "positive": ex.encode_text(tokenizer, pair.positive, max_tokens),
                "negatives": [ex.encode_text(tokenizer, text, max_tokens) for text in pair.negatives],
            }
            for pair in examples
        ]

    def collate(self, tokenizer: Any, features: Sequence[ex.Features]) -> Batch:
        """Anchors, positives, then all hard negatives as one batch, so that one forward pass makes all vectors."""
        anchors = [feature["input_ids"] for feature in features]
        others = [feature["positive"] for feature in features]
        others += [text for feature in features for text in feature["negatives"]]
        rows = [{"input_ids": row} for row in [*anchors, *others]]
        return {**text_batch(rows, pad_id_of(tokenizer)), "same": _same_meaning(anchors, others)}

    def count(self, batch: Batch) -> int:
        return len(batch["same"])

    def losses(self, model: Any, batch: Batch) -> Outcome:
        hidden = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
        vectors = mean_pool(hidden, batch["attention_mask"])
        pairs = len(batch["same"])
        anchors, others = vectors[:pairs], vectors[pairs:]
        scores = (SCALE * anchors @ others.T).masked_fill(batch["same"], float("-inf"))
        number = torch.arange(pairs, device=scores.device)
        there = F.cross_entropy(scores, number, reduction="none")
        back = F.cross_entropy(scores[:, :pairs].T, number, reduction="none")
        vectors_of_pairs = torch.stack([anchors, others[:pairs]], 1)  # (pairs, 2, dim)
        return Outcome((there + back) / 2, vectors_of_pairs, number)

    def measure(self, predictions: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
        """How often an anchor's own positive (or one just as near) is the nearest of all in the validation split."""
        anchors, positives = predictions[:, 0], predictions[:, 1]
        own = (anchors * positives).sum(1)
        ranks = torch.cat(
            [
                (part @ positives.T > score[:, None] + 1e-6).sum(1) + 1
                for part, score in zip(anchors.split(512), own.split(512), strict=True)
            ]
        ).float()
        return {"recall_at_1": float((ranks == 1).float().mean()), "mrr": float((1 / ranks).mean())}


def _same_meaning(anchors: Sequence[Sequence[int]], others: Sequence[Sequence[int]]) -> torch.Tensor:
    """(pairs, others) bool: text j is another pair's, yet shares an anchor or a text with pair i."""
    pairs = len(anchors)
    first = [tuple(row) for row in anchors]
    second = [tuple(row) for row in others]
    same = [
        [
            i != j and (second[j] in (second[i], first[i]) or (j < pairs and first[j] in (first[i], second[i])))
            for j in range(len(second))
        ]
        for i in range(pairs)
    ]
    return torch.tensor(same, dtype=torch.bool)
