"""The page "For you": be anybody, turn the dials, like and dislike, and read why each item is there or is not.

The list is a preview: it is never stored as one that a person was shown, so that figures and training learn nothing
from a team that turns dials. A click on a card is an event of that person like any other. A list is asked for once and
stays for the session until the person, a dial or an event changes it.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import streamlit as st

from apps.page_parts import language, moment, plain, say_later, shorten
from apps.recommender.answers import ListAnswer
from apps.recommender.records import Event, Wish
from apps.recommender.ui.cards import Place, draw_parts, draw_place
from apps.recommender.ui.shared import category_name, head, one_sentence, priced, say, service, warn_without_model
from core.errors import NotFoundError

if TYPE_CHECKING:
    from apps.recommender.service import RecommenderService

PEOPLE = 300  # offered; any other id can be typed
COLUMNS = 3
SHOWN_EVENTS, FIRST_EVENTS = 30, 8  # in all, and before a click on "earlier"
LENGTHS = (6, 12, 24, 48)
DIALS = ("diversity", "freshness", "calibration", "exposure")


def draw() -> None:
    """Who, how, the list, and beside it what is known and why something is not there."""
    shop = service()
    head("for_you")
    warn_without_model(shop)
    user = _who(shop)
    wish = _dials(shop)
    answer = _list(shop, user, wish)
    st.caption(say("preview_line"))
    _line(answer)
    _cards(shop, user, answer)
    left, right = st.columns(2)
    with left.container(border=True):
        _history(shop, user)
    with right.container(border=True):
        _why_not(shop, user, wish)


def _who(shop: "RecommenderService") -> str:
    """The person's id; kept in the address, so that a reload shows the same one."""
    known = [one.id for one in shop.people(limit=PEOPLE)]
    asked = st.query_params.get("u") or st.session_state.get("person")
    if asked is None and known:
        asked = known[0]
    if asked and asked not in known:
        known.insert(0, asked)
    left, right = st.columns([4, 1], vertical_alignment="bottom")
    if right.button(say("newcomer"), icon=":material/person_add:", key="newcomer", width="stretch"):
        _become(f"guest-{uuid4().hex[:6]}")
    chosen = left.selectbox(
        say("who"),
        known,
        index=known.index(asked) if asked in known else None,
        key=f"who-{st.session_state.get('who_number', 0)}",
        accept_new_options=True,
        help=say("who_help"),
    )
    person = str(chosen or asked or "guest").strip()[:200]
    st.session_state["person"] = person
    if st.query_params.get("u") != person:
        st.query_params["u"] = person
    return person


def _become(user: str) -> None:
    st.session_state["person"] = user
    st.session_state["who_number"] = st.session_state.get("who_number", 0) + 1  # a widget keeps its old choice
    st.query_params["u"] = user
    st.rerun()


def _dials(shop: "RecommenderService") -> Wish:
    usual = shop.wish(language())
    given = {dial: _dial(column, dial, usual) for column, dial in zip(st.columns(2), DIALS, strict=False)}
    with st.expander(say("dials"), icon=":material/tune:"):
        given |= {dial: _dial(column, dial, usual) for column, dial in zip(st.columns(2), DIALS[2:], strict=True)}
        left, middle, right = st.columns([4, 2, 2], vertical_alignment="bottom")
        names = [one for one in shop.categories() if one]
        chosen = left.multiselect(
            say("categories"), names, format_func=category_name, key="categories", placeholder=say("category_all")
        )
        k = middle.selectbox(say("list_k"), LENGTHS, index=1, key="list-k")
        seen = right.toggle(say("exclude_seen"), usual.filters.exclude_seen, key="exclude-seen")
    return shop.wish(language(), {"categories": tuple(chosen), "exclude_seen": seen}, k=k, **given)


def _dial(place: Any, dial: str, usual: Wish) -> float:
    start = float(getattr(usual, dial))
    told = say(f"dial_{dial}_help")
    return float(place.slider(say(f"dial_{dial}"), 0.0, 1.0, start, 0.05, key=f"dial-{dial}", help=told))


def _list(shop: "RecommenderService", user: str, wish: Wish) -> ListAnswer:
    key = (user, wish, shop.model)
    kept = st.session_state.get("list")
    if kept is None or kept[0] != key:
        kept = (key, shop.recommend(user, (), wish, keep=False))
        st.session_state["list"] = kept
    answer: ListAnswer = kept[1]
    return answer


