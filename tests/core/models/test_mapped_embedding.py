"""A vocabulary matrix left in its file: the same answers, nothing held twice, never where the weights changed."""

import torch
from safetensors.torch import load_file

from core.inference.generation import GenerationOptions, Message, load_generator
from core.models import loading, quantization
from core.models.device import DevicePlan
from core.models.mapped_embedding import MappedEmbedding, map_embedding
from tests import tiny

IDS = torch.tensor([[5, 9, 9, 1], [2, 0, 7, 3]])


def test_a_mapped_model_computes_exactly_what_it_did(tiny_lm, tiny_encoder):
    for folder, load in ((tiny_lm, loading.load_causal_lm), (tiny_encoder, loading.load_encoder)):
        model = load(folder, tiny.PLAN)[0].eval()
        with torch.inference_mode():
            before = model(input_ids=IDS)[0]
            assert map_embedding(model, folder) is not None
            after = model(input_ids=IDS)[0]
        assert type(model.get_input_embeddings()) is MappedEmbedding
        assert torch.equal(before, after)


def test_a_changed_matrix_is_not_taken_for_the_one_in_the_file(tiny_lm):
    model = loading.load_causal_lm(tiny_lm, tiny.PLAN)[0]
    model.get_input_embeddings().weight.data[3, 0] += 1
    assert map_embedding(model, tiny_lm) is None
    assert type(model.get_input_embeddings()) is not MappedEmbedding


def test_mapping_twice_changes_nothing(tiny_lm):
    model = loading.load_causal_lm(tiny_lm, tiny.PLAN)[0]
    map_embedding(model, tiny_lm)
    first = model.get_input_embeddings()
    assert map_embedding(model, tiny_lm) is None
    assert model.get_input_embeddings() is first


def test_a_generator_with_a_mapped_vocabulary_and_an_int8_head_answers_as_a_dense_one(
    tiny_lm, tiny_adapter, monkeypatch
):
    monkeypatch.setattr(quantization, "LARGE_HEAD", 1)
    options, asked = GenerationOptions(max_new_tokens=12), [Message("user", "Hello")]
    answers = {}
    for quantize in ("none", "int8"):
        made = load_generator(tiny_lm, DevicePlan("cpu", "float32", 1, quantize, None, 8.0, "test"))
        plain = made.complete(asked, options).text
        made.load_adapter("a", tiny_adapter)
        made.use_adapter("a")
        adapted = made.complete(asked, options).text
        made.use_adapter(None)
        answers[quantize] = (plain, adapted, made.complete(asked, options).text)
        model = made._merger.model
        made.close()
    assert answers["int8"] == answers["none"]
    assert type(model.lm_head) is quantization.ShortlistHead
    assert model.lm_head.weight.requires_grad is False
    assert torch.equal(model.lm_head.weight, load_file(tiny_lm / "model.safetensors")["lm_head.weight"])


def test_the_file_stays_as_it_was_while_adapters_come_and_go(tiny_lm, tiny_adapter, monkeypatch):
    monkeypatch.setattr(quantization, "LARGE_HEAD", 1)
    before = {name: tensor.clone() for name, tensor in load_file(tiny_lm / "model.safetensors").items()}
    made = load_generator(tiny_lm, DevicePlan("cpu", "float32", 1, "int8", None, 8.0, "test"))
    assert type(made._merger.model.get_input_embeddings()) is MappedEmbedding
    made.load_adapter("a", tiny_adapter)
    made.use_adapter("a")
    made.close()
    after = load_file(tiny_lm / "model.safetensors")
    assert all(torch.equal(before[name], after[name]) for name in before)
