"""Reports of grounded answering on public reading-comprehension sets: ours beside the base model and a baseline."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from apps.chatbot.engine import GROUNDED
from apps.chatbot.measures.grounded import Case, GroundedFigures, cases, measure, nearest_sentence
from apps.chatbot.reading_files import reading_comprehension
from apps.chatbot.settings import ChatbotSettings
from core.errors import DataError, NotFoundError
from core.events import OnEvent, ignore
from core.models import catalog, device
from core.models.adapters import AdapterRegistry
from core.report import Report

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
    """Both sets; ``refusal.recall`` and ``refusal.precision`` are the means over the languages."""
    parts = [_report(name, settings, folder and folder / place, on_event, limit) for name, place in FOLDERS.items()]
    figures = {key: value for part in parts for key, value in part.figures.items()}
    for figure in ("recall", "precision"):
        figures[f"refusal.{figure}"] = sum(figures[f"{name}.refusal_{figure}"] for name in FOLDERS) / len(FOLDERS)
    return Report("grounded", [row for part in parts for row in part.rows], figures, parts[0].notes)


def _report(name: str, settings: ChatbotSettings, folder: Path | None, on_event: OnEvent, limit: int | None) -> Report:
    from core.inference.generation import load_generator

    asked = cases(reading_comprehension(folder or SHARED / FOLDERS[name]), limit or ASKED)
    adapter = AdapterRegistry(settings.home).live(GROUNDED)
    if adapter is None:
        raise NotFoundError(f"There is no adapter '{GROUNDED}' to measure: train one with `trifolium chatbot train`.")
    plan = device.plan(settings.models)
    device.apply(plan)
    base = catalog.ensure(catalog.resolve(settings.models.generator), settings.home, on_event)
    rows: list[dict[str, Any]] = [_row(name, "nearest sentence", {"token_f1": nearest_sentence(asked)})]
    figures = {f"{name}.nearest_sentence_token_f1": nearest_sentence(asked)}
    for who, folder_of in (("base model, same prompt", None), ("with the adapter", adapter)):
        generator = load_generator(base, plan, adapter=folder_of)
        try:
            found = measure(generator, asked, on_event=on_event)
        finally:
            generator.close()
        rows.append(_row(name, who, _plain(found)))
        figures |= {
            f"{name}.{'base_' if folder_of is None else ''}{key}": value for key, value in _plain(found).items()
        }
    return Report(name, rows, figures, [_note(asked)])


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
