"""Bringing knowledge in: files of three kinds or pasted text, with the report line by line."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from apps.chatbot.records import IngestReport, RowProblem
from apps.chatbot.ui.shared import say, unused_thresholds
from apps.page_parts import Job, as_paths, contents, keep, language, listed, plain, watch_job, wrapped_table
from core.events import OnEvent
from core.reasons import alike, in_language

if TYPE_CHECKING:
    from apps.chatbot.service import ChatbotService

JOB = "ingest_job"
KINDS = ("auto", "faq", "documents", "dialogues")
TYPES = ["csv", "xlsx", "jsonl", "md", "txt", "html", "htm", "pdf", "docx"]
SHOWN_PROBLEMS = 500
FIRST_LINES = 5  # of those that share a reason


def upload(bot: "ChatbotService") -> None:
    """The form, then the progress, then the report."""
    keep("upload-kind", "upload-language")  # the form is away while a job runs
    job: Job[IngestReport] | None = st.session_state.get(JOB)
    if job is not None and not job.done:
        watch_job(JOB, say("working"))
        return
    if job is not None:
        _show(job)
        if not job.error:
            unused_thresholds(bot)
    with st.form("upload", border=True):
        files = st.file_uploader(say("upload_files"), TYPES, accept_multiple_files=True, help=say("upload_help"))
        left, right = st.columns(2)
        kind = left.selectbox(
            say("upload_kind"), KINDS, format_func=lambda name: say(f"upload_{name}"), key="upload-kind"
        )
        tongue = _language(right, "upload-language")
        if st.form_submit_button(say("upload_go"), type="primary", icon=":material/upload:"):
            if files:
                pairs = contents(files)
                _start(lambda listen: _ingest(bot, pairs, kind, tongue, listen))
            st.warning(say("upload_none"))
    with st.expander(say("paste"), icon=":material/content_paste:"), st.form("paste", border=False):
        title = st.text_input(say("paste_title"), key="paste-title")
        text = st.text_area(say("paste_text"), key="paste-text", height=180)
        if st.form_submit_button(say("paste_go")):
            if title.strip() and text.strip():
                _start(lambda listen: bot.ingest_text(title.strip(), text))
            st.warning(say("paste_both"))


def _language(place: Any, key: str) -> str | None:
    options = ("auto", "en", "zh")  # None would be drawn as nothing chosen when it is kept
    chosen = place.selectbox(say("upload_language"), options, format_func=lambda name: say(f"lang_{name}"), key=key)
    return None if chosen == "auto" else str(chosen)


def _start(work: Any) -> None:
    st.session_state[JOB] = Job(work, say("unexpected"))
    st.rerun()


def _ingest(
    bot: "ChatbotService", files: list[tuple[str, bytes]], kind: Any, language: str | None, listen: OnEvent
) -> IngestReport:
    with as_paths(files) as paths:
        return bot.ingest(paths, kind=kind, language=language, on_event=listen)


def _show(job: Job[IngestReport]) -> None:
    with st.container(border=True, key="report"):
        if job.error or job.result is None:
            st.error(plain(in_language(job.error, language())), icon=":material/error:")
            return
        report = job.result
        if report.failed:
            st.error(say("report_failed", files=plain(listed(report.failed))), icon=":material/error:")
        counts = {name: getattr(report, name) for name in ("added", "updated", "unchanged")}
        counts |= {"merged": len(report.merged), "problems": report.bad_rows}
        for column, (name, count) in zip(st.columns(len(counts)), counts.items(), strict=True):
            column.metric(say(f"report_{name}"), count)
        if report.problems:
            _rows(report.problems, "problem_why")
        if report.noted:
            st.warning(say("noted_rows", n=len(report.noted)), icon=":material/flag:")
            _rows(report.noted, "noted_why")
        if report.merged:
            with st.expander(say("merged_rows"), icon=":material/merge:"):
                _rows(report.merged, "merged_why")


def _rows(problems: Sequence[RowProblem], heading: str) -> None:
    """A line for each file and reason."""
    shown = [
        {
            say("problem_file"): one.source,
            say("problem_line"): _lines(one.lines),
            say(heading): in_language(one.reason, language()),
        }
        for one in alike(problems)[:SHOWN_PROBLEMS]
    ]
    wrapped_table(shown, say(heading))


def _lines(lines: Sequence[int]) -> str:
    if not lines[0]:
        return say("whole_file")
    told = listed(str(line) for line in lines[:FIRST_LINES])
    return told if len(lines) <= FIRST_LINES else say("lines_more", lines=told, n=len(lines))
