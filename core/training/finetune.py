"""One function that fine-tunes: plan and memory check, training with resume and back-off, the best adapter saved.

The task lives in ``objectives``, the loop in ``loop``; this file puts them together and keeps the run folder.
"""

from __future__ import annotations

import gc
import json
import shutil
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch

from core.errors import CancelledError_, DataError, ResourceError
from core.events import Log, OnEvent, ignore
from core.models import device
from core.training import lora
from core.training.batches import FeatureSet
from core.training.loop import ObjectiveTrainer, Reporter, Stopper
from core.training.objectives import Objective, objective
from core.training.options import TrainingOptions

if TYPE_CHECKING:
    from core.models.device import DevicePlan
    from core.training.examples import Example


class RunFolder(Protocol):
    """What is needed of ``core.runs.Run``: a folder of its own."""

    @property
    def path(self) -> Path: ...


@dataclass(frozen=True)
class FinetuneResult:
    """The saved adapter, validation figures without and with it, and the optimiser step it comes from."""

    adapter: Path
    before: dict[str, float]
    after: dict[str, float]
    best_step: int
    steps: int
    world_size: int


def finetune(
    task: str,
    base: Path,
    examples: Sequence[Example],
    validation: Sequence[Example],
    options: TrainingOptions,
    run: RunFolder,
    on_event: OnEvent = ignore,
    resume: bool = True,
    *,
    labels: Sequence[str] = (),
    plan: DevicePlan | None = None,
    cancel: threading.Event | None = None,
) -> FinetuneResult:
    """Train a LoRA adapter for ``task`` on the model folder ``base``; it lies in ``run.path / "adapter"``.

    With ``resume`` a run that was killed goes on from its last whole checkpoint, to the same weights. Out of memory
    halves the batch and doubles the accumulation, which leaves the arithmetic as it was. Raises ``DataError`` without
    examples, ``ResourceError`` when one example at a time will not fit, ``CancelledError_`` when ``cancel`` was set.
    """
    if not examples:
        raise DataError("There are no training examples.")
    plan = plan or _default_plan()
    device.apply(plan)
    goal = objective(task, labels)
    while True:
        try:
            return _attempt(goal, base, examples, validation, options, run, on_event, resume, plan, cancel)
        except (MemoryError, RuntimeError) as error:
            if not _out_of_memory(error):
                raise
            options = _smaller(options, error)
            on_event(Log(f"Out of memory: going on with batches of {options.batch_size}."))
            resume = True
            gc.collect()


def _attempt(
    goal: Objective,
    base: Path,
    examples: Sequence[Example],
    validation: Sequence[Example],
    options: TrainingOptions,
    run: RunFolder,
    on_event: OnEvent,
    resume: bool,
    plan: DevicePlan,
    cancel: threading.Event | None,
) -> FinetuneResult:
    from transformers import set_seed

    set_seed(options.seed)
    model, tokenizer = goal.load(base, plan)
    data = FeatureSet(goal.encode(tokenizer, examples, options.max_tokens))
    held = FeatureSet(goal.encode(tokenizer, validation, options.max_tokens))
    model = lora.attach(model, goal.task_type, options)
    _check_memory(base, plan, options, data, lora.trainable_parameters(model.parameters()))
    autocast = torch.bfloat16 if plan.dtype == "bfloat16" else None
    if autocast is not None:
        lora.lighten(model, autocast)
    trainer = ObjectiveTrainer(
        goal,
        options,
        autocast,
        model=model,
        args=_arguments(options, run.path, plan, bool(len(held)), goal),
        train_dataset=data,
        eval_dataset=held if len(held) else None,
        data_collator=lambda features: goal.collate(tokenizer, features),
        callbacks=[
            Reporter(on_event, lambda figures: _append(run.path, figures)),
            Stopper(options.time_limit_s, cancel),
        ],
    )
    return _train(trainer, options, base.name, run.path, resume, cancel)


