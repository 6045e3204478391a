"""Loading: the right class, format and labels; unsafe or foreign folders are refused in one sentence."""

import shutil
from dataclasses import replace

import pytest
import torch

from core.errors import ModelError, ResourceError
from core.models import chat, loading, memory, quick_tokenizer
from core.models.device import DevicePlan
from core.training import lora
from core.training.options import TrainingOptions
from tests import tiny


def test_a_base_model_gets_our_chat_template(tiny_lm):
    _, tokenizer = loading.load_causal_lm(tiny_lm, tiny.PLAN)
    turns = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello!"},
        {"role": "user", "content": "价格？"},
    ]
    assert chat.render(tokenizer, turns) == (
        "<bos><start_of_turn>user\nBe kind.\n\nHi<end_of_turn>\n<start_of_turn>model\nHello!<end_of_turn>\n"
        "<start_of_turn>user\n价格？<end_of_turn>\n<start_of_turn>model\n"
    )


def test_the_template_marks_the_assistants_words_and_end_mark_for_training(tiny_lm):
    _, tokenizer = loading.load_causal_lm(tiny_lm, tiny.PLAN)
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes"}]
    out = tokenizer.apply_chat_template(turns, return_dict=True, return_assistant_tokens_mask=True)
    masked = [token for token, mark in zip(out["input_ids"], out["assistant_masks"], strict=True) if mark]
    assert tokenizer.decode(masked) == "Yes<end_of_turn>"


def test_a_template_of_the_models_own_stays(tiny_lm):
    tokenizer = loading.load_tokenizer(tiny_lm)
    tokenizer.chat_template = "own"
    chat.give_chat_template(tokenizer)
    assert tokenizer.chat_template == "own"
    chat.give_chat_template(tokenizer, "given")
    assert tokenizer.chat_template == "given"


def test_answers_end_at_both_end_marks(tiny_lm):
    tokenizer = loading.load_tokenizer(tiny_lm)
    assert set(chat.stop_token_ids(tokenizer, [1])) == {1, 5}


def test_marks_are_taken_out_until_none_is_left():
    marks = {"<end_of_turn>", "[INST]"}
    assert chat.without_marks("a<end_<end_of_turn>of_turn>b[INST]c <b>", marks) == "abc <b>"


def test_training_on_a_cpu_is_in_float32(tiny_lm):
    plan = DevicePlan("cpu", "bfloat16", 1, "none", None, 8.0, "test")
    assert loading.load_causal_lm(tiny_lm, plan)[0].dtype == torch.bfloat16
    assert loading.load_causal_lm(tiny_lm, plan, for_training=True)[0].dtype == torch.float32


def test_classifiers_carry_their_labels(tiny_encoder, tiny_lm):
    model, _ = loading.load_sequence_classifier(tiny_encoder, tiny.PLAN, ["refund", "delivery", "other"])
    assert model.config.id2label == {0: "refund", 1: "delivery", 2: "other"}
    several, _ = loading.load_sequence_classifier(tiny_lm, tiny.PLAN, ["a", "b"], "multi_label")
    assert several.config.problem_type == "multi_label_classification"
    tokens, _ = loading.load_token_classifier(tiny_encoder, tiny.PLAN, ["O", "B-ORG", "I-ORG"])
    assert tokens.config.num_labels == 3
    with pytest.raises(ModelError, match="single_label, multi_label, regression"):
        loading.load_sequence_classifier(tiny_encoder, tiny.PLAN, ["a"], "ranking")


def test_an_encoder_gives_hidden_states(tiny_encoder):
    model, tokenizer = loading.load_encoder(tiny_encoder, tiny.PLAN)
    with torch.inference_mode():
        out = model(**tokenizer(["hello", "价格"], padding=True, return_tensors="pt"))
    assert out.last_hidden_state.shape[2] == 32


@pytest.mark.parametrize("name", ["pytorch_model.bin", "weights.pt", "x.PKL"])
def test_a_folder_with_a_pickle_is_refused(tiny_lm, tmp_path, name):
    folder = shutil.copytree(tiny_lm, tmp_path / "m")
    (folder / name).write_bytes(b"")
    with pytest.raises(ModelError, match="can run code when loaded"):
        loading.load_causal_lm(folder, tiny.PLAN)


def test_missing_and_foreign_folders_are_one_sentence(tiny_encoder, tmp_path):
    with pytest.raises(ModelError, match="does not exist"):
        loading.load_causal_lm(tmp_path / "nowhere", tiny.PLAN)
    (tmp_path / "config.json").write_text('{"model_type": "none-such"}')
    with pytest.raises(ModelError, match="could not be loaded") as refused:
        loading.load_causal_lm(tmp_path, tiny.PLAN)
    assert "\n" not in str(refused.value)


def test_a_model_too_large_for_the_machine_is_refused_before_loading(tiny_lm, monkeypatch):
    monkeypatch.setattr(memory, "free_memory_bytes", lambda device: 1000)
    with pytest.raises(ResourceError, match="choose a smaller model"):
        loading.load_causal_lm(tiny_lm, tiny.PLAN)


def test_the_quick_tokenizer_is_the_same_and_is_used_only_where_it_was_tried(tiny_lm, tmp_path):
    folder = shutil.copytree(tiny_lm, tmp_path / "m")
    slow = loading.load_tokenizer(folder)
    assert quick_tokenizer.read(folder) is None
    slow.padding_side = "left"
    assert quick_tokenizer.note_down(folder, slow)
    quick = loading.load_tokenizer(folder)
    assert quick.padding_side == "left"
    assert quick("Where? 在哪里<end_of_turn>") == slow("Where? 在哪里<end_of_turn>")
    assert chat.stop_token_ids(quick) == chat.stop_token_ids(slow)
    assert chat.control_marks(quick) == chat.control_marks(slow)


def test_a_tokenizer_that_differs_is_not_noted_down(tiny_lm, tiny_encoder, tmp_path):
    folder = shutil.copytree(tiny_lm, tmp_path / "m")
    assert not quick_tokenizer.note_down(folder, loading.load_tokenizer(tiny_encoder))
    assert quick_tokenizer.read(folder) is None


# on a CPU, where this can run without a card, the library's kernel for a single row brings no gradient of its own
@pytest.mark.filterwarnings("ignore:bitsandbytes")
@pytest.mark.parametrize(("quantize", "kind"), [("8bit", "Linear8bitLt"), ("4bit", "Linear4bit")])
def test_a_packed_base_says_nearly_the_same_and_an_adapter_learns_on_it(tiny_lm, quantize, kind):
    pytest.importorskip("bitsandbytes", reason="needs bitsandbytes (pip install 'trifolium[quantize]')")
    plain, tokenizer = loading.load_causal_lm(tiny_lm, tiny.PLAN)
    packed, _ = loading.load_causal_lm(tiny_lm, replace(tiny.PLAN, quantize=quantize))
    assert kind in {type(module).__name__ for module in packed.modules()}
    words = torch.tensor([tokenizer("How much is delivery?")["input_ids"]])
    with torch.no_grad():
        wanted, found = (model(input_ids=words).logits[0].float() for model in (plain, packed))
    assert torch.cosine_similarity(wanted, found, dim=-1).min() > 0.9
    model = lora.attach(lora.prepare_quantized(packed, False), "CAUSAL_LM", TrainingOptions(rank=8))
    optimiser = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], 1e-2)
    losses = []
    for _ in range(10):
        loss = model(input_ids=words, labels=words).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 2
