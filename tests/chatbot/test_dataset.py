import json
from pathlib import Path

import pytest

from apps.chatbot.dataset import files_in, kind_of, load, read_dialogues, read_questions, read_sample
from apps.chatbot.records import Kind, Role, RowProblem
from core.errors import DataError
from core.reasons import in_language

SAMPLE = Path(__file__).parents[2] / "data" / "samples" / "chatbot"


def jsonl(path: Path, *rows) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows))
    return path


def test_dialogues_are_read_whatever_people_call_the_roles(tmp_path):
    path = jsonl(
        tmp_path / "d.jsonl",
        {"id": "1", "turns": [{"role": "customer", "text": "hi"}, {"role": "agent", "text": "hello"}], "csat": 5,
         "resolved": True, "started_at": "2026-03-02T10:12:00+08:00"},
        {"messages": [{"role": "user", "content": "怎么退货"}, {"role": "客服", "content": "在订单里申请"}]},
        {"conversation_id": 9, "utterances": [{"speaker": "visitor", "text": "a"}, {"speaker": "bot", "text": "b"}]},
    )  # fmt: skip
    first, second, third = read_dialogues(path)
    assert [turn.role for turn in first.turns] == [Role.CUSTOMER, Role.AGENT]
    assert (first.csat, first.resolved, first.started_at.isoformat()) == (5, True, "2026-03-02T10:12:00+08:00")
    assert (second.language, second.resolved, second.turns[1].role) == ("zh", None, Role.AGENT)
    assert (third.id, third.turns[1].role) == ("9", Role.ASSISTANT)


def test_dialogues_that_cannot_be_read_are_told(tmp_path):
    good = {"role": "customer", "text": "hi"}
    path = jsonl(
        tmp_path / "d.jsonl",
        {"id": "1", "turns": [good]},
        {"id": "2", "turns": []},
        {"id": "3", "turns": [good, {"role": "ghost", "text": "boo"}]},
        {"id": "4", "turns": [{"role": "customer"}]},
        {"id": "5", "turns": [good], "csat": 9},
        {"id": "6", "turns": [good], "started_at": "last week"},
        {"id": "1", "turns": [good]},
        "{broken",
    )
    rows = read_dialogues(path)
    assert [one.id for one in rows] == ["1"]
    told = {one.line: one.reason for one in rows.problems}
    assert sorted(told) == [2, 3, 4, 5, 6, 7, 8]
    assert told[3] == "Turn 2 has the role 'ghost'; known are customer, agent and assistant."
    assert told[5] == "csat must be 1 to 5, got 9."
    assert told[7] == "The id '1' stands on line 1 already."


def test_labelled_questions_are_read_and_bad_ones_told(tmp_path):
    path = jsonl(
        tmp_path / "q.jsonl",
        {"id": "q1", "kind": "follow_up", "history": [{"role": "customer", "text": "a"}], "question": "and b?"},
        {"id": "q2", "kind": "riddle", "question": "?"},
    )
    rows = read_questions(path)
    assert rows.records[0].kind is Kind.FOLLOW_UP
    assert rows.records[0].history[0].role is Role.CUSTOMER
    assert rows.problems[0].line == 2


def test_the_sample_is_whole_and_its_parts_share_nothing():
    sample = read_sample(SAMPLE)
    assert sample.problems == ()
    assert len(sample.answers) >= 120 and len(sample.documents) >= 15
    assert len(sample.dialogues) >= 400 and len(sample.questions) >= 300
    assert {one.language for one in sample.answers} == {"en", "zh"}
    parts = [set(texts) for texts in sample.splits().values()]
    assert all(not one & other for one in parts for other in parts if one is not other)
    known = {one.id for one in sample.answers}
    asked = (*sample.questions, *sample.calibration)
    assert all(id_ in known for one in asked for id_ in (one.faq_ids or ((one.faq_id,) if one.faq_id else ())))
    sources = {one.source for one in sample.documents}
    assert all(one.document in sources for one in asked if one.document)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.md", "# hi", "documents"),
        ("a.csv", "question,answer\nq,a\n", "faq"),
        ("a.csv", "title,content\nt,c\n", "documents"),
        ("a.jsonl", '{"question": "q", "answer": "a"}', "faq"),
        ("a.jsonl", '{"id": "1", "title": "t", "content": "c"}', "documents"),
        ("a.jsonl", '{"messages": [{"role": "user", "content": "c"}]}', "dialogues"),
        ("a.json", '[{"turns": [{"role": "user", "text": "c"}]}]', "dialogues"),
    ],
)
def test_the_kind_of_a_file_is_seen(tmp_path, name, content, expected):
    (tmp_path / name).write_text(content)
    assert kind_of(tmp_path / name) == expected


