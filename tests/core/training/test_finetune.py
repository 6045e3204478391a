"""The fine-tuning loop on a tiny model: it learns, it resumes to the same weights, it stops, it backs off."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from core.errors import CancelledError_, ConflictError, DataError, MissingExtraError, ResourceError, SettingsError
from core.events import Log, Metric, Progress
from core.models.catalog import fingerprint
from core.runs import Run
from core.training import finetune as module
from core.training import loop
from core.training.checkpoints import last_checkpoint
from core.training.examples import SftExample
from core.training.finetune import finetune
from core.training.loop import ObjectiveTrainer
from core.training.options import TrainingOptions
from tests import tiny

QUICK = TrainingOptions(
    epochs=2, learning_rate=0.01, batch_size=4, rank=4, alpha=8, max_tokens=128, schedule="constant", eval_every=4
)


def example(number: int) -> SftExample:
    question = {"role": "user", "content": f"code {number}?" if number % 2 else f"第{number}号？"}
    return SftExample((question,), "ok ok" if number % 2 else "好")


TRAIN = [example(number) for number in range(24)]
HELD = [example(number) for number in range(100, 106)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.causal_lm(tmp_path_factory.mktemp("base") / "tiny-lm")


def folder(path: Path) -> Run:
    path.mkdir(parents=True, exist_ok=True)
    return Run(path)


def weights(adapter: Path) -> dict[str, torch.Tensor]:
    return load_file(adapter / "adapter_model.safetensors")


def test_training_lowers_the_validation_loss_and_reports_progress(base: Path, tmp_path: Path) -> None:
    events: list[object] = []
    result = finetune("sft", base, TRAIN, HELD, QUICK, folder(tmp_path / "run"), events.append, plan=tiny.PLAN)
    assert result.after["loss"] < 0.7 * result.before["loss"]
    assert result.world_size == 1 and result.steps == 12
    steps = [event for event in events if isinstance(event, Progress)]
    assert [step.done for step in steps] == list(range(1, 13))
    assert steps[-1].left_s == 0 and all(step.total == 12 for step in steps)
    assert any(isinstance(event, Metric) and event.name == "eval_loss" for event in events)
    config = json.loads((result.adapter / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "tiny-lm" and config["use_rslora"]
    assert str(tmp_path) not in json.dumps(config)


def test_a_layer_that_the_model_has_not_is_named_with_those_it_has(base: Path, tmp_path: Path) -> None:
    options = replace(QUICK, target_modules=("q",))
    with pytest.raises(SettingsError, match=r"no linear layer 'q' to train; .*q_proj"):
        finetune("sft", base, TRAIN, [], options, folder(tmp_path / "run"), plan=tiny.PLAN)


def test_a_run_cut_off_resumes_to_the_same_weights(base: Path, tmp_path: Path) -> None:
    whole = finetune("sft", base, TRAIN, HELD, QUICK, folder(tmp_path / "whole"), plan=tiny.PLAN)

    def die(event: object) -> None:
        if isinstance(event, Progress) and event.done == 10:  # two steps after the checkpoint of step 8
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune("sft", base, TRAIN, HELD, QUICK, folder(tmp_path / "cut"), die, plan=tiny.PLAN)
    events: list[object] = []
    resumed = finetune("sft", base, TRAIN, HELD, QUICK, folder(tmp_path / "cut"), events.append, plan=tiny.PLAN)
    assert Log("Resumed at step 8 of 12.") in events
    assert resumed.before == whole.before and resumed.best_step == whole.best_step
    for name, value in weights(whole.adapter).items():
        assert torch.equal(value, weights(resumed.adapter)[name]), name


def test_a_checkpoint_cut_off_while_written_is_not_resumed(tmp_path: Path) -> None:
    for step, state in ((4, '{"global_step": 4}'), (8, '{"global_st')):
        (tmp_path / "checkpoints" / f"checkpoint-{step}").mkdir(parents=True)
        (tmp_path / "checkpoints" / f"checkpoint-{step}" / "trainer_state.json").write_text(state)
    (tmp_path / "checkpoints" / "checkpoint-12").mkdir()
    found = last_checkpoint(tmp_path)
    assert found is not None and found.name == "checkpoint-4"
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["checkpoint-4"]


def test_accumulated_small_batches_give_the_weights_of_one_large_batch(base: Path, tmp_path: Path) -> None:
    options = replace(QUICK, dropout=0.0, max_steps=4, eval_every=0)
    large = finetune("sft", base, TRAIN, [], options, folder(tmp_path / "large"), plan=tiny.PLAN)
    halves = replace(options, batch_size=2, accumulation=2)
    small = finetune("sft", base, TRAIN, [], halves, folder(tmp_path / "small"), plan=tiny.PLAN)
    for name, value in weights(large.adapter).items():
        assert torch.allclose(value, weights(small.adapter)[name], atol=2e-4), name


def test_a_batch_passed_in_parts_gives_the_weights_of_the_whole(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = replace(QUICK, dropout=0.0, max_steps=4, eval_every=0)
    rows: list[int] = []
    collected = ObjectiveTrainer._item_losses

    def seen(trainer: ObjectiveTrainer, model: object, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        rows.append(len(inputs["input_ids"]))
        return collected(trainer, model, inputs)

    monkeypatch.setattr(ObjectiveTrainer, "_item_losses", seen)
    whole = finetune("sft", base, TRAIN, [], options, folder(tmp_path / "whole"), plan=tiny.PLAN)
    assert rows == [4] * 4
    monkeypatch.setattr(loop, "PASS_TOKENS", 1)
    parts = finetune("sft", base, TRAIN, [], options, folder(tmp_path / "parts"), plan=tiny.PLAN)
    assert rows[4:] == [1] * 16
    for name, value in weights(whole.adapter).items():
        assert torch.allclose(value, weights(parts.adapter)[name], atol=2e-4), name


def test_out_of_memory_halves_the_batch_and_goes_on(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.training.language import Sft

    real = Sft.losses

    def hungry(self: Sft, model: object, batch: dict[str, torch.Tensor]) -> object:
        if len(batch["input_ids"]) > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")
        return real(self, model, batch)

    monkeypatch.setattr(Sft, "losses", hungry)
    events: list[object] = []
    result = finetune("sft", base, TRAIN, [], QUICK, folder(tmp_path / "run"), events.append, plan=tiny.PLAN)
    assert Log("Out of memory: going on with batches of 2.") in events
    assert result.steps == 12


def test_one_example_that_will_not_fit_is_said_with_the_setting_to_change(base: Path, tmp_path: Path) -> None:
    one = replace(QUICK, batch_size=1)
    with pytest.raises(ResourceError, match="lower max_tokens"):
        module._smaller(one, MemoryError())


def test_the_memory_check_refuses_before_training(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = module.planning.device.free_memory_bytes
    monkeypatch.setattr(module.planning.device, "free_memory_bytes", lambda device="cpu": 1_000)
    assert real() > 1_000
    with pytest.raises(ResourceError, match=r"Training 'tiny-lm' needs about .* lower batch_size"):
        finetune("sft", base, TRAIN, [], QUICK, folder(tmp_path / "run"), plan=tiny.PLAN)


def test_cancelling_keeps_a_checkpoint_that_resumes(base: Path, tmp_path: Path) -> None:
    cancel = threading.Event()

    def press(event: object) -> None:
        if isinstance(event, Progress) and event.done == 3:
            cancel.set()

    run = folder(tmp_path / "run")
    with pytest.raises(CancelledError_, match="step 3"):
        finetune("sft", base, TRAIN, HELD, QUICK, run, press, plan=tiny.PLAN, cancel=cancel)
    found = last_checkpoint(run.path)
    assert found is not None and found.name == "checkpoint-3"


def test_early_stopping_ends_a_run_that_no_longer_improves(base: Path, tmp_path: Path) -> None:
    options = replace(QUICK, learning_rate=1e-9, epochs=20, patience=2, eval_every=1)
    result = finetune("sft", base, TRAIN, HELD, options, folder(tmp_path / "run"), plan=tiny.PLAN)
    assert result.steps < 20 * 6


def test_checkpointing_activations_changes_no_weight(base: Path, tmp_path: Path) -> None:
    options = replace(QUICK, dropout=0.0, max_steps=3, eval_every=0)
    plain = finetune("sft", base, TRAIN, [], options, folder(tmp_path / "plain"), plan=tiny.PLAN)
    saving = finetune(
        "sft", base, TRAIN, [], replace(options, checkpointing=True), folder(tmp_path / "saving"), plan=tiny.PLAN
    )
    for name, value in weights(plain.adapter).items():
        assert torch.allclose(value, weights(saving.adapter)[name], atol=1e-5), name


def test_bfloat16_follows_float32(base: Path, tmp_path: Path) -> None:
    options = replace(QUICK, dropout=0.0)
    exact = finetune("sft", base, TRAIN, HELD, options, folder(tmp_path / "exact"), plan=tiny.PLAN)
    plan = replace(tiny.PLAN, dtype="bfloat16")
    quick = finetune("sft", base, TRAIN, HELD, options, folder(tmp_path / "quick"), plan=plan)
    assert quick.before["loss"] == pytest.approx(exact.before["loss"], rel=0.05)
    assert quick.after["loss"] == pytest.approx(exact.after["loss"], rel=0.3, abs=0.3)


def test_no_examples_is_an_error(base: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no training examples"):
        finetune("sft", base, [], [], QUICK, folder(tmp_path / "run"), plan=tiny.PLAN)


def test_a_finished_run_returns_its_result_without_training_again(base: Path, tmp_path: Path) -> None:
    run = folder(tmp_path / "run")
    first = finetune("sft", base, TRAIN, HELD, QUICK, run, plan=tiny.PLAN)
    events: list[object] = []
    assert finetune("sft", base, TRAIN, HELD, QUICK, run, events.append, plan=tiny.PLAN) == first
    assert events == []


def test_a_folder_with_checkpoints_of_other_data_is_refused_unless_started_afresh(base: Path, tmp_path: Path) -> None:
    run, short = folder(tmp_path / "run"), replace(QUICK, epochs=1)
    finetune("sft", base, TRAIN, HELD, short, run, plan=tiny.PLAN)
    with pytest.raises(ConflictError, match="other data or options"):
        finetune("sft", base, TRAIN[1:], HELD, short, run, plan=tiny.PLAN)
    assert finetune("sft", base, TRAIN[1:], HELD, short, run, resume=False, plan=tiny.PLAN).steps == 6


def test_the_time_limit_stops_with_a_checkpoint_and_an_adapter(base: Path, tmp_path: Path) -> None:
    options = replace(QUICK, time_limit_s=1e-3)
    result = finetune("sft", base, TRAIN, HELD, options, folder(tmp_path / "run"), plan=tiny.PLAN)
    assert result.steps == 1 and (result.adapter / "adapter_model.safetensors").is_file()


def test_the_run_folder_says_what_was_trained_on_what(base: Path, tmp_path: Path) -> None:
    run = folder(tmp_path / "run")
    result = finetune("sft", base, TRAIN, HELD, replace(QUICK, epochs=1), run, plan=tiny.PLAN)
    data = json.loads((run.path / "data.json").read_text())
    assert data["counts"] == {"train": len(TRAIN), "validation": len(HELD)} and len(data["hash"]) == 64
    plan = json.loads((run.path / "plan.json").read_text())
    assert plan["device"]["reason"] == "tiny models" and plan["options"]["rank"] == 4
    task = json.loads((result.adapter / "task.json").read_text())
    assert task["base_fingerprint"] == plan["base_fingerprint"] == fingerprint(base)
    assert {"before_loss", "eval_loss", "after_loss", "train_loss"} <= {row["name"] for row in run.metrics}
    assert run.report["training"]["after"] == result.after
    assert run.status["progress"]["done"] == result.steps


def test_a_tracker_is_fed_when_asked_for_and_named_when_missing(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard")
    options = replace(QUICK, epochs=1, report_to="tensorboard")
    finetune("sft", base, TRAIN, HELD, options, folder(tmp_path / "run"), plan=tiny.PLAN)
    assert list((tmp_path / "run").rglob("events.out.tfevents.*"))
    monkeypatch.setattr(module.planning.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        MissingExtraError, match=r"report_to=tensorboard needs .* pip install \"trifolium\[tensorboard\]"
    ):
        finetune("sft", base, TRAIN, HELD, options, folder(tmp_path / "other"), plan=tiny.PLAN)


def test_under_torchrun_each_process_takes_a_card_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    spread = replace(tiny.PLAN, device="cuda", device_map="auto")
    assert module.planning.of_this_process(spread) is spread
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    own = module.planning.of_this_process(spread)
    assert (own.device, own.device_map) == ("cuda:1", None)
    assert module.planning.of_this_process(tiny.PLAN) is tiny.PLAN
