"""A rule in a sentence, and the form that writes one as TOML."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from apps.monitor.alert_records import Severity
from apps.monitor.rules import COUNTS, MEASURES, SENSITIVITY, Kind, Rule
from apps.monitor.ui.shared import company_name, length_words, rule_name, say, topic_name

if TYPE_CHECKING:
    from apps.monitor.service import MonitorService

DRAFT = "rules-draft"
PERS = (("company",), ("topic",), ("company", "topic"), ())


def sentence(watch: "MonitorService", rule: Rule) -> str:
    """What the rule says and to what it is confined, in the visitor's language."""
    conditions = [say(f"rule_{rule.kind}", **_places(rule))]
    if rule.kind in (Kind.SURGE, Kind.THRESHOLD):
        if rule.kind is Kind.SURGE or rule.measure not in COUNTS:
            conditions.append(say("rule_support", n=rule.min_stories))
        if rule.min_share:
            conditions.append(say("rule_share", share=f"{rule.min_share:.0%}"))
        if rule.confidence:
            conditions.append(say("rule_confidence", share=f"{rule.confidence:.0%}"))
    if rule.holds_for:
        conditions.append(say("rule_for", length=length_words(rule.holds_for)))
    return say("rule_joint").join([*conditions, *_limits(watch, rule)]) + say("rule_end")


def _limits(watch: "MonitorService", rule: Rule) -> list[str]:
    """What the rule is confined to, what it leaves out, and what holds it back."""
    named = (
        ("rule_only", [company_name(watch, one) for one in rule.companies]),
        ("rule_only", [topic_name(one) for one in rule.topics]),
        ("rule_only", rule.sources),
        ("rule_except", [company_name(watch, one) for one in rule.except_companies]),
        ("rule_inhibited", [rule_name(one) for one in rule.inhibited_by]),
        ("rule_channels", rule.channels),
    )
    return [say(key, names=" / ".join(names)) for key, names in named if names]


def _places(rule: Rule) -> dict[str, object]:
    measure = say(f"measure_{rule.measure}")
    return {
        "measure": measure,
        "per": per_words(rule.per),
        "window": length_words(rule.window),
        "sensitivity": _sensitivity(rule.sensitivity),
        "value": f"{rule.value:g}" if rule.value is not None else "–",
        "side": say("rule_above" if rule.above else "rule_below"),
        "after": length_words(rule.after) if rule.after else say("rule_usual_gap"),
        "learning": length_words(rule.learning),
    }


def _sensitivity(value: float) -> str:
    """The word the rule was written with, or its number."""
    named = next((name for name, one in SENSITIVITY.items() if one == value), None)
    return say(f"sensitivity_{named}") if named else f"{value:g}"


def per_words(per: tuple[str, ...]) -> str:
    """For what a rule counts apart: each company, each topic, both, or all together."""
    return say(f"per_{'_'.join(per) or 'all'}")


def toml_of(values: Mapping[str, Any]) -> str:
    """A ``[[rule]]`` table; values are texts, numbers, truths and lists of texts."""
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join(["[[rule]]", *lines]) + "\n"


def form() -> None:
    """Fields of the commonest rule; the button puts it at the end of the text."""
    with st.expander(say("form"), icon=":material/add:"):
        kind = st.segmented_control(say("form_kind"), list(Kind), default=Kind.SURGE, required=True, key="form-kind",
                                    format_func=lambda one: say(f"kind_{one}"))  # fmt: skip
        kind = Kind(kind or Kind.SURGE)
        left, middle, right = st.columns(3)
        left.text_input(say("name"), str(kind.value).replace("_", "-"), key=f"form-name-{kind}", max_chars=80)
        middle.selectbox(say("severity"), list(Severity), 1, key="form-severity",
                         format_func=lambda one: say(f"severity_{one}"))  # fmt: skip
        if kind in (Kind.SURGE, Kind.THRESHOLD):
            right.selectbox(say("form_per"), PERS, key="form-per", format_func=per_words)
            _counting(kind)
        elif kind is Kind.SILENCE:
            right.number_input(say("form_after"), 0, 24 * 30, 0, key="form-after", help=say("form_after_help"))
        else:
            right.number_input(say("form_learning"), 1, 365, 14, key="form-learning")
        st.button(say("form_add"), icon=":material/arrow_downward:", on_click=_append, args=(kind,))


def _counting(kind: Kind) -> None:
    left, middle, right = st.columns(3)
    measures = COUNTS if kind is Kind.SURGE else MEASURES
    left.selectbox(
        say("form_measure"), measures, key=f"form-measure-{kind}", format_func=lambda one: say(f"measure_{one}")
    )
    middle.selectbox(say("alert_window"), ["15m", "1h", "6h", "1d"], 1, key="form-window")
    if kind is Kind.SURGE:
        right.selectbox(say("form_sensitivity"), list(SENSITIVITY), 1, key="form-sensitivity",
                        format_func=lambda one: say(f"sensitivity_{one}"))  # fmt: skip
    else:
        right.number_input(say("form_value"), value=10.0, key="form-value")
    left.number_input(say("form_min_stories"), 1, 10_000, 4, key="form-min-stories")
    middle.slider(say("form_min_share"), 0.0, 1.0, 0.4, 0.05, key="form-min-share")


def _append(kind: Kind) -> None:
    """The form as one more table at the end of the draft."""
    state = st.session_state
    values: dict[str, Any] = {"name": str(state.get(f"form-name-{kind}") or kind.value), "kind": kind.value}
    if kind in (Kind.SURGE, Kind.THRESHOLD):
        values |= {"per": list(state["form-per"]), "measure": state[f"form-measure-{kind}"]}
        values |= {"window": state["form-window"], "min_stories": int(state["form-min-stories"])}
        values |= {"min_share": float(state["form-min-share"])}
        values |= {"sensitivity": state["form-sensitivity"]} if kind is Kind.SURGE else {"value": state["form-value"]}
    elif kind is Kind.SILENCE:
        values |= {"after": f"{int(state['form-after'])}h"} if state["form-after"] else {}
    else:
        values |= {"learning": f"{int(state['form-learning'])}d"}
    values["severity"] = Severity(state["form-severity"]).value
    state[DRAFT] = f"{str(state.get(DRAFT) or '').rstrip()}\n\n{toml_of(values)}".lstrip()
