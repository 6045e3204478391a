"""Language-model objectives: completions of a conversation, and raw text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from core.models import loading
from core.training import examples as ex
from core.training.batches import completion_batch, pad_id_of
from core.training.objectives import Batch, Outcome

if TYPE_CHECKING:
    from core.models.device import DevicePlan


@dataclass
class Sft:
    """Causal language model, loss on the completion only; logits are computed there only.

    With a vocabulary of 262,144 the head costs 1.7 times the body per token (Gemma 270M), so logits at prompt
    positions would more than double the work and fill the memory.
    """

    label_smoothing: float = 0.0
    task_type: str = "CAUSAL_LM"
    best: str = "loss"
    best_is_highest: bool = False
    by_row: bool = True

    def load(self, base: Path, plan: DevicePlan) -> tuple[Any, Any]:
        return loading.load_causal_lm(base, plan, for_training=True)

    def encode(self, tokenizer: Any, examples: Sequence[Any], max_tokens: int) -> list[ex.Features]:
        return [ex.encode_sft(tokenizer, example, max_tokens) for example in examples]

    def collate(self, tokenizer: Any, features: Sequence[ex.Features]) -> Batch:
        return completion_batch(features, pad_id_of(tokenizer))

    def count(self, batch: Batch) -> int:
        return int(batch["labels"][:, 1:].ne(ex.IGNORED).sum())

    def losses(self, model: Any, batch: Batch) -> Outcome:
        labels = batch["labels"]
        first = int(labels[:, 1:].ne(ex.IGNORED).any(0).nonzero()[0])  # the column before the first target
        columns = torch.arange(first, labels.shape[1] - 1, device=labels.device)
        logits = model(
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
            position_ids=batch["position_ids"],
            logits_to_keep=columns,
            use_cache=False,
        ).logits
        wanted = labels[:, first + 1 :]
        here = wanted.ne(ex.IGNORED)
        smoothing = self.label_smoothing if model.training else 0.0
        return Outcome(F.cross_entropy(logits[here].float(), wanted[here], reduction="none", label_smoothing=smoothing))

    def measure(self, predictions: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
        return {}


@dataclass
class Pretrain(Sft):
    """Continued pre-training on raw text: every token but the first is a target."""

    def encode(self, tokenizer: Any, examples: Sequence[Any], max_tokens: int) -> list[ex.Features]:
        return ex.encode_raw(tokenizer, examples, max_tokens)
