"""One function that fine-tunes: plan and memory check, training with resume and back-off, the best adapter saved.

The task lives in ``objectives``, the loop in ``loop``, what is settled beforehand in ``planning``; this file puts them
together and keeps the run folder.
"""

from __future__ import annotations

import gc
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from core.errors import CancelledError_, DataError, ResourceError
from core.events import Log, OnEvent, ignore
from core.models import device
from core.models.adapter_check import content_hash
from core.models.adapters import check_trained
from core.models.catalog import fingerprint
from core.models.files import write_json
from core.models.precision import lighten
from core.training import checkpoints, lora, planning
from core.training.batches import FeatureSet
from core.training.headed import Headed
from core.training.labelling import SequenceLabel, calibrated
from core.training.loop import ObjectiveTrainer, Reporter, Stopper
from core.training.objectives import Objective, objective
from core.training.options import TrainingOptions

if TYPE_CHECKING:
    from core.models.device import DevicePlan
    from core.models.heads import HeadSet
    from core.runs import Run
    from core.training.examples import Example


# Up to so many tokens attention is trained by plain products in bfloat16 on a CPU: the way back through torch's fused
# attention is slow there. What plain products keep grows with the square of the length.
PLAIN_ATTENTION = 512


@dataclass(frozen=True)
class FinetuneResult:
    """The saved adapter, validation figures without and with it, and the optimiser step it comes from."""

    adapter: Path
    before: dict[str, float]
    after: dict[str, float]
    best_step: int
    steps: int
    world_size: int


@dataclass(frozen=True)
class _Job:
    """What stays the same over all attempts of one call."""

    task: str
    goal: Objective
    base: Path
    examples: Sequence[Any]
    validation: Sequence[Any]
    labels: tuple[str, ...]
    run: Run
    plan: DevicePlan
    on_event: OnEvent
    cancel: threading.Event | None
    until: float  # time.monotonic() at which training stops
    start: Path | None = None


def finetune(
    task: str,
    base: Path,
    examples: Sequence[Example],
    validation: Sequence[Example],
    options: TrainingOptions,
    run: Run,
    on_event: OnEvent = ignore,
    resume: bool = True,
    *,
    labels: Sequence[str] = (),
    heads: HeadSet | None = None,
    start: Path | None = None,
    plan: DevicePlan | None = None,
    cancel: threading.Event | None = None,
) -> FinetuneResult:
    """Train a LoRA adapter for ``task`` (see ``objectives.TASKS``) on the model folder ``base``.

    ``labels`` are those of a classifier, ``heads`` those of the task "heads"; ``start`` is an adapter of the same
    task, rank and labels to go on from instead of starting anew. The adapter lies in ``run.path /
    "adapter"`` with ``task.json`` beside it: task, labels, base fingerprint and, for classifiers, the calibration
    fitted on ``validation``; curves, plan and report are kept by the run. With
    ``resume`` a killed run goes on from its last whole checkpoint, to the same weights, and a finished one returns its
    result. Out of memory halves the batch and doubles the accumulation, which leaves the arithmetic as it was.

    Raises ``DataError`` without examples, ``ConflictError`` when the folder belongs to another run, ``ResourceError``
    when one example at a time will not fit and ``CancelledError_`` when ``cancel`` was set.
    """
    if not examples:
        raise DataError("There are no training examples.")
    planning.check_options(task, options)
    plan = planning.of_this_process(plan or _default_plan())
    device.apply(plan)
    until = time.monotonic() + (options.time_limit_s or float("inf"))
    listener = run.listener(on_event) if planning.is_first_process() else ignore
    goal = objective(task, labels, options.label_smoothing, heads)
    labels = heads.described() if heads is not None else labels
    job = _Job(task, goal, base, examples, validation, tuple(labels), run, plan, listener, cancel, until, start)
    if not resume:
        checkpoints.forget(run.path)
    started = checkpoints.last_checkpoint(run.path) is not None
    origin = (*labels, f"start={content_hash(start)}") if start is not None else labels
    planning.record_start(task, base, origin, examples, validation, options, plan, run, started)
    if started and (run.path / checkpoints.RESULT).exists():
        return _finished(run.path)
    return _with_back_off(job, options)


def _with_back_off(job: _Job, options: TrainingOptions) -> FinetuneResult:
    while True:
        try:
            return _attempt(job, options)
        except (MemoryError, RuntimeError) as error:
            if not _out_of_memory(error):
                raise
            options = _smaller(options, error)
        gc.collect()  # here the error, and with it the failed attempt's tensors, is gone
        job.on_event(Log(f"Out of memory: going on with batches of {options.batch_size}."))


def _attempt(job: _Job, options: TrainingOptions) -> FinetuneResult:
    from transformers import EarlyStoppingCallback, PrinterCallback, set_seed

    set_seed(options.seed)
    model, tokenizer = job.goal.load(job.base, job.plan)
    data = FeatureSet(job.goal.encode(tokenizer, job.examples, options.max_tokens))
    held = FeatureSet(job.goal.encode(tokenizer, job.validation, options.max_tokens))
    longest = max(len(feature["input_ids"]) for feature in data.features)
    autocast = torch.bfloat16 if job.plan.dtype == "bfloat16" else None
    if autocast is not None and job.plan.device == "cpu" and longest <= PLAIN_ATTENTION:
        model.set_attn_implementation("eager")
    model = _with_adapter(model, job, options, data, autocast)
    callbacks = [
        Reporter(job.on_event),
        Stopper(job.until, job.cancel),
        *([EarlyStoppingCallback(options.patience)] if len(held) and options.patience else []),
    ]
    trainer = ObjectiveTrainer(
        job.goal,
        options,
        autocast,
        model=model,
        args=planning.trainer_arguments(options, job.run.path, job.plan, bool(len(held)), job.goal),
        train_dataset=data,
        eval_dataset=held if len(held) else None,
        data_collator=lambda features: job.goal.collate(tokenizer, features),
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)
    return _train(job, trainer, options)


