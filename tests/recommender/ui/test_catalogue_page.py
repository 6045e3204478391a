"""The page "Catalogue", clicked through."""

import pytest

from apps.page_parts import Job
from apps.recommender.answers import EventReport, IngestReport, ItemReport, RowProblem
from apps.recommender.file_use import FileUse
from apps.recommender.records import Item
from apps.recommender.row_problems import NO_TITLE, PRICE_LEFT_OUT
from apps.recommender.sample_shop import items_of_sample
from apps.recommender.ui import sample_out
from apps.recommender.ui.bring_in import JOB
from core.reasons import reason
from tests.recommender.ui.conftest import press, shown


def opens(page) -> list[str]:
    return [str(one.key).removeprefix("open-") for one in page.button if str(one.key).startswith("open-")]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("section", ["items", "fresh", "bring"])
def test_every_section_is_drawn_in_both_languages(open_page, section, language):
    page = open_page("catalogue", language, catalogue_section=section)
    assert not page.exception and not page.error


def test_items_are_searched_filtered_and_ordered(open_page):
    page = open_page("catalogue")
    assert opens(page) == ["fan", "rug", "lamp", "pot", "cup", "cha", "tea"]  # newest first
    page.text_input(key="catalogue-search").set_value("茉莉").run()
    assert opens(page) == ["cha"]
    page.text_input(key="catalogue-search").set_value("").run()
    page.selectbox(key="catalogue-category").set_value("ware").run()
    assert opens(page) == ["pot", "cup"]
    page.selectbox(key="catalogue-category").set_value("").run()
    page.selectbox(key="catalogue-sort").set_value("popular").run()
    assert set(opens(page)) == {"tea", "cup", "pot", "cha"}
    page.text_input(key="catalogue-search").set_value("no such thing").run()
    assert "No item fits" in shown(page)


@pytest.mark.parametrize(("language", "line"), [("en", "No item has the words “lmap”"), ("zh", "没有商品含有“lmap”")])
def test_where_nothing_has_the_words_the_nearest_are_shown_and_said_to_be_that(open_page, language, line):
    page = open_page("catalogue", language, **{"catalogue-search": "lmap"})
    assert opens(page) == ["lamp"] and line in shown(page)
    assert opens(open_page("catalogue", language, **{"catalogue-search": "carpet"})) == ["rug"]  # nearest in meaning
    other = {"catalogue-search": "carpet", "catalogue-category": "ware"}
    assert opens(open_page("catalogue", language, **other)) == []


def test_an_item_opens_with_its_text_events_and_what_is_like_it(open_page):
    page = press(open_page("catalogue"), "open-tea")
    said = shown(page)
    assert "Roasted oolong" in said and "Dark and sweet." in said and "Lantern" in said and "looked at 2" in said
    assert "Similar items" in said and len(opens(page)) == 6
    page = press(page, "open-cup")
    assert "Tasting cup" in shown(page)
    page = press(page, "back")
    assert len(opens(page)) == 7


def test_a_chinese_page_names_languages_and_columns_in_chinese(open_page, shop):
    shop.put_items([Item("vase", "Vase", language="en", attributes={"margin": 0.4, "shelf": "B2"})])
    said = shown(open_page("catalogue", "zh", query={"item": "vase"}))
    assert "语言:** 英文" in said and "毛利率:** 0.4" in said and "shelf:** B2" in said


@pytest.mark.parametrize(("currency", "price"), [("", "12.50"), ("€", "€12.50"), ("EUR", "12.50 EUR")])
def test_a_price_is_shown_in_the_shop_s_currency(open_page, shop, currency, price):
    section = shop.settings.recommender.model_copy(update={"currency": currency})
    shop.settings = shop.settings.model_copy(update={"recommender": section})
    shop.put_items([Item("vase", "Vase", price=12.5)])
    page = open_page("catalogue", query={"item": "vase"})
    assert f"Price:** {price}" in shown(page)


def test_an_unknown_item_in_the_address_is_one_sentence(open_page):
    page = open_page("catalogue", query={"item": "ghost"})
    assert "There is no item 'ghost'" in page.error[0].value.replace("\\", "") and not page.exception


def test_an_item_is_deleted_by_a_click(open_page, shop):
    page = press(open_page("catalogue", query={"item": "rug"}), "delete-item")
    assert "rug" not in opens(page) and "is deleted" in page.toast[0].value
    assert shop.items(search="rug") == []


