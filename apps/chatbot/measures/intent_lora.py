"""Measures what fine-tuning the encoder adds with ten rows an intent, beside the same model without it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from apps.chatbot.intent_encoder import finetune_encoder
from apps.chatbot.intents import Embedder, IntentModel
from apps.chatbot.measures import intent_files
from apps.chatbot.measures.intent_files import Rows
from apps.chatbot.measures.intent_sets import Answers, cached_embedders, measured
from apps.chatbot.settings import ChatbotSettings
from core import runs
from core.events import OnEvent
from core.report import Report, flat

TUNED = "encoders + LoRA encoder + kernel head"


def banking77_10shot(settings: ChatbotSettings, folder: Path | None, on_event: OnEvent, limit: int | None) -> Report:
    """The published ten rows per intent."""
    place = intent_files.locate("banking77", folder)
    train, test = intent_files.parallel(place / "train_10"), intent_files.table(place / "test.csv")
    return _beside_frozen("banking77_10shot_lora", train, test.first(limit), settings, on_event)


def hwu64(settings: ChatbotSettings, folder: Path | None, on_event: OnEvent, limit: int | None) -> Report:
    """The published ten rows per intent of a home assistant."""
    place = intent_files.locate("hwu64", folder)
    train, test = intent_files.parallel(place / "train_10"), intent_files.parallel(place / "test")
    return _beside_frozen("hwu64_lora", train, test.first(limit), settings, on_event)


def _beside_frozen(name: str, train: Rows, test: Rows, settings: ChatbotSettings, on_event: OnEvent) -> Report:
    frozen = cached_embedders(settings, on_event)
    tuned = _tuned_encoder(train, settings, on_event)
    languages, asked = ["en"] * len(train.texts), ["en"] * len(test.texts)
    rows = []
    for title, embedders in ((TUNED, [tuned, *frozen]), ("encoders + kernel head", frozen)):
        model = IntentModel.fit(train.texts, train.intents, languages, embedders)
        rows.append(measured(title, Answers(model.labels, model.predict_proba(test.texts, asked)), test))
    figures = flat(name, rows[0]) | flat(name, rows[1], "frozen_")
    notes = [
        f"{len(train.texts)} training and {len(test.texts)} test rows; the adapter's settings were chosen on Banking77 "
        "training rows outside the ten per intent.",
        "The fine-tuned encoder has seen every training row, so leave-one-out calibration is too sure: see ece.",
    ]
    return Report(name, rows, figures, notes)


def _tuned_encoder(train: Rows, settings: ChatbotSettings, on_event: OnEvent) -> Embedder:
    from core.inference.embedding import load_embedder
    from core.models import catalog, device

    plan = device.plan(settings.models)
    run = runs.create(settings.home, "chatbot", "encoder", {"rows": len(train.texts)})
    with run.recording():
        base = catalog.ensure(catalog.resolve(settings.models.encoder), settings.home, on_event)
        result = finetune_encoder(train.texts, train.intents, base, run, replace(plan, quantize="none"), on_event)
    return load_embedder(settings.models.encoder, settings.home, plan, result.adapter)
