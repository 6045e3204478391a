"""The insights page: what happened, what stayed unanswered, who waits for a person, how sure the bot must be."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from apps.chatbot.handover import summary
from apps.chatbot.records import Handover, Outcome
from apps.chatbot.ui import charts
from apps.chatbot.ui.shared import one_sentence, say, service, unused_thresholds
from apps.page_parts import choose, date_forms, language, moment, percent, plain, said, say_later, shorten

if TYPE_CHECKING:
    from apps.chatbot.service import ChatbotService

DAYS = (7, 30, 90)


def draw() -> None:
    """Title, span of days, sections, the open one."""
    bot = service()
    said()
    st.title(say("page_insights"))
    waiting = len(bot.handovers(open_only=True))
    chosen = choose(
        "insights_section",
        {
            "overview": say("section_overview"),
            "unanswered": say("section_unanswered"),
            "handovers": f"{say('section_handovers')} ({waiting})" if waiting else say("section_handovers"),
            "thresholds": say("section_thresholds"),
        },
        say("section"),
    )
    if chosen == "overview":
        _overview(bot, _span())
    elif chosen == "unanswered":
        _unanswered(bot, _span())
    elif chosen == "handovers":
        _handovers(bot)
    else:
        _thresholds(bot)


def _span() -> int:
    days = st.pills(
        say("span"),
        DAYS,
        default=30,
        required=True,
        format_func=lambda n: say("days", n=n),
        key="insights-days",
        label_visibility="collapsed",
    )
    return int(days or 30)


def _names() -> dict[str, str]:
    return {kind: say(f"outcome_{kind}") for kind in Outcome}


def _overview(bot: "ChatbotService", days: int) -> None:
    seen = bot.insights(days=days)
    total = sum(seen.outcomes.values())
    solved = sum(seen.outcomes.get(kind, 0) for kind in (Outcome.ANSWER, Outcome.COMPOSE))
    thumbs: Mapping[str, Any] = seen.feedback
    up, down = thumbs.get("up", 0), thumbs.get("down", 0)
    figures = (
        (say("conversations"), f"{seen.conversations:,}"),
        (say("messages"), f"{seen.messages:,}"),
        (say("answered_share"), percent(solved / total) if total else "–"),
        (say("liked_share"), percent(up / (up + down)) if up + down else "–"),
    )
    with st.container(horizontal=True, key="figures"):
        for label, value in figures:
            st.metric(label, value, border=True)
    if not total:
        st.info(say("insights_none"), icon=":material/hourglass_empty:")
        return
    left, right = st.columns([3, 2])
    with left.container(border=True):
        st.markdown(f"**{say('volume')}**")
        st.altair_chart(charts.volume(seen.per_day, _names(), say("day"), say("answers_axis"), date_forms()))
    with right.container(border=True):
        st.markdown(f"**{say('shares')}**")
        st.altair_chart(charts.share(seen.outcomes, _names(), say("share_axis")))
    left, right = st.columns(2)
    with left.container(border=True):
        st.markdown(f"**{say('reasons')}**")
        st.altair_chart(charts.bars({say(f"reason_{k}"): n for k, n in seen.reasons.items()}, say("answers_axis")))
    with right.container(border=True):
        st.markdown(f"**{say('latency')}**")
        if seen.latency:
            names = {stage: say(f"stage_{stage}") for stage in seen.latency}
            st.altair_chart(charts.latency(seen.latency, names, say("ms_axis")))
    with st.container(border=True):
        st.markdown(f"**{say('feedback')}** · :material/thumb_up: {up} · :material/thumb_down: {down}")
        why = dict(thumbs.get("reasons") or {})
        if why:
            st.altair_chart(charts.bars({say(f"feedback_{k}"): n for k, n in why.items()}, say("feedback_axis")))


def _unanswered(bot: "ChatbotService", days: int) -> None:
    """Questions the bot could not answer, alike ones together, the most frequent first; each becomes an answer here."""
    clusters = bot.insights(days=days).unanswered
    if not clusters:
        st.info(say("unanswered_none"), icon=":material/task_alt:")
        return
    st.caption(say("unanswered_line"))
    for number, cluster in enumerate(clusters):
        label = f"**{cluster.size}×**  {plain(shorten(cluster.question, 90))}  ·  {cluster.language}"
        if cluster.handovers:
            label += f"  ·  {say('handed_over', n=cluster.handovers)}"
        with st.expander(label):
            for example in cluster.examples:
                st.markdown(f"- {plain(example)}")
            with st.form(f"cluster-{number}", border=False):
                question = st.text_input(say("question"), cluster.question, key=f"cluster-question-{number}")
                answer = st.text_area(say("answer"), key=f"cluster-answer-{number}")
                if st.form_submit_button(say("cluster_add"), type="primary", icon=":material/add:") and answer.strip():
                    similar = [one for one in cluster.examples if one != question]
                    bot.add_from_cluster(question.strip(), answer.strip(), similar, cluster.language)
                    say_later(say("cluster_added"))


def _handovers(bot: "ChatbotService") -> None:
    waiting = bot.handovers(open_only=True)
    if not waiting:
        st.info(say("handovers_none"), icon=":material/task_alt:")
    for one in waiting:
        with st.container(border=True):
            _handover(bot, one)


def _handover(bot: "ChatbotService", one: Handover) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(say(f"reason_{one.reason}"), color="red", icon=":material/support_agent:")
        st.caption(moment(one.created_at), width="content")
    messages = bot.messages(one.conversation_id)
    before = [message for message in messages if message.created_at <= one.created_at]
    st.markdown(plain(summary(before, one.reason, "zh") if language() == "zh" else one.summary))
    with st.expander(say("transcript")):
        for message in messages:
            st.markdown(f"**{say(f'role_{message.role}')}**  \n{plain(message.text)}")
    with st.form(f"reply-{one.id}", border=False, clear_on_submit=True):
        text = st.text_area(say("agent_reply"), key=f"reply-text-{one.id}", height=80)
        with st.container(horizontal=True):
            if st.form_submit_button(say("send"), type="primary", icon=":material/send:") and text.strip():
                bot.agent_reply(one.conversation_id, text.strip())
                say_later(say("sent"))
            if st.form_submit_button(say("release"), icon=":material/smart_toy:"):
                bot.release(one.conversation_id)
                say_later(say("released"))


def _thresholds(bot: "ChatbotService") -> None:
    """What the bot must be sure of before it answers, with the errors that were measured when it was fitted."""
    fitted = bot.thresholds()
    unused_thresholds(bot)
    if not fitted:
        st.info(say("thresholds_none"), icon=":material/tune:")
        return
    st.caption(say("thresholds_line"))
    st.dataframe(
        [
            {
                say("language_column"): say(f"lang_{one.language}"),
                say("kind_column"): say(f"kind_{one.kind}"),
                say("error_column"): percent(one.error_rate),
                say("threshold_column"): round(one.threshold, 3),
                say("fitted_column"): one.fitted_on,
                say("when_column"): moment(one.created_at),
            }
            for one in fitted
        ],
        hide_index=True,
    )
    names = {id(one): f"{say(f'lang_{one.language}')} · {say(f'kind_{one.kind}')}" for one in fitted}
    drawn = charts.risk_coverage(
        {names[id(one)]: one.curve for one in fitted},
        {names[id(one)]: one.threshold for one in fitted},
        say("coverage_axis"),
        say("risk_axis"),
        say("threshold_column"),
    )
    with st.container(border=True):
        st.altair_chart(drawn)


if __name__ == "__main__":
    with one_sentence():
        draw()
