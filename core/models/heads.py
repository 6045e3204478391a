"""Which heads a model carries and how it reads: plain records, kept in an adapter's task.json.

Knows no tensor; the model itself is in ``core.models.headed``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from core.errors import DataError, known_names

Kind: TypeAlias = Literal["single", "several", "token"]
KINDS = ("single", "several", "token")
ATTENTION = ("native", "both")
POOLING = ("last", "mean", "first")
NAME = re.compile(r"^[a-z][a-z0-9_]{0,31}$")
TAKEN = {"heads", "dropout", "forward", "training"}  # attributes of the module that holds the heads


@dataclass(frozen=True)
class Head:
    """One question asked of every text.

    ``single``: exactly one label holds; ``several``: any number; ``token``: one of O, B-… and I-… per word. ``weight``
    is the head's share in the loss, ``label_weights`` (one per label, empty for all 1) the share of each of its labels.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    weight: float = 1.0
    label_weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not NAME.match(self.name) or self.name in TAKEN:
            raise DataError(f"A head's name must be a short lower-case word, got '{self.name[:60]}'.")
        if self.kind not in KINDS:
            raise DataError(f"Head '{self.name}' must be single, several or token, got '{self.kind}'.")
        least = 1 if self.kind == "several" else 2
        if len(set(self.labels)) != len(self.labels) or len(self.labels) < least:
            raise DataError(f"Head '{self.name}' needs at least {least} different labels, got {list(self.labels)[:5]}.")
        if self.kind == "token" and "O" not in self.labels:
            raise DataError(f"Head '{self.name}' labels words and needs the label O.")
        if self.label_weights and len(self.label_weights) != len(self.labels):
            raise DataError(f"Head '{self.name}' has {len(self.labels)} labels but {len(self.label_weights)} weights.")


@dataclass(frozen=True)
class HeadSet:
    """All heads of one model and how it reads.

    ``attention`` "both" lets each token of a decoder see what follows it (as LLM2Vec does, BehnamGhader et al. 2024),
    without which a word's label cannot depend on its right-hand side; "native" leaves a model as it is. ``pooling``
    makes one vector of a text: its last token, the mean or the first. ``even`` brings the vectors to one size before
    the heads read them: backbones differ, and a step that teaches a head on MiniLM's small states throws one on
    Gemma's large ones off.
    """

    heads: tuple[Head, ...]
    attention: Literal["native", "both"] = "native"
    pooling: Literal["last", "mean", "first"] = "mean"
    even: bool = True

    def __post_init__(self) -> None:
        names = [head.name for head in self.heads]
        if not names or len(set(names)) != len(names):
            raise DataError(f"A model needs heads of different names, got {names}.")
        if self.attention not in ATTENTION or self.pooling not in POOLING:
            raise DataError(f"attention is one of {ATTENTION} and pooling one of {POOLING}.")

    def __getitem__(self, name: str) -> Head:
        for head in self.heads:
            if head.name == name:
                return head
        raise DataError(f"There is no head '{name}'; {known_names(name, [head.name for head in self.heads])}.")

    @property
    def names(self) -> tuple[str, ...]:
        """The heads' names in order."""
        return tuple(head.name for head in self.heads)

    def described(self) -> tuple[str, ...]:
        """All of it as words: what makes two trainings the same training."""
        heads = [f"{head.name}:{head.kind}:{label}" for head in self.heads for label in head.labels]
        weights = [f"{head.name}={head.weight}{list(head.label_weights)}" for head in self.heads]
        return (*heads, *weights, f"attention={self.attention}", f"pooling={self.pooling}", f"even={self.even}")

    def as_record(self) -> dict[str, Any]:
        """For task.json."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> HeadSet:
        """Back from ``as_record``; ``DataError`` for anything else, for the file may come from outside."""
        try:
            heads = tuple(
                Head(
                    str(each["name"]),
                    each["kind"],
                    tuple(map(str, each["labels"])),
                    float(each.get("weight", 1.0)),
                    tuple(map(float, each.get("label_weights", ()))),
                )
                for each in record["heads"]
            )
            return cls(heads, record["attention"], record["pooling"], bool(record.get("even", False)))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError("The stored heads are not readable.") from error
