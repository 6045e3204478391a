"""Trains the text model's adapter as far down as the machine has time for: all of it on a GPU, its top on a CPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import SettingsError, known_names
from core.events import OnEvent
from core.models.device import DevicePlan
from core.runs import Run
from core.training.examples import InterestExample
from core.training.options import TrainingOptions

# how far down an adapter reaches, and how many layers that is where not all are trained
REACHES: Mapping[str, int] = {"all": -1, "two_layers": 2, "one_layer": 1, "projection": 0}


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
    reach: str,
    on_event: OnEvent,
) -> Trained:
    """An "interest" adapter in ``run.path / "adapter"``; ``reach`` is one of ``REACHES``.

    All of them go on with an interrupted run of the same examples.
    """
    if reach != "all":
        from core.training.upper import finetune_upper

        folder, kept = run.path / "adapter", run.path / "standing.pt"
        upper = finetune_upper(base, examples, validation, options, folder, plan, REACHES[reach], on_event, kept)
        return Trained(upper.adapter, upper.before, upper.after)
    from core.training.finetune import finetune

    whole = finetune("interest", base, examples, validation, options, run, on_event, plan=plan)
    return Trained(whole.adapter, whole.before, whole.after)


def reach_for(plan: DevicePlan, asked: str) -> str:
    """As asked; "auto" is two layers on a CPU and all elsewhere. ``SettingsError`` for an unknown word."""
    if asked == "auto":
        return "two_layers" if plan.device == "cpu" else "all"
    if asked not in REACHES:
        raise SettingsError(f"Unknown reach '{asked}'; {known_names(asked, ['auto', *REACHES])}.")
    return asked
