"""The overview page, looked at and clicked through."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from apps.monitor.records import HeatCell, Point
from apps.monitor.ui.overview import busiest
from apps.monitor.ui.periods import STEPS, Period, end_of
from tests.monitor.fake_rows import NOW
from tests.monitor.ui.looking import texts


def metrics(page) -> dict[str, str]:
    return {one.label: one.value for one in page.metric}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("days", list(STEPS))
def test_every_period_is_drawn_in_both_languages(open_page, language, days):
    page = open_page("overview", language, **{"overview-days": days})
    assert not page.exception
    assert not page.error


def test_the_figures_are_those_of_the_stream_at_its_own_clock(open_page):
    page = open_page("overview", **{"overview-days": 1})
    shown = metrics(page)
    assert shown["Stories"] == "4"
    assert shown["Negative share"] == "50%"
    assert shown["Open alerts"] == "1"
    assert shown["Sources heard now"] == "1 / 3"
    assert "Stream time 2026-03-10" in texts(page)


@pytest.mark.parametrize(("language", "told"), [("en", "nothing for 5 minutes"), ("zh", "已有 5 分钟没有任何内容")])
def test_a_trend_that_ends_grey_is_told_beside_the_sources_heard(open_page, fake, monkeypatch, language, told):
    assert not open_page("overview", language).metric[3].delta
    series = fake.series
    monkeypatch.setattr(fake, "series", lambda *a, **k: [replace(one, unknown=True) for one in series(*a, **k)])
    page = open_page("overview", language)
    assert (page.metric[3].value, page.metric[3].delta) == ("1 / 3", told)


@pytest.mark.parametrize(
    ("language", "days", "form"),
    [("en", 1, "%H:%M"), ("en", 7, "%-d %b"), ("zh", 7, "%-m月%-d日"), ("en", 365, "%b %Y"), ("zh", 365, "%Y年%-m月")],
)
def test_no_date_of_a_chart_can_be_read_as_another_day(open_page, language, days, form):
    page = open_page("overview", language, **{"overview-days": days})
    drawn = [one.proto.spec for one in page.get("vega_lite_chart")]
    assert sum(json.dumps(form) in one for one in drawn) == 2  # stories and negative share; the heat map has no dates


def test_on_a_phone_the_titles_of_the_heat_map_stand_upright_and_none_overlaps(open_page):
    (drawn,) = [one.proto.spec for one in open_page("overview").get("vega_lite_chart") if '"topic"' in one.proto.spec]
    across, down = (json.loads(drawn)["layer"][0]["encoding"][side]["axis"] for side in "xy")
    assert across["labelAngle"] == {"expr": "windowSize()[0] < 640 ? -90 : -38"}
    assert down["labelLimit"] == {"expr": "windowSize()[0] < 640 ? 96 : 150"}


def test_the_page_says_that_the_stream_is_the_sample_and_moved(open_page):
    assert "dates moved by 12 days" in texts(open_page("overview"))
    assert "平移了 12 天" in texts(open_page("overview", "zh"))


def test_an_open_alert_stands_on_top_with_its_reason(open_page, fake):
    assert "usually 1\\.5" in texts(open_page("overview"))
    fake.resolve("a1", "Mei", "over")
    assert "No alert is open" in texts(open_page("overview"))


def test_a_mover_opens_its_trend(open_page):
    page = open_page("overview")
    page.button(key="mover-go-0").click().run()
    assert page.selectbox(key="overview-company").value == "aldermoor"
    assert not page.exception


def test_one_can_look_back_to_the_end_of_a_day(open_page):
    page = open_page("overview", **{"overview-days": 1, "overview-until": date(2026, 3, 9)})
    shown = metrics(page)
    assert (shown["Stories"], shown["Negative share"]) == ("1", "0%")  # the plant alone, a day before the others
    assert "for the present only" in texts(page)
    assert not page.exception


def test_the_end_of_a_day_is_the_servers_and_never_in_the_future():
    assert end_of(date(2026, 3, 10), NOW) == NOW
    assert end_of(None, NOW) == NOW
    assert end_of(date(2026, 3, 8), NOW) == datetime(2026, 3, 9).astimezone()


def test_a_company_without_stories_says_so_instead_of_an_empty_chart(open_page):
    page = open_page("overview", **{"overview-company": "brightquay", "overview-topic": "scandal"})
    assert "No stories of this kind" in texts(page)
    assert not page.exception


def test_an_empty_stream_says_so(open_page, fake):
    fake.rows = []
    page = open_page("overview")
    assert "Nothing has come in" in texts(page)
    assert metrics(page)["Negative share"] == "–"
    assert not page.exception


@pytest.mark.parametrize(("language", "words"), [("en", "1,200 of 6,128 items"), ("zh", "1,200 / 6,128 条")])
@pytest.mark.parametrize("name", ["overview", "feed", "alerts", "sources", "training"])
def test_while_the_sample_is_read_in_empty_pages_say_so_and_how_far(open_page, fake, name, language, words):
    fake.rows, fake.held, fake.places = [], {}, {}
    status = fake.status() | {"loading": {"running": True, "done": 1200, "total": 6128, "error": ""}}
    fake.status = lambda: status
    shown = texts(open_page(name, language))
    assert words in shown
    for none in ("Nothing has come in", "no news", "No alert here", "Nothing fits", "没有收到任何内容", "没有告警"):
        assert none not in shown


def test_text_of_a_company_name_is_shown_as_it_is(open_page, fake):
    fake.company_names = lambda language: {"aldermoor": "**A** [x](http://evil)"}
    shown = texts(open_page("overview"))
    assert "[x](http" not in shown
    assert r"\*\*A\*\*" in shown


@pytest.mark.parametrize("days", list(STEPS))
def test_a_period_has_whole_bars_and_about_sixty_at_most(days):
    period = Period.of(NOW + timedelta(minutes=17), days)
    points, start = [], period.since
    while start < period.until:
        points.append(Point(start, stories=1, negative=1))
        start += period.span.length
    bars = period.bars(points)
    assert sum(one.stories for one in bars) == len(points)
    assert len(bars) <= 62
    assert bars[0].start == period.since
    assert {later.start - one.start for one, later in pairwise(bars)} == {period.step}


def test_a_bar_is_unknown_only_when_all_its_windows_are():
    period = Period.of(NOW, 7)
    hour = timedelta(hours=1)
    start = period.since
    silent = [Point(start + n * hour, unknown=True) for n in range(3)]
    assert period.bars(silent)[0].unknown
    assert not period.bars([*silent[:2], Point(start + 2 * hour, stories=1)])[0].unknown


def test_the_heat_map_keeps_the_busiest_companies_and_orders_both_ways():
    at = datetime(2026, 3, 1, tzinfo=UTC)
    counts = {("a", ""): 2, ("a", "macro"): 2, ("b", ""): 9, ("b", "credit"): 5, ("b", "macro"): 4, ("c", ""): 1}
    cells = [HeatCell(company, topic, Point(at, stories=n)) for (company, topic), n in counts.items()]
    kept = [(one.company, one.topic) for one in busiest(cells, 2)]
    assert kept == [("b", ""), ("b", "macro"), ("b", "credit"), ("a", ""), ("a", "macro")]
