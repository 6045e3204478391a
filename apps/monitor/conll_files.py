"""Sentences of a CoNLL-2003 file with their names, out of the IOB1 tags it is written in.

In IOB1 a name begins with I-, and B- only parts two touching names of one kind: read as IOB2 nearly every name looks
broken.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from apps.monitor.labelled import LabelledCompany, LabelledItem
from apps.monitor.public_files import located_folder
from core.errors import DataError, NotFoundError

KINDS = ("PER", "ORG", "LOC", "MISC")
PARTS = {"train": "eng.train", "validation": "eng.testa", "test": "eng.testb"}
TAGS = ("O", *(f"{mark}-{kind}" for kind in KINDS for mark in "BI"))


@dataclass(frozen=True)
class Sentence:
    """Words and their IOB2 tags."""

    words: tuple[str, ...]
    tags: tuple[str, ...]

    @property
    def text(self) -> str:
        """The words joined by blanks."""
        return " ".join(self.words)

    @property
    def starts(self) -> tuple[int, ...]:
        """Where each word begins in ``text``."""
        places, here = [], 0
        for word in self.words:
            places.append(here)
            here += len(word) + 1
        return tuple(places)

    @property
    def spans(self) -> tuple[tuple[int, int, str], ...]:
        """(start, end, kind) of each name in ``text``."""
        found: list[tuple[int, int, str]] = []
        for word, start, tag in zip(self.words, self.starts, self.tags, strict=True):
            if tag.startswith("B-"):
                found.append((start, start + len(word), tag[2:]))
            elif tag != "O":
                found[-1] = (found[-1][0], start + len(word), tag[2:])
        return tuple(found)

    def tags_of(self, spans: Iterable[tuple[int, int, str]]) -> tuple[str, ...]:
        """IOB2 tags of spans found in ``text``; a word belongs to the first span that covers a part of it."""
        ordered, tags = sorted(spans), []
        before: tuple[int, int, str] | None = None
        for word, start in zip(self.words, self.starts, strict=True):
            inside = next((span for span in ordered if span[0] < start + len(word) and start < span[1]), None)
            tags.append("O" if inside is None else f"{'I' if inside is before else 'B'}-{inside[2]}")
            before = inside
        return tuple(tags)


def read_conll(path: Path) -> list[Sentence]:
    """The sentences of a file, document marks left out."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        raise NotFoundError(f"There is no file '{path}'.") from None
    return list(_sentences(lines, path.name))


def conll2003(folder: Path | None = None) -> dict[str, list[Sentence]]:
    """The three parts by name: train, validation (testa) and test (testb)."""
    place = located_folder("conll2003", folder)
    return {part: read_conll(place / name) for part, name in PARTS.items()}


def as_items(sentences: Iterable[Sentence], prefix: str) -> list[LabelledItem]:
    """Organisations as companies, for training a reader of one's own."""
    return [
        LabelledItem(
            f"{prefix}-{number}",
            one.text,
            "en",
            companies=tuple(LabelledCompany(one.text[a:b], a, b) for a, b, kind in one.spans if kind == "ORG"),
            group=one.text,
        )
        for number, one in enumerate(sentences)
    ]


def _sentences(lines: Iterable[str], name: str) -> Iterator[Sentence]:
    words: list[str] = []
    tags: list[str] = []
    for number, line in enumerate([*lines, ""], start=1):
        cells = line.split()
        if cells and cells[0] != "-DOCSTART-":
            if len(cells) < 2 or not (cells[-1] == "O" or cells[-1][:2] in ("I-", "B-")):
                raise DataError(f"'{name}' line {number} must be a word and a tag such as I-ORG, found '{line[:60]}'.")
            words.append(cells[0])
            tags.append(cells[-1])
        elif words:
            yield Sentence(tuple(words), iob2(tags))
            words, tags = [], []


def iob2(tags: Iterable[str]) -> tuple[str, ...]:
    """IOB1 (or IOB2) tags as IOB2: every name begins with B-.

    >>> iob2(["I-ORG", "I-ORG", "O", "I-PER", "B-PER"])
    ('B-ORG', 'I-ORG', 'O', 'B-PER', 'B-PER')
    """
    named, before = [], "O"
    for tag in tags:
        kind = tag[2:]
        begins = tag.startswith("B-") or (tag.startswith("I-") and before[2:] != kind)
        named.append(tag if tag == "O" else f"{'B' if begins else 'I'}-{kind}")
        before = tag
    return tuple(named)
