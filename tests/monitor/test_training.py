"""A reader's training from files and corrections to a promoted adapter, and what must be refused."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from apps.monitor import recipes
from apps.monitor.measures.held import HeldFigures
from apps.monitor.reading import load_reader
from apps.monitor.reading_models import Answered, Pointed
from apps.monitor.settings import MonitorSettings, load_settings
from apps.monitor.training import carried_on, finetune, gather, origin, passes
from core.errors import DataError, NotFoundError, SettingsError
from core.events import Log
from core.models.adapters import AdapterRegistry
from tests import tiny
from tests.monitor.helpers import NOW, monitor
from tests.monitor.helpers import item as news

PLACES = ("harbour", "museum", "orchard", "glacier", "tunnel", "bakery", "ferry", "comet", "school", "valley")
NAME = "market-reader-light"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.encoder(tmp_path_factory.mktemp("base") / "tiny-encoder")


@pytest.fixture
def settings(base: Path, monkeypatch: pytest.MonkeyPatch) -> MonitorSettings:
    from dataclasses import replace

    monkeypatch.setattr(recipes, "SMALL", replace(recipes.SMALL, learning_rate=0.01, batch_size=12, rank=8, alpha=8.0))
    monkeypatch.setattr(recipes, "LARGE", recipes.SMALL)
    overrides = {"monitor.reading.english_model": str(base), "monitor.reading.topics": ["credit", "market"]}
    monkeypatch.setattr("apps.monitor.training.load_linear", lambda *_: Undecided())
    return load_settings(overrides={**overrides, "models.threads": 1, "models.dtype": "float32"})


class Undecided:
    """What is live before any adapter is, as cheap as can be: it calls everything neutral."""

    name, topics, abstain_below, topic_from = "undecided", ("credit", "market"), None, None

    def moods(self, texts: Sequence[str]) -> np.ndarray:
        return np.tile(np.float32([0.2, 0.6, 0.2]), (len(texts), 1))

    def towards(self, pointed: Sequence[Pointed]) -> np.ndarray:
        return self.moods([one.text for one in pointed])

    def answer(self, texts: Sequence[str]) -> Answered:
        return Answered(self.moods(texts), np.zeros((len(texts), 2), np.float32), None)

    def pointing(self, pointed: Pointed) -> str:
        return pointed.text


@pytest.fixture
def file(tmp_path: Path) -> Path:
    moods = (("slumps", "negative", "credit"), ("soars", "positive", "market"), ("meets", "neutral", ""))
    rows = [
        {"id": f"{place}-{verb}", "text": f"The {place} group {verb} today", "language": "en",
         "labels": {"sentiment": mood, "topics": [topic] if topic else [],
                    "companies": [{"name": f"{place} group", "sentiment": mood}]}}
        for place in PLACES for verb, mood, topic in moods
    ]  # fmt: skip
    path = tmp_path / "ours.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_a_trained_reader_goes_live_is_used_and_the_next_training_goes_on_from_it(
    settings: MonitorSettings, file: Path, base: Path
) -> None:
    said: list[str] = []
    run = finetune(
        settings, "english", lambda event: said.append(event.text) if isinstance(event, Log) else None,
        files=str(file), sample=False, anew=True, epochs=10, patience=0, dropout=0.0, max_tokens=64,
    )  # fmt: skip
    registry = AdapterRegistry(settings.home)
    first = registry.live_version(NAME)
    assert first is not None and any("is live" in line for line in said)
    assert run.report["score"] > run.report.get("live_score", 0)
    assert {"text_macro_f1", "company_macro_f1", "topics_micro_f1", "abstain_below"} <= set(run.report)
    record = json.loads((registry.path(NAME, first) / "task.json").read_text())
    assert record["reader"]["abstain_below"] == pytest.approx(run.report["abstain_below"])
    assert load_reader(settings).model.startswith(f"{NAME}@")
    start = origin(settings, base)
    assert start == registry.live(NAME)
    assert start is not None
    recipe = carried_on(recipes.reader(("credit", "market"), small=True), start, {})
    assert (recipe.options.rank, recipe.options.learning_rate) == (8, pytest.approx(0.004))
    again = finetune(settings, "english", files=str(file), sample=False, max_steps=1, max_tokens=64, promote=False)
    assert again.report["training"]["before"]["score"] > run.report["training"]["before"]["score"]
    assert registry.live_version(NAME) == first and len(registry.versions(NAME)) >= 2


def test_other_topics_start_anew(settings: MonitorSettings, base: Path) -> None:
    assert origin(settings, base) is None  # nothing is live in this home


def test_corrections_are_taught_and_the_parts_share_no_near_copy(settings: MonitorSettings, file: Path) -> None:
    material = gather(settings, "english", [str(file)], [], False, 13)
    assert {item.text for item in material.train} & {item.text for item in material.held} == set()
    assert material.held and material.counts == {str(file): 30}
    service = monitor(settings.database_address)
    try:
        service.ingest([news("n1", "Alba falls hard")], NOW)
        service.correct("n1", "ann", sentiment="negative")
    finally:
        service.close()
    taught = gather(settings, "english", [str(file)], [], False, 13)
    assert [item.text for item in taught.train].count("Alba falls hard") == 3


def test_a_chinese_reader_learns_both_languages_and_an_english_one_its_own(settings: MonitorSettings) -> None:
    english = gather(settings, "english", [], [], True, 13)
    both = gather(settings, "chinese", [], [], True, 13)
    assert {item.language for item in english.train} == {"en"}
    assert {item.language for item in both.train} == {"en", "zh"} == {item.language for item in both.held}


def test_the_gate_lets_only_the_better_pass() -> None:
    assert passes({"score": 0.7}) and passes({"score": 0.7, "live_score": 0.6})
    assert not passes({"score": 0.6, "live_score": 0.6})
    assert HeldFigures(0.8, None, 0.6, 0.5, 0.5).score == pytest.approx(0.7)


def test_what_cannot_be_trained_is_one_sentence(settings: MonitorSettings, file: Path) -> None:
    with pytest.raises(NotFoundError, match="no reader called 'klingon'"):
        finetune(settings, "klingon")
    with pytest.raises(SettingsError, match="epoch"):
        finetune(settings, "english", epoch=3)
    with pytest.raises(DataError, match="nothing to train on"):
        finetune(settings, "english", sample=False)
    with pytest.raises(NotFoundError, match="no set 'tfn'"):
        finetune(settings, "english", sets="tfn", sample=False)
    with pytest.raises(NotFoundError, match="no run 'x'"):
        finetune(settings, "english", files=str(file), sample=False, resume="x")
