"""What a task is to the trainer, and which tasks there are.

An objective knows how its model loads, how examples are encoded and batched, the loss of every item, and what
validation measures; it knows no trainer. ``losses`` is unreduced (one per token, text or pair), so that the trainer
can average over accumulated batches and processes exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from core.errors import DataError, SettingsError

if TYPE_CHECKING:
    import torch

    from core.models.device import DevicePlan
    from core.models.heads import HeadSet
    from core.training.examples import Features

Batch: TypeAlias = "dict[str, torch.Tensor]"
TASKS = ("sft", "pretrain", "sequence", "multi_label", "token", "heads", "contrastive", "interest")


@dataclass
class Outcome:
    """Losses (items,); and, where the task has a figure besides the loss, predictions with their targets."""

    losses: torch.Tensor
    predictions: torch.Tensor | None = None
    targets: torch.Tensor | None = None


class Objective(Protocol):
    """One task. ``task_type`` is PEFT's name of it; ``best`` the validation figure that picks the checkpoint.

    ``by_row`` tells whether a row's losses are its own, so that a batch may be passed in parts.
    """

    task_type: str
    best: str
    best_is_highest: bool
    by_row: bool

    def load(self, base: Path, plan: DevicePlan) -> tuple[Any, Any]: ...
    def encode(self, tokenizer: Any, examples: Sequence[Any], max_tokens: int) -> list[Features]: ...
    def collate(self, tokenizer: Any, features: Sequence[Features]) -> Batch: ...
    def count(self, batch: Batch) -> int: ...
    def losses(self, model: Any, batch: Batch) -> Outcome: ...
    def measure(self, predictions: torch.Tensor, targets: torch.Tensor) -> dict[str, float]: ...


def objective(
    task: str, labels: Sequence[str] = (), label_smoothing: float = 0.0, heads: HeadSet | None = None
) -> Objective:
    """The objective of a task by its name; ``SettingsError`` for an unknown one, ``DataError`` for missing labels.

    ``labels`` are for the tasks of one head, ``heads`` for the task of that name.
    """
    from core.training.contrast import Contrastive
    from core.training.headed import Headed
    from core.training.interest import Interest
    from core.training.labelling import MultiLabel, SequenceLabel, TokenLabel
    from core.training.language import Pretrain, Sft

    if task not in TASKS:
        raise SettingsError(f"Unknown training task '{task}'; known are {', '.join(TASKS)}.")
    if task in {"sft", "pretrain"}:
        return Sft(label_smoothing) if task == "sft" else Pretrain(label_smoothing)
    if task == "contrastive":
        return Contrastive()
    if task == "interest":
        return Interest()
    if task == "heads":
        if heads is None:
            raise DataError("Training the task 'heads' needs the heads.")
        return Headed(heads, label_smoothing)
    least = 1 if task == "multi_label" else 2
    if len(set(labels)) < least:
        raise DataError(f"Training a classifier needs at least {least} different labels, got {len(set(labels))}.")
    kinds = {"sequence": SequenceLabel, "multi_label": MultiLabel, "token": TokenLabel}
    return kinds[task](tuple(labels), label_smoothing)
