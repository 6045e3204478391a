"""Training examples as frozen records, their hash, and how each becomes token numbers.

Knows tokenizers and text; knows no model, no loss and no app.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

from core.errors import DataError
from core.models.chat import render, stop_token_ids

IGNORED = -100  # the label torch's losses leave out
Features: TypeAlias = dict[str, Any]  # one example as lists of numbers; always has input_ids


@dataclass(frozen=True)
class SftExample:
    """A conversation up to a user's message, as {"role", "content"} mappings, and the answer to be learnt."""

    messages: tuple[Mapping[str, str], ...]
    completion: str

    def __post_init__(self) -> None:
        if not self.messages or self.messages[-1].get("role") != "user":
            raise DataError("An example's messages must end with the user's message.")
        if not self.completion.strip():
            raise DataError("An example's completion is empty.")


@dataclass(frozen=True)
class LabelledText:
    """A text and its label, or its labels (none is allowed) when several may hold at once."""

    text: str
    labels: tuple[str, ...]

    @classmethod
    def of(cls, text: str, *labels: str) -> LabelledText:
        return cls(text, labels)


@dataclass(frozen=True)
class TokenLabels:
    """Words of one text with one label each, such as O, B-ORG, I-ORG; ``joiner`` is "" for Chinese characters."""

    words: tuple[str, ...]
    labels: tuple[str, ...]
    joiner: str = " "

    def __post_init__(self) -> None:
        if len(self.words) != len(self.labels):
            raise DataError(f"{len(self.words)} words but {len(self.labels)} labels.")


