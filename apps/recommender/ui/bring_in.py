"""Bringing files of items and events in, with the report line by line."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from apps.page_parts import Job, as_paths, contents, keep, language, listed, plain, watch_job, wrapped_table
from apps.recommender.answers import IngestReport
from apps.recommender.ui.shared import say
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
    keep("files-kind")  # the form is away while a job runs
    job: Job[IngestReport] | None = st.session_state.get(JOB)
    if job is not None and not job.done:
        watch_job(JOB, say("working"))
        return
    if job is not None:
        _show(job)
    with st.form("bring-in", border=True):
        files = st.file_uploader(say("files"), TYPES, accept_multiple_files=True, help=say("files_help"))
        kind = st.selectbox(say("files_kind"), KINDS, format_func=lambda one: say(f"kind_{one}"), key="files-kind")
        if st.form_submit_button(say("files_go"), type="primary", icon=":material/upload:"):
            if files:
                pairs = contents(files)
                st.session_state[JOB] = Job(lambda listen: _ingest(shop, pairs, kind, listen), say("unexpected"))
                st.rerun()
            st.warning(say("files_none"))


def _ingest(shop: "RecommenderService", files: Sequence[tuple[str, bytes]], kind: Any, listen: OnEvent) -> IngestReport:
    with as_paths(files) as paths:
        return shop.ingest(paths, kind, None, listen)


def _show(job: Job[IngestReport]) -> None:
    with st.container(border=True, key="report"):
        if job.error or job.result is None:
            st.error(plain(in_language(job.error, language())), icon=":material/error:")
            return
        report = job.result
        if report.failed:
            st.error(say("report_failed", files=plain(listed(report.failed))), icon=":material/error:")
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
        if report.without_price:
            st.caption(say("without_price", n=report.without_price))
        if report.zoneless:
            st.caption(say("zoneless", n=report.zoneless))
        rows = [
            {
                say("problem_file"): one.source,
                say("problem_line"): str(one.line or say("whole_file")),
                say("problem_why"): in_language(one.reason, language()),
            }
            for one in report.problems[:SHOWN_PROBLEMS]
        ]
        if rows:
            wrapped_table(rows, say("problem_why"))
