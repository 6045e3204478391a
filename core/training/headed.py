"""Objective of several heads over one backbone: each example teaches the heads it has labels for.

So sets that answer different questions train one model: sentiment from one, topics from another, names from a third.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from core.errors import DataError
from core.models import loading
from core.models.calibration import Calibration, fit
from core.models.heads import Head, HeadSet
from core.models.spans import labelled_spans
from core.models.words import words_of
from core.training import examples as ex
from core.training.batches import pad, pad_id_of, text_batch
from core.training.objectives import Batch, Outcome

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from core.models.device import DevicePlan

ROW_END = -1  # target that separates texts where words of several are joined
WORDS_PER_LABEL = 16.0  # so many labelled words weigh as much as one label of a text
UNSAID = float(ex.IGNORED)  # a row of a head's targets that says nothing


@dataclass
class Headed:
    """Softmax, sigmoids and word labels together; checkpoints picked by the mean of the heads' figures."""

    heads: HeadSet
    label_smoothing: float = 0.0
    task_type: str = "FEATURE_EXTRACTION"
    best: str = "score"
    best_is_highest: bool = True
    by_row: bool = True

    def load(self, base: Path, plan: DevicePlan) -> tuple[Any, Any]:
        return loading.load_headed(base, plan, self.heads)

    def encode(self, tokenizer: Any, examples: Sequence[Any], max_tokens: int) -> list[ex.Features]:
        return [encode_headed(tokenizer, example, self.heads, max_tokens) for example in examples]

    def collate(self, tokenizer: Any, features: Sequence[ex.Features]) -> Batch:
        """The texts and, per head, targets for every row; rows without that head's label hold IGNORED."""
        batch = text_batch(features, pad_id_of(tokenizer))
        width = batch["input_ids"].shape[1]
        for head in self.heads.heads:
            rows = [feature["targets"].get(head.name) for feature in features]
            batch[head.name] = _targets(head, rows, width)
        return batch

    def count(self, batch: Batch) -> int:
        """Labels in the batch: one for each head that a text has labels for."""
        return sum(int(_said(batch[name]).sum()) for name in self.heads.names)

    def losses(self, model: Any, batch: Batch) -> Outcome:
        scores = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
        smoothing = self.label_smoothing if model.training else 0.0
        losses, predictions, targets = [], [], []
        for number, head in enumerate(self.heads.heads):
            said = _said(batch[head.name])
            here, wanted = scores[head.name][said].float(), batch[head.name][said]
            losses.append(head.weight * _losses(head, here, wanted, smoothing))
            if not model.training:
                rows, answers = _rows(head, here, wanted)
                predictions.append(_widened(rows, self._width))
                targets.append(
                    _widened(torch.cat([torch.full_like(answers[:, :1], number), answers], 1), self._width + 1)
                )
        if model.training:
            return Outcome(torch.cat(losses))
        return Outcome(torch.cat(losses), torch.cat(predictions), torch.cat(targets))

    def measure(self, predictions: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
        """Each head's figures under its name, and ``score``: the mean of their macro-F1 and span F1."""
        figures: dict[str, float] = {}
        main = []
        for head, scores, wanted in self._by_head(predictions, targets):
            found = _measured(head, scores, wanted)
            figures |= {f"{head.name}_{name}": value for name, value in found.items()}
            main.append(found["span_f1" if head.kind == "token" else "macro_f1"])
        return {**figures, "score": sum(main) / len(main)}

    def record(self, outcome: Outcome | None, method: str) -> dict[str, Any]:
        """For task.json: the heads and, from held-out predictions, each one's calibration."""
        calibrations = {head.name: Calibration(head.kind == "several") for head in self.heads.heads}
        if outcome is not None and outcome.predictions is not None and outcome.targets is not None:
            for head, scores, wanted in self._by_head(outcome.predictions, outcome.targets):
                several = head.kind == "several"
                if head.kind == "token":
                    word = wanted[:, 0] != ROW_END
                    scores, wanted = scores[word], wanted[word]
                goal = wanted if several else wanted[:, 0].astype(int)
                calibrations[head.name] = fit(scores, goal, several, method)
        return {
            "heads": self.heads.as_record(),
            "calibrations": {name: each.as_record() for name, each in calibrations.items()},
        }

    @property
    def _width(self) -> int:
        return max(len(head.labels) for head in self.heads.heads)

    def _by_head(
        self, predictions: torch.Tensor, targets: torch.Tensor
    ) -> Iterator[tuple[Head, npt.NDArray[np.float32], npt.NDArray[np.float32]]]:
        """(head, scores (rows, labels), targets (rows, 1 or labels)) of every head that anything was said about."""
        for number, head in enumerate(self.heads.heads):
            own = targets[:, 0] == number
            if bool(own.any()):
                width = len(head.labels)
                wanted = targets[own, 1 : 1 + (width if head.kind == "several" else 1)]
                yield head, predictions[own, :width].numpy(), wanted.numpy()


def encode_headed(tokenizer: Any, example: ex.HeadedText, heads: HeadSet, max_tokens: int) -> ex.Features:
    """Tokens and ``targets``: per head a label's number, a 0/1 list, or a label's number per token (first of a word).

    Raises ``DataError`` for a head or label that is not among ``heads``.
    """
    encoded = tokenizer(example.text, truncation=True, max_length=max_tokens, return_offsets_mapping=True)
    targets: dict[str, Any] = {}
    for name, labels in example.labels.items():
        head = heads[name]
        unknown = [label for label in labels if label not in head.labels]
        if unknown or head.kind == "token" or (head.kind == "single" and len(labels) != 1):
            raise DataError(
                f"Head '{name}' cannot learn the labels {list(labels)[:5]}; known: {list(head.labels)[:20]}."
            )
        several = head.kind == "several"
        targets[name] = [float(label in labels) for label in head.labels] if several else head.labels.index(labels[0])
    for name, spans in example.spans.items():
        targets[name] = _word_targets(heads[name], example.text, encoded["offset_mapping"], spans)
    return {"input_ids": list(encoded["input_ids"]), "targets": targets}


def _word_targets(
    head: Head, text: str, offsets: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int, str]]
) -> list[int]:
    targets = [ex.IGNORED] * len(offsets)
    before: tuple[int, int, str] | None = None
    for word in words_of(text, offsets):
        inside = next((span for span in spans if span[0] < word.end and word.start < span[1]), None)
        label = "O" if inside is None else f"{'I' if inside is before else 'B'}-{inside[2]}"
        if label not in head.labels:
            raise DataError(f"Head '{head.name}' has no label '{label}'; known: {list(head.labels)[:20]}.")
        targets[word.row], before = head.labels.index(label), inside
    return targets


