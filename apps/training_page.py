"""What the training pages of all leaves share: start a run, watch it, compare runs, promote a version or go back.

A button starts the very command of the terminal as a process of its own; the page only reads run folders, so that a
rerun, a reload or a closed browser stops nothing. Knows no leaf: its name, its home and its words come in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import altair as alt
import streamlit as st

from apps import run_view
from apps.figure_words import figure_name
from apps.page_parts import language, one_sentence, percent, plain, say_later, shorten
from apps.run_view import AdapterRow
from core import runs
from core.runs import Run

RUN_WORDS: dict[str, tuple[str, str]] = {  # English, Chinese; a leaf lays its own over them
    "section_runs": ("Runs", "训练"),
    "section_compare": ("Compare", "对比"),
    "section_adapters": ("Adapters", "适配器"),
    "train_what": ("What to train", "训练对象"),
    "train_steps": ("Most steps (0: no limit)", "最多步数（0 表示不限）"),
    "train_steps_help": (
        "0: no limit, the whole training. A small number is for a quick try.",
        "0 表示不限，完成整个训练；较小的步数可用于快速试验。",
    ),
    "train_go": ("Start training", "开始训练"),
    "train_started": ("Training has started; this page watches it.", "训练已开始，可在本页查看。"),
    "train_starting": ("Starting …", "正在启动……"),
    "train_failed": ("The training stopped: {why}", "训练中断：{why}"),
    "runs_none": ("No runs yet.", "还没有训练记录。"),
    "run_running": ("running", "进行中"),
    "run_done": ("done", "完成"),
    "run_failed": ("failed", "失败"),
    "run_killed": ("stopped", "已停止"),
    "run_interrupted": ("interrupted", "已中断"),
    "doing_training": ("training", "训练中"),
    "doing_tuning": ("tuning", "调参中"),
    "doing_embedding": ("embedding", "计算向量"),
    "doing_layers_below": ("layers below", "计算底层"),
    "doing_asking": ("asking", "测评中"),
    "doing_reading": ("reading", "阅读中"),
    "left": ("about {minutes} min left", "约剩 {minutes} 分钟"),
    "step": ("step", "步"),
    "figure": ("Figure", "指标"),
    "adapters_none": ("No adapters yet: train one.", "还没有适配器，请先训练。"),
    "live": ("live", "使用中"),
    "promote": ("Promote", "上线"),
    "promoted": ("Promoted: live from the next start on.", "已上线，下次启动生效。"),
    "roll_back": ("Roll back", "回退"),
    "rolled_back": ("Rolled back: live from the next start on.", "已回退，下次启动生效。"),
}
COLOURS = {"running": "blue", "done": "green", "failed": "red"}
LOOK_S = 2.0
SHOWN_RUNS = 20
SHOWN_FIGURES = 8


@dataclass(frozen=True)
class TrainingPage:
    """Whose training page it is: the leaf's name, where its runs lie, its words by key."""

    app: str
    home: Path
    say: Callable[..., str]

    @property
    def process(self) -> str:
        """Where the visitor's session keeps the training she started."""
        return f"{self.app}-training"

    def runs(self) -> list[Run]:
        """The newest first."""
        return runs.list_runs(self.home, self.app)


def start(page: TrainingPage, fields: Callable[[], Sequence[str]]) -> None:
    """The form that starts a run; ``fields`` draws the leaf's choices and gives the command's words they stand for."""
    say = page.say
    with st.form("train", border=True):
        words = fields()
        busy = any(run.state == "running" for run in page.runs())
        st.caption(f"`trifolium {page.app} {' '.join(words)}`")
        go = st.form_submit_button(say("train_go"), type="primary", icon=":material/play_arrow:", disabled=busy)
    if go:
        st.session_state[page.process] = run_view.start(page.home, page.app, *words)
        say_later(say("train_started"), ":material/play_arrow:")


def what_and_steps(page: TrainingPage, whats: Sequence[str]) -> list[str]:
    """Fields of a form: which model to train, and for how many steps at most; the words of the command."""
    say = page.say
    left, right = st.columns(2)
    what = left.selectbox(say("train_what"), whats, format_func=lambda one: say(f"train_{one}"), key="train-what")
    steps = right.number_input(say("train_steps"), 0, 100_000, 0, help=say("train_steps_help"), key="train-steps")
    return ["train", "--what", what or whats[0], *(["--max-steps", str(int(steps))] if steps else [])]


@st.fragment(run_every=LOOK_S)
def watch(page: TrainingPage) -> None:
    """The runs, the newest with its curve; what a training that did not even begin said last."""
    say = page.say
    with one_sentence(say("unexpected")):
        process = st.session_state.get(page.process)
        ended = None if process is None else process.poll()
        if ended:
            why = shorten(run_view.last_words(page.home, page.app), 240)
            st.error(say("train_failed", why=plain(why)), icon=":material/error:")
        found = page.runs()
        if not found:
            starting = process is not None and ended is None
            st.info(say("train_starting" if starting else "runs_none"), icon=":material/hourglass_empty:")
        for number, run in enumerate(found[:SHOWN_RUNS]):
            with st.container(border=True):
                _run(run, say, newest=number == 0)


