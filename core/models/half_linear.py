"""Linear layers that compute in float32 by weights of two bytes: a CPU without bfloat16 waits for its memory, and half
as many bytes come twice as fast.

All of Gemma 270M's layers on two cores: 14 instead of 35 ms for one row, 26 instead of 74 for eight; from some hundred
rows on arithmetic is what takes the time, and little is gained. Rests on private torch calls, hence the self-test
before they are used. For inference only: no gradient passes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import nn

HEAD = "lm_head"  # the output layer is read in another way (``quantization``)
LARGEST = 65_504.0  # what float16 holds; larger weights would be cut
TOLERATED = 1e-3  # relative error of one product; 11 bits of mantissa give 2e-4, weights made in bfloat16 lose nothing


class HalfLinear(nn.Module):
    """A float32 linear layer whose weights were rounded to float16.

    ``weight`` stays what the model came with, in as few bytes as hold it exactly; ``pack`` sets what is computed with.
    """

    def __init__(self, dense: nn.Linear) -> None:
        super().__init__()
        self.weight = nn.Parameter(compact(dense.weight.data), requires_grad=False)
        self.bias = dense.bias
        self.in_features, self.out_features = dense.in_features, dense.out_features
        self.pack(dense.weight.data)

    def pack(self, weight: torch.Tensor) -> None:
        """Compute with ``weight`` (out, in), of any format, from now on."""
        with warnings.catch_warnings():  # torch means to drop these calls one day; the self-test will tell
            warnings.simplefilter("ignore", UserWarning)
            self._packed = torch.ops.quantized.linear_prepack_fp16(weight.float().contiguous(), self.bias)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = torch.ops.quantized.linear_dynamic_fp16(inputs, self._packed)
        return out


def compact(weight: torch.Tensor) -> torch.Tensor:
    """The same values in bfloat16 where that loses nothing, as of most published weights; else as they are."""
    short = weight.to(torch.bfloat16)
    return short if torch.equal(short.to(weight.dtype), weight) else weight


def halve(model: nn.Module) -> int:
    """Replace the float32 linear layers but the output layer, in place, where the calls exist; the number replaced."""
    found = [
        (path, child)
        for path, child in model.named_modules()
        if type(child) is nn.Linear and child.weight.dtype == torch.float32 and path != HEAD
    ]
    return sum(_replaced(model, path, child) for path, child in found)


def _replaced(model: nn.Module, path: str, dense: nn.Linear) -> bool:
    if not bool(dense.weight.abs().max() < LARGEST):
        return False
    try:
        made = HalfLinear(dense)
    except (RuntimeError, AttributeError, NotImplementedError):
        return False
    if not comes_close(made, dense, TOLERATED):
        return False
    parent, _, name = path.rpartition(".")
    setattr(model.get_submodule(parent), name, made)
    return True


@torch.inference_mode()
def comes_close(product: Callable[[torch.Tensor], torch.Tensor], dense: nn.Linear, tolerated: float) -> bool:
    """Whether a product exists here and has at most this relative error to the dense one, for 1 and for 8 rows."""
    noise = torch.Generator().manual_seed(0)
    for rows in (1, 8):
        inputs = torch.randn(rows, dense.in_features, generator=noise).to(dense.weight.dtype)
        expected = dense(inputs).float()
        try:
            error = (product(inputs).float() - expected).norm() / expected.norm().clamp(min=1e-9)
        except (RuntimeError, AttributeError, NotImplementedError):
            return False
        if not bool(error < tolerated):
            return False
    return True
