"""The search really changes rank, alpha and dropout, keeps the best adapter, and goes on after a kill."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import DataError, SettingsError
from core.events import Progress
from core.runs import Run
from core.training.examples import LabelledText
from core.training.options import TrainingOptions
from core.training.tuning import SearchSpace, tune
from tests import tiny

DATA = [LabelledText.of("yes 是", "A"), LabelledText.of("no 否", "B")] * 4
OPTIONS = TrainingOptions(epochs=2, batch_size=4, max_tokens=32, patience=0)
SPACE = SearchSpace(ranks=(2, 4), learning_rates=(1e-3, 2e-2))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.encoder(tmp_path_factory.mktemp("base") / "tiny-encoder")


def search(base: Path, folder: Path, trials: int, on_event: object = lambda event: None) -> object:
    return tune(
        "sequence", base, DATA, DATA, OPTIONS, Run(folder), trials, SPACE, on_event, labels=("A", "B"), plan=tiny.PLAN
    )


def test_a_search_draws_the_adapters_shape_keeps_the_best_and_goes_on_after_a_kill(base: Path, tmp_path: Path) -> None:
    def die(event: object) -> None:
        if event == Progress("tuning", 2, 3):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(base, tmp_path, 3, die)
    events: list[object] = []
    result = search(base, tmp_path, 3, events.append)
    assert [event for event in events if isinstance(event, Progress) and event.stage == "tuning"] == [
        Progress("tuning", 3, 3)
    ]
    assert len(result.trials) == 3
    assert len({trial.options.alpha for trial in result.trials}) == 3
    assert len({trial.options.dropout for trial in result.trials}) == 3
    assert result.score == max(trial.score for trial in result.trials if trial.score is not None)
    config = json.loads((result.adapter / "adapter_config.json").read_text())
    assert config["r"] == result.options.rank and config["lora_alpha"] == pytest.approx(result.options.alpha)
    assert len(list((tmp_path / "trials").iterdir())) == 1
    assert json.loads((tmp_path / "tuning.json").read_text())["score"] == result.score


def test_a_search_without_validation_or_with_a_falling_range_is_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"needs validation"):
        tune("sequence", base, DATA, [], OPTIONS, Run(tmp_path), labels=("A", "B"), plan=tiny.PLAN)
    with pytest.raises(SettingsError, match=r"'learning_rates' must rise from above 0, got 0.1 to 0.01"):
        SearchSpace(learning_rates=(0.1, 0.01))
