"""Texts in, calibrated probabilities out, by a fine-tuned transformer; spans out of texts by a token classifier.

A classifier is a base model plus a LoRA adapter whose task.json names labels and calibration. Linear heads over
embeddings are in ``core.inference.linear``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from core.errors import AdapterError, ModelError
from core.inference.buckets import buckets, padded
from core.models.calibration import Calibration
from core.models.spans import likely_spans
from core.models.words import words_of

if TYPE_CHECKING:
    from core.models.device import DevicePlan

Probabilities = npt.NDArray[np.float32]


class Classifier(Protocol):
    """Gives (n, labels) float32 probabilities in the order of ``labels``; a row does not depend on its batch."""

    labels: tuple[str, ...]

    def predict_proba(self, texts: Sequence[str]) -> Probabilities: ...


@dataclass(frozen=True)
class LabelledSpan:
    """A piece of a text: ``text[start:end]``, most likely of ``kind``; ``probability`` that it is of any kind."""

    start: int
    end: int
    kind: str
    probability: float


class Adapted:
    """A base with a trained head, loaded, checked, merged and ready; what all classifiers share."""

    def __init__(self, base: Path, adapter: Path | None, plan: DevicePlan, tasks: tuple[str, ...]) -> None:
        from core.models import device
        from core.models.adapters import check_trained
        from core.models.mapped_embedding import map_embedding
        from core.models.memory import give_back
        from core.models.precision import for_inference

        device.apply(plan)
        task: dict[str, Any] = check_trained(adapter, base) if adapter is not None else {"labels": _own_labels(base)}
        if adapter is not None and task.get("task") not in tasks:
            raise AdapterError(f"Adapter '{adapter.name}' was trained for '{task.get('task')}', not for {tasks[0]}.")
        self.record = task
        self.task = str(task.get("task", tasks[0]))
        self.labels = tuple(str(label) for label in task.get("labels", ()))
        self.calibration = Calibration.from_record(task.get("calibration", {}))
        self.model, self.tokenizer = self._load(base, adapter, plan)
        self.dtype = for_inference(self.model, plan)
        self.plan = plan
        map_embedding(self.model, base)
        give_back()
        self.most_tokens = int(min(task.get("max_tokens") or 512, self.tokenizer.model_max_length))

    def _load(self, base: Path, adapter: Path | None, plan: DevicePlan) -> tuple[Any, Any]:
        from core.models.adapted import merged, with_adapter
        from core.models.heads import HeadSet
        from core.models.loading import load_headed, load_sequence_classifier, load_token_classifier

        if self.task == "heads":
            model, tokenizer = load_headed(base, plan, HeadSet.from_record(self.record.get("heads", {})))
        elif self.task == "token":
            model, tokenizer = load_token_classifier(base, plan, self.labels)
        else:
            kind = "multi_label" if self.task == "multi_label" else "single_label"
            model, tokenizer = load_sequence_classifier(base, plan, self.labels, kind)
        return (merged(with_adapter(model, adapter)) if adapter is not None else model), tokenizer

    def scores(self, rows: list[list[int]]) -> npt.NDArray[np.float32]:
        """The head's float32 scores of token rows: (n, labels), or (n, tokens, labels) of a token classifier."""
        import torch

        from core.models import device
        from core.models.precision import autocast

        batch = padded(rows, self.tokenizer, self.model.device)
        device.apply(self.plan, batch["input_ids"].numel())
        with torch.inference_mode(), autocast(str(self.model.device), self.dtype):
            logits = self.model(**batch).logits
        return np.asarray(logits.float().cpu().numpy())


class SequenceClassifier:
    """One label per text, or several (then each probability stands alone), by a transformer with a trained head."""

    def __init__(self, base: Path, adapter: Path | None, plan: DevicePlan) -> None:
        """``adapter`` None takes a folder that brings its own head and labels, as models of a hub do."""
        self._adapted = Adapted(base, adapter, plan, ("sequence", "multi_label"))
        self.labels = self._adapted.labels
        self.several = self._adapted.task == "multi_label"

    def scores(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """(n, labels) scores before calibration."""
        rows = np.empty((len(texts), len(self.labels)), np.float32)
        if not texts:
            return rows
        limit = self._adapted.most_tokens
        tokens = self._adapted.tokenizer(list(texts), truncation=True, max_length=limit)["input_ids"]
        for batch in buckets([len(row) for row in tokens]):
            rows[batch] = self._adapted.scores([tokens[number] for number in batch])
        return rows

    def predict_proba(self, texts: Sequence[str]) -> Probabilities:
        """(n, labels) float32, calibrated; rows sum to 1 unless several labels may hold."""
        return self._adapted.calibration.probabilities(self.scores(texts))


class TokenClassifier:
    """Finds labelled spans, such as company names, by a transformer with a token head."""

    def __init__(self, base: Path, adapter: Path | None, plan: DevicePlan) -> None:
        self._adapted = Adapted(base, adapter, plan, ("token",))
        self.labels = self._adapted.labels

    def spans(self, texts: Sequence[str]) -> list[list[LabelledSpan]]:
        """The spans of each text in order; characters past the model's limit are not read."""
        found: list[list[LabelledSpan]] = [[] for _ in texts]
        if not texts:
            return found
        limit = self._adapted.most_tokens
        encoded = self._adapted.tokenizer(list(texts), truncation=True, max_length=limit, return_offsets_mapping=True)
        tokens, offsets = encoded["input_ids"], encoded["offset_mapping"]
        for batch in buckets([len(row) for row in tokens]):
            scores = self._adapted.scores([tokens[number] for number in batch])
            for row, number in enumerate(batch):
                probabilities = self._adapted.calibration.probabilities(scores[row, : len(tokens[number])])
                found[number] = spans_of(texts[number], offsets[number], probabilities, self.labels)
        return found


def spans_of(
    text: str, offsets: Sequence[tuple[int, int]], probabilities: Probabilities, names: Sequence[str]
) -> list[LabelledSpan]:
    """Labelled spans from (tokens, labels) probabilities; a word's label is that of its first token, as in training."""
    words = words_of(text, offsets)
    found = likely_spans(probabilities[[word.row for word in words]], names)
    return [LabelledSpan(words[first].start, words[last - 1].end, kind, p) for first, last, kind, p in found]


def _own_labels(base: Path) -> list[str]:
    """Labels that a model folder with a head of its own names in its config."""
    import json

    try:
        named = json.loads((base / "config.json").read_text(encoding="utf-8")).get("id2label") or {}
    except (OSError, ValueError) as error:
        raise ModelError(f"Model folder '{base}' has no readable config.json.") from error
    if len(named) < 2:
        raise ModelError(f"Model '{base.name}' has no classifier's head of its own: give an adapter trained for it.")
    return [str(named[number]) for number in sorted(named, key=int)]
