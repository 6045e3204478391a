"""Headlines a second through the whole reader, light and bilingual, with what each stage of it costs.

    python benchmarks/monitor_throughput.py --json benchmarks/results/monitor_throughput.json

The figures are those of ``trifolium monitor evaluate --dataset throughput``; here they stand beside the body alone
(one pass, no companies) and beside fewer threads, so that a slow machine can be told from a slow reader.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from apps.monitor.dataset import read_sample
from apps.monitor.measures.speed import AT_ONCE, HEADLINES, headlines, throughput
from apps.monitor.reading import load_reader
from apps.monitor.reading_store import SAMPLE
from apps.monitor.records import NewsItem
from apps.monitor.settings import MonitorSettings, load_settings
from core.events import Event, Log
from core.report import Report


def main() -> None:
    """Measure, print the table, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2, help="threads of torch; the target is set for two cores")
    parser.add_argument("--limit", type=int, default=HEADLINES, help="headlines")
    parser.add_argument("--home", type=Path, help="home folder with the converted models")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    given = parser.parse_args()
    overrides: dict[str, object] = {"models.threads": given.threads}
    settings = load_settings(overrides=overrides | ({"home": given.home} if given.home else {}))
    whole = throughput(settings, None, _say, given.limit)
    stages = [_stages(settings, name, said, given.limit) for name, said in (("light", "en"), ("bilingual", "zh"))]
    figures = whole.figures | {key: value for part in stages for key, value in part.items()}
    rows = [*whole.rows, *({"reader": key, "docs_s": value} for part in stages for key, value in part.items())]
    report = Report("monitor_throughput", rows, figures, [*whole.notes, f"{given.threads} threads"])
    print(report.to_table())
    if given.json:
        report.write_json(given.json)


def _stages(settings: MonitorSettings, name: str, said: str, count: int) -> dict[str, float]:
    """Headlines a second of the one pass alone and of the gazetteer alone."""
    reader = load_reader(settings)
    items = [item for part in read_sample(SAMPLE).parts().values() for item in part]
    news = headlines([item for item in items if item.language == said], count)
    model = reader.loaded(said)
    model.answer([news[0].title])
    return {
        f"{name}.one_pass_docs_s": _rate(news, lambda some: model.answer([item.title for item in some])),
        f"{name}.gazetteer_docs_s": _rate(news, lambda some: [reader.gazetteer.find(item.title) for item in some]),
    }


def _rate(news: Sequence[NewsItem], work: Any) -> float:
    began = time.perf_counter()
    for start in range(0, len(news), AT_ONCE):
        work(news[start : start + AT_ONCE])
    return len(news) / (time.perf_counter() - began)


def _say(event: Event) -> None:
    if isinstance(event, Log):
        print(event.text)


if __name__ == "__main__":
    main()
