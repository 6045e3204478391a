"""finetune(): the text model learns from the team's own behaviour, the engine from everything; both into a run folder.

Collect → cut by time → train the adapter → compare with the live text model on later choices → a gate → fit the engine
on all events → promote or keep. Works without a GPU; how long depends on the number of examples alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.recommender.encoding import ADAPTER, load_embedders
from apps.recommender.engine import Recommender
from apps.recommender.engine_options import engine_options, vector_folder
from apps.recommender.interest_examples import choices, examples
from apps.recommender.log_problem import log_problem
from apps.recommender.measures import ours
from apps.recommender.measures.ranked import paired_gain
from apps.recommender.model_shelf import ModelShelf
from apps.recommender.public_sets import Problem
from apps.recommender.records import EngineOptions, Event, Item
from apps.recommender.settings import RecommenderSettings
from apps.recommender.splits import temporal
from apps.recommender.store import Store
from apps.recommender.text_training import reach_for, train_text
from core import runs
from core.errors import DataError, NotFoundError, SettingsError, known_names
from core.events import Log, OnEvent, ignore
from core.inference.embedding import Embedder, load_embedder
from core.models import catalog, device
from core.models.adapters import AdapterRegistry, Version
from core.runs import Run
from core.training.examples import InterestExample, data_hash
from core.training.options import TrainingOptions

MOST_EXAMPLES = 20_000  # the newest; some 15 to 30 minutes of one core at the defaults
DEFAULTS: dict[str, Any] = {
    "epochs": 3.0, "batch_size": 64, "learning_rate": 5e-4, "max_tokens": 64, "patience": 0,
}  # fmt: skip
SHARES = (0.87, 0.13)  # of the events by time: learnt from, and kept for the comparison


@dataclass(frozen=True)
class _Data:
    """What the database holds, and when it ends."""

    items: Sequence[Item]
    events: Sequence[Event]
    options: EngineOptions

    @property
    def end(self) -> datetime:
        """The last event: the "now" of everything learnt from it."""
        return max(one.time for one in self.events)


def finetune(
    settings: RecommenderSettings,
    on_event: OnEvent = ignore,
    *,
    promote: bool = True,
    resume: str | None = None,
    text: bool = True,
    reach: str = "auto",
    **options: Any,
) -> Run:
    """Train the text model's adapter and fit the engine on everything in the database; all is kept in a run folder.

    ``text`` False fits the engine alone; ``reach`` is how much of the encoder the adapter changes (``REACHES``;
    "auto" is two layers on a CPU and all on a GPU). ``resume`` goes on with an interrupted run; other options are
    those of ``TrainingOptions``. The adapter goes live when lists with it are better on later choices than with the
    live text model. Raises ``DataError`` when there is nothing to learn from, ``SettingsError`` for an unknown option.
    """
    chosen = _options(options)
    data = _collected(settings)
    run = _run(settings, resume, {"text": text, "reach": reach, **options})
    with run.recording():
        listener = run.listener(on_event)
        adapter = _train_text(settings, run, data, chosen, reach, promote, listener) if text else None
        tuned = _embedders(settings, adapter.path if adapter else None, listener)
        engine = Recommender.fit(
            data.items, data.events, tuned, data.end, data.options, vector_folder(settings), listener
        )
        engine.save(run.path / "model")
        shelf = ModelShelf(settings.home)
        version = shelf.add(run.path / "model", metrics=_numbers(run.report), source=run.id)
        if promote:
            shelf.promote(version.name)
        on_event(Log(f"Model {version.name} is {'live' if promote else 'kept, not live'}."))
    return run


def adapter_examples(
    data_items: Sequence[Item], events: Sequence[Event], options: EngineOptions, languages: Sequence[str]
) -> tuple[list[InterestExample], list[InterestExample]]:
    """Examples before and after the cut in time; ``DataError`` when there are too few to learn from."""
    items = {one.id: one for one in data_items}
    early, late = temporal(events, SHARES)
    cut = late[0].time if late else early[-1].time
    made = list(choices(events, options))
    train = examples([one for one in made if one.time < cut], items, languages)[-MOST_EXAMPLES:]
    held = examples([one for one in made if one.time >= cut], items, languages)[:2000]
    if len(train) < 20:
        raise DataError(
            f"There are {len(train)} choices after an earlier one but 20 are the least to teach the text model: bring "
            "more events, or fit the rest alone (in a terminal --no-text); until then the model that is live ranks."
        )
    return train, held


def _train_text(
    settings: RecommenderSettings,
    run: Run,
    data: _Data,
    options: TrainingOptions,
    reach: str,
    promote: bool,
    on_event: OnEvent,
) -> Version | None:
    """The new adapter if it passed the gate, None where the text model stays as it is."""
    plan = device.plan(settings.models)
    description = catalog.resolve(settings.models.encoder)
    base = catalog.ensure(description, settings.home, on_event)
    train, held = adapter_examples(data.items, data.events, data.options, description.languages)
    content = data_hash(train)
    run.write_data(content, {"train": len(train), "validation": len(held)}, "by time")
    result = train_text(base, train, held, options, run, plan, reach_for(plan, reach), on_event)
    registry = AdapterRegistry(settings.home)
    figures = _compared(settings, data, result.adapter, on_event)
    figures |= {f"after_{name}": value for name, value in result.after.items()}
    figures |= {f"before_{name}": value for name, value in result.before.items()}
    run.write("report", {**run.report, **figures})
    live = registry.live_version(ADAPTER)
    version = registry.add(
        ADAPTER, result.adapter, base, metrics=figures, data_hash=content, parents=(live,) if live else ()
    )
    if promote and passes(figures):
        on_event(Log(f"Adapter {ADAPTER} {version.version} is live."))
        return registry.promote(ADAPTER, version.version, base)
    on_event(Log(f"Adapter {ADAPTER} {version.version} is kept, not live."))
    return None


def passes(figures: dict[str, float]) -> bool:
    """The gate: lists with the new adapter are better on later choices than with the live text model."""
    return figures.get("ndcg10_tuned", 0.0) > figures.get("ndcg10_live", 1.0)


def _compared(settings: RecommenderSettings, data: _Data, adapter: Path, on_event: OnEvent) -> dict[str, float]:
    """NDCG@10 on choices after those learnt from, with the new adapter and as it is now, all else alike."""
    try:
        problem = log_problem("log", data.items, data.events, data.options)
    except DataError as error:
        on_event(Log(f"The adapter cannot be compared: {error}"))
        return {}
    new = _gains(problem, _embedders(settings, adapter, on_event))
    now = _gains(problem, load_embedders(settings, on_event))
    gain = paired_gain(new, now, [one.user for one in problem.report.cases])
    return {
        "ndcg10_tuned": float(new.mean()),
        "ndcg10_live": float(now.mean()),
        **{f"ndcg10_{k}": v for k, v in gain.items()},
    }


def _gains(problem: Problem, embedders: Sequence[Embedder]) -> npt.NDArray[np.float64]:
    learnt, last = ours.learn_ours(problem, lambda _: embedders)
    knowledge = ours.fitted(problem, problem.report, embedders)
    knowledge.pooling = last.pooling
    blend = ours.blend_without(learnt, ())
    return ours.rank(knowledge, {"ours": ours.Way(blend)}, problem.report.cases)["ours"].filtered.gains()


def _embedders(settings: RecommenderSettings, adapter: Path | None, on_event: OnEvent) -> list[Embedder]:
    """As ``load_embedders``, with this adapter on the first."""
    if adapter is None:
        return load_embedders(settings, on_event)
    plan = device.plan(settings.models)
    first = load_embedder(settings.models.encoder, settings.home, plan, adapter, on_event)
    return [first, *load_embedders(settings, on_event, tuned=False)[1:]]


def _collected(settings: RecommenderSettings) -> _Data:
    store = Store.open(settings.database_address)
    try:
        items, events = store.all_items(), store.training_events(store.every_list())
    finally:
        store.close()
    if not items or not events:
        raise DataError(f"There are {len(items)} items and {len(events)} events to learn from: ingest some first.")
    return _Data(items, events, engine_options(settings, items))


def _run(settings: RecommenderSettings, resume: str | None, chosen: dict[str, Any]) -> Run:
    if resume is None:
        return runs.create(settings.home, "recommender", "interest", chosen)
    known = {one.id: one for one in runs.list_runs(settings.home, "recommender")}
    if resume not in known:
        raise NotFoundError(f"There is no run '{resume}' to resume; {known_names(resume, known)}.")
    return known[resume]


def _options(given: dict[str, Any]) -> TrainingOptions:
    known = {one.name for one in fields(TrainingOptions)}
    for name in given:
        if name not in known:
            raise SettingsError(f"Unknown training option '{name}'; {known_names(name, known)}.")
    return TrainingOptions(**(DEFAULTS | given))


def _numbers(figures: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in figures.items() if isinstance(value, int | float)}
