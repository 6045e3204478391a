"""The page "For you", clicked through."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.recommender.records import Item
from tests.recommender.plain_service import click, open_plain
from tests.recommender.ui.conftest import press, shown


def cards(page) -> list[str]:
    """Ids of the items in the list, in order."""
    keys = [str(one.key) for one in page.button if str(one.key).startswith("like-")]
    return [key.split("-", 2)[2] for key in keys]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_list_is_drawn_in_both_languages_with_reasons(open_page, language):
    page = open_page("for_you", language, {"u": "ann"})
    assert not page.exception and not page.error and not page.warning
    assert cards(page) and "tea" not in cards(page)
    assert ("看过“" if language == "zh" else "Others who met") in shown(page)


@pytest.mark.parametrize(("language", "words"), [("en", "A preview"), ("zh", "这是预览")])
def test_a_preview_is_no_list_that_the_person_was_shown_and_a_click_in_it_is_an_event(open_page, shop, language, words):
    page = open_page("for_you", language, {"u": "dora"})
    assert words in shown(page)
    press(page, f"click-1-{cards(page)[0]}")
    found = shop.quality()
    assert (found.lists, found.people, found.exposure.most) == (0, 0, ())
    assert [one.type for one in shop.person("dora").events] == ["click"]


def test_a_click_in_a_preview_is_no_click_of_a_list_served_before(open_page, shop):
    served = shop.recommend("dora")
    page = open_page("for_you", query={"u": "dora"})
    press(page, f"click-1-{served.list.items[0].item}")
    assert (shop.quality().lists, shop.quality().click_rate) == (1, 0.0)


def test_a_redraw_asks_for_no_new_list_and_an_event_does(open_page, shop):
    page = open_page("for_you", query={"u": "dora"})
    page.run()
    page.run()
    assert len(shop._live.engine.asked) == 1
    press(page, f"click-1-{cards(page)[0]}")
    assert len(shop._live.engine.asked) == 2


@pytest.mark.parametrize(
    ("kind", "words"), [("like", "you like it"), ("purchase", "bought"), ("dislike", "not for you")]
)
def test_a_click_on_a_card_is_an_event_at_its_place_and_changes_the_list(open_page, shop, kind, words):
    page = open_page("for_you", query={"u": "dora"})
    before = cards(page)
    press(page, f"{kind}-2-{before[1]}")
    (event,) = shop.person("dora").events
    assert (event.item, event.type, event.position) == (before[1], kind, 2) and event.list_id
    assert words in page.toast[0].value
    assert "dora" in shown(page) and not page.exception
    if kind != "dislike":  # what a dislike does is the model's; the small one only counts
        assert before[1] not in cards(page)


@pytest.mark.parametrize(("language", "new", "unmet"), [("en", "new", "hardly met"), ("zh", "新品", "少有人知")])
def test_a_card_says_whether_its_item_is_new_or_hardly_met(open_page, shop, language, new, unmet):
    lately = datetime.now(UTC) - timedelta(days=3)
    shop.put_items([Item("n", "New and wanted", created_at=lately), Item("u", "Unmet, of no date")])
    shop.put_items([Item("o", "Old and wanted", created_at=lately - timedelta(days=30))])
    shop.add_events([click("a", "fan", "n", 0), click("b", "fan", "o", 0)])
    found = shop.fresh(shop.items())
    assert {one: found.get(one) for one in ("n", "u", "o")} == {"n": "new", "u": "unmet", "o": None}
    page = open_page("for_you", language, {"u": "somebody"})
    assert {"n", "u", "o"} <= set(cards(page)) and not page.exception
    covers = [one.proto.body for one in page.get("html") if 'class="cover"' in one.proto.body]
    marks = dict(zip(cards(page), covers, strict=True))
    assert f">{new}</em>" in marks["n"] and f">{unmet}</em>" in marks["u"] and "</em>" not in marks["o"]
    assert "14" in marks["n"].split('title="')[1].split('"')[0]


def test_another_person_gets_another_list_and_the_address_keeps_it(open_page, shop):
    page = open_page("for_you", query={"u": "ann"})
    anns = cards(page)
    page.selectbox(key="who-0").set_value("曹").run()
    assert cards(page) != anns and page.query_params["u"] in ("曹", ["曹"])


def test_a_newcomer_has_a_list_too_and_nothing_is_known_of_them(open_page):
    page = press(open_page("for_you"), "newcomer")
    assert cards(page) and "Nothing yet" in shown(page) and "somebody new" in shown(page)


def test_the_dials_and_rules_are_asked_for(open_page, shop):
    page = open_page("for_you", query={"u": "ann"})
    page.slider(key="dial-diversity").set_value(0.8)
    page.slider(key="dial-freshness").set_value(0.5)
    page.multiselect(key="categories").set_value(["ware"])
    page.selectbox(key="list-k").set_value(6)
    page.toggle(key="exclude-seen").set_value(False).run()
    wish = shop._live.engine.asked[-1]
    assert (wish.diversity, wish.freshness, wish.k) == (0.8, 0.5, 6)
    assert (wish.filters.categories, wish.filters.exclude_seen) == (("ware",), False)
    assert set(cards(page)) == {"cup", "pot"}
    assert "at 1.0% of the expected clicks" in shown(page)


def test_why_something_is_not_here_is_told(open_page):
    page = open_page("for_you", query={"u": "ann"})
    page.selectbox(key="why-not").set_value("tea").run()
    assert "A rule removed it." in shown(page) and not page.exception
    page.selectbox(key="why-not").set_value("rug").run()
    assert "It is in the list." in shown(page) and "place" in shown(page)


def test_a_person_is_forgotten_by_a_click(open_page, shop):
    page = press(open_page("for_you", query={"u": "ann"}), "forget")
    assert "ann" not in [one.id for one in shop.people()] and "Nothing yet" in shown(page)
    assert "is forgotten" in page.toast[0].value


def test_of_much_that_is_known_the_newest_stand_first_and_the_rest_one_click_away(open_page, shop):
    shop.add_events([click(f"d{n}", "dora", "tea", n) for n in range(11)])
    page = open_page("for_you", query={"u": "dora"})
    assert "3 earlier ones" in [one.label for one in page.expander]
    known = [one.value for one in page.markdown if one.value.count("Roasted oolong") > 1]
    assert [one.count("Roasted oolong") for one in known] == [8, 3]


def test_without_a_model_the_page_says_who_answers(tmp_path, monkeypatch, open_page):
    from apps.recommender.ui import shared

    bare = open_plain(tmp_path / "bare", model=False)
    monkeypatch.setattr(shared, "service", lambda: bare)
    try:
        page = open_page("for_you", query={"u": "ann"})
        assert "No model yet" in page.warning[0].value and "by behaviour alone" in shown(page) and cards(page)
        page.selectbox(key="why-not").set_value("tea").run()
        assert "train one" in page.error[0].value and not page.exception
    finally:
        bare.close()


def test_words_of_a_catalogue_cannot_become_markup(open_page, shop):
    from apps.recommender.records import Item

    shop.put_items([Item("evil", "<b>![x](http://evil/a.png)</b>", category="<script>alert(1)</script>", price=1)])
    shop.add_events([click(f"v{n}", f"v{n}", "evil", 0) for n in range(30)])
    page = open_page("for_you", query={"u": "ann"})
    assert "evil" in cards(page)
    titles = [one.value for one in page.markdown if "evil/a" in one.value or "evil\\/a" in one.value]
    assert titles and all("\\<b\\>" in one and "\\!\\[" in one for one in titles)
    covers = [one.proto.body for one in page.get("html")]
    assert any("&lt;script&gt;alert" in one for one in covers) and not any("<script>alert" in one for one in covers)


def test_a_failure_is_one_sentence(open_page, shop, monkeypatch):
    monkeypatch.setattr(shop, "recommend", lambda *given, **more: 1 / 0)
    page = open_page("for_you")
    assert [one.value for one in page.error] == ["Something went wrong here; the log says what."] and not page.exception
