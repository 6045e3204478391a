"""evaluate(): one data set by name, ours beside the baselines, on rows nobody trained on.

Only the table of names lives here; each measure is a function of its own in ``measures``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from apps.chatbot.measures import finding_sets, intent_lora, intent_sets, reading_sets, sample
from apps.chatbot.settings import ChatbotSettings
from core.errors import NotFoundError, known_names
from core.events import OnEvent, ignore
from core.report import Report

__all__ = ["MEASURES", "Report", "evaluate"]

Measure: TypeAlias = Callable[[ChatbotSettings, Path | None, OnEvent, int | None], Report]

MEASURES: dict[str, Measure] = {
    "banking77": intent_sets.banking77,
    "banking77_10shot": intent_sets.banking77_10shot,
    "clinc150": intent_sets.clinc150,
    "hwu64": intent_sets.hwu64,
    "intents": intent_sets.all_sets,
    "banking77_10shot_lora": intent_lora.banking77_10shot,
    "hwu64_lora": intent_lora.hwu64,
    "xquad_en": reading_sets.xquad_en,
    "cmrc2018_zh": reading_sets.cmrc2018_zh,
    "grounded": reading_sets.grounded,
    "gate": reading_sets.gate,
    "insurance_zh": finding_sets.insurance_zh,
    "bank_faqs": finding_sets.bank_faqs,
    "sample": sample.measure,
}


def evaluate(
    settings: ChatbotSettings,
    dataset: str = "sample",
    folder: Path | None = None,
    on_event: OnEvent = ignore,
    limit: int | None = None,
) -> Report:
    """The report of one data set; ``folder`` holds its files, ``limit`` cuts the test rows for a quick look.

    Raises ``NotFoundError`` for an unknown set (naming the known ones) or when its files are nowhere to be found.
    """
    if dataset not in MEASURES:
        raise NotFoundError(f"No data set '{dataset}' to evaluate on; {known_names(dataset, MEASURES)}.")
    return MEASURES[dataset](settings, folder, on_event, limit)
