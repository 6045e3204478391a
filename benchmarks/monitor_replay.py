"""The alert rules over dated streams with known incidents: found, missed, invented, and how late. One run.

    python benchmarks/monitor_replay.py --json benchmarks/results/monitor_replay.json

stocknet   posts on five companies, read by VADER (alerts are measured here, not the reader); reported 2015-10 … 2016-03
           after four weeks to learn from. Made surges: real negative posts of the same company from before 2015-07,
           dated anew, 8 to 20 different ones within two hours, six per company, ten days apart at least. Whatever else
           fires is called false, also on days when something truly happened.
sample     the bilingual sample and its six planted incidents, under its own rules: read by its labels (``labels``) and
           by the product's reader (``reader``, unless ``--no-reader``).
flood      one negative story of the stream reposted fifty times within an hour, into both.

replay.<set>.recall                   incidents on whose company an alert was raised between their start and end
replay.<set>.false_per_company_month  alerts about news that match no incident
replay.<set>.median_delay_h, _windows   from an incident's start to the alert, in hours and in windows of the surge rule
replay.flood_alerts, flood_reach      alerts the fifty reposts raised (0), items in the story they became (51 or more)
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from apps.monitor.alert_records import BacktestReport, Incident  # noqa: E402
from apps.monitor.intake import Reads  # noqa: E402
from apps.monitor.records import (  # noqa: E402
    CompanyMention,
    NewsItem,
    Reading,
    Sentiment,
    TopicScore,
)
from apps.monitor.replay import read_dated  # noqa: E402
from apps.monitor.rows import RowRules  # noqa: E402
from apps.monitor.service import MonitorService  # noqa: E402
from apps.monitor.settings import load_settings  # noqa: E402
from apps.monitor.starting import SAMPLE, read_incidents  # noqa: E402
from apps.monitor.store import Store  # noqa: E402
from core.report import Report  # noqa: E402
from core.text import content_hash  # noqa: E402

TICKERS = ("AAPL", "BA", "BAC", "C", "XOM")
BEGIN, REPORT, END = (
    datetime(2015, 8, 25, tzinfo=UTC),
    datetime(2015, 10, 1, tzinfo=UTC),
    datetime(2016, 4, 1, tzinfo=UTC),
)
OLD = datetime(2015, 7, 1, tzinfo=UTC)  # surges are made of posts from before
SURGES, APART = 6, timedelta(days=10)
WINDOW_H = 6.0  # of the surge rule, here and in the sample's rules
RULES = """
[[rule]]
name = "negative-surge"
kind = "surge"
per = ["company"]
measure = "negative"
window = "6h"
sensitivity = "high"
min_stories = 5
min_share = 0.4
history = "28d"
keep_firing_for = "6h"
severity = "high"
"""


class VaderReader:
    """VADER's mood, the ticker as the company."""

    model = "vader"

    def __init__(self) -> None:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

        self._analyzer = SentimentIntensityAnalyzer()

    def read(self, items: Sequence[NewsItem]) -> list[Reading]:
        """One reading per item."""
        return [self._one(item) for item in items]

    def _one(self, item: NewsItem) -> Reading:
        compound = self._analyzer.polarity_scores(item.full_text)["compound"]
        mood = Sentiment.certain("negative" if compound <= -0.05 else "positive" if compound >= 0.05 else "neutral")
        named = [CompanyMention(one, one, 0, 1, mood) for one in item.tickers]
        return Reading(item.id, "en", mood, (), tuple(named), model=self.model)


class LabelReader:
    """What the sample's labels say."""

    model = "labels"

    def __init__(self, folder: Path) -> None:
        lines = (folder / "stream.jsonl").read_text("utf-8").splitlines()
        self._labels = {row["id"]: row["labels"] for row in map(json.loads, lines)}

    def read(self, items: Sequence[NewsItem]) -> list[Reading]:
        """One reading per item; an id that begins like a labelled one has its labels."""
        return [self._one(item, self._labels[item.id.split("#")[0]]) for item in items]

    def _one(self, item: NewsItem, labels: Mapping[str, Any]) -> Reading:
        named = [
            CompanyMention(one["company"], one["name"], 0, 1, Sentiment.certain(one["sentiment"]))
            for one in labels["companies"]
            if one["company"]
        ]
        topics = tuple(TopicScore(one, 1.0) for one in labels["topics"])
        return Reading(item.id, item.language, Sentiment.certain(labels["sentiment"]), topics, tuple(named))


def stocknet(folder: Path) -> tuple[list[NewsItem], list[Incident]]:
    """All five streams with made surges, in order of time, and where the surges are."""
    rng, items, incidents = random.Random(11), [], []
    reader = VaderReader()
    for ticker in TICKERS:
        posts = [one.item for one in read_dated(folder / f"{ticker}.jsonl", RowRules(ticker))[0]]
        posts = [replace(one, tickers=(ticker,), id=f"{ticker}-{one.id}") for one in posts]
        old = {content_hash(one.text): one for one in posts if one.moment < OLD}
        bad = [one for one in old.values() if reader.read([one])[0].sentiment.label == "negative"]
        items += [one for one in posts if BEGIN <= one.moment < END]
        for number, start in enumerate(starts(rng)):
            made, incident = surge(rng, ticker, number, start, bad)
            items += made
            incidents.append(incident)
    return sorted(items, key=lambda one: (one.received_at, one.id)), incidents


def starts(rng: random.Random) -> list[datetime]:
    """Moments at least ten days apart."""
    free = (END - REPORT) - APART * SURGES
    offsets = sorted(rng.random() for _ in range(SURGES))
    return [REPORT + free * offset + APART * number for number, offset in enumerate(offsets)]


