"""Adding a source by form, and taking in a file at once, with the report row by row."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

import streamlit as st

from apps.monitor.intake_records import IngestReport, Preview, RowProblem
from apps.monitor.layouts import Layout, columns_from
from apps.monitor.row_columns import NAMES
from apps.monitor.source_files import whole
from apps.monitor.source_records import Source, SourceKind
from apps.monitor.ui.shared import has_words, late_words, one_sentence, say
from apps.page_parts import Job, language, moment, plain, say_later, shorten, watch_job, wrapped_table
from core.dates import DateOrder
from core.reasons import in_language

if TYPE_CHECKING:
    from apps.monitor.service import MonitorService

JOB = "take-in-job"
KINDS = (SourceKind.RSS, SourceKind.PAGE, SourceKind.FILE, SourceKind.FOLDER, SourceKind.PUSH, SourceKind.REDIS)
FIRST_ZONES = ("UTC", "Asia/Shanghai", "Asia/Hong_Kong", "Asia/Singapore", "Europe/London", "America/New_York")
SHOWN_PROBLEMS = 200


def new_source(watch: "MonitorService") -> None:
    """The form of a new source, or of an old one by its name."""
    with st.expander(say("source_add"), icon=":material/add:"):
        kind = SourceKind(st.segmented_control(
            say("source_kind"), KINDS, default=SourceKind.RSS, required=True, key="source-kind",
            format_func=lambda one: say(f"source_kind_{one}")) or SourceKind.RSS)  # fmt: skip
        with st.form("source", border=False):
            left, right = st.columns([1, 2])
            name = left.text_input(say("name"), key="source-name", max_chars=80)
            address = right.text_input(say("source_address"), key="source-address", disabled=kind is SourceKind.PUSH)
            first, second, third = st.columns(3)
            zones = [*FIRST_ZONES, *sorted(available_timezones() - set(FIRST_ZONES))]
            zone = first.selectbox(say("source_zone"), zones, key="source-zone")
            every = second.number_input(say("source_every"), 1, 86_400, 300, key="source-every")
            silent = third.number_input(say("source_silent"), 0, 60 * 24 * 30, 0, key="source-silent",
                                        help=say("form_after_help"))  # fmt: skip
            columns, dates = _layout_fields("source")
            pressed = st.form_submit_button(say("save"), type="primary", icon=":material/save:")
        with one_sentence():
            if pressed:
                watch.save_source(Source(
                    name.strip(), kind, "" if kind is SourceKind.PUSH else address.strip(), zone or "UTC",
                    every_s=float(every), silent_after_s=float(silent) * 60 or None,
                    columns=columns_from(columns), dates=dates))  # fmt: skip
                say_later(say("source_added"))


def _layout_fields(key: str) -> tuple[str, DateOrder]:
    """Two fields of a form: names of columns, and what dates in numbers begin with."""
    left, right = st.columns([2, 1])
    columns = left.text_input(say("source_columns"), key=f"{key}-columns", placeholder="title=headline, text=body",
                              help=say("source_columns_help", fields=", ".join(NAMES)))  # fmt: skip
    orders = {one.value: say(f"date_order_{one}") for one in DateOrder}
    dates = right.selectbox(say("source_dates"), list(orders), key=f"{key}-dates", help=say("source_dates_help"),
                            format_func=orders.__getitem__)  # fmt: skip
    return columns, DateOrder(dates or "")


def take_in(watch: "MonitorService") -> None:
    """A file of items read at once in a thread; then what became of its rows."""
    job: Job[IngestReport] | None = st.session_state.get(JOB)
    if job is not None and not job.done:
        watch_job(JOB, say("working"))
        return
    with st.expander(say("upload"), icon=":material/upload:", expanded=job is not None):
        if job is not None:
            _show(job)
        with st.form("take-in", border=False):
            file = st.file_uploader(say("upload_file"), ["jsonl", "csv", "tsv", "json"], help=say("upload_help"))
            name = st.text_input(say("source"), key="take-in-source", max_chars=80, placeholder=say("upload_source"))
            columns, dates = _layout_fields("take-in")
            with st.container(horizontal=True):
                go = st.form_submit_button(say("upload_go"), type="primary", icon=":material/upload:")
                look = st.form_submit_button(say("upload_look"), icon=":material/visibility:")
        if file is None:
            if go or look:
                st.warning(say("upload_none"))
        elif go or look:
            with one_sentence():
                layout = Layout(columns_from(columns), dates)
                _act(watch, str(file.name), file.getvalue(), name.strip() or Path(file.name).stem, layout, look)


def _act(watch: "MonitorService", file: str, content: bytes, source: str, layout: Layout, look: bool) -> None:
    """Takes the file in behind the page, or shows what it would be taken for."""
    if look:
        _preview(watch.preview_rows(whole(file, content), source, layout=layout))
        return
    st.session_state[JOB] = Job(
        lambda listen: watch.ingest_rows(whole(file, content), source=source, on_event=listen, layout=layout),
        say("unexpected"),
    )
    st.rerun()


def _preview(seen: Preview) -> None:
    """The columns, the first items, the rows that could not be taken."""
    st.info(say("preview", n=seen.report.added, m=seen.report.dropped), icon=":material/visibility:")
    columns = (say("history_time"), say("source"), say("preview_title"), say("preview_text"))
    rows = [
        (moment(one.published_at) if one.published_at else "–", one.source, *map(_or_none, (one.title, one.text)))
        for one in seen.items
    ]
    if rows:
        st.dataframe([dict(zip(columns, row, strict=True)) for row in rows], hide_index=True)
    _details(seen.report)


def _or_none(text: str) -> str:
    """A text in a cell; one that is empty is said to be."""
    return shorten(text) or say("preview_none")


def _show(job: Job[IngestReport]) -> None:
    if job.error or job.result is None:
        st.error(plain(in_language(job.error, language())), icon=":material/error:")
        return
    report = job.result
    with st.container(horizontal=True, key="take-in-report"):
        for name in ("added", "duplicates", "late", "dropped"):
            about = say(f"report_{name}_help", late=late_words()) if has_words(f"report_{name}_help") else None
            st.metric(say(f"report_{name}"), getattr(report, name), help=about)
    _details(report)


def _details(report: IngestReport) -> None:
    """Which columns were taken for what, the rows not taken, the dates and reaches not used."""
    taken = [one if names == (one,) else f"{one} ← {', '.join(names)}" for one, names in report.columns.items()]
    if taken or report.unused:
        used, unused = ", ".join(taken) or "–", ", ".join(report.unused) or "–"
        st.caption(plain(say("report_columns", used=used, unused=unused)))
    for order in report.date_orders:
        st.caption(say("report_dates", order=say(f"date_order_{order}")))
    if report.zoneless:
        st.caption(say("zoneless", n=report.zoneless))
    _rows(report.problems)
    if report.undated:
        st.caption(say("report_undated", n=report.undated))
    if report.date_problems:
        columns = (say("problem_row"), say("undated_date"), say("undated_why"))
        doubted = [(one.row, one.value, say(f"date_{one.why}")) for one in report.date_problems]
        wrapped_table([dict(zip(columns, row, strict=True)) for row in doubted[:SHOWN_PROBLEMS]], say("undated_why"))
    _rows(report.reach_problems)


def _rows(problems: Sequence[RowProblem]) -> None:
    """Where rows stand and what is the matter with them, the first ones."""
    told = [(one.row, in_language(one.reason, language())) for one in problems[:SHOWN_PROBLEMS]]
    if told:
        wrapped_table([{say("problem_row"): row, say("problem_why"): why} for row, why in told], say("problem_why"))
