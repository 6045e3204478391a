"""Reports of grounded answering on public reading-comprehension sets: ours beside the base model and a baseline."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from apps.chatbot.engine import GROUNDED
from apps.chatbot.measures.grounded import (
    Case,
    Gate,
    GroundedFigures,
    ask,
    cases,
    figures,
    gate_figures,
    nearest_sentence,
    through_gate,
)
from apps.chatbot.reading_files import reading_comprehension
from apps.chatbot.settings import ChatbotSettings
from core.errors import DataError, NotFoundError
from core.events import OnEvent, ignore
from core.models import catalog, device
from core.models.adapters import AdapterRegistry
from core.report import Report

WHO = {  # by the prefix of its figures
    "base_": "base model, same prompt",
    "alone_": "with the adapter, same prompt",
    "": "the whole path: words decide first, then the adapter",
}
FITTED_ON = 400  # questions of DRCD's development part that the words' weights come from
ASKED = 200  # questions of each set unless told otherwise
FOLDERS: Mapping[str, str] = {"xquad_en": "xquad_en", "cmrc2018_zh": "cmrc2018_zh"}
SHARED = Path(__file__).resolve().parents[4] / "shared" / "datasets" / "chatbot"


def xquad_en(
    settings: ChatbotSettings, folder: Path | None = None, on_event: OnEvent = ignore, limit: int | None = None
) -> Report:
    """English."""
    return _report("xquad_en", settings, folder, on_event, limit)


def cmrc2018_zh(
    settings: ChatbotSettings, folder: Path | None = None, on_event: OnEvent = ignore, limit: int | None = None
) -> Report:
    """Simplified Chinese."""
    return _report("cmrc2018_zh", settings, folder, on_event, limit)


def grounded(
    settings: ChatbotSettings, folder: Path | None = None, on_event: OnEvent = ignore, limit: int | None = None
) -> Report:
    """Both sets; ``refusal.recall`` and ``refusal.precision``, of the whole path, are the means over the languages."""
    parts = [_report(name, settings, folder and folder / place, on_event, limit) for name, place in FOLDERS.items()]
    found = {key: value for part in parts for key, value in part.figures.items()}
    for figure in ("recall", "precision"):
        found[f"refusal.{figure}"] = sum(found[f"{name}.refusal_{figure}"] for name in FOLDERS) / len(FOLDERS)
    return Report("grounded", [row for part in parts for row in part.rows], found, parts[0].notes)


def gate(
    settings: ChatbotSettings, folder: Path | None = None, on_event: OnEvent = ignore, limit: int | None = None
) -> Report:
    """What the question's words tell by themselves, without a model, on the set their weights were fitted on."""
    reading = reading_comprehension(folder or SHARED / "drcd_zh")
    asked = cases(reading, limit or FITTED_ON)
    found = gate_figures(asked, Gate(reading.passages))
    return Report("gate", [found], {f"gate.{key}": value for key, value in found.items()}, [_note(asked)])


def _report(name: str, settings: ChatbotSettings, folder: Path | None, on_event: OnEvent, limit: int | None) -> Report:
    from core.inference.generation import load_generator

    reading = reading_comprehension(folder or SHARED / FOLDERS[name])
    asked = cases(reading, limit or ASKED)
    adapter = AdapterRegistry(settings.home).live(GROUNDED)
    if adapter is None:
        raise NotFoundError(f"There is no adapter '{GROUNDED}' to measure: train one with `trifolium chatbot train`.")
    plan = device.plan(settings.models)
    device.apply(plan)
    base = catalog.ensure(catalog.resolve(settings.models.generator), settings.home, on_event)
    measured: dict[str, GroundedFigures] = {}
    generator = load_generator(base, plan)
    try:
        measured["base_"] = figures(asked, ask(generator, asked, on_event=on_event))
        generator.load_adapter(GROUNDED, adapter)
        generator.use_adapter(GROUNDED)
        said = ask(generator, asked, on_event=on_event)
        measured["alone_"] = figures(asked, said)
        whole = through_gate(generator, asked, said, Gate(reading.passages), on_event=on_event)
        measured[""] = figures(asked, whole)
    finally:
        generator.close()
    nearest = nearest_sentence(asked)
    rows = [_row(name, "nearest sentence", {"token_f1": nearest})]
    rows += [_row(name, WHO[prefix], _plain(one)) for prefix, one in measured.items()]
    plain = {f"{name}.{prefix}{key}": value for prefix, one in measured.items() for key, value in _plain(one).items()}
    return Report(name, rows, {f"{name}.nearest_sentence_token_f1": nearest} | plain, [_note(asked)])


def _row(name: str, who: str, figures: Mapping[str, float]) -> dict[str, Any]:
    return {"set": name, "who": who, **figures}


def _plain(found: GroundedFigures) -> dict[str, float]:
    return {
        "token_f1": found.token_f1,
        "token_f1_low": found.interval[0],
        "token_f1_high": found.interval[1],
        "cited_right": found.cited_right,
        "refusal_recall": found.refusal_recall,
        "refusal_precision": found.refusal_precision,
    }


def _note(asked: list[Case]) -> str:
    if not asked:
        raise DataError("There is no question to ask.")
    return (
        f"{len(asked)} questions drawn with seed 0, each asked with its passage among five (the others the nearest of "
        "other titles) and without it; intervals by bootstrap over questions"
    )
