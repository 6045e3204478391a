"""Classification objectives: one label per text, several per text, one per token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F

from core.models import loading
from core.models.calibration import Calibration, fit
from core.models.spans import labelled_spans
from core.training import examples as ex
from core.training.batches import pad, pad_id_of, targets_of, text_batch
from core.training.objectives import Batch, Outcome

if TYPE_CHECKING:
    from core.models.device import DevicePlan

ROW_END = -1  # target that separates texts where tokens of several are joined


@dataclass
class SequenceLabel:
    """Exactly one label per text; softmax cross-entropy, checkpoints picked by macro-F1."""

    labels: tuple[str, ...]
    label_smoothing: float = 0.0
    task_type: str = "SEQ_CLS"
    best: str = "macro_f1"
    best_is_highest: bool = True
    by_row: bool = True
    several: bool = False

    def load(self, base: Path, plan: DevicePlan) -> tuple[Any, Any]:
        kind = "multi_label" if self.several else "single_label"
        return loading.load_sequence_classifier(base, plan, self.labels, kind)

    def encode(self, tokenizer: Any, examples: Sequence[Any], max_tokens: int) -> list[ex.Features]:
        return [ex.encode_labelled(tokenizer, example, self.labels, self.several, max_tokens) for example in examples]

    def collate(self, tokenizer: Any, features: Sequence[ex.Features]) -> Batch:
        return {**text_batch(features, pad_id_of(tokenizer)), "labels": targets_of(features, self.several)}

    def count(self, batch: Batch) -> int:
        return len(batch["labels"])

    def losses(self, model: Any, batch: Batch) -> Outcome:
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits.float()
        smoothing = self.label_smoothing if model.training else 0.0
        losses = F.cross_entropy(logits, batch["labels"], reduction="none", label_smoothing=smoothing)
        return Outcome(losses, logits, batch["labels"])

    def measure(self, predictions: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
        from sklearn.metrics import f1_score

        chosen = predictions.argmax(1).numpy()
        macro = f1_score(targets.numpy(), chosen, average="macro", zero_division=0)
        return {"accuracy": float((chosen == targets.numpy()).mean()), "macro_f1": float(macro)}


@dataclass
class MultiLabel(SequenceLabel):
    """Any number of labels per text, none included; one sigmoid each, 0.5 decides in validation."""

    several: bool = True

    def losses(self, model: Any, batch: Batch) -> Outcome:
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits.float()
        soft = self.label_smoothing if model.training else 0.0
        wanted = batch["labels"] * (1 - soft) + 0.5 * soft
        losses = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none").mean(1)
        return Outcome(losses, logits, batch["labels"])

    def measure(self, predictions: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
        from sklearn.metrics import f1_score

        chosen, wanted = (predictions > 0).numpy(), targets.bool().numpy()
        macro = f1_score(wanted, chosen, average="macro", zero_division=0)
        return {"exact_match": float((chosen == wanted).all(1).mean()), "macro_f1": float(macro)}


@dataclass
class TokenLabel(SequenceLabel):
    """One label per word, carried by its first token; checkpoints picked by the F1 of whole spans."""

    task_type: str = "TOKEN_CLS"
    best: str = "span_f1"

    def load(self, base: Path, plan: DevicePlan) -> tuple[Any, Any]:
        return loading.load_token_classifier(base, plan, self.labels)

    def encode(self, tokenizer: Any, examples: Sequence[Any], max_tokens: int) -> list[ex.Features]:
        return [ex.encode_token_labels(tokenizer, example, self.labels, max_tokens) for example in examples]

    def collate(self, tokenizer: Any, features: Sequence[ex.Features]) -> Batch:
        labels = pad([feature["labels"] for feature in features], ex.IGNORED)
        return {**text_batch(features, pad_id_of(tokenizer)), "labels": labels}

    def count(self, batch: Batch) -> int:
        return int(batch["labels"].ne(ex.IGNORED).sum())

    def losses(self, model: Any, batch: Batch) -> Outcome:
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits.float()
        here = batch["labels"].ne(ex.IGNORED)
        smoothing = self.label_smoothing if model.training else 0.0
        losses = F.cross_entropy(logits[here], batch["labels"][here], reduction="none", label_smoothing=smoothing)
        if model.training:
            return Outcome(losses, logits[here], batch["labels"][here])
        # each text ends with one extra row, so that joined texts keep their borders
        ends = torch.full_like(batch["labels"][:, :1], ROW_END)
        targets = torch.cat([batch["labels"], ends], 1)
        shown = torch.cat([logits, torch.zeros_like(logits[:, :1])], 1)
        keep = targets.ne(ex.IGNORED)
        return Outcome(losses, shown[keep], targets[keep])

    def measure(self, predictions: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
        wanted, chosen = targets.numpy(), predictions.argmax(1).numpy()
        word = wanted != ROW_END
        found = self._spans(np.where(word, chosen, ROW_END))
        gold = self._spans(wanted)
        score = 2 * len(found & gold) / (len(found) + len(gold)) if found or gold else 1.0
        return {"token_accuracy": float((wanted[word] == chosen[word]).mean()), "span_f1": float(score)}

    def _spans(self, numbers: Any) -> set[tuple[int, int, str]]:
        """Spans over the joined texts; a border reads as O, so that no span runs over it."""
        return set(labelled_spans([self.labels[number] if number != ROW_END else "O" for number in numbers]))


def calibrated(goal: SequenceLabel, outcome: Outcome, method: str) -> Calibration:
    """The calibration of held-out predictions; a token classifier's borders between texts are left out."""
    if outcome.predictions is None or outcome.targets is None:
        return Calibration(goal.several)
    scores, targets = outcome.predictions.numpy(), outcome.targets.numpy()
    if not goal.several:
        scores, targets = scores[targets != ROW_END], targets[targets != ROW_END]
    return fit(scores, targets, goal.several, method)
