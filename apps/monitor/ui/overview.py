"""The overview page: figures, open alerts, the heat map of companies × topics, a trend with alert marks, movers.

The live part is one fragment over counts per window, so that a wall screen left open for weeks neither reads whole
texts nor grows: each look replaces the charts of the last.
"""

import re
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import streamlit as st

from apps.monitor.alert_records import OPEN, Alert, Severity
from apps.monitor.records import HeatCell, Mover, Point, SeriesKey
from apps.monitor.source_records import Health, SourceHealth
from apps.monitor.ui import charts
from apps.monitor.ui.alert_view import alert_line
from apps.monitor.ui.periods import STEPS, Period, end_of, total
from apps.monitor.ui.shared import (
    LIVE_S,
    clock_line,
    company_choice,
    company_name,
    dark,
    head,
    length_words,
    none_yet,
    one_sentence,
    rule_name,
    say,
    series_name,
    service,
    topic_choice,
    topic_name,
)
from apps.page_parts import date_forms, moment, percent, plain, shorten

if TYPE_CHECKING:
    from apps.monitor.service import MonitorService

FIRST_DAYS = 7
MOST_COMPANIES, MOST_MOVERS, SHOWN_ALERTS = 14, 8, 3
_AND = re.compile(" and |与")  # of "Credit and default" the first word fits above a column
COMPANY, TOPIC, DAYS, UNTIL = "overview-company", "overview-topic", "overview-days", "overview-until"
FIRST_DAY = date(1990, 1, 1)


def draw() -> None:
    """Head and period, then the live part."""
    watch = service()
    head(watch, "overview")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.pills(
            say("span"),
            list(STEPS),
            default=FIRST_DAYS,
            required=True,
            format_func=lambda days: say(f"span_{days}"),
            key=DAYS,
            label_visibility="collapsed",
        )
        with st.popover(say("look_back"), icon=":material/history:"):
            st.date_input(say("look_back_until"), value=None, max_value=watch.clock().date(), min_value=FIRST_DAY,
                          key=UNTIL, help=say("look_back_help"))  # fmt: skip
    _live()


@st.fragment(run_every=LIVE_S)
def _live() -> None:
    with one_sentence():
        watch = service()
        now = watch.clock()
        until = end_of(st.session_state.get(UNTIL), now)
        period = Period.of(until, int(st.session_state.get(DAYS) or FIRST_DAYS))
        clock_line(watch)
        stories = _figures(watch, period)
        _open_alerts(watch, quiet=not stories)
        _heat(watch, period)
        left, right = st.columns([3, 2])
        with left:
            _trend(watch, period)
        with right:
            _movers(watch, period, back=until < now)


def _figures(watch: "MonitorService", period: Period) -> int:
    """The four figures on top; returns the stories of the period."""
    points = watch.series(span=period.span, since=period.before, until=period.until)
    now = total([one for one in points if one.start >= period.since], period.since)
    before = total([one for one in points if one.start < period.since], period.before)
    sources = watch.sources()
    heard = sum(one.health is Health.OK for one in sources)
    share = now.negative_share
    stretch: dict[str, Any] = {"border": True, "height": "stretch"}
    with st.container(horizontal=True, key="figures"):
        st.metric(say("figure_stories"), f"{now.stories:,}", _more(now.stories, before.stories), "off",
                  help=say("figure_stories_help"), **stretch)  # fmt: skip
        shown = "–" if share is None else percent(share)
        st.metric(say("figure_negative"), shown, _points(share, before.negative_share), "inverse", **stretch)
        st.metric(say("figure_firing"), len(watch.alerts(open_only=True, limit=1000)), **stretch)
        all_told = f"{heard} / {len(sources)}" if sources else "–"
        st.metric(say("figure_sources"), all_told, _quiet(points, sources, period), "off",
                  help=say("figure_sources_help"), **stretch)  # fmt: skip
    return now.stories


def _quiet(points: Sequence[Point], sources: Sequence[SourceHealth], period: Period) -> str | None:
    """For how long nothing has come from anybody, where the trend ends grey; each source may still be well."""
    last = max((one.state.last_item_at for one in sources if one.state.last_item_at), default=None)
    if (
        last is None or last > period.until or not any(one.unknown for one in points[-2:])
    ):  # the window that goes on is not over yet
        return None
    return say("figure_sources_quiet", length=length_words(period.until - last))


def _more(now: int, before: int) -> str | None:
    return f"{(now - before) / before:+.0%}" if before else None


def _points(now: float | None, before: float | None) -> str | None:
    return None if now is None or before is None else say("before_points", n=f"{(now - before) * 100:+.0f}")


def _open_alerts(watch: "MonitorService", quiet: bool) -> None:
    found = sorted(watch.alerts(open_only=True, limit=200), key=_urgency)
    if not found:
        if quiet:
            none_yet(watch, "firing_unknown", ":material/sensors_off:", "alerts_coming")
        else:
            none_yet(watch, "firing_none", ":material/task_alt:", "alerts_coming", good=True)
        return
    with st.container(border=True, key="open-alerts"):
        for one in found[:SHOWN_ALERTS]:
            alert_line(watch, one)
        if len(found) > SHOWN_ALERTS:
            st.caption(say("firing_more", n=len(found) - SHOWN_ALERTS))


