"""A linear classifier over one or several embedders' vectors: trained in seconds, good with few examples.

Kept as safetensors and JSON; the embedders are handed in, so one embedding serves several heads.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import DataError, ModelError
from core.inference.embedding import Embedder, Vectors
from core.models.calibration import Calibration, fit

WEIGHTS, RECORD = "linear.safetensors", "linear.json"
STRENGTH = 10.0  # inverse regularisation: unit vectors are short, scikit-learn's default of 1 underfits them
FOLDS = 5


class LinearClassifier:
    """Logistic regression, calibrated on cross-validated scores, over vectors of embedders side by side."""

    def __init__(
        self,
        labels: tuple[str, ...],
        weight: npt.NDArray[np.float32],  # (labels, dim)
        bias: npt.NDArray[np.float32],  # (labels,)
        calibration: Calibration,
        embedders: Sequence[Embedder],
    ) -> None:
        self.labels, self.weight, self.bias, self.calibration = labels, weight, bias, calibration
        self.embedders = tuple(embedders)
        dim = sum(embedder.dim for embedder in self.embedders)
        if weight.shape != (len(labels), dim) or bias.shape != (len(labels),):
            raise ModelError(
                f"A linear classifier of {weight.shape} does not fit {len(labels)} labels and {dim} values."
            )

    @classmethod
    def fit(
        cls,
        embedders: Sequence[Embedder],
        texts: Sequence[str],
        labels: Sequence[str] | Sequence[Sequence[str]],
        *,
        strength: float = STRENGTH,
        method: str = "temperature",
        seed: int = 13,
    ) -> LinearClassifier:
        """Learn from texts with one label each, or with a list of labels each (then several may hold).

        Raises ``DataError`` for unequal lengths or fewer than two labels.
        """
        return cls.fit_vectors(embedders, _side_by_side(embedders, texts), labels, strength, method, seed)

    @classmethod
    def fit_vectors(
        cls,
        embedders: Sequence[Embedder],
        vectors: Vectors,
        labels: Sequence[str] | Sequence[Sequence[str]],
        strength: float = STRENGTH,
        method: str = "temperature",
        seed: int = 13,
    ) -> LinearClassifier:
        """As ``fit`` from vectors already made, of all embedders side by side: (n, dims)."""
        if len(vectors) != len(labels) or not len(labels):
            raise DataError(f"{len(vectors)} texts but {len(labels)} labels.")
        several = not isinstance(labels[0], str)
        names = tuple(sorted({name for row in labels for name in ([row] if isinstance(row, str) else row)}))
        if len(names) < (1 if several else 2):
            raise DataError(f"A classifier needs at least two different labels, got {len(names)}.")
        targets = _targets(labels, names, several)
        calibration = _calibration(vectors, targets, several, strength, method, seed)
        weight, bias = _regress(vectors, targets, several, len(names), strength)
        return cls(names, weight, bias, calibration, embedders)

    def scores(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """(n, labels) scores before calibration."""
        return self.scores_of(_side_by_side(self.embedders, texts))

    def scores_of(self, vectors: Vectors) -> npt.NDArray[np.float32]:
        """Scores of vectors already made, (n, dims) -> (n, labels)."""
        return np.asarray(vectors @ self.weight.T + self.bias, np.float32)

    def predict_proba(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """(n, labels) float32, calibrated; rows sum to 1 unless several labels may hold."""
        return self.calibration.probabilities(self.scores(texts))

    def save(self, folder: Path) -> None:
        """linear.safetensors and linear.json; nothing in them is code."""
        from safetensors.numpy import save_file

        from core.models.files import write_json

        folder.mkdir(parents=True, exist_ok=True)
        making = folder / f".{WEIGHTS}"
        save_file({"weight": np.ascontiguousarray(self.weight), "bias": self.bias}, making)
        making.replace(folder / WEIGHTS)
        embedders = [{"name": embedder.name, "dim": embedder.dim} for embedder in self.embedders]
        calibration = self.calibration.as_record()
        write_json(folder / RECORD, {"labels": list(self.labels), "embedders": embedders, "calibration": calibration})

    @classmethod
    def load(cls, folder: Path, embedders: Sequence[Embedder]) -> LinearClassifier:
        """Back from ``save``; ``ModelError`` when a file is missing or broken or an embedder is not handed in."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        by_name = {embedder.name: embedder for embedder in embedders}
        try:
            record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
            wanted = [str(entry["name"]) for entry in record["embedders"]]
            tensors = load_file(folder / WEIGHTS)
            weight, bias = tensors["weight"].astype(np.float32), tensors["bias"].astype(np.float32)
            labels, calibration = tuple(map(str, record["labels"])), record["calibration"]
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise ModelError(f"'{folder}' holds no readable linear classifier: train it again.") from error
        missing = [name for name in wanted if name not in by_name]
        if missing:
            raise ModelError(f"The classifier in '{folder}' needs the embedder '{missing[0]}', which is not loaded.")
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise ModelError(f"The classifier in '{folder}' has values that are not finite: train it again.")
        return cls(labels, weight, bias, Calibration.from_record(calibration), [by_name[name] for name in wanted])


