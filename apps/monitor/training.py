"""finetune(): a better reader out of the sample, a team's labelled files, public sets and people's corrections.

Collect → split by group → train → fit what it abstains from → measure beside the live reader → a gate → promote or
keep. One adapter carries mood, topics and companies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from apps.monitor import public_sets, public_sets_zh, recipes
from apps.monitor.corrected import corrected_items
from apps.monitor.dataset import read_labelled, read_sample
from apps.monitor.labelled import LabelledItem
from apps.monitor.lessons import TOPICS, lessons
from apps.monitor.measures.held import held_figures
from apps.monitor.reading_models import AdaptedModel, Model
from apps.monitor.reading_store import READERS, SAMPLE, fitting, load_linear
from apps.monitor.settings import MonitorSettings
from apps.monitor.splitting import held_out, without_copies_of
from apps.monitor.store import Store
from apps.monitor.topic_words import TopicWords
from core import runs
from core.errors import DataError, NotFoundError, SettingsError, known_names
from core.events import Log, OnEvent, ignore
from core.models import catalog, device
from core.models.adapter_check import CONFIG, TASK, read_object
from core.models.adapters import AdapterRegistry
from core.models.files import write_json
from core.models.heads import HeadSet
from core.runs import Run
from core.training.options import TrainingOptions

KINDS = ("english", "chinese")
HELD = 0.08  # share held out of each source of rows, near copies together
OFTEN = 3  # how often a correction is taught: people's words about their own news weigh more
GENTLER = 0.4  # of the usual learning rate, where training goes on from an adapter
SETS: Mapping[str, Callable[[Path | None], list[LabelledItem]]] = {
    "tfns": lambda folder: public_sets.tfns(folder)[0],
    "sentfin": public_sets.sentfin,
    "finentity": public_sets.finentity,
    "fiqa": lambda folder: public_sets.fiqa(folder)[0],
    "finfe": lambda folder: public_sets_zh.finfe(folder).train,
}


@dataclass(frozen=True)
class Material:
    """Rows to learn from and rows to choose by, no near copy on both sides; ``counts`` says where they come from."""

    train: list[LabelledItem]
    held: list[LabelledItem]
    counts: Mapping[str, int]


def finetune(
    settings: MonitorSettings,
    what: str = "english",
    on_event: OnEvent = ignore,
    *,
    files: str = "",
    sets: str = "",
    sample: bool = True,
    anew: bool = False,
    promote: bool = True,
    resume: str | None = None,
    **options: Any,
) -> Run:
    """Train the reader of a language and keep everything in a run folder.

    ``files`` are labelled csv or jsonl files parted by ";", ``sets`` public sets at hand (see ``SETS``); ``sample``
    adds the labelled stream that ships with the project. The Chinese reader's base is bilingual and learns from both
    languages. Training goes on from the live adapter where it has the same topics, so that a few corrections do not
    cost what it knows; ``anew`` starts from the bare base. ``resume`` goes on with an interrupted run; other options
    are those of ``TrainingOptions``. The adapter
    goes live when it reads the held-out rows better than what is live now. Raises ``DataError`` when there is nothing
    to learn from, ``SettingsError`` for an unknown option.
    """
    if what not in KINDS:
        raise NotFoundError(f"There is no reader called '{what}' to train; {known_names(what, KINDS)}.")
    chosen = settings.monitor.reading
    base_name = chosen.english_model if what == "english" else chosen.chinese_model
    recipe = _with_options(recipes.reader(chosen.topics, catalog.resolve(base_name).kind == "encoder"), options)
    material = gather(settings, what, _parts(files), _parts(sets), sample, recipe.options.seed)
    said = asdict(recipe.options) | {"files": files, "sets": sets, "sample": sample, "anew": anew}
    run = _run(settings, resume, f"{what}-reader", said)
    with run.recording():
        base = catalog.ensure(catalog.resolve(base_name), settings.home, on_event)
        start = None if anew else origin(settings, base)
        recipe = recipe if start is None else carried_on(recipe, start, given=options)
        return _train(settings, run, what, base, recipe, start, material, promote, on_event)


def gather(
    settings: MonitorSettings, what: str, files: Sequence[str], sets: Sequence[str], sample: bool, seed: int
) -> Material:
    """All rows there are for a reader, split source by source; the sample's own validation days stay held out."""
    languages = ("en",) if what == "english" else ("en", "zh")
    train: list[LabelledItem] = []
    held: list[LabelledItem] = []
    counts: dict[str, int] = {}
    for name, rows in _sources(settings, files, sets):
        own = [item for item in rows if item.language in languages]
        keep, out = held_out(own, HELD, seed) if len(own) > 20 else (list(own), [])
        train += keep * (OFTEN if name == "corrections" else 1)
        held += out
        counts[name] = len(own)
    if sample:
        parts = read_sample(SAMPLE).parts()
        learnt = without_copies_of(parts["train"], [*parts["validation"], *parts["test"]])
        train += [item for item in learnt if item.language in languages]
        held += [item for item in parts["validation"] if item.language in languages]
        counts["sample"] = len(learnt)
    if not train:
        raise DataError("There is nothing to train on: give files, sets, corrections or the sample.")
    return Material(without_copies_of(train, held) if held else train, held, counts)


def _sources(
    settings: MonitorSettings, files: Sequence[str], sets: Sequence[str]
) -> Iterable[tuple[str, list[LabelledItem]]]:
    store = Store.open(settings.database_address)
    try:
        with store.reading() as work:
            corrections = corrected_items(work.items.corrections())
    finally:
        store.close()
    if corrections:
        yield "corrections", corrections
    for name in sets:
        if name not in SETS:
            raise NotFoundError(f"There is no set '{name}' to train on; {known_names(name, SETS)}.")
        yield name, SETS[name](None)
    for file in files:
        yield file, list(read_labelled(Path(file)).items)


