"""The sources page: health, adding, pausing, a file taken in, channels and messages."""

from dataclasses import replace

import pytest

from apps.monitor.intake_records import DateDoubt, DateProblem, IngestReport, RowProblem
from apps.monitor.source_records import Source, SourceKind, SourceState, doubted_dates
from apps.monitor.ui.source_forms import JOB
from apps.page_parts import Job
from core.dates import DateOrder
from tests.monitor.ui.looking import press, texts


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("section", ["sources", "channels"])
def test_every_section_is_drawn_in_both_languages(open_page, section, language):
    page = open_page("sources", language, sources_section=section)
    assert not page.exception
    assert not page.error


def test_who_is_heard_and_who_is_not(open_page):
    state = {"source-wire": True, "source-desk": True}
    shown = texts(open_page("sources", **state)).replace("\\", "")
    assert "5 looks in a row failed: No such file" in shown
    assert shown.index("failing") < shown.index("heard")
    assert "last item 5 minutes ago" in shown
    assert "typically a minute behind" in shown
    assert "连续 5 次读取失败：文件不存在。" in texts(open_page("sources", "zh", **state))
    assert "40 items" in shown
    assert "3 doubles" in shown


def test_a_long_reason_makes_the_rows_of_its_table_higher(open_page):
    def heights(why: str) -> list[int]:
        bad, undated = (
            (RowProblem("news.csv:3", why),),
            (DateProblem("news.csv:4", "31/02/2026", DateDoubt.UNREADABLE),),
        )
        job = Job(lambda listen: IngestReport(counts={"malformed": 1}, problems=bad, date_problems=undated), "")
        assert job.wait(30)
        return [int(one.proto.row_height) for one in open_page("sources", **{JOB: job}).dataframe]

    short, long = heights("No title."), heights("The row has neither title nor text that could be read. " * 3)
    assert short[0] < long[0] and short[1] == long[1]


@pytest.mark.parametrize(
    ("language", "late"),
    [("en", "Late: published more than an hour before it came in"), ("zh", "迟到：发布后超过 1 小时才收到")],
)
def test_the_words_of_the_counts_are_explained(open_page, language, late):
    page = open_page("sources", language, **{"source-wire": True})
    assert any(late in (one.help or "") for one in page.caption)


def test_a_feed_is_added_with_its_zone(open_page, fake):
    page = open_page("sources")
    page.text_input(key="source-name").set_value("财经网")
    page.text_input(key="source-address").set_value("https://caijing.example/rss")
    page.selectbox(key="source-zone").set_value("Asia/Shanghai")
    page.number_input(key="source-silent").set_value(90)
    press(page, "Save")
    made = fake.places["财经网"]
    assert (made.kind, made.zone, made.silent_after_s) == (SourceKind.RSS, "Asia/Shanghai", 5400.0)


@pytest.mark.parametrize(
    ("language", "save", "said"),
    [
        ("en", "Save", "Source 'x' needs an http(s) address"),
        ("zh", "保存", "来源“x”的地址应以 http:// 或 https:// 开头"),
    ],
)
def test_a_feed_without_an_http_address_is_refused_in_one_sentence(open_page, fake, language, save, said):
    page = open_page("sources", language)
    page.text_input(key="source-name").set_value("x")
    page.text_input(key="source-address").set_value("file:///etc/passwd")
    page = press(page, save)
    (error,) = page.error
    assert error.value.replace("\\", "").startswith(said)
    assert "x" not in fake.places
    assert not page.exception


def test_a_source_is_paused_resumed_and_removed(open_page, fake):
    page = open_page("sources", **{"source-wire": True})
    page.button(key="pause-wire").click().run()
    assert fake.places["wire"].paused
    page.button(key="pause-wire").click().run()
    assert not fake.places["wire"].paused
    page.button(key="remove-wire").click().run()
    assert "wire" not in fake.places


