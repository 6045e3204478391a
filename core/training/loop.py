"""transformers.Trainer with our losses, our order of examples and our events.

Everything else (optimiser, schedule, checkpoints, several processes) is the Trainer's own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import torch
from torch.utils.data import DataLoader, Dataset, Sampler
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from core.events import Log, Metric, OnEvent, Progress
from core.training.batches import FeatureSet, LengthGroups
from core.training.objectives import Objective
from core.training.options import TrainingOptions


class ObjectiveTrainer(Trainer):
    """Averages an objective's item losses exactly over accumulated batches and processes."""

    objective: Objective
    options: TrainingOptions
    autocast_dtype: torch.dtype | None

    def __init__(
        self, objective: Objective, options: TrainingOptions, autocast: torch.dtype | None, **trainer_arguments: Any
    ) -> None:
        super().__init__(**trainer_arguments)
        self.objective, self.options, self.autocast_dtype = objective, options, autocast
        self.loss_is_scaled_for_ga = True

    def autocast(self) -> AbstractContextManager[Any]:
        """bf16 where planned. Not the Trainer's own, which also turns every output, logits first, into float32."""
        if self.autocast_dtype is None:
            return nullcontext()
        return torch.autocast(self.args.device.type, dtype=self.autocast_dtype)

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

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """This micro-batch's share of the mean over the step; processes' gradients are averaged, hence the factor."""
        with self.autocast():
            losses = self.objective.losses(model, inputs).losses
        items = losses.numel() if num_items_in_batch is None else num_items_in_batch
        return losses.sum() / items * self.args.world_size

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Validation loss per item and the objective's figures; each process measures the whole, so all agree."""
        data = eval_dataset if eval_dataset is not None else self.eval_dataset
        figures = self._measure(cast(FeatureSet, data))
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in figures.items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _measure(self, data: FeatureSet) -> dict[str, float]:
        order = sorted(data.features, key=lambda feature: len(feature["input_ids"]))
        loader: DataLoader[Any] = DataLoader(
            FeatureSet(order), batch_size=self.args.per_device_eval_batch_size, collate_fn=self.data_collator
        )
        model = cast(torch.nn.Module, self.model)
        model.eval()
        outcomes = []
        with torch.no_grad(), self.autocast():
            for batch in loader:
                outcomes.append(self.objective.losses(model, self._prepare_inputs(batch)))
        model.train()
        losses = torch.cat([outcome.losses.float().cpu() for outcome in outcomes])
        figures = {"loss": float(losses.mean())}
        if outcomes[0].predictions is not None:
            predictions = torch.cat([outcome.predictions.float().cpu() for outcome in outcomes])  # type: ignore[union-attr]  # all have them or none
            targets = torch.cat([outcome.targets.cpu() for outcome in outcomes])  # type: ignore[union-attr]
            figures.update(self.objective.measure(predictions, targets))
        return figures


class Reporter(TrainerCallback):
    """Turns the Trainer's calls into events: steps done with the time left, and every logged figure."""

    def __init__(self, on_event: OnEvent, record: Callable[[dict[str, float]], None]) -> None:
        self.on_event, self.record = on_event, record
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
        figures = {name: float(value) for name, value in (logs or {}).items() if isinstance(value, (int, float))}
        for name, value in figures.items():
            self.on_event(Metric(name, value, state.global_step))
        self.record({"step": state.global_step, **figures})


class Stopper(TrainerCallback):
    """Stops at a time limit or when asked to, with a checkpoint, so that nothing learnt is lost."""

    def __init__(self, time_limit_s: float, cancel: threading.Event | None) -> None:
        self.until = time.monotonic() + time_limit_s if time_limit_s > 0 else float("inf")
        self.cancel = cancel

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        cancelled = self.cancel is not None and self.cancel.is_set()
        if cancelled or time.monotonic() > self.until:
            control.should_training_stop = True
            control.should_save = True
            control.should_evaluate = not cancelled and args.eval_strategy != "no"
        return control
