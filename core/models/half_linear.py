"""Linear layers that compute in float32 by weights of two bytes: few rows wait for the memory, and half as many bytes
come twice as fast.

In bfloat16, too, they are quicker than the dense product for few rows, which has to arrange its weights anew each time;
for many rows the dense product is, and there it stays. Rests on private torch calls, hence the self-test before they
are used. For inference only: no gradient passes.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import nn
from torch.nn import functional

FORMATS = (torch.float32, torch.bfloat16)
HEAD = "lm_head"  # the output layer is read in another way (``quantization``)
LARGEST = 65_504.0  # what float16 holds; larger weights would be cut
# All of Gemma 270M's layers on two cores, against float32: 14 instead of 35 ms for one row, 26 instead of 74 for eight;
# against bfloat16: 11 instead of 22 for one, 14 instead of 26 for eight, 22 instead of 23 for sixteen
WORKERS = 2  # layers packed at a time
MOST_ROWS = 16  # up to which they are quicker than a dense product in bfloat16
TOLERATED = 1e-3  # relative error of one product; 11 bits of mantissa give 2e-4, weights made in bfloat16 lose nothing


class HalfLinear(nn.Module):
    """A linear layer whose weights were rounded to float16, and that multiplies many rows densely where it can.

    ``weight`` stays what the model came with, in as few bytes as hold it exactly; ``pack`` sets what is computed with.
    """

    def __init__(self, dense: nn.Linear) -> None:
        super().__init__()
        self.weight = nn.Parameter(compact(dense.weight.data), requires_grad=False)
        self.bias = dense.bias
        self.in_features, self.out_features = dense.in_features, dense.out_features
        self.dtype = dense.weight.dtype
        self.pack(dense.weight.data)

    def pack(self, weight: torch.Tensor) -> None:
        """Compute with ``weight`` (out, in), of any format, from now on."""
        bias = None if self.bias is None else self.bias.float()
        self._packed = torch.ops.quantized.linear_prepack_fp16(weight.float().contiguous(), bias)
        self._dense = weight.to(self.dtype) if self.dtype == torch.bfloat16 else None

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if self._dense is not None and inputs.numel() > MOST_ROWS * self.in_features:
            return functional.linear(inputs, self._dense, self.bias)
        out: torch.Tensor = torch.ops.quantized.linear_dynamic_fp16(inputs.float(), self._packed)
        return out.to(inputs.dtype)


def compact(weight: torch.Tensor) -> torch.Tensor:
    """The same values in bfloat16 where that loses nothing, as of most published weights; else as they are."""
    short = weight.to(torch.bfloat16)
    return short if torch.equal(short.to(weight.dtype), weight) else weight


def halve(model: nn.Module) -> int:
    """Replace the linear layers but the output layer, in place, where the calls exist; the number replaced."""
    dense = {
        path: child
        for path, child in model.named_modules()
        if type(child) is nn.Linear and child.weight.dtype in FORMATS and path != HEAD
    }
    with ThreadPoolExecutor(WORKERS) as workers:
        made = dict(zip(dense, workers.map(_halved, dense.values()), strict=True))
    for path, layer in made.items():
        if layer is not None:
            parent, _, name = path.rpartition(".")
            setattr(model.get_submodule(parent), name, layer)
    return sum(layer is not None for layer in made.values())


def _halved(dense: nn.Linear) -> HalfLinear | None:
    if not bool(dense.weight.abs().max() < LARGEST):
        return None
    try:
        made = HalfLinear(dense)
    except (RuntimeError, AttributeError, NotImplementedError):
        return None
    return made if comes_close(made, dense, TOLERATED) else None


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
