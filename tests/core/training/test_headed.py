"""Several heads over one backbone: each learns from the examples that speak of it, and one pass answers them all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import DataError, ModelError
from core.inference.headed import HeadedClassifier
from core.models import loading
from core.models.adapters import AdapterRegistry
from core.models.headed import HeadedModel, pool, sees_what_follows
from core.models.heads import Head, HeadSet
from core.models.words import words_of
from core.runs import Run
from core.training.examples import IGNORED, HeadedText
from core.training.finetune import FinetuneResult, finetune
from core.training.headed import WORDS_PER_LABEL, Headed, encode_headed
from core.training.options import TrainingOptions
from tests import tiny

HEADS = HeadSet(
    (
        Head("mood", "single", ("bad", "good")),
        Head("topics", "several", ("cars", "trees")),
        Head("names", "token", ("O", "B-ORG", "I-ORG"), weight=8.0),
    )
)
OPTIONS = TrainingOptions(
    epochs=16, learning_rate=0.01, batch_size=8, rank=8, alpha=8, dropout=0.0, max_tokens=64, patience=0
)
MOODS = [
    HeadedText(text, {"mood": (mood,)}) for text, mood in [("great", "good"), ("好极了", "good"), ("awful", "bad")]
]
TOPICS = [HeadedText(text, {"topics": on}) for text, on in [("c", ("cars",)), ("t", ("trees",)), ("x", ())]]
NAMES = [
    HeadedText("call Acme Co now", spans={"names": ((5, 12, "ORG"),)}),
    HeadedText("请找华星吧", spans={"names": ((2, 4, "ORG"),)}),
]
EXAMPLES = (MOODS + TOPICS + NAMES) * 8


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.encoder(tmp_path_factory.mktemp("base") / "tiny-encoder")


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.causal_lm(tmp_path_factory.mktemp("base") / "tiny-lm")


@pytest.fixture(scope="module")
def trained(encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> FinetuneResult:
    run = Run(tmp_path_factory.mktemp("run"))
    return finetune("heads", encoder, EXAMPLES, EXAMPLES, OPTIONS, run, heads=HEADS, plan=tiny.PLAN)


def test_every_head_learns_though_no_example_speaks_of_two(trained: FinetuneResult) -> None:
    assert trained.before["score"] < 0.7
    assert trained.after["mood_macro_f1"] >= 0.9
    assert trained.after["topics_macro_f1"] >= 0.8
    assert trained.after["names_span_f1"] >= 0.9


def test_one_pass_answers_all_heads_in_both_languages(trained: FinetuneResult, encoder: Path) -> None:
    reader = HeadedClassifier(encoder, trained.adapter, tiny.PLAN)
    answers = reader.answer(["awful", "call Acme Co now", "请找华星吧"])
    assert answers.probabilities["mood"][0].argmax() == 0
    assert np.allclose(answers.probabilities["mood"].sum(1), 1, atol=1e-5)
    assert answers.probabilities["topics"].shape == (3, 2)
    found = [[(span.start, span.end, span.kind) for span in spans] for spans in answers.spans["names"]]
    assert found[1:] == [[(5, 12, "ORG")], [(2, 4, "ORG")]]


def test_a_text_is_read_alike_alone_and_among_longer_ones(trained: FinetuneResult, encoder: Path) -> None:
    reader = HeadedClassifier(encoder, trained.adapter, tiny.PLAN)
    texts = ["awful", "a far longer text that pads the first one by a good deal", "好极了"]
    together, alone = reader.answer(texts), [reader.answer([text]) for text in texts]
    for head in ("mood", "topics"):
        singly = np.concatenate([each.probabilities[head] for each in alone])
        assert np.allclose(together.probabilities[head], singly, atol=1e-5)
    assert together.spans["names"] == [pytest.approx(each.spans["names"][0]) for each in alone] or all(
        [(s.start, s.end) for s in one] == [(s.start, s.end) for s in each.spans["names"][0]]
        for one, each in zip(together.spans["names"], alone, strict=True)
    )


def test_only_the_heads_asked_for_are_answered(trained: FinetuneResult, encoder: Path) -> None:
    reader = HeadedClassifier(encoder, trained.adapter, tiny.PLAN)
    answers = reader.answer(["awful"], only=["mood"])
    assert list(answers.probabilities) == ["mood"] and not answers.spans
    with pytest.raises(DataError, match="no head 'smell'"):
        reader.answer(["awful"], only=["smell"])


def test_the_registry_keeps_the_heads_and_a_reloaded_model_gives_the_same_answers(
    trained: FinetuneResult, encoder: Path, tmp_path: Path
) -> None:
    registry = AdapterRegistry(tmp_path, bundled=tmp_path / "none")
    kept = registry.add("reader", trained.adapter, encoder)
    assert kept.manifest.task == "heads"
    registry.promote("reader", kept.version, encoder)
    live = registry.live("reader")
    assert live is not None
    first, second = (HeadedClassifier(encoder, folder, tiny.PLAN) for folder in (trained.adapter, live))
    texts = ["awful", "好极了 c t"]
    for head in ("mood", "topics"):
        assert np.array_equal(first.answer(texts).probabilities[head], second.answer(texts).probabilities[head])


def test_the_words_that_decide_carry_the_weight(trained: FinetuneResult, encoder: Path) -> None:
    reader = HeadedClassifier(encoder, trained.adapter, tiny.PLAN)
    weights = reader.influence("awful", "mood", "bad")
    assert weights[0][:2] == (0, 1) and weights[-1][1] == 5
    score = reader._scores(reader._tokens(["awful"])[0], ("mood",))["mood"][0, 0]
    assert any(abs(weight) > 0 for _, _, weight in weights) and np.isfinite(score)
    with pytest.raises(DataError, match="no score"):
        reader.influence("awful", "names", "O")


def test_a_decoder_read_both_ways_knows_what_follows_and_a_causal_one_does_not(decoder: Path) -> None:
    plain, _ = loading.load_headed(decoder, tiny.PLAN, HEADS)
    assert not sees_what_follows(plain.model)
    both, tokenizer = loading.load_headed(decoder, tiny.PLAN, replace(HEADS, attention="both"))
    assert sees_what_follows(both.model)
    both.eval()
    rows = tokenizer(["Acme sold", "Acme sued"])["input_ids"]
    with torch.no_grad():
        ids = torch.tensor(rows)
        scores = both(input_ids=ids, attention_mask=torch.ones_like(ids))["names"]
    assert not torch.allclose(scores[0, 1], scores[1, 1])


@pytest.mark.parametrize("attention", ["native", "both"])
def test_attention_by_plain_products_reads_as_the_fused_one_does(decoder: Path, attention: str) -> None:
    model, tokenizer = loading.load_headed(decoder, tiny.PLAN, replace(HEADS, attention=attention))
    batch = tokenizer(["Acme sold", "Acme sued the bank"], padding=True, padding_side="right", return_tensors="pt")
    model.eval()
    with torch.no_grad():
        fused = model(**batch)["mood"]
        model.set_attn_implementation("eager")
        plain = model(**batch)["mood"]
    assert model.config.get_text_config()._attn_implementation == "eager"
    assert torch.allclose(fused, plain, atol=1e-5)


def test_a_model_that_heeds_neither_switch_is_refused(decoder: Path) -> None:
    class Deaf(torch.nn.Module):
        def __init__(self, inner: torch.nn.Module) -> None:
            super().__init__()
            self.inner, self.config = inner, inner.config

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> object:
            width = input_ids.shape[1]
            states = torch.cumsum(input_ids.float(), 1)[..., None].expand(-1, width, 4)
            return type("Output", (), {"last_hidden_state": states})()

    model, _ = loading.load_encoder(decoder, tiny.PLAN)
    with pytest.raises(ModelError, match="both directions"):
        HeadedModel(Deaf(model), replace(HEADS, attention="both"))


def test_pooling_leaves_the_padding_out() -> None:
    hidden = torch.tensor([[[1.0], [3.0], [99.0]]])
    mask = torch.tensor([[1, 1, 0]])
    assert pool(hidden, mask, "mean").item() == 2.0
    assert pool(hidden, mask, "last").item() == 3.0
    assert pool(hidden, mask, "first").item() == 1.0


def test_words_are_joined_pieces_and_a_chinese_character_is_one() -> None:
    offsets = [(0, 0), (0, 2), (2, 4), (4, 6), (7, 8), (8, 9)]
    found = [(word.start, word.end, word.row) for word in words_of("Acme Co 华星", offsets)]
    assert found == [(0, 4, 1), (5, 6, 3), (7, 8, 4)] or found[0] == (0, 4, 1)


def test_spans_become_labels_on_the_first_token_of_each_word(encoder: Path) -> None:
    tokenizer = loading.load_tokenizer(encoder)  # a token a byte
    feature = encode_headed(tokenizer, HeadedText("x Ab C", spans={"names": ((2, 6, "ORG"),)}), HEADS, 32)
    labels = feature["targets"]["names"]
    assert [HEADS["names"].labels[number] for number in labels if number != IGNORED] == ["O", "B-ORG", "I-ORG"]
    assert labels[0] == IGNORED and labels[-1] == IGNORED  # [CLS] and [SEP]


def test_two_names_side_by_side_stay_two(encoder: Path) -> None:
    tokenizer = loading.load_tokenizer(encoder)
    spans = ((0, 2, "ORG"), (3, 5, "ORG"))
    feature = encode_headed(tokenizer, HeadedText("Ab Cd", spans={"names": spans}), HEADS, 32)
    named = [HEADS["names"].labels[number] for number in feature["targets"]["names"] if number != IGNORED]
    assert named == ["B-ORG", "B-ORG"]


def test_a_label_nobody_knows_is_refused(encoder: Path) -> None:
    tokenizer = loading.load_tokenizer(encoder)
    with pytest.raises(DataError, match="cannot learn"):
        encode_headed(tokenizer, HeadedText("x", {"mood": ("odd",)}), HEADS, 32)
    with pytest.raises(DataError, match="no head"):
        encode_headed(tokenizer, HeadedText("x", {"odd": ("good",)}), HEADS, 32)
    with pytest.raises(DataError, match="no label 'B-PER'"):
        encode_headed(tokenizer, HeadedText("Ann", spans={"names": ((0, 3, "PER"),)}), HEADS, 32)


def test_the_loss_is_the_sum_of_the_heads_losses_and_counts_only_what_is_said(encoder: Path) -> None:
    goal = Headed(HEADS)
    model, tokenizer = goal.load(encoder, tiny.PLAN)
    model.eval()
    batch = goal.collate(tokenizer, goal.encode(tokenizer, [MOODS[0], TOPICS[2], NAMES[0]], 64))
    assert goal.count(batch) == 3
    with torch.no_grad():
        outcome = goal.losses(model, batch)
        scores = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
    mood = torch.nn.functional.cross_entropy(scores["mood"][:1], torch.tensor([1]))
    topics = torch.nn.functional.softplus(scores["topics"][1]).mean()  # neither holds
    words = batch["names"][2].ne(IGNORED)
    names = torch.nn.functional.cross_entropy(scores["names"][2][words], batch["names"][2][words], reduction="sum")
    wanted = torch.stack([mood, topics, HEADS["names"].weight * names / WORDS_PER_LABEL])
    assert torch.allclose(outcome.losses, wanted, atol=1e-5)


def test_label_weights_make_a_rare_label_count_more(encoder: Path) -> None:
    heavy = Headed(HeadSet((replace(HEADS["mood"], label_weights=(1.0, 3.0)),)))
    model, tokenizer = heavy.load(encoder, tiny.PLAN)
    model.eval()
    batch = heavy.collate(tokenizer, heavy.encode(tokenizer, [MOODS[0], MOODS[2]], 64))
    with torch.no_grad():
        weighted = heavy.losses(model, batch).losses
        plain = Headed(HeadSet((HEADS["mood"],))).losses(model, batch).losses
    assert torch.allclose(weighted, plain * torch.tensor([3.0, 1.0]))


def test_heads_come_back_from_their_record_and_refuse_nonsense() -> None:
    assert HeadSet.from_record(HEADS.as_record()) == HEADS
    with pytest.raises(DataError, match="not readable"):
        HeadSet.from_record({"heads": [{"name": "mood"}]})
    with pytest.raises(DataError, match="label O"):
        Head("names", "token", ("B-ORG", "I-ORG"))
    with pytest.raises(DataError, match="different names"):
        HeadSet((HEADS["mood"], HEADS["mood"]))