def surge(
    rng: random.Random, ticker: str, number: int, start: datetime, bad: Sequence[NewsItem]
) -> tuple[list[NewsItem], Incident]:
    """Different negative posts within two hours, dated anew."""
    chosen = rng.sample(list(bad), min(len(bad), rng.randint(8, 20)))
    made = []
    for place, one in enumerate(chosen):
        at = start + timedelta(hours=2) * rng.random()
        made.append(replace(one, id=f"surge-{ticker}-{number}-{place}", published_at=at, received_at=at))
    return made, Incident(f"{ticker}-{number}", ticker, start, start + timedelta(hours=12), what="made")


def flood(items: Sequence[NewsItem], reader: Reads, since: datetime) -> list[NewsItem]:
    """One negative story about a company, posted again fifty times within an hour."""
    one = next(one for one in items if one.moment >= since and is_bad(reader.read([one])[0], one))
    said = one.title or one.text
    made = []
    for place in range(50):
        at = one.received_at + timedelta(minutes=place + 1)
        words = {"id": f"{one.id}#{place}", "title": f"RT @u{place}: {said}", "text": ""}
        made.append(replace(one, published_at=at, received_at=at, **words))
    return made


def is_bad(reading: Reading, item: NewsItem) -> bool:
    """Bad news about a company, long enough to be told from others."""
    return len(item.title or item.text) > 60 and any(one.sentiment.label == "negative" for one in reading.companies)


def measured(
    items: Iterable[NewsItem],
    reader: Reads,
    rules: str,
    since: datetime,
    until: datetime,
    incidents: Sequence[Incident],
) -> tuple[BacktestReport, int]:
    """The product's own path: stored without rules, then its backtest. The report, and the most items of a story."""
    with tempfile.TemporaryDirectory() as place:
        settings = load_settings(overrides={"monitor.load_sample": False, "monitor.live": False})
        service = MonitorService(settings, Store.open(f"sqlite:///{place}/m.db"), reader)
        ordered = sorted(items, key=lambda one: (one.received_at, one.id))
        for at in range(0, len(ordered), 64):
            batch = ordered[at : at + 64]
            service.ingest(batch, now=batch[-1].received_at, quiet=True)
        report = service.backtest(rules, since, until, incidents)
        most = max((one.story_items for one in service.feed(limit=10**6) if "#" in one.item.id), default=0)
        service.close()
    return report, most


def figures(name: str, report: BacktestReport) -> dict[str, float]:
    """What a report says, flat."""
    delay = (report.median_delay_s or 0.0) / 3600
    return {
        f"replay.{name}.incidents": len(report.incidents),
        f"replay.{name}.recall": report.recall or 0.0,
        f"replay.{name}.false_per_company_month": report.false_alarms_per_company_month,
        f"replay.{name}.false_alarms": len(report.false_alarms),
        f"replay.{name}.median_delay_h": delay,
        f"replay.{name}.median_delay_windows": delay / WINDOW_H,
    }


def with_flood(
    items: Sequence[NewsItem], reader: Reads, rules: str, since: datetime, until: datetime, before: BacktestReport
) -> dict[str, float]:
    """What fifty reposts change: alerts more than before, and the stories they became."""
    report, most = measured([*items, *flood(items, reader, since)], reader, rules, since, until, [])
    return {"alerts": max(0, len(report.firings) - len(before.firings)), "reach": most}


def run(data: Path, with_reader: bool) -> Report:
    """All sets."""
    found: dict[str, float] = {}
    vader, (posts, made) = VaderReader(), stocknet(data / "stocknet")
    report, _ = measured(posts, vader, RULES, REPORT, END, made)
    found |= figures("stocknet", report)
    floods = [with_flood(posts, vader, RULES, REPORT, END, report)]
    sample = [one.item for one in read_dated(SAMPLE / "stream.jsonl", RowRules("sample"))[0]]
    incidents, rules = read_incidents(SAMPLE / "incidents.jsonl"), (SAMPLE / "rules.toml").read_text("utf-8")
    since, until = sample[0].received_at, sample[-1].received_at + timedelta(minutes=1)
    labels = LabelReader(SAMPLE)
    report, _ = measured(sample, labels, rules, since, until, incidents)
    found |= figures("labels", report)
    floods.append(with_flood(sample, labels, rules, since + timedelta(days=10), until, report))
    if with_reader:
        from apps.monitor.reading import load_reader

        report, _ = measured(sample, load_reader(load_settings()), rules, since, until, incidents)
        found |= figures("reader", report)
    found |= {"replay.flood_alerts": sum(one["alerts"] for one in floods)}
    found |= {"replay.flood_reach": min(one["reach"] for one in floods)}
    rows = [{"figure": name, "value": value} for name, value in found.items()]
    notes = [f"stocknet: {len(posts)} items from {BEGIN:%Y-%m-%d}, reported from {REPORT:%Y-%m-%d}"]
    return Report("monitor_replay", rows, found, [*notes, f"sample: {len(sample)} items"])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=ROOT.parent / "shared" / "datasets" / "monitor")
    parser.add_argument("--no-reader", action="store_true", help="leave the product's reader out")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    given = parser.parse_args()
    report = run(given.folder, not given.no_reader)
    print(report.to_table())
    if given.json:
        report.write_json(given.json)
    print(json.dumps({name: round(value, 3) for name, value in report.figures.items()}))


if __name__ == "__main__":
    main()
