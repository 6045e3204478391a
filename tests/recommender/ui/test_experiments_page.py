"""The page "Experiments and quality", clicked through."""

from datetime import date

import pytest

from apps.page_parts import DateForms
from apps.recommender.experiments import Variant
from apps.recommender.ui import charts
from tests.recommender.plain_service import click
from tests.recommender.ui.conftest import press, shown


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("section", ["quality", "experiments", "pulse"])
@pytest.mark.parametrize("filled", [False, True])
def test_every_section_is_drawn_in_both_languages_empty_and_filled(open_page, shop, section, language, filled):
    if filled:
        shop.start_experiment("variety", [Variant("A", 0.5), Variant("B", 0.5, {"diversity": 0.8})])
        answer = shop.recommend("ann")
        shop.add_events([click("c", "ann", answer.list.items[0].item, 0, list_id=answer.list_id)])
    page = open_page("experiments", language, experiments_section=section)
    assert not page.exception and not page.error


def test_the_figures_are_those_of_the_lists_served(open_page, shop):
    answer = shop.recommend("ann", wish=shop.wish(k=2))
    shop.recommend("bob", wish=shop.wish(k=2))
    shop.add_events([click("c", "ann", answer.list.items[0].item, 0, list_id=answer.list_id)])
    page = open_page("experiments")
    found = {one.label: one.value for one in page.metric}
    assert (found["Lists"], found["People"], found["Click rate"], found["NDCG of clicks"]) == (
        "2",
        "2",
        "25.0%",
        "1.000",
    )


@pytest.mark.parametrize(
    ("language", "words"), [("en", "near 1 when a few get nearly all"), ("zh", "少数商品几乎占尽")]
)
def test_every_figure_says_in_plain_words_what_it_means(open_page, language, words):
    helps = [one.help for one in open_page("experiments", language).metric]
    assert all(helps) and any(words in one for one in helps)


@pytest.mark.parametrize(("language", "words"), [("en", "Events by the minute"), ("zh", "实时行为")])
def test_the_events_by_the_minute_have_a_heading(open_page, language, words):
    assert words in shown(open_page("experiments", language, experiments_section="pulse"))


DATES = DateForms("%-d %b", "%-d %b %H:%M", "%b %Y")


def test_every_part_of_a_score_has_its_name_beside_its_bar():
    chart = charts.parts({"text": 0.4, "behaviour": -0.2, "recency": 0.1}).to_dict()
    assert chart["encoding"]["y"]["axis"]["labelOverlap"] is False


def test_today_hangs_dotted_on_the_line_of_the_days_that_have_ended():
    rows = [(date(2026, 3, 1), 0.4), (date(2026, 3, 2), 0.5), (date(2026, 3, 3), 0.1)]
    chart = charts.days(rows, "Click rate", charts.GREEN, date(2026, 3, 3), "(so far)", DATES).to_dict()
    assert {one["encoding"]["x"]["axis"]["format"] for one in chart["layer"]} == {"%-d %b"}  # 1 Mar
    dotted, whole = (
        (part["mark"]["strokeDash"], [row["when"] for row in chart["datasets"][part["data"]["name"]]])
        for part in chart["layer"]
    )
    assert whole == ([1, 0], ["2026-03-01", "2026-03-02"])
    assert dotted == ([2, 4], ["2026-03-02", "2026-03-03 (so far)"])
    ended = charts.days(rows, "Click rate", charts.GREEN, date(2026, 3, 4), "(so far)", DATES).to_dict()
    assert len(ended["layer"]) == 1


@pytest.mark.parametrize(("language", "words"), [("en", "Dotted: today"), ("zh", "虚线为今天")])
def test_the_page_says_that_today_has_not_ended(open_page, shop, language, words):
    shop.recommend("ann")
    assert words in shown(open_page("experiments", language))


def test_an_experiment_is_begun_read_and_ended(open_page, shop):
    page = open_page("experiments", experiments_section="experiments")
    assert "No experiments yet" in shown(page)
    page.text_input(key="experiment-name").set_value("variety")
    page.slider(key="experiment-diversity").set_value(0.8)
    next(one for one in page.button if one.label == "Start").click().run()
    (made,) = shop.experiments()
    assert [(one.name, one.share, dict(one.dials)) for one in made.variants] == [
        ("as-is", 0.5, {}), ("changed", 0.5, {"diversity": 0.8})]  # fmt: skip
    shop.recommend("ann")
    page.run()
    table = page.dataframe[0].value.set_index("Variant")
    assert table["Lists"].sum() == 1 and list(table["Share"]) == ["50%", "50%"]
    press(page, "end-variety")
    assert not shop.experiments()[0].running and "ended" in page.toast[0].value


def test_a_name_taken_or_missing_is_one_sentence(open_page, shop):
    page = open_page("experiments", experiments_section="experiments")
    next(one for one in page.button if one.label == "Start").click().run()
    assert "name" in page.error[0].value and not page.exception


def test_a_found_difference_is_told_with_its_interval(open_page, shop, monkeypatch):
    from tests.recommender.test_experiments import lists

    experiment = shop.start_experiment("dials", [Variant("A", 0.5), Variant("B", 0.5, {"diversity": 0.8})])
    monkeypatch.setattr(shop, "_outcomes", lambda since: lists({"A": 0.05, "B": 0.15}))
    page = open_page("experiments", experiments_section="experiments")
    assert "B against A" in shown(page) and "click rate +" in shown(page)
    assert experiment.name in page.expander[0].label and not page.exception
