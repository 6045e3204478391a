"""Public sets of questions: which answer belongs to a question, and which two questions ask the same.

Files as published; a missing file or another layout is one sentence. Only measured and tuned on: no weights that ship
are made from them (``data/README.md``).
"""

import csv
import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from apps.chatbot.faq_files import read_faq
from core.errors import DataError, NotFoundError
from core.text import fold

SEED = 7


@dataclass(frozen=True)
class Asked:
    """A question and the numbers of the entries that count as right."""

    question: str
    right: frozenset[int]


@dataclass(frozen=True)
class RetrievalSet:
    """Entries to find and questions to find them with; entries stand in no telling order."""

    name: str
    language: str
    entries: tuple[str, ...]
    asked: tuple[Asked, ...]


@dataclass(frozen=True)
class QuestionPair:
    """Two questions and whether they ask the same."""

    first: str
    second: str
    same: bool


def insurance_zh(folder: Path) -> RetrievalSet:
    """3,769 insurance questions and 100 back-translated ones; right is every entry with the same answer.

    The test questions were made from the first 100 entries in order, so the entries are shuffled here.
    """
    corpus = _tabs(folder / "corpus.txt", 2)[1:]
    test = _tabs(folder / "test.txt", 2)[1:]
    random.Random(SEED).shuffle(corpus)
    by_answer: dict[str, set[int]] = defaultdict(set)
    for number, (_, answer) in enumerate(corpus):
        by_answer[answer].add(number)
    asked = [Asked(question, frozenset(by_answer[answer])) for question, answer in test]
    if not all(one.right for one in asked):
        raise DataError(f"'{folder.name}': a test answer does not stand among the entries.")
    return RetrievalSet("insurance_zh", "zh", tuple(question for question, _ in corpus), tuple(asked))


def bank_faqs(folder: Path) -> RetrievalSet:
    """Bank questions; asked are those whose answer also stands under another wording, which stays as an entry."""
    rows = read_faq(folder / "BankFAQs.csv")
    answers: dict[str, set[str]] = defaultdict(set)
    for one in rows:
        answers[fold(one.answer)].add(one.question)
    held = sorted({sorted(questions)[0] for questions in answers.values() if len(questions) > 1})
    entries = sorted({one.question for one in rows} - set(held))
    random.Random(SEED).shuffle(entries)
    right: dict[str, set[str]] = defaultdict(set)
    for questions in answers.values():
        for question in questions:
            right[question] |= questions
    asked = [Asked(q, frozenset(n for n, entry in enumerate(entries) if entry in right[q])) for q in held]
    return RetrievalSet("bank_faqs", "en", tuple(entries), tuple(one for one in asked if one.right))


def atec_zh(folder: Path) -> dict[str, tuple[QuestionPair, ...]]:
    """Payment questions by part (train, dev, test as 80 : 10 : 10): pairs that share a sentence stay together."""
    rows = _tabs(folder / "train.csv", 4)
    pairs = [QuestionPair(first, second, _same(label, folder)) for _, first, second, label in rows]
    parts: dict[str, list[QuestionPair]] = {"train": [], "dev": [], "test": []}
    for pair, group in zip(pairs, _groups(pairs), strict=True):
        tenth = int(hashlib.sha256(group.encode()).hexdigest(), 16) % 10
        parts["test" if tenth == 0 else "dev" if tenth == 1 else "train"].append(pair)
    return {name: tuple(part) for name, part in parts.items()}


def bq_zh(folder: Path) -> dict[str, tuple[QuestionPair, ...]]:
    """Bank questions by part: dev to tune on, test to report."""
    found = {}
    for part in ("dev", "test"):
        with _opened(folder / f"{part}.csv").open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
        if not rows or not {"sentence1", "sentence2", "label"} <= rows[0].keys():
            raise DataError(f"'{part}.csv' needs the columns sentence1, sentence2, label.")
        found[part] = tuple(
            QuestionPair(row["sentence1"], row["sentence2"], _same(row["label"], folder)) for row in rows
        )
    return found


def as_retrieval(name: str, pairs: Sequence[QuestionPair], most: int = 800) -> RetrievalSet:
    """Second sentences as entries; asked are first sentences of pairs that ask the same, at most ``most``."""
    entries = sorted({pair.second for pair in pairs})
    number = {entry: place for place, entry in enumerate(entries)}
    right: dict[str, set[int]] = defaultdict(set)
    for pair in pairs:
        if pair.same and pair.first != pair.second:
            right[pair.first].add(number[pair.second])
    questions = sorted(right)
    random.Random(SEED).shuffle(questions)
    asked = tuple(Asked(question, frozenset(right[question])) for question in questions[:most])
    return RetrievalSet(name, "zh", tuple(entries), asked)


def _groups(pairs: Sequence[QuestionPair]) -> list[str]:
    """A name per pair, the same for pairs joined by shared sentences."""
    parent: dict[str, str] = {}

    def root(text: str) -> str:
        parent.setdefault(text, text)
        while parent[text] != text:
            parent[text] = text = parent[parent[text]]
        return text

    for pair in pairs:
        one, other = sorted((root(pair.first), root(pair.second)))
        parent[other] = one
    return [root(pair.first) for pair in pairs]


def _tabs(path: Path, columns: int) -> list[list[str]]:
    """Rows of a tab-separated file without quoting; byte-order marks go wherever they stand."""
    lines = _opened(path).read_text(encoding="utf-8").replace("\ufeff", "").split("\n")
    rows = [line.rstrip("\r").split("\t") for line in lines if line.strip()]
    wrong = Counter(len(row) for row in rows if len(row) != columns)
    if wrong or not rows:
        found = f"some rows have {next(iter(wrong))}" if wrong else "it is empty"
        raise DataError(f"'{path.name}' must have {columns} columns parted by tabs, {found}.")
    return rows


def _opened(path: Path) -> Path:
    if not path.is_file():
        raise NotFoundError(f"The file '{path.name}' is missing in '{path.parent}'.")
    return path


def _same(label: str, folder: Path) -> bool:
    if label not in ("0", "1"):
        raise DataError(f"'{folder.name}': a label must be 0 or 1, got '{label}'.")
    return label == "1"
