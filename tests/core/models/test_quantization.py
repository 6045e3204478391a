"""Small weights: near the dense product, dense for many rows, refused when the self-test fails."""

import pytest
import torch

from core.models import quantization
from core.models.half_linear import MOST_ROWS, HalfLinear
from core.models.quantization import ShortlistHead
from tests import tiny


def bf16_layer(rows=64, columns=128):
    torch.manual_seed(0)
    return torch.nn.Linear(columns, rows, dtype=torch.bfloat16)


def test_rows_are_scaled_one_by_one():
    packed, scales = quantization.quantize_rows(torch.tensor([[127.0, -63.0], [0.0, 2.0], [0.0, 0.0]]), 127)
    assert packed.tolist() == [[127, -63], [0, 127], [0, 0]]
    assert scales[0] == 1.0


def test_a_failed_self_test_leaves_the_output_layer_dense(monkeypatch):
    model = WithHead()
    monkeypatch.setattr(quantization, "TOLERATED", 0.0)
    assert quantization.quantize(model) == 0
    assert type(model.lm_head) is torch.nn.Linear


def test_each_layer_gets_the_weights_that_are_quick_in_its_format():
    model = torch.nn.ModuleDict(
        {"up": bf16_layer(), "down": torch.nn.Linear(4, 4), "other": torch.nn.Linear(4, 4).half()}
    )
    model["lm_head"] = torch.nn.Linear(64, 30_000, bias=False)
    assert quantization.quantize(model) == 3
    assert [type(layer) for layer in model.values()] == [HalfLinear, HalfLinear, torch.nn.Linear, ShortlistHead]


class WithHead(torch.nn.Module):
    """Only an output layer, as large ones are."""

    def __init__(self, tokens=30_000, width=64, bias=False, dtype=torch.float32):
        super().__init__()
        torch.manual_seed(0)
        self.lm_head = torch.nn.Linear(width, tokens, bias=bias, dtype=dtype)


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


def test_a_shortlist_head_of_bfloat16_weights_scores_few_rows_in_full_precision():
    model = WithHead(dtype=torch.bfloat16)
    exact = model.lm_head.weight.float()
    assert quantization.quantize(model) == 1
    rows = torch.randn(4, 64).bfloat16()
    with torch.inference_mode():
        made, expected = model.lm_head(rows), rows.float() @ exact.T
    best = expected.topk(5).indices
    assert made.dtype == torch.float32
    assert torch.equal(made.argmax(-1), expected.argmax(-1))
    assert torch.allclose(made.gather(-1, best), expected.gather(-1, best), atol=1e-5)


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
    dense, rows = model.lm_head, torch.randn(MOST_ROWS + 1, 64)
    quantization.quantize(model)
    with torch.inference_mode():
        assert torch.allclose(model.lm_head(rows), dense(rows), atol=1e-5)


@pytest.mark.parametrize("model", [WithHead(tokens=1000), WithHead(bias=True), WithHead().half()])
def test_a_head_that_is_small_or_biased_or_in_another_format_stays_dense(model):
    assert quantization.quantize(model) == 0
    assert type(model.lm_head) is torch.nn.Linear


def test_the_plan_of_the_tiny_models_is_dense():
    assert tiny.PLAN.quantize == "none"
