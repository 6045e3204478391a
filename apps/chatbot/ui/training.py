"""The training page: start a run, watch it, compare runs, promote or roll back adapters.

The button starts the very command of the terminal as a process of its own; this page only reads the run folder, so
that a rerun, a reload or a closed browser stops nothing.
"""

import streamlit as st

from apps import run_view
from apps.chatbot.engine import GROUNDED
from apps.chatbot.judging import JUDGE
from apps.chatbot.settings import ChatbotSettings
from apps.chatbot.ui import charts
from apps.chatbot.ui.shared import choose, one_sentence, percent, plain, said, say, say_later, settings, shorten
from core import runs
from core.runs import Run

WHATS = ("intents", "judge", "generator")
APP = "chatbot"
ADAPTERS = (GROUNDED, JUDGE)
COLOURS = {"running": "blue", "done": "green", "failed": "red"}
LOOK_S = 2.0
SHOWN_RUNS = 20


def draw() -> None:
    """Title, sections, the open one."""
    said()
    st.title(say("page_training"))
    chosen = choose(
        "training_section",
        {name: say(f"section_{name}") for name in ("runs", "compare", "adapters")},
    )
    chatbot = settings()
    if chosen == "runs":
        _start(chatbot)
        _watch(chatbot)
    elif chosen == "compare":
        _compare(chatbot)
    else:
        _adapters(chatbot)


def words(what: str, steps: int | None) -> list[str]:
    """The words after ``trifolium chatbot`` a button stands for."""
    return ["train", "--what", what, *(["--max-steps", str(steps)] if steps else [])]


def _start(chatbot: ChatbotSettings) -> None:
    with st.form("train", border=True):
        left, right = st.columns(2)
        what = left.selectbox(say("train_what"), WHATS, format_func=lambda one: say(f"train_{one}"), key="train-what")
        steps = right.number_input(say("train_steps"), 0, 100_000, 0, help=say("train_steps_help"), key="train-steps")
        busy = any(run.state == "running" for run in runs.list_runs(chatbot.home, APP))
        said_words = words(what or WHATS[0], int(steps) or None)
        st.caption(f"`trifolium {APP} {' '.join(said_words)}`")
        go = st.form_submit_button(say("train_go"), type="primary", icon=":material/play_arrow:", disabled=busy)
    if go:
        st.session_state["training"] = run_view.start(chatbot.home, APP, *said_words)
        say_later(say("train_started"), ":material/play_arrow:")


@st.fragment(run_every=LOOK_S)
def _watch(chatbot: ChatbotSettings) -> None:
    with one_sentence():
        process = st.session_state.get("training")
        if process is not None and process.poll() not in (None, 0):
            why = shorten(run_view.last_words(chatbot.home, APP), 240)
            st.error(say("train_failed", why=plain(why)), icon=":material/error:")
        found = runs.list_runs(chatbot.home, APP)
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


def _compare(chatbot: ChatbotSettings) -> None:
    found = {run.id: run for run in runs.list_runs(chatbot.home, APP)}
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


def _adapters(chatbot: ChatbotSettings) -> None:
    rows = run_view.adapter_rows(chatbot.home, ADAPTERS)
    if not rows:
        st.info(say("adapters_none"), icon=":material/extension:")
        return
    st.caption(say("adapters_line"))
    for row in rows:
        with st.container(border=True), one_sentence():
            _adapter(chatbot, row)


def _adapter(chatbot: ChatbotSettings, row: run_view.AdapterRow) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if row.live:
            st.badge(say("live"), color="green", icon=":material/bolt:")
        st.markdown(f"**{plain(row.name)}** · {plain(row.version)}", width="content")
        st.caption(row.created[:16].replace("T", " "), width="content")
    if row.metrics:
        st.caption(plain(" · ".join(f"{key} {value:.3f}" for key, value in list(row.metrics.items())[:6])))
    if not row.live and st.button(say("promote"), key=f"promote-{row.name}-{row.version}"):
        run_view.promote(chatbot.home, chatbot.models.generator, row.name, row.version)
        say_later(say("promoted"))
    if row.live and row.can_return and st.button(say("roll_back"), key=f"back-{row.name}-{row.version}"):
        run_view.roll_back(chatbot.home, row.name)
        say_later(say("rolled_back"))


if __name__ == "__main__":
    with one_sentence():
        draw()
