"""finetune(): a better generator, judge or intent model out of what the team has approved, kept in a run folder.

Collect → split by group → train → measure beside the live adapter → a gate → promote or keep. The adapters that ship
were made by the same functions; their cards tell from what.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.chatbot import judge_examples, judge_sources
from apps.chatbot.engine import GROUNDED
from apps.chatbot.grounded_examples import GroundedExample
from apps.chatbot.grounded_sources import ReadingSet, as_sft, examples, knowledge_set, mixed_script
from apps.chatbot.judge_examples import JudgeExample
from apps.chatbot.judging import JUDGE, LABELS
from apps.chatbot.knowledge import EVERYTHING, Knowledge
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

if TYPE_CHECKING:
    from core.training.examples import Example, LabelledText, SftExample

NOTHING = "There is nothing to train on: ingest approved answers with similar questions first."
HELD_OUT = 0.1  # share of titles, documents and intents kept for validation
# Wikipedia passages are plenty and a shop's answers few: each public set gives at most so many questions.
MOST_READING = 4000
ROUNDS = 3  # times each question is asked, beside other excerpts and in another style; better than as many epochs
KINDS = ("generator", "judge", "intents")


@dataclass(frozen=True)
class Learnt:
    """An adapter to be trained: its name in the registry, the stem's task, labels, and the knobs that suit it."""

    name: str
    task: str
    labels: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


LEARNT = {
    "generator": Learnt(
        GROUNDED, "sft", options={"epochs": 1.0, "batch_size": 4, "learning_rate": 3e-4, "max_tokens": 900}
    ),
    "judge": Learnt(
        JUDGE, "sequence", LABELS, options={"epochs": 2.0, "batch_size": 16, "learning_rate": 2e-4, "max_tokens": 320}
    ),
}


def finetune(
    settings: ChatbotSettings,
    what: str = "generator",
    on_event: OnEvent = ignore,
    *,
    reading: str = "",
    wordings: str = "",
    sample_reading: bool = True,
    promote: bool = True,
    resume: str | None = None,
    **options: Any,
) -> Run:
    """Train ``what`` on the approved knowledge in the database and keep everything in a run folder.

    ``reading`` names more reading-comprehension files (SQuAD's layout), several joined by ";"; ``sample_reading`` adds
    the passages and wordings that ship with the project; ``wordings`` names more files of questions that ask the same
    (the judge learns from them). ``resume`` goes on with an interrupted run. Other options are those of
    ``TrainingOptions``. The adapter goes live when its validation loss beats both the base's and the live adapter's
    recorded one. Raises ``DataError`` when there is nothing to learn from, ``SettingsError`` for an unknown option.
    """
    if what not in KINDS:
        raise NotFoundError(f"There is nothing called '{what}' to train; {known_names(what, KINDS)}.")
    if what == "intents":
        if options:
            raise SettingsError(f"Intents are learnt in one step and take no options, got '{next(iter(options))}'.")
        return _train_intents(settings, on_event)
    chosen = _options(what, options)
    files = [Path(part) for part in reading.split(";") if part]
    groups = [Path(part) for part in wordings.split(";") if part]
    train: Sequence[Example]
    held: Sequence[Example]
    if what == "judge":
        train, held = judge_data(settings, files, groups, sample_reading, chosen.seed)
    else:
        train, held = grounded_data(settings, files, sample_reading, chosen.seed)
    sources = {"reading": reading, "wordings": wordings, "sample_reading": sample_reading}
    run = _run(settings, resume, what, asdict(chosen) | sources)
    with run.recording():
        return _train_adapter(settings, run, LEARNT[what], train, held, chosen, promote, on_event)


def grounded_data(
    settings: ChatbotSettings, reading: Sequence[Path], sample_reading: bool, seed: int
) -> tuple[list["SftExample"], list["SftExample"]]:
    """Training and validation examples; questions about one title, document or intent lie on one side."""
    train: list[GroundedExample] = []
    held: list[GroundedExample] = []
    for number, one in enumerate(_sets(settings, reading, sample_reading)):
        learn, keep = one.split(HELD_OUT, seed)
        for turn in range(ROUNDS if learn.questions else 0):
            train += examples(learn.sample(MOST_READING, seed), seed + number + 100 * turn)
        if keep.questions:
            held += examples(keep.sample(60, seed), seed + number)
    if not train:
        raise DataError(NOTHING)
    return [as_sft(one) for one in train], [as_sft(one) for one in held]