def _run(run: Run, say: Callable[..., str], newest: bool) -> None:
    state, status = run.state, run.status
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(say(f"run_{state}"), color=COLOURS.get(state, "gray"))  # type: ignore[arg-type]
        st.markdown(f"**{plain(run.id)}**", width="content")
        st.caption(_minute(str(status.get("started") or "")), width="content")
    if state == "running":
        seen = run_view.progress(run)
        left = f" · {say('left', minutes=max(1, round(seen.left_s / 60)))}" if seen.left_s else ""
        doing = say(f"doing_{seen.stage.replace(' ', '_')}") if seen.stage else say("working")
        st.progress(seen.fraction, text=f"{plain(doing)} · {percent(seen.fraction)}{left}")
    if status.get("error"):
        st.error(plain(shorten(str(status["error"]), 300)), icon=":material/error:")
    points = run_view.curve(run) if newest else []
    if points:
        st.altair_chart(_curve(points, say("step")), key=f"curve-{run.id}")


def _curve(rows: Sequence[tuple[str, int, float]], step: str) -> alt.Chart:
    """Losses of a run by step."""
    import pandas as pd

    named = [(figure_name(metric, language()), at, value) for metric, at, value in rows]
    table = pd.DataFrame(named, columns=["metric", "step", "value"])
    return alt.Chart(table, height=220).mark_line(point={"size": 22}).encode(
        x=alt.X("step:Q", title=step, axis=alt.Axis(tickMinStep=1)),
        y=alt.Y("value:Q", title=None, scale=alt.Scale(zero=False)),
        color=alt.Color("metric:N", legend=alt.Legend(orient="top", title=None, columns=2, labelLimit=280)),
        tooltip=[alt.Tooltip("step:Q", title=step), alt.Tooltip("value:Q", title=" ", format=".4f")],
    )  # fmt: skip


def compare(page: TrainingPage) -> None:
    """Runs side by side, by what differs."""
    say, found = page.say, {run.id: run for run in page.runs()}
    if not found:
        st.info(say("runs_none"), icon=":material/hourglass_empty:")
        return
    chosen = st.multiselect(
        say("section_runs"), list(found), default=list(found)[:2], key="compare-runs", placeholder=say("section_runs")
    )
    table = runs.compare([found[one] for one in chosen])
    rows = [
        {
            say("figure"): figure_name(column, language()),
            **{str(row["run"]): _told(say, row, column) for row in table.rows},
        }
        for column in table.columns
        if column != "run"
    ]
    if chosen:
        st.dataframe(rows, hide_index=True, key="compare-table")


def _told(say: Callable[..., str], row: Mapping[str, Any], column: str) -> str:
    return say(f"run_{row[column]}") if column == "state" else _cell(row[column])


def _cell(value: object) -> str:
    """One type in a column, whatever the row is about."""
    return "" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)


def adapters(page: TrainingPage, rows: Sequence[AdapterRow], base: str = "") -> None:
    """Versions of adapters; one that is promoted must fit ``base`` (else the base it was trained on)."""
    say = page.say
    if not rows:
        st.info(say("adapters_none"), icon=":material/extension:")
        return
    st.caption(say("adapters_line"))
    for row in rows:
        with st.container(border=True), one_sentence(say("unexpected")):
            _adapter(page, row, base or row.base)


def _adapter(page: TrainingPage, row: AdapterRow, base: str) -> None:
    say = page.say
    version(say, row.name, f"{row.version} · {row.base} · {_minute(row.created)}", row.live, row.metrics)
    key = f"{row.name}-{row.version}"
    if not row.live and st.button(say("promote"), key=f"promote-{key}", icon=":material/publish:"):
        run_view.promote(page.home, base, row.name, row.version)
        say_later(say("promoted"))
    if row.live and row.can_return and st.button(say("roll_back"), key=f"back-{key}", icon=":material/undo:"):
        run_view.roll_back(page.home, row.name)
        say_later(say("rolled_back"))


def version(say: Callable[..., str], name: str, line: str, live: bool, figures: Mapping[str, Any]) -> None:
    """The head of a version that can be promoted: whether it is live, its name, a line about it, its figures."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if live:
            st.badge(say("live"), color="green", icon=":material/bolt:")
        st.markdown(f"**{plain(name)}**", width="content")
        st.caption(plain(line), width="content")
    if figures:
        shown = list(figures.items())[:SHOWN_FIGURES]
        told = (f"{figure_name(key, language())} {value:.3f}" for key, value in shown)
        st.caption(plain((" · " if language() == "en" else "；").join(told)))


def _minute(written: str) -> str:
    """An ISO time as people write it, to the minute."""
    return written[:16].replace("T", " ")