def _targets(head: Head, rows: Sequence[Any], width: int) -> torch.Tensor:
    """(n,) numbers, (n, labels) of 0/1, or (n, width) numbers per token; what is not said is IGNORED."""
    if head.kind == "single":
        return torch.tensor([ex.IGNORED if row is None else row for row in rows])
    if head.kind == "several":
        return torch.tensor([[UNSAID] * len(head.labels) if row is None else row for row in rows])
    filled = pad([row or [] for row in rows], ex.IGNORED) if any(rows) else torch.empty(len(rows), 0)
    return F.pad(filled.long(), (0, width - filled.shape[1]), value=ex.IGNORED)


def _said(targets: torch.Tensor) -> torch.Tensor:
    """(n,) which rows have a label of this head."""
    return targets.ne(ex.IGNORED) if targets.ndim == 1 else targets.ne(ex.IGNORED).any(1)


def _losses(head: Head, scores: torch.Tensor, targets: torch.Tensor, smoothing: float) -> torch.Tensor:
    """(rows,) one loss per text; of word labels the sum over the text's words, a word weighing a sixteenth."""
    weights = torch.tensor(head.label_weights, device=scores.device) if head.label_weights else None
    if head.kind == "several":
        wanted = targets * (1 - smoothing) + 0.5 * smoothing
        return F.binary_cross_entropy_with_logits(scores, wanted, reduction="none", weight=weights).mean(1)
    flat = F.cross_entropy(
        scores.flatten(0, -2),
        targets.flatten(),
        weight=weights,
        reduction="none",
        ignore_index=ex.IGNORED,
        label_smoothing=smoothing,
    )
    return flat if head.kind == "single" else flat.view(targets.shape).sum(1) / WORDS_PER_LABEL


def _rows(head: Head, scores: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores (rows, labels) and targets (rows, 1 or labels), float32; words of a text end with a row of their own."""
    if head.kind == "several":
        return scores, targets.float()
    if head.kind == "single":
        return scores, targets.float()[:, None]
    ends = torch.full_like(targets[:, :1], ROW_END)
    wanted = torch.cat([targets, ends], 1)
    shown = torch.cat([scores, torch.zeros_like(scores[:, :1])], 1)
    keep = wanted.ne(ex.IGNORED)
    return shown[keep], wanted[keep].float()[:, None]


def _widened(rows: torch.Tensor, width: int) -> torch.Tensor:
    return F.pad(rows, (0, width - rows.shape[1]))


def _measured(head: Head, scores: npt.NDArray[np.float32], targets: npt.NDArray[np.float32]) -> Mapping[str, float]:
    from sklearn.metrics import f1_score

    if head.kind == "token":
        return _span_figures(head, scores.argmax(1), targets[:, 0].astype(int))
    chosen = scores > 0 if head.kind == "several" else scores.argmax(1)
    wanted = targets > 0.5 if head.kind == "several" else targets[:, 0].astype(int)
    macro = float(f1_score(wanted, chosen, average="macro", zero_division=0))
    right = (chosen == wanted).all(1) if head.kind == "several" else chosen == wanted
    return {"accuracy": float(right.mean()), "macro_f1": macro}


def _span_figures(head: Head, chosen: npt.NDArray[Any], wanted: npt.NDArray[Any]) -> Mapping[str, float]:
    word = wanted != ROW_END
    named = [head.labels[number] if inside else "O" for number, inside in zip(chosen, word, strict=True)]
    gold = set(labelled_spans([head.labels[number] if number != ROW_END else "O" for number in wanted]))
    found = set(labelled_spans(named))
    score = 2 * len(found & gold) / (len(found) + len(gold)) if found or gold else 1.0
    return {"accuracy": float((wanted[word] == chosen[word]).mean()), "span_f1": float(score)}
