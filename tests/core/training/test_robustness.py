"""The attack really changes the input under LoRA, where the usual one does nothing, and training bears it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from core.errors import SettingsError
from core.runs import Run
from core.training import lora
from core.training.examples import LabelledText, SftExample
from core.training.finetune import finetune
from core.training.language import Sft
from core.training.options import TrainingOptions
from core.training.robustness import EmbeddingAttack, agreement
from tests import tiny

OPTIONS = TrainingOptions(
    epochs=1, learning_rate=0.01, batch_size=4, rank=4, alpha=4, dropout=0.0, max_tokens=64, patience=0
)
ROWS = [SftExample(({"role": "user", "content": f"say {word}"},), word) for word in ("ok", "no", "好", "不")]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.causal_lm(tmp_path_factory.mktemp("base") / "tiny-lm")


def test_the_attack_raises_the_loss_of_a_model_whose_embeddings_are_frozen(base: Path) -> None:
    goal = Sft()
    model, tokenizer = goal.load(base, tiny.PLAN)
    model = lora.attach(model, goal.task_type, OPTIONS).eval()
    assert not model.get_input_embeddings().weight.requires_grad
    batch = goal.collate(tokenizer, goal.encode(tokenizer, ROWS, 64))
    attacker = EmbeddingAttack(model, 0.5)
    with attacker.record():
        clean = goal.losses(model, batch).losses.mean()
        clean.backward()
    shift = attacker.shift
    assert shift is not None
    assert torch.allclose(shift.flatten(1).norm(dim=1), torch.tensor(0.5), atol=1e-5)
    with attacker.attack():
        attacked = goal.losses(model, batch).losses.mean()
    after = goal.losses(model, batch).losses.mean()
    assert attacked > clean + 0.01
    assert after.item() == pytest.approx(clean.item(), abs=1e-6)  # nothing stays behind
    attacker.remove()


def test_training_under_attack_gives_another_adapter_than_without(base: Path, tmp_path: Path) -> None:
    def weights(name: str, epsilon: float) -> dict[str, torch.Tensor]:
        (tmp_path / name).mkdir()
        options = replace(OPTIONS, adversarial_epsilon=epsilon)
        run = Run(tmp_path / name)
        result = finetune("sft", base, ROWS * 2, ROWS, options, run, plan=replace(tiny.PLAN, dtype="bfloat16"))
        return load_file(result.adapter / "adapter_model.safetensors")

    plain, attacked, none = weights("plain", 0.0), weights("attacked", 0.5), weights("again", 0.0)
    assert all(torch.equal(plain[key], none[key]) for key in plain)
    assert any(not torch.allclose(plain[key], attacked[key], atol=1e-4) for key in plain)


def test_passes_that_agree_have_no_divergence_and_others_do() -> None:
    scores = torch.tensor([[2.0, -1.0, 0.0], [0.0, 0.0, 0.0]])
    assert torch.allclose(agreement(scores, scores), torch.zeros(2), atol=1e-7)
    p, q = torch.tensor([0.5, 0.5]), torch.tensor([0.9, 0.1])
    by_hand = 0.5 * ((p * (p / q).log()).sum() + (q * (q / p).log()).sum())
    assert agreement(p.log()[None], q.log()[None]).item() == pytest.approx(by_hand.item(), abs=1e-6)
    logit = torch.tensor([[0.0]]), torch.tensor([[2.1972246]])  # sigmoids 0.5 and 0.9
    assert agreement(*logit, several=True).item() == pytest.approx(by_hand.item(), abs=1e-5)


def test_agreement_of_two_passes_trains_a_classifier(tmp_path: Path) -> None:
    encoder = tiny.encoder(tmp_path / "tiny-encoder")
    data = [LabelledText.of("yes 是", "A"), LabelledText.of("no 否", "B")] * 4
    options = replace(OPTIONS, r_drop=1.0, dropout=0.3)
    (tmp_path / "run").mkdir()
    run = Run(tmp_path / "run")
    result = finetune("sequence", encoder, data, data, options, run, labels=("A", "B"), plan=tiny.PLAN)
    assert result.steps == 2


def test_agreement_is_refused_where_it_would_do_nothing(base: Path, tmp_path: Path) -> None:
    run = Run(tmp_path)
    with pytest.raises(SettingsError, match="'r_drop' needs a classification task, the task is 'sft'"):
        finetune("sft", base, ROWS, [], replace(OPTIONS, r_drop=1.0), run, plan=tiny.PLAN)