def _with_adapter(
    model: Any, job: _Job, options: TrainingOptions, data: FeatureSet, autocast: torch.dtype | None
) -> Any:
    if job.plan.quantize in {"4bit", "8bit"}:
        model = lora.prepare_quantized(model, options.checkpointing)
    model = lora.attach(model, job.goal.task_type, options)
    if job.start is not None:
        check_trained(job.start, job.base)
        lora.carry_on(model, job.start)
    trainable = lora.trainable_parameters(model.parameters())
    planning.check_memory(job.base, job.plan, options, data, trainable, job.goal.by_row)
    if autocast is not None:
        lighten(model, autocast)
    return model


def _train(job: _Job, trainer: ObjectiveTrainer, options: TrainingOptions) -> FinetuneResult:
    validated = trainer.eval_dataset is not None
    checkpoint = checkpoints.last_checkpoint(job.run.path)
    before = _before(trainer, job.run.path, checkpoint) if validated else {}
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if job.cancel is not None and job.cancel.is_set():
        raise CancelledError_(f"Training was stopped at step {trainer.state.global_step}; it can be resumed.")
    after = _figures(trainer, "after") if validated else {}
    steps = trainer.state.global_step
    best = trainer.state.best_global_step or steps
    result = FinetuneResult(job.run.path / "adapter", before, after, best, steps, trainer.args.world_size)
    if trainer.is_world_process_zero():
        lora.save(trainer.model, result.adapter, job.base.name)
        write_json(result.adapter / "task.json", _task_record(job, trainer, options))
        write_json(job.run.path / checkpoints.RESULT, {**asdict(result), "adapter": "adapter"})
        figures = {"before": before, "after": after, "best_step": best, "steps": steps}
        job.run.write("report", {**job.run.report, "training": figures})
    trainer.accelerator.wait_for_everyone()
    return result


def _task_record(job: _Job, trainer: ObjectiveTrainer, options: TrainingOptions) -> dict[str, Any]:
    """What using the adapter needs to know besides its weights."""
    record: dict[str, Any] = {
        "task": job.task,
        "labels": list(job.labels),
        "max_tokens": options.max_tokens,
        "base": job.base.name,
        "base_fingerprint": fingerprint(job.base),
    }
    if isinstance(job.goal, Headed):
        outcome = trainer.predictions(trainer.eval_dataset) if trainer.eval_dataset is not None else None  # type: ignore[arg-type]  # always our FeatureSet
        return {**record, "labels": [], **job.goal.record(outcome, options.calibration)}
    if isinstance(job.goal, SequenceLabel) and trainer.eval_dataset is not None:
        outcome = trainer.predictions(trainer.eval_dataset)  # type: ignore[arg-type]  # always our FeatureSet
        record["calibration"] = calibrated(job.goal, outcome, options.calibration).as_record()
    return record


def _before(trainer: ObjectiveTrainer, folder: Path, checkpoint: Path | None) -> dict[str, float]:
    """Figures of the untrained adapter, which are the base's; a resumed run reads what its beginning wrote."""
    kept = folder / checkpoints.BEFORE
    if checkpoint is not None and kept.exists():
        return dict(json.loads(kept.read_text()))
    figures = _figures(trainer, "before")
    if trainer.is_world_process_zero():
        write_json(kept, figures)
    return figures


def _finished(folder: Path) -> FinetuneResult:
    record = json.loads((folder / checkpoints.RESULT).read_text(encoding="utf-8"))
    return FinetuneResult(**{**record, "adapter": folder / record["adapter"]})


def _out_of_memory(error: BaseException) -> bool:
    text = str(error).lower()
    named = "out of memory" in text or "can't allocate" in text
    return named or isinstance(error, MemoryError | torch.OutOfMemoryError)


def _smaller(options: TrainingOptions, error: BaseException) -> TrainingOptions:
    """The largest batch of at most half the size that divides it, so that the effective batch stays the same."""
    size = options.batch_size
    if size == 1:
        raise ResourceError("Training ran out of memory with one example at a time: lower max_tokens.") from error
    smaller = next(part for part in range(size // 2, 0, -1) if size % part == 0)
    return replace(options, batch_size=smaller, accumulation=options.accumulation * (size // smaller))


def _figures(trainer: ObjectiveTrainer, when: str) -> dict[str, float]:
    """Validation figures; logged under a name of their own, for they are no points of the training curve."""
    measured = trainer.evaluate(metric_key_prefix=when)
    return {name.removeprefix(f"{when}_"): value for name, value in measured.items() if name != "epoch"}


def _default_plan() -> DevicePlan:
    from core.settings import ModelSettings

    return device.plan(ModelSettings())
