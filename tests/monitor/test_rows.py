"""Raw rows: mended where they can be, named where they cannot, in their source's zone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from apps.monitor.rows import RowRules, clean, counted, item_from_row, numbered, plain, take_rows
from core.dates import DateOrder, parse_moment
from core.errors import DataError
from core.reasons import in_language
from tests.monitor.helpers import HOUR, NOW

LATER = datetime(2026, 12, 1, tzinfo=UTC)
RULES = RowRules("desk", zone="Asia/Shanghai")


def taken(received=NOW, rules=RULES, **row):
    return item_from_row({"title": "Alba Bank profit rises", **row}, rules, received)


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2026-03-01T08:30:00+00:00", "2026-03-01T08:30:00+00:00"),
        ("2026-03-01 08:30", "2026-03-01T00:30:00+00:00"),
        ("2026/03/01 08:30:15", "2026-03-01T00:30:15+00:00"),
        ("2026年3月1日 08:30", "2026-03-01T00:30:00+00:00"),
        ("2026年3月1日", "2026-02-28T16:00:00+00:00"),
        ("Sun, 01 Mar 2026 08:30:00 GMT", "2026-03-01T08:30:00+00:00"),
        ("Sun, 01 Mar 2026 08:30:00 -0500", "2026-03-01T13:30:00+00:00"),
        (1772353800, "2026-03-01T08:30:00+00:00"),
        ("1772353800000", "2026-03-01T08:30:00+00:00"),
        ("2026/3/1 8:30", "2026-03-01T00:30:00+00:00"),
        ("27/11/2026", "2026-11-26T16:00:00+00:00"),
        ("27.11.2026 14:05", "2026-11-27T06:05:00+00:00"),
        ("11/27/2026 2:05 PM", "2026-11-27T06:05:00+00:00"),
        ("27-11-2026T14:05:30+00:00", "2026-11-27T14:05:30+00:00"),
        ("05/05/2026 09:00Z", "2026-05-05T09:00:00+00:00"),
    ],
)
def test_dates_of_all_kinds_are_read_in_their_zone(text, iso):
    assert parse_moment(text, "Asia/Shanghai").isoformat() == iso


@pytest.mark.parametrize(
    ("dates", "read"),
    [
        (("03/04/2026", "27/11/2026"), ["2026-04-03", "2026-11-27"]),
        (("03/04/2026", "11/27/2026"), ["2026-03-04", "2026-11-27"]),
        (("03.04.2026 14:05", "05.05.2026"), [None, "2026-05-05"]),
        (("03/04/2026", "27/11/2026", "11/27/2026"), [None, "2026-11-27", "2026-11-27"]),
    ],
)
def test_day_and_month_are_told_apart_by_the_files_other_dates_and_never_guessed(dates, read):
    rows = [{"title": str(number), "date": date} for number, date in enumerate(dates)]
    good, report = take_rows(numbered(rows), RowRules(), LATER)
    assert [one.item.published_at and one.item.published_at.date().isoformat() for one in good] == read
    doubted = [one.date_problem.why for one in good if one.date_problem]
    assert doubted == ["two_ways"] * read.count(None)
    assert report.date_orders == (
        () if None in read else ("day-first",) if read[0] == "2026-04-03" else ("month-first",)
    )


def test_dates_are_read_in_the_order_that_somebody_said_and_one_that_does_not_fit_is_named():
    rows = [{"title": "a", "date": "03/04/2026"}, {"title": "b", "date": "11/27/2026"}]
    good, _ = take_rows(numbered(rows), RowRules(dates=DateOrder.DAY_FIRST), LATER)
    assert good[0].item.published_at == datetime(2026, 4, 3, tzinfo=UTC)
    assert good[1].date_problem is not None and good[1].date_problem.why == "unreadable"


def test_dates_that_name_no_zone_are_counted_once_for_the_whole_file():
    dates = (
        "2026-03-01 08:30",
        "2026-03-01T08:30:00Z",
        "2026年3月1日",
        1772353800,
        "Sun, 01 Mar 2026 08:30:00 GMT",
        "soon",
    )
    made = [taken(published_at=date) for date in dates]
    assert [one.zoneless for one in made] == [True, False, True, False, False, False]


@pytest.mark.parametrize(
    "text", ["", None, "yesterday", "2026-13-45", True, "99999999999999999", "0200-01-01", [], float("inf")]
)
def test_a_date_that_cannot_be_read_or_believed_leaves_the_item_undated(text):
    one = taken(published_at=text)
    assert one.undated and one.item.published_at is None and one.item.moment == NOW


@pytest.mark.parametrize(
    ("date", "why"),
    [("last Tuesday", "unreadable"), ("31.13.2026", "unreadable"), ("2031-03-16", "ahead"), ("1899-01-01", "old")],
)
def test_a_date_that_is_not_used_is_named_with_its_row_its_value_and_why(date, why):
    row = {"title": "Alba Bank profit rises", "date": date}
    (one,), _ = take_rows([("desk.csv:7", row)], RULES, NOW)
    assert one.date_problem is not None
    assert (one.date_problem.row, one.date_problem.value, one.date_problem.why) == ("desk.csv:7", date, why)
    assert f"'{date}'" in one.date_problem.reason


def test_a_date_that_is_missing_or_used_is_no_problem():
    assert [taken(date=date).date_problem for date in ("", None, " ", "2026-03-16T08:00:00Z")] == [None] * 4


def test_history_names_the_date_that_cannot_be_read():
    with pytest.raises(DataError, match="The date 'soon' cannot be read, so the row has no place in history"):
        item_from_row({"title": "x", "date": "soon"}, RULES, None)


def test_a_date_a_little_ahead_is_its_receipt_and_one_far_ahead_is_not_believed():
    assert taken(published_at=NOW + 8 * HOUR).item.published_at == NOW
    assert taken(published_at=NOW + 48 * HOUR).item.published_at is None


def test_encodings_html_and_control_characters_are_mended_and_counted():
    assert clean("cafÃ©") == ("café", True)
    assert clean("海岚银行".encode().decode("latin-1")) == ("海岚银行", True)
    assert clean("Profit\ufffd\ufffd up") == ("Profit up", True)
    assert clean("a\x00b\ud800c") == ("ab c", True)
    assert clean("R&amp;D &lt; 5") == ("R&D < 5", False)
    assert clean("naïve café") == ("naïve café", False)
    assert plain("<p>One<script>trap()</script></p><p>Two &amp; three</p>") == "One\n\nTwo & three"


def test_a_huge_text_is_shortened_and_said_to_be():
    one = taken(text="x" * 50_000)
    assert one.shortened and len(one.item.text) == RULES.longest_text


def test_columns_of_other_names_are_mapped():
    rules = RowRules("desk", columns={"title": "标题", "published_at": "日期"}, zone="Asia/Shanghai")
    one = item_from_row({"标题": "海岚银行被罚款", "日期": "2026年3月16日 09:00", "title": "trap"}, rules, NOW)
    assert (one.item.title, one.item.language) == ("海岚银行被罚款", "zh")
    assert one.item.published_at == datetime(2026, 3, 16, 1, tzinfo=UTC)


def test_usual_names_are_known_in_capitals_and_in_chinese():
    one = taken(**{"title": "", "Headline": "Loss widens", "Site": "Morning Wire", "链接": "http://x.example"}).item
    assert (one.title, one.source, one.url) == ("Loss widens", "Morning Wire", "http://x.example")


def test_a_column_that_was_mapped_is_not_taken_a_second_time():
    rules = RowRules(columns={"title": "summary"})
    assert item_from_row({"summary": "Loss widens"}, rules, NOW).item.text == ""


def test_the_same_row_without_an_id_gets_the_same_id_and_another_row_another():
    ids = [taken(text=text, url="http://x.example").item.id for text in ("one", "one", "two")]
    assert ids[0] == ids[1] != ids[2]


def test_reach_tickers_and_author_are_read():
    one = taken(reach="12.0", tickers="ALB, cor|ALB", author=" Ada ").item
    assert (one.reach, one.tickers, one.author) == (12, ("ALB", "COR"), "Ada")
    assert taken(ticker="ALB").item.tickers == ("ALB",)


def test_a_reach_that_is_no_number_costs_the_row_its_reach_and_is_told_by_row():
    given = ["x", -3, float("nan"), "", 0, "7"]
    rows = [{"title": f"number {at}", "reach": reach} for at, reach in enumerate(given)]
    found, report = take_rows(numbered(rows), replace(RULES, reach=5), NOW)
    report += counted(found)
    assert [one.item.reach for one in found] == [5, 5, 5, 5, 1, 7]
    assert (report.added, report.dropped, report.without_reach) == (6, 0, 3)
    assert [one.row for one in report.reach_problems] == ["1", "2", "3"]
    why = report.reach_problems[0].reason
    assert why == "The item was taken with a reach of 5: reach must be a whole number of at least 1, got 'x'."
    assert in_language(why, "zh") == "内容已收录，传播量按 5 计：reach（传播量）应是不小于 1 的整数，实际是“x”。"


def test_history_takes_its_receipt_from_its_date():
    assert item_from_row({"title": "x", "time": "2014-01-01T00:00:00Z"}, RULES, None).item.received_at.year == 2014
    with pytest.raises(DataError, match="no date"):
        item_from_row({"title": "x"}, RULES, None)


def test_no_row_loses_another():
    rows = [
        {"title": "one"},
        {"title": ""},
        7,
        DataError("broken line."),
        {"text": "三"},
    ]
    good, report = take_rows(numbered(rows), RULES, NOW)
    assert [one.item.full_text for one in good] == ["one", "三"]
    assert dict(report.counts) == {"empty": 1, "malformed": 2}
    assert [one.row for one in report.problems] == ["2", "3", "4"]
    assert all("\n" not in one.reason for one in report.problems)
    assert [in_language(one.reason, "zh") for one in report.problems] == [
        "这一行既没有标题也没有正文。",
        "每一行应有字段名，实际是 int。",
        "broken line.",
    ]


def test_the_report_says_which_columns_were_taken_for_what_and_which_for_nothing():
    rows = [{"sku": 1, "title": "Copper kettle", "description": "Of copper"}, {"sku": 2, "title": "", "summary": "Tea"}]
    _, report = take_rows(numbered(rows), RULES, NOW)
    assert dict(report.columns) == {"title": ("title",), "text": ("description", "summary")}
    assert report.unused == ("sku",)
    _, mapped = take_rows(
        numbered([{"标题": "海岚银行被罚款", "title": "trap"}]), RowRules(columns={"title": "标题"}), NOW
    )
    assert (dict(mapped.columns), mapped.unused) == ({"title": ("标题",)}, ("title",))
    both = report + mapped
    assert (both.columns["title"], both.unused) == (("title", "标题"), ("sku", "title"))


def test_a_million_bad_rows_fit_the_report():
    _, report = take_rows(numbered({"title": ""} for _ in range(5000)), RULES, NOW)
    assert report.dropped == 5000 and len(report.problems) == 100


def test_received_is_kept_beside_published():
    one = taken(published_at=NOW - timedelta(hours=3), received_at=NOW - HOUR).item
    assert (one.moment, one.received_at) == (NOW - timedelta(hours=3), NOW - HOUR)
