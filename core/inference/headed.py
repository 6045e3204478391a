"""Texts in, the answers of all heads out, by one pass of a fine-tuned backbone; and which tokens moved an answer.

What the heads mean is an app's business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from core.errors import DataError
from core.inference.buckets import buckets, padded
from core.inference.classification import Adapted, LabelledSpan, Probabilities, spans_of
from core.models.calibration import Calibration
from core.models.heads import HeadSet

if TYPE_CHECKING:
    from core.models.device import DevicePlan

Offsets = list[tuple[int, int]]


@dataclass(frozen=True)
class Answers:
    """Per head by name: (n, labels) calibrated probabilities, or the spans of each text where it labels words."""

    probabilities: Mapping[str, Probabilities]
    spans: Mapping[str, list[list[LabelledSpan]]]


class HeadedClassifier:
    """A backbone with its heads, merged and ready; a text's answers do not depend on the batch it came in."""

    def __init__(self, base: Path, adapter: Path, plan: DevicePlan) -> None:
        self._adapted = Adapted(base, adapter, plan, ("heads",))
        self.record = self._adapted.record  # task.json, where an app may keep more of its own
        self.heads = HeadSet.from_record(self.record["heads"])
        stored = self.record.get("calibrations", {})
        self.calibrations = {name: Calibration.from_record(stored.get(name, {})) for name in self.heads.names}

    def answer(self, texts: Sequence[str], only: Sequence[str] | None = None) -> Answers:
        """The answers of the heads named in ``only``, or of all, in the order of ``texts``.

        Characters past the model's limit are not read. Raises ``DataError`` for a head that is not there.
        """
        wanted = [self.heads[name] for name in (self.heads.names if only is None else only)]
        tables: dict[str, Probabilities] = {
            head.name: np.empty((len(texts), len(head.labels)), np.float32) for head in wanted if head.kind != "token"
        }
        spans: dict[str, list[list[LabelledSpan]]] = {
            head.name: [[] for _ in texts] for head in wanted if head.kind == "token"
        }
        tokens, offsets = self._tokens(texts)
        for batch in buckets([len(row) for row in tokens]):
            scores = self._scores([tokens[number] for number in batch], tuple(head.name for head in wanted))
            for name in tables:
                tables[name][batch] = self.calibrations[name].probabilities(scores[name])
            for name in spans:
                for row, number in enumerate(batch):
                    likely = self.calibrations[name].probabilities(scores[name][row, : len(tokens[number])])
                    spans[name][number] = spans_of(texts[number], offsets[number], likely, self.heads[name].labels)
        return Answers(tables, spans)

    def influence(self, text: str, head: str, label: str) -> list[tuple[int, int, float]]:
        """(start, end, weight) of each token: how much its embedding moved the head's score for ``label``.

        Gradient times input (Shrikumar et al. 2016), in units of the score; positive speaks for the label.
        """
        import torch

        from core.models.precision import autocast

        if label not in self.heads[head].labels or self.heads[head].kind == "token":
            raise DataError(f"Head '{head}' gives no score for '{label}' to a whole text.")
        tokens, offsets = self._tokens([text])
        model = self._adapted.model
        batch = padded(tokens, self._adapted.tokenizer, model.device)
        with torch.enable_grad(), autocast(str(model.device), self._adapted.dtype):
            embedded = model.get_input_embeddings()(batch["input_ids"]).detach().float().requires_grad_(True)
            scores = model(inputs_embeds=embedded, attention_mask=batch["attention_mask"], only=(head,))
            scores[head][0, self.heads[head].labels.index(label)].float().backward()
        assert embedded.grad is not None
        weights = (embedded.grad * embedded.detach()).sum(-1)[0].tolist()
        return [(start, end, weight) for (start, end), weight in zip(offsets[0], weights, strict=True) if end > start]

    def _tokens(self, texts: Sequence[str]) -> tuple[list[list[int]], list[Offsets]]:
        if not texts:
            return [], []
        limit = self._adapted.most_tokens
        encoded = self._adapted.tokenizer(list(texts), truncation=True, max_length=limit, return_offsets_mapping=True)
        return encoded["input_ids"], encoded["offset_mapping"]

    def _scores(self, rows: list[list[int]], only: tuple[str, ...]) -> dict[str, npt.NDArray[np.float32]]:
        import torch

        from core.models import device
        from core.models.precision import autocast

        batch: dict[str, Any] = padded(rows, self._adapted.tokenizer, self._adapted.model.device)
        device.apply(self._adapted.plan, batch["input_ids"].numel())
        with torch.inference_mode(), autocast(str(self._adapted.model.device), self._adapted.dtype):
            scores = self._adapted.model(**batch, only=only)
        return {name: np.asarray(each.float().cpu().numpy()) for name, each in scores.items()}
