"""Dropout for training on a CPU: one random byte a value, eight of them drawn at once.

torch draws one number after the other there, before each layer of an adapter (126 in Gemma 270M). Bytes come from
torch's own generator, so that seeds and exact resume hold.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

BYTE = 256
LEAST = torch.iinfo(torch.int64).min  # from here on all 64 bits of a drawn number are random


class ByteDropout(nn.Module):
    """``torch.nn.Dropout`` with ``share`` rounded to a 256th; what is kept is scaled by exactly what was dropped."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.dropped = round(share * BYTE)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        if not self.training or not self.dropped:
            return values
        drawn = torch.empty(-(-values.numel() // 8), dtype=torch.int64).random_(LEAST, None).view(torch.uint8)
        kept = drawn[: values.numel()].view(values.shape) >= self.dropped
        return values * (kept.to(values.dtype) * (BYTE / (BYTE - self.dropped)))


def quicken(model: Any) -> None:
    """Replace the dropouts of a LoRA model's adapter, in place, where it lies on a CPU."""
    for module in list(model.modules()):
        for name, child in getattr(module, "lora_dropout", {}).items():
            if type(child) is nn.Dropout and module.weight.device.type == "cpu":
                module.lora_dropout[name] = ByteDropout(child.p)
