"""The monitor's charts: records in, Altair out; readable in the light and the dark theme and on a phone.

Moments are drawn in the server's own time zone, as the pages write them.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import altair as alt
import pandas as pd

from apps.monitor.records import HeatCell, Point
from apps.page_parts import DateForms

RED, GREY, GREEN, BLUE, AMBER = "#cf4f5b", "#93a099", "#2f9e68", "#4c86d8", "#e0a13a"
SAND = "#d3cbb2"
MOOD_COUNTS: Mapping[str, Callable[[Point], int]] = {
    "negative": lambda one: one.negative,
    "neutral": lambda one: one.neutral,
    "positive": lambda one: one.positive,
    "abstained": lambda one: max(0, one.stories - one.judged),
}
COUNTED = alt.Axis(tickMinStep=1, tickCount=5)
LEGEND = alt.Legend(orient="top", title=None, columns=2, labelLimit=200)
CELL_HEIGHT = 30
STRONG = 0.8  # net mood drawn in full colour: whole fields are seldom of one mind
LABEL_LIMIT, SHORT_LIMIT = 150, 96
SLANTED = 36  # pixels by which the last slanted label stands out
PHONE = "windowSize()[0] < 640"  # the browser's own width, which only the drawing knows


@dataclass(frozen=True)
class Words:
    """What the charts say, in the visitor's language."""

    stories: str
    reach: str
    share: str
    polarity: str
    time: str
    moods: Mapping[str, str]
    dates: DateForms


@dataclass(frozen=True)
class Mark:
    """A moment worth a sign above the chart, and what it says when pointed at."""

    at: datetime
    text: str


def heat(
    cells: Sequence[HeatCell], company: Callable[[str], str], topic: Callable[[str], str], words: Words, dark: bool
) -> alt.LayerChart:
    """Companies × topics: the colour is the net mood, stronger where there are more stories; the number counts them.

    The point selection ``cell`` gives ``company_id`` and ``topic_id`` of the field clicked.
    """
    rows = [
        (one.company, one.topic, company(one.company), topic(one.topic), one.point.stories, one.point.reach,
         one.point.polarity or 0.0, one.point.negative_share or 0.0)
        for one in cells
    ]  # fmt: skip
    names = ["company_id", "topic_id", "company", "topic", "stories", "reach", "polarity", "share"]
    table = pd.DataFrame(rows, columns=names)
    picked = alt.selection_point(name="cell", fields=["company_id", "topic_id"])
    down, across = _heat_axes()
    base = alt.Chart(table).encode(
        x=alt.X("topic:N", title=None, sort=list(dict.fromkeys(table["topic"])), axis=across),
        y=alt.Y("company:N", title=None, sort=list(dict.fromkeys(table["company"])), axis=down),
        tooltip=[*_unnamed("company", "topic"), *_tips(words)],
    )
    middle = "#4a5650" if dark else "#d3dad5"
    ends = alt.Scale(domain=[-STRONG, 0, STRONG], range=[RED, middle, GREEN], interpolate="rgb", clamp=True)
    most = max(2, int(table["stories"].max()))
    fields = base.mark_rect(cornerRadius=5, stroke="#101613" if dark else "#fbfcfa", strokeWidth=2).encode(
        color=alt.Color("polarity:Q", scale=ends, legend=None),
        opacity=alt.Opacity("stories:Q", scale=alt.Scale(type="sqrt", domain=[0, most], range=[0.6, 1]), legend=None),
    )
    numbers = base.mark_text(fontWeight=600, fontSize=12, color="#f2f7f4" if dark else "#16221b").encode(
        text="stories:Q"
    )
    heat = alt.LayerChart(layer=[fields.add_params(picked), numbers])
    around = _narrow(5, f"{{left: 5, top: 5, bottom: 5, right: {SLANTED}}}")
    return heat.properties(height=alt.Step(CELL_HEIGHT), padding=around)


def _heat_axes() -> tuple[alt.Axis, alt.Axis]:
    """Names down the side and across the top; on a phone they are shorter and stand upright, so that none overlaps."""
    bare: dict[str, Any] = {"labelOverlap": False, "labelFlush": False, "domain": False, "ticks": False}
    down = alt.Axis(**bare, labelLimit=_narrow(SHORT_LIMIT, LABEL_LIMIT))
    return down, alt.Axis(**bare, orient="top", labelLimit=LABEL_LIMIT, labelAngle=_narrow(-90, -38))


