"""Measures how many headlines a second the whole reader takes: language, mood, topics, names, gazetteer, companies.

Headlines of about thirty tokens, made from the sample's own titles; each backbone reads its language.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from apps.monitor.dataset import LONG_AGO, read_sample
from apps.monitor.labelled import LabelledItem
from apps.monitor.reading import NewsReader, load_reader
from apps.monitor.reading_store import SAMPLE
from apps.monitor.records import NewsItem
from apps.monitor.settings import MonitorSettings
from core.events import Log, OnEvent
from core.report import Report

HEADLINES, TOKENS, ROUNDS, AT_ONCE = 256, 30, 3, 64


def throughput(settings: MonitorSettings, folder: Path | None, on_event: OnEvent, limit: int | None) -> Report:
    """Best of three rounds for the English and for the bilingual reader; the bilingual one reads both languages."""
    items = [item for part in read_sample(folder or SAMPLE).parts().values() for item in part]
    reader = load_reader(settings, on_event)
    rows: list[dict[str, Any]] = []
    figures: dict[str, float] = {}
    for name, which, languages in (("light", "en", ("en",)), ("bilingual", "zh", ("en", "zh"))):
        news = headlines([item for item in items if item.language in languages], limit or HEADLINES)
        reader.read_by(which, news[:8])  # loads the model
        on_event(Log(f"Timing {len(news)} headlines with the {name} reader."))
        found = max(_once(reader, which, news) for _ in range(ROUNDS))
        figures[f"throughput.{name}_docs_s"] = found
        rows.append({"reader": name, "model": reader.loaded(which).name, "headlines": len(news), "docs_s": found})
    note = f"headlines of about {TOKENS} tokens, batches of {AT_ONCE} items, company passes included; best of {ROUNDS}"
    return Report("throughput", rows, figures, [note])


def headlines(items: Sequence[LabelledItem], count: int) -> list[NewsItem]:
    """Items of one line each, long enough: titles, and short ones with the beginning of what follows."""
    lines = []
    for item in items:
        line = item.text if item.language == "zh" else " ".join(item.text.split()[:22])
        lines.append(line[:45] if item.language == "zh" else line)
    longest = sorted(zip(lines, items, strict=True), key=lambda pair: -len(pair[0]))
    chosen = [longest[number % len(longest)] for number in range(count)]
    return [
        NewsItem(f"h{number}", "speed", line, "", "", None, LONG_AGO, item.language)
        for number, (line, item) in enumerate(chosen)
    ]


def _once(reader: NewsReader, which: str, news: Sequence[NewsItem]) -> float:
    began = time.perf_counter()
    for start in range(0, len(news), AT_ONCE):
        reader.read_by(which, news[start : start + AT_ONCE])
    return len(news) / (time.perf_counter() - began)
