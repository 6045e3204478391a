"""Measures finding the right answer among all: words alone, vectors alone, and both as the chatbot uses them."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from apps.chatbot.measures.reading_sets import SHARED
from apps.chatbot.report import Report
from apps.chatbot.settings import ChatbotSettings
from core.errors import DataError, NotFoundError
from core.events import OnEvent, Progress, ignore
from core.metrics import bootstrap_interval
from core.retrieval.blending import QUESTIONS
from core.retrieval.entries import Embeds, Entry
from core.retrieval.lexical import LexicalIndex
from core.retrieval.search import Search, SearchOptions
from core.retrieval.vectors import VectorIndex
from core.text import content_hash

DEPTH = 10
TODAY = date(2026, 1, 1)  # nothing in these sets has a validity


@dataclass(frozen=True)
class FindingSet:
    """All entries by id, and for each question the ids that are right."""

    entries: dict[str, str]
    questions: tuple[tuple[str, frozenset[str]], ...]


def insurance_zh(
    settings: ChatbotSettings, folder: Path | None = None, on_event: OnEvent = ignore, limit: int | None = None
) -> Report:
    """100 reworded insurance questions against all 3,769 entries; right is any entry with the same answer."""
    from core.inference.embedding import load_embedder
    from core.models import device

    found = read_insurance(folder or SHARED / "insurance_zh")
    asked = found.questions[:limit]
    embedder = load_embedder(settings.models.multilingual_encoder, settings.home, device.plan(settings.models))
    ranks = {
        "words alone (BM25)": _words(found, asked),
        "vectors alone": _vectors(found, asked, embedder, on_event),
        "ours": _both(found, asked, embedder, on_event),
    }
    names = {"words alone (BM25)": "bm25_", "vectors alone": "vectors_", "ours": ""}
    rows = [{"who": who, "questions": len(asked)} | recalls(places) for who, places in ranks.items()]
    figures = {
        f"insurance_zh.{names[who]}{key}": value
        for who, places in ranks.items()
        for key, value in recalls(places).items()
    }
    low, high = bootstrap_interval([float(place == 1) for place in ranks["ours"]], 0)
    figures |= {"insurance_zh.top1_low": low, "insurance_zh.top1_high": high}
    note = "Entries are indexed in order of their hash, since the test rows are rewordings of the first 100 entries."
    return Report("insurance_zh", rows, figures, [note])


def read_insurance(folder: Path) -> FindingSet:
    """The public layout: ``corpus.txt`` and ``test.txt``, tab-separated with the header ``question``, ``answer``."""
    corpus, test = _table(folder / "corpus.txt"), _table(folder / "test.txt")
    order = sorted(range(len(corpus)), key=lambda row: content_hash(f"{row} {corpus[row][0]}"))
    entries = {str(row): corpus[row][0] for row in order}
    by_answer: dict[str, set[str]] = {}
    for row, (_, answer) in enumerate(corpus):
        by_answer.setdefault(answer.strip(), set()).add(str(row))
    questions = tuple((question, frozenset(by_answer.get(answer.strip(), ()))) for question, answer in test)
    return FindingSet(entries, questions)


def recalls(places: Sequence[int]) -> dict[str, float]:
    """Share of questions whose right entry is first, among three, five, ten; and the mean reciprocal rank."""
    figures = {f"top{k}": sum(0 < place <= k for place in places) / len(places) for k in (1, 3, 5, DEPTH)}
    return figures | {"mrr": sum(1 / place for place in places if place) / len(places)}


def _words(found: FindingSet, asked: Sequence[tuple[str, frozenset[str]]]) -> list[int]:
    index = LexicalIndex()
    index.add(list(found.entries), list(found.entries.values()))
    return [_place([hit.id for hit in index.search(question, DEPTH)], right) for question, right in asked]


def _vectors(
    found: FindingSet, asked: Sequence[tuple[str, frozenset[str]]], embedder: Embeds, on_event: OnEvent
) -> list[int]:
    on_event(Progress("embed", 0, len(found.entries)))
    index = VectorIndex(embedder.name, embedder.dim)
    texts = list(found.entries.values())
    index.add(list(found.entries), embedder.encode(texts), [content_hash(text) for text in texts])
    return [_place([hit.id for hit in index.search(embedder.encode([one])[0], DEPTH)], right) for one, right in asked]


def _both(
    found: FindingSet, asked: Sequence[tuple[str, frozenset[str]]], embedder: Embeds, on_event: OnEvent
) -> list[int]:
    search = Search([embedder], options=SearchOptions(blend=QUESTIONS))
    search.sync((Entry(key, key, text, "zh") for key, text in found.entries.items()), on_event)
    return [_place([hit.id for hit in search.search(one, DEPTH, TODAY, "zh")], right) for one, right in asked]


def _place(ranked: Sequence[str], right: frozenset[str]) -> int:
    return next((place for place, key in enumerate(ranked, start=1) if key in right), 0)


def _table(path: Path) -> list[tuple[str, str]]:
    if not path.is_file():
        raise NotFoundError(f"There is no file '{path}': name the folder of the set with --folder.")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    if not rows or rows[0][:2] != ["question", "answer"]:
        raise DataError(f"'{path.name}' must begin with the header question, answer, got {rows[:1]}.")
    return [(row[0], row[1]) for row in rows[1:] if len(row) >= 2]
