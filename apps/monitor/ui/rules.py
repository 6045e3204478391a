"""The rules page: the rules in force in sentences, their text to edit, backtests, two sets compared, versions."""

import re
from typing import TYPE_CHECKING

import streamlit as st

from apps.monitor.alert_records import RuleSet
from apps.monitor.rules import Rule, parse_rules
from apps.monitor.ui.alert_view import SEVERITIES
from apps.monitor.ui.backtest_view import backtest, compare
from apps.monitor.ui.rule_words import DRAFT, form, sentence
from apps.monitor.ui.shared import head, one_sentence, rule_name, say, service
from apps.page_parts import choose, language, moment, plain, say_later
from core.reasons import in_language

if TYPE_CHECKING:
    from apps.monitor.service import MonitorService

SECTIONS = ("rules", "edit", "backtest", "compare", "versions")
KEPT = {"settings": "kept_settings", "first rules": "kept_first"}  # who saved the first version, and its note


def draw() -> None:
    """Head, sections, the open one."""
    watch = service()
    head(watch, "rules")
    chosen = choose("rules_section", {name: say(f"section_{name}") for name in SECTIONS}, say("section"))
    if chosen == "rules":
        _in_force(watch)
    elif chosen == "edit":
        _edit(watch)
    elif chosen == "backtest":
        backtest(watch)
    elif chosen == "compare":
        compare(watch)
    else:
        _versions(watch)


def _in_force(watch: "MonitorService") -> None:
    now = watch.rules()
    st.caption(_about(now))
    rules = parse_rules(now.toml)
    if not rules:
        st.info(say("rules_none"), icon=":material/rule:")
    for rule in rules:
        with st.container(border=True):
            _rule(watch, rule)


def _about(now: RuleSet) -> str:
    by = plain(_kept(now.by)) or "–"
    note = say("rules_note", note=plain(_kept(now.note))) if now.note else ""
    return say("rules_version", version=now.version, time=moment(now.created_at), by=by) + note


def _kept(text: str) -> str:
    """What the monitor itself wrote down, in the visitor's language; what a person wrote stays."""
    again = re.fullmatch(r"version (\d+) again", text)
    return say("kept_again", n=again[1]) if again else say(KEPT[text]) if text in KEPT else text


def _rule(watch: "MonitorService", rule: Rule) -> None:
    colour, icon = SEVERITIES[rule.severity]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(say(f"severity_{rule.severity}"), icon=icon, color=colour)  # type: ignore[arg-type]
        st.markdown(f"**{plain(rule_name(rule.name))}**", width="content")
        if rule_name(rule.name) != rule.name:
            st.caption(plain(rule.name), width="content")  # as the TOML, silences and other rules call it
        st.caption(say(f"kind_{rule.kind}"), width="content")
        if not rule.enabled:
            st.badge(say("rule_off"), color="gray")
    st.markdown(plain(sentence(watch, rule)))


def _edit(watch: "MonitorService") -> None:
    st.caption(say("edit_line"))
    st.session_state.setdefault(DRAFT, watch.rules().toml)
    form()
    text = st.text_area(say("edit_text"), key=DRAFT, height=420)
    left, right = st.columns([1, 2])
    by = left.text_input(say("who"), st.session_state.get("acting", ""), key="rules-who", max_chars=80)
    note = right.text_input(say("edit_note"), key="rules-note", max_chars=500)
    with st.container(horizontal=True):
        checked = st.button(say("edit_check"), icon=":material/spellcheck:")
        saved = st.button(say("edit_save_use"), type="primary", icon=":material/save:")
    with one_sentence():
        if checked:
            st.success(say("edit_sound", n=len(watch.check_rules(text))), icon=":material/check_circle:")
            for doubt in watch.rule_doubts(text):
                st.warning(plain(in_language(doubt, language())), icon=":material/help:")
        if saved:
            made = watch.save_rules(text, (by or "").strip() or say("nobody"), (note or "").strip())
            doubts = [in_language(one, language()) for one in watch.rule_doubts(text)]
            say_later(" ".join([say("edit_used", version=made.version), *map(plain, doubts)]))


def _versions(watch: "MonitorService") -> None:
    for number, one in enumerate(watch.rule_versions()):
        label = f"{say('version', n=one.version)}  ·  {moment(one.created_at)}  ·  {plain(_kept(one.by) or '–')}"
        label += f"  ·  {plain(_kept(one.note))}" if one.note else ""
        label += f"  ·  :green[{say('version_in_use')}]" if number == 0 else ""
        with st.expander(label, key=f"version-{one.version}", on_change="rerun") as shown, one_sentence():
            if shown.open:
                st.code(one.toml, language="toml")
                if number:
                    _use_again(watch, one)


def _use_again(watch: "MonitorService", one: RuleSet) -> None:
    st.caption(say("version_use_sure"))
    if st.button(say("version_use"), key=f"use-{one.version}", icon=":material/history:"):
        made = watch.use_rules(one.version, st.session_state.get("acting") or say("nobody"))
        st.session_state.pop(DRAFT, None)
        say_later(say("edit_used", version=made.version))


if __name__ == "__main__":
    with one_sentence():
        draw()