def _line(answer: ListAnswer) -> None:
    made = answer.list
    said = [say(f"route_{answer.route}")]
    if made.ild and made.ild_plain:
        said.append(
            say("variety_line", before=f"{made.ild_plain:.2f}", after=f"{made.ild:.2f}", price=f"{made.price:.1%}")
        )
    said += [say("removed_line", n=made.removed_count)] if made.removed else []
    said += [say("arm_line", name=name, arm=arm) for name, arm in answer.arms.items()]
    said.append(f"{answer.took_ms:.0f} ms")
    st.caption(plain("  ·  ".join(said)), help=say("variety_help") if made.ild else None)


def _cards(shop: "RecommenderService", user: str, answer: ListAnswer) -> None:
    rows = answer.list.items
    wanted = {one.item for one in rows} | {source for one in rows for source in one.because}
    items = shop.items_of(sorted(wanted))
    titles = {id_: shorten(item.title, 60) for id_, item in items.items()}
    best = max((one.probability for one in rows), default=0.0)
    places = [
        Place(number, one, items[one.item], priced(shop, items[one.item]), best)
        for number, one in enumerate(rows, 1)
        if one.item in items
    ]
    if not places:
        st.info(say("list_none"), icon=":material/search_off:")

    def act(item: str, kind: str, place: int) -> None:
        # the preview's id, which no figure knows: the event counts for the person and for no list she was served
        event = Event(uuid4().hex, user, item, kind, datetime.now(UTC), None, place, answer.list_id)
        shop.add_events([event])
        st.session_state.pop("list", None)
        say_later(say(f"noted_{kind}"))

    fresh = shop.fresh(place.item for place in places)
    for start in range(0, len(places), COLUMNS):
        for column, place in zip(st.columns(COLUMNS), places[start : start + COLUMNS], strict=False):
            with column:
                draw_place(place, titles, act, fresh.get(place.item.id))


def _history(shop: "RecommenderService", user: str) -> None:
    """What is known of the person, newest first, and the way to have it all deleted."""
    st.markdown(f"**{say('known')}** · {plain(user)}")
    try:
        events = shop.person(user, SHOWN_EVENTS).events
    except NotFoundError:
        st.caption(say("known_none"))
        return
    titles = shop.items_of([one.item for one in events])
    rows = [
        f"- {moment(one.time)} · {say(f'event_{one.type}')} · "
        f"{plain(shorten(titles[one.item].title, 48)) if one.item in titles else plain(one.item)}"
        for one in events
        if one.type != "impression"
    ]
    st.markdown("\n".join(rows[:FIRST_EVENTS]) or say("known_none"))
    if rows[FIRST_EVENTS:]:
        with st.expander(say("known_more", n=len(rows) - FIRST_EVENTS)):
            st.markdown("\n".join(rows[FIRST_EVENTS:]))
    with st.popover(say("forget"), icon=":material/person_remove:"):
        st.write(plain(say("forget_sure", user=user)))
        if st.button(say("delete_yes"), key="forget", type="primary"):
            shop.delete_person(user)
            st.session_state.pop("list", None)
            say_later(say("forgotten", user=user))


def _why_not(shop: "RecommenderService", user: str, wish: Wish) -> None:
    """Where an item of the catalogue was lost on its way into this list."""
    st.markdown(f"**{say('why_not')}**")
    items = {one.id: one for one in shop.items(limit=2000)}
    chosen = st.selectbox(
        say("why_not_pick"),
        sorted(items, key=lambda one: items[one].title),
        index=None,
        format_func=lambda one: shorten(items[one].title, 60),
        key="why-not",
        label_visibility="collapsed",
        placeholder=say("why_not_pick"),
    )
    if chosen is None:
        return
    found = shop.explain(chosen, user, (), wish)
    shown = found.stage == "shown"
    icon = ":material/check_circle:" if shown else ":material/block:"
    st.badge(say(f"stage_{found.stage}"), color="green" if shown else "orange", icon=icon)
    st.markdown(plain(found.sentence))
    facts = [say("why_not_line", rank=found.rank)] if found.rank else []
    facts += [say("place_line", place=found.place)] if found.place else []
    facts += [say("chance", p=f"{found.scored.probability:.1%}")] if found.scored else []
    st.caption(" · ".join(facts))
    if found.scored is not None:
        draw_parts(found.scored)


if __name__ == "__main__":
    with one_sentence():
        draw()
