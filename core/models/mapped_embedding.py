"""Leaves a model's vocabulary matrix in its file: looked up through the page cache, shared by all models and processes.

Of Gemma 270M's 268 million weights 168 million are this matrix. Read into memory as float32 it takes 0.67 GB for every
model on the base; mapped from the file it takes 0.34 GB once. On a CPU only, and not for training.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.func import functional_call

from core.models.quantization import ShortlistHead

BLOCK_ROWS = 1 << 14  # rows compared at once


class MappedEmbedding(nn.Module):
    """Looks tokens up in a mapped matrix and answers in the format the model computes in, just as ``original`` did."""

    def __init__(self, original: Any, matrix: torch.Tensor) -> None:
        super().__init__()
        self.dtype, self.width = original.weight.dtype, matrix.shape[1]
        # not a parameter: casting or saving the model must not touch the file
        self._matrix = (matrix,)
        self.original = original
        original.padding_idx = None
        original.weight = nn.Parameter(torch.empty(0, dtype=self.dtype), requires_grad=False)

    @property
    def weight(self) -> torch.Tensor:
        """(vocabulary, width) in the file's format."""
        return self._matrix[0]

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        rows = self.weight[input_ids.reshape(-1)].to(self.dtype)
        places = torch.arange(len(rows), device=input_ids.device).view(input_ids.shape)
        found: torch.Tensor = functional_call(self.original, {"weight": rows}, (places,))  # scaled as its kind does
        return found


def map_vocabulary(model: Any, folder: Path) -> None:
    """A generator's input embedding, and its output layer too where that is quantised and rarely read whole."""
    head, embedding = model.get_output_embeddings(), model.get_input_embeddings()
    if not isinstance(head, ShortlistHead):
        return
    tied = head.weight is embedding.weight
    matrix = map_embedding(model, folder)
    matrix = matrix if tied else _same_in(folder, head.weight.data)
    if matrix is not None:
        head.weight = nn.Parameter(matrix, requires_grad=False)


def map_embedding(model: Any, folder: Path) -> torch.Tensor | None:
    """Replace the input embedding by the matrix in ``folder``'s file; the matrix, or None where it is left as it was.

    It is left on a GPU, and where no matrix of the file equals it: training or an adapter may have changed it.
    """
    embedding = model.get_input_embeddings()
    if type(embedding) is MappedEmbedding or embedding.weight.device.type != "cpu":
        return None
    matrix = _same_in(folder, embedding.weight.data)
    if matrix is not None:
        model.set_input_embeddings(MappedEmbedding(embedding, matrix))
    return matrix


def _same_in(folder: Path, weight: torch.Tensor) -> torch.Tensor | None:
    """The mapped matrix with the values of ``weight``; None where there is none."""
    from safetensors import safe_open

    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "pt") as stored:
            for name in stored.keys():  # noqa: SIM118 - not a mapping
                if tuple(stored.get_slice(name).get_shape()) == tuple(weight.shape):
                    matrix: torch.Tensor = stored.get_tensor(name)
                    if _equal(matrix, weight):
                        return matrix
    return None


def _equal(matrix: torch.Tensor, weight: torch.Tensor) -> bool:
    pairs = zip(matrix.split(BLOCK_ROWS), weight.split(BLOCK_ROWS), strict=True)
    return all(torch.equal(ours.to(theirs.dtype), theirs) for ours, theirs in pairs)