def test_sources_stay_in_their_place_while_one_is_open(open_page, fake):
    def names(page):
        return [next(name for name in ("desk", "wire", "财讯") if name in one.label) for one in page.expander[:3]]

    page = open_page("sources")
    before = names(page)
    assert before[0] == "desk"  # it fails, so it stands first
    page.session_state["source-wire"] = True
    page.run()
    fake.pause("desk")
    page.run()
    assert names(page) == before
    assert "paused" in page.expander[0].label
    page.session_state["source-wire"] = False
    page.run()
    assert names(page)[-1] == "desk"


def test_the_password_of_an_address_is_never_shown(open_page, fake):
    fake.save_source(Source("paid", SourceKind.RSS, "https://me:s3cret-token@paid.example/rss"))
    shown = texts(open_page("sources", **{"source-paid": True})).replace("\\", "")
    assert "paid.example/rss" in shown
    assert "s3cret" not in shown


def test_a_file_is_taken_in_and_each_bad_row_is_listed(open_page, fake):
    page = open_page("sources")
    rows = b'{"id": "u1", "title": "Up"}\n{"id": "u2"}\n'
    page.file_uploader[0].upload("desk.jsonl", rows, "application/jsonl")
    page.text_input(key="take-in-source").set_value("desk")
    page = press(page, "Take in")
    assert page.session_state[JOB].wait(30)
    page = page.run()
    assert {one.label: one.value for one in page.metric} == {
        "Added": "1",
        "Doubles": "0",
        "Late": "0",
        "Not taken": "1",
    }
    assert "Published more than an hour before it came in" in next(
        one.help for one in page.metric if one.label == "Late"
    )
    assert page.dataframe[0].value.iloc[0].tolist() == ["desk.jsonl:2", "The row has neither title nor text."]
    assert fake.entry("u1").item.source == "desk"


def test_a_file_is_named_as_it_is_called_and_not_as_pushed_over_http(open_page, fake):
    page = open_page("sources")
    page.file_uploader[0].upload("march notes.jsonl", b'{"id": "u1", "title": "Up"}\n', "application/jsonl")
    page = press(page, "Take in")
    assert page.session_state[JOB].wait(30)
    assert fake.entry("u1").item.source == "march notes"
    fake.save_source(Source("march notes", SourceKind.PUSH))  # as intake keeps a source that nobody set up
    fake.save_source(Source("newsroom", SourceKind.PUSH, zone="Asia/Shanghai"))
    lines = {line.split("**")[1]: line for line in texts(open_page("sources")).splitlines() if "**" in line}
    assert "Taken in: a file or over HTTP" in lines["march notes"]
    assert "Pushed over HTTP" in lines["newsroom"]


def test_on_a_chinese_page_each_bad_row_tells_why_in_chinese(open_page):
    page = open_page("sources", "zh")
    rows = '{"id": "u1"}\n["涨"]\n不是 JSON\n{"id": "u2", "title": "海岚银行涨"}\n'.encode()
    page.file_uploader[0].upload("desk.jsonl", rows, "application/jsonl")
    page = press(page, "导入")
    assert page.session_state[JOB].wait(30)
    assert page.run().dataframe[0].value["未收录的原因"].tolist() == [
        "这一行既没有标题也没有正文。",
        '这一行应是 JSON 对象，实际是 ["涨"]。',
        "这一行不是 JSON：“不是 JSON”。",
    ]


@pytest.mark.parametrize(("language", "why"), [("en", "cannot be read"), ("zh", "无法识别")])
def test_a_date_that_cannot_be_used_is_listed_by_line_with_the_value_found(open_page, language, why):
    page = open_page("sources", language)
    page.file_uploader[0].upload("desk.csv", b'id,title,date\nu7,"Up\nand down",soon\nu8,Down,\n', "text/csv")
    page = press(page, "Take in" if language == "en" else "导入")
    assert page.session_state[JOB].wait(30)
    line, value, said = page.run().dataframe[0].value.iloc[0].tolist()
    assert (line, value) == ("desk.csv:2", "soon")
    assert why in said


