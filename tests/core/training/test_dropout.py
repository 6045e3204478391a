"""Dropout by bytes: the share, the scale, the seed; and that a CPU's adapters get it."""

import pytest
import torch

from core.training.dropout import ByteDropout


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("share", [0.05, 0.5])
def test_the_share_is_dropped_and_the_rest_scaled_so_that_the_mean_stays(share, dtype):
    torch.manual_seed(0)
    layer = ByteDropout(share).train()
    made = layer(torch.ones(400, 333, dtype=dtype)).float()
    assert float((made == 0).float().mean()) == pytest.approx(layer.dropped / 256, abs=0.005)
    assert float(made.mean()) == pytest.approx(1.0, abs=0.01)
    assert len(made.unique()) == 2


def test_no_place_of_a_drawn_number_is_dropped_more_often_than_another():
    torch.manual_seed(0)
    kept = ByteDropout(0.5).train()(torch.ones(40_000, 8)) > 0
    assert kept.float().mean(dim=0).sub(0.5).abs().max() < 0.015
    assert torch.corrcoef(kept.float().T).sub(torch.eye(8)).abs().max() < 0.03


def test_a_seed_gives_the_same_and_gradients_pass_where_values_are_kept():
    layer, values = ByteDropout(0.3).train(), torch.randn(50, 7, requires_grad=True)
    torch.manual_seed(1)
    first = layer(values)
    torch.manual_seed(1)
    assert torch.equal(layer(values), first)
    first.sum().backward()
    assert torch.equal(values.grad != 0, first != 0)


def test_nothing_is_dropped_at_work_or_by_a_share_of_nothing():
    values = torch.randn(9, 5)
    assert ByteDropout(0.5).eval()(values) is values
    assert ByteDropout(0.0).train()(values) is values


def test_an_adapter_on_a_cpu_drops_by_bytes(tiny_lm):
    from core.models import loading
    from core.training import lora
    from core.training.options import TrainingOptions
    from tests import tiny

    model, _ = loading.load_causal_lm(tiny_lm, tiny.PLAN)
    made = lora.attach(model, "CAUSAL_LM", TrainingOptions(dropout=0.1))
    layers = [module.lora_dropout for module in made.modules() if hasattr(module, "lora_dropout")]
    assert layers and all(type(drop) is ByteDropout for one in layers for drop in one.values())
