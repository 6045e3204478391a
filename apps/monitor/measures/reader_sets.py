"""Measures the reader as it ships, on texts it never trained on: the sample's last days and sets of other makers.

Moods of texts, moods towards companies, topics, companies found; beside a linear SVM (where there is a training part)
and VADER.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from apps.monitor import public_sets
from apps.monitor.dataset import LONG_AGO, read_sample
from apps.monitor.labelled import LabelledItem
from apps.monitor.lessons import LABELS
from apps.monitor.measures import baselines
from apps.monitor.measures.company_sets import pairs
from apps.monitor.measures.scores import Said, mood_row
from apps.monitor.reading import NewsReader, load_reader
from apps.monitor.reading_models import Pointed
from apps.monitor.reading_store import SAMPLE
from apps.monitor.records import NewsItem, Reading, Sentiment
from apps.monitor.settings import MonitorSettings
from core.events import OnEvent, Progress
from core.report import Report, joined

AT_ONCE = 64


@dataclass(frozen=True)
class ReaderFigures:
    """Rows of a report and its flat figures."""

    rows: list[dict[str, Any]]
    figures: dict[str, float]


def sample(settings: MonitorSettings, folder: Path | None, on_event: OnEvent, limit: int | None) -> Report:
    """The sample's test days, each language by itself."""
    parts = read_sample(folder or SAMPLE).parts()
    reader = load_reader(settings, on_event)
    reports = []
    for said in ("en", "zh"):
        test = [item for item in parts["test"] if item.language == said][:limit]
        if test:
            learnt = [item for item in parts["train"] if item.language == said]
            reports.append(_report(f"sample.{said}", reader, test, learnt, on_event))
    return joined("sample", reports)


def fiqa(settings: MonitorSettings, folder: Path | None, on_event: OnEvent, limit: int | None) -> Report:
    """Headlines and posts of the FiQA challenge, which no shipped adapter has seen: test part, cut at 0.1."""
    learnt, test = public_sets.fiqa(folder)
    return _report("fiqa", load_reader(_without_a_list(settings), on_event), test[:limit], learnt, on_event)


def finentity(settings: MonitorSettings, folder: Path | None, on_event: OnEvent, limit: int | None) -> Report:
    """Paragraphs of agency news with marked entities, none of them seen in training."""
    items = public_sets.finentity(folder)[:limit]
    return _report("finentity", load_reader(_without_a_list(settings), on_event), items, [], on_event)


def _without_a_list(settings: MonitorSettings) -> MonitorSettings:
    """Measured is what the model finds of companies: a list of names would find many of them by itself."""
    reading = settings.monitor.reading.model_copy(update={"well_known": False})
    return settings.model_copy(update={"monitor": settings.monitor.model_copy(update={"reading": reading})})


def _report(
    name: str, reader: NewsReader, test: Sequence[LabelledItem], learnt: Sequence[LabelledItem], on_event: OnEvent
) -> Report:
    began = time.perf_counter()
    readings = read_all(reader, test, on_event)
    seconds = time.perf_counter() - began
    parts = [
        _moods(reader.model, test, readings, learnt, seconds),
        _towards(reader, test),
        _topics(reader.model, test, readings),
        _found(reader.model, test, readings),
    ]
    rows = [row for part in parts for row in part.rows]
    figures = {f"{name}.{key}": value for part in parts for key, value in part.figures.items()}
    return Report(name, rows, figures, [f"{len(test)} texts; reader {reader.model}."])


def read_all(reader: NewsReader, items: Sequence[LabelledItem], on_event: OnEvent) -> list[Reading]:
    """The reader's answers, as the product gives them."""
    found: list[Reading] = []
    for start in range(0, len(items), AT_ONCE):
        found += reader.read([as_news(item) for item in items[start : start + AT_ONCE]])
        on_event(Progress("reading", len(found), len(items)))
    return found


def as_news(item: LabelledItem) -> NewsItem:
    """A labelled text as an item of news."""
    said = item.language if item.language in ("en", "zh") else ""
    return NewsItem(item.id, "measure", "", item.text, "", item.moment, item.moment or LONG_AGO, said)


def probabilities_of(moods: Sequence[Sentiment]) -> Any:
    """(n, 3) in the order of ``LABELS``."""
    return np.array([[getattr(mood, label) for label in LABELS] for mood in moods], np.float32)


