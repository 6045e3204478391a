"""Small weights for decoding on a CPU: fewer bytes are read per token, so few rows go two to four times as fast.

Where the CPU computes bfloat16, every linear layer multiplies by weights of one byte. Where it does not, the layers
have weights of two bytes (``half_linear``), and the output layer, by far the largest, of one, but only to find the
likely tokens: their scores are then made exactly.
Rests on private torch calls, hence the self-test before they are used and the dense product to fall back to.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from core.models.half_linear import comes_close, halve

# Measured on two cores for Gemma 270M (head 262144 x 640): int8 4.6 ms at 1 row and 10.4 at 8 against 11.7 and 13.5
# dense; from 9 rows on the dense product is quicker.
MOST_ROWS = 8
TOLERATED = 0.05  # relative error of one product; 0.015-0.02 is usual
BLOCK_ROWS = 1 << 15  # rows quantised at once, so that the fp32 copy of a large head stays small
# Without VNNI a CPU adds pairs of products in 16 bits: 255 x 63 x 2 still fits, 255 x 127 x 2 does not
LARGEST_WEIGHT, LARGEST_INPUT, ZERO_POINT = 63, 127, 128
SHORTLIST = 64  # tokens scored exactly; of 1,529 next tokens all had their true first choice among the rough first 5
LARGE_HEAD = 20_000  # tokens from which a shortlist is quicker than the dense product


class Int8Linear(nn.Module):
    """A linear layer that multiplies by int8 weights for up to eight rows and by its dense weights for more."""

    def __init__(self, dense: nn.Linear) -> None:
        super().__init__()
        self.weight = dense.weight
        self.bias = dense.bias
        self.in_features, self.out_features = dense.in_features, dense.out_features
        self.register_buffer("packed", torch.empty(0, dtype=torch.int8), persistent=False)
        self.register_buffer("scales", torch.empty(0), persistent=False)
        self.pack(dense.weight.data)

    def pack(self, weight: torch.Tensor) -> None:
        """Quantise ``weight`` (out, in), of any format, row by row."""
        blocks = [quantize_rows(block) for block in weight.split(BLOCK_ROWS)]
        self.packed = torch.cat([packed for packed, _ in blocks])
        self.scales = torch.cat([scales for _, scales in blocks])

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        rows = inputs.reshape(-1, self.in_features)
        if rows.shape[0] > MOST_ROWS:
            return functional.linear(inputs, self.weight.to(inputs.dtype), self.bias)
        out = torch.ops.aten._weight_int8pack_mm(rows.contiguous(), self.packed, self.scales)
        if self.bias is not None:
            out = out + self.bias
        return out.view(*inputs.shape[:-1], self.out_features)


class ShortlistHead(nn.Module):
    """An output layer in float32 that scores all tokens by int8 weights and the best of them, per row, exactly.

    Greedy decoding then chooses as the dense layer would, in a third of the time for one row and a fifth for eight.
    ``weight`` may lie in a file in a shorter format.
    """

    def __init__(self, dense: nn.Linear) -> None:
        super().__init__()
        self.weight = dense.weight
        self.in_features, self.out_features = dense.in_features, dense.out_features
        self.pack(dense.weight.data)

    def pack(self, weight: torch.Tensor) -> None:
        """Quantise ``weight`` (out, in), of any format, row by row."""
        blocks = [quantize_rows(block, LARGEST_WEIGHT) for block in weight.split(BLOCK_ROWS)]
        packed = torch.cat([packed for packed, _ in blocks])
        scales = torch.cat([scales for _, scales in blocks]).double()
        zeros = torch.zeros(len(packed), dtype=torch.long)
        with warnings.catch_warnings():  # torch means to drop these calls one day; the self-test will tell
            warnings.simplefilter("ignore", UserWarning)
            quantised = torch._make_per_channel_quantized_tensor(packed, scales, zeros, 0)
        self._packed = torch.ops.quantized.linear_prepack(quantised, None)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        rows = inputs.reshape(-1, self.in_features)
        if rows.shape[0] > MOST_ROWS:
            return self._dense(inputs)
        scores = self.rough(rows)
        likely = scores.topk(min(SHORTLIST, self.out_features), dim=-1, sorted=False).indices  # (rows, shortlist)
        exact = torch.einsum("rsi,ri->rs", self.weight[likely].to(rows.dtype), rows)
        return scores.scatter_(1, likely, exact).view(*inputs.shape[:-1], self.out_features)

    def rough(self, rows: torch.Tensor) -> torch.Tensor:
        """(rows, out) by int8 weights; each row has a scale of its own, so that it does not depend on the others."""
        largest = rows.abs().amax(dim=1, keepdim=True).clamp(min=1e-9)
        scores: torch.Tensor = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(
            rows / largest, 1 / LARGEST_INPUT, ZERO_POINT, self._packed
        )
        return scores.mul_(largest)

    def _dense(self, inputs: torch.Tensor) -> torch.Tensor:
        """Block by block, so that no float32 copy of a large matrix is made."""
        parts = [functional.linear(inputs, block.to(inputs.dtype)) for block in self.weight.split(BLOCK_ROWS)]
        return torch.cat(parts, dim=-1)


def quantize_rows(weight: torch.Tensor, largest: int = 127) -> tuple[torch.Tensor, torch.Tensor]:
    """(int8 (out, in), bfloat16 scales (out,)): each row divided so that its largest magnitude becomes ``largest``."""
    full = weight.float()
    scales = (full.abs().amax(dim=1) / largest).clamp(min=1e-12).to(torch.bfloat16)
    return (full / scales.float()[:, None]).round_().clamp_(-largest, largest).to(torch.int8), scales


def quantize(model: nn.Module) -> int:
    """Replace what this CPU multiplies faster by small weights, in place; how many layers (0: all stay dense)."""
    return _quantize_head(model) + _quantize_layers(model) + halve(model)


def _quantize_head(model: Any) -> int:
    """The output layer of a float32 model, where it is large and plain and the calls exist."""
    head = getattr(model, "lm_head", None)
    if type(head) is not nn.Linear or head.weight.dtype != torch.float32 or head.bias is not None:
        return 0
    if head.out_features < LARGE_HEAD:
        return 0
    try:
        made = ShortlistHead(head)
    except (RuntimeError, AttributeError, NotImplementedError):
        return 0
    if not comes_close(made.rough, head, TOLERATED):
        return 0
    model.lm_head = made
    return 1


def _quantize_layers(model: nn.Module) -> int:
    """The linear layers in bfloat16 whose shape passes the self-test."""
    passed: dict[tuple[int, int], bool] = {}
    replaced = 0
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is not nn.Linear or child.weight.dtype != torch.bfloat16:
                continue
            layer = Int8Linear(child)
            shape = (layer.out_features, layer.in_features)
            if shape not in passed:
                passed[shape] = comes_close(layer, child, TOLERATED)
            if passed[shape]:
                setattr(parent, name, layer)
                replaced += 1
    return replaced
