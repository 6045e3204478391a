"""Training the top of an encoder on kept outputs: the same vectors, and an adapter that any loader takes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from core.errors import DataError, ModelError
from core.events import Event, Metric, OnEvent, ignore
from core.inference.embedding import load_embedder
from core.models.loading import load_encoder
from core.models.pooling import mean_pool
from core.training import standing
from core.training.examples import InterestExample
from core.training.options import TrainingOptions
from core.training.upper import LastProjection, Upper, finetune_upper
from tests import tiny

TEA, RIDE = ("pot", "cup", "茶", "leaf"), ("bell", "lamp", "车", "lock")
OPTIONS = TrainingOptions(max_steps=60, learning_rate=0.02, batch_size=16, rank=8, alpha=8, dropout=0.0, max_tokens=16)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.encoder(tmp_path_factory.mktemp("base") / "tiny-encoder")


def tastes() -> list[InterestExample]:
    return [
        InterestExample((met,), (1.0,), target)
        for kind in (TEA, RIDE)
        for target in kind
        for met in kind
        if met != target
    ]


@pytest.mark.parametrize("layers", [2, 1, 0])
def test_the_top_gives_the_vectors_of_the_whole(base: Path, layers: int) -> None:
    model, tokenizer = load_encoder(base, tiny.PLAN)
    model.eval()
    inputs = tokenizer(["a long text with more tokens", "茶"], padding=True, return_tensors="pt")
    inputs = {name: inputs[name] for name in ("input_ids", "attention_mask")}
    top = Upper(model, layers) if layers else LastProjection(model)
    with torch.no_grad():
        whole = mean_pool(model(**inputs).last_hidden_state, inputs["attention_mask"])
        apart = top(top.below(model, inputs), inputs["attention_mask"])
    assert torch.allclose(whole, apart, atol=1e-5)


@pytest.mark.parametrize(("layers", "rate"), [(2, 0.003), (0, 0.02)])  # more weights want smaller steps
def test_the_adapter_loads_like_any_other_and_parts_two_tastes(
    base: Path, tmp_path: Path, layers: int, rate: float
) -> None:
    options = replace(OPTIONS, learning_rate=rate)
    result = finetune_upper(base, tastes(), tastes(), options, tmp_path / "adapter", tiny.PLAN, layers)
    assert result.after["loss"] < result.before["loss"]

    def gap(adapter: Path | None) -> float:
        vectors = load_embedder(str(base), tmp_path, tiny.PLAN, adapter).encode([*TEA, *RIDE])
        likeness = vectors @ vectors.T
        return float(likeness[:4, :4].mean() - likeness[:4, 4:].mean())

    assert gap(result.adapter) > gap(None) + 0.04


def test_what_is_measured_in_training_is_what_the_loaded_adapter_gives(base: Path, tmp_path: Path) -> None:
    pairs = tastes()[:6]
    result = finetune_upper(base, pairs, pairs, OPTIONS, tmp_path / "adapter", tiny.PLAN, 1)
    embedder = load_embedder(str(base), tmp_path, tiny.PLAN, result.adapter)
    texts = sorted({text for one in pairs for text in (*one.history, one.target)})
    vectors = dict(zip(texts, embedder.encode(texts), strict=True))
    ranks = []
    for one in pairs:
        rivals = [text for text in texts if text not in one.history]
        own = vectors[one.history[0]] @ vectors[one.target]
        ranks.append(1 + sum(float(vectors[one.history[0]] @ vectors[text]) > own + 1e-6 for text in rivals))
    assert result.after["mrr"] == pytest.approx(float(np.mean(1 / np.array(ranks))), abs=0.02)


def test_the_same_seed_gives_the_same_adapter(base: Path, tmp_path: Path) -> None:
    from core.models.adapter_check import content_hash

    short = TrainingOptions(max_steps=3, batch_size=4, rank=2, max_tokens=16)
    hashes = [
        content_hash(finetune_upper(base, tastes(), [], short, tmp_path / name, tiny.PLAN, 1).adapter)
        for name in ("a", "b")
    ]
    assert hashes[0] == hashes[1]


def test_too_many_layers_and_no_examples_are_one_sentence(base: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has 2 layers, 3 cannot be trained"):
        finetune_upper(base, tastes(), [], OPTIONS, tmp_path / "x", tiny.PLAN, 3)
    with pytest.raises(DataError, match="no training examples"):
        finetune_upper(base, [], [], OPTIONS, tmp_path / "x", tiny.PLAN, 1)


class Killed(Exception):
    pass


@pytest.mark.parametrize("layers", [1, 0])
def test_a_killed_training_goes_on_to_the_same_weights(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layers: int
) -> None:
    monkeypatch.setattr(standing, "EVERY_S", 0.0)
    options, kept = replace(OPTIONS, max_steps=9, dropout=0.2), tmp_path / "standing.pt"

    def train(name: str, on_event: OnEvent = ignore, file: Path | None = None) -> dict[str, torch.Tensor]:
        finetune_upper(base, tastes(), [], options, tmp_path / name, tiny.PLAN, layers, on_event, file)
        return load_file(tmp_path / name / "adapter_model.safetensors")

    def kill(event: Event) -> None:
        if isinstance(event, Metric) and event.step == 6:
            raise Killed

    whole = train("whole")
    with pytest.raises(Killed):
        train("killed", kill, kept)
    steps: list[int] = []
    resumed = train("resumed", lambda event: steps.append(event.step) if isinstance(event, Metric) else None, kept)
    assert steps == [6, 7, 8, 9]
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert not kept.exists()


def test_what_another_training_left_is_not_gone_on_with(base: Path, tmp_path: Path) -> None:
    kept = tmp_path / "standing.pt"
    weight = torch.ones(2)
    mine = standing.Standing(kept, "mine", [weight])
    mine._kept_at -= 2 * standing.EVERY_S
    mine.keep(5)
    assert standing.Standing(kept, "mine", [torch.zeros(2)]).step() == 5
    assert standing.Standing(kept, "another", [torch.zeros(2)]).step() == 0
    kept.write_bytes(kept.read_bytes()[:40])  # cut off
    assert standing.Standing(kept, "mine", [torch.zeros(2)]).step() == 0
    assert standing.key_of(OPTIONS, tastes()) != standing.key_of(OPTIONS, tastes()[1:])
