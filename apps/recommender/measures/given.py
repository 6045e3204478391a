"""Vectors made before, often on a GPU, in the place of an encoder; refuses texts they were not made for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.errors import DataError
from core.events import OnEvent, ignore
from core.inference.embedding import Vectors


class GivenVectors:
    """An embedder of fixed texts; rows need not be unit vectors."""

    def __init__(self, name: str, texts: Sequence[str], vectors: Vectors) -> None:
        if len(texts) != len(vectors):
            raise DataError(f"{len(texts)} texts but {len(vectors)} vectors of '{name}': make them again.")
        self.name, self.dim = name, int(vectors.shape[1])
        self.languages: tuple[str, ...] = ("en", "zh", "other")
        length = np.linalg.norm(vectors, axis=1, keepdims=True).clip(min=1e-9)
        self._rows = dict(zip(texts, np.asarray(vectors / length, np.float32), strict=True))

    def encode(self, texts: Sequence[str], on_event: OnEvent = ignore) -> Vectors:
        """(n, dim) unit rows of texts that were given."""
        unknown = next((one for one in texts if one not in self._rows), None)
        if unknown is not None:
            raise DataError(f"'{self.name}' has no vector of '{unknown[:60]}'.")
        return np.stack([self._rows[one] for one in texts])
