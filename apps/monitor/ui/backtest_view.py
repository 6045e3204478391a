"""Rules run over the stored past: the form, the report beside known incidents, two sets compared, the switch."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from apps.monitor.alert_records import BacktestReport, Incident, Transition
from apps.monitor.starting import read_incidents
from apps.monitor.ui.alert_view import reason
from apps.monitor.ui.rule_words import DRAFT
from apps.monitor.ui.shared import company_name, one_sentence, rule_name, say, series_name, topic_name
from apps.page_parts import Job, moment, percent, plain, say_later, watch_job
from core.events import OnEvent

if TYPE_CHECKING:
    from apps.monitor.service import MonitorService

ONE, TWO = "backtest-job", "compare-job"
DRAFTED = "draft"
DAYS = (7, 14, 30, 90, 365)
FIRST_DAYS = 30
SHOWN_FIGURES = 5


@dataclass(frozen=True)
class RuleChoice:
    """A rule set to try: its name on the page, its text, and its version when it is a saved one."""

    name: str
    toml: str
    version: int | None


@dataclass(frozen=True)
class Tried:
    """A rule set and what it did."""

    rules: RuleChoice
    report: BacktestReport


def backtest(watch: "MonitorService") -> None:
    """One rule set: the form, the progress, the report."""
    st.caption(say("backtest_line"))
    if _running(ONE):
        return
    with st.form("backtest", border=True):
        left, right = st.columns(2)
        with left:
            chosen = _choose_rules(watch, "backtest-rules", 0)
        with right:
            days = _choose_days("backtest-days")
        known = _choose_incidents(watch, "backtest-incidents")
        if st.form_submit_button(say("backtest_go"), type="primary", icon=":material/play_arrow:"):
            _start(ONE, watch, [chosen], days, known())
    for tried in _finished(ONE):
        with st.container(border=True):
            _report(watch, tried)


def compare(watch: "MonitorService") -> None:
    """Two rule sets over the same days, side by side, and the switch to either."""
    st.caption(say("compare_line"))
    if _running(TWO):
        return
    with st.form("compare", border=True):
        first, second, third = st.columns(3)
        with first:
            one = _choose_rules(watch, "compare-first", 0, say("compare_first"))
        with second:
            two = _choose_rules(watch, "compare-second", 1, say("compare_second"))
        with third:
            days = _choose_days("compare-days")
        known = _choose_incidents(watch, "compare-incidents")
        if st.form_submit_button(say("compare_go"), type="primary", icon=":material/compare_arrows:"):
            _start(TWO, watch, [one, two], days, known())
    tried = _finished(TWO)
    if tried:
        _side_by_side(watch, tried)


def _choose_rules(watch: "MonitorService", key: str, at: int, label: str = "") -> RuleChoice:
    saved = watch.rule_versions()
    options = [RuleChoice(_version_name(one.version, one is saved[0]), one.toml, one.version) for one in saved]
    draft = st.session_state.get(DRAFT)
    if draft and draft != saved[0].toml:
        options.insert(1, RuleChoice(say("version_draft"), str(draft), None))
    chosen = st.selectbox(label or say("backtest_rules"), range(len(options)), min(at, len(options) - 1), key=key,
                          format_func=lambda number: options[number].name)  # fmt: skip
    return options[chosen or 0]


def _version_name(version: int, in_use: bool) -> str:
    return say("version", n=version) + (f" ({say('version_in_use')})" if in_use else "")


def _choose_days(key: str) -> int:
    days = st.selectbox(say("backtest_days"), DAYS, DAYS.index(FIRST_DAYS), key=key)
    return int(days or FIRST_DAYS)


def _choose_incidents(watch: "MonitorService", key: str) -> Callable[[], Sequence[Incident]]:
    """A file of incidents, or those known here; read when the form is sent."""
    file = st.file_uploader(say("backtest_incidents"), ["jsonl"], key=key, help=say("backtest_incidents_own"))
    return lambda: _read(file.getvalue()) if file else watch.incidents()


def _read(content: bytes) -> Sequence[Incident]:
    with tempfile.TemporaryDirectory(prefix="trifolium-") as folder:
        path = Path(folder) / "incidents.jsonl"
        path.write_bytes(content)
        return read_incidents(path)


def _start(key: str, watch: "MonitorService", sets: Sequence[RuleChoice], days: int, known: Sequence[Incident]) -> None:
    until = watch.clock()
    since = until - timedelta(days=days)

    def work(listen: OnEvent) -> list[Tried]:
        return [Tried(one, watch.backtest(one.toml, since, until, known, listen)) for one in sets]

    st.session_state[key] = Job(work, say("unexpected"))
    st.rerun()


def _running(key: str) -> bool:
    job = st.session_state.get(key)
    if isinstance(job, Job) and not job.done:
        watch_job(key, say("working"))
        return True
    return False


def _finished(key: str) -> list[Tried]:
    """What the last job found; its failure is shown as one sentence."""
    job: Job[list[Tried]] | None = st.session_state.get(key)
    if job is None:
        return []
    if job.error:
        st.error(plain(job.error), icon=":material/error:")
    return job.result or []


def _report(watch: "MonitorService", tried: Tried) -> None:
    report = tried.report
    st.markdown(f"**{plain(tried.rules.name)}**")
    st.caption(f"{moment(report.start)} – {moment(report.end)}  ·  {report.stories:,} {say('stories')}")
    with st.container(horizontal=True):
        for label, value in _figures(report)[:SHOWN_FIGURES]:
            st.metric(label, value, border=True)
    if report.outside:
        st.caption(say("backtest_outside", n=report.outside))
    if report.incidents:
        _incidents(watch, report)
    else:
        st.info(say("backtest_unlabelled"), icon=":material/info:")
    if report.firings:
        _firings(watch, report)


def _figures(report: BacktestReport) -> list[tuple[str, str]]:
    found = sum(one.at is not None for one in report.incidents)
    known = bool(report.incidents)
    delay = report.median_delay_s
    return [
        (say("backtest_found"), f"{found} / {len(report.incidents)}" if known else "–"),
        (say("backtest_missed"), str(len(report.missed)) if known else "–"),
        (say("backtest_false"), f"{report.false_alarms_per_week:.1f}" if known else "–"),
        (say("backtest_delay"), "–" if delay is None else _delay(delay)),
        (say("backtest_alerts"), str(len(report.firings))),
        (say("backtest_recall"), "–" if report.recall is None else percent(report.recall)),
        (say("figure_outside"), str(report.outside)),
    ]


def _delay(seconds: float) -> str:
    return say("minutes", n=round(seconds / 60)) if seconds < 7200 else say("hours", n=round(seconds / 3600, 1))


def _incidents(watch: "MonitorService", report: BacktestReport) -> None:
    st.dataframe(
        [
            {
                say("incident_found"): say("incident_missed") if one.delay_s is None else _delay(one.delay_s),
                say("company"): company_name(watch, one.incident.company),
                say("topic"): topic_name(one.incident.topic) if one.incident.topic else "–",
                say("from"): moment(one.incident.start),
                say("incident"): one.incident.what or one.incident.id,
            }
            for one in report.incidents
        ],
        hide_index=True,
    )


def _firings(watch: "MonitorService", report: BacktestReport) -> None:
    false = {(one.alert_id, one.at) for one in report.false_alarms} if report.incidents else set()
    with st.expander(f"{say('backtest_alerts')} ({len(report.firings)})"):
        st.dataframe([_firing(watch, one, (one.alert_id, one.at) in false) for one in report.firings], hide_index=True)


def _firing(watch: "MonitorService", one: Transition, false: bool) -> dict[str, str]:
    return {
        say("history_time"): moment(one.at),
        say("section_rules"): rule_name(one.rule),
        say("mover_what"): series_name(watch, one.key),
        say("alert_why"): reason(one.evidence) if one.evidence else "",
        " ": say("act_false_alarm") if false else "",
    }


def _side_by_side(watch: "MonitorService", tried: Sequence[Tried]) -> None:
    shown = [_figures(one.report) for one in tried]
    names = [f"{number}. {one.rules.name}" for number, one in enumerate(tried, 1)]  # the same set twice has one name
    rows = [
        {say("figure"): label, **{name: figures[row][1] for name, figures in zip(names, shown, strict=True)}}
        for row, (label, _) in enumerate(shown[0])
    ]
    st.dataframe(rows, hide_index=True, key="compare-table")
    with st.container(horizontal=True), one_sentence():
        for one in tried:
            version = one.rules.version
            if version is None or version == watch.rules().version:
                continue
            if st.button(say("compare_switch", version=version), key=f"switch-{version}", icon=":material/swap_horiz:"):
                made = watch.use_rules(version, st.session_state.get("acting") or say("nobody"))
                say_later(say("edit_used", version=made.version))
