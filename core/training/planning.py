"""What a training run will do, settled before it starts: the Trainer's arguments, the memory it needs, its identity."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import ConflictError, MissingExtraError, SettingsError
from core.models import device
from core.models.catalog import fingerprint
from core.training.batches import PASS_TOKENS, FeatureSet, rows_at_once
from core.training.examples import Example, data_hash
from core.training.objectives import Objective
from core.training.options import TrainingOptions

if TYPE_CHECKING:
    from transformers import TrainingArguments

    from core.models.device import DevicePlan
    from core.runs import Run

# changing one of these between a kill and a resume does not change what is learnt
FREE_TO_CHANGE = ("time_limit_s", "batch_size", "accumulation", "report_to", "keep_checkpoints", "checkpointing")


def trainer_arguments(
    options: TrainingOptions, folder: Path, plan: DevicePlan, validated: bool, goal: Objective
) -> TrainingArguments:
    """The options in transformers' words; checkpoints go to ``folder / "checkpoints"``."""
    from transformers import TrainingArguments

    every = "steps" if options.eval_every else "epoch"
    on_card = plan.device.startswith("cuda")
    return TrainingArguments(
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
        restore_callback_states_from_checkpoint=True,
        logging_steps=10,
        seed=options.seed,
        use_cpu=plan.device == "cpu",
        fp16=plan.dtype == "float16" and on_card,
        dataloader_pin_memory=on_card,
        report_to=options.report_to,
        remove_unused_columns=False,
        disable_tqdm=True,
        log_level="error",
        ddp_find_unused_parameters=False,
    )


def check_memory(
    base: Path, plan: DevicePlan, options: TrainingOptions, data: FeatureSet, trainable: int, by_row: bool = False
) -> float:
    """GB that training needs by estimate; ``ResourceError`` with the setting to change when they are not free."""
    tokens = max(len(feature["input_ids"]) for feature in data.features)
    needed = device.estimate_training_gb(
        device.ModelShape.read(base),
        plan.dtype,
        batch=_rows_of_a_pass(plan, options, tokens, by_row),
        tokens=tokens,
        target_tokens=max(_target_tokens(feature) for feature in data.features),
        trainable=trainable,
        quantize=plan.quantize if plan.quantize in {"4bit", "8bit"} else "none",
        checkpointing=options.checkpointing,
    )
    advice = "lower batch_size or max_tokens, or set checkpointing"
    device.require_memory(needed, device.free_memory_bytes(plan.device) / 1e9, f"Training '{base.name}'", advice)
    return needed


def _rows_of_a_pass(plan: DevicePlan, options: TrainingOptions, tokens: int, by_row: bool) -> int:
    """A card says when it is full and the batch is halved; on a CPU the system ends the process instead."""
    if plan.device != "cpu":
        return 1
    return min(options.batch_size, rows_at_once(tokens, PASS_TOKENS)) if by_row else options.batch_size


def check_options(task: str, options: TrainingOptions) -> None:
    """Refuse combinations that would silently do nothing, and a tracker that is not installed."""
    if options.r_drop and task not in {"sequence", "multi_label", "token"}:
        raise SettingsError(f"Training option 'r_drop' needs a classification task, the task is '{task}': set it to 0.")
    for tracker in ("tensorboard", "wandb"):
        if options.report_to == tracker and importlib.util.find_spec(tracker) is None:
            raise MissingExtraError(tracker, tracker, f"Training with report_to={tracker}")


def record_start(
    task: str,
    base: Path,
    labels: Sequence[str],
    examples: Sequence[Example],
    validation: Sequence[Example],
    options: TrainingOptions,
    plan: DevicePlan,
    run: Run,
    has_checkpoint: bool,
) -> None:
    """Write the run's plan, and data if nobody has; ``ConflictError`` when its checkpoints are of another run."""
    data = {"train_hash": data_hash(examples), "validation_hash": data_hash(validation)}
    effective = options.batch_size * options.accumulation
    learnt = {name: value for name, value in asdict(options).items() if name not in FREE_TO_CHANGE}
    identity = [task, fingerprint(base), list(labels), data, effective, learnt]
    signature = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    if has_checkpoint and (run.read("plan") or {}).get("signature", signature) != signature:
        raise ConflictError(
            f"Run '{run.id}' has checkpoints of other data or options: resume it as it was, or start a new run."
        )
    if not is_first_process():
        return
    record = {"task": task, "base": base.name, "base_fingerprint": identity[1], "labels": list(labels), **data}
    run.write("plan", {**record, "options": asdict(options), "device": asdict(plan), "signature": signature})
    if run.read("data") is None:
        counts = {"train": len(examples), "validation": len(validation)}
        run.write_data(data["train_hash"], counts, "given to the training")


def is_first_process() -> bool:
    """Whether this process keeps the run folder; torchrun numbers its processes in RANK."""
    return os.environ.get("RANK", "0") == "0"


def of_this_process(plan: DevicePlan) -> DevicePlan:
    """Under torchrun each process has a card of its own; a model spread over all cards is for one process."""
    if os.environ.get("WORLD_SIZE", "1") == "1" or not plan.device.startswith("cuda"):
        return plan
    return replace(plan, device=f"cuda:{os.environ.get('LOCAL_RANK', '0')}", device_map=None)


def _target_tokens(feature: dict[str, Any]) -> int:
    """Positions whose logits are computed; a classifier's are as many as its texts and weigh nothing."""
    labels = feature.get("labels")
    return sum(label != -100 for label in labels) if isinstance(labels, list) else 1
