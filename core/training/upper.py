"""Interest training for machines without a GPU: LoRA on an encoder's uppermost layers, over kept outputs of the others.

What lies below never changes, so every text passes it once. With two of six layers a step costs a third of a whole
one, with the last projection alone a thirtieth. The adapter has the shape of a whole one: factors of what lies below
are zero and change nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from core.errors import DataError, ModelError
from core.events import Metric, OnEvent, Progress, ignore
from core.inference.buckets import buckets, padded
from core.models import device
from core.models.catalog import fingerprint
from core.models.files import write_json
from core.models.pooling import mean_pool
from core.training.batches import FeatureSet, LengthGroups
from core.training.interest import Interest, compared
from core.training.objectives import Batch
from core.training.options import TrainingOptions
from core.training.standing import Standing, key_of

if TYPE_CHECKING:
    from core.models.device import DevicePlan
    from core.training.examples import InterestExample

TARGETS = ("query", "key", "value", "dense")  # of BERT's layers, as ``lora.linear_names`` finds them


@dataclass(frozen=True)
class UpperResult:
    """The saved adapter, validation figures without and with it ({} without validation), and the steps taken."""

    adapter: Path
    before: dict[str, float]
    after: dict[str, float]
    steps: int


class Upper(torch.nn.Module):
    """The last layers of a BERT-like encoder, under the names they have in the whole."""

    def __init__(self, model: Any, count: int) -> None:
        super().__init__()
        layers = _layers(model)
        if not 0 < count <= len(layers):
            raise ModelError(
                f"The encoder has {len(layers)} layers, {count} cannot be trained: give 1 to {len(layers)}."
            )
        self.encoder = torch.nn.Module()
        self.encoder.layer = torch.nn.ModuleDict({str(n): layers[n] for n in range(len(layers) - count, len(layers))})
        self.count = count

    def below(self, model: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """(texts, tokens, dim) what goes into the layers."""
        states: torch.Tensor = model(**inputs, output_hidden_states=True).hidden_states[-1 - self.count]
        return states

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Unit vectors (texts, dim) out of ``below`` and its mask (texts, tokens)."""
        blocked = torch.zeros(mask.shape, dtype=hidden.dtype).masked_fill(mask == 0, torch.finfo(hidden.dtype).min)
        for layer in self.encoder.layer.values():  # type: ignore[operator]  # a ModuleDict
            hidden = layer(hidden, blocked[:, None, None, :])
        return mean_pool(hidden, mask)


