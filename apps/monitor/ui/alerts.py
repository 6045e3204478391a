"""The alerts page: the list by state and severity, each alert with its whole story and actions, silences.

The list is live, and stands still while an alert is open. ``?alert=ID`` shows one alert alone.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import streamlit as st

from apps.monitor.alert_records import Severity, Silence
from apps.monitor.ui.alert_view import SILENCES_H, alert_body, alert_title
from apps.monitor.ui.kept_list import kept_list, waiting_line
from apps.monitor.ui.shared import (
    LIVE_S,
    clock_line,
    company_choice,
    company_name,
    head,
    none_yet,
    one_sentence,
    rule_name,
    say,
    service,
    topic_choice,
    topic_name,
)
from apps.page_parts import choose, moment, plain, say_later

if TYPE_CHECKING:
    from apps.monitor.service import MonitorService

PAGE = 15
LATELY = 8
SECTION = "alerts_section"
LINKED = "alert"  # the id, in an address such as messages carry


def draw() -> None:
    """Head, sections, the open one."""
    watch = service()
    head(watch, "alerts")
    if st.query_params.get(LINKED):
        st.button(say("alerts_back"), icon=":material/arrow_back:", key="alerts-back", on_click=_forget_link)
        _linked()
        return
    # no numbers in the tabs: they are drawn once, while the list below goes on by itself
    sections = {name: say(f"section_{name}") for name in ("open", "all", "silences")}
    if choose(SECTION, sections, say("section")) == "silences":
        _silences(watch)
    else:
        _filters(watch)
        _live()


def _forget_link() -> None:
    st.query_params.pop(LINKED, None)


@st.fragment(run_every=LIVE_S)
def _linked() -> None:
    """The one alert that the link in a message leads to."""
    with one_sentence():
        watch = service()
        clock_line(watch)
        view = watch.alert(str(st.query_params.get(LINKED)))
        st.markdown(alert_title(watch, view.alert))
        alert_body(watch, view)


def _filters(watch: "MonitorService") -> None:
    left, right = st.columns(2)
    severities = ["", *Severity]
    left.selectbox(say("severity"), severities, key="alerts-severity", label_visibility="collapsed",
                   format_func=lambda one: say(f"severity_{one}" if one else "severity_all"))  # fmt: skip
    right.selectbox(say("company"), ["", *watch.companies()], key="alerts-company", label_visibility="collapsed",
                    format_func=lambda one: company_choice(watch, one))  # fmt: skip


@st.fragment(run_every=LIVE_S)
def _live() -> None:
    with one_sentence():
        watch = service()
        clock_line(watch)
        page = int(st.session_state.get("alerts-page", 0))
        open_only = st.session_state.get(SECTION, "open") != "all"
        severity = st.session_state.get("alerts-severity") or ""
        company = st.session_state.get("alerts-company") or ""
        found = watch.alerts(
            severity=severity, company=company, open_only=open_only, limit=PAGE + 1, offset=page * PAGE
        )
        asked = (open_only, severity, company, page)
        shown = kept_list("alerts-shown", asked, [one.id for one in found], PAGE, _key)
        if not shown.ids:
            none_yet(watch, "alerts_none", ":material/task_alt:", "alerts_coming", good=True)
        waiting_line(shown)
        _list(watch, shown.ids)
        pager("alerts-page", page, shown.older)
        if open_only:
            _lately(watch, shown.ids)


def _list(watch: "MonitorService", ids: Sequence[str]) -> None:
    for one in watch.alerts_of(ids):
        with st.expander(alert_title(watch, one), key=_key(one.id), on_change="rerun") as shown, one_sentence():
            if shown.open:
                alert_body(watch, watch.alert(one.id))


def _key(alert_id: str) -> str:
    return f"alert-{alert_id}"


def _lately(watch: "MonitorService", above: Sequence[str]) -> None:
    """With nothing open, the latest that are over: what the monitor has seen. One that is being read stays."""
    over = [one.id for one in watch.alerts(limit=LATELY) if not one.is_open and one.fired_at]
    shown = kept_list("alerts-lately", None, over, LATELY, _key)
    ids = [one for one in shown.ids if one not in above]
    if ids and (shown.held or not above):
        st.caption(say("alerts_lately"))
        _list(watch, ids)


def pager(key: str, page: int, more: bool) -> None:
    """Buttons to the newer and the older page; none when everything fits on one."""
    if not page and not more:
        return
    with st.container(horizontal=True):
        if st.button(say("newer"), key=f"{key}-newer", disabled=not page, icon=":material/chevron_left:"):
            st.session_state[key] = page - 1
            st.rerun()
        if st.button(say("older"), key=f"{key}-older", disabled=not more, icon=":material/chevron_right:"):
            st.session_state[key] = page + 1
            st.rerun()


def _silences(watch: "MonitorService") -> None:
    _new_silence(watch)
    found = watch.silences()
    if not found:
        st.info(say("silences_none"), icon=":material/notifications:")
    for one in found:
        with st.container(border=True, horizontal=True, vertical_alignment="center"), one_sentence():
            st.markdown(f"**{plain(_covered(watch, one))}**", width="content")
            st.caption(say("silence_until", time=moment(one.until), by=plain(one.by)), width="content")
            if one.reason:
                st.caption(plain(one.reason), width="content")
            if st.button(say("silence_end"), key=f"end-{one.id}"):
                watch.end_silence(one.id, st.session_state.get("acting") or say("nobody"))
                say_later(say("silence_ended"))


def _covered(watch: "MonitorService", one: Silence) -> str:
    """What a silence mutes, each part with its kind: a rule and a company may share a name."""
    named = {
        "company": company_name(watch, one.company) if one.company else "",
        "topic": topic_name(one.topic) if one.topic else "",
        "source": one.source,
        "rule": rule_name(one.rule),
    }
    parts = [say(f"silenced_{kind}", name=name) for kind, name in named.items() if name]
    return " · ".join(parts) or say("everything")


def _new_silence(watch: "MonitorService") -> None:
    with st.expander(say("silence_new"), icon=":material/add:"), st.form("silence", border=False):
        first = st.columns(3)
        company = first[0].selectbox(say("company"), ["", *watch.companies()], key="silence-company",
                                     format_func=lambda one: company_choice(watch, one))  # fmt: skip
        topic = first[1].selectbox(say("topic"), ["", *watch.topics()], key="silence-topic",
                                   format_func=topic_choice)  # fmt: skip
        rule = first[2].text_input(say("silence_rule"), key="silence-rule")
        second = st.columns(3)
        hours = second[0].selectbox(
            say("silence_for"), SILENCES_H, key="silence-hours", format_func=lambda n: say("hours", n=n)
        )
        begins = second[1].number_input(say("silence_from"), 0, 24 * 60, 0, key="silence-from")
        by = second[2].text_input(say("who"), st.session_state.get("acting", ""), key="silence-who", max_chars=80)
        reason = st.text_input(say("silence_reason"), key="silence-reason", max_chars=2000)
        pressed = st.form_submit_button(say("act_silence"), type="primary", icon=":material/notifications_paused:")
        with one_sentence():
            if pressed:
                start = watch.clock() + timedelta(hours=int(begins))
                watch.silence(by.strip() or say("nobody"), start + timedelta(hours=int(hours)), reason.strip(),
                              rule.strip(), company or "", topic or "", start=start)  # fmt: skip
                say_later(say("silence_made"))


if __name__ == "__main__":
    with one_sentence():
        draw()
