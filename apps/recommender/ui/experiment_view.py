"""Experiments on their page: arms side by side, differences with intervals, ending one, beginning another."""

from typing import TYPE_CHECKING, Any

import streamlit as st

from apps.page_parts import moment, percent, plain, say_later
from apps.recommender.experiments import DIALS, Difference, Experiment, ExperimentReport, Variant
from apps.recommender.ui import charts
from apps.recommender.ui.shared import say

if TYPE_CHECKING:
    from apps.recommender.service import RecommenderService

BASE, OTHER = "as-is", "changed"
COLOURS = {"better": "green", "worse": "red", "open": "gray", "too_few": "gray"}
SUSPICIOUS = 0.001  # a split so uneven comes by chance once in a thousand


def experiment_list(shop: "RecommenderService") -> None:
    """All experiments, the newest first and open."""
    found = shop.experiments()
    if not found:
        st.info(say("experiments_none"), icon=":material/science:")
    for number, one in enumerate(found):
        state = say("running") if one.running else say("ended")
        with st.expander(f"**{plain(one.name)}** · {state}", expanded=number == 0, icon=":material/science:"):
            _experiment(shop, one)


def _experiment(shop: "RecommenderService", one: Experiment) -> None:
    until = f" – {moment(one.ended_at)}" if one.ended_at else ""
    st.caption(plain(" · ".join(part for part in (one.about, moment(one.started_at) + until) if part)))
    report = shop.read_experiment(one.name)
    told = {say(name): st.column_config.Column(help=say(f"{name}_help")) for name in ("click_rate", "ndcg")}
    st.dataframe(_rows(report), hide_index=True, key=f"arms-{one.name}", column_config=told)
    for difference in report.differences:
        _difference(one, difference)
    settled = [one for one in report.differences if one.verdict != "too_few"]
    if settled:
        st.altair_chart(charts.differences(settled, say("click_rate")), key=f"differences-{one.name}")
    if report.mismatch_p < SUSPICIOUS:
        st.warning(say("mismatch"), icon=":material/warning:")
    if one.running and st.button(say("end"), key=f"end-{one.name}", icon=":material/stop_circle:"):
        shop.end_experiment(one.name)
        say_later(say("end_done", name=one.name))


def _rows(report: ExperimentReport) -> list[dict[str, Any]]:
    return [
        {
            say("variant"): arm.name,
            say("share"): percent(variant.share),
            say("dials_of"): _dials(variant),
            say("people"): arm.people,
            say("lists"): arm.lists,
            say("shown"): arm.shown,
            say("wanted"): arm.wanted,
            say("click_rate"): f"{arm.click_rate:.2%}",
            say("ndcg"): "–" if arm.ndcg is None else f"{arm.ndcg:.3f}",
        }
        for arm, variant in zip(report.arms, report.experiment.variants, strict=True)
    ]


def _dials(variant: Variant) -> str:
    return ", ".join(f"{say(f'dial_{dial}')} {value:g}" for dial, value in variant.dials.items()) or say("as_wished")


def _difference(experiment: Experiment, one: Difference) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(say(f"verdict_{one.verdict}"), color=COLOURS[one.verdict])  # type: ignore[arg-type]
        st.markdown(plain(say("difference", name=one.name, base=experiment.variants[0].name)), width="content")
        if one.verdict != "too_few":
            values = {name: f"{getattr(one, name):+.2%}" for name in ("low", "high")}
            st.caption(plain(say("interval", gap=f"{one.click_rate:+.2%}", **values)), width="content")


def new_experiment(shop: "RecommenderService") -> None:
    """A form for two halves: one as callers wish, the other with other dials."""
    usual = shop.wish()
    with st.expander(say("experiment_new"), icon=":material/add:"), st.form("new-experiment", border=False):
        name = st.text_input(say("experiment_name"), key="experiment-name", max_chars=100)
        about = st.text_input(say("experiment_about"), key="experiment-about", max_chars=300)
        st.markdown(f"**{say('experiment_other')}**")
        values: dict[str, float] = {}
        for column, dial in zip(st.columns(len(DIALS)), DIALS, strict=True):
            start = float(getattr(usual, dial))
            values[dial] = column.slider(say(f"dial_{dial}"), 0.0, 1.0, start, 0.05, key=f"experiment-{dial}")
        if st.form_submit_button(say("experiment_go"), type="primary", icon=":material/play_arrow:"):
            changed = {dial: value for dial, value in values.items() if value != getattr(usual, dial)}
            made = shop.start_experiment(name, [Variant(BASE, 0.5), Variant(OTHER, 0.5, changed)], about.strip())
            say_later(say("experiment_started", name=made.name))