class LastProjection(torch.nn.Module):
    """The very last weights of a BERT-like encoder: from the wide inner activations back to its width."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        layers = _layers(model)
        last = torch.nn.Module()
        last.output = layers[len(layers) - 1].output
        self.encoder = torch.nn.Module()
        self.encoder.layer = torch.nn.ModuleDict({str(len(layers) - 1): last})
        self.width = int(layers[len(layers) - 1].output.dense.out_features)

    def below(self, model: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """(texts, tokens, inner + dim) the inner activations and what is added to the projection's result."""
        caught: list[torch.Tensor] = []
        last = _layers(model)[-1]
        hooks = [
            last.intermediate.register_forward_hook(lambda _module, _inputs, output: caught.append(output)),
            last.attention.register_forward_hook(lambda _module, _inputs, output: caught.append(output[0])),
        ]
        try:
            model(**inputs)
        finally:
            for hook in hooks:
                hook.remove()
        beside, inner = caught  # attention comes first
        return torch.cat([inner, beside], dim=-1)

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Unit vectors (texts, dim) out of ``below`` and its mask (texts, tokens)."""
        inner, beside = hidden[..., : -self.width], hidden[..., -self.width :]
        (last,) = self.encoder.layer.values()  # type: ignore[operator]  # a ModuleDict
        return mean_pool(last.output(inner, beside), mask)


Top: TypeAlias = Upper | LastProjection


def _layers(model: Any) -> Any:
    found = getattr(getattr(model, "encoder", None), "layer", None)
    if found is None or not hasattr(found[-1], "intermediate"):
        raise ModelError(f"'{type(model).__name__}' is not built like BERT: train all of it.")
    return found


def finetune_upper(
    base: Path,
    examples: Sequence[InterestExample],
    validation: Sequence[InterestExample],
    options: TrainingOptions,
    folder: Path,
    plan: DevicePlan,
    layers: int = 2,
    on_event: OnEvent = ignore,
    kept: Path | None = None,
) -> UpperResult:
    """Train and save an "interest" adapter of the model folder ``base`` in ``folder``.

    It changes the uppermost ``layers``; with 0 only the last projection of the last layer. ``kept`` is a file from
    which a killed training of the same examples and options goes on, to the same weights.

    Knows of the options epochs, max_steps, time_limit_s, learning_rate, warmup_share, weight_decay, batch_size,
    max_tokens, rank, alpha, dropout and seed. Raises ``DataError`` without examples and ``ModelError`` for an encoder
    of another build.
    """
    if not examples:
        raise DataError("There are no training examples.")
    device.apply(plan)
    torch.manual_seed(options.seed)
    goal = Interest()
    model, tokenizer = goal.load(base, plan)
    data = goal.encode(tokenizer, examples, options.max_tokens)
    held = goal.encode(tokenizer, validation, options.max_tokens)
    top = Upper(model, layers) if layers else LastProjection(model)
    below = _below(top, model, tokenizer, goal.tokens, on_event)
    upper = _with_factors(top, options)
    task = _Task(goal, tokenizer, below, options)
    key = key_of(options, examples, fingerprint(base), layers)
    before = task.measured(upper, held)
    steps = task.train(upper, data, on_event, kept, key)
    after = task.measured(upper, held)
    _save(model, options, folder, base)
    return UpperResult(folder, before, after, steps)


@dataclass
class _Task:
    goal: Interest
    tokenizer: Any
    below: list[torch.Tensor]  # per text (tokens, dim)
    options: TrainingOptions

    def batch(self, features: Sequence[Any]) -> tuple[torch.Tensor, Batch]:
        """Outputs of the layers below (texts, longest, dim), and the objective's batch."""
        made = self.goal.collate(self.tokenizer, features)
        rows = [self.below[number].float() for number in made["texts"].tolist()]
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), made

    def train(self, upper: Top, data: list[Any], on_event: OnEvent, kept: Path | None, key: str) -> int:
        """AdamW with warm-up and cosine, from where ``kept`` stands; the number of steps taken in all."""
        options, began = self.options, time.monotonic()
        per_epoch = math.ceil(len(data) / options.batch_size)
        total = options.max_steps or max(1, round(options.epochs * per_epoch))
        weights = [weight for weight in upper.parameters() if weight.requires_grad]
        optimiser = torch.optim.AdamW(weights, options.learning_rate, weight_decay=options.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, total, options.warmup_share))
        upper.train(options.dropout > 0)  # without LoRA's dropout the encoder's own is off too
        standing = Standing(kept, key, weights, optimiser, schedule)
        step = begun = standing.step()
        for step, features in enumerate(islice(self._endless(data), begun, None), begun + 1):
            hidden, batch = self.batch(features)
            loss = compared(upper(hidden, batch["attention_mask"]), batch).losses.mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimiser.step()
            schedule.step()
            optimiser.zero_grad()
            spent = time.monotonic() - began
            on_event(Progress("training", step, total, (total - step) * spent / (step - begun)))
            on_event(Metric("loss", float(loss.detach()), step))
            if step >= total or (options.time_limit_s and spent > options.time_limit_s):
                break
            standing.keep(step)
        standing.forget()
        return step

    def measured(self, upper: Top, held: list[Any]) -> dict[str, float]:
        """Validation loss and ranks, in batches of the training's size."""
        if not held:
            return {}
        upper.eval()
        losses, ranks = [], []
        with torch.no_grad():
            for start in range(0, len(held), self.options.batch_size):
                hidden, batch = self.batch(held[start : start + self.options.batch_size])
                outcome = compared(upper(hidden, batch["attention_mask"]), batch)
                losses.append(outcome.losses)
                ranks.append(outcome.predictions)
        found = torch.cat([part for part in ranks if part is not None])
        return {"loss": float(torch.cat(losses).mean()), **self.goal.measure(found, found)}

    def _endless(self, data: list[Any]) -> Iterator[list[Any]]:
        epoch = 0
        while True:
            order = LengthGroups([1] * len(data), self.options.batch_size, self.options.seed, lambda at=epoch: at)  # type: ignore[misc]
            numbers = list(order)
            for start in range(0, len(numbers), self.options.batch_size):
                yield [FeatureSet(data)[n] for n in numbers[start : start + self.options.batch_size]]
            epoch += 1


