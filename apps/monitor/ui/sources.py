"""The sources page: who is heard and who is not, add and pause sources, take in a file, where alerts are sent."""

from datetime import timedelta
from typing import TYPE_CHECKING

import streamlit as st

from apps.monitor.alert_records import Delivery
from apps.monitor.source_records import Health, Source, SourceHealth, SourceKind, doubted_dates
from apps.monitor.ui.kept_list import kept_list, waiting_line
from apps.monitor.ui.shared import (
    LIVE_S,
    clock_line,
    head,
    late_words,
    length_words,
    none_yet,
    one_sentence,
    say,
    service,
)
from apps.monitor.ui.source_forms import new_source, take_in
from apps.monitor.wire_alerts import without_password
from apps.page_parts import choose, language, moment, plain, say_later

if TYPE_CHECKING:
    from apps.monitor.service import MonitorService

COLOURS = {  # colour, icon
    Health.FAILING: ("red", ":material/error:"),
    Health.SILENT: ("orange", ":material/volume_off:"),
    Health.OK: ("green", ":material/check_circle:"),
    Health.WAITING: ("blue", ":material/hourglass_empty:"),
    Health.PAUSED: ("gray", ":material/pause_circle:"),
}
COUNTS = ("items", "reposts", "duplicates", "late", "undated")
DROPPED = ("empty", "malformed")
SHOWN_MESSAGES = 50


def draw() -> None:
    """Head, sections, the open one."""
    watch = service()
    head(watch, "sources")
    chosen = choose(
        "sources_section", {name: say(f"section_{name}") for name in ("sources", "channels")}, say("section")
    )
    if chosen == "sources":
        _live()
        new_source(watch)
        take_in(watch)
        st.caption(say("push_line"))
    else:
        _channels(watch)


@st.fragment(run_every=LIVE_S)
def _live() -> None:
    with one_sentence():
        watch = service()
        clock_line(watch)
        found = {one.source.name: one for one in watch.sources()}
        if not found:
            none_yet(watch, "sources_none", ":material/sensors_off:")
        worst_first = sorted(found, key=lambda name: (list(COLOURS).index(found[name].health), name))
        kept = kept_list("sources-shown", None, worst_first, len(found), _key)
        waiting_line(kept)
        for one in (found[name] for name in kept.ids if name in found):
            with st.expander(_line(watch, one), key=_key(one.source.name), on_change="rerun") as shown, one_sentence():
                if shown.open:
                    _source(one)
                    _buttons(watch, one)


def _key(name: str) -> str:
    return f"source-{name}"


def _line(watch: "MonitorService", one: SourceHealth) -> str:
    """One line: how it is doing, its name, its kind, since when."""
    colour, icon = COLOURS[one.health]
    state = f":{colour}[{icon} {say(f'source_state_{one.health}')}]"
    nobody_set_it_up = one.source == Source(one.source.name, SourceKind.PUSH)
    kind = say("source_kind_brought" if nobody_set_it_up else f"source_kind_{one.source.kind}")
    last = one.state.last_item_at
    when = say("source_ago", ago=length_words(watch.clock() - last)) if last else say("source_never")
    return f"{state}  **{plain(one.source.name)}**  ·  {kind}  ·  {when}"


def _source(one: SourceHealth) -> None:
    source, state = one.source, one.state
    st.markdown(plain(_health(one)))
    if doubted := doubted_dates(source, state):
        st.warning(say("source_two_ways", n=doubted), icon=":material/event_busy:")
    if source.address:
        st.caption(plain(str(without_password(source.address))))
    counts = {name: state.counts.get(name, 0) for name in COUNTS}
    counts["dropped"] = sum(state.counts.get(name, 0) for name in DROPPED)
    told = say("source_counts", **{name: f"{number:,}" for name, number in counts.items()})
    behind = [] if one.delay_s is None else [say("source_delay", length=length_words(timedelta(seconds=one.delay_s)))]
    when = [say("source_last", time=moment(state.last_item_at))] if state.last_item_at else []
    st.caption("  ·  ".join([*when, told, *behind]), help=say("source_counts_help", late=late_words()))


def _health(one: SourceHealth) -> str:
    """How it is doing, in the visitor's language; the service's own sentence in English."""
    if language() == "en":
        return one.reason
    return say(f"health_{one.health}", n=one.state.failures, error=one.state.error_zh or one.state.error)


def _buttons(watch: "MonitorService", one: SourceHealth) -> None:
    name, paused = one.source.name, one.source.paused
    with st.container(horizontal=True):
        label, icon = ("source_resume", ":material/play_arrow:") if paused else ("source_pause", ":material/pause:")
        if st.button(say(label), key=f"pause-{name}", icon=icon):
            watch.pause(name, not paused)
            say_later(say("source_resumed" if paused else "source_paused"))
        with st.popover(say("source_remove"), icon=":material/delete:"):
            st.write(say("source_remove_sure"))
            if st.button(say("delete"), key=f"remove-{name}", type="primary"):
                watch.remove_source(name)
                say_later(say("source_removed"))
        if one.state.counts.get("items"):
            _forgetting(watch, name)


def _forgetting(watch: "MonitorService", name: str) -> None:
    """What would go is said before it goes."""
    with st.popover(say("source_forget"), icon=":material/undo:", key=f"forgetting-{name}", on_change="rerun") as asked:
        if not asked.open:
            return
        found = watch.forgettable(name)
        st.write(say("source_forget_sure", n=found.items, m=found.corrected))
        if st.button(say("delete"), key=f"forget-{name}", type="primary"):
            with st.spinner(say("working")):
                gone = watch.forget(name)
            say_later(say("source_forgotten", n=gone.items))


def _channels(watch: "MonitorService") -> None:
    found = watch.channels()
    if not found:
        st.info(say("channels_none"), icon=":material/notifications_off:")
    for name, address in found:
        with st.container(border=True, horizontal=True, vertical_alignment="center"), one_sentence():
            st.markdown(f"**{plain(name)}**", width="content")
            st.caption(plain(address), width="content")
            if st.button(say("channel_try"), key=f"try-{name}", icon=":material/send:"):
                watch.try_channel(name)
                say_later(say("channel_tried"), ":material/send:")
    with st.expander(say("channel_add"), icon=":material/add:"):
        st.markdown(say("channel_how"))
        st.code('[monitor.alerting.channels]\ndesk = "mailtos://user:password@mail.example.org?to=desk@example.org"\n'
                'hook = "https://hooks.example.org/alerts"\n', language="toml")  # fmt: skip
        st.caption(say("channel_help"))
    _outbox(watch)


def _outbox(watch: "MonitorService") -> None:
    st.subheader(say("outbox_title"))
    found = watch.messages(SHOWN_MESSAGES)
    if not found:
        st.caption(say("outbox_none"))
        return
    rows = [
        {
            say("history_time"): moment(one.created_at),
            say("outbox_channel"): one.channel,
            say("outbox_kind"): say(f"message_{one.kind}"),
            say("state"): say(f"delivery_{one.status}"),
            say("outbox_tries"): one.attempts,
            say("outbox_error"): one.error,
        }
        for one in found
    ]
    st.dataframe(rows, hide_index=True)
    if any(one.status is Delivery.FAILED for one in found):
        st.warning(say("outbox_failed"), icon=":material/report:")


if __name__ == "__main__":
    with one_sentence():
        draw()
