"""The pages' charts: tables in, Altair out; readable in the light and the dark theme alike."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from apps.chatbot.calibration import CurvePoint
from apps.chatbot.records import Outcome
from apps.page_parts import DateForms

COLOURS = {
    Outcome.ANSWER: "#2f9e68",
    Outcome.COMPOSE: "#4c86d8",
    Outcome.CLARIFY: "#e0a13a",
    Outcome.HAND_OVER: "#d4616b",
}
FEWEST_DAYS = 10  # a single day's bar would fill the chart
LEGEND_ROW = 30  # pixels, taken off the height of the drawing
HALF_DAY = pd.Timedelta(hours=12)
DECADES = [1, 10, 100, 1000, 10_000, 100_000]  # milliseconds
LEGEND = alt.Legend(orient="top", title=None, columns=2, labelLimit=280)
NARROW_LEGEND = alt.Legend(orient="top", title=None, columns=1, labelLimit=280)  # two long names are wider than a phone


def volume(
    rows: Sequence[tuple[Any, str, int]], names: Mapping[str, str], day: str, count: str, dates: DateForms
) -> alt.Chart:
    """Answers per day, stacked by outcome; ``names`` are the outcomes' words."""
    table = pd.DataFrame(
        [(str(when), names[Outcome(kind)], number) for when, kind, number in rows], columns=["day", "kind", "n"]
    )
    last = pd.Timestamp(table["day"].max())
    first = min(pd.Timestamp(table["day"].min()), last - pd.Timedelta(days=FEWEST_DAYS - 1))
    ends = [(first - HALF_DAY), (last + HALF_DAY)]  # a bar stands over its day's mark, not beside it
    span = alt.Scale(domain=[alt.DateTime(year=one.year, month=one.month, date=one.day, hours=12) for one in ends])
    return (
        alt.Chart(table, height=260)
        .mark_bar()
        .encode(
            x=alt.X("yearmonthdate(day):T", title=None, bandPosition=0, scale=span,
                    axis=alt.Axis(format=dates.day, tickCount=6, labelFlush=False)),
            y=alt.Y("sum(n):Q", title=count),
            color=alt.Color("kind:N", scale=_scale(names), legend=LEGEND),
            tooltip=[alt.Tooltip("day:T", title=day, format=dates.day), alt.Tooltip("kind:N", title=" "),
                     alt.Tooltip("n:Q", title=count)],
        )
    )  # fmt: skip


def share(counts: Mapping[str, int], names: Mapping[str, str], label: str) -> alt.Chart:
    """One bar per outcome with its share of all."""
    total = sum(counts.values()) or 1
    table = pd.DataFrame([(names[kind], counts.get(kind, 0) / total) for kind in Outcome], columns=["kind", "share"])
    bars = alt.Chart(table, height=200).encode(
        x=alt.X("share:Q", title=label, axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
        y=alt.Y("kind:N", title=None, sort=list(names.values())),
    )
    return bars.mark_bar().encode(color=alt.Color("kind:N", scale=_scale(names), legend=None)) + bars.mark_text(
        align="left", dx=6, color="#8a948e"
    ).encode(text=alt.Text("share:Q", format=".0%"))


def bars(counts: Mapping[str, int], label: str) -> alt.Chart:
    """Counts by name, most frequent first."""
    table = pd.DataFrame(list(counts.items()), columns=["name", "n"])
    return (
        alt.Chart(table, height=26 * len(table) + 60)
        .mark_bar(color=COLOURS[Outcome.ANSWER])
        .encode(x=alt.X("n:Q", title=label, axis=alt.Axis(tickMinStep=1)),
                y=alt.Y("name:N", title=None, sort="-x", axis=alt.Axis(labelLimit=240, labelOverlap=False)))
    )  # fmt: skip


def latency(stages: Mapping[str, Mapping[str, float]], names: Mapping[str, str], label: str) -> alt.Chart:
    """For each stage a line from the median to the 95th percentile, on a logarithmic axis of milliseconds."""
    table = pd.DataFrame(
        [(names[stage], max(one["p50"], 1.0), max(one["p95"], 1.0)) for stage, one in stages.items()],
        columns=["stage", "p50", "p95"],
    )
    base = alt.Chart(table, height=34 * len(table) + 100).encode(
        y=alt.Y("stage:N", title=None, sort=list(names.values()), axis=alt.Axis(labelOverlap=False))
    )
    axis = alt.X(
        "p50:Q", title=label, scale=alt.Scale(type="log"), axis=alt.Axis(values=DECADES, format="~s", grid=True)
    )
    rule = base.mark_rule(strokeWidth=3, color="#9fb3a6").encode(x=axis, x2="p95:Q")
    points = base.transform_fold(["p50", "p95"], as_=["what", "ms"]).mark_circle(size=110, opacity=1)
    shown = points.encode(
        x=alt.X(
            "ms:Q", title=label, scale=alt.Scale(type="log"), axis=alt.Axis(values=DECADES, format="~s", grid=True)
        ),
        color=alt.Color("what:N", legend=LEGEND, scale=alt.Scale(range=["#2f9e68", "#d4616b"])),
        tooltip=[alt.Tooltip("stage:N", title=" "), alt.Tooltip("ms:Q", title=label, format=".1f")],
    )
    return rule + shown


def risk_coverage(
    curves: Mapping[str, Sequence[CurvePoint]], marks: Mapping[str, float], coverage: str, risk: str, threshold: str
) -> alt.Chart:
    """Share of questions answered against share of wrong answers; a dot where each threshold stands."""
    rows = [(name, one.coverage, one.risk, one.threshold) for name, curve in curves.items() for one in curve]
    table = pd.DataFrame(rows, columns=["set", "coverage", "risk", "threshold"])
    axis = alt.Axis(format="%")
    base = alt.Chart(table, height=260 + LEGEND_ROW * len(curves)).encode(
        x=alt.X("coverage:Q", title=coverage, scale=alt.Scale(domain=[0, 1]), axis=axis),
        y=alt.Y("risk:Q", title=risk, axis=axis),
        color=alt.Color("set:N", legend=NARROW_LEGEND),
    )
    kept = [
        min((r for r in rows if r[0] == name), key=lambda r: abs(r[3] - marks[name])) for name in curves if curves[name]
    ]
    dots = alt.Chart(pd.DataFrame(kept, columns=table.columns)).mark_point(size=150, filled=True, opacity=1)
    return base.mark_line(interpolate="step-after") + dots.encode(
        x="coverage:Q", y="risk:Q", color="set:N", tooltip=[
            alt.Tooltip("set:N", title=" "), alt.Tooltip("threshold:Q", title=threshold, format=".3f"),
            alt.Tooltip("coverage:Q", title=coverage, format=".0%"), alt.Tooltip("risk:Q", title=risk, format=".1%"),
        ]
    )  # fmt: skip


def _scale(names: Mapping[str, str]) -> alt.Scale:
    return alt.Scale(domain=[names[kind] for kind in Outcome], range=[COLOURS[kind] for kind in Outcome])
