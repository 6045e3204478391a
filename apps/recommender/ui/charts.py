"""The pages' charts: tables in, Altair out; readable in the light and the dark theme alike."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

import altair as alt
import pandas as pd

from apps.page_parts import DateForms
from apps.recommender.experiments import Difference

GREEN, BLUE, RED, GREY = "#2f9e68", "#4c86d8", "#d4616b", "#9fb3a6"
LEGEND = alt.Legend(orient="top", title=None, columns=3, labelLimit=240)
FEWEST_DAYS = 7  # a single day's point would float in the middle


def parts(values: Mapping[str, float]) -> alt.Chart:
    """One bar per part of a score, what speaks against in red."""
    table = pd.DataFrame(list(values.items()), columns=["part", "value"])
    colour = alt.condition(alt.datum.value < 0, alt.value(RED), alt.value(GREEN))
    return (
        alt.Chart(table, height=26 * len(table) + 44)  # the axis below is part of the height
        .mark_bar(cornerRadius=2)
        .encode(
            x=alt.X("value:Q", title=None, axis=alt.Axis(tickCount=4)),
            y=alt.Y("part:N", title=None, sort=None, axis=alt.Axis(labelLimit=120, labelOverlap=False)),
            color=colour,
            tooltip=alt.Tooltip("value:Q", title=" ", format="+.3f"),
        )
    )


def days(
    rows: Sequence[tuple[date, float]], name: str, colour: str, today: date, so_far: str, dates: DateForms
) -> alt.LayerChart:
    """A share by day, on an axis of its own; ``today`` has not ended and hangs on the line dotted, said in its tip."""
    table = pd.DataFrame(
        [(str(day), value, str(day) if day < today else f"{day} {so_far}") for day, value in rows],
        columns=["day", "value", "when"],
    )
    last = pd.Timestamp(rows[-1][0])
    first = min(pd.Timestamp(rows[0][0]), last - pd.Timedelta(days=FEWEST_DAYS - 1))
    ends = [alt.DateTime(year=one.year, month=one.month, date=one.day) for one in (first, last)]
    ended = sum(day < today for day, _ in rows)

    def line(part: pd.DataFrame, dotted: bool) -> alt.Chart:
        point = {"size": 34, "color": colour, "filled": not dotted}
        return (
            alt.Chart(part, height=124)
            .mark_line(point=point, color=colour, strokeDash=[2, 4] if dotted else [1, 0])
            .encode(
                x=alt.X("yearmonthdate(day):T", title=None, axis=alt.Axis(format=dates.day, tickCount=7),
                        scale=alt.Scale(domain=ends)),
                y=alt.Y("value:Q", title=name, axis=alt.Axis(format=".0%", tickCount=4), scale=alt.Scale(domainMin=0)),
                tooltip=[alt.Tooltip("when:N", title=" "), alt.Tooltip("value:Q", title=name, format=".1%")],
            )
        )  # fmt: skip

    lines = [line(table[:ended], dotted=False)]
    if ended < len(rows):
        lines.insert(0, line(table[max(0, ended - 1) :], dotted=True))
    return alt.LayerChart(layer=lines)


def exposure(curve: Sequence[tuple[float, float]], words: Mapping[str, str]) -> alt.Chart:
    """The Lorenz curve of places over items beside the even one; ``words`` are x, y, even, ours."""
    rows = [(share, places, words["ours"]) for share, places in curve]
    rows += [(share, share, words["even"]) for share in (0.0, 1.0)]
    table = pd.DataFrame(rows, columns=["items", "places", "what"])
    shown = alt.Scale(domain=[words["ours"], words["even"]], range=[GREEN, GREY])
    return (
        alt.Chart(table, height=260)
        .mark_line()
        .encode(
            x=alt.X("items:Q", title=words["x"], axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
            y=alt.Y("places:Q", title=words["y"], axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
            color=alt.Color("what:N", legend=LEGEND, scale=shown),
            strokeDash=alt.StrokeDash(
                "what:N", legend=None, scale=alt.Scale(domain=shown.domain, range=[[1, 0], [4, 4]])
            ),
        )
    )


def pulse(rows: Sequence[tuple[datetime, str, int]], names: Mapping[str, str], axis: str) -> alt.Chart:
    """Events per minute, stacked by kind."""
    table = pd.DataFrame(
        [(when.isoformat(), names[kind], number) for when, kind, number in rows], columns=["minute", "kind", "n"]
    )
    return (
        alt.Chart(table, height=260)
        .mark_bar()
        .encode(
            x=alt.X("yearmonthdatehoursminutes(minute):T", title=None, axis=alt.Axis(format="%H:%M", tickCount=8)),
            y=alt.Y("sum(n):Q", title=axis, axis=alt.Axis(tickMinStep=1)),
            color=alt.Color("kind:N", legend=LEGEND),
            tooltip=[alt.Tooltip("kind:N", title=" "), alt.Tooltip("n:Q", title=axis)],
        )
    )


def differences(rows: Sequence[Difference], axis: str) -> alt.LayerChart:
    """Each variant's difference in click rate with its interval; nothing to the one side of zero is settled."""
    table = pd.DataFrame(
        [(one.name, one.click_rate, one.low, one.high) for one in rows], columns=["name", "gap", "low", "high"]
    )
    base = alt.Chart(table, height=46 * len(table) + 50).encode(y=alt.Y("name:N", title=None))
    span = base.mark_rule(strokeWidth=3, color=GREY).encode(
        x=alt.X("low:Q", title=axis, axis=alt.Axis(format="+.1%")), x2="high:Q"
    )
    dots = base.mark_circle(size=120, opacity=1, color=GREEN).encode(
        x="gap:Q",
        tooltip=[
            alt.Tooltip(f"{field}:Q", title=title, format="+.2%")
            for field, title in (("gap", axis), ("low", "≥"), ("high", "≤"))
        ],
    )
    zero = alt.Chart(pd.DataFrame({"x": [0]})).mark_rule(strokeDash=[4, 4], color=RED).encode(x="x:Q")
    return span + dots + zero
