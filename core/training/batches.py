"""Encoded examples into tensors, and the order in which a training run sees them.

Knows lists of numbers only; the order depends on seed and epoch alone, so that a resumed run goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch.utils.data import Dataset, Sampler

from core.training.examples import IGNORED, Features

PASS_TOKENS = 2048  # positions of one training pass on a CPU; more are no quicker there and all kept for the way back
POOL = 50  # effective batches sorted by length together; more mixes lengths less, fewer pads more


class FeatureSet(Dataset[Features]):
    """A list of encoded examples."""

    def __init__(self, features: Sequence[Features]) -> None:
        self.features = features

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, index: int) -> Features:
        return self.features[index]


class LengthGroups(Sampler[int]):
    """Shuffled by (seed, epoch), then grouped into effective batches of like length, the longest batch first.

    ``transformers`` has such a sampler, but it draws from the global random state, which a resumed run has not in the
    same place; and it groups by micro-batch, so that backing off the batch size would change the order.
    """

    def __init__(self, lengths: Sequence[int], effective: int, seed: int, epoch: Callable[[], int]) -> None:
        self.lengths, self.effective, self.seed, self.epoch = lengths, effective, seed, epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed * 100_003 + self.epoch())
        order = torch.randperm(len(self.lengths), generator=generator).tolist()
        batches = []
        for start in range(0, len(order), POOL * self.effective):
            pool = sorted(order[start : start + POOL * self.effective], key=lambda i: -self.lengths[i])
            batches += [pool[i : i + self.effective] for i in range(0, len(pool), self.effective)]
        whole = [batch for batch in batches if len(batch) == self.effective]
        rest = [batch for batch in batches if len(batch) < self.effective]  # at most one; last, to keep batches aligned
        shuffled = [whole[i] for i in torch.randperm(len(whole), generator=generator).tolist()]
        longest = max(range(len(shuffled)), key=lambda i: self.lengths[shuffled[i][0]], default=0)
        if shuffled:  # out of memory shows in the first step or never
            shuffled[0], shuffled[longest] = shuffled[longest], shuffled[0]
        return iter([index for batch in [*shuffled, *rest] for index in batch])


def portions(batch: dict[str, torch.Tensor], most_tokens: int) -> list[dict[str, torch.Tensor]]:
    """The batch in parts of whole rows, each of at most ``most_tokens`` positions or of one row."""
    rows, width = batch["input_ids"].shape
    each = rows_at_once(width, most_tokens)
    return [{name: values[i : i + each] for name, values in batch.items()} for i in range(0, rows, each)]


def rows_at_once(width: int, most_tokens: int) -> int:
    """How many rows of ``width`` positions one pass takes."""
    return max(1, most_tokens // width)


def pad(rows: Sequence[Sequence[float]], value: float, left: bool = False) -> torch.Tensor:
    """Rows of numbers as one tensor (n, longest row), filled with ``value`` on the right or the left."""
    width = max(len(row) for row in rows)
    filled = [[value] * (width - len(row)) + [*row] if left else [*row] + [value] * (width - len(row)) for row in rows]
    return torch.tensor(filled)


def text_batch(features: Sequence[Features], pad_id: int, key: str = "input_ids") -> dict[str, torch.Tensor]:
    """input_ids and attention_mask, both (n, longest), padded on the right."""
    rows = [feature[key] for feature in features]
    return {"input_ids": pad(rows, pad_id), "attention_mask": pad([[1] * len(row) for row in rows], 0)}


def completion_batch(features: Sequence[Features], pad_id: int) -> dict[str, torch.Tensor]:
    """Padded on the left, so that all completions end in the same column and one range of columns holds them all."""
    rows = [feature["input_ids"] for feature in features]
    mask = pad([[1] * len(row) for row in rows], 0, left=True)
    return {
        "input_ids": pad(rows, pad_id, left=True),
        "attention_mask": mask,
        "position_ids": (mask.cumsum(1) - 1).clamp(min=0),
        "labels": pad([feature["labels"] for feature in features], IGNORED, left=True),
    }


def targets_of(features: Sequence[Features], several: bool = False) -> torch.Tensor:
    """(n,) label numbers, or (n, labels) of 0/1 floats."""
    return torch.tensor([feature["labels"] for feature in features], dtype=torch.float if several else torch.long)


def pad_id_of(tokenizer: Any) -> int:
    """The padding token, else end-of-text; masked in any case."""
    return int(tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id or 0)
