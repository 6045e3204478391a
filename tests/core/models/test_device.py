"""The device plan obeys or refuses settings and says why; memory is estimated before anything is loaded."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import threadpoolctl

from core.errors import MissingExtraError, ModelError, ResourceError, SettingsError
from core.models import device, memory, threads
from core.models.memory import ModelShape
from core.settings import ModelSettings


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    monkeypatch.setattr(device, "_cards", lambda: 0)


def test_a_machine_without_a_gpu_gets_a_cpu_plan_with_its_reasons():
    plan = device.plan(ModelSettings(threads=1))
    assert plan.device == "cpu"
    assert plan.dtype == ("bfloat16" if device.cpu_has_bf16() else "float32")
    assert plan.quantize == "int8"
    assert plan.device_map is None
    assert plan.free_gb > 0
    assert "no GPU found" in plan.reason
    assert "1 threads by setting" in plan.reason


def test_settings_are_obeyed():
    plan = device.plan(ModelSettings(device="cpu", dtype="float32", threads=2, quantize="none"))
    assert (plan.device, plan.dtype, plan.threads, plan.quantize) == ("cpu", "float32", 2, "none")
    assert "cpu by setting" in plan.reason


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"device": "cuda"}, "torch sees 0 CUDA cards"),
        ({"device": "mps"}, "no Apple GPU"),
        ({"device": "cpu", "quantize": "4bit"}, "needs a CUDA card"),
        ({"device": "cpu", "dtype": "float16", "quantize": "int8"}, "needs models.device=cpu and"),
    ],
)
def test_what_this_machine_cannot_do_is_refused_by_the_name_of_the_setting(settings, words):
    with pytest.raises(SettingsError, match=words):
        device.plan(ModelSettings(threads=1, **settings))


def test_four_bit_on_a_card_without_bitsandbytes_names_the_pip_command(monkeypatch):
    monkeypatch.setattr(device.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"trifolium\[quantize\]"):
        device._choose_quantize("cuda", "bfloat16", "4bit")


def test_several_cards_share_a_model(monkeypatch):
    import torch

    monkeypatch.setattr(device, "_cards", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: "Test card")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    monkeypatch.setattr(device, "free_memory_bytes", lambda name: 8e9)
    plan = device.plan(ModelSettings(threads=1))
    assert (plan.device, plan.dtype, plan.device_map, plan.quantize) == ("cuda", "float16", "auto", "none")
    assert "spread over 2 cards" in plan.reason


def test_the_measured_numbers_of_threads_are_ones_this_machine_has_and_torch_keeps_its_own():
    import torch

    before = torch.get_num_threads()
    threads.measure.cache_clear()
    measured = threads.measure("float32")  # as the plan asks, which then takes what was measured here
    assert {measured.batch, measured.step} <= set(range(1, threads.usable_cores() + 1))
    assert torch.get_num_threads() == before
    assert f"{measured.step} for single tokens" in device.plan(ModelSettings(device="cpu", dtype="float32")).reason


@pytest.mark.skipif(sys.platform != "linux", reason="GNU OpenMP is torch's on Linux alone")
@pytest.mark.parametrize(("given", "found"), [({}, "1000"), ({"GOMP_SPINCOUNT": "77"}, "77")])
def test_threads_that_wait_soon_sleep_unless_the_environment_says_otherwise(given, found):
    kept = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    line = [sys.executable, "-c", "import core, torch"]
    told = subprocess.run(
        line, env={**kept, **given, "OMP_DISPLAY_ENV": "verbose"}, capture_output=True, text=True, check=True
    )
    assert f"GOMP_SPINCOUNT = '{found}'" in told.stderr


def test_a_shape_is_read_from_headers_alone(tiny_lm):
    from core.models import loading
    from tests import tiny

    shape = ModelShape.read(tiny_lm)
    model, _ = loading.load_causal_lm(tiny_lm, tiny.PLAN)
    assert shape.parameters == sum(weight.numel() for weight in model.parameters())
    assert (shape.layers, shape.hidden, shape.kv_width) == (2, 64, 32)


GEMMA = ModelShape(268_098_176, 262_144, 640, 2048, 18, 256)


def test_estimates_grow_with_what_they_depend_on():
    base = memory.estimate_inference_gb(GEMMA, "bfloat16")
    assert 0.53 < base < 1.5
    assert memory.estimate_inference_gb(GEMMA, "float32") > base
    assert memory.estimate_inference_gb(GEMMA, "bfloat16", "int8") > base  # dense weights stay for prompts
    assert memory.estimate_inference_gb(GEMMA, "bfloat16", "4bit") < base
    size = {"batch": 4, "tokens": 512, "target_tokens": 64, "trainable": 4_000_000}
    training = memory.estimate_training_gb(GEMMA, "float32", **size)
    assert 1.1 < training < 8
    assert memory.estimate_training_gb(GEMMA, "float32", **size, checkpointing=True) < training
    assert memory.estimate_training_gb(GEMMA, "float32", **{**size, "batch": 8}) > training


def test_what_does_not_fit_is_refused_with_numbers_and_the_setting():
    with pytest.raises(ResourceError, match=r"Training needs about 9\.5 GB but 2\.0 GB are free: lower batch_size"):
        memory.require_memory(9.5, 2.0, "Training", "lower batch_size")
    memory.require_memory(1.0, 2.0, "Training", "lower batch_size")


def test_a_container_limit_counts(tmp_path):
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("900\n")
    (tmp_path / "memory.stat").write_text("anon 500\ninactive_file 300\n")
    assert memory._cgroup_free(tmp_path) == 400
    (tmp_path / "memory.max").write_text("max\n")
    assert memory._cgroup_free(tmp_path) is None
    assert memory._cgroup_free(tmp_path / "missing") is None


def test_a_cut_off_weight_file_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"hidden_size": 4}))
    (tmp_path / "model.safetensors").write_bytes(b"\x10\x00")
    with pytest.raises(ModelError, match="not a complete safetensors"):
        ModelShape.read(tmp_path)


def test_giving_memory_back_asks_the_c_library_where_it_can(monkeypatch):
    asked = []
    monkeypatch.setattr(memory, "_c_library", lambda: SimpleNamespace(malloc_trim=asked.append))
    memory.give_back()
    monkeypatch.setattr(memory, "_c_library", lambda: None)
    memory.give_back()
    assert asked == [0]


def test_small_products_run_on_one_thread_and_the_others_come_back():
    def threads():
        return {lib["num_threads"] for lib in threadpoolctl.threadpool_info() if lib["user_api"] == "blas"}

    with threadpoolctl.threadpool_limits(2, "blas"):
        with device.one_blas_thread():
            assert threads() == {1}
        assert threads() == {2}
