"""Groups texts of like length, so that little is computed on padding and a batch never grows past its room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

MOST_TOKENS, MOST_ROWS = 4096, 64  # per batch: padded tokens, texts


def buckets(lengths: Sequence[int], most_tokens: int = MOST_TOKENS, most_rows: int = MOST_ROWS) -> list[list[int]]:
    """Numbers of the texts in batches, shortest first; each text is in exactly one batch, however long it is.

    >>> buckets([5, 1, 5, 2], most_tokens=10)
    [[1, 3], [0, 2]]
    """
    batches: list[list[int]] = []
    for number in sorted(range(len(lengths)), key=lambda n: lengths[n]):
        last = batches[-1] if batches else []
        alike = bool(last) and lengths[number] <= 2 * lengths[last[0]] + 8  # padding at most about doubles a batch
        if alike and len(last) < most_rows and (len(last) + 1) * lengths[number] <= most_tokens:
            last.append(number)
        else:
            batches.append([number])
    return batches


def padded(rows: Sequence[Sequence[int]], tokenizer: Any, device: Any) -> dict[str, torch.Tensor]:
    """input_ids and attention_mask (n, longest), filled on the right whatever side the tokenizer prefers."""
    import torch

    width = max(len(row) for row in rows)
    filler = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id or 0
    ids = torch.tensor([[*row] + [filler] * (width - len(row)) for row in rows], device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=device)
    return {"input_ids": ids, "attention_mask": mask}