def test_a_folder_is_read_file_by_file_and_strangers_are_told(tmp_path):
    for name in ("a.md", "inner/a.md", "photo.jpg", ".hidden.md", "inner/~$a.docx"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("# A\ntext")
    files, report = files_in([tmp_path])
    assert [name for _, name in files] == ["a.md", "inner/a.md"]
    assert [one.source for one in report.problems] == ["photo.jpg"] and report.failed == ()


def test_named_itself_a_stranger_has_failed_and_so_has_what_is_not_there(tmp_path):
    for name in ("a.md", "photo.jpg"):
        (tmp_path / name).write_text("# A\ntext")
    files, report = files_in([tmp_path / "nowhere.md", tmp_path / "photo.jpg", tmp_path / "a.md"])
    assert [name for _, name in files] == ["a.md"]
    assert report.failed == (str(tmp_path / "nowhere.md"), "photo.jpg")
    assert [(one.source, one.line) for one in report.problems] == [(name, 0) for name in report.failed]


def test_a_file_of_broken_lines_is_told_line_by_line_and_an_empty_one_as_a_whole(tmp_path):
    (tmp_path / "broken.jsonl").write_text("no\n\n[1]\n")
    broken = load(tmp_path / "broken.jsonl")
    assert [(one.line, one.reason.split(":")[0]) for one in broken.problems] == [
        (1, "The line is not valid JSON"),
        (3, "The line must be a JSON object, got list."),
    ]
    for name, content in (("empty.csv", ""), ("head.csv", "question,answer\n")):
        (tmp_path / name).write_text(content)
        for kind in ("auto", "faq", "dialogues"):
            empty = load(tmp_path / name, kind)
            assert [(one.line, one.reason) for one in empty.problems] == [
                (0, f"'{name}' holds no row that can be read.")
            ]
            assert empty.failed == (name,)


@pytest.mark.parametrize(
    ("name", "content", "kind", "told"),
    [
        ("f.csv", "question,answer\nq,a\nr,b\n", "dialogues", "holds no past dialogues; it looks like questions and"),
        (
            "f.csv",
            "question,answer\nq,a\nr,b\n",
            "documents",
            "it looks like questions and answers: take it in as 'faq'",
        ),
        ("d.jsonl", '{"turns": [{"role": "user", "text": "c"}]}', "faq", "it looks like past dialogues: take it in as"),
        ("d.jsonl", '{"title": "t", "text": "c"}', "dialogues", "holds no past dialogues; it looks like documents"),
        ("h.md", "# Hours", "faq", "it looks like documents: take it in as 'documents'"),
    ],
)
def test_a_file_of_another_kind_than_was_said_is_told_once_with_the_kind_it_looks_like(
    tmp_path, name, content, kind, told
):
    (tmp_path / name).write_text(content)
    read = load(tmp_path / name, kind)
    (problem,) = read.problems
    assert problem.line == 0 and told in problem.reason and read.failed == (name,)
    assert "自动识别" in in_language(problem.reason, "zh")


def test_a_file_that_looks_like_nothing_known_keeps_its_own_reasons(tmp_path):
    (tmp_path / "f.csv").write_text("name,phone\na,1\nb,2\n")
    assert [one.line for one in load(tmp_path / "f.csv", "dialogues").problems] == [2, 3]


def test_a_file_that_cannot_be_read_is_a_problem_of_its_own(tmp_path):
    (tmp_path / "broken.pdf").write_bytes(b"no")
    loaded = load(tmp_path / "broken.pdf", source="inner/broken.pdf")
    assert loaded.documents == ()
    assert isinstance(loaded.problems[0], RowProblem)
    assert loaded.problems[0].source == "inner/broken.pdf"
    assert in_language(loaded.problems[0].reason, "zh").startswith("“broken.pdf”不是可读取的 PDF")
    with pytest.raises(DataError, match="kind must be one of"):
        load(tmp_path / "broken.pdf", kind="songs")
