"""A cross-encoder: how well each of some texts answers to a query, both read together. Slow, so for a few only.

Any sequence classifier with one output serves (MiniLM or BGE rerankers of a hub, or a folder); none is bundled.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from core.errors import ModelError

if TYPE_CHECKING:
    from core.models.device import DevicePlan

MOST_TOKENS = 256  # of query and text together
Relevance = npt.NDArray[np.float32]


class PairScorer(Protocol):
    """Anything that gives each text a relevance to a query; higher is better, the scale is its own."""

    name: str

    def scores(self, query: str, texts: Sequence[str]) -> Relevance: ...


class CrossEncoder:
    """A sequence classifier with one output as a ``PairScorer``. Raises ``ModelError`` for one with several."""

    def __init__(self, name: str, home: Path, plan: DevicePlan) -> None:
        from core.models.catalog import ensure, resolve
        from core.models.loading import load_sequence_classifier
        from core.models.precision import for_inference

        description = resolve(name)
        self.name = description.name
        folder = ensure(description, home)
        self._model, self._tokenizer = load_sequence_classifier(folder, plan, ("relevance",))
        if self._model.config.num_labels != 1:
            raise ModelError(f"'{name}' has {self._model.config.num_labels} outputs; a reranker has one.")
        for_inference(self._model, plan)

    def scores(self, query: str, texts: Sequence[str]) -> Relevance:
        """(texts,) relevance of each text to the query."""
        import torch

        if not texts:
            return np.zeros(0, np.float32)
        pairs = ([query] * len(texts), list(texts))
        inputs = self._tokenizer(*pairs, truncation=True, max_length=MOST_TOKENS, padding=True, return_tensors="pt")
        with torch.inference_mode():
            logits = self._model(**inputs.to(self._model.device)).logits
        return np.asarray(logits[:, 0].float().cpu().numpy(), np.float32)