def judge_data(
    settings: ChatbotSettings, reading: Sequence[Path], wordings: Sequence[Path], sample: bool, seed: int
) -> tuple[list["LabelledText"], list["LabelledText"]]:
    """Training and validation pairings; an intent, a group of wordings or a title lies on one side."""
    store = Store.open(settings.database_address)
    try:
        knowledge = Knowledge.open(settings, store)
        answers = store.answers(Status.APPROVED, None, EVERYTHING, 0)
        embedders = knowledge.cached_embedders
        parts = [judge_sources.knowledge_examples(answers, store.dialogues(), embedders, seed)]
        for path in [*(sorted(SAMPLE.glob("wordings.*.jsonl")) if sample else ()), *wordings]:
            parts.append(judge_sources.group_examples(judge_sources.wording_groups(path), embedders, seed))
        for one in _reading_sets(reading, sample):
            parts.append(judge_sources.reading_examples(one.sample(MOST_READING, seed), seed))
    finally:
        store.close()
    train: list[JudgeExample] = []
    held: list[JudgeExample] = []
    for part in filter(None, parts):
        learn, keep = judge_examples.split(part, HELD_OUT, seed)
        train, held = train + learn, held + keep
    if not train:
        raise DataError(NOTHING)
    return [one.labelled for one in train], [one.labelled for one in held]


def _sets(settings: ChatbotSettings, reading: Sequence[Path], sample_reading: bool) -> Iterable[ReadingSet]:
    store = Store.open(settings.database_address)
    try:
        answers = store.answers(Status.APPROVED, None, EVERYTHING, 0)
        passages = store.passages()
    finally:
        store.close()
    for language in ("en", "zh"):
        own = knowledge_set(answers, passages, language)
        if own.questions and len(own.passages) > 1:
            yield own
    yield from _reading_sets(reading, sample_reading)


def _reading_sets(reading: Sequence[Path], sample: bool) -> Iterable[ReadingSet]:
    if sample:
        yield reading_passages(SAMPLE / "reading.en.jsonl")
    for path in reading:
        found = reading_comprehension(path)
        yield mixed_script(found, simplify) if any(one.language == "zh" for one in found.questions) else found


def _train_adapter(
    settings: ChatbotSettings,
    run: Run,
    learnt: Learnt,
    train: Sequence["Example"],
    held: Sequence["Example"],
    options: TrainingOptions,
    promote: bool,
    on_event: OnEvent,
) -> Run:
    from core.training.examples import data_hash
    from core.training.finetune import finetune as train_adapter

    plan = device.plan(settings.models)
    base = catalog.ensure(catalog.resolve(settings.models.generator), settings.home, on_event)
    content = data_hash(train)
    run.write_data(content, {"train": len(train), "validation": len(held)}, "by title, document and intent")
    result = train_adapter(learnt.task, base, train, held, options, run, on_event, labels=learnt.labels, plan=plan)
    figures = {f"after_{name}": value for name, value in result.after.items()}
    figures |= {f"before_{name}": value for name, value in result.before.items()}
    run.write("report", dict(run.report) | figures | {"best_step": result.best_step, "steps": result.steps})
    registry = AdapterRegistry(settings.home)
    live = registry.live_version(learnt.name)
    parents = (live,) if live else ()
    version = registry.add(
        learnt.name, result.adapter, base, metrics=_numbers(figures), data_hash=content, parents=parents
    )
    if promote and passes(learnt.name, figures, registry, live):
        registry.promote(learnt.name, version.version, base)
        on_event(Log(f"Adapter {learnt.name} {version.version} is live; a running suite takes it up within seconds."))
    else:
        on_event(Log(f"Adapter {learnt.name} {version.version} is kept, not live: promote it by hand if wanted."))
    return run


def passes(name: str, figures: dict[str, float], registry: AdapterRegistry, live: str | None) -> bool:
    """The gate: a lower validation loss than the base's, and than the live adapter's where it was measured alike."""
    after, before = figures.get("after_loss"), figures.get("before_loss")
    if after is None or before is None or not after < before:
        return False
    recorded = next((one.manifest for one in registry.versions(name) if one.version == live), None)
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


def _options(what: str, given: dict[str, Any]) -> TrainingOptions:
    known = {one.name for one in fields(TrainingOptions)}
    for name in given:
        if name not in known:
            raise SettingsError(f"Unknown training option '{name}'; {known_names(name, known)}.")
    return TrainingOptions(**{**LEARNT[what].options, **given})


def _numbers(figures: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in figures.items() if isinstance(value, int | float)}
