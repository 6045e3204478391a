"""How a file is laid out: columns by other names, dates that may be read two ways."""

import pytest

from apps.monitor.layouts import Layout, check_dates, columns_from, columns_text, take_file
from apps.monitor.rows import RowRules, numbered
from core.dates import DateOrder
from core.errors import DataError
from core.reasons import reason_of
from tests.monitor.helpers import NOW

ROW = {"heading": "Alba Bank misses a payment", "story": "It asks for time.", "when": "03/02/2026", "site": "Wire"}


def took(layout, *rows):
    return take_file(numbered(rows), RowRules("desk"), layout, NOW)


def test_a_file_with_names_of_its_own_is_read_by_a_mapping():
    layout = Layout({"title": "heading", "text": "story", "published_at": "when"}, DateOrder.DAY_FIRST)
    (one,), report = took(layout, ROW)
    assert (one.item.title, one.item.text, one.item.source) == (ROW["heading"], ROW["story"], "Wire")
    assert one.item.published_at.isoformat() == "2026-02-03T00:00:00+00:00"
    assert report.columns["title"] == ("heading",) and report.unused == ()


def test_columns_nobody_knows_are_one_sentence_that_names_the_way_out_in_both_languages():
    with pytest.raises(DataError) as raised:
        took(Layout(), ROW, ROW)
    told = reason_of(raised.value)
    assert "(heading, story, when, site)" in told and "--column" in told and "title=heading" in told
    assert "--column" in told.chinese and "title=heading" in told.chinese


@pytest.mark.parametrize(
    ("names", "example"),
    [
        ("no,Hedline,site", "title=Hedline"),  # "site" is like "title" and known as the source
        ("no,news_body,mood", "text=news_body"),
        ("序号,新闻标题", "title=新闻标题"),
        ("no,x1,x2", "title=COLUMN"),
    ],
)
def test_the_column_proposed_is_the_one_most_like_a_usual_name(names, example):
    with pytest.raises(DataError) as raised:
        took(Layout(), dict.fromkeys(names.split(","), "7"))
    told = reason_of(raised.value)
    assert f"such as {example} (" in told and f"({names.replace(',', ', ')})" in told
    assert f"例如 {example.replace('COLUMN', '列名')}（" in told.chinese


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"title": "headin"}, "There is no column 'headin' to be taken for title; the nearest known is 'heading'"),
        ({"titel": "heading"}, "There is no field 'titel' to map; the nearest known is 'title'"),
    ],
)
def test_a_mapping_that_does_not_fit_is_one_sentence_with_the_nearest_name(columns, said):
    with pytest.raises(DataError, match=said):
        took(Layout(columns), ROW)


def test_a_column_that_only_some_objects_have_may_be_mapped():
    good, _ = took(Layout({"text": "story"}), {"title": "One"}, {"title": "Two", "story": "More."})
    assert [one.item.text for one in good] == ["", "More."]


def test_a_date_that_may_be_read_two_ways_is_told_with_its_row_before_anything_is_stored():
    good, _ = took(Layout({"title": "heading", "published_at": "when"}), ROW)
    with pytest.raises(DataError, match=r"'03/02/2026' \(1\).*day-first or month-first"):
        check_dates(good)
    said, _ = took(Layout({"title": "heading", "published_at": "when"}, DateOrder.MONTH_FIRST), ROW)
    check_dates(said)


def test_columns_are_written_as_pairs_and_back():
    assert columns_from("title = heading，text=story, ") == {"title": "heading", "text": "story"}
    assert columns_from(columns_text({"title": "heading"})) == {"title": "heading"}
    with pytest.raises(DataError, match=r"ours=yours.*got 'heading'"):
        columns_from("heading")
