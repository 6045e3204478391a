"""The interest objective: batches that hold each text once, a loss worked by hand, and taste learnt on a tiny encoder."""

from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import DataError
from core.models.loading import load_tokenizer
from core.runs import Run
from core.training.examples import InterestExample
from core.training.finetune import finetune
from core.training.interest import SCALE, Interest
from core.training.options import TrainingOptions
from tests import tiny

TEA, RIDE = ("pot", "cup", "茶", "leaf"), ("bell", "lamp", "车", "lock")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.encoder(tmp_path_factory.mktemp("base") / "tiny-encoder")


def tastes() -> list[InterestExample]:
    """Who met two things of one taste chose a third of it."""
    found = []
    for kind in (TEA, RIDE):
        for target in kind:
            others = [text for text in kind if text != target]
            found += [
                InterestExample((first, second), (1.0, 1.0), target)
                for first in others
                for second in others
                if first != second
            ]
    return found


def test_a_target_in_its_own_history_or_among_its_negatives_is_refused() -> None:
    with pytest.raises(DataError, match="in its own history"):
        InterestExample(("a", "b"), (1.0, 1.0), "a")
    with pytest.raises(DataError, match="among its negatives"):
        InterestExample(("a",), (1.0,), "b", ("b",))
    with pytest.raises(DataError, match="above 0"):
        InterestExample(("a",), (0.0,), "b")


def test_a_batch_holds_each_text_once_with_the_weights_of_every_history(base: Path) -> None:
    goal, tokenizer = Interest(), load_tokenizer(base)
    pairs = [InterestExample(("pot", "cup"), (3.0, 1.0), "leaf", ("bell",)), InterestExample(("leaf",), (2.0,), "cup")]
    batch = goal.collate(tokenizer, goal.encode(tokenizer, pairs, 16))
    assert batch["input_ids"].shape[0] == 4
    assert batch["pool"].sum(1).tolist() == pytest.approx([1.0, 1.0])
    assert sorted(batch["pool"][0].tolist()) == pytest.approx([0.0, 0.0, 0.25, 0.75])
    rows = {
        tuple(row[mask.bool()].tolist()) for row, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)
    }
    assert len(rows) == 4


def test_the_loss_is_the_corrected_softmax_over_all_texts_but_the_own_history(base: Path) -> None:
    goal, tokenizer = Interest(), load_tokenizer(base)
    pairs = [InterestExample(("pot",), (1.0,), "cup"), InterestExample(("bell", "lamp"), (1.0, 1.0), "lock")]
    batch = goal.collate(tokenizer, goal.encode(tokenizer, pairs, 16))
    model, _ = goal.load(base, tiny.PLAN)
    with torch.no_grad():
        outcome = goal.losses(model, batch)
        hidden = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
    mask = batch["attention_mask"].numpy()[:, :, None]
    vectors = (hidden.numpy() * mask).sum(1) / mask.sum(1)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    for row in range(2):
        pool = batch["pool"][row].numpy()
        person = pool @ vectors
        scores = SCALE * vectors @ (person / np.linalg.norm(person)) - batch["correction"].numpy()
        rivals = scores[pool == 0]
        expected = np.log(np.exp(rivals - rivals.max()).sum()) + rivals.max() - scores[int(batch["target"][row])]
        assert float(outcome.losses[row]) == pytest.approx(float(expected), abs=1e-3)


def test_a_popular_text_is_corrected_more_than_a_rare_one(base: Path) -> None:
    goal, tokenizer = Interest(), load_tokenizer(base)
    pairs = [InterestExample((f"x{n}",), (1.0,), "hit" if n else "rare") for n in range(20)]
    batch = goal.collate(tokenizer, goal.encode(tokenizer, pairs, 16)[:2])
    rare, hit = batch["correction"][batch["target"]].tolist()
    assert hit > rare
    assert hit == pytest.approx(np.log(1 - (1 - 19 / 20) ** 2), abs=1e-5)
    assert rare == pytest.approx(np.log(1 - (1 - 1 / 20) ** 2), abs=1e-5)


def test_a_tiny_encoder_learns_which_things_belong_to_one_taste(base: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    options = TrainingOptions(
        epochs=16, learning_rate=0.01, batch_size=16, rank=8, alpha=8, dropout=0.0, max_tokens=16, patience=0
    )
    result = finetune("interest", base, tastes(), tastes(), options, Run(tmp_path / "run"), plan=tiny.PLAN)
    assert result.after["mrr"] > result.before["mrr"]
    from core.inference.embedding import load_embedder

    def gap(adapter: Path | None) -> float:
        vectors = load_embedder(str(base), tmp_path, tiny.PLAN, adapter).encode([*TEA, *RIDE])
        likeness = vectors @ vectors.T
        return float(likeness[:4, :4].mean() - likeness[:4, 4:].mean())

    assert gap(result.adapter) > gap(None) + 0.2
