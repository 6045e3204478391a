"""One item on the page "Catalogue": its text, what people did with it, what is like it, and the way to delete it."""

from typing import TYPE_CHECKING

import streamlit as st

from apps.page_parts import language, plain, say_later, shorten
from apps.recommender.records import Item, Scored
from apps.recommender.ui.cards import cover
from apps.recommender.ui.shared import category_name, priced, say

if TYPE_CHECKING:
    from apps.recommender.service import RecommenderService

ALIKE = 8
COLUMNS = 4


def draw_item(shop: "RecommenderService", item_id: str) -> None:
    """The item, top to bottom."""
    if st.button(say("back"), icon=":material/arrow_back:", key="back"):
        close()
    view = shop.item(item_id)
    item = view.item
    left, right = st.columns([2, 3])
    with left:
        cover(item, priced(shop, item), shop.fresh([item]).get(item.id))
        _facts(item, priced(shop, item))
    with right:
        st.markdown(f"### {plain(item.title)}")
        st.markdown(plain(item.description))
        if item.tags:
            st.markdown(" ".join(f":gray-badge[{plain(tag)}]" for tag in item.tags))
        st.markdown(f"**{say('events_of_item')}**")
        counted = " · ".join(f"{say(f'event_{kind}')} {number}" for kind, number in sorted(view.events.items()))
        st.caption(counted or say("events_none"))
        _delete(shop, item)
    st.subheader(say("similar"))
    _alike(shop, shop.similar(item_id, ALIKE, language()))


def close() -> None:
    """Back to the catalogue."""
    st.query_params.pop("item", None)
    st.rerun()


def _facts(item: Item, price: str) -> None:
    rows = [
        (say("category"), category_name(item.category)),
        (say("brand"), item.brand),
        (say("price"), price),
        (say("language"), say(f"language_{item.language}") if item.language else ""),
        (say("since"), f"{item.created_at:%Y-%m-%d}" if item.created_at else ""),
        *(
            (say(f"column_{name}"), f"{value:g}" if isinstance(value, float) else str(value))
            for name, value in item.attributes.items()
        ),
    ]
    if not item.available:
        st.badge(say("sold_out"), color="orange")
    st.markdown("\n".join(f"- **{plain(name)}:** {plain(value)}" for name, value in rows if value))


def _delete(shop: "RecommenderService", item: Item) -> None:
    with st.popover(say("delete_item"), icon=":material/delete:"):
        st.write(say("delete_item_sure"))
        if st.button(say("delete_yes"), key="delete-item", type="primary"):
            shop.delete_item(item.id)
            st.query_params.pop("item", None)
            say_later(say("deleted", item=shorten(item.title, 60)))


def _alike(shop: "RecommenderService", found: list[Scored]) -> None:
    items = shop.items_of([one.item for one in found])
    known = [one for one in found if one.item in items]
    for start in range(0, len(known), COLUMNS):
        for column, one in zip(st.columns(COLUMNS), known[start : start + COLUMNS], strict=False):
            item = items[one.item]
            with column.container(border=True, height="stretch", key=f"card-{item.id}"):
                cover(item, priced(shop, item))
                st.markdown(f"#### {plain(shorten(item.title, 60))}")
                st.caption(plain(one.reason))
                if st.button(say("details"), key=f"open-{item.id}", icon=":material/open_in_full:"):
                    st.query_params["item"] = item.id
                    st.rerun()
