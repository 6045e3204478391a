"""transformers.Trainer with our losses, our order of examples and our events.

Everything else (optimiser, schedule, checkpoints, several processes) is the Trainer's own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, cast

import torch
from torch.utils.data import DataLoader, Dataset, Sampler
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from core.events import Log, Metric, OnEvent, Progress
from core.models.precision import autocast
from core.training.batches import PASS_TOKENS, FeatureSet, LengthGroups, portions
from core.training.objectives import Objective, Outcome
from core.training.options import TrainingOptions
from core.training.robustness import EmbeddingAttack, agreement


class ObjectiveTrainer(Trainer):
    """Averages an objective's item losses exactly over accumulated batches and processes."""

    objective: Objective
    options: TrainingOptions
    autocast_dtype: torch.dtype | None

    def __init__(
        self, objective: Objective, options: TrainingOptions, dtype: torch.dtype | None, **trainer_arguments: Any
    ) -> None:
        super().__init__(**trainer_arguments)
        self.objective, self.options, self.autocast_dtype = objective, options, dtype
        self.loss_is_scaled_for_ga = True
        epsilon = options.adversarial_epsilon
        self.attacker = EmbeddingAttack(self.model, epsilon) if epsilon else None

    def autocast(self) -> AbstractContextManager[Any]:
        """bf16 where planned. Not the Trainer's own, which also turns every output, logits first, into float32."""
        return autocast(str(self.args.device), self.autocast_dtype)

    def _get_train_sampler(self, train_dataset: Dataset[Any] | None = None) -> Sampler[int]:
        features = self.train_dataset.features  # type: ignore[union-attr]
        effective = self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
        lengths = [len(feature["input_ids"]) for feature in features]
        return LengthGroups(lengths, effective, self.options.seed, lambda: int(self.state.epoch or 0))

    def get_batch_samples(
        self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device
    ) -> tuple[list[Any], torch.Tensor]:
        """The micro-batches of one step and the number of items in all of them, over all processes."""
        batches = [batch for _, batch in zip(range(num_batches), epoch_iterator, strict=False)]
        items = torch.tensor(sum(self.objective.count(batch) for batch in batches), device=device)
        return batches, self.accelerator.reduce(items, "sum") if self.args.world_size > 1 else items

    def training_step(
        self, model: torch.nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """The usual step; on a CPU pass by pass, so that a large batch needs no more memory than a small one."""
        parts = portions(inputs, PASS_TOKENS) if self._in_passes else [inputs]
        return torch.stack([self._step(model, part, num_items_in_batch) for part in parts]).sum()

    @property
    def _in_passes(self) -> bool:
        """Several processes must all take as many passes; the losses of some objectives need the whole batch."""
        return self.args.device.type == "cpu" and self.args.world_size == 1 and self.objective.by_row

    def _step(self, model: torch.nn.Module, inputs: dict[str, Any], items: Any) -> torch.Tensor:
        """Against an attacker a second pass on the changed batch follows, whose gradients add up."""
        if self.attacker is None:
            return super().training_step(model, inputs, items)
        with self.attacker.record():
            clean = super().training_step(model, dict(inputs), items)
        with self.attacker.attack():
            super().training_step(model, inputs, items)
        return clean

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """This micro-batch's share of the mean over the step; processes' gradients are averaged, hence the factor."""
        with self.autocast():
            losses = self._item_losses(model, inputs)
        items = losses.numel() if num_items_in_batch is None else num_items_in_batch
        return losses.sum() / items * self.args.world_size

    def _item_losses(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        first = self.objective.losses(model, inputs)
        if not self.options.r_drop:
            return first.losses
        second = self.objective.losses(model, inputs)
        several = getattr(self.objective, "several", False)
        apart = agreement(cast(torch.Tensor, first.predictions), cast(torch.Tensor, second.predictions), several)
        return (first.losses + second.losses) / 2 + self.options.r_drop * apart

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Validation loss per item and the objective's figures; each process measures the whole, so all agree."""
        data = eval_dataset if eval_dataset is not None else self.eval_dataset
        outcome = self.predictions(cast(FeatureSet, data))
        figures = {"loss": float(outcome.losses.mean())}
        if outcome.predictions is not None and outcome.targets is not None:
            figures.update(self.objective.measure(outcome.predictions, outcome.targets))
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in figures.items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def predictions(self, data: FeatureSet) -> Outcome:
        """Losses, predictions and targets over a whole set, on the CPU, in order of length."""
        order = sorted(data.features, key=lambda feature: len(feature["input_ids"]))
        loader: DataLoader[Any] = DataLoader(
            FeatureSet(order), batch_size=self.args.per_device_eval_batch_size, collate_fn=self.data_collator
        )
        model = cast(torch.nn.Module, self.model)
        model.eval()
        parts = []
        with torch.no_grad(), self.autocast():
            for batch in loader:
                parts.append(self.objective.losses(model, self._prepare_inputs(batch)))
        model.train()
        return Outcome(
            torch.cat([part.losses.float().cpu() for part in parts]),
            _joined([part.predictions for part in parts]),
            _joined([part.targets for part in parts]),
        )


def _joined(parts: list[torch.Tensor | None]) -> torch.Tensor | None:
    there = [part.cpu() for part in parts if part is not None]
    return torch.cat(there) if there else None


def _agreed(cancelled: bool, late: bool, world_size: int) -> tuple[bool, bool]:
    """Whether any process wants to stop: one stopping alone would leave the others waiting for its gradients."""
    if world_size == 1:
        return cancelled, late
    votes = torch.tensor([cancelled, late], dtype=torch.int)
    if torch.distributed.get_backend() == "nccl":
        votes = votes.cuda()
    torch.distributed.all_reduce(votes, torch.distributed.ReduceOp.MAX)
    return bool(votes[0]), bool(votes[1])


class Reporter(TrainerCallback):
    """Turns the Trainer's calls into events: steps done with the time left, and every logged figure."""

    def __init__(self, on_event: OnEvent) -> None:
        self.on_event = on_event
        self.began, self.first_step = 0.0, 0

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.began, self.first_step = time.monotonic(), state.global_step
        if state.global_step:
            self.on_event(Log(f"Resumed at step {state.global_step} of {state.max_steps}."))

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        done = state.global_step - self.first_step
        pace_s = (time.monotonic() - self.began) / max(1, done)
        self.on_event(
            Progress("training", state.global_step, state.max_steps, (state.max_steps - state.global_step) * pace_s)
        )

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **_: Any
    ) -> None:
        for name, value in (logs or {}).items():
            if isinstance(value, int | float) and name != "epoch":
                self.on_event(Metric(name, float(value), state.global_step))


class Stopper(TrainerCallback):
    """Stops at a time limit or when asked to, with a checkpoint, so that nothing learnt is lost."""

    def __init__(self, until: float, cancel: threading.Event | None) -> None:
        self.until, self.cancel = until, cancel

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        cancelled, late = _agreed(
            self.cancel is not None and self.cancel.is_set(), time.monotonic() > self.until, args.world_size
        )
        if cancelled or late:
            control.should_training_stop = True
            control.should_save = True
            control.should_evaluate = not cancelled and args.eval_strategy != "no"
        return control

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        if control.should_training_stop and state.global_step < state.max_steps:  # done at the step, not twice
            control.should_save = control.should_evaluate = False
        return control
