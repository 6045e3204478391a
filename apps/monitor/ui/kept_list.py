"""A list on a live page that stands still while one of its entries is open.

A list that moved under somebody's hands would close what she reads and take the field away that she writes in. Knows
ids alone: what an entry says is fetched afresh by whoever draws it.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import streamlit as st

from apps.monitor.ui.shared import say


@dataclass(frozen=True)
class KeptList:
    """``ids`` to show in this order; ``older``: more follow; ``held``: one is open; ``waiting``: newer than these."""

    asked: Hashable
    ids: tuple[str, ...]
    older: bool = False
    held: bool = False
    waiting: int = 0


def kept_list(place: str, asked: Hashable, newest: Sequence[str], most: int, key: Callable[[str], str]) -> KeptList:
    """What to show of ``newest`` (give one more than ``most``, to tell whether older ones follow).

    Kept per visitor under ``place`` for as long as she asks for the same and the expander ``key(id)`` of an entry is
    open; then, or when she asks for something else, the newest come in.
    """
    before = st.session_state.get(place)
    if isinstance(before, KeptList) and before.asked == asked and any(is_open(key(one)) for one in before.ids):
        waiting = sum(one not in before.ids for one in newest[:most])
        return KeptList(asked, before.ids, before.older, True, waiting)
    found = KeptList(asked, tuple(newest[:most]), len(newest) > most)
    st.session_state[place] = found
    return found


def is_open(key: str) -> bool:
    """Whether the visitor has opened this expander."""
    return bool(st.session_state.get(key))


def waiting_line(shown: KeptList) -> None:
    """Says how many newer ones are held back, and how they come in."""
    if shown.waiting:
        st.caption(f":material/pause_circle: {say('waiting', n=shown.waiting)}")
