"""One vector per text out of an encoder's hidden states; training and embedding must pool alike."""

from __future__ import annotations

import torch


def mean_pool(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Unit rows (n, dim) in float32: the mean of ``hidden`` (n, tokens, dim) where ``mask`` (n, tokens) is 1."""
    weights = mask.unsqueeze(-1).float()
    mean = (hidden.float() * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
    return torch.nn.functional.normalize(mean, dim=1)
