"""The text interest model: item texts as cached vectors, and a person as the attention-pooled vectors of what she met.

The encoders (one of them LoRA fine-tuned on behaviour, see ``training``) come from ``core``; pooling is arithmetic on
their vectors, so a new item or event needs no retraining.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from apps.recommender.records import Item
from core.events import OnEvent, ignore
from core.inference.embedding import Embedder
from core.retrieval.vector_cache import VectorCache
from core.text import content_hash, language

Vectors = npt.NDArray[np.float32]
SECOND = 0.6  # weight of each further encoder's vector beside the first one's


@dataclass(frozen=True)
class Pooling:
    """How a person's items are weighed: ``decay`` per step into the past, ``focus`` on what is like the newest one."""

    decay: float = 0.7
    focus: float = 0.0

    def weights(self, vectors: Vectors, worths: Vectors) -> Vectors:
        """(n,) attention that sums to 1; ``vectors`` (n, dim) unit rows and ``worths`` (n,) > 0, oldest first."""
        steps = np.arange(len(worths) - 1, -1, -1, dtype=np.float32)
        likeness = vectors @ vectors[-1]
        attention = worths * self.decay**steps * np.exp(self.focus * (likeness - 1))
        return np.asarray(attention / attention.sum(), np.float32)

    def person(self, vectors: Vectors, worths: Vectors) -> Vectors:
        """(dim,) unit vector of the person."""
        return unit(self.weights(vectors, worths) @ vectors)


def unit(vector: Vectors) -> Vectors:
    """The vector at length 1; a zero vector stays."""
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float32)


class TextModel:
    """One or more encoders side by side: each writes its part of an item's vector if it reads the item's language."""

    def __init__(self, embedders: Sequence[Embedder], cache_folder: Path | None = None) -> None:
        self.embedders = tuple(embedders)
        self.dim = sum(one.dim for one in embedders)
        self._caches = [VectorCache(_cache_file(cache_folder, one.name), one.dim) for one in embedders]

    @property
    def name(self) -> str:
        """Names the encoders and their adapters: vectors under one name are comparable."""
        return " | ".join(one.name for one in self.embedders) or "no text model"

    def encode(self, items: Sequence[Item], on_event: OnEvent = ignore) -> Vectors:
        """(n, dim) unit rows by text alone, cached by text and model; a text that no encoder reads is a zero row."""
        texts = [one.text for one in items]
        spoken = [languages_of(one) for one in items]
        parts = []
        for place, (embedder, cache) in enumerate(zip(self.embedders, self._caches, strict=True)):
            read = [n for n, there in enumerate(spoken) if reads(embedder.languages, there)]
            part = np.zeros((len(items), embedder.dim), np.float32)
            if read:
                part[read] = cache.vectors([texts[n] for n in read], embedder.encode, on_event, "item texts")
            parts.append(part * (SECOND if place else 1.0))
        whole = np.concatenate(parts, axis=1) if parts else np.zeros((len(items), 0), np.float32)
        return np.asarray(whole / np.linalg.norm(whole, axis=1, keepdims=True).clip(min=1e-9), np.float32)


def languages_of(item: Item) -> frozenset[str]:
    """Languages an item is written in: the said one, else those of its title and of its description; {} is unknown."""
    if item.language:
        return frozenset({item.language})
    return frozenset({language(item.title), language(item.description)} - {"other"})


def reads(languages: Collection[str], spoken: Collection[str]) -> bool:
    """Whether an encoder of these languages reads a text in those; unknown on either side is tried."""
    return not languages or not spoken or bool(set(languages) & set(spoken))


def best_pooling(
    histories: Sequence[tuple[Vectors, Vectors]], targets: Iterable[int], vectors: Vectors, grid: Sequence[Pooling]
) -> Pooling:
    """The pooling that puts later choices nearest: highest mean reciprocal rank of the targets among all ``vectors``.

    ``histories`` are (vectors, worths) per choice, ``targets`` rows of ``vectors`` (n, dim).
    """
    wanted = list(targets)
    scores = []
    for pooling in grid:
        people = np.stack([pooling.person(*history) for history in histories]) @ vectors.T  # (choices, n)
        own = people[np.arange(len(wanted)), wanted]
        scores.append(float((1.0 / (1 + (people > own[:, None]).sum(1))).mean()))
    return grid[int(np.argmax(scores))]


GRID = tuple(Pooling(decay, focus) for decay in (0.4, 0.6, 0.75, 0.85, 0.95) for focus in (0.0, 1.5, 3.0))


def _cache_file(folder: Path | None, name: str) -> Path | None:
    return folder / f"items-{content_hash(name)[:16]}.db" if folder is not None else None
