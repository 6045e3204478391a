"""Where a short training stands, in one file: what a killed run goes on from, to the same weights.

Knows weights, optimiser, schedule and random state; the order of the examples follows from the seed and the step.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from core.training.options import TrainingOptions

EVERY_S = 30.0  # so much work is lost at most


class Standing:
    """Kept at ``path`` for one training, told by ``key``; None keeps nothing."""

    def __init__(self, path: Path | None, key: str, weights: Sequence[torch.Tensor], *parts: Any) -> None:
        """``parts`` have state_dict and load_state_dict: optimiser, schedule."""
        self._path, self._key, self._weights, self._parts = path, key, list(weights), parts
        self._kept_at = time.monotonic()

    @torch.no_grad()
    def step(self) -> int:
        """The step at which the kept training stood, everything set as it was then; 0 when there is none to go on."""
        kept = self._read()
        if kept is None:
            return 0
        for weight, value in zip(self._weights, kept["weights"], strict=True):
            weight.copy_(value)
        for part, state in zip(self._parts, kept["parts"], strict=True):
            part.load_state_dict(state)
        torch.set_rng_state(kept["random"])
        return int(kept["step"])

    def keep(self, step: int) -> None:
        """Write where the training stands, now and then."""
        if self._path is None or time.monotonic() - self._kept_at < EVERY_S:
            return
        state = {
            "key": self._key,
            "step": step,
            "weights": [weight.detach() for weight in self._weights],
            "parts": [part.state_dict() for part in self._parts],
            "random": torch.get_rng_state(),
        }
        written = self._path.with_name(f"{self._path.name}.new")
        torch.save(state, written)
        written.replace(self._path)
        self._kept_at = time.monotonic()

    def forget(self) -> None:
        """The training is over."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _read(self) -> dict[str, Any] | None:
        """What is kept, when it is whole and of this training; read without pickled code."""
        try:
            kept = torch.load(self._path, weights_only=True) if self._path is not None else None
        except (OSError, RuntimeError, ValueError, EOFError, KeyError):
            return None
        return kept if isinstance(kept, dict) and kept.get("key") == self._key else None


def key_of(options: TrainingOptions, examples: Sequence[Any], *more: object) -> str:
    """What a training must have in common with a kept one: options, examples and whatever else it is made of."""
    digest = hashlib.sha256(repr((sorted(asdict(options).items()), *more)).encode())
    for example in examples:
        digest.update(repr(example).encode())
    return digest.hexdigest()