def _urgency(one: Alert) -> tuple[int, int, float]:
    return OPEN.index(one.state), list(Severity).index(one.severity), -one.since.timestamp()


def _heat(watch: "MonitorService", period: Period) -> None:
    cells = busiest([one for one in watch.heat(period.since, period.until) if one.company], MOST_COMPANIES)
    with st.container(border=True, key="heat-map"):
        st.markdown(f"**{say('heat')}**")
        if not cells:
            none_yet(watch, "nothing_yet", ":material/hourglass_empty:")
            return
        st.caption(say("heat_line"))
        drawn = charts.heat(cells, lambda one: shorten(company_name(watch, one), 26), _column, _words(), dark())
        st.altair_chart(drawn, key="heat", on_select=_pick, selection_mode="cell")


def _column(topic: str) -> str:
    return _AND.split(topic_name(topic))[0] if topic else say("heat_all")


def busiest(cells: Sequence[HeatCell], most: int) -> list[HeatCell]:
    """The cells of the companies with most stories, companies and topics in the order of their stories.

    The company as a whole (topic "") comes first in each row.
    """
    stories: dict[str, int] = {}
    topics: dict[str, int] = {}
    for one in cells:
        if one.topic:
            topics[one.topic] = topics.get(one.topic, 0) + one.point.stories
        else:
            stories[one.company] = one.point.stories
    kept = sorted(stories, key=lambda one: -stories[one])[:most]
    columns = ["", *sorted(topics, key=lambda one: -topics[one])]
    ordered = [one for one in cells if one.company in kept and one.point.stories]
    return sorted(ordered, key=lambda one: (kept.index(one.company), columns.index(one.topic)))


def _pick() -> None:
    """A field of the heat map was clicked: the trend shows it."""
    picked = (st.session_state.get("heat") or {}).get("selection", {}).get("cell") or []
    select(picked[0] if picked else {})


def select(cell: dict[str, Any]) -> None:
    """Let the trend show a cell's company and topic; an empty one shows everything."""
    st.session_state[COMPANY] = cell.get("company_id") or ""
    st.session_state[TOPIC] = cell.get("topic_id") or ""


def _trend(watch: "MonitorService", period: Period) -> None:
    with st.container(border=True, key="trend"):
        st.markdown(f"**{say('trend')}**")
        company, topic = _choice(watch)
        points = period.bars(watch.series(company, topic, "", period.span, period.since, period.until))
        if not any(one.stories for one in points):
            none_yet(watch, "trend_none", ":material/hourglass_empty:")
            return
        fired = watch.firings(period.since, period.until, company, topic)
        marks = [
            charts.Mark(one.at, f"{moment(one.at)} · {series_name(watch, one.key)} · {rule_name(one.rule)}")
            for one in fired
        ]
        st.altair_chart(charts.volume(points, period.step, marks, _words()), key="volume")
        st.caption(say("trend_share"))
        st.altair_chart(charts.share(points, period.step, _words()), key="share")
        notes = [say("trend_alerts")] * bool(marks) + [say("trend_unknown")] * any(one.unknown for one in points)
        if notes:
            st.caption(" ".join(notes))


def _choice(watch: "MonitorService") -> tuple[str, str]:
    left, right = st.columns(2)
    company = left.selectbox(say("company"), ["", *watch.companies()], key=COMPANY, label_visibility="collapsed",
                             format_func=lambda one: company_choice(watch, one))  # fmt: skip
    topic = right.selectbox(say("topic"), ["", *watch.topics()], key=TOPIC, label_visibility="collapsed",
                            format_func=topic_choice)  # fmt: skip
    return company or "", topic or ""


def _movers(watch: "MonitorService", period: Period, back: bool) -> None:
    with st.container(border=True, key="movers"):
        st.markdown(f"**{say('movers')}**")
        if back:
            st.info(say("movers_now"), icon=":material/history:")
            return
        found = watch.movers(hours=period.days * 24, limit=MOST_MOVERS)
        if not found:
            none_yet(watch, "movers_none", ":material/trending_flat:")
            return
        st.caption(say("movers_line"))
        for number, one in enumerate(found):
            _mover(watch, one, number)


def _mover(watch: "MonitorService", one: Mover, number: int) -> None:
    """A line that opens the series in the trend."""
    worse = one.polarity_change < 0
    colour, arrow = ("red", "↓") if worse else ("green", "↑")
    label = f":{colour}[{arrow} {one.polarity_change:+.2f}]  {plain(shorten(series_name(watch, one.key), 40))}"
    share = "–" if one.now.negative_share is None else percent(one.now.negative_share)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"mover-{number}"):
        st.button(label, key=f"mover-go-{number}", type="tertiary", on_click=_go_to, args=(one.key,))
        st.caption(
            f"{one.before.stories} → {one.now.stories} {say('stories')} · {say('mood_negative')} {share}",
            width="content",
        )


def _words() -> charts.Words:
    moods = {mood: say(f"mood_{mood}") for mood in ("negative", "neutral", "positive", "abstained")}
    named = (say("stories"), say("reach"), say("negative_share"), say("polarity"), say("time"))
    return charts.Words(*named, moods, date_forms())


def _go_to(key: SeriesKey) -> None:
    select({"company_id": key.company, "topic_id": key.topic})


if __name__ == "__main__":
    with one_sentence():
        draw()
