"""Tiny real models, built in code and saved as folders: two layers, a byte-level tokenizer, a fixed random state.

They run the true path (loading, attention, cache, LoRA) in milliseconds; what they say is noise, but always the same.
"""

from __future__ import annotations

from pathlib import Path

from core.models.device import DevicePlan
from core.models.loading import quietly

PLAN = DevicePlan(
    device="cpu", dtype="float32", threads=1, quantize="none", device_map=None, free_gb=8.0, reason="tiny models"
)
WINDOW = 24  # the tiny generator's sliding window, shorter than most test prompts


def causal_lm(folder: Path, seed: int = 0, **changes: object) -> Path:
    """A Gemma-3 text model (one sliding and one full layer) with Gemma's turn marks and no chat template.

    It speaks printable ASCII and never ends by itself: the head's other rows are zero.
    """
    import torch
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    tokenizer = _tokenizer(["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"])
    settings: dict[str, object] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 32,
        "query_pre_attn_scalar": 32,
        "sliding_window": WINDOW,
        "layer_types": ["sliding_attention", "full_attention"],
        "max_position_embeddings": 4096,
        "initializer_range": 0.3,  # wide, so that logits are far apart and the words vary
        "tie_word_embeddings": False,  # a tied head of random weights only repeats its input
        "pad_token_id": 0,
        "eos_token_id": 1,
        "bos_token_id": 2,
    }
    torch.manual_seed(seed)
    model = Gemma3ForCausalLM(Gemma3TextConfig(**{**settings, **changes}))
    silent = [number for symbol, number in tokenizer.get_vocab().items() if len(symbol) > 1 or not "!" <= symbol <= "~"]
    if not model.config.tie_word_embeddings:
        model.lm_head.weight.data[silent] = 0
    return _save(model, tokenizer, folder)


def encoder(folder: Path, seed: int = 0) -> Path:
    """A BERT with a byte-level tokenizer, so that any English or Chinese text has tokens and offsets."""
    import torch
    from transformers import BertConfig, BertModel

    tokenizer = _tokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=512,
        initializer_range=0.2,
        pad_token_id=0,
    )
    return _save(BertModel(config), tokenizer, folder)


def adapter(base: Path, folder: Path, seed: int = 1, rank: int = 4, strength: float = 0.5) -> Path:
    """A LoRA adapter for a tiny generator, with both factors random so that it changes the output."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    with quietly():
        model = AutoModelForCausalLM.from_pretrained(base, use_safetensors=True)
    config = LoraConfig(
        r=rank, lora_alpha=2 * rank, target_modules=["q_proj", "v_proj", "down_proj"], task_type="CAUSAL_LM"
    )
    wrapped = get_peft_model(model, config)
    torch.manual_seed(seed)
    for name, weight in wrapped.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=strength)
    wrapped.save_pretrained(folder)
    return folder


def _tokenizer(specials: list[str]) -> object:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {token: number for number, token in enumerate(specials)}
    for symbol in sorted(pre_tokenizers.ByteLevel.alphabet()):
        vocabulary[symbol] = len(vocabulary)
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in specials])
    if "[CLS]" in vocabulary:
        ends = [(mark, vocabulary[mark]) for mark in ("[CLS]", "[SEP]")]
        core.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
        )
        names = {
            "pad_token": "[PAD]",
            "unk_token": "[UNK]",
            "cls_token": "[CLS]",
            "sep_token": "[SEP]",
            "mask_token": "[MASK]",
        }
    else:
        core.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 2)])
        names = {"pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(
        tokenizer_object=core, model_max_length=512 if "[CLS]" in vocabulary else 4096, **names
    )


def _save(model: object, tokenizer: object, folder: Path) -> Path:
    model.eval()
    with quietly():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return folder