@dataclass(frozen=True)
class HeadedText:
    """A text with the labels of one or more heads; a head that is not named teaches nothing on this text.

    ``labels`` are those of single heads (exactly one) and of heads where several may hold (none is a statement too);
    ``spans`` those of heads that label words: (start, end, kind) of each span, by characters.
    """

    text: str
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    spans: Mapping[str, tuple[tuple[int, int, str], ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.labels and not self.spans:
            raise DataError("An example must have the labels of at least one head.")


@dataclass(frozen=True)
class TextPair:
    """Two texts that mean the same (question and answer, or two wordings), and texts near it that do not."""

    anchor: str
    positive: str
    negatives: tuple[str, ...] = ()


@dataclass(frozen=True)
class InterestExample:
    """Texts met before with one positive weight each, the text chosen next, and texts seen at that time and not chosen.

    The target's own text may not be in its history: a copy is found without learning anything.
    """

    history: tuple[str, ...]
    weights: tuple[float, ...]
    target: str
    negatives: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.history or len(self.history) != len(self.weights):
            raise DataError(f"{len(self.history)} texts of a history but {len(self.weights)} weights.")
        if min(self.weights) <= 0:
            raise DataError(f"Weights of a history must be above 0, got {min(self.weights)}.")
        if self.target in self.history or self.target in self.negatives:
            raise DataError(f"The target '{self.target[:60]}' is in its own history or among its negatives.")


@dataclass(frozen=True)
class RawText:
    """A text for continued pre-training: every token is learnt."""

    text: str


Example: TypeAlias = SftExample | LabelledText | TokenLabels | HeadedText | TextPair | InterestExample | RawText


def data_hash(examples: Iterable[Example]) -> str:
    """SHA-256 over the examples in their order; the same data gives the same hash on every machine."""
    digest = hashlib.sha256()
    for example in examples:
        record = {"kind": type(example).__name__, **asdict(example)}
        digest.update(json.dumps(record, ensure_ascii=False, sort_keys=True).encode() + b"\n")
    return digest.hexdigest()


def encode_sft(tokenizer: Any, example: SftExample, max_tokens: int) -> Features:
    """Prompt and completion tokens with labels on the completion and its end mark only.

    The prompt is rendered by the tokenizer's chat template, exactly as at answering time. A prompt that is too long
    loses tokens at its beginning, never the completion: a row without targets would train nothing, silently. Raises
    ``DataError`` when the completion alone is too long.
    """
    prompt = tokenizer.encode(render(tokenizer, example.messages), add_special_tokens=False)
    completion = tokenizer.encode(example.completion.strip(), add_special_tokens=False) + [end_token_id(tokenizer)]
    room = max_tokens - len(completion)
    if room < 1:
        raise DataError(f"A completion has {len(completion)} tokens but max_tokens is {max_tokens}: raise max_tokens.")
    if len(prompt) > room:
        bos = prompt[:1] if prompt[0] == tokenizer.bos_token_id else []
        prompt = bos + prompt[len(prompt) - room + len(bos) :]
    return {"input_ids": prompt + completion, "labels": [IGNORED] * len(prompt) + completion}


def end_token_id(tokenizer: Any) -> int:
    """The token that ends an answer: the end-of-turn mark where the vocabulary has one, else end-of-text."""
    stops = stop_token_ids(tokenizer)
    marks = [token for token in stops if token != tokenizer.eos_token_id]
    return marks[0] if marks else stops[0]


def encode_labelled(
    tokenizer: Any, example: LabelledText, labels: Sequence[str], several: bool, max_tokens: int
) -> Features:
    """Tokens and the label's number, or a 0/1 list over ``labels`` when several may hold; unknown label: DataError."""
    unknown = set(example.labels) - set(labels)
    if unknown:
        raise DataError(f"Unknown label '{sorted(unknown)[0]}'; known are {', '.join(labels[:20])}.")
    if not several and len(example.labels) != 1:
        raise DataError(f"A text needs exactly one label here, found {len(example.labels)}.")
    target: Any = [float(label in example.labels) for label in labels] if several else labels.index(example.labels[0])
    return {"input_ids": encode_text(tokenizer, example.text, max_tokens), "labels": target}


def encode_token_labels(tokenizer: Any, example: TokenLabels, labels: Sequence[str], max_tokens: int) -> Features:
    """Tokens with each word's label on its first token; further tokens and special ones are left out of the loss."""
    number = {label: index for index, label in enumerate(labels)}
    text, starts = example.joiner.join(example.words), []
    position = 0
    for word in example.words:
        starts.append(position)
        position += len(word) + len(example.joiner)
    encoded = tokenizer(text, truncation=True, max_length=max_tokens, return_offsets_mapping=True)
    targets, after = [], 0  # after: the first word not met yet
    for start, end in encoded["offset_mapping"]:
        word_here = next((w for w in range(after, len(starts)) if start <= starts[w] < end), None)
        targets.append(IGNORED if word_here is None else _number_of(example.labels[word_here], number))
        after = after if word_here is None else word_here + 1
    return {"input_ids": encoded["input_ids"], "labels": targets}


def encode_text(tokenizer: Any, text: str, max_tokens: int) -> list[int]:
    """Token numbers of one text with the tokenizer's special tokens, cut to ``max_tokens``."""
    return list(tokenizer(text, truncation=True, max_length=max_tokens)["input_ids"])


def encode_raw(tokenizer: Any, examples: Iterable[RawText], max_tokens: int) -> list[Features]:
    """Texts cut into blocks of at most ``max_tokens``; texts are never joined, so none can see another."""
    blocks = []
    for example in examples:
        tokens = tokenizer.encode(example.text)
        if tokenizer.eos_token_id is not None:
            tokens = [*tokens, tokenizer.eos_token_id]
        blocks += [tokens[i : i + max_tokens] for i in range(0, len(tokens), max_tokens)]
    return [{"input_ids": block, "labels": list(block)} for block in blocks if len(block) > 1]


def known_labels(examples: Iterable[LabelledText | TokenLabels]) -> tuple[str, ...]:
    """Every label used, sorted: the order of a new head's outputs."""
    return tuple(sorted({label for example in examples for label in example.labels}))


def _number_of(label: str, number: Mapping[str, int]) -> int:
    if label not in number:
        raise DataError(f"Unknown label '{label}'; known are {', '.join(number)}.")
    return number[label]
