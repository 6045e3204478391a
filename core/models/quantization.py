"""Small weights for decoding on a CPU: fewer bytes are read per token, so few rows go two to four times as fast.

The layers have weights of two bytes (``half_linear``), the output layer, by far the largest, of one, but only to find
the likely tokens: their scores are then made exactly.
Rests on private torch calls, hence the self-test before they are used and the dense product to fall back to.
"""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from core.models.half_linear import FORMATS, HEAD, MOST_ROWS, WORKERS, comes_close, halve
from core.models.largest import largest

TOLERATED = 0.05  # relative error of one product; 0.015-0.02 is usual
BLOCK_ROWS = 1 << 15  # rows multiplied at once, so that the fp32 copy of a large head stays small
PARTS = 8  # a head packed in parts, two at a time, is ready in 0.7 s instead of 4 and multiplies as quickly
QUANTISED_ROWS = 1 << 10  # rows quantised at once: what fits the CPU's cache is done in an eighth of the time
# Without VNNI a CPU adds pairs of products in 16 bits: 255 x 63 x 2 still fits, 255 x 127 x 2 does not
LARGEST_WEIGHT, LARGEST_INPUT, ZERO_POINT = 63, 127, 128
SHORTLIST = 64  # tokens scored exactly; of 1,529 next tokens all had their true first choice among the rough first 5
LARGE_HEAD = 20_000  # tokens from which a shortlist is quicker than the dense product


class ShortlistHead(nn.Module):
    """An output layer that scores all tokens by int8 weights and the best of them, per row, exactly.

    Greedy decoding then chooses as the dense layer would, in a third of the time for one row and for eight; scores of
    few rows are float32. ``weight`` may lie in a file in a shorter format.
    """

    def __init__(self, dense: nn.Linear) -> None:
        super().__init__()
        self.weight = dense.weight
        self.in_features, self.out_features = dense.in_features, dense.out_features
        self.pack(dense.weight.data)

    def pack(self, weight: torch.Tensor) -> None:
        """Quantise ``weight`` (out, in), of any format, row by row."""
        with warnings.catch_warnings(), ThreadPoolExecutor(WORKERS) as workers:
            warnings.simplefilter("ignore", UserWarning)  # torch means to drop these calls; the self-test will tell
            self._parts = list(workers.map(_packed, weight.chunk(PARTS)))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        rows = inputs.reshape(-1, self.in_features)
        if rows.shape[0] > MOST_ROWS:
            return self._dense(inputs)
        scores = self.rough(rows)
        likely = largest(scores, SHORTLIST)  # (rows, shortlist)
        exact = torch.einsum("rsi,ri->rs", self.weight[likely].float(), rows.float())
        return scores.scatter_(1, likely, exact).view(*inputs.shape[:-1], self.out_features)

    def rough(self, rows: torch.Tensor) -> torch.Tensor:
        """(rows, out) by int8 weights; each row has a scale of its own, so that it does not depend on the others."""
        rows = rows.float()
        magnitude = rows.abs().amax(dim=1, keepdim=True).clamp(min=1e-9)
        multiply = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32
        scaled = rows / magnitude
        parts = [multiply(scaled, 1 / LARGEST_INPUT, ZERO_POINT, part) for part in self._parts]
        return torch.cat(parts, dim=1).mul_(magnitude)

    def _dense(self, inputs: torch.Tensor) -> torch.Tensor:
        """Block by block, so that no float32 copy of a large matrix is made."""
        parts = [functional.linear(inputs, block.to(inputs.dtype)) for block in self.weight.split(BLOCK_ROWS)]
        return torch.cat(parts, dim=-1)


def _packed(weight: torch.Tensor) -> Any:
    blocks = [quantize_rows(block, LARGEST_WEIGHT) for block in weight.split(QUANTISED_ROWS)]
    rows = torch.cat([rows for rows, _ in blocks])
    scales = torch.cat([scales for _, scales in blocks]).double()
    zeros = torch.zeros(len(rows), dtype=torch.long)
    quantised = torch._make_per_channel_quantized_tensor(rows, scales, zeros, 0)
    return torch.ops.quantized.linear_prepack(quantised, None)


def quantize_rows(weight: torch.Tensor, largest: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(int8 (out, in), bfloat16 scales (out,)): each row divided so that its largest magnitude becomes ``largest``."""
    full = weight.float()
    scales = (full.abs().amax(dim=1) / largest).clamp(min=1e-12).to(torch.bfloat16)
    return (full / scales.float()[:, None]).round_().clamp_(-largest, largest).to(torch.int8), scales


def quantize(model: nn.Module) -> int:
    """Replace what this CPU multiplies faster by small weights, in place; how many layers (0: all stay dense)."""
    return _quantize_head(model) + halve(model)


def _quantize_head(model: Any) -> int:
    """The output layer, where it is large and plain and the calls exist."""
    head = getattr(model, HEAD, None)
    if type(head) is not nn.Linear or head.weight.dtype not in FORMATS or head.bias is not None:
        return 0
    if head.out_features < LARGE_HEAD:
        return 0
    try:
        made = ShortlistHead(head)
    except (RuntimeError, AttributeError, NotImplementedError):
        return 0
    if not comes_close(made.rough, head, TOLERATED):
        return 0
    setattr(model, HEAD, made)
    return 1
