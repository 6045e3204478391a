"""How an item is drawn: its cover, its place in a list with reason and chance, what the score is made of.

Knows no service; ``Act`` says what a click does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from html import escape

import streamlit as st

from apps.page_parts import listed, plain, shorten
from apps.recommender.records import Item, Scored
from apps.recommender.service_desk import FRESH_DAYS, Fresh
from apps.recommender.ui import charts
from apps.recommender.ui.shared import category_name, say

ACTIONS = (("like", "favorite"), ("click", "visibility"), ("purchase", "shopping_bag"), ("dislike", "thumb_down"))
LABELS = {"like": "like", "click": "open", "purchase": "buy", "dislike": "dislike"}
Act = Callable[[str, str, int], None]


@dataclass(frozen=True)
class Place:
    """An item at its place in a list, from 1."""

    number: int
    scored: Scored
    item: Item
    price: str
    best: float  # the highest probability of the list: bars are drawn against it


def hue(category: str) -> int:
    """A colour of its own for each category, the same everywhere."""
    return int.from_bytes(sha256(category.encode()).digest()[:2], "big") % 360


def cover(item: Item, price: str, fresh: Fresh | None = None, chance: float = 0.0, best: float = 1.0) -> None:
    """A coloured head: category, price, a large first letter, a mark "new", "hardly met" or "not available", and a bar
    of the chance against the best one."""
    badge = ""
    if not item.available:
        badge = f"<em>{escape(say('sold_out'))}</em>"
    elif fresh:
        why = say(f"is_{fresh}_help", days=f"{FRESH_DAYS:g}")
        badge = f'<em title="{escape(why)}">{escape(say(f"is_{fresh}"))}</em>'
    wide = min(100.0, 100 * chance / best) if best > 0 else 0.0
    told = escape(say("chance_help", p=f"{chance:.1%}"))
    bar = f'<u title="{told}" style="width:{wide:.1f}%"></u>' if chance > 0 else ""
    name = escape(category_name(item.category))
    letter = escape(next((sign for sign in item.title if sign.isalnum()), "·"))
    st.html(
        f'<div class="cover" style="--hue:{hue(item.category)}">'
        f"<span>{name}</span>{badge}<i>{escape(price)}</i><b>{letter}</b>{bar}</div>"
    )


def draw_place(place: Place, titles: Mapping[str, str], act: Act, fresh: Fresh | None) -> None:
    """A card: cover, title, chance, reason, what can be done with it, and why it is here."""
    one, item = place.scored, place.item
    with st.container(border=True, height="stretch", key=f"card-{place.number}"):
        cover(item, place.price, fresh, one.probability, place.best)
        st.markdown(f"#### {plain(shorten(item.title, 80))}")
        st.caption(plain(one.reason))
        with st.container(horizontal=True, gap="small"):
            for kind, icon in ACTIONS:
                label, key = say(LABELS[kind]), f"{kind}-{place.number}-{one.item}"
                if st.button("", icon=f":material/{icon}:", key=key, help=label):
                    act(one.item, kind, place.number)
            with st.popover(say("why")):
                draw_reasons(one, item, titles)


def draw_reasons(one: Scored, item: Item, titles: Mapping[str, str]) -> None:
    """The text of an item, then what its score is made of, who found it and what it follows from."""
    st.markdown(f"**{plain(item.title)}**")
    if item.description:
        st.markdown(plain(shorten(item.description, 400)))
    if one.probability > 0:
        st.caption(say("chance", p=f"{one.probability:.1%}"))
    draw_parts(one)
    if one.because:
        names = listed(plain(titles.get(source, source)) for source in one.because)
        st.markdown(f"**{say('follows_from')}:** {names}")


def draw_parts(one: Scored) -> None:
    """What a score is made of, and the routes that found the item."""
    parts = {say(f"part_{name}"): value for name, value in one.parts.items() if value}
    if parts:
        st.caption(say("parts"))
        st.altair_chart(charts.parts(parts))
    if one.routes:
        st.caption(say("from_routes", routes=listed(say(f"route_name_{route}") for route in one.routes)))