def _rate(step: int, total: int, warmup_share: float) -> float:
    warm = max(1, int(total * warmup_share))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))


def _below(top: Top, model: Any, tokenizer: Any, tokens: list[list[int]], on_event: OnEvent) -> list[torch.Tensor]:
    """Per text what goes into the trained part (tokens, …), in half precision: they are many."""
    model.eval().requires_grad_(False)
    found: list[torch.Tensor] = [torch.empty(0)] * len(tokens)
    done = 0
    for numbers in buckets([len(row) for row in tokens]):
        inputs = padded([tokens[n] for n in numbers], tokenizer, model.device)
        with torch.no_grad():
            states = top.below(model, inputs)
        for place, number in enumerate(numbers):
            found[number] = states[place, : len(tokens[number])].half().clone()
        done += len(numbers)
        on_event(Progress("layers below", done, len(tokens)))
    return found


def _with_factors(upper: Top, options: TrainingOptions) -> Upper:
    from peft import inject_adapter_in_model

    injected: Any = inject_adapter_in_model(_lora(options), upper)
    for name, weight in injected.named_parameters():
        weight.requires_grad_("lora_" in name)
    return injected


def _lora(options: TrainingOptions) -> Any:
    from peft import LoraConfig

    return LoraConfig(
        task_type="FEATURE_EXTRACTION",
        r=options.rank,
        lora_alpha=options.alpha,  # type: ignore[arg-type]  # peft types it int and computes with floats
        lora_dropout=options.dropout,
        use_rslora=True,
        target_modules=list(TARGETS),
    )


def _save(model: Any, options: TrainingOptions, folder: Path, base: Path) -> None:
    """Weights, config and task.json as a whole model's adapter has them."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    # peft wraps a linear layer in place: its weight is then that of ``base_layer``
    wrapped = {name: module for name, module in model.named_modules() if name.rpartition(".")[2] in TARGETS}
    tensors: dict[str, torch.Tensor] = {}
    for name, module in wrapped.items():
        own: Any = module
        tall, wide = getattr(own, "base_layer", own).weight.shape
        trained = hasattr(own, "lora_A")
        first = own.lora_A["default"].weight.detach() if trained else torch.zeros(options.rank, wide)
        second = own.lora_B["default"].weight.detach() if trained else torch.zeros(tall, options.rank)
        tensors[f"base_model.model.{name}.lora_A.weight"] = first.clone().contiguous()
        tensors[f"base_model.model.{name}.lora_B.weight"] = second.clone().contiguous()
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = {key: value for key, value in _lora(options).to_dict().items() if not isinstance(value, set)}
    write_json(
        folder / "adapter_config.json",
        {**config, "target_modules": sorted(TARGETS), "base_model_name_or_path": base.name},
    )
    task = {"task": "interest", "labels": [], "max_tokens": options.max_tokens, "base": base.name}
    write_json(folder / "task.json", {**task, "base_fingerprint": fingerprint(base)})
