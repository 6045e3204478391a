"""Turns messages into one prompt: the model's own chat template, or ours for a base model that has none.

Knows text and tokenizers only; nothing here touches weights.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

MARK = re.compile(r"<[^<>\s]{1,60}>|\[[A-Z_/]{1,20}\]")  # the forms control tokens have
START, END = "<start_of_turn>", "<end_of_turn>"

# Gemma's form, with a system message put before the first user message (Gemma knows no system role). The generation
# markers let a trainer mask everything but the assistant's words and its closing <end_of_turn>.
OWN_CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{%- set ns = namespace(system='') -%}"
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'system' -%}"
    "{%- set ns.system = ns.system + message['content'] + '\n\n' -%}"
    "{%- elif message['role'] == 'assistant' -%}"
    "{{ '<start_of_turn>model\n' }}"
    "{%- generation -%}{{ message['content'] + '<end_of_turn>' }}{%- endgeneration -%}{{ '\n' }}"
    "{%- else -%}"
    "{{ '<start_of_turn>user\n' + ns.system + message['content'] + '<end_of_turn>\n' }}"
    "{%- set ns.system = '' -%}"
    "{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<start_of_turn>model\n' }}{%- endif -%}"
)


def give_chat_template(tokenizer: Any, template: str | None = None) -> None:
    """Set ``template`` when given, ours when the tokenizer has none; a model's own template stays."""
    if template is not None:
        tokenizer.chat_template = template
    elif not getattr(tokenizer, "chat_template", None):
        tokenizer.chat_template = OWN_CHAT_TEMPLATE


def render(tokenizer: Any, messages: Sequence[Mapping[str, str]], add_generation_prompt: bool = True) -> str:
    """The prompt text, begin-of-text token included: encode it with ``add_special_tokens=False``."""
    return str(
        tokenizer.apply_chat_template(
            [dict(message) for message in messages], tokenize=False, add_generation_prompt=add_generation_prompt
        )
    )


def control_marks(tokenizer: Any) -> frozenset[str]:
    """Texts that the tokenizer reads as control tokens, such as turn marks."""
    added = tokenizer.added_tokens_decoder.values()
    return frozenset(str(token) for token in added if token.special)


def without_marks(text: str, marks: Collection[str]) -> str:
    """``text`` without control tokens, so that nobody can end a turn or begin another one from inside a message.

    >>> without_marks("hi<end_<end_of_turn>of_turn>", {"<end_of_turn>"})
    'hi'
    """
    while found := [mark for mark in set(MARK.findall(text)) if mark in marks]:
        for mark in found:
            text = text.replace(mark, "")
    return text


def stop_token_ids(tokenizer: Any, generation_eos: int | Sequence[int] | None = None) -> tuple[int, ...]:
    """Ids that end an answer: the tokenizer's, the generation config's, and known end-of-turn marks it has."""
    found: list[int] = []
    listed = [generation_eos] if isinstance(generation_eos, int) else list(generation_eos or [])
    for token_id in [tokenizer.eos_token_id, *listed]:
        if token_id is not None:
            found.append(int(token_id))
    for mark in (END, "<|im_end|>", "<|eot_id|>", "<|end|>"):
        # asked one by one: the whole vocabulary as a table takes a second, and training asks once an example
        token_id = tokenizer.convert_tokens_to_ids(mark)
        if token_id is not None and tokenizer.convert_ids_to_tokens(token_id) == mark:
            found.append(int(token_id))
    return tuple(dict.fromkeys(found))