def _side_by_side(embedders: Sequence[Embedder], texts: Sequence[str]) -> Vectors:
    if not embedders:
        raise DataError("A linear classifier needs at least one embedder.")
    return np.concatenate([embedder.encode(texts) for embedder in embedders], axis=1)


def _targets(labels: Sequence[Any], names: tuple[str, ...], several: bool) -> npt.NDArray[np.int64]:
    """(n,) label numbers, or (n, labels) of 0/1."""
    if several:
        return np.array([[name in row for name in names] for row in labels], np.int64)
    number = {name: index for index, name in enumerate(names)}
    return np.array([number[label] for label in labels], np.int64)


def _regress(
    vectors: Vectors, targets: npt.NDArray[np.int64], several: bool, count: int, strength: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Weight (labels, dim) and bias (labels,). With two labels the one row of scikit-learn becomes minus and plus."""
    from sklearn.linear_model import LogisticRegression

    if several:
        rows = [_regress_one(vectors, targets[:, label], strength) for label in range(count)]
        return np.stack([weight for weight, _ in rows]), np.array([bias for _, bias in rows], np.float32)
    model = LogisticRegression(C=strength, max_iter=1000).fit(vectors, targets)
    weight, bias = model.coef_.astype(np.float32), model.intercept_.astype(np.float32)
    if len(weight) == 1:
        weight, bias = np.concatenate([-weight / 2, weight / 2]), np.concatenate([-bias / 2, bias / 2])
    full_weight = np.zeros((count, vectors.shape[1]), np.float32)
    full_bias = np.full(count, -30.0, np.float32)  # a label without examples in this fold: practically never
    full_weight[model.classes_], full_bias[model.classes_] = weight, bias
    return full_weight, full_bias


def _regress_one(
    vectors: Vectors, holds: npt.NDArray[np.int64], strength: float
) -> tuple[npt.NDArray[np.float32], float]:
    from sklearn.linear_model import LogisticRegression

    if len(set(holds.tolist())) == 1:  # always or never: a constant
        return np.zeros(vectors.shape[1], np.float32), 5.0 if holds[0] else -5.0
    model = LogisticRegression(C=strength, max_iter=1000).fit(vectors, holds)
    return model.coef_[0].astype(np.float32), float(model.intercept_[0])


def _calibration(
    vectors: Vectors, targets: npt.NDArray[np.int64], several: bool, strength: float, method: str, seed: int
) -> Calibration:
    """Fitted on scores of rows that the scoring model did not see; none where some label has a single example."""
    from sklearn.model_selection import KFold, StratifiedKFold

    smallest = len(targets) if several else int(np.bincount(targets)[np.bincount(targets) > 0].min())
    folds = min(FOLDS, smallest)
    if folds < 2:
        return Calibration(several)
    splitter: Any = (KFold if several else StratifiedKFold)(folds, shuffle=True, random_state=seed)
    count = targets.shape[1] if several else int(targets.max()) + 1
    unseen = np.empty((len(targets), count), np.float32)
    for train, held in splitter.split(vectors, None if several else targets):
        weight, bias = _regress(vectors[train], targets[train], several, count, strength)
        unseen[held] = vectors[held] @ weight.T + bias
    return fit(unseen, targets, several, method)
