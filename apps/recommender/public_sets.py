"""The public sets in ``../shared/datasets/recommender`` as problems of ranking: items, sequences, cases.

Each says how it is cut and what is known to be wrong with it. Rows of these sets never enter the repository.
"""

from __future__ import annotations

import ast
import csv
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from apps.recommender.dataset import read_events, read_items
from apps.recommender.records import Event, Item
from apps.recommender.splits import by_time
from core.errors import DataError

FOLDS = 3  # of validation users; each is chosen on while the others stand for what the report will know
ROOT = Path(__file__).resolve().parents[3] / "shared" / "datasets" / "recommender"


@dataclass(frozen=True)
class Case:
    """Somebody's items before the moment, oldest first, and the one met next; rows of ``Problem.items``."""

    user: str
    history: tuple[int, ...]
    target: int


@dataclass(frozen=True)
class Part:
    """Sequences that may be learnt from, by user, and cases to rank for."""

    sequences: Mapping[str, Sequence[int]]
    cases: Sequence[Case]


@dataclass(frozen=True)
class Problem:
    """``tuning`` parts are for every choice; ``report`` is fitted once and measured once."""

    name: str
    items: Sequence[Item]
    tuning: Sequence[Part]
    report: Part
    notes: tuple[str, ...] = field(default=())


def locate(name: str, folder: Path | None) -> Path:
    """The folder of a set: the given one, else the shared one. ``DataError`` says where it was looked for."""
    path = folder or ROOT / name
    if not path.is_dir():
        raise DataError(f"There is no folder '{path}': give --folder with the files of {name}.")
    return path


def amazon_industrial(folder: Path | None = None) -> Problem:
    """Rows cut at one time 8:1:1; the train part is not published and is rebuilt from the validation file.

    Chosen on the validation users a third at a time: their targets are kept out of everything that is learnt, the
    others' are learnt from, as all will be for the report. No test row's history is ever learnt from.
    """
    path = locate("amazon_industrial", folder)
    items = _industrial_items(path / "items.json")
    valid, test = (_industrial_rows(path / f"{name}.csv") for name in ("valid", "test"))
    before, whole = _rebuilt(valid, False), _rebuilt(valid, True)
    users = sorted({one.user for one in valid})
    np.random.default_rng(1).shuffle(users)
    folds = [frozenset(users[n::FOLDS]) for n in range(FOLDS)]
    tuning = [
        Part(
            {user: before[user] if user in fold else whole[user] for user in whole},
            [one for one in valid if one.user in fold],
        )
        for fold in folds
    ]
    notes = (
        "the train part is rebuilt from validation histories and targets (12,321 pairs, about a third of the original)",
        "weights and settings chosen on the validation users, each third with knowledge of the others",
    )
    return Problem("amazon_industrial", items, tuning, Part(whole, test), notes)


def amazon_beauty(folder: Path | None = None) -> Problem:
    """Leave one out by order: last but one for choosing, last for the report."""
    path = locate("amazon_beauty", folder)
    words: dict[str, str] = {}
    for line in (path / "item_generative_indexing_phase_0.txt").read_text(encoding="utf-8").splitlines():
        item, _, text = line.strip().partition(" ")
        words[item] = text
    sequences: dict[str, list[str]] = {}
    for line in (path / "user_sequence.txt").read_text(encoding="utf-8").splitlines():
        user, *met = line.split()
        sequences[user] = met
    ids = sorted({one for met in sequences.values() for one in met})
    items = [Item(one, words.get(one) or one) for one in ids]
    return left_out("amazon_beauty", items, sequences, ("no user ever repeats an item",))


def ml_100k(folder: Path | None = None) -> Problem:
    """Leave one out by time; ratings of one second keep the order of the file, which decides 415 of 943 targets."""
    path = locate("ml_100k", folder)
    return _rated("ml_100k", path / "ml-100k.item", path / "ml-100k.inter", "ties in time keep the order of the file")


def ml_100k_by_item(folder: Path | None = None) -> Problem:
    """The same with ties put in the order of the films' numbers: late additions to the catalogue become the targets.

    Published figures that find popularity at 0.025 and EASE at 0.042 rest on this order; it is much the harder one.
    """
    path = locate("ml_100k", folder)
    note = "ties in time are ordered by the film's number"
    return _rated("ml_100k_by_item", path / "ml-100k.item", path / "ml-100k.inter", note, lambda one: int(one.item))


def ml_latest_small(folder: Path | None = None) -> Problem:
    """Leave one out by time over all ratings."""
    path = locate("ml_latest_small", folder)
    return _rated(
        "ml_latest_small", path / "movies.csv", path / "ratings.csv", "ties in time keep the order of the file"
    )


def left_out(
    name: str, items: Sequence[Item], sequences: Mapping[str, Sequence[str]], notes: tuple[str, ...]
) -> Problem:
    """The last item of each sequence for the report, the last but one for every choice."""
    row = {one.id: n for n, one in enumerate(items)}
    met = {user: [row[one] for one in own] for user, own in sequences.items() if len(own) > 2}

    def part(back: int) -> Part:
        known = {user: own[:-back] for user, own in met.items()}
        return Part(known, [Case(user, tuple(own[:-back]), own[-back]) for user, own in met.items()])

    return Problem(
        name, items, [part(2)], part(1), ("leave one out: last but one for choosing, last for the report", *notes)
    )


def _rated(name: str, items: Path, events: Path, note: str, tie: Callable[[Event], int] = lambda one: 0) -> Problem:
    catalogue = read_items(items).rows
    known = {item.id for item in catalogue}
    rated = [one for one in read_events(events).rows if one.item in known]
    sequences: dict[str, list[str]] = {}
    for one in by_time(sorted(rated, key=tie)):
        sequences.setdefault(one.user, []).append(one.item)
    met = {one.item for one in rated}
    return left_out(name, [item for item in catalogue if item.id in met], sequences, ("all ratings count", note))


def _industrial_items(path: Path) -> list[Item]:
    content = json.loads(path.read_text(encoding="utf-8"))
    return [
        Item(
            str(n),
            content[str(n)]["title"],
            _described(content[str(n)]["description"]),
            brand=content[str(n)]["brand"] or "",
        )
        for n in range(len(content))
    ]


def _described(text: str) -> str:
    """A description written as a Python list, as plain text; 16 do not parse and stay as they are."""
    try:
        found = ast.literal_eval(text) if text else ""
    except (ValueError, SyntaxError):
        found = text
    joined = " ".join(found) if isinstance(found, list) else str(found)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", joined)).strip()[:500]


def _industrial_rows(path: Path) -> list[Case]:
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Case(row["user_id"], tuple(ast.literal_eval(row["history_item_id"])), int(row["item_id"]))
            for row in csv.DictReader(file)
        ]


def _rebuilt(rows: Sequence[Case], with_targets: bool) -> dict[str, list[int]]:
    """Each user's items in order: her first row's history without targets, then, if wanted, her targets."""
    people: dict[str, list[Case]] = {}
    for one in rows:
        people.setdefault(one.user, []).append(one)
    found = {}
    for user, own in people.items():
        targets = [one.target for one in own]
        history = [item for item in own[0].history if with_targets or item not in targets]
        found[user] = history + (targets if with_targets else [])
    return found
