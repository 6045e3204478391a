"""Searches training options, the adapter's rank, alpha and dropout among them, with Optuna.

A learning rate searched at one fixed rank is tuned for that rank only, so all are drawn together. Trials that fall
behind are stopped at a validation; the study is kept as a journal file, so a killed search goes on.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import DataError, SettingsError
from core.events import Event, Log, Metric, OnEvent, Progress, ignore
from core.runs import Run
from core.training.finetune import FinetuneResult, finetune
from core.training.objectives import objective
from core.training.options import TrainingOptions

if TYPE_CHECKING:
    from core.models.device import DevicePlan
    from core.training.examples import Example

FIRST_TRIALS = 4  # run to their end before any is stopped for falling behind


@dataclass(frozen=True)
class SearchSpace:
    """What is drawn, and from where; alpha is drawn as a multiple of the square root of the rank (rsLoRA's scale)."""

    ranks: tuple[int, ...] = (4, 8, 16, 32)
    scales: tuple[float, float] = (0.5, 8.0)  # alpha / sqrt(rank), log-uniform
    dropouts: tuple[float, float] = (0.0, 0.3)
    learning_rates: tuple[float, float] = (3e-5, 2e-3)  # log-uniform

    def __post_init__(self) -> None:
        for name in ("scales", "dropouts", "learning_rates"):
            low, high = getattr(self, name)
            if not 0 <= low <= high or (low == 0 and name != "dropouts"):
                raise SettingsError(f"Search range '{name}' must rise from above 0, got {low} to {high}.")
        if not self.ranks or min(self.ranks) < 1:
            raise SettingsError(f"Search range 'ranks' must hold numbers of at least 1, got {self.ranks}.")


@dataclass(frozen=True)
class Trial:
    """One tried setting; ``score`` is None where it was stopped early."""

    number: int
    options: TrainingOptions
    score: float | None


@dataclass(frozen=True)
class TuningResult:
    """The best options with their adapter and score, and every trial in order."""

    options: TrainingOptions
    score: float
    adapter: Path
    trials: tuple[Trial, ...]


def tune(
    task: str,
    base: Path,
    examples: Sequence[Example],
    validation: Sequence[Example],
    options: TrainingOptions,
    run: Run,
    trials: int = 12,
    space: SearchSpace | None = None,
    on_event: OnEvent = ignore,
    *,
    labels: Sequence[str] = (),
    plan: DevicePlan | None = None,
) -> TuningResult:
    """Try ``trials`` settings on the validation split and keep the best adapter in ``run.path / "trials"``.

    The score is the objective's own figure (loss, macro-F1, span F1, recall). Run again on the same folder it goes on
    where it stopped. The validation split has then been used for choosing: report on another one.
    """
    if not validation:
        raise DataError("Tuning needs validation examples to choose by.")
    if trials < 1:
        raise SettingsError(f"trials must be at least 1, got {trials}.")
    space = space or SearchSpace()
    goal = objective(task, labels)
    search = _Search(task, base, examples, validation, options, run, space, on_event, tuple(labels), plan)
    study = _study(run.path, goal.best_is_highest, options.seed)
    while len(_ended(study)) < trials:
        trial = study.ask()
        _run_trial(search, study, trial, f"eval_{goal.best}")
        on_event(Progress("tuning", len(_ended(study)), trials))
    result = _result(run.path, study, options)
    run.write("tuning", {"score": result.score, "trials": [asdict(each) for each in result.trials]})
    return result


@dataclass(frozen=True)
class _Search:
    task: str
    base: Path
    examples: Sequence[Any]
    validation: Sequence[Any]
    options: TrainingOptions
    run: Run
    space: SearchSpace
    on_event: OnEvent
    labels: tuple[str, ...]
    plan: DevicePlan | None


class _FellBehind(Exception):
    """Raised inside a trial's training to end it."""


def _run_trial(search: _Search, study: Any, trial: Any, figure: str) -> None:
    import optuna

    drawn = _drawn(trial, search.options, search.space)
    folder = _folder(search.run.path, trial.number)
    folder.mkdir(parents=True, exist_ok=True)

    def watch(event: Event) -> None:
        search.on_event(event)
        if isinstance(event, Metric) and event.name == figure and event.step:
            trial.report(event.value, event.step)
            if trial.should_prune():
                raise _FellBehind

    try:
        result: FinetuneResult = finetune(
            search.task,
            search.base,
            search.examples,
            search.validation,
            drawn,
            Run(folder),
            watch,
            labels=search.labels,
            plan=search.plan,
        )
    except _FellBehind:
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        search.on_event(Log(f"Trial {trial.number} fell behind and was stopped."))
        shutil.rmtree(folder, ignore_errors=True)
        return
    study.tell(trial, result.after[figure.removeprefix("eval_")])
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    for other in study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE]):
        if other.number != study.best_trial.number:
            shutil.rmtree(_folder(search.run.path, other.number), ignore_errors=True)


def _study(folder: Path, highest: bool, seed: int) -> Any:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        storage = JournalStorage(JournalFileBackend(str(folder / "study.jsonl")))
        study = optuna.create_study(
            storage=storage,
            study_name="tuning",
            load_if_exists=True,
            direction="maximize" if highest else "minimize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=FIRST_TRIALS, n_warmup_steps=1),
        )
        draws = seed + len(study.trials)  # going on with the first seed would draw the first trials again
        study.sampler = optuna.samplers.TPESampler(seed=draws, n_startup_trials=FIRST_TRIALS, multivariate=True)
    for trial in study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.RUNNING]):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)  # a killed search left it so
    return study


def _drawn(trial: Any, options: TrainingOptions, space: SearchSpace) -> TrainingOptions:
    rank = int(trial.suggest_categorical("rank", list(space.ranks)))
    scale = trial.suggest_float("scale", *space.scales, log=True)
    dropout = trial.suggest_float("dropout", *space.dropouts)
    learning_rate = trial.suggest_float("learning_rate", *space.learning_rates, log=True)
    return _with_drawn(options, {"rank": rank, "scale": scale, "dropout": dropout, "learning_rate": learning_rate})


def _with_drawn(options: TrainingOptions, drawn: dict[str, Any]) -> TrainingOptions:
    return replace(
        options,
        rank=int(drawn["rank"]),
        alpha=float(drawn["scale"]) * float(drawn["rank"]) ** 0.5,
        dropout=float(drawn["dropout"]),
        learning_rate=float(drawn["learning_rate"]),
    )


def _ended(study: Any) -> list[Any]:
    import optuna

    states = [optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED]
    return list(study.get_trials(deepcopy=False, states=states))


def _result(folder: Path, study: Any, options: TrainingOptions) -> TuningResult:
    ended = _ended(study)
    trials = tuple(
        Trial(each.number, _with_drawn(options, each.params), each.value if each.state.name == "COMPLETE" else None)
        for each in ended
    )
    best = study.best_trial
    return TuningResult(
        _with_drawn(options, best.params), float(best.value), _folder(folder, best.number) / "adapter", trials
    )


def _folder(run: Path, number: int) -> Path:
    return run / "trials" / f"{number:03d}"
