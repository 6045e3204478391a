"""Adapters are read without peft: what fits is merged exactly, what does not is refused with the reason."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from core.errors import AdapterError, ModelError
from core.models import loading
from core.models.merging import Merger, read_adapter
from tests import tiny


@pytest.fixture
def model(tiny_lm):
    return loading.load_causal_lm(tiny_lm, tiny.PLAN)[0].eval()


@pytest.fixture
def folder(tiny_adapter, tmp_path):
    return shutil.copytree(tiny_adapter, tmp_path / "adapter")


def rewrite(folder, change):
    file = folder / "adapter_model.safetensors"
    tensors = load_file(file)
    save_file(change(tensors), file)


def reconfigure(folder, **values):
    file = folder / "adapter_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


@torch.inference_mode()
def logits(model):
    return model(torch.arange(3, 40)[None]).logits


@pytest.mark.parametrize("rank_stabilised", [False, True])
def test_merged_equals_peft_and_unmerged_equals_base(model, folder, tiny_lm, rank_stabilised):
    from peft import PeftModel

    reconfigure(folder, use_rslora=rank_stabilised)
    base = logits(model)
    merger = Merger(model)
    merger.use(read_adapter("a", folder, model))
    other = PeftModel.from_pretrained(loading.load_causal_lm(tiny_lm, tiny.PLAN)[0], folder).eval()
    assert torch.allclose(logits(model), logits(other), atol=1e-4)
    assert not torch.allclose(logits(model), base, atol=0.1)
    merger.use(None)
    assert torch.equal(logits(model), base)
    assert merger.base == {}


def test_one_adapter_after_another_never_adds_up(model, folder, tiny_lm, tmp_path):
    other = tiny.adapter(tiny_lm, tmp_path / "other", seed=9)
    first, second = read_adapter("a", folder, model), read_adapter("b", other, model)
    merger = Merger(model)
    merger.use(second)
    alone = logits(model)
    merger.use(first)
    merger.use(second)
    assert torch.equal(logits(model), alone)
    assert first.content_hash != second.content_hash


def test_a_zero_adapter_is_refused(model, folder):
    rewrite(folder, lambda tensors: {k: torch.zeros_like(v) if "lora_B" in k else v for k, v in tensors.items()})
    with pytest.raises(AdapterError, match="changes nothing"):
        read_adapter("a", folder, model)


def test_a_wrong_shape_a_foreign_module_and_a_lost_half_are_refused(model, folder):
    whole = load_file(folder / "adapter_model.safetensors")
    key = next(key for key in whole if "lora_A" in key)
    cases = {
        "trained for another model": {**whole, key: torch.ones(4, 3)},
        "does not have": {key.replace("layers.0", "layers.7"): whole[key].clone(), **whole},
        "only one of the two": {k: v for k, v in whole.items() if k != key},
        "only LoRA factors": {**whole, "base_model.model.lm_head.weight": torch.ones(2, 2)},
        "not finite": {**whole, key: torch.full_like(whole[key], float("nan"))},
    }
    for reason, tensors in cases.items():
        rewrite(folder, lambda _, tensors=tensors: tensors)
        with pytest.raises(AdapterError, match=reason):
            read_adapter("a", folder, model)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"peft_type": "IA3"}, "IA3"),
        ({"use_dora": True}, "use_dora"),
        ({"rank_pattern": {"(a+)+$": 4}}, "rank_pattern"),
        ({"r": 100000}, "rank of 1 to 256"),
        ({"lora_alpha": "nan"}, "finite alpha"),
        ({"r": None}, "readable adapter_config.json"),
    ],
)
def test_a_hostile_or_unusual_configuration_is_refused(model, folder, values, reason):
    reconfigure(folder, **values)
    with pytest.raises(AdapterError, match=reason):
        read_adapter("a", folder, model)


def test_a_pickle_beside_the_weights_is_refused(model, folder):
    (folder / "adapter_model.bin").write_bytes(b"")
    with pytest.raises(ModelError, match="can run code"):
        read_adapter("a", folder, model)
