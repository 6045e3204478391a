"""Two-byte weights: the product of the rounded weights, exact where they came from bfloat16, refused where too large."""

import pytest
import torch

from core.inference.generation import GenerationOptions, Message, load_generator
from core.models import half_linear
from core.models.device import DevicePlan
from core.models.half_linear import MOST_ROWS, HalfLinear


def layer(columns=65, rows=33, bias=False):
    torch.manual_seed(0)
    return torch.nn.Linear(columns, rows, bias=bias)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("count", [1, 3, 9, 200])
def test_the_product_is_that_of_the_weights_rounded_to_two_bytes(bias, count):
    dense = layer(bias=bias)
    made = HalfLinear(dense)
    rounded = layer(bias=bias)
    rounded.weight.data = dense.weight.data.half().float()
    inputs = torch.randn(2, count, 65)
    with torch.inference_mode():
        assert torch.allclose(made(inputs), rounded(inputs), atol=1e-5)


def test_weights_made_in_bfloat16_lose_nothing_and_are_kept_in_two_bytes():
    dense = layer()
    dense.weight.data = dense.weight.data.bfloat16().float()
    made, inputs = HalfLinear(dense), torch.randn(4, 65)
    assert made.weight.dtype == torch.bfloat16
    assert torch.equal(made.weight.float(), dense.weight)
    with torch.inference_mode():
        assert torch.allclose(made(inputs), dense(inputs), atol=1e-6)


def test_bfloat16_layers_compute_few_rows_in_float32_and_many_densely():
    dense = layer().bfloat16()
    made = HalfLinear(dense)
    few, many = torch.randn(2, 8, 65).bfloat16(), torch.randn(MOST_ROWS + 1, 65).bfloat16()
    with torch.inference_mode():
        expected = few.float() @ dense.weight.float().T
        assert made(few).dtype == torch.bfloat16
        assert torch.equal(made(few), expected.bfloat16())
        assert torch.equal(made(many), dense(many))


def test_a_row_does_not_depend_on_the_rows_beside_it():
    made, inputs = HalfLinear(layer(640, 256)), torch.randn(64, 640)
    with torch.inference_mode():
        alone = torch.cat([made(row[None]) for row in inputs])
        assert torch.allclose(made(inputs), alone, atol=1e-5)


def test_weights_beyond_float16_and_layers_that_miss_the_self_test_stay_as_they_are(monkeypatch):
    large = layer()
    large.weight.data[0, 0] = 1e5
    assert half_linear.halve(torch.nn.Sequential(large)) == 0
    monkeypatch.setattr(half_linear, "TOLERATED", 0.0)
    model = torch.nn.Sequential(layer())
    assert half_linear.halve(model) == 0
    assert type(model[0]) is torch.nn.Linear


def test_the_output_layer_is_left_to_the_shortlist():
    model = torch.nn.ModuleDict({"lm_head": layer(), "up": layer()})
    assert half_linear.halve(model) == 1
    assert [type(model["lm_head"]), type(model["up"])] == [torch.nn.Linear, HalfLinear]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_generator_with_an_adapter_answers_as_the_dense_one_and_returns_to_its_base(tiny_lm, tiny_adapter, dtype):
    asked = [Message("user", "Hello")]
    answers = {}
    for quantize in ("none", "int8"):
        made = load_generator(tiny_lm, DevicePlan("cpu", dtype, 1, quantize, None, 8.0, "test"))
        made.load_adapter("a", tiny_adapter)
        answers[quantize] = []
        for adapter in (None, "a", None):
            made.use_adapter(adapter)
            answers[quantize].append(made.complete(asked, GenerationOptions(max_new_tokens=12)).text)
        halved = [one for one in made._merger.model.modules() if isinstance(one, HalfLinear)]
        assert len(halved) == (14 if quantize == "int8" else 0)
        made.close()
    assert answers["int8"][::2] == answers["none"][::2]  # a sum with an adapter is rounded otherwise in bfloat16
    assert dtype == "bfloat16" or answers["int8"] == answers["none"]
    assert answers["none"][0] == answers["none"][2] != answers["none"][1]
