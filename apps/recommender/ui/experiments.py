"""The page "Experiments and quality": figures of lists served, experiments with their arms, events by the minute."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import streamlit as st

from apps.page_parts import choose, date_forms, percent, plain, shorten
from apps.recommender.answers import Quality
from apps.recommender.ui import charts
from apps.recommender.ui.experiment_view import experiment_list, new_experiment
from apps.recommender.ui.shared import head, one_sentence, say, service, warn_without_model

if TYPE_CHECKING:
    from apps.recommender.service import RecommenderService

DAYS = (7, 30, 90)
MINUTES = 60
LOOK_S = 5.0


def draw() -> None:
    """Title, sections, the open one."""
    shop = service()
    head("experiments")
    warn_without_model(shop)
    chosen = choose(
        "experiments_section",
        {name: say(f"section_{name}") for name in ("quality", "experiments", "pulse")},
        say("section"),
    )
    if chosen == "quality":
        _quality(shop)
    elif chosen == "experiments":
        st.caption(say("experiments_line"))
        experiment_list(shop)
        new_experiment(shop)
    else:
        _pulse(shop)


def _quality(shop: "RecommenderService") -> None:
    days = st.pills(
        say("span"),
        DAYS,
        default=30,
        required=True,
        format_func=lambda n: say("days", n=n),
        key="quality-days",
        label_visibility="collapsed",
    )
    found = shop.quality(int(days or 30))
    _figures(found)
    if not found.lists:
        st.info(say("quality_none"), icon=":material/hourglass_empty:")
        return
    left, right = st.columns(2)
    with left.container(border=True):
        st.markdown(f"**{say('quality_days')}**")
        today = datetime.now(UTC).date()  # days are counted in UTC
        for what, colour in (("click_rate", charts.GREEN), ("coverage", charts.BLUE)):
            rows = [(one.day, getattr(one, what)) for one in found.days]
            chart = charts.days(rows, say(what), colour, today, f"({say('so_far')})", date_forms())
            st.altair_chart(chart, key=f"days-{what}")
        if found.days[-1].day == today:
            st.caption(say("quality_so_far"))
    with right.container(border=True):
        st.markdown(f"**{say('exposure_title')}**")
        words = {name: say(f"exposure_{name}") for name in ("x", "y", "even", "ours")}
        st.altair_chart(charts.exposure(found.exposure.curve, words))
    titles = shop.items_of([item for item, _ in found.exposure.most])
    with st.expander(say("most_shown"), icon=":material/visibility:"):
        table = [
            {say("title"): shorten(titles[item].title, 70) if item in titles else item, say("shown"): number}
            for item, number in found.exposure.most
        ]
        st.dataframe(table, hide_index=True)


def _figures(found: Quality) -> None:
    last = found.days[-1] if found.days else None
    figures = (
        ("lists", f"{found.lists:,}"),
        ("people", f"{found.people:,}"),
        ("click_rate", f"{found.click_rate:.1%}" if found.lists else "–"),
        ("ndcg", "–" if found.ndcg is None else f"{found.ndcg:.3f}"),
        ("coverage", percent(found.exposure.coverage)),
        ("gini", f"{found.exposure.gini:.2f}"),
        ("without_model", f"{sum(one.without_model for one in found.days):,}"),
        ("p95_ms", f"{last.p95_ms:.0f} ms" if last else "–"),
    )
    with st.container(horizontal=True, key="figures"):
        for name, value in figures:
            st.metric(say(name), value, border=True, help=say(f"{name}_help"))


@st.fragment(run_every=LOOK_S)
def _pulse(shop: "RecommenderService") -> None:
    with one_sentence():
        st.subheader(say("section_pulse"))
        st.caption(say("pulse_line"))
        rows = [row for row in shop.pulse(MINUTES) if row[1] != "impression"]
        if not rows:
            st.info(say("pulse_none"), icon=":material/monitor_heart:")
            return
        names = {kind: plain(say(f"event_{kind}")) for _, kind, _ in rows}
        st.altair_chart(charts.pulse(rows, names, say("pulse_axis")))


if __name__ == "__main__":
    with one_sentence():
        draw()
