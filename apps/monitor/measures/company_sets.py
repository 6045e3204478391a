"""Measures the mood towards each company: headlines with one or several, some praised and some blamed at once.

A row is a (title, company) pair. Five folds by title, near copies together; each is tested by a model that never saw
it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from apps.monitor import public_sets, recipes
from apps.monitor.labelled import LabelledCompany, LabelledItem
from apps.monitor.lessons import SENTIMENT, Marking, company_lessons
from apps.monitor.measures import baselines
from apps.monitor.measures.scores import Said, mood_row
from apps.monitor.measures.tuned import Backbone, backbones, said, tuned
from apps.monitor.settings import MonitorSettings
from apps.monitor.splitting import folds, held_out
from core.events import Log, OnEvent
from core.report import Report, flat

FOLDS = 5
HELD = 0.08  # share of a fold's training titles that choose the checkpoint
TARGET, OTHER = "thecompany", "anothercompany"  # how the linear SVM is shown whom it is asked about


@dataclass(frozen=True)
class Pair:
    """One company of one title."""

    item: LabelledItem
    company: LabelledCompany

    @property
    def wanted(self) -> str:
        """The true mood towards it."""
        return str(self.company.label)

    @property
    def several(self) -> bool:
        """Whether the title names others too."""
        return len(self.item.companies or ()) > 1

    @property
    def mixed(self) -> bool:
        """Whether the moods towards them differ."""
        return len({one.label for one in self.item.companies or ()}) > 1

    @property
    def masked(self) -> str:
        """The title with the company and the others replaced by two made-up words."""
        text = self.item.text
        for one in sorted(self.item.companies or (), key=lambda one: -one.start):
            word = TARGET if one == self.company else OTHER
            text = f"{text[: one.start]}{word}{text[one.end :]}" if one.found else text
        return text


def sentfin(settings: MonitorSettings, folder: Path | None, on_event: OnEvent, limit: int | None) -> Report:
    """All five folds; ``limit`` cuts the titles, for a quick look."""
    items = public_sets.sentfin(folder)[:limit]
    parts = folds(items, FOLDS)
    rows: list[dict[str, Any]] = []
    figures: dict[str, float] = {}
    for backbone in backbones(settings, False, on_event):
        found = _over_folds(items, parts, partial(_ours, settings, backbone, on_event))
        _tell(rows, figures, backbone.title, found, backbone.prefix)
    on_event(Log("Fitting the linear SVM on five folds."))
    _tell(rows, figures, baselines.SVM, _over_folds(items, parts, _svm), "svm_")
    words = _over_folds(items, parts, lambda _k, _train, test: baselines.vader([pair.item.text for pair in test]))
    _tell(rows, figures, baselines.VADER, words, "vader_")
    notes = [f"{len(items)} titles, {sum(len(one.companies or ()) for one in items)} pairs; five folds by title."]
    return Report("sentfin", rows, figures, notes)


def pairs(items: Iterable[LabelledItem]) -> list[Pair]:
    """Every company with a mood."""
    return [Pair(item, one) for item in items for one in item.companies or () if one.label is not None]


def marked_texts(some: Sequence[Pair], how: Marking) -> list[str]:
    """What ours is shown of each pair."""
    return [example.text for pair in some for example in company_lessons(_alone(pair), how)]


def _alone(pair: Pair) -> LabelledItem:
    return LabelledItem(pair.item.id, pair.item.text, pair.item.language, companies=(pair.company,))


def _over_folds(items: Sequence[LabelledItem], parts: Sequence[Sequence[int]], judge: Any) -> list[tuple[Pair, Said]]:
    """(pair, what was said of it) of every fold."""
    told: list[tuple[Pair, Said]] = []
    for number, part in enumerate(parts):
        inside = set(part)
        train = [item for place, item in enumerate(items) if place not in inside]
        test = pairs(items[place] for place in part)
        answers = judge(number, train, test)
        told += [(pair, answers.only([row])) for row, pair in enumerate(test)]
    return told


def _ours(
    settings: MonitorSettings,
    backbone: Backbone,
    on_event: OnEvent,
    fold: int,
    train: Sequence[LabelledItem],
    test: Sequence[Pair],
) -> Said:
    recipe = recipes.company_sentiment(backbone.small)
    keep, held = held_out(train, HELD)
    learnt, checked = (
        [example for item in some for example in company_lessons(item, recipe.marking)] for some in (keep, held)
    )
    reader = tuned(settings, f"sentfin-{fold}", backbone, recipe, learnt, checked, on_event)
    return said(reader, SENTIMENT, marked_texts(test, recipe.marking))


def _svm(_fold: int, train: Sequence[LabelledItem], test: Sequence[Pair]) -> Said:
    learnt = pairs(train)
    predict = baselines.svm([pair.masked for pair in learnt], [pair.wanted for pair in learnt])
    return predict([pair.masked for pair in test])


def _tell(
    rows: list[dict[str, Any]], figures: dict[str, float], title: str, told: Sequence[tuple[Pair, Said]], prefix: str
) -> None:
    """One line each for all pairs, titles of one company, of several, and of several with different moods."""
    kinds = {
        "sentfin": told,
        "sentfin_single": [one for one in told if not one[0].several],
        "sentfin_multi": [one for one in told if one[0].several],
        "sentfin_mixed": [one for one in told if one[0].mixed],
    }
    for name, some in kinds.items():
        if not some:
            continue
        row = mood_row(title, _joined([answer for _, answer in some]), [pair.wanted for pair, _ in some])
        rows.append({"titles": name, **row})
        figures |= flat(name, row, prefix)


def _joined(parts: Sequence[Said]) -> Said:
    probabilities = [part.probabilities for part in parts if part.probabilities is not None]
    whole = np.concatenate(probabilities) if len(probabilities) == len(parts) else None
    return Said([label for part in parts for label in part.labels], whole)
