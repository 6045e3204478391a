"""Each task learns something a reader can see on tiny models, and its examples become what the loss needs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import DataError, SettingsError
from core.models.loading import load_tokenizer
from core.runs import Run
from core.training import examples as ex
from core.training.batches import LengthGroups
from core.training.contrast import Contrastive, _same_meaning
from core.training.finetune import FinetuneResult, finetune
from core.training.labelling import TokenLabel
from core.training.language import Sft
from core.training.objectives import objective
from core.training.options import TrainingOptions
from tests import tiny

QUICK = TrainingOptions(epochs=6, learning_rate=0.02, batch_size=8, rank=8, alpha=8, dropout=0.0, max_tokens=64)
GOOD = ["good", "很好", "nice one", "好极了", "great", "棒"]
BAD = ["bad", "很差", "awful", "糟透了", "poor", "烂"]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.encoder(tmp_path_factory.mktemp("base") / "tiny-encoder")


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.causal_lm(tmp_path_factory.mktemp("base") / "tiny-lm")


def train(task: str, base: Path, data: list, folder: Path, **more: object) -> FinetuneResult:
    folder.mkdir()
    options = replace(QUICK, **more.pop("options", {}))
    return finetune(task, base, data, data, options, Run(folder), plan=tiny.PLAN, **more)


def opinions(times: int = 3) -> list[ex.LabelledText]:
    pairs = [(text, "good") for text in GOOD] + [(text, "bad") for text in BAD]
    return [ex.LabelledText.of(text, label) for text, label in pairs * times]


def test_a_sequence_classifier_learns_and_keeps_its_labels_and_calibration(encoder: Path, tmp_path: Path) -> None:
    slower = {"learning_rate": 0.004, "epochs": 16, "patience": 0}
    result = train("sequence", encoder, opinions(), tmp_path / "run", labels=("bad", "good"), options=slower)
    assert result.after["macro_f1"] >= 0.9 > result.before["macro_f1"]
    task = json.loads((result.adapter / "task.json").read_text())
    assert task["labels"] == ["bad", "good"] and task["calibration"]["temperature"] > 0


def test_a_generator_becomes_a_classifier(generator: Path, tmp_path: Path) -> None:
    result = train("sequence", generator, opinions(), tmp_path / "run", labels=("bad", "good"))
    assert result.after["macro_f1"] >= 0.9


def test_a_multi_label_classifier_learns_texts_with_none_one_and_two_labels(encoder: Path, tmp_path: Path) -> None:
    rows = [("xx", ()), ("a", ("A",)), ("b", ("B",)), ("a b", ("A", "B"))] * 6
    data = [ex.LabelledText(text, labels) for text, labels in rows]
    result = train("multi_label", encoder, data, tmp_path / "run", labels=("A", "B"), options={"epochs": 12})
    assert result.after["exact_match"] >= 0.75 > result.before["exact_match"]


def test_a_token_classifier_finds_whole_spans(encoder: Path, tmp_path: Path) -> None:
    english = ex.TokenLabels(("call", "Ann", "Lee", "now"), ("O", "B-PER", "I-PER", "O"))
    chinese = ex.TokenLabels(tuple("请找李雷"), ("O", "O", "B-PER", "I-PER"), joiner="")
    labels = ("O", "B-PER", "I-PER")
    result = train("token", encoder, [english, chinese] * 10, tmp_path / "run", labels=labels, options={"epochs": 10})
    assert result.after["span_f1"] >= 0.9


def test_contrastive_pairs_bring_the_right_texts_together(encoder: Path, tmp_path: Path) -> None:
    data = [ex.TextPair(left, right, (right[::-1],)) for left, right in zip(GOOD, BAD, strict=True)]
    result = train("contrastive", encoder, data, tmp_path / "run", options={"epochs": 25, "batch_size": 6})
    assert result.after["recall_at_1"] >= 0.8 > result.before["recall_at_1"]


def test_continued_pre_training_lowers_the_loss_on_its_text(generator: Path, tmp_path: Path) -> None:
    data = [ex.RawText("the cat sat on the mat. " * 8), ex.RawText("一二三四五六七八九十" * 4)]
    result = train("pretrain", generator, data, tmp_path / "run", options={"learning_rate": 0.01})
    assert result.after["loss"] < 0.8 * result.before["loss"]


# --- examples


def test_the_loss_sees_the_completion_and_its_end_mark_only(generator: Path) -> None:
    tokenizer = load_tokenizer(generator)
    Sft().load(generator, tiny.PLAN)
    from core.models.chat import give_chat_template

    give_chat_template(tokenizer)
    example = ex.SftExample(({"role": "system", "content": "S"}, {"role": "user", "content": "hi"}), " 好 ")
    feature = ex.encode_sft(tokenizer, example, 100)
    learnt = [token for token in feature["labels"] if token != ex.IGNORED]
    assert tokenizer.decode(learnt) == "好<end_of_turn>"
    whole = "<bos><start_of_turn>user\nS\n\nhi<end_of_turn>\n<start_of_turn>model\n好<end_of_turn>"
    assert tokenizer.decode(feature["input_ids"]) == whole


def test_a_long_prompt_loses_its_beginning_and_never_the_completion(generator: Path) -> None:
    _, tokenizer = Sft().load(generator, tiny.PLAN)
    example = ex.SftExample(({"role": "user", "content": "x" * 200},), "yes")
    feature = ex.encode_sft(tokenizer, example, 40)
    assert len(feature["input_ids"]) == 40 and feature["input_ids"][0] == tokenizer.bos_token_id
    assert tokenizer.decode([t for t in feature["labels"] if t != ex.IGNORED]) == "yes<end_of_turn>"
    with pytest.raises(DataError, match="raise max_tokens"):
        ex.encode_sft(tokenizer, replace(example, completion="y" * 50), 40)


def test_logits_only_at_the_completions_give_the_loss_of_full_logits(generator: Path) -> None:
    goal = Sft()
    model, tokenizer = goal.load(generator, tiny.PLAN)
    rows = [ex.SftExample(({"role": "user", "content": "q" * n},), "a" * (30 - n)) for n in (2, 9, 20)]
    batch = goal.collate(tokenizer, goal.encode(tokenizer, rows, 100))
    ours = goal.losses(model.eval(), batch).losses.mean().item()
    logits = model(
        input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], position_ids=batch["position_ids"]
    ).logits
    full = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten())
    assert ours == pytest.approx(full.item(), abs=1e-5)
    alone = [goal.losses(model, goal.collate(tokenizer, goal.encode(tokenizer, [row], 100))).losses for row in rows]
    assert torch.cat(alone).mean().item() == pytest.approx(ours, abs=1e-4)  # padding changes nothing


def test_each_word_has_its_label_on_its_first_token(encoder: Path) -> None:
    tokenizer = load_tokenizer(encoder)
    feature = ex.encode_token_labels(tokenizer, ex.TokenLabels(("ab", "李"), ("X", "Y")), ("X", "Y"), 20)
    tokens = tokenizer.convert_ids_to_tokens(feature["input_ids"])
    assert len(tokens) == len(feature["labels"]) == 8  # [CLS] a b space and three bytes of 李 [SEP]
    assert [label for label in feature["labels"] if label != ex.IGNORED] == [0, 1]
    assert feature["labels"][1] == 0 and feature["labels"][4] == 1


def test_spans_of_joined_texts_do_not_run_over_their_border() -> None:
    goal = TokenLabel(("O", "B-X", "I-X"))
    rows = torch.tensor([1, -1, 2, 0])  # a text ending in B-X, then one beginning with I-X
    scores = torch.nn.functional.one_hot(rows.clamp(min=0), 3).float()
    assert goal._spans(rows.numpy()) == {(0, 1, "X"), (2, 3, "X")}
    assert goal.measure(scores, rows) == {"token_accuracy": 1.0, "span_f1": 1.0}


def test_pairs_that_share_a_text_are_no_negatives_of_each_other() -> None:
    anchors, others = [[1], [2], [3]], [[7], [7], [8], [7]]  # pairs 0 and 1 share their positive, so does a negative
    same = _same_meaning(anchors, others).numpy()
    expected = np.array([[0, 1, 0, 1], [1, 0, 0, 1], [0, 0, 0, 0]], dtype=bool)
    assert (same == expected).all()


def test_recall_counts_the_nearest_of_the_whole_validation_split() -> None:
    axes = torch.eye(3)
    swapped = torch.stack([axes, axes[[0, 2, 1]]], 1)
    figures = Contrastive().measure(swapped, torch.arange(3))
    assert figures["recall_at_1"] == pytest.approx(1 / 3)


def test_the_order_of_examples_depends_on_seed_and_epoch_alone_and_groups_like_lengths() -> None:
    lengths = [(7 * number) % 50 + 1 for number in range(64)]
    first, again, later = (list(LengthGroups(lengths, 8, 5, lambda e=e: e)) for e in (0, 0, 1))
    assert first == again != later and sorted(first) == list(range(64))
    spread = [max(batch) - min(batch) for batch in np.array([lengths[i] for i in first]).reshape(8, 8)]
    assert max(spread) < 25
    assert lengths[first[0]] == max(lengths)


def test_the_data_hash_knows_text_label_and_order() -> None:
    a, b = ex.LabelledText.of("x", "A"), ex.LabelledText.of("y", "B")
    hashes = {ex.data_hash(data) for data in ([a, b], [b, a], [a], [ex.LabelledText.of("x", "B"), b], [])}
    assert len(hashes) == 5 and ex.data_hash([a, b]) == ex.data_hash([a, b])


# --- refusals


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: objective("summarise"), "Unknown training task 'summarise'; known are sft"),
        (lambda: objective("sequence", ["one"]), "at least 2 different labels, got 1"),
        (lambda: ex.SftExample(({"role": "assistant", "content": "x"},), "y"), "end with the user's message"),
        (lambda: ex.SftExample(({"role": "user", "content": "x"},), "  "), "completion is empty"),
        (lambda: ex.TokenLabels(("a", "b"), ("O",)), "2 words but 1 labels"),
        (lambda: TrainingOptions(rank=0), "'rank' must be 1 to 256, got 0"),
        (lambda: TrainingOptions(learning_rate=2), "'learning_rate' must be between 0 and 1"),
    ],
)
def test_wrong_tasks_examples_and_options_are_said_in_one_sentence(act: object, message: str) -> None:
    with pytest.raises((DataError, SettingsError), match=message):
        act()


def test_an_unknown_label_is_named(encoder: Path) -> None:
    with pytest.raises(DataError, match="Unknown label 'C'; known are A, B"):
        ex.encode_labelled(load_tokenizer(encoder), ex.LabelledText.of("x", "C"), ("A", "B"), False, 10)
