"""Small weights: near the dense product, dense for many rows, refused when the self-test fails."""

import pytest
import torch

from core.inference.generation import GenerationOptions, Message, load_generator
from core.models import device, quantization
from core.models.device import DevicePlan
from core.models.half_linear import HalfLinear
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


def test_each_layer_gets_the_weights_that_are_quick_in_its_format():
    model = torch.nn.Sequential(bf16_layer(), torch.nn.Linear(4, 4), torch.nn.Linear(4, 4).half())
    assert quantization.quantize(model) == 2
    assert [type(layer) for layer in model] == [quantization.Int8Linear, HalfLinear, torch.nn.Linear]


class WithHead(torch.nn.Module):
    """Only an output layer, as large ones are."""

    def __init__(self, tokens=30_000, width=64, bias=False):
        super().__init__()
        torch.manual_seed(0)
        self.lm_head = torch.nn.Linear(width, tokens, bias=bias)


def test_a_shortlist_head_chooses_and_scores_the_likely_tokens_as_the_dense_layer_does():
    model = WithHead()
    dense, rows = model.lm_head, torch.randn(2, 4, 64, generator=torch.Generator().manual_seed(1))
    assert quantization.quantize(model) == 1
    with torch.inference_mode():
        made, expected = model.lm_head(rows), dense(rows)
    best = expected.topk(5).indices
    assert made.shape == (2, 4, 30_000)
    assert torch.equal(made.argmax(-1), expected.argmax(-1))
    assert torch.allclose(made.gather(-1, best), expected.gather(-1, best), atol=1e-5)
    assert (made - expected).norm() / expected.norm() < quantization.TOLERATED


def test_a_row_of_a_shortlist_head_does_not_depend_on_the_rows_beside_it():
    model = WithHead()
    quantization.quantize(model)
    rows = torch.randn(8, 64) * torch.logspace(-3, 3, 8)[:, None]
    with torch.inference_mode():
        together = model.lm_head(rows)
        alone = torch.cat([model.lm_head(row[None]) for row in rows])
    assert torch.allclose(together, alone, rtol=1e-5, atol=0)


def test_many_rows_of_a_shortlist_head_are_the_dense_product():
    model = WithHead()
    dense, rows = model.lm_head, torch.randn(9, 64)
    quantization.quantize(model)
    with torch.inference_mode():
        assert torch.allclose(model.lm_head(rows), dense(rows), atol=1e-5)


@pytest.mark.parametrize("model", [WithHead(tokens=1000), WithHead(bias=True), WithHead().half()])
def test_a_head_that_is_small_or_biased_or_in_another_format_stays_dense(model):
    assert quantization.quantize(model) == 0
    assert type(model.lm_head) is torch.nn.Linear


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
