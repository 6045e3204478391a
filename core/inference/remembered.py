"""An embedder that remembers its last texts: one question is read once, however many parts ask for its vector."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from core.inference.embedding import Embedder

KEPT = 512
MOST_AT_ONCE = 8  # larger batches are ingests, whose vectors have a cache on disk


class RememberedEmbedder:
    """Same protocol as the embedder it wraps, same vectors. Safe for several threads."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._vectors: OrderedDict[str, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()
        self.name, self.dim, self.languages = embedder.name, embedder.dim, embedder.languages

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """(n, dim) float32 unit rows."""
        if not 0 < len(texts) <= MOST_AT_ONCE:
            return self._embedder.encode(texts)
        with self._lock:
            missing = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        fresh = dict(zip(missing, self._embedder.encode(missing), strict=True)) if missing else {}
        with self._lock:
            self._vectors.update(fresh)
            found = [self._vectors[text] for text in texts if text in self._vectors]
            while len(self._vectors) > KEPT:
                self._vectors.popitem(last=False)
        # a text pushed out by another thread between the two locks is simply read again
        return np.stack(found) if len(found) == len(texts) else self._embedder.encode(texts)