def _narrow(phone: object, wide: object) -> alt.ExprRef:
    return alt.ExprRef(f"{PHONE} ? {phone} : {wide}")


def _unnamed(*fields: str) -> list[alt.Tooltip]:
    """Values that say themselves what they are; titles must differ, or the last one alone is shown."""
    return [alt.Tooltip(f"{field}:N", title=" " * number) for number, field in enumerate(fields, 1)]


def _tips(words: Words) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("stories:Q", title=words.stories),
        alt.Tooltip("reach:Q", title=words.reach),
        alt.Tooltip("share:Q", title=words.share, format=".0%"),
        alt.Tooltip("polarity:Q", title=words.polarity, format="+.2f"),
    ]


def volume(points: Sequence[Point], span: timedelta, marks: Sequence[Mark], words: Words) -> alt.LayerChart:
    """Stories per window, stacked by mood; grey where nobody listened, a sign where an alert fired."""
    table = _stacked(points, span, [(words.moods[name], count) for name, count in MOOD_COUNTS.items()])
    scale = alt.Scale(domain=[words.moods[name] for name in MOOD_COUNTS], range=[RED, GREY, GREEN, SAND])
    top = max((one.stories for one in points), default=0) or 1
    up = alt.Y("low:Q", title=words.stories, scale=alt.Scale(domain=[0, top * 1.15]), axis=COUNTED)
    bars = alt.Chart(table).mark_rect(stroke=None).encode(
        x=_across(points, span, words.dates), x2="end:T", y=up, y2="high:Q",
        color=alt.Color("kind:N", scale=scale, legend=LEGEND),
        tooltip=[_when(words.time), alt.Tooltip("kind:N", title=" "), alt.Tooltip("n:Q", title=words.stories)],
    )  # fmt: skip
    return alt.LayerChart(layer=[_unheard(points, span), bars, _signs(marks, top * 1.08)]).properties(height=230)


def _stacked(
    points: Sequence[Point], span: timedelta, kinds: Sequence[tuple[str, Callable[[Point], int]]]
) -> pd.DataFrame:
    """One row per window and kind with the ends of its piece of the bar; a little air between two bars."""
    rows, air = [], span * 0.06
    for one in points:
        low = 0
        for kind, count in kinds:
            if n := count(one):
                start, end = _local(one.start + air), _local(one.start + span - air)
                rows.append((start, end, kind, low, low + n, n))
                low += n
    return _timed(pd.DataFrame(rows, columns=["start", "end", "kind", "low", "high", "n"]))


def _when(title: str) -> alt.Tooltip:
    return alt.Tooltip("start:T", title=title, format="%Y-%m-%d %H:%M")


def _unheard(points: Sequence[Point], span: timedelta) -> alt.Chart:
    rows = [(_local(one.start), _local(one.start + span)) for one in points if one.unknown]
    table = _timed(pd.DataFrame(rows, columns=["start", "end"]))
    return alt.Chart(table).mark_rect(color="#8a948e", opacity=0.18).encode(x="start:T", x2="end:T")


def _signs(marks: Sequence[Mark], height: float) -> alt.Chart:
    table = _timed(pd.DataFrame([(_local(one.at), one.text, height) for one in marks], columns=["at", "text", "y"]))
    sign = alt.Chart(table).mark_point(shape="triangle-down", size=120, filled=True, color=AMBER, opacity=1)
    return sign.encode(x="at:T", y="y:Q", tooltip=[alt.Tooltip("text:N", title=" ")])


