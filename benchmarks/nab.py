"""The surge detector of the alert rules on the Numenta Anomaly Benchmark's series, beside rivals, in one run.

    python benchmarks/nab.py --folder ../shared/datasets/monitor/nab --json benchmarks/results/nab.json

Every value is judged before it is learnt: no look-ahead. A detector fires when its score reaches the threshold and was
under it for six hours (the rules' ``keep_firing_for``), so that one event is one alarm. One threshold for all series,
chosen by the score on the two technical families (realKnownCause, realAWSCloudwatch) and never on realTweets; the
detector's quantile and season shrinkage were picked on the technical families too, while its form (an hour's mean
against the series' own past deviations) was settled with all families in view.

nab.tweets, nab.all    NAB v1.1 score, standard profile (true +1, false -0.11, missed -1), normalised so that a detector
                       that says nothing has 0 and a perfect one 100; 29 series, not the public board's 58
*.precision            alarms inside a labelled window, as a share of all alarms after the probation
*.false_per_day        alarms outside any window, per day of one series
*.delay_h              median hours from the start of a window to its first alarm (a window begins before its cause)
gaussian, gaussian6h   windowed Gaussian (6,400 values, as in NAB), raw and with the same six hours; threshold likewise
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import statistics
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from apps.monitor.surge import SurgeDetector  # noqa: E402
from core.report import Report  # noqa: E402

TWEETS, TECHNICAL = ("realTweets",), ("realKnownCause", "realAWSCloudwatch")
FALSE, MISSED = 0.11, 1.0  # NAB's standard profile
CLEAR = timedelta(hours=6)
WIDTH = 12  # values averaged: an hour of five-minute counts


@dataclass(frozen=True)
class Series:
    """One file: its times, values and labelled windows as (first, last) row numbers."""

    name: str
    times: Sequence[datetime]
    values: Sequence[float]
    windows: Sequence[tuple[int, int]]

    @property
    def probation(self) -> int:
        """Rows at the start that are not scored: 15 %, at most 750."""
        return min(math.floor(0.15 * len(self.values)), math.floor(0.15 * 5000))

    @property
    def step(self) -> timedelta:
        """The usual time between two rows."""
        gaps = [later - earlier for earlier, later in zip(self.times, self.times[1:], strict=False)]
        return statistics.median(gaps)


def read(folder: Path) -> list[Series]:
    """All series of the folder."""
    labelled = json.loads((folder / "windows.json").read_text("utf-8"))
    found = []
    for family in (*TWEETS, *TECHNICAL):
        for path in sorted((folder / family).glob("*.csv")):
            with path.open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            times = [datetime.fromisoformat(row["timestamp"]) for row in rows]
            name = f"{family}/{path.name}"
            ends = [[datetime.fromisoformat(end) for end in pair] for pair in labelled.get(name, [])]
            windows = [_rows(times, start, end) for start, end in ends]
            found.append(Series(name, times, [float(row["value"]) for row in rows], sorted(windows)))
    return found


def _rows(times: Sequence[datetime], start: datetime, end: datetime) -> tuple[int, int]:
    inside = [row for row, time in enumerate(times) if start <= time <= end]
    return inside[0], inside[-1]


def ours(series: Series) -> list[float]:
    """The alert rules' detector, up and down alike."""
    detector = SurgeDetector(series.step, width=WIDTH, counts=False)
    scores = []
    for time, value in zip(series.times, series.values, strict=True):
        scores.append(abs(detector.judge(time, value).score))
        detector.learn(time, value)
    return scores


def gaussian(series: Series, window: int = 6400) -> list[float]:
    """Distance from the past's mean in its standard deviations."""
    past: deque[float] = deque()
    total = squares = 0.0
    scores = []
    for value in series.values:
        mean = total / len(past) if past else value
        spread = math.sqrt(max(0.0, squares / len(past) - mean * mean)) if past else 0.0
        scores.append(abs(value - mean) / (spread or 1e-6) if len(past) > 1 else 0.0)
        past.append(value)
        total, squares = total + value, squares + value * value
        if len(past) > window:
            gone = past.popleft()
            total, squares = total - gone, squares - gone * gone
    return scores


def alarms(series: Series, scores: Sequence[float], threshold: float, clear: timedelta) -> list[int]:
    """Rows at which an alarm is raised: over the threshold, after having been under it for ``clear``."""
    found, last = [], None
    for row, score in enumerate(scores):
        if score >= threshold:
            if last is None or series.times[row] - series.times[last] > clear or not clear:
                found.append(row)
            last = row
    return [row for row in found if row >= series.probation]


