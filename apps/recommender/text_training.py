"""Trains the text model's adapter where it runs: whole on a GPU, the uppermost layers on a CPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.events import OnEvent
from core.models.device import DevicePlan
from core.runs import Run
from core.training.examples import InterestExample
from core.training.options import TrainingOptions


@dataclass(frozen=True)
class Trained:
    """The adapter's folder, and validation figures without and with it."""

    adapter: Path
    before: dict[str, float]
    after: dict[str, float]


def train_text(
    base: Path,
    examples: Sequence[InterestExample],
    validation: Sequence[InterestExample],
    options: TrainingOptions,
    run: Run,
    plan: DevicePlan,
    layers: int,
    on_event: OnEvent,
) -> Trained:
    """An "interest" adapter in ``run.path / "adapter"``; ``layers`` from the top are trained, 0 trains all.

    All layers go through the stem's trainer, which resumes an interrupted run; a few of them are quick enough to be
    begun again.
    """
    if layers:
        from core.training.upper import finetune_upper

        upper = finetune_upper(base, examples, validation, options, run.path / "adapter", plan, layers, on_event)
        return Trained(upper.adapter, upper.before, upper.after)
    from core.training.finetune import finetune

    whole = finetune("interest", base, examples, validation, options, run, on_event, plan=plan)
    return Trained(whole.adapter, whole.before, whole.after)


def layers_for(plan: DevicePlan, asked: int | None) -> int:
    """As asked; by itself two layers on a CPU and all of them (0) elsewhere."""
    if asked is not None:
        return asked
    return 2 if plan.device == "cpu" else 0