def _train(
    settings: MonitorSettings,
    run: Run,
    what: str,
    base: Path,
    recipe: recipes.Recipe,
    start: Path | None,
    material: Material,
    promote: bool,
    on_event: OnEvent,
) -> Run:
    from core.training.examples import data_hash
    from core.training.finetune import finetune as train_adapter

    plan = device.plan(settings.models)
    topics = settings.monitor.reading.topics
    learnt, checked = (list(lessons(part, recipe.marking, topics)) for part in (material.train, material.held))
    content = data_hash(learnt)
    run.write_data(content, {"train": len(learnt), "validation": len(checked), **material.counts}, "by story and title")
    result = train_adapter(
        "heads",
        base,
        learnt,
        checked,
        recipe.options,
        run,
        on_event,
        heads=recipe.heads,
        start=start,
        plan=plan,
    )
    fresh = AdaptedModel("new", base, result.adapter, plan)
    words = TopicWords(settings.monitor.reading.topic_words)
    found = held_figures(fresh, material.held, topics, words)
    habits = {"marking": recipe.marking, "abstain_below": found.abstain_below, "topic_from": found.topic_from}
    note_habits(result.adapter, habits)
    live = _live_figures(settings, base, plan, material, topics, on_event)
    figures = found.as_numbers() | {f"live_{name}": value for name, value in live.items()}
    run.write("report", dict(run.report) | figures | {"best_step": result.best_step, "steps": result.steps})
    _register(settings, what, base, result.adapter, figures, content, promote and passes(figures), on_event)
    return run


def origin(settings: MonitorSettings, base: Path) -> Path | None:
    """The live adapter of this base if it knows the topics of the settings, in their order; else None."""
    adapter = fitting(settings, base, "auto")
    if adapter is None:
        return None
    heads = HeadSet.from_record(read_object(adapter / TASK).get("heads", {}))
    return adapter if heads[TOPICS].labels == settings.monitor.reading.topics else None


def carried_on(recipe: recipes.Recipe, start: Path, given: Mapping[str, Any]) -> recipes.Recipe:
    """The recipe with heads and rank of the adapter it goes on from, and smaller steps unless some are given."""
    config, record = read_object(start / CONFIG), read_object(start / TASK)
    steps = recipe.options.learning_rate * (1.0 if "learning_rate" in given else GENTLER)
    options = replace(recipe.options, rank=int(config["r"]), alpha=float(config["lora_alpha"]), learning_rate=steps)
    return replace(recipe, heads=HeadSet.from_record(record["heads"]), options=options)


def note_habits(adapter: Path, habits: Mapping[str, Any]) -> None:
    """Write how the reader uses the adapter beside its labels, in task.json."""
    write_json(adapter / TASK, {**read_object(adapter / TASK), "reader": dict(habits)})


def passes(figures: Mapping[str, float]) -> bool:
    """The gate: better than the live reader on the same held-out rows, by the mean of moods, companies and topics."""
    live = figures.get("live_score")
    return live is None or figures["score"] > live


def _live_figures(
    settings: MonitorSettings,
    base: Path,
    plan: Any,
    material: Material,
    topics: Sequence[str],
    on_event: OnEvent,
) -> dict[str, float]:
    """What is live on this base now, measured on the same rows; the linear heads where no adapter is."""
    if not material.held:
        return {}
    adapter = fitting(settings, base, "auto")
    on_event(Log("Measuring what is live now on the same rows."))
    live: Model = AdaptedModel("live", base, adapter, plan) if adapter else load_linear(settings, on_event)
    words = TopicWords(settings.monitor.reading.topic_words)
    return held_figures(live, material.held, topics, words).as_numbers()


def _register(
    settings: MonitorSettings,
    what: str,
    base: Path,
    adapter: Path,
    figures: Mapping[str, float],
    content: str,
    promoted: bool,
    on_event: OnEvent,
) -> None:
    light = what == "english" and settings.monitor.reading.english_model != settings.monitor.reading.chinese_model
    name = READERS[1] if light else READERS[0]
    registry = AdapterRegistry(settings.home)
    live = registry.live_version(name)
    version = registry.add(name, adapter, base, metrics=figures, data_hash=content, parents=(live,) if live else ())
    if promoted:
        registry.promote(name, version.version, base)
        on_event(Log(f"Adapter {name} {version.version} is live from the next start on."))
    else:
        on_event(Log(f"Adapter {name} {version.version} is kept, not live: promote it by hand if it is wanted."))


def _run(settings: MonitorSettings, resume: str | None, what: str, chosen: dict[str, Any]) -> Run:
    if resume is None:
        return runs.create(settings.home, "monitor", what, chosen)
    known = {one.id: one for one in runs.list_runs(settings.home, "monitor")}
    if resume not in known:
        raise NotFoundError(f"There is no run '{resume}' to resume; {known_names(resume, known)}.")
    return known[resume]


def _with_options(recipe: recipes.Recipe, given: Mapping[str, Any]) -> recipes.Recipe:
    known = {one.name for one in fields(TrainingOptions)}
    for name in given:
        if name not in known:
            raise SettingsError(f"Unknown training option '{name}'; {known_names(name, known)}.")
    return replace(recipe, options=replace(recipe.options, **given))


def _parts(written: str) -> list[str]:
    return [part.strip() for part in written.split(";") if part.strip()]
