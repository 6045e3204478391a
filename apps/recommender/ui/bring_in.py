"""Bringing files of items and events in, with the report line by line."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from apps.page_parts import Job, as_paths, contents, keep, language, listed, plain, watch_job, wrapped_table
from apps.recommender.answers import IngestReport, RowProblem
from apps.recommender.ui.shared import say
from core.dates import DateOrder
from core.events import OnEvent
from core.reasons import in_language

if TYPE_CHECKING:
    from apps.recommender.service import RecommenderService

JOB = "ingest_job"
KINDS = ("auto", "items", "events")
TYPES = ["csv", "tsv", "jsonl", "parquet", "gz", "inter", "item"]
SHOWN_PROBLEMS = 500


def bring_in(shop: "RecommenderService") -> None:
    """The form, then the progress, then the report."""
    keep("files-kind", "files-dates")  # the form is away while a job runs
    job: Job[IngestReport] | None = st.session_state.get(JOB)
    if job is not None and not job.done:
        watch_job(JOB, say("working"))
        return
    if job is not None:
        _show(job)
    with st.form("bring-in", border=True):
        files = st.file_uploader(say("files"), TYPES, accept_multiple_files=True, help=say("files_help"))
        kind = st.selectbox(say("files_kind"), KINDS, format_func=lambda one: say(f"kind_{one}"), key="files-kind")
        dates = _date_order()
        if st.form_submit_button(say("files_go"), type="primary", icon=":material/upload:"):
            if files:
                pairs = contents(files)
                st.session_state[JOB] = Job(lambda listen: _ingest(shop, pairs, kind, dates, listen), say("unexpected"))
                st.rerun()
            st.warning(say("files_none"))


def _date_order() -> DateOrder:
    orders = [one.value for one in DateOrder]
    chosen = st.selectbox(
        say("files_dates"),
        orders,
        format_func=lambda one: say(f"dates_{one}"),
        key="files-dates",
        help=say("files_dates_help"),
    )
    return DateOrder(chosen or "")


def _ingest(
    shop: "RecommenderService", files: Sequence[tuple[str, bytes]], kind: Any, dates: DateOrder, listen: OnEvent
) -> IngestReport:
    with as_paths(files) as paths:
        return shop.ingest(paths, kind, None, listen, dates)


def _show(job: Job[IngestReport]) -> None:
    with st.container(border=True, key="report"):
        if job.error or job.result is None:
            st.error(plain(in_language(job.error, language())), icon=":material/error:")
            return
        report = job.result
        if report.failed:
            st.error(say("report_failed", files=plain(listed(report.failed))), icon=":material/error:")
        _figures(report)
        for use in report.uses:
            if told := use.told():
                st.caption(f"**{plain(use.source)}**: {plain(in_language(told, language()))}")
        if report.zoneless:
            st.caption(say("zoneless", n=report.zoneless))
        if report.problems:
            _rows(report.problems, "problem_why")
        if report.noted:
            st.warning(say("noted_rows"), icon=":material/flag:")
            _rows(report.noted, "noted_why")


def _figures(report: IngestReport) -> None:
    figures = (
        ("report_items", report.items.added),
        ("report_updated", report.items.updated),
        ("report_events", report.events.added),
        ("report_problems", report.bad_rows),
    )
    for column, (name, value) in zip(st.columns(len(figures)), figures, strict=True):
        column.metric(say(name), f"{value:,}")
    if same := report.items.unchanged + report.events.known:
        st.caption(say("report_same", n=same))


def _rows(problems: Sequence[RowProblem], heading: str) -> None:
    shown = [
        {
            say("problem_file"): one.source,
            say("problem_line"): str(one.line or say("whole_file")),
            say(heading): in_language(one.reason, language()),
        }
        for one in problems[:SHOWN_PROBLEMS]
    ]
    wrapped_table(shown, say(heading))
