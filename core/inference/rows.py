"""Keys and values of several conversations side by side, each at its own length, and prompts kept for reuse.

Knows tensors and token ids; which request sits in which row is the scheduler's matter.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers.cache_utils import Cache

GROW = 256  # tokens by which rows are lengthened at a time


class RowCache(Cache):
    """One (rows, heads, room, dim) tensor per layer and side. Rows 0..n-1 are in use, so a step needs no gathering.

    Before each forward pass ``begin`` says which rows it works on and where each row's new tokens go; every layer keeps
    its full length, sliding-window layers too, so that a prefix can be reused at any point.
    """

    def __init__(self, rows: int) -> None:
        super().__init__(layers=[])
        self.rows = rows
        self.room = 0
        self.keys: list[torch.Tensor] = []
        self.values: list[torch.Tensor] = []
        self._first = 0
        self._starts: list[int] = []
        self._span = 0

    def reserve(self, tokens: int) -> None:
        """Make every row at least ``tokens`` long, keeping what is there."""
        if tokens > self.room:
            self.room = (tokens + GROW - 1) // GROW * GROW
            self.keys = [self._longer(side) for side in self.keys]
            self.values = [self._longer(side) for side in self.values]

    def release(self) -> None:
        """Give the memory back; only when no row is in use."""
        self.room, self.keys, self.values = 0, [], []

    def begin(self, first: int, starts: Sequence[int], tokens: int) -> None:
        """The next pass works on rows ``first``, ``first+1``, …; row i writes ``tokens`` from ``starts[i]`` on."""
        self._first, self._starts = first, list(starts)
        self._span = max(starts) + tokens
        self.reserve(self._span)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write this pass's keys and values of one layer and return what its rows may attend to."""
        if layer_idx == len(self.keys):
            self.keys.append(self._empty(key_states))
            self.values.append(self._empty(value_states))
        return self._write(self.keys[layer_idx], key_states), self._write(self.values[layer_idx], value_states)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Longest row before this pass; positions are always given, so no model relies on it."""
        return max(self._starts, default=0)

    def move(self, source: int, target: int, length: int) -> None:
        """Copy a row's first ``length`` tokens into another row."""
        for side in (*self.keys, *self.values):
            side[target, :, :length] = side[source, :, :length]

    def copy_out(self, row: int, length: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """(keys, values) of each layer, (heads, length, dim), as copies."""
        pairs = zip(self.keys, self.values, strict=True)
        return [(keys[row, :, :length].clone(), values[row, :, :length].clone()) for keys, values in pairs]

    def copy_in(self, row: int, kept: Sequence[tuple[torch.Tensor, torch.Tensor]], length: int) -> None:
        """Begin a row with the first ``length`` tokens of a kept prompt."""
        self.reserve(length)
        if not self.keys:  # released meanwhile
            self.keys = [self._empty(keys[None]) for keys, _ in kept]
            self.values = [self._empty(values[None]) for _, values in kept]
        for layer, (keys, values) in enumerate(kept):
            self.keys[layer][row, :, :length] = keys[:, :length]
            self.values[layer][row, :, :length] = values[:, :length]

    def _write(self, side: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        tokens = states.shape[2]
        for offset, start in enumerate(self._starts):
            side[self._first + offset, :, start : start + tokens] = states[offset]
        return side[self._first : self._first + len(self._starts), :, : self._span]

    def _empty(self, like: torch.Tensor) -> torch.Tensor:
        return torch.zeros(self.rows, like.shape[1], self.room, like.shape[3], dtype=like.dtype, device=like.device)

    def _longer(self, side: torch.Tensor) -> torch.Tensor:
        longer = torch.zeros(
            side.shape[0], side.shape[1], self.room, side.shape[3], dtype=side.dtype, device=side.device
        )
        longer[:, :, : side.shape[2]] = side
        return longer


@dataclass(frozen=True)
class KeptPrompt:
    """Tokens whose keys and values are kept, under the adapter that made them."""

    adapter: str
    ids: tuple[int, ...]
    layers: list[tuple[torch.Tensor, torch.Tensor]]


class PromptStore:
    """The most recently used prompts, so that a shared beginning is computed once; bounded by a number of tokens."""

    def __init__(self, most_tokens: int) -> None:
        self.most_tokens = most_tokens
        self.kept: OrderedDict[tuple[str, tuple[int, ...]], KeptPrompt] = OrderedDict()

    def find(self, adapter: str, ids: Sequence[int]) -> tuple[KeptPrompt | None, int]:
        """(the kept prompt with the longest common beginning, its length); (None, 0) when nothing is shared."""
        best, longest = None, 0
        for prompt in self.kept.values():
            shared = common_beginning(prompt.ids, ids) if prompt.adapter == adapter else 0
            if shared > longest:
                best, longest = prompt, shared
        if best is not None:
            self.kept.move_to_end((best.adapter, best.ids))
        return best, longest

    def keep(self, adapter: str, ids: Sequence[int], layers: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
        """Keep a prompt; entries that are beginnings of it go, then the least recently used beyond the bound."""
        prompt = KeptPrompt(adapter, tuple(ids), layers)
        for key, other in list(self.kept.items()):
            if other.adapter == adapter and prompt.ids[: len(other.ids)] == other.ids:
                del self.kept[key]
        self.kept[(adapter, prompt.ids)] = prompt
        while len(self.kept) > 1 and sum(len(entry.ids) for entry in self.kept.values()) > self.most_tokens:
            self.kept.popitem(last=False)


def common_beginning(left: Sequence[int], right: Sequence[int]) -> int:
    """Number of equal leading ids.

    >>> common_beginning([1, 2, 3], [1, 2, 4, 5])
    2
    """
    length = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        length += 1
    return length
