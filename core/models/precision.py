"""How a model computes in bfloat16 without losing more than it must; training and using an adapter do it alike."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from core.models.device import DevicePlan

SMALL = 100_000_000  # weights; below, float32 is quick enough on a CPU and needs no rounding


def autocast(device: str, dtype: torch.dtype | None) -> AbstractContextManager[Any]:
    """Matrix products in ``dtype``, sums and norms in float32; nothing for None."""
    if dtype is None:
        return nullcontext()
    return torch.autocast(torch.device(device).type, dtype=dtype)


def lighten(model: Any, dtype: torch.dtype) -> None:
    """Keep frozen linear weights in ``dtype``, and the embeddings' output in float32; to be run under ``autocast``.

    Autocast remembers its casts of trainable weights only, so frozen float32 weights are cast again at every step:
    Gemma 270M took 6.8 s of one core for 1200 training tokens that way and 4.0 s this way, with the same loss. The
    sum that runs through the layers (the residual) stays float32.
    """
    for module in model.modules():
        if not isinstance(module, torch.nn.Linear) or module.weight.requires_grad:
            continue
        if module.weight.is_floating_point():  # 4-/8-bit weights stay packed
            module.weight.data = module.weight.data.to(dtype)
    embeddings = model.get_input_embeddings()
    if embeddings.weight.dtype != torch.float32:  # tied to the head, which is linear
        embeddings.register_forward_hook(lambda _module, _inputs, output: output.float())


def for_inference(model: Any, plan: DevicePlan) -> torch.dtype | None:
    """Make a loaded model ready to answer; the format to ``autocast`` in, None where it stays as it is."""
    model.eval().requires_grad_(False)
    if plan.dtype != "bfloat16" or sum(weight.numel() for weight in model.parameters()) < SMALL:
        return None
    lighten(model, torch.bfloat16)
    return torch.bfloat16
