"""The files that were taken in, what each brought, and taking one out again after saying what would go."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import streamlit as st

from apps.chatbot.ui.shared import one_sentence, say
from apps.page_parts import plain, say_later

if TYPE_CHECKING:
    from apps.chatbot.service import ChatbotService


def source_list(bot: "ChatbotService") -> None:
    """The one to take out, above the table: what opens below it would be cut off under a long one."""
    found = bot.sources()
    if not found:
        st.info(say("sources_none"), icon=":material/folder_open:")
        return
    st.caption(say("sources_line"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(say("source_choose"), [one.name for one in found], key="source-name")
        asking = f"source-forgetting-{name}"  # of one file: when it is gone, the next one's is closed
        with st.popover(say("source_forget"), icon=":material/undo:", key=asking, on_change="rerun") as asked:
            if asked.open and name:
                with one_sentence():
                    _forget(bot, name)
    st.dataframe([{say(f"source_{name}"): n for name, n in asdict(one).items()} for one in found], hide_index=True)


def _forget(bot: "ChatbotService", name: str) -> None:
    """What would go is said before it goes."""
    keep = st.checkbox(say("source_keep"), key="source-keep")
    told = bot.forgettable(name, keep)
    counts = {key: count for key, count in asdict(told.gone).items() if key != "name" and count}
    goes = " · ".join(f"{say(f'source_{key}')}: {count}" for key, count in counts.items())
    st.write(f"**{plain(name)}**  \n{say('source_sure', goes=goes or say('source_nothing'))}")
    if told.kept:
        st.caption(say("source_kept", n=told.kept))
    if st.button(say("delete_yes"), key="source-forget", type="primary"):
        with st.spinner(say("working")):
            bot.forget(name, keep)
        say_later(say("source_forgotten", name=plain(name)))
