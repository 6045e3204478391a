"""Fine-tunes a backbone on a set's training rows for a measurement, or takes what an earlier run of the same left.

The same rows, recipe and base give the same folder under ``home/monitor/measures``; a killed training goes on there.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from apps.monitor.measures.scores import Said
from apps.monitor.recipes import Recipe
from apps.monitor.settings import MonitorSettings
from core.events import Log, OnEvent
from core.models import catalog
from core.training.examples import HeadedText, data_hash

if TYPE_CHECKING:
    from core.inference.headed import HeadedClassifier


@dataclass(frozen=True)
class Backbone:
    """A base model as a measurement names it; ``prefix`` goes before its figures' names."""

    name: str
    folder: Path
    small: bool
    prefix: str = ""

    @property
    def title(self) -> str:
        """Its line in the table."""
        return f"{self.name} + LoRA"


def backbones(settings: MonitorSettings, chinese: bool, on_event: OnEvent) -> list[Backbone]:
    """The bilingual base and, for English sets, the light one."""
    own = settings.monitor.reading
    names = [(own.chinese_model, "")] + ([] if chinese else [(own.english_model, "light_")])
    found = []
    for name, prefix in dict.fromkeys(names):
        description = catalog.resolve(name)
        folder = catalog.ensure(description, settings.home, on_event)
        found.append(Backbone(description.name, folder, description.kind == "encoder", prefix))
    return found


def tuned(
    settings: MonitorSettings,
    name: str,
    backbone: Backbone,
    recipe: Recipe,
    learnt: Sequence[HeadedText],
    held: Sequence[HeadedText],
    on_event: OnEvent,
) -> HeadedClassifier:
    """The backbone with an adapter for ``recipe``; hours of training on a CPU the first time, seconds after."""
    from core.inference.headed import HeadedClassifier
    from core.models import device
    from core.runs import Run
    from core.training.finetune import finetune

    plan = device.plan(settings.models)
    if backbone.small and plan.device.startswith("cuda"):
        plan = replace(plan, dtype="float32")
    folder = settings.home / "monitor" / "measures" / f"{name}-{backbone.name}-{_key(recipe, learnt, held, backbone)}"
    adapter = folder / "adapter"
    if not (folder / "result.json").is_file():
        on_event(Log(f"Training {backbone.name} on {len(learnt)} examples of {name}."))
        folder.mkdir(parents=True, exist_ok=True)
        run = Run(folder)
        result = finetune(
            "heads", backbone.folder, learnt, held, recipe.options, run, on_event, heads=recipe.heads, plan=plan
        )
        adapter = result.adapter
    return HeadedClassifier(backbone.folder, adapter, plan)


def said(reader: HeadedClassifier, head: str, texts: Sequence[str]) -> Said:
    """The head's answers, timed."""
    began = time.perf_counter()
    found = reader.answer(texts, only=[head]).probabilities[head]
    return Said.of(found, time.perf_counter() - began)


def frozen(
    settings: MonitorSettings, backbone: Backbone, texts: Sequence[str], labels: Sequence[str], asked: Sequence[str]
) -> Said:
    """The base without an adapter: a calibrated logistic regression on its mean vectors."""
    from apps.monitor.lessons import LABELS
    from core.inference.embedding import load_embedder
    from core.inference.linear import LinearClassifier
    from core.models import device

    embedder = load_embedder(str(backbone.folder), settings.home, device.plan(settings.models))
    model = LinearClassifier.fit([embedder], texts, labels)
    order = [model.labels.index(label) for label in LABELS]
    began = time.perf_counter()
    found = model.predict_proba(asked)[:, order]
    return Said.of(found, time.perf_counter() - began)


def _key(recipe: Recipe, learnt: Sequence[HeadedText], held: Sequence[HeadedText], backbone: Backbone) -> str:
    options = {name: str(value) for name, value in vars(recipe.options).items()}
    identity = [data_hash(learnt), data_hash(held), recipe.heads.described(), recipe.marking, options]
    written = json.dumps([*identity, catalog.fingerprint(backbone.folder)], sort_keys=True)
    return hashlib.sha256(written.encode()).hexdigest()[:12]