@dataclass
class Sum:
    """NAB's raw score and what lies beside it, over several series."""

    raw: float = 0.0
    windows: int = 0
    hit: int = 0
    inside: int = 0
    outside: int = 0
    days: float = 0.0

    def __post_init__(self) -> None:
        self.delays: list[float] = []

    @property
    def score(self) -> float:
        """Normalised: nothing said is 0, perfect is 100."""
        return 100 * (self.raw + MISSED * self.windows) / (self.windows * (1 + MISSED))

    def add(self, series: Series, rows: Iterable[int]) -> None:
        """One series' alarms."""
        best: dict[tuple[int, int], float] = {}
        for row in rows:
            window = next((one for one in series.windows if one[0] <= row <= one[1]), None)
            if window is None:
                self.raw += FALSE * false_weight(series, row)
                self.outside += 1
                continue
            self.inside += 1
            if window not in best:
                gap = series.times[row] - series.times[window[0]]
                self.delays.append(gap.total_seconds() / 3600)
            best[window] = max(best.get(window, -1.0), true_weight(window, row))
        self.raw += sum(best.values()) - MISSED * (len(series.windows) - len(best))
        self.windows, self.hit = self.windows + len(series.windows), self.hit + len(best)
        self.days += (series.times[-1] - series.times[series.probation]) / timedelta(days=1)


def sigmoid(position: float) -> float:
    """NAB's scaled sigmoid: 1 long before, 0 at the end of a window, -1 from three widths on."""
    return -1.0 if position > 3 else 2 / (1 + math.exp(5 * position)) - 1


def true_weight(window: tuple[int, int], row: int) -> float:
    """What an alarm at this row of the window is worth: 1 at its start."""
    width = window[1] - window[0] + 1
    return sigmoid(-(window[1] - row + 1) / width) / sigmoid(-1.0)


def false_weight(series: Series, row: int) -> float:
    """What an alarm outside costs: little just after a window, all far from any."""
    before = [window for window in series.windows if window[1] < row]
    if not before:
        return -1.0
    first, last = before[-1]
    return sigmoid((row - last) / max(1, last - first))


def measured(all_series: Sequence[Series], scores: Mapping[str, Sequence[float]], clear: timedelta) -> dict[str, float]:
    """The threshold chosen on the technical families, and all figures under it."""
    technical = [one for one in all_series if one.name.split("/")[0] in TECHNICAL]
    grid = thresholds(scores[one.name][one.probation :] for one in technical)
    chosen = max(grid, key=lambda at: total(technical, scores, at, clear).score)
    figures = {"threshold": chosen}
    for name, families in (("tweets", TWEETS), ("technical", TECHNICAL), ("all", (*TWEETS, *TECHNICAL))):
        found = total([one for one in all_series if one.name.split("/")[0] in families], scores, chosen, clear)
        figures |= {
            name: found.score,
            f"{name}.found": found.hit / found.windows,
            f"{name}.precision": found.inside / max(1, found.inside + found.outside),
            f"{name}.false_per_day": found.outside / found.days,
            f"{name}.delay_h": statistics.median(found.delays) if found.delays else math.nan,
        }
    return figures


def total(chosen: Iterable[Series], scores: Mapping[str, Sequence[float]], at: float, clear: timedelta) -> Sum:
    """All of these series under one threshold."""
    found = Sum()
    for one in chosen:
        found.add(one, alarms(one, scores[one.name], at, clear))
    return found


def thresholds(scores: Iterable[Sequence[float]]) -> list[float]:
    """Forty values that spread over the upper scores; steps of 0.05 where scores lie near 1, as ours do."""
    top = sorted(score for each in scores for score in each)
    high = top[int(0.98 * len(top))]
    rest = [top[-max(1, int(len(top) * 10 ** -(at / 12)))] for at in range(20, 56)]
    near = [round(0.7 + 0.05 * at, 2) for at in range(24)] if high < 2 else []
    return sorted({*rest, *near})


RIVALS: Mapping[str, tuple[Callable[[Series], list[float]], timedelta]] = {
    "nab": (ours, CLEAR),
    "gaussian6h": (gaussian, CLEAR),
    "gaussian": (gaussian, timedelta(0)),
}


def run(folder: Path) -> Report:
    """Every detector over every series."""
    all_series = read(folder)
    rows, figures = [], {}
    scored: dict[Callable[[Series], list[float]], dict[str, list[float]]] = {}
    for name, (detector, clear) in RIVALS.items():
        if detector not in scored:
            scored[detector] = {one.name: detector(one) for one in all_series}
        found = measured(all_series, scored[detector], clear)
        rows.append({"detector": name} | {key: value for key, value in found.items() if "." not in key})
        figures |= {f"{name}.{key}": value for key, value in found.items()}
    windows = sum(len(one.windows) for one in all_series)
    note = f"{len(all_series)} series, {sum(len(one.values) for one in all_series)} values, {windows} windows"
    return Report("nab", rows, figures, [note, "threshold chosen on the technical families alone"])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=ROOT.parent / "shared" / "datasets" / "monitor" / "nab")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    given = parser.parse_args()
    report = run(given.folder)
    print(report.to_table())
    if given.json:
        report.write_json(given.json)
    print(json.dumps({name: round(value, 3) for name, value in report.figures.items()}))


if __name__ == "__main__":
    main()
