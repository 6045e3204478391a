"""One forward pass over some rows of the cache: ids in, logits out. Builds positions and masks for any decoder.

A sliding-window layer gets its own mask; the cache itself keeps every token.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from core.inference.rows import RowCache
from core.models.threads import Threads

STEP_ROWS = 8  # tokens of one step, guesses included: what the small weights multiply in little more time than one


class Passes:
    """A model with its row cache."""

    def __init__(self, model: Any, rows: int, threads: Threads) -> None:
        self.model = model
        self.threads = threads
        self.cache = RowCache(rows)
        config = model.config.get_text_config()
        self.layer_types: set[str] = set(getattr(config, "layer_types", None) or ())
        self.window: int | None = getattr(config, "sliding_window", None)
        self.vocabulary = int(config.vocab_size)
        self.longest = int(getattr(config, "max_position_embeddings", None) or 2048)
        self.bool_masks = config._attn_implementation == "sdpa"

    def run(
        self,
        first: int,
        ids: Sequence[Sequence[int]],
        starts: Sequence[int],
        keep: int | torch.Tensor = 0,
        positions: torch.Tensor | None = None,
        visible: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Logits (rows, kept, vocabulary) of ``ids`` written into rows ``first``… from ``starts`` on.

        Shorter rows are padded: what the padding writes lies beyond the row's length and is overwritten later.
        ``keep`` is the number of last positions, or the indices of those, whose logits are wanted; 0 is all.
        ``positions`` (rows, tokens) and ``visible`` (rows, tokens, span) replace the plain causal order.
        """
        device = self.model.device
        width = max(len(row) for row in ids)
        padded = torch.tensor([[*row, *[0] * (width - len(row))] for row in ids], device=device)
        begins = torch.tensor(starts, device=device)[:, None]
        places = begins + torch.arange(width, device=device)  # (rows, tokens)
        self.cache.begin(first, starts, width)
        torch.set_num_threads(self.threads.step if padded.numel() <= STEP_ROWS else self.threads.batch)
        span = torch.arange(max(starts) + width, device=device)
        if visible is None:
            visible = span <= places[:, :, None]  # (rows, tokens, span)
        positions = places if positions is None else positions
        return self.model(
            input_ids=padded,
            attention_mask=self._masks(visible, positions, span),
            position_ids=positions,
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=keep,
        ).logits

    def _masks(self, visible: torch.Tensor, positions: torch.Tensor, span: torch.Tensor) -> Any:
        full = self._form(visible)
        if self.window is None or not self.layer_types or "sliding_attention" not in self.layer_types:
            return full if self.window is None or self.layer_types else self._form(self._near(visible, positions, span))
        near = full if span.numel() <= self.window else self._form(self._near(visible, positions, span))
        return {kind: near if kind == "sliding_attention" else full for kind in self.layer_types}

    def _near(self, visible: torch.Tensor, positions: torch.Tensor, span: torch.Tensor) -> torch.Tensor:
        return visible & (span > positions[:, :, None] - int(self.window or 0))

    def _form(self, visible: torch.Tensor) -> torch.Tensor:
        mask = visible[:, None]  # (rows, 1, tokens, span)
        if self.bool_masks:
            return mask
        zeros = torch.zeros(mask.shape, dtype=self.model.dtype, device=mask.device)
        return zeros.masked_fill(~mask, torch.finfo(self.model.dtype).min)