@pytest.mark.parametrize(
    ("language", "press_on", "why", "none"),
    [
        ("en", "Look first, store nothing", "The row has neither title nor text.", "(none)"),
        ("zh", "先预览，不存储", "这一行既没有标题也没有正文。", "（无）"),
    ],
)
def test_a_file_is_looked_at_first_and_nothing_is_stored(open_page, fake, language, press_on, why, none):
    before = len(fake.rows)
    page = open_page("sources", language)
    page.file_uploader[0].upload("shop.csv", b"sku,title\n1,Copper kettle\n2,\n", "text/csv")
    page = press(page, press_on)
    assert page.dataframe[0].value.iloc[0].tolist() == ["–", "shop", "Copper kettle", none]
    assert page.dataframe[1].value.iloc[0].tolist() == ["shop.csv:3", why]
    assert "sku" in texts(page)
    assert JOB not in page.session_state
    assert len(fake.rows) == before
    assert not page.exception


def test_a_file_with_columns_and_dates_of_its_own_is_taken_in_as_the_form_says(open_page, fake):
    page = open_page("sources")
    page.file_uploader[0].upload("shop.csv", b"heading,when\nAlba Bank falls,03/04/2026\n", "text/csv")
    page.text_input(key="take-in-columns").set_value("title=heading, published_at=when")
    page.selectbox(key="take-in-dates").set_value("day-first")
    page = press(page, "Look first, store nothing")
    assert "title ← heading" in texts(page)
    assert "Dates such as 03/04/2026 are read: day first." in texts(page)
    page.text_input(key="take-in-columns").set_value("heading")
    page = press(page, "Look first, store nothing")
    assert "Columns are written ours" in page.error[0].value


def test_a_source_is_added_with_its_columns_and_one_with_doubtful_dates_says_what_to_do(open_page, fake):
    page = open_page("sources")
    page.segmented_control(key="source-kind").set_value(SourceKind.FOLDER).run()
    page.text_input(key="source-name").set_value("notes")
    page.text_input(key="source-address").set_value("/srv/notes")
    page.text_input(key="source-columns").set_value("text=body of it")
    press(page, "Save")
    made = fake.places["notes"]
    assert (made.columns, made.dates) == ({"text": "body of it"}, "")
    assert doubted_dates(made, SourceState(counts={"two_ways": 3})) == 3
    assert doubted_dates(replace(made, dates=DateOrder.DAY_FIRST), SourceState(counts={"two_ways": 3})) == 0


@pytest.mark.parametrize(
    ("language", "go", "said"),
    [
        ("en", "Take in", "'empty.csv' holds no rows: its first line must name the columns"),
        ("zh", "导入", "“empty.csv”中没有条目：第一行应是列名"),
    ],
)
def test_a_file_without_a_row_is_one_sentence(open_page, language, go, said):
    page = open_page("sources", language)
    page.file_uploader[0].upload("empty.csv", b"id,title\n", "text/csv")
    page = press(page, go)
    assert page.session_state[JOB].wait(30)
    (error,) = page.run().error
    assert error.value.replace("\\", "").startswith(said)


def test_a_channel_is_tried_and_a_refusal_is_one_sentence(open_page, fake):
    page = open_page("sources", sources_section="channels")
    page.button(key="try-desk-mail").click().run()
    assert fake.tried == ["desk-mail"]
    page = page.button(key="try-hook").click().run()
    assert len(page.error) == 1
    assert "403" in page.error[0].value
    assert not page.exception


def test_messages_given_up_are_shown_with_what_went_wrong(open_page):
    page = open_page("sources", sources_section="channels")
    assert page.dataframe[0].value["State"].tolist() == ["waiting", "given up"]
    assert page.dataframe[0].value.iloc[1]["What went wrong"] == "Refused: 550."
    assert "given up" in texts(page)