def as_figures(row: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """A row's numbers as figures."""
    return {f"{prefix}{key}": float(value) for key, value in row.items() if isinstance(value, int | float)}


def _moods(
    model: str,
    test: Sequence[LabelledItem],
    readings: Sequence[Reading],
    learnt: Sequence[LabelledItem],
    seconds: float,
) -> ReaderFigures:
    """Text moods; what is abstained from is counted apart, for the label it would have had is judged with the rest."""
    rows_with = [number for number, item in enumerate(test) if item.sentiment is not None]
    wanted = [str(test[number].sentiment) for number in rows_with]
    if not wanted:
        return ReaderFigures([], {})
    found = Said.of(probabilities_of([readings[number].sentiment for number in rows_with]), seconds)
    ours = mood_row(model, found, wanted)
    sure = [place for place, number in enumerate(rows_with) if not readings[number].abstained]
    ours["abstained"] = 1 - len(sure) / len(wanted)
    if sure:
        kept = [wanted[place] == found.labels[place] for place in sure]
        ours["accuracy_when_sure"] = sum(kept) / len(kept)
    rows, figures = [{"what": "text", **ours}], as_figures(ours)
    known = [item for item in learnt if item.sentiment is not None]
    texts = [test[number].text for number in rows_with]
    chinese = bool(test) and test[0].language == "zh"
    if known:
        svm = baselines.svm([item.text for item in known], [str(item.sentiment) for item in known], chinese)(texts)
        _beside(rows, figures, baselines.SVM, svm, wanted, "svm_")
    if not chinese:
        _beside(rows, figures, baselines.VADER, baselines.vader(texts), wanted, "vader_")
    return ReaderFigures(rows, figures)


def _beside(
    rows: list[dict[str, Any]], figures: dict[str, float], title: str, found: Said, wanted: Sequence[str], prefix: str
) -> None:
    row = mood_row(title, found, wanted)
    rows.append({"what": "text", **row})
    figures |= as_figures(row, prefix)


def _towards(reader: NewsReader, test: Sequence[LabelledItem]) -> ReaderFigures:
    """Moods towards the labelled companies, pointed out one by one; texts of several apart."""
    some = [pair for pair in pairs(test) if pair.company.found]
    if not some:
        return ReaderFigures([], {})
    rows: list[dict[str, Any]] = []
    figures: dict[str, float] = {}
    by_language: dict[str, list[Any]] = {}
    for pair in some:
        by_language.setdefault(pair.item.language, []).append(pair)
    ordered = [pair for own in by_language.values() for pair in own]
    found = Said.of(np.concatenate([reader.towards(own, said) for said, own in _pointed(by_language).items()]))
    kinds: Mapping[str, list[int]] = {
        "company": list(range(len(ordered))),
        "company_multi": [number for number, pair in enumerate(ordered) if pair.several],
        "company_mixed": [number for number, pair in enumerate(ordered) if pair.mixed],
    }
    for kind, numbers in kinds.items():
        if numbers:
            row = mood_row(reader.model, found.only(numbers), [ordered[number].wanted for number in numbers])
            rows.append({"what": kind, **row})
            figures |= as_figures(row, f"{kind}_")
    return ReaderFigures(rows, figures)


def _pointed(by_language: Mapping[str, Sequence[Any]]) -> dict[str, list[Pointed]]:
    return {
        said: [Pointed(pair.item.text, pair.company.name, pair.company.start, pair.company.end) for pair in own]
        for said, own in by_language.items()
    }


def _topics(model: str, test: Sequence[LabelledItem], readings: Sequence[Reading]) -> ReaderFigures:
    """Micro-F1 over (text, topic), and the share of texts whose topics are all right."""
    judged = [(item, reading) for item, reading in zip(test, readings, strict=True) if item.topics is not None]
    if not judged:
        return ReaderFigures([], {})
    wanted = [set(item.topics or ()) for item, _ in judged]
    given = [{one.topic for one in reading.topics} for _, reading in judged]
    both = sum(len(one & other) for one, other in zip(wanted, given, strict=True))
    total = sum(map(len, wanted)) + sum(map(len, given))
    exact = sum(one == other for one, other in zip(wanted, given, strict=True)) / len(judged)
    row = {"topics_micro_f1": 2 * both / total if total else 1.0, "topics_exact": exact}
    return ReaderFigures([{"what": "topics", "model": model, "rows": len(judged), **row}], row)


def _found(model: str, test: Sequence[LabelledItem], readings: Sequence[Reading]) -> ReaderFigures:
    """Companies found, by gazetteer id where the label has one, else by a span that touches the labelled one."""
    judged = [(item, reading) for item, reading in zip(test, readings, strict=True) if item.companies is not None]
    wanted = sum(company.found for item, _ in judged for company in item.companies or ())
    if not wanted:
        return ReaderFigures([], {})
    hit = sum(_names(reading, company) for item, reading in judged for company in item.companies or () if company.found)
    told = sum(len(reading.companies) for _, reading in judged)
    right = sum(
        any(_same(mention, company) for company in item.companies or ())
        for item, reading in judged
        for mention in reading.companies
    )
    row = {"companies_recall": hit / wanted, "companies_precision": right / told if told else 1.0}
    return ReaderFigures([{"what": "companies", "model": model, "rows": wanted, **row}], row)


def _names(reading: Reading, company: Any) -> bool:
    return any(_same(mention, company) for mention in reading.companies)


def _same(mention: Any, company: Any) -> bool:
    touching = bool(mention.start < company.end and company.start < mention.end)
    return mention.company == company.id if company.id else touching
