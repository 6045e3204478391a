"""Reads the public intent sets from their files: (text, intent) rows per part, as published."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from core.errors import DataError, NotFoundError

USUAL_PLACES = ("data/public/{name}", "../shared/datasets/chatbot/{name}", "datasets/chatbot/{name}")


@dataclass(frozen=True)
class Rows:
    """Texts and their intents, in step."""

    texts: tuple[str, ...]
    intents: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.texts) != len(self.intents):
            raise DataError(f"{len(self.texts)} texts but {len(self.intents)} intents.")

    def first(self, limit: int | None, seed: int = 0) -> Rows:
        """At most ``limit`` rows, drawn with ``seed``, for files are sorted by intent."""
        import random

        if limit is None or limit >= len(self.texts):
            return self
        drawn = random.Random(seed).sample(range(len(self.texts)), limit)
        return Rows(tuple(self.texts[row] for row in drawn), tuple(self.intents[row] for row in drawn))


def locate(name: str, folder: Path | None) -> Path:
    """The folder of a set: the one given, else the first usual place that exists; the error names all tried."""
    tried = [folder] if folder is not None else [Path(place.format(name=name)) for place in USUAL_PLACES]
    for place in tried:
        if place.is_dir():
            return place
    places = ", ".join(f"'{place}'" for place in tried)
    raise NotFoundError(f"The data set {name} is not in {places}; data/README.md says where to get it, then --folder.")


def table(path: Path) -> Rows:
    """A CSV with the columns ``text`` and ``category``; texts may hold line breaks."""
    with _opened(path) as stream:
        rows = list(csv.DictReader(stream))
    try:
        return Rows(tuple(row["text"] for row in rows), tuple(row["category"] for row in rows))
    except KeyError as error:
        raise DataError(f"'{path.name}' has no column {error}.") from error


def parallel(folder: Path) -> Rows:
    """A folder with ``seq.in`` and ``label``, one line each per row."""
    with _opened(folder / "seq.in") as texts, _opened(folder / "label") as labels:
        return Rows(tuple(line.strip() for line in texts), tuple(line.strip() for line in labels))


def lists(path: Path) -> dict[str, Rows]:
    """A JSON object of lists of ``[text, intent]``, by part."""
    with _opened(path) as stream:
        parts = json.load(stream)
    return {part: Rows(*map(tuple, zip(*rows, strict=True))) for part, rows in parts.items()}


def _opened(path: Path) -> TextIO:
    try:
        return path.open(encoding="utf-8-sig", newline="")
    except OSError as error:
        raise NotFoundError(f"The file '{path.name}' is missing in '{path.parent}'.") from error