def _train(
    trainer: ObjectiveTrainer,
    options: TrainingOptions,
    base_name: str,
    folder: Path,
    resume: bool,
    cancel: threading.Event | None,
) -> FinetuneResult:
    from transformers import EarlyStoppingCallback, PrinterCallback

    trainer.remove_callback(PrinterCallback)

    validated = trainer.eval_dataset is not None
    checkpoint = last_checkpoint(folder / "checkpoints") if resume else None
    before = _before(trainer, folder, checkpoint) if validated else {}
    if validated and options.patience:
        trainer.add_callback(EarlyStoppingCallback(options.patience))
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if cancel is not None and cancel.is_set():
        raise CancelledError_(f"Training was stopped at step {trainer.state.global_step}; it can be resumed.")
    after = _plain(trainer.evaluate()) if validated else {}
    adapter = folder / "adapter"
    if trainer.is_world_process_zero():
        lora.save(trainer.model, adapter, base_name)
    trainer.accelerator.wait_for_everyone()
    steps = trainer.state.global_step
    best = trainer.state.best_global_step or steps
    return FinetuneResult(adapter, before, after, best, steps, trainer.args.world_size)


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint. The Trainer writes trainer_state.json last, so one without it was cut off."""
    whole = []
    for path in folder.glob("checkpoint-*"):
        try:
            whole.append((int(json.loads((path / "trainer_state.json").read_text())["global_step"]), path))
        except (OSError, ValueError, KeyError):
            shutil.rmtree(path, ignore_errors=True)
    return max(whole)[1] if whole else None


def _before(trainer: ObjectiveTrainer, folder: Path, checkpoint: Path | None) -> dict[str, float]:
    """Figures of the untrained adapter, which are the base's; a resumed run reads what its beginning wrote."""
    kept = folder / "before.json"
    if checkpoint is not None and kept.exists():
        return dict(json.loads(kept.read_text()))
    figures = _plain(trainer.evaluate())
    if trainer.is_world_process_zero():
        kept.write_text(json.dumps(figures))
    return figures


def _arguments(options: TrainingOptions, folder: Path, plan: DevicePlan, validated: bool, goal: Objective) -> Any:
    from transformers import TrainingArguments

    every = "steps" if options.eval_every else "epoch"
    arguments = TrainingArguments(
        output_dir=str(folder / "checkpoints"),
        num_train_epochs=options.epochs,
        max_steps=options.max_steps or -1,
        learning_rate=options.learning_rate,
        lr_scheduler_type=options.schedule,
        warmup_steps=options.warmup_share,  # below 1 it is a share of all steps
        weight_decay=options.weight_decay,
        per_device_train_batch_size=options.batch_size,
        per_device_eval_batch_size=options.batch_size,
        gradient_accumulation_steps=options.accumulation,
        activation_checkpointing=options.checkpointing,
        activation_checkpointing_kwargs={"use_reentrant": False} if options.checkpointing else None,
        eval_strategy=every if validated else "no",
        save_strategy=every,
        eval_steps=options.eval_every or None,
        save_steps=options.eval_every or 500,
        save_total_limit=options.keep_checkpoints,
        load_best_model_at_end=validated,
        metric_for_best_model=f"eval_{goal.best}" if validated else None,
        greater_is_better=goal.best_is_highest if validated else None,
        restore_callback_states_from_checkpoint=False,
        logging_steps=10,
        seed=options.seed,
        use_cpu=plan.device == "cpu",
        fp16=plan.dtype == "float16" and plan.device.startswith("cuda"),
        dataloader_pin_memory=plan.device.startswith("cuda"),
        report_to=options.report_to,
        remove_unused_columns=False,
        disable_tqdm=True,
        log_level="error",
        ddp_find_unused_parameters=False,
    )
    return arguments


def _check_memory(base: Path, plan: DevicePlan, options: TrainingOptions, data: FeatureSet, trainable: int) -> None:
    shape = device.ModelShape.read(base)
    longest = max(len(feature["input_ids"]) for feature in data.features)
    targets = max(_target_tokens(feature) for feature in data.features)
    needed = device.estimate_training_gb(
        shape,
        plan.dtype,
        batch=options.batch_size,
        tokens=longest,
        target_tokens=targets,
        trainable=trainable,
        quantize=plan.quantize if plan.quantize in {"4bit", "8bit"} else "none",
        checkpointing=options.checkpointing,
    )
    advice = "lower batch_size or max_tokens, or set checkpointing"
    device.require_memory(needed, device.free_memory_bytes(plan.device) / 1e9, f"Training '{base.name}'", advice)


def _target_tokens(feature: dict[str, Any]) -> int:
    labels = feature.get("labels")
    return sum(label != -100 for label in labels) if isinstance(labels, list) else 1


def _out_of_memory(error: BaseException) -> bool:
    text = str(error).lower()
    return (
        isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "out of memory" in text or "can't allocate" in text
    )


def _smaller(options: TrainingOptions, error: BaseException) -> TrainingOptions:
    if options.batch_size == 1:
        raise ResourceError("Training ran out of memory with one example at a time: lower max_tokens.") from error
    halves = options.batch_size // 2
    return replace(options, batch_size=halves, accumulation=options.accumulation * (options.batch_size // halves))


def _append(folder: Path, figures: dict[str, float]) -> None:
    with (folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(figures) + "\n")


def _plain(metrics: dict[str, float]) -> dict[str, float]:
    return {name.removeprefix("eval_"): value for name, value in metrics.items()}


def _default_plan() -> DevicePlan:
    from core.settings import ModelSettings

    return device.plan(ModelSettings())


def options_record(options: TrainingOptions) -> dict[str, Any]:
    """The options as plain values, for the run folder."""
    return asdict(options)
