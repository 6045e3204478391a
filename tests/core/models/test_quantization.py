"""int8 weights: near the dense product, dense for many rows, refused when the self-test fails."""

import pytest
import torch

from core.inference.generation import GenerationOptions, Message, load_generator
from core.models import device, quantization
from core.models.device import DevicePlan
from tests import tiny

needs_bf16 = pytest.mark.skipif(not device.cpu_has_bf16(), reason="this CPU has no bfloat16")


def bf16_layer(rows=64, columns=128):
    torch.manual_seed(0)
    return torch.nn.Linear(columns, rows, dtype=torch.bfloat16)


def test_rows_are_scaled_one_by_one():
    packed, scales = quantization.quantize_rows(torch.tensor([[127.0, -63.0], [0.0, 2.0], [0.0, 0.0]]))
    assert packed.tolist() == [[127, -63], [0, 127], [0, 0]]
    assert scales[0] == 1.0


def test_few_rows_come_near_the_dense_product_and_many_rows_are_it():
    dense = bf16_layer()
    layer = quantization.Int8Linear(dense)
    few, many = torch.randn(3, 2, 128, dtype=torch.bfloat16), torch.randn(20, 128, dtype=torch.bfloat16)
    with torch.inference_mode():
        error = (layer(few).float() - dense(few).float()).norm() / dense(few).float().norm()
        assert layer(few).shape == (3, 2, 64)
        assert error < 0.03
        assert torch.equal(layer(many), dense(many))


def test_a_failed_self_test_leaves_the_layer_dense(monkeypatch):
    model = torch.nn.Sequential(bf16_layer())
    monkeypatch.setattr(quantization, "TOLERATED", 0.0)
    assert quantization.quantize(model) == 0
    assert type(model[0]) is torch.nn.Linear


def test_only_bfloat16_layers_are_replaced():
    model = torch.nn.Sequential(bf16_layer(), torch.nn.Linear(4, 4))
    assert quantization.quantize(model) == 1
    assert isinstance(model[0], quantization.Int8Linear)


@needs_bf16
def test_a_quantised_generator_with_an_adapter_answers_and_returns_to_its_base(tiny_lm, tiny_adapter):
    plan = DevicePlan("cpu", "bfloat16", 1, "int8", None, 8.0, "test")
    options, asked = GenerationOptions(max_new_tokens=12), [Message("user", "Hello")]
    made = load_generator(tiny_lm, plan)
    layers = [module for module in made._merger.model.modules() if isinstance(module, quantization.Int8Linear)]
    assert len(layers) == 15
    before = made.complete(asked, options).text
    packed = [layer.packed.clone() for layer in layers]
    made.load_adapter("a", tiny_adapter)
    made.use_adapter("a")
    assert any(not torch.equal(old, layer.packed) for old, layer in zip(packed, layers, strict=True))
    made.use_adapter(None)
    assert all(torch.equal(old, layer.packed) for old, layer in zip(packed, layers, strict=True))
    assert made.complete(asked, options).text == before
    made.close()


def test_the_plan_of_the_tiny_models_is_dense():
    assert tiny.PLAN.quantize == "none"
