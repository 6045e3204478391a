"""Loads the tokenizer of a converted model in one second instead of four.

The library parses a large ``tokenizer.json`` six times over; the file alone builds the same tokenizer. Whether it is
the same is tried once, when the folder is made, and only then is the quick way noted down.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from core.models.files import write_json

NOTE = "quick_tokenizer.json"
TRIAL = (
    "hello  world\n\n你好，价格？😀 naïve café",
    "<bos><start_of_turn>user\nhi<end_of_turn>\n<|im_start|>[INST]",
    " leading, \ttabs and x = [1, 2]\r\n",
)
SPECIALS = ("bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token")


def note_down(folder: Path, tokenizer: Any) -> bool:
    """Write down what the quick way needs if it gives the same ids and texts as ``tokenizer``; whether it does."""
    settings = {name: str(getattr(tokenizer, name)) for name in SPECIALS if getattr(tokenizer, name, None)}
    settings |= {"padding_side": tokenizer.padding_side, "truncation_side": tokenizer.truncation_side}
    settings |= {"model_max_length": tokenizer.model_max_length, "chat_template": tokenizer.chat_template}
    settings |= {"model_input_names": tokenizer.model_input_names}
    if not (folder / "tokenizer.json").is_file() or not _same(tokenizer, _build(folder, settings)):
        return False
    write_json(folder / NOTE, settings)
    return True


def read(folder: Path) -> Any | None:
    """The tokenizer the quick way, or None where it was not noted down."""
    try:
        settings = json.loads((folder / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return _build(folder, settings)


def _build(folder: Path, settings: dict[str, Any]) -> Any:
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **settings)


def _same(one: Any, other: Any) -> bool:
    for text in TRIAL:
        for special in (True, False):
            ids = one.encode(text, add_special_tokens=special)
            if ids != other.encode(text, add_special_tokens=special):
                return False
            if one.decode(ids, skip_special_tokens=special) != other.decode(ids, skip_special_tokens=special):
                return False
    return one.all_special_ids == other.all_special_ids and len(one) == len(other)
