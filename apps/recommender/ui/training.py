"""The page "Training": start a run, watch it, compare runs, promote a model or go back to the one before.

The button starts the very command of the terminal as a process of its own; this page only reads the run folder, so
that a rerun, a reload or a closed browser stops nothing.
"""

from typing import TYPE_CHECKING

import streamlit as st

from apps import run_view
from apps.page_parts import choose, percent, plain, say_later, shorten
from apps.recommender.model_shelf import Version
from apps.recommender.settings import RecommenderSettings
from apps.recommender.ui import charts
from apps.recommender.ui.shared import head, one_sentence, say, service, settings
from core import runs
from core.runs import Run

if TYPE_CHECKING:
    from apps.recommender.service import RecommenderService

APP = "recommender"
COLOURS = {"running": "blue", "done": "green", "failed": "red"}
LOOK_S = 2.0
SHOWN_RUNS = 20
SHOWN_FIGURES = 6


def draw() -> None:
    """Title, sections, the open one."""
    head("training")
    chosen = choose(
        "training_section", {name: say(f"section_{name}") for name in ("runs", "compare", "models")}, say("section")
    )
    recommender = settings()
    if chosen == "runs":
        _start(recommender)
        _watch(recommender)
    elif chosen == "compare":
        _compare(recommender)
    else:
        _models(service())


def _words(text: bool, promote: bool) -> list[str]:
    return ["train", *([] if text else ["--no-text"]), *([] if promote else ["--no-promote"])]


def _start(recommender: RecommenderSettings) -> None:
    with st.form("train", border=True):
        st.markdown(say("train_line"))
        text = st.checkbox(say("train_text"), value=True, key="train-text", help=say("train_text_help"))
        promote = st.checkbox(say("train_promote"), value=True, key="train-promote")
        busy = any(run.state == "running" for run in runs.list_runs(recommender.home, APP))
        st.caption(f"`trifolium {APP} {' '.join(_words(text, promote))}`")
        go = st.form_submit_button(say("train_go"), type="primary", icon=":material/play_arrow:", disabled=busy)
    if go:
        st.session_state["recommender_training"] = run_view.start(recommender.home, APP, *_words(text, promote))
        say_later(say("train_started"), ":material/play_arrow:")


@st.fragment(run_every=LOOK_S)
def _watch(recommender: RecommenderSettings) -> None:
    with one_sentence():
        process = st.session_state.get("recommender_training")
        if process is not None and process.poll() not in (None, 0):
            why = plain(shorten(run_view.last_words(recommender.home, APP), 240))
            st.error(say("train_failed", why=why), icon=":material/error:")
        found = runs.list_runs(recommender.home, APP)
        if not found:
            starting = process is not None and process.poll() is None
            st.info(say("train_starting" if starting else "runs_none"), icon=":material/hourglass_empty:")
        for number, run in enumerate(found[:SHOWN_RUNS]):
            with st.container(border=True):
                _run(run, number == 0)


def _run(run: Run, newest: bool) -> None:
    state, status = run.state, run.status
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(say(f"state_{state}"), color=COLOURS.get(state, "gray"))  # type: ignore[arg-type]
        st.markdown(f"**{plain(run.id)}**", width="content")
        st.caption(str(status.get("started") or "")[:16].replace("T", " "), width="content")
    if state == "running":
        seen = run_view.progress(run)
        left = f" · {say('left', minutes=max(1, round(seen.left_s / 60)))}" if seen.left_s else ""
        st.progress(seen.fraction, text=f"{plain(seen.stage or say('working'))} · {percent(seen.fraction)}{left}")
    if status.get("error"):
        st.error(plain(shorten(str(status["error"]), 300)), icon=":material/error:")
    points = run_view.curve(run) if newest else []
    if points:
        st.altair_chart(charts.curve(points, say("step")), key=f"curve-{run.id}")


def _compare(recommender: RecommenderSettings) -> None:
    found = {run.id: run for run in runs.list_runs(recommender.home, APP)}
    if not found:
        st.info(say("runs_none"), icon=":material/hourglass_empty:")
        return
    chosen = st.multiselect(say("compare_which"), list(found), default=list(found)[:2], key="compare-runs")
    table = runs.compare([found[one] for one in chosen])
    rows = [
        {say("figure"): column, **{str(row["run"]): _cell(row[column]) for row in table.rows}}
        for column in table.columns
        if column != "run"
    ]
    if chosen:
        st.dataframe(rows, hide_index=True, key="compare-table")


def _cell(value: object) -> str:
    """One type in a column, whatever the row is about."""
    return "" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)


def _models(shop: "RecommenderService") -> None:
    rows = shop.models()
    if not rows:
        st.info(say("models_none"), icon=":material/deployed_code:")
        return
    st.caption(say("models_line"))
    for row in rows:
        with st.container(border=True), one_sentence():
            _model(shop, row)


def _model(shop: "RecommenderService", row: Version) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if row.live:
            st.badge(say("live"), color="green", icon=":material/bolt:")
        st.markdown(f"**{plain(row.name)}**", width="content")
        st.caption(f"{row.made_at[:16].replace('T', ' ')} · {plain(row.source)}", width="content")
    if row.metrics:
        figures = list(row.metrics.items())[:SHOWN_FIGURES]
        st.caption(plain(" · ".join(f"{key} {value:.3f}" for key, value in figures)))
    if not row.live and st.button(say("promote"), key=f"promote-{row.name}", icon=":material/publish:"):
        shop.promote(row.name)
        say_later(say("promoted", name=row.name))
    if row.live and st.button(say("roll_back"), key="roll-back", icon=":material/undo:"):
        say_later(say("rolled_back", name=shop.roll_back().name))


if __name__ == "__main__":
    with one_sentence():
        draw()