def share(points: Sequence[Point], span: timedelta, words: Words) -> alt.LayerChart:
    """Negative share per window with its 95 % interval; a gap where no story had a mood."""
    middle = span / 2
    rows = [
        (_local(one.start + middle), one.negative_share, one.low, one.high, one.judged) for one in points if one.judged
    ]
    table = _timed(pd.DataFrame(rows, columns=["at", "share", "low", "high", "n"]))
    base = alt.Chart(table).encode(x=_across(points, span, words.dates, "at"))
    up = alt.Y("share:Q", title=words.share, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%", tickCount=4))
    tips = [
        alt.Tooltip("at:T", title=words.time, format="%Y-%m-%d %H:%M"),
        alt.Tooltip("share:Q", title=words.share, format=".0%"),
        alt.Tooltip("n:Q", title=words.stories),
    ]
    ends = base.mark_rule(color=RED, opacity=0.3, strokeWidth=2).encode(
        y=alt.Y("low:Q", title=words.share), y2="high:Q"
    )
    dots = base.mark_circle(color=RED, opacity=0.95).encode(
        y=up, tooltip=tips, size=alt.Size("n:Q", scale=alt.Scale(range=[18, 110]), legend=None)
    )
    return alt.LayerChart(layer=[_unheard(points, span), ends, dots]).properties(height=150)


def _across(points: Sequence[Point], span: timedelta, dates: DateForms, field: str = "start") -> alt.X:
    """The axis of time, from the first window to the end of the last whatever the data."""
    ends = [_local(points[0].start), _local(points[-1].start + span)] if points else None
    scale = alt.Scale(domain=[one.strftime("%Y-%m-%dT%H:%M:%S") for one in ends]) if ends else alt.Scale()
    return alt.X(
        f"{field}:T", title=None, scale=scale, axis=alt.Axis(format=_form(points, dates), tickCount=6, labelFlush=True)
    )


def _form(points: Sequence[Point], dates: DateForms) -> str:
    days = (points[-1].start - points[0].start) / timedelta(days=1) if points else 0
    if days <= 3:
        return "%H:%M" if days <= 1.1 else dates.minute
    return dates.day if days < 300 else dates.month


def spark(
    points: Sequence[Point], span: timedelta, window: tuple[datetime, datetime], dates: DateForms
) -> alt.LayerChart:
    """Negative and other stories around an alert, its window marked; small, without a legend."""
    kinds = [("negative", MOOD_COUNTS["negative"]), ("other", lambda one: one.stories - one.negative)]
    table = _stacked(points, span, kinds)
    marked = pd.DataFrame([(_local(window[0]), _local(window[1]))], columns=["start", "end"])
    behind = alt.Chart(_timed(marked)).mark_rect(color=AMBER, opacity=0.25).encode(x="start:T", x2="end:T")
    bars = alt.Chart(table).mark_rect(stroke=None).encode(
        x=_across(points, span, dates), x2="end:T", y=alt.Y("low:Q", title=None, axis=COUNTED), y2="high:Q",
        color=alt.Color("kind:N", legend=None, scale=alt.Scale(domain=["negative", "other"], range=[RED, GREY])),
        tooltip=[_when(" "), alt.Tooltip("n:Q", title="  ")],
    )  # fmt: skip
    return alt.LayerChart(layer=[behind, bars]).properties(height=110)


def then_and_now(then: Mapping[str, float], now: Mapping[str, float], names: tuple[str, str]) -> alt.Chart:
    """Two distributions over the same kinds, side by side; ``names`` are the words for before and of late."""
    kinds = sorted({*then, *now}, key=_by_number)
    rows = [
        (kind, name, values.get(kind, 0.0)) for kind in kinds for name, values in zip(names, (then, now), strict=True)
    ]
    table = pd.DataFrame(rows, columns=["kind", "when", "share"])
    return alt.Chart(table, height=44 * len(kinds) + 80).mark_bar().encode(
        x=alt.X("share:Q", title=None, axis=alt.Axis(format="%", tickCount=4)),
        y=alt.Y("kind:N", title=None, sort=kinds, axis=alt.Axis(labelLimit=LABEL_LIMIT)),
        yOffset=alt.YOffset("when:N", sort=list(names)),
        color=alt.Color("when:N", scale=alt.Scale(domain=list(names), range=[GREY, BLUE]), legend=LEGEND),
        tooltip=[*_unnamed("kind", "when"), alt.Tooltip("share:Q", title="   ", format=".1%")],
    )  # fmt: skip


def _by_number(kind: str) -> tuple[float, str]:
    """Kinds such as "under 80" and "0.4" by their number, others by name."""
    found = re.search(r"\d+(?:\.\d+)?", kind)
    return (float(found[0]) if found else 0.0, kind)


def _local(moment: datetime) -> datetime:
    """The moment on the server's own clock, its zone cut off so that a browser elsewhere shows the same digits."""
    return moment.astimezone().replace(tzinfo=None)


def _timed(table: pd.DataFrame) -> pd.DataFrame:
    """Columns of moments typed as such also when there is no row."""
    return table.astype({name: "datetime64[ns]" for name in ("start", "end", "at") if name in table})
