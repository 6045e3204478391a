"""Measures the mood of whole texts: financial tweets, forum posts; ours beside the base, a linear SVM and VADER.

Everything is chosen on a part of the training rows; test rows are read once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.monitor import public_sets, public_sets_zh, recipes
from apps.monitor.labelled import LabelledItem
from apps.monitor.lessons import SENTIMENT, lessons
from apps.monitor.measures import baselines
from apps.monitor.measures.scores import Said, mood_row
from apps.monitor.measures.tuned import backbones, frozen, said, tuned
from apps.monitor.settings import MonitorSettings
from apps.monitor.splitting import held_out, without_copies_of
from core.events import Log, OnEvent
from core.report import Report, flat

HELD = 0.1  # share of the training rows that choose the checkpoint and fit the calibration


@dataclass(frozen=True)
class MoodSet:
    """A set ready to be measured; ``apart`` are rows of test without a near copy in train as it was published."""

    name: str
    train: Sequence[LabelledItem]
    held: Sequence[LabelledItem]
    test: Sequence[LabelledItem]
    published: Sequence[LabelledItem]
    chinese: bool = False
    notes: tuple[str, ...] = ()

    @property
    def wanted(self) -> list[str]:
        """The true labels of test."""
        return [str(item.sentiment) for item in self.test]

    @property
    def texts(self) -> list[str]:
        """The texts of test."""
        return [item.text for item in self.test]

    @property
    def apart(self) -> list[int]:
        """Row numbers of test texts that have no near copy in the published train."""
        kept = {item.id for item in without_copies_of(self.test, self.published)}
        return [number for number, item in enumerate(self.test) if item.id in kept]


def tfns(settings: MonitorSettings, folder: Path | None, on_event: OnEvent, limit: int | None) -> Report:
    """Financial tweets; the published validation file is the test and chooses nothing."""
    train, test = public_sets.tfns(folder)
    keep, held = held_out(train, HELD)
    notes = (
        "The published validation file is read once; a tenth of train, near copies together, chose everything.",
        "apart: test rows without a near copy in train (broker notes follow templates).",
    )
    return _measured(MoodSet("tfns", keep, held, test[:limit], train, notes=notes), settings, on_event)


def finfe(settings: MonitorSettings, folder: Path | None, on_event: OnEvent, limit: int | None) -> Report:
    """Forum posts (Chinese) without overlap: no eval text or near copy in train; beside it, eval rows that never had
    one there."""
    loaded, published = public_sets_zh.finfe(folder), public_sets_zh.finfe_as_published(folder).train
    rest = without_copies_of(loaded.train, loaded.test)
    keep, held = held_out(rest, HELD)
    removed = loaded.removed | {"near copies of eval": len(loaded.train) - len(rest)}
    counts = ", ".join(f"{name} {count}" for name, count in removed.items())
    notes = (
        f"Without overlap; taken out of train: {counts}. The published split shares 55 % of its eval texts.",
        "apart: eval rows without a near copy in the published train; the others are short posts that many write.",
    )
    return _measured(MoodSet("finfe", keep, held, loaded.test[:limit], published, True, notes), settings, on_event)


def _measured(one: MoodSet, settings: MonitorSettings, on_event: OnEvent) -> Report:
    rows: list[dict[str, Any]] = []
    figures: dict[str, float] = {}
    apart = one.apart

    def tell(title: str, found: Said, prefix: str) -> None:
        row = mood_row(title, found, one.wanted)
        if apart and len(apart) < len(one.test):
            kept = mood_row(title, found.only(apart), [one.wanted[number] for number in apart])
            row |= {f"apart_{key}": kept[key] for key in ("accuracy", "macro_f1")}
        rows.append(row)
        figures.update(flat(one.name, row, prefix))

    learnt = [item.text for item in (*one.train, *one.held)]
    labels = [str(item.sentiment) for item in (*one.train, *one.held)]
    for backbone in backbones(settings, one.chinese, on_event):
        recipe = recipes.sentiment(backbone.small, one.chinese)
        examples, held = list(lessons(one.train)), list(lessons(one.held))
        reader = tuned(settings, one.name, backbone, recipe, examples, held, on_event)
        tell(backbone.title, said(reader, SENTIMENT, one.texts), backbone.prefix)
        on_event(Log(f"Reading with {backbone.name} without an adapter."))
        bare = frozen(settings, backbone, learnt, labels, one.texts)
        tell(f"{backbone.name}, no adapter", bare, f"{backbone.prefix}frozen_")
    tell(baselines.SVM, baselines.svm(learnt, labels, one.chinese)(one.texts), "svm_")
    if not one.chinese:
        tell(baselines.VADER, baselines.vader(one.texts), "vader_")
    tell(baselines.MAJORITY, baselines.majority(labels, len(one.test)), "majority_")
    return Report(one.name, rows, figures, [_counts(one), *one.notes])


def _counts(one: MoodSet) -> str:
    return f"{len(one.train)} training, {len(one.held)} validation, {len(one.test)} test rows."
