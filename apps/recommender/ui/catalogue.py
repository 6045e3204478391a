"""The page "Catalogue": search, new items and their chances, bringing files in; an item opens with what is like it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from apps.page_parts import choose, percent, plain, shorten
from apps.recommender.quality import FreshItem
from apps.recommender.records import Item
from apps.recommender.service_desk import Fresh
from apps.recommender.ui.bring_in import bring_in
from apps.recommender.ui.cards import cover
from apps.recommender.ui.item_view import draw_item
from apps.recommender.ui.sample_out import sample_out
from apps.recommender.ui.shared import category_name, head, one_sentence, priced, say, service

if TYPE_CHECKING:
    from apps.recommender.service import RecommenderService

COLUMNS, PAGE, MOST = 4, 24, 1200
NEAR = 12  # items shown where none has the words searched for
SPAN_DAYS = 30


def draw() -> None:
    """The open item, or the sections."""
    shop = service()
    head("catalogue")
    open_item = st.query_params.get("item")
    if open_item:
        draw_item(shop, open_item)
        return
    chosen = choose(
        "catalogue_section", {name: say(f"section_{name}") for name in ("items", "fresh", "bring")}, say("section")
    )
    if chosen == "items":
        _items(shop)
    elif chosen == "fresh":
        _fresh(shop)
    else:
        bring_in(shop)
        sample_out(shop)


def _items(shop: "RecommenderService") -> None:
    left, middle, right = st.columns([4, 2, 2])
    words = left.text_input(say("search"), key="catalogue-search", icon=":material/search:", help=say("search_help"))
    names = ["", *(one for one in shop.categories() if one)]
    category = middle.selectbox(
        say("category"), names, format_func=lambda one: category_name(one) if one else say("category_all"),
        key="catalogue-category",
    )  # fmt: skip
    order = right.selectbox(
        say("sort"), ("new", "popular"), format_func=lambda one: say(f"sort_{one}"), key="catalogue-sort"
    )
    found = _found(shop, words.strip(), category or "", order)
    if not found:
        _nearest(shop, words.strip(), category or "")
        return
    st.caption(say("items_many", n=MOST) if len(found) == MOST else say("items_count", n=len(found)))
    pages = -(-len(found) // PAGE)
    number = 1 if pages == 1 else min(st.pagination(pages, key="catalogue-page"), pages)
    _cards(shop, found[(number - 1) * PAGE : number * PAGE])


def _nearest(shop: "RecommenderService", words: str, category: str) -> None:
    """Where no item has the words: those nearest to them, under a line that says so."""
    near = shop.nearest_items(words, category, NEAR) if words else []
    told = say("items_near", words=plain(words)) if near else say("items_none")
    st.info(told, icon=":material/search_off:")
    _cards(shop, near)


def _cards(shop: "RecommenderService", shown: Sequence[Item]) -> None:
    fresh = shop.fresh(shown)
    for start in range(0, len(shown), COLUMNS):
        for column, item in zip(st.columns(COLUMNS), shown[start : start + COLUMNS], strict=False):
            with column:
                _card(item, priced(shop, item), fresh.get(item.id))


def _found(shop: "RecommenderService", words: str, category: str, order: str) -> list[Item]:
    if order == "new":
        return shop.items(words, category, MOST)
    wanted = shop.popular(MOST, category)
    if not words:
        return wanted
    fitting = {one.id for one in shop.items(words, category, MOST)}
    return [one for one in wanted if one.id in fitting]


def _card(item: Item, price: str, fresh: Fresh | None) -> None:
    with st.container(border=True, height="stretch", key=f"card-{item.id}"):
        cover(item, price, fresh)
        st.markdown(f"#### {plain(shorten(item.title, 60))}")
        st.caption(plain(shorten(item.description, 110)))
        if st.button(say("details"), key=f"open-{item.id}", icon=":material/open_in_full:"):
            st.query_params["item"] = item.id
            st.rerun()


def _fresh(shop: "RecommenderService") -> None:
    """New items with how often they were shown and wanted: whether they get a chance."""
    st.caption(say("fresh_line"))
    rows = shop.quality(SPAN_DAYS).fresh
    if not rows:
        st.info(say("fresh_none"), icon=":material/fiber_new:")
        return
    st.dataframe([_row(one) for one in rows], hide_index=True, key="fresh-table")


def _row(one: FreshItem) -> dict[str, object]:
    return {
        say("title"): one.title,
        say("age_days"): round(one.age_days, 1),
        say("shown"): one.shown,
        say("wanted"): one.wanted,
        say("click_rate"): percent(one.wanted / one.shown) if one.shown else "–",
    }


if __name__ == "__main__":
    with one_sentence():
        draw()
