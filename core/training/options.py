"""The knobs of a training run, each with its reason, checked when made."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from core.errors import SettingsError

_KINDS: dict[type, tuple[tuple[type, ...], str]] = {
    float: ((int, float), "a number"),
    int: ((int,), "a whole number"),
    bool: ((bool,), "true or false"),
}


@dataclass(frozen=True)
class TrainingOptions:
    """Defaults suit adapters of 20-300 M models on some thousand examples; batch sizes are per process."""

    epochs: float = 3.0
    max_steps: int = 0  # above 0: as many optimiser steps, whatever the epochs say
    time_limit_s: float = (
        0.0  # above 0: stop after so long and keep the best so far; the schedule still plans all steps
    )
    learning_rate: float = 2e-4
    warmup_share: float = 0.03
    schedule: str = "cosine"
    weight_decay: float = 0.0
    batch_size: int = 8
    accumulation: int = 1
    max_tokens: int = 1024
    rank: int = 16  # rsLoRA r 16-64 over all linear layers led PEFT's own comparison at equal cost
    alpha: float = 16.0  # with rsLoRA the update is scaled by alpha / sqrt(rank)
    dropout: float = 0.05
    target_modules: tuple[str, ...] | Literal["all-linear"] = "all-linear"
    eval_every: int = 0  # steps between validations (and checkpoints); 0 is once an epoch
    patience: int = 3  # validations without a better figure before stopping; 0 never stops early
    checkpointing: bool = False  # a third less memory for a third more time
    label_smoothing: float = 0.0
    adversarial_epsilon: float = 0.0  # FGM on the embedding output; 0 is off, 0.5-1 is usual
    r_drop: float = 0.0  # weight of the agreement between two dropout passes; 0 is off
    calibration: Literal["temperature", "isotonic", "auto"] = "temperature"  # of a classifier, on validation
    seed: int = 13
    report_to: Literal["none", "tensorboard", "wandb"] = "none"
    keep_checkpoints: int = 2

    def __post_init__(self) -> None:
        _check_kinds(self)
        _require(self.epochs > 0, "epochs", "above 0", self.epochs)
        _require(0 < self.learning_rate < 1, "learning_rate", "between 0 and 1", self.learning_rate)
        _require(0 <= self.warmup_share < 1, "warmup_share", "at least 0 and below 1", self.warmup_share)
        _require(self.batch_size >= 1, "batch_size", "at least 1", self.batch_size)
        _require(self.accumulation >= 1, "accumulation", "at least 1", self.accumulation)
        _require(self.max_tokens >= 8, "max_tokens", "at least 8", self.max_tokens)
        _require(1 <= self.rank <= 256, "rank", "1 to 256", self.rank)
        _require(0 < self.alpha < 10_000, "alpha", "above 0", self.alpha)
        _require(0 <= self.dropout < 1, "dropout", "at least 0 and below 1", self.dropout)
        _require(self.eval_every >= 0, "eval_every", "at least 0", self.eval_every)
        _require(self.patience >= 0, "patience", "at least 0", self.patience)
        _require(self.adversarial_epsilon >= 0, "adversarial_epsilon", "at least 0", self.adversarial_epsilon)
        _require(self.r_drop >= 0, "r_drop", "at least 0", self.r_drop)
        _require(0 <= self.label_smoothing < 1, "label_smoothing", "at least 0 and below 1", self.label_smoothing)
        _require(self.time_limit_s >= 0, "time_limit_s", "at least 0", self.time_limit_s)
        for name, value, known in (
            ("report_to", self.report_to, ("none", "tensorboard", "wandb")),
            ("calibration", self.calibration, ("temperature", "isotonic", "auto")),
        ):
            if value not in known:
                raise SettingsError(f"Training option '{name}' must be {', '.join(known)}, got '{value}'.")
        _require(self.keep_checkpoints >= 1, "keep_checkpoints", "at least 1", self.keep_checkpoints)


def _check_kinds(options: TrainingOptions) -> None:
    """Numbers where numbers belong: a word there would only be noticed by the first comparison, or never."""
    for one in fields(options):
        kind, found = type(one.default), getattr(options, one.name)
        if kind in _KINDS:
            right, wanted = _KINDS[kind]
            fits = isinstance(found, right) and isinstance(found, bool) == (kind is bool)
            _require(fits, one.name, wanted, f"'{found}'")


def _require(holds: bool, name: str, wanted: str, found: object) -> None:
    if not holds:
        raise SettingsError(f"Training option '{name}' must be {wanted}, got {found}.")
