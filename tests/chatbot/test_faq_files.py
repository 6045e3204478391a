import datetime as dt
import json
from pathlib import Path

import openpyxl
import pytest

from apps.chatbot.faq_files import read_faq
from apps.chatbot.records import Status
from core.errors import DataError
from core.reasons import in_language, reason_of

CHINESE = "标准问,相似问,答案,分类,生效日期,失效日期\n多久送到？,几天到|啥时候到,两到四个工作日。,物流,2026-01-01,2026年12月31日\n"


def written(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def test_the_bank_header_is_read(tmp_path):
    path = written(tmp_path, "b.csv", 'Question,Answer,Class\r\n"Lost, or\nstolen card?",Block it.,security\r\n')
    (one,) = read_faq(path)
    assert (one.question, one.answer, one.category) == ("Lost, or stolen card?", "Block it.", "security")
    assert (one.language, one.status, one.source) == ("en", Status.APPROVED, "b.csv")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_chinese_files_are_read_in_any_encoding_and_delimiter(tmp_path, encoding, delimiter):
    (one,) = read_faq(written(tmp_path, "常见问题.csv", CHINESE.replace(",", delimiter).encode(encoding)))
    assert (one.question, one.answer, one.category) == ("多久送到？", "两到四个工作日。", "物流")
    assert one.similar_questions == ("几天到", "啥时候到")
    assert (one.valid_from, one.valid_until) == (dt.date(2026, 1, 1), dt.date(2026, 12, 31))
    assert one.language == "zh"


def test_western_letters_are_not_taken_for_chinese(tmp_path):
    path = written(
        tmp_path, "w.csv", "Question,Answer\nWhere is the café?,It’s “next door” – naïve.\n".encode("cp1252")
    )
    (one,) = read_faq(path)
    assert (one.question, one.answer) == ("Where is the café?", "It’s “next door” – naïve.")


@pytest.mark.parametrize(
    "header",
    [
        "Q,A",
        "标准问题,标准答案",
        "prompt,response",
        "Prompt,Completion",
        "FAQ Question,FAQ Answer",
        "用户问题,客服回复",
        "问法,话术",
    ],
)
def test_columns_may_be_called_what_people_call_them(tmp_path, header):
    (one,) = read_faq(written(tmp_path, "h.csv", f"{header}\nOpen?,From 8.\n"))
    assert (one.question, one.answer) == ("Open?", "From 8.")


def test_traditional_headers_and_several_columns_of_wordings_are_read(tmp_path):
    content = "標準問,相似問1,相似問2,答案\n可以退貨嗎,能退嗎,怎麼退,三十天內可以\n"
    (one,) = read_faq(written(tmp_path, "t.csv", content))
    assert one.similar_questions == ("能退嗎", "怎麼退")


def test_bad_rows_are_told_by_line_and_the_others_read(tmp_path):
    content = (
        "question,answer,valid_until,status\n"
        "good,yes,,\n"
        '"a question\nover two lines",,,\n'
        ",an answer alone,,\n"
        "date,yes,31/12/2026,\n"
        "status,yes,,maybe\n"
        "too,many,,,cells,here\n"
        "\n"
        "last,yes,2026-12-31,pending\n"
    )
    rows = read_faq(written(tmp_path, "f.csv", content))
    assert [one.question for one in rows] == ["good", "last"]
    assert {one.line: one.reason for one in rows.problems} == {
        3: "The row has no answer.",
        5: "The row has no question.",
        6: "valid_until must be a date such as 2026-01-31, got '31/12/2026'.",
        7: "status must be one of approved, pending, rejected, got 'maybe'.",
        8: "The row has 6 cells where the header has 4.",
    }
    assert [one.line for one in rows.problems] == sorted(one.line for one in rows.problems)
    assert [in_language(one.reason, "zh") for one in rows.problems] == [
        "这一行没有答案。",
        "这一行没有问题。",
        "valid_until 应是 2026-01-31 这样的日期，实际是“31/12/2026”。",
        "状态应是 approved, pending, rejected 之一，实际是“maybe”。",
        "这一行有 6 个单元格，而表头有 4 列。",
    ]


def test_an_open_quote_is_told_and_not_swallowed(tmp_path):
    rows = read_faq(written(tmp_path, "q.csv", 'question,answer\nfirst,yes\n"second,no\nthird,yes\n'))
    assert [one.question for one in rows] == ["first"]
    assert rows.problems[0].line == 3
    assert "up to line 4" in rows.problems[0].reason


def test_a_file_without_the_columns_says_what_it_has(tmp_path):
    told = (
        r"needs a column 'answer' \(答案\); its columns are: question, notes \(rename what holds that to 'answer'\)\."
    )
    with pytest.raises(DataError, match=told):
        read_faq(written(tmp_path, "x.csv", "question,notes\nq,n\n"))
    with pytest.raises(DataError) as refused:
        read_faq(written(tmp_path, "x.csv", "标题,备注\nq,n\n"))
    assert in_language(reason_of(refused.value), "zh") == (
        "“x.csv”缺少“标准问”（question）和“答案”（answer）列；现有的列是：标题, 备注。请将对应的列改名为“标准问”和“答案”。"
    )


def test_repeats_become_one_and_other_answers_stay_apart(tmp_path):
    long = "Please listen to the recorded message and follow the instructions while entering your card details."
    content = f"question,answer\nHash key?,{long}\nhash  key?,{long} View more\nHash key?,Only for debit cards.\n"
    rows = read_faq(written(tmp_path, "r.csv", content))
    assert [one.answer for one in rows] == [f"{long} View more", "Only for debit cards."]
    assert [(one.line, one.reason) for one in rows.merged] == [
        (3, "The same question with nearly the same answer as on line 2: the two are one.")
    ]
    assert rows.problems == ()  # nothing is wrong with a row that another one holds too
    assert len({one.id for one in rows}) == 2


def test_the_same_words_have_the_same_id_in_any_file(tmp_path):
    one = read_faq(written(tmp_path, "1.csv", "question,answer\nq,a b c\n")).records[0]
    other = read_faq(written(tmp_path, "2.csv", "Answer;Question\na b c;q\n")).records[0]
    assert one.id == other.id


def test_rows_below_add_wordings(tmp_path):
    content = "标准问,相似问,答案\n多久送到,几天到,两到四天\n,啥时候到,\n怎么退货,,在订单里申请\n"
    rows = read_faq(written(tmp_path, "w.csv", content))
    assert [one.similar_questions for one in rows] == [("几天到", "啥时候到"), ()]


def test_a_workbook_is_read_sheet_by_sheet(tmp_path):
    book = openpyxl.Workbook()
    first = book.active
    first.append(["ID", "Question", "Answer", "Valid until"])
    first.append([7, "Gift wrap?", "S$3.50", dt.datetime(2026, 12, 31)])
    first.append([8, "No answer", None, None])
    notes = book.create_sheet("Notes")
    notes.append(["who", "when"])
    book.save(tmp_path / "faq.xlsx")
    rows = read_faq(tmp_path / "faq.xlsx")
    (one,) = rows
    assert (one.id, one.answer, one.valid_until) == ("7", "S$3.50", dt.date(2026, 12, 31))
    assert [(p.line, p.reason) for p in rows.problems] == [
        (1, "Sheet 'Notes' was not read: none of its columns is known."),
        (3, "The row has no answer."),
    ]


def test_json_lines_and_arrays_are_read(tmp_path):
    rows = [{"question": "a?", "answer": "b", "similar_questions": ["c", "d"], "language": "en"}, {"question": "x"}]
    lines = written(tmp_path, "f.jsonl", "\n".join(json.dumps(row) for row in rows) + "\nnot json\n[1]\n")
    read = read_faq(lines)
    assert read.records[0].similar_questions == ("c", "d")
    assert [one.line for one in read.problems] == [2, 3, 4]
    array = read_faq(written(tmp_path, "f.json", json.dumps({"data": rows})))
    assert array.records[0].question == "a?"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.xlsx", b"no workbook", "no workbook"),
        ("a.json", b"{", "not valid JSON"),
        ("a.csv", b"\x00\x01\x02", "binary data"),
    ],
)
def test_files_that_are_not_what_they_say_are_refused(tmp_path, name, content, words):
    with pytest.raises(DataError, match=words):
        read_faq(written(tmp_path, name, content))


@pytest.mark.datasets
def test_the_bank_file_is_read_whole():
    path = Path(__file__).parents[3] / "shared/datasets/chatbot/bank_faqs/BankFAQs.csv"
    if not path.exists():
        pytest.skip("the public sets are not here")
    rows = read_faq(path)
    assert len(rows) + len(rows.problems) + len(rows.merged) == 1764
    assert {one.category for one in rows} >= {"insurance", "cards", "loans", "accounts", "security"}