def test_new_items_are_shown_with_their_chances(open_page, shop):
    answer = shop.recommend("ann")
    page = open_page("catalogue", catalogue_section="fresh")
    table = page.dataframe[0].value.set_index("Title")
    assert list(table.index) == ["Bamboo fan", "Wool rug"]
    assert table.loc["Bamboo fan", "Shown"] == sum(one.item == "fan" for one in answer.list.items)


def test_a_file_without_a_telling_name_is_one_sentence(open_page):
    page = open_page("catalogue", catalogue_section="bring")
    page.file_uploader[0].upload("../numbers.csv", b"a,b\n", "text/csv")
    next(one for one in page.button if one.label == "Take in").click().run()
    assert page.session_state[JOB].wait(30)
    page.run()
    assert "say which" in page.error[0].value and not page.exception
    page = open_page("catalogue", "zh", catalogue_section="bring", **{JOB: page.session_state[JOB]})
    assert "看不出内容是商品还是行为" in page.error[0].value


def test_a_file_brought_in_again_says_that_its_rows_were_known(open_page):
    job = Job(lambda listen: IngestReport(ItemReport(unchanged=2), EventReport(known=3)), "")
    assert job.wait(30)
    for language, told in (("en", "5 rows were known already"), ("zh", "另有 5 行此前已收录")):
        assert told in shown(open_page("catalogue", language, catalogue_section="bring", **{JOB: job}))


def test_why_a_row_was_not_taken_is_told_in_the_language_of_the_page(open_page):
    problems = (RowProblem("items.csv", 0, "It is empty."), RowProblem("items.csv", 3, reason(NO_TITLE, id="a")))
    job = Job(lambda listen: IngestReport(ItemReport(problems=problems), failed=("items.csv",)), "")
    assert job.wait(30)
    for language, told in (("en", "Item 'a' has no title."), ("zh", "商品“a”没有标题。")):
        page = open_page("catalogue", language, catalogue_section="bring", **{JOB: job})
        assert page.dataframe[0].value.iloc[1].tolist() == ["items.csv", "3", told]
        assert page.metric[3].value == "1"  # the empty file is no row


def test_rows_that_were_taken_with_a_note_stand_apart_and_how_a_file_was_understood_is_told(open_page):
    noted = (RowProblem("商品.csv", 2, reason(PRICE_LEFT_OUT, value="面议")),)
    use = FileUse("商品.csv", "items", "GB18030", {"description": ("desc",)}, ("grams",))
    job = Job(lambda listen: IngestReport(ItemReport(added=1, noted=noted), uses=(use,)), "")
    assert job.wait(30)
    for language, heading, told in (
        ("en", "What is to be looked at", "It was read as GB18030. Columns taken: desc as description."),
        ("zh", "需要留意的原因", "按 GB18030 编码读取。列的对应：“desc”作 description。"),
    ):
        page = open_page("catalogue", language, catalogue_section="bring", **{JOB: job})
        (table,) = page.dataframe
        assert heading in table.value.columns and page.metric[3].value == "0"
        assert any(told in one.value.replace("\\", "") for one in page.caption) and not page.exception


def test_a_long_reason_makes_the_rows_of_its_table_higher(open_page):
    def height(why: str) -> int:
        job = Job(lambda listen: IngestReport(ItemReport(problems=(RowProblem("items.csv", 3, why),))), "")
        assert job.wait(30)
        (table,) = open_page("catalogue", catalogue_section="bring", **{JOB: job}).dataframe
        return int(table.proto.row_height)

    assert height("No title.") < height("No title, " * 10) < height("没有标题，" * 20)


def test_taking_in_needs_a_file(open_page):
    page = open_page("catalogue", catalogue_section="bring")
    next(one for one in page.button if one.label == "Take in").click().run()
    assert "Choose a file" in page.warning[0].value


def test_the_sample_shop_is_taken_out_by_a_button_and_offered_no_more(shop, open_page, monkeypatch):
    title = items_of_sample()["t001"]
    shop.put_items([Item("t001", title)])
    monkeypatch.setattr(shop, "_fit_small", lambda on_event: None)  # no encoder here
    page = open_page("catalogue", catalogue_section="bring")
    assert "1 items of the sample go" in shown(page)
    press(page, "sample-out")
    assert page.session_state[sample_out.JOB].wait(20)
    page = open_page(
        "catalogue", "zh", catalogue_section="bring", **{sample_out.JOB: page.session_state[sample_out.JOB]}
    )
    assert "已移除示例商店的 1 件商品" in shown(page)
    assert not [one for one in page.button if one.key == "sample-out"]
    assert "t001" not in {one.id for one in shop.items()} and shop.counts()["items"] == 7
