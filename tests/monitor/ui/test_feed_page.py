"""The feed page: filters, why, and the correction of an item."""

from dataclasses import replace

import pytest

from apps.monitor.records import Label
from apps.monitor.ui.entry_view import highlighted
from tests.monitor.fake_rows import entry
from tests.monitor.fake_service import FakeMonitor
from tests.monitor.ui.looking import press, texts


def titles(page) -> list[str]:
    return [one.value.strip("*") for one in page.markdown if one.value.startswith("**") and "·" not in one.value]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_items_are_shown_newest_first_with_reach_and_company(open_page, language):
    page = open_page("feed", language)
    shown = texts(page)
    assert shown.index("misses a bond payment") < shown.index("Lenders leave")
    assert "50" in shown
    assert "鹤川集团" in shown
    assert not page.exception
    assert not page.error


def test_filters_narrow_the_feed(open_page):
    page = open_page("feed")
    page.selectbox(key="feed-company").set_value("hechuan").run()
    assert "鹤川集团上调全年业绩指引" in texts(page)
    assert "Lenders leave" not in texts(page)
    page.selectbox(key="feed-label").set_value(Label.NEGATIVE).run()
    assert "Nothing fits these filters" in texts(page)
    page.selectbox(key="feed-company").set_value("").run()
    page.text_input(key="feed-search").set_value("LENDERS").run()
    assert "Lenders leave" in texts(page)
    assert "misses a bond" not in texts(page)


def test_the_uncertain_ones_come_first_when_asked_for(open_page):
    page = open_page("feed", **{"feed-uncertain": True})
    shown = texts(page)
    assert shown.index("Brightquay opens") < shown.index("misses a bond")


def test_words_that_moved_the_verdict_are_marked_and_weighed():
    words = FakeMonitor().explain("n1")
    text = "Aldermoor misses a bond <b>payment</b>"
    shown = highlighted(text, words, Label.NEGATIVE)
    assert '<mark style="background: color-mix(in srgb, #cf4f5b 70%, transparent)" title="+0.60">misses</mark>' in shown
    assert 'title="-0.10">a</mark>' in shown
    assert "&lt;b&gt;payment" in shown
    assert "<b>" not in shown


def test_words_without_offsets_of_their_own_never_repeat_or_lose_text():
    import re
    from types import SimpleNamespace as Word

    words = [Word(start=0, end=4, weight=1.0), Word(start=2, end=6, weight=0.9), Word(start=6, end=7, weight=0.0)]
    shown = highlighted("亏损扩大公司降薪", words, Label.NEGATIVE)
    assert re.sub(r"<[^>]+>", "", shown) == "亏损扩大公司降薪"


def test_only_what_was_changed_is_sent_as_a_correction(open_page, fake):
    page = open_page("feed", **{"why-n1": True})
    assert "Why negative" in texts(page)
    page.segmented_control(key="mood-n1").set_value("neutral")
    page.segmented_control(key="company-n1-0").set_value("none")
    press(page, "Save the correction")
    (made,) = fake.corrected
    assert (made.item_id, made.sentiment, made.topics, made.companies) == ("n1", "neutral", None, {})
    assert not page.exception


def test_a_correction_without_a_change_is_not_sent(open_page, fake):
    page = open_page("feed", **{"why-n3": True})
    press(page, "Save the correction")
    assert fake.corrected == []
    assert "Change something first" in texts(page)


def test_what_a_person_set_is_not_told_as_a_models_verdict(open_page, fake):
    fake.rows = [replace(entry("n1", "Aldermoor misses a payment", "negative", "credit", "", 0), corrected=True)]
    shown = texts(open_page("feed", **{"why-n1": True}))
    assert "A person set this to negative" in shown and "corrected by a person" in shown
    assert "Why negative" not in shown and "Read by" not in shown


def test_another_company_can_be_named(open_page, fake):
    page = open_page("feed", **{"why-n3": True})
    page.selectbox(key="other-n3").set_value("brightquay")
    press(page, "Save the correction")
    assert fake.corrected[0].companies == {"hechuan": "positive", "brightquay": "positive"}


def test_long_feeds_have_pages_and_the_older_one_holds_still(open_page, fake):
    fake.rows = [entry(f"p{n}", f"Story {n:02d} of many", "neutral", "macro", "", n) for n in range(45)]
    page = open_page("feed")
    assert "Story 19" in texts(page)
    assert "Story 20" not in texts(page)
    page.button(key="feed-page-older").click().run()
    assert "Story 20" in texts(page)
    assert "Story 19" not in texts(page)
    page.button(key="feed-page-older").click().run()
    assert "Story 44" in texts(page)
    assert page.button(key="feed-page-older").disabled


def test_while_an_item_is_open_newer_ones_wait(open_page, fake):
    page = open_page("feed")
    before = titles(page)
    page.session_state["why-n2"] = True
    page.run()
    fake.rows.insert(0, entry("late", "Brightquay halts a plant", hours_ago=0))
    page.run()
    assert [one for one in titles(page) if one in before] == before
    assert "Brightquay halts a plant" not in titles(page)
    assert "1 newer, held back" in texts(page)
    page.session_state["why-n2"] = False
    page.run()
    assert titles(page) == ["Brightquay halts a plant", *before]


def test_markup_in_the_news_is_shown_as_text(open_page):
    shown = texts(open_page("feed"))
    assert "<script>" not in shown
    assert r"\<script\>" in shown


def test_a_failure_is_one_sentence_without_paths(open_page):
    page = open_page("feed")
    page.text_input(key="feed-search").set_value("boom").run()
    assert [one.value for one in page.error] == ["Something went wrong here; the log says what."]
    assert "secret" not in texts(page)
    assert not page.exception
