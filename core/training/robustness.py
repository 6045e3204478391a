"""Training against small worst-case changes of the input: FGM on the embeddings, and agreement of two dropout passes.

Knows modules and losses; the loop decides when to call it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F


class EmbeddingAttack:
    """Fast gradient method (Miyato et al. 2017) on the *output* of a model's embeddings.

    The usual snippet changes ``embedding.weight`` by its gradient; under LoRA the embeddings are frozen, have no
    gradient, and the attack silently does nothing. Here a forward hook records the output's gradient in the clean
    pass and adds ``epsilon`` times its direction (unit length per example) in the attacked one.
    """

    def __init__(self, model: Any, epsilon: float) -> None:
        self.epsilon = epsilon
        self.output: torch.Tensor | None = None
        self.shift: torch.Tensor | None = None
        self.recording = False
        self.hook = model.get_input_embeddings().register_forward_hook(self._change)

    def remove(self) -> None:
        self.hook.remove()

    @contextmanager
    def record(self) -> Iterator[None]:
        """The clean pass, backward included; afterwards ``shift`` holds the attack, or None without a gradient."""
        self.recording = True
        try:
            yield
        finally:
            self.recording = False
        gradient = self.output.grad if self.output is not None else None
        self.output = None
        self.shift = None if gradient is None else self.epsilon * _direction(gradient)

    @contextmanager
    def attack(self) -> Iterator[None]:
        """The attacked pass on the same batch."""
        try:
            yield
        finally:
            self.shift = None

    def _change(self, module: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor | None:
        if self.recording:
            self.output = output.detach().requires_grad_(True)
            return self.output
        if self.shift is not None:
            return output + self.shift.to(output.dtype)
        return None


def agreement(first: torch.Tensor, second: torch.Tensor, several: bool = False) -> torch.Tensor:
    """R-Drop (Liang et al. 2021): symmetric KL (rows,) between two passes' scores (rows, labels), which differ by
    dropout alone; with ``several`` independent labels, the mean over labels of the two-way divergence."""
    if several:
        first, second = (torch.stack([scores, torch.zeros_like(scores)], -1) for scores in (first, second))
    p, q = F.log_softmax(first.float(), -1), F.log_softmax(second.float(), -1)
    divergence = ((p.exp() - q.exp()) * (p - q)).sum(-1) / 2
    return divergence.mean(-1) if several else divergence


def _direction(gradient: torch.Tensor) -> torch.Tensor:
    """Unit length per example, zero where the gradient is zero or not finite."""
    norm = gradient.float().flatten(1).norm(dim=1).view(-1, *[1] * (gradient.ndim - 1))
    good = torch.isfinite(norm) & (norm > 0)
    return torch.where(good, gradient.float() / norm.clamp(min=1e-12), torch.zeros_like(gradient.float()))
