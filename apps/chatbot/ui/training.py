"""The training page: start a run, watch it, compare runs, promote or roll back adapters.

The button starts the very command of the terminal as a process of its own; this page only reads the run folder, so
that a rerun, a reload or a closed browser stops nothing.
"""

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import streamlit as st

import apps
from apps.chatbot.settings import ChatbotSettings
from apps.chatbot.ui import charts
from apps.chatbot.ui.run_view import Seen, adapter_rows, promote, roll_back, see_runs
from apps.chatbot.ui.shared import choose, one_sentence, percent, plain, said, say, say_later, settings, shorten

WHATS = ("intents", "generator")
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


def command(what: str, steps: int | None) -> list[str]:
    """The terminal command a button stands for."""
    limit = ["--max-steps", str(steps)] if steps else []
    return [sys.executable, "-m", "apps", "chatbot", "train", "--what", what, *limit]


def start(chatbot: ChatbotSettings, what: str, steps: int | None) -> subprocess.Popen[bytes]:
    """Start the command detached from this process, its words going to a log file in home."""
    log = log_file(chatbot)
    log.parent.mkdir(parents=True, exist_ok=True)
    root = str(Path(apps.__file__).resolve().parent.parent)
    found = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
    surroundings = {**os.environ, "PYTHONPATH": found, "TRIFOLIUM_HOME": str(chatbot.home)}
    with log.open("wb") as words:
        return subprocess.Popen(
            command(what, steps), stdout=words, stderr=subprocess.STDOUT, env=surroundings, start_new_session=True
        )


def log_file(chatbot: ChatbotSettings) -> Path:
    """Where the last started training writes its words."""
    return Path(chatbot.home) / "logs" / "training-page.log"


def _start(chatbot: ChatbotSettings) -> None:
    with st.form("train", border=True):
        left, right = st.columns(2)
        what = left.selectbox(say("train_what"), WHATS, format_func=lambda one: say(f"train_{one}"), key="train-what")
        steps = right.number_input(say("train_steps"), 0, 100_000, 0, help=say("train_steps_help"), key="train-steps")
        busy = any(run.state == "running" for run in see_runs(chatbot.home))
        st.caption(f"`trifolium {' '.join(command(what, int(steps) or None)[3:])}`")
        go = st.form_submit_button(say("train_go"), type="primary", icon=":material/play_arrow:", disabled=busy)
    if go:
        st.session_state["training"] = start(chatbot, what, int(steps) or None)
        say_later(say("train_started"), ":material/play_arrow:")


@st.fragment(run_every=LOOK_S)
def _watch(chatbot: ChatbotSettings) -> None:
    with one_sentence():
        process = st.session_state.get("training")
        if process is not None and process.poll() not in (None, 0):
            st.error(say("train_failed", why=plain(_last_words(log_file(chatbot)))), icon=":material/error:")
        runs = see_runs(chatbot.home)
        if not runs:
            starting = process is not None and process.poll() is None
            st.info(say("train_starting" if starting else "runs_none"), icon=":material/hourglass_empty:")
        for number, run in enumerate(runs[:SHOWN_RUNS]):
            with st.container(border=True):
                _run(run, number == 0)


def _run(run: Seen, open_: bool) -> None:
    colours = {"running": "blue", "done": "green", "failed": "red"}
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(say(f"state_{run.state}"), color=colours.get(run.state, "gray"))  # type: ignore[arg-type]
        st.markdown(f"**{plain(run.name)}**", width="content")
        st.caption(f"{run.started:%Y-%m-%d %H:%M}" if run.started else "", width="content")
    if run.state == "running":
        left = f" · {say('left', minutes=max(1, round(run.left_s / 60)))}" if run.left_s else ""
        st.progress(run.fraction, text=f"{plain(run.stage)} · {percent(run.fraction)}{left}")
    if run.error:
        st.error(plain(shorten(run.error, 300)), icon=":material/error:")
    curve = run.curve()
    if curve and open_:
        st.altair_chart(charts.curve(curve, say("step")), key=f"curve-{run.name}")


def _compare(chatbot: ChatbotSettings) -> None:
    runs = {run.name: run for run in see_runs(chatbot.home)}
    if not runs:
        st.info(say("runs_none"), icon=":material/hourglass_empty:")
        return
    names = list(runs)
    chosen = st.multiselect(say("compare_which"), names, default=names[:2], key="compare-runs")
    figures = {name: runs[name].figures() for name in chosen}
    rows: list[dict[str, Any]] = [
        {say("figure"): key, **{name: figures[name].get(key) for name in chosen}}
        for key in sorted({key for one in figures.values() for key in one})
    ]
    if rows:
        st.dataframe(rows, hide_index=True, key="compare-table")
    elif chosen:
        st.caption(say("compare_none"))


def _adapters(chatbot: ChatbotSettings) -> None:
    rows = adapter_rows(chatbot.home)
    if not rows:
        st.info(say("adapters_none"), icon=":material/extension:")
        return
    st.caption(say("adapters_line"))
    for row in rows:
        with st.container(border=True):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                if row.live:
                    st.badge(say("live"), color="green", icon=":material/bolt:")
                st.markdown(f"**{plain(row.name)}** · {plain(row.version)}", width="content")
                st.caption(_day(row.created), width="content")
            if row.metrics:
                st.caption(plain(" · ".join(f"{key} {value:.3f}" for key, value in list(row.metrics.items())[:6])))
            if not row.live and row.own and st.button(say("promote"), key=f"promote-{row.name}-{row.version}"):
                promote(chatbot.home, row.name, row.version)
                say_later(say("promoted"))
            if row.live and row.own and st.button(say("roll_back"), key=f"back-{row.name}-{row.version}"):
                roll_back(chatbot.home, row.name)
                say_later(say("rolled_back"))


def _day(when: datetime | str | None) -> str:
    return str(when or "")[:16].replace("T", " ")


def _last_words(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.exists() else []
    return shorten(lines[-1], 240) if lines else ""


if __name__ == "__main__":
    with one_sentence():
        draw()
