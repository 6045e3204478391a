"""finetune(): a better generator or intent model out of what the team has approved, kept in a run folder.

Collect → split by group → train → measure beside the live adapter → a gate → promote or keep. The adapter that ships
was made from the same examples by a shorter loop of the same arithmetic; its card tells how.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from apps.chatbot.engine import GROUNDED
from apps.chatbot.grounded_examples import GroundedExample
from apps.chatbot.grounded_sources import ReadingSet, as_sft, examples, knowledge_set, simplified
from apps.chatbot.reading_files import reading_comprehension, reading_passages
from apps.chatbot.records import Status
from apps.chatbot.service import SAMPLE
from apps.chatbot.settings import ChatbotSettings
from apps.chatbot.store import Store
from core import runs
from core.characters import simplify
from core.errors import DataError, NotFoundError, SettingsError, known_names
from core.events import Log, OnEvent, ignore
from core.models import catalog, device
from core.models.adapters import AdapterRegistry
from core.runs import Run
from core.training.options import TrainingOptions

HELD_OUT = 0.1  # share of titles, documents and intents kept for validation
# Wikipedia passages are plenty and a shop's answers few: each public set gives at most so many questions.
MOST_READING = 1600
KINDS = ("generator", "intents")


def finetune(
    settings: ChatbotSettings,
    what: str = "generator",
    on_event: OnEvent = ignore,
    *,
    reading: str = "",
    sample_reading: bool = True,
    promote: bool = True,
    resume: str | None = None,
    **options: Any,
) -> Run:
    """Train ``what`` on the approved knowledge in the database and keep everything in a run folder.

    ``reading`` names more reading-comprehension files (SQuAD's layout), several joined by ";"; ``sample_reading`` adds
    the passages that ship with the project. ``resume`` goes on with an interrupted run. Other options are those of
    ``TrainingOptions``. The adapter goes live when its validation loss beats both the base's and the live adapter's
    recorded one. Raises ``DataError`` when there is nothing to learn from, ``SettingsError`` for an unknown option.
    """
    if what not in KINDS:
        raise NotFoundError(f"There is nothing called '{what}' to train; {known_names(what, KINDS)}.")
    if what == "intents":
        return _train_intents(settings, on_event)
    chosen = _options(options)
    train, held = grounded_data(
        settings, [Path(part) for part in reading.split(";") if part], sample_reading, chosen.seed
    )
    run = _run(settings, resume, what, asdict(chosen) | {"reading": reading, "sample_reading": sample_reading})
    with run.recording():
        return _train_generator(settings, run, train, held, chosen, promote, on_event)


def grounded_data(
    settings: ChatbotSettings, reading: Sequence[Path], sample_reading: bool, seed: int
) -> tuple[list[GroundedExample], list[GroundedExample]]:
    """Training and validation examples; questions about one title, document or intent lie on one side."""
    train: list[GroundedExample] = []
    held: list[GroundedExample] = []
    for number, one in enumerate(_sets(settings, reading, sample_reading)):
        learn, keep = one.split(HELD_OUT, seed)
        if learn.questions:
            train += examples(learn.sample(MOST_READING, seed), seed + number)
        if keep.questions:
            held += examples(keep.sample(60, seed), seed + number)
    if not train:
        raise DataError("There is nothing to train on: ingest approved answers with similar questions first.")
    return train, held


def _sets(settings: ChatbotSettings, reading: Sequence[Path], sample_reading: bool) -> Iterable[ReadingSet]:
    store = Store.open(settings.database_address)
    try:
        answers = store.answers(Status.APPROVED, None, 1_000_000, 0)
        passages = store.passages()
    finally:
        store.close()
    for language in ("en", "zh"):
        own = knowledge_set(answers, passages, language)
        if own.questions and len(own.passages) > 1:
            yield own
    if sample_reading:
        yield reading_passages(SAMPLE / "reading.en.jsonl")
    for path in reading:
        found = reading_comprehension(path)
        yield simplified(found, simplify) if any(one.language == "zh" for one in found.questions) else found


def _train_generator(
    settings: ChatbotSettings,
    run: Run,
    train: Sequence[GroundedExample],
    held: Sequence[GroundedExample],
    options: TrainingOptions,
    promote: bool,
    on_event: OnEvent,
) -> Run:
    from core.training.examples import data_hash
    from core.training.finetune import finetune as train_adapter

    plan = device.plan(settings.models)
    base = catalog.ensure(catalog.resolve(settings.models.generator), settings.home, on_event)
    learnt = [as_sft(one) for one in train]
    content = data_hash(learnt)
    run.write_data(content, {"train": len(train), "validation": len(held)}, "by title, document and intent")
    result = train_adapter("sft", base, learnt, [as_sft(one) for one in held], options, run, on_event, plan=plan)
    figures = {f"after_{name}": value for name, value in result.after.items()}
    figures |= {f"before_{name}": value for name, value in result.before.items()}
    run.write("report", dict(run.report) | figures | {"best_step": result.best_step, "steps": result.steps})
    registry = AdapterRegistry(settings.home)
    live = registry.live_version(GROUNDED)
    parents = (live,) if live else ()
    version = registry.add(
        GROUNDED, result.adapter, base, metrics=_numbers(figures), data_hash=content, parents=parents
    )
    if promote and passes(figures, registry, live):
        registry.promote(GROUNDED, version.version, base)
        on_event(Log(f"Adapter {GROUNDED} {version.version} is live from the next start on."))
    else:
        on_event(Log(f"Adapter {GROUNDED} {version.version} is kept, not live: promote it by hand if it is wanted."))
    return run


def passes(figures: dict[str, float], registry: AdapterRegistry, live: str | None) -> bool:
    """The gate: a lower validation loss than the base's, and than the live adapter's where it was measured alike."""
    after, before = figures.get("after_loss"), figures.get("before_loss")
    if after is None or before is None or not after < before:
        return False
    recorded = next((one.manifest for one in registry.versions(GROUNDED) if one.version == live), None)
    bar = recorded.metrics.get("after_loss") if recorded else None
    return bar is None or after <= bar


def _train_intents(settings: ChatbotSettings, on_event: OnEvent) -> Run:
    """Fit the intent model on every approved wording, measure it on labelled questions nobody fitted on."""
    from apps.chatbot.measures.intents_of import measure_intents

    run = runs.create(settings.home, "chatbot", "intents", {"what": "intents"})
    with run.recording():
        figures, counts, content = measure_intents(settings, run.listener(on_event))
        run.write_data(content, counts, "fitted on approved wordings, measured on labelled questions")
        run.write("report", figures)
    return run


def _run(settings: ChatbotSettings, resume: str | None, what: str, chosen: dict[str, Any]) -> Run:
    if resume is None:
        return runs.create(settings.home, "chatbot", what, chosen)
    known = {one.id: one for one in runs.list_runs(settings.home, "chatbot")}
    if resume not in known:
        raise NotFoundError(f"There is no run '{resume}' to resume; {known_names(resume, known)}.")
    return known[resume]


def _options(given: dict[str, Any]) -> TrainingOptions:
    known = {one.name for one in fields(TrainingOptions)}
    for name in given:
        if name not in known:
            raise SettingsError(f"Unknown training option '{name}'; {known_names(name, known)}.")
    return TrainingOptions(**({"epochs": 1.0, "batch_size": 4, "learning_rate": 3e-4, "max_tokens": 900} | given))


def _numbers(figures: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in figures.items() if isinstance(value, int | float)}
