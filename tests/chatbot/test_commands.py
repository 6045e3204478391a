"""`trifolium chatbot …` with a stub of the service: what is shown, exit codes, Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import time
import types
from dataclasses import replace
from pathlib import Path

import pytest
import typer

from apps.__main__ import run
from apps.chatbot.records import Decision, IngestReport, Outcome, Reason, RowProblem
from tests.chatbot.stub_service import StubService

ROOT = Path(__file__).parents[2]
WITH_STUB = """
import sys, types
from tests.chatbot.stub_service import StubService
stub = StubService()
sys.modules["apps.chatbot.service"] = types.SimpleNamespace(open_service=lambda settings, *more: stub)
from apps.__main__ import run
code = run(sys.argv[1:])
print("CANCELLED" if stub.cancelled.is_set() else "", "CLOSED" if stub.closed else "")
sys.exit(code)
"""


@pytest.fixture
def stub(monkeypatch):
    made = StubService()
    monkeypatch.setitem(
        sys.modules, "apps.chatbot.service", types.SimpleNamespace(open_service=lambda settings, *more: made)
    )
    return made


def test_ask_streams_the_answer_and_shows_cited_sources_and_the_decision(stub, capsys):
    assert run(["chatbot", "ask", "运费多少？"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("Standard delivery takes 2 to 4 工作日 [1] (0 before)\n")
    assert "[1] Shipping" in shown.out
    assert "[2]" not in shown.out
    assert "compose · grounded_passages · 90%" in shown.out
    assert "failed: /secret/path is broken" in shown.err  # why answers are only quoted
    assert next(iter(stub.known.values())).language == "zh"
    assert stub.closed


def test_a_question_to_a_bot_that_knows_nothing_is_told_what_to_do_first(stub, capsys, monkeypatch):
    state = stub.status() | {"knowledge": {"answers": 0, "documents": 0}}
    monkeypatch.setattr(stub, "status", lambda: state)
    assert run(["chatbot", "ask", "How long?"]) == 0
    assert "Nothing is known yet, so nothing can be answered: trifolium chatbot ingest FILE." in capsys.readouterr().err


def test_an_empty_list_of_the_desk_says_what_there_is_none_of(stub, capsys):
    stub.rows.clear()
    lists = (["review"], ["handovers"], ["conversations"])
    told = ("nothing waits for review", "nobody waits for a person", "nobody has asked yet")
    for line, words in zip(lists, told, strict=True):
        assert run(["chatbot", *line]) == 0
        assert capsys.readouterr().out.strip() == words


def test_ask_as_json_is_one_message_a_program_can_read(stub, capsys):
    assert run(["chatbot", "ask", "--json", "How long?"]) == 0
    message = json.loads(capsys.readouterr().out)
    assert message["text"].endswith("[1] (0 before)")
    assert message["decision"]["outcome"] == "compose"


def test_ask_goes_on_with_a_conversation(stub, capsys):
    known = stub.start_conversation("en").id
    assert run(["chatbot", "ask", "--conversation", known, "One"]) == 0
    assert run(["chatbot", "ask", "--conversation", known, "Two"]) == 0
    assert "(2 before)" in capsys.readouterr().out
    assert run(["chatbot", "ask", "--conversation", "none", "Two"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "No conversation has the id 'none'."


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        (["ask", "  "], 2, "The question is empty"),
        (["ask"], 2, "Missing argument"),
        (["ask", "busy"], 1, "Too many are waiting"),
        (["ask", "break"], 1, "The generator gave up."),
        (["ask", "crash"], 1, "Something unexpected went wrong (ZeroDivisionError"),
        (["ingest", "nowhere.csv"], 2, "There is no file or folder 'nowhere.csv'."),
        (["ingest", "--kind", "poems", "x"], 2, "--kind must be one of auto, faq, documents, dialogues, got 'poems' ("),
        (["ingest", "--kind", "faqs", "x"], 2, "got 'faqs'; the nearest is 'faq' ("),
        (["rate", "x", "dwn"], 2, "must be one of up, down, got 'dwn'; the nearest is 'down' ("),
        (["release", "none"], 2, "No conversation has the id 'none'."),
        (["train", "--option", "epochs"], 2, "--option wants key=value"),
        (["asc", "x"], 2, "asc"),
    ],
)
def test_an_error_is_one_sentence_with_the_right_exit_code(stub, capsys, line, code, words):
    assert run(["chatbot", *line]) == code
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert words in last
    assert last.endswith(".")


def test_chat_keeps_one_conversation_until_a_new_one_is_wanted(stub, capsys, monkeypatch):
    typed = iter(["One", "", "Two", "/person", "/new", "Three", "/quit"])
    monkeypatch.setattr("typer.prompt", lambda *args, **more: next(typed))
    assert run(["chatbot", "chat"]) == 0
    shown = capsys.readouterr().out
    assert "(0 before)" in shown
    assert "(2 before)" in shown
    assert "A person will take over." in shown
    assert len(stub.known) == 2


def test_ingest_reports_each_row_that_was_not_taken(stub, capsys, tmp_path):
    path = tmp_path / "faq.csv"
    path.write_text("question,answer\n")
    assert run(["chatbot", "ingest", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "1 added, 0 updated, 0 unchanged" in shown
    assert "faq.csv:3: The answer is empty." in shown and "not taken: 1 row\n" in shown
    assert run(["chatbot", "ingest", "--json", str(path)]) == 0
    assert json.loads(capsys.readouterr().out)["added"] == 1


def test_rows_with_the_same_reason_are_told_together_and_merged_ones_apart(stub, capsys, tmp_path, monkeypatch):
    (tmp_path / "faq.csv").touch()
    bad = tuple(RowProblem("faq.csv", line, "The row has no answer.") for line in range(2, 52))
    report = IngestReport(1, problems=bad, merged=(RowProblem("faq.csv", 60, "The two are one."),),
                          noted=(RowProblem("faq.csv", 61, "It is over."), RowProblem("faq.csv", 63, "It is over.")))  # fmt: skip
    monkeypatch.setattr(stub, "ingest", lambda *args, **more: report)
    assert run(["chatbot", "ingest", str(tmp_path / "faq.csv")]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "1 added, 0 updated, 0 unchanged",
        "not taken: 50 rows",
        "  faq.csv: 50 rows (lines 2, 3, 4, 5, 6, …): The row has no answer.",
        "merged into another: 1 row",
        "  faq.csv:60: The two are one.",
        "taken in, to be looked at: 2 rows",
        "  faq.csv: 2 rows (lines 61, 63): It is over.",
    ]


def test_a_file_that_failed_is_told_beside_the_report_and_the_command_counts_as_failed(
    stub, capsys, tmp_path, monkeypatch
):
    (tmp_path / "faq.csv").touch()
    report = IngestReport(2, problems=(RowProblem("faq.csv", 0, "'faq.csv' is empty."),), failed=("faq.csv",))
    monkeypatch.setattr(stub, "ingest", lambda *args, **more: report)
    assert run(["chatbot", "ingest", str(tmp_path / "faq.csv"), str(tmp_path / "gone.csv")]) == 1
    shown = capsys.readouterr()
    assert (
        "2 added" in shown.out and "not taken: 1 file\n" in shown.out and "  faq.csv: 'faq.csv' is empty." in shown.out
    )
    assert shown.err.strip().splitlines()[-1] == "Nothing could be read from faq.csv: the report says why."


def test_an_ingest_of_which_no_row_was_taken_counts_as_failed(stub, tmp_path, monkeypatch):
    (tmp_path / "faq.csv").touch()
    bad = (RowProblem("faq.csv", 2, "The answer is empty."),)
    for report, code in ((IngestReport(problems=bad), 1), (IngestReport(unchanged=1, problems=bad), 0)):
        monkeypatch.setattr(stub, "ingest", lambda *args, report=report, **more: report)
        assert run(["chatbot", "ingest", str(tmp_path / "faq.csv")]) == code


def test_a_hit_test_says_what_would_follow_and_that_nothing_has_been_written(stub, capsys, monkeypatch):
    assert run(["chatbot", "hit", "tea?"]) == 0
    shown = capsys.readouterr().out
    assert "would ask back · too_vague · 40%" in shown and "decline" not in shown
    assert "1 of 12 found" in shown and "2 of 9" in shown and "0 to about 1.1" in shown
    composed = replace(stub.hit_test("tea?"), decision=Decision(Outcome.COMPOSE, Reason.GROUNDED_PASSAGES, 0.7))
    monkeypatch.setattr(stub, "hit_test", lambda question, k, language: composed)
    assert run(["chatbot", "hit", "tea?"]) == 0
    shown = capsys.readouterr().out
    assert "would compose from the passages · grounded_passages · 70%" in shown
    assert "the generator may still decline" in shown


def test_export_masks_unless_told_otherwise(stub, capsys, tmp_path):
    assert run(["chatbot", "export", str(tmp_path / "out")]) == 0
    assert run(["chatbot", "export", str(tmp_path / "out"), "--unmasked"]) == 0
    assert [Path(line).name for line in capsys.readouterr().out.split()] == ["masked.jsonl", "unmasked.jsonl"]


def test_the_desk_from_review_to_release(stub, capsys):
    assert run(["chatbot", "review"]) == 0
    assert "Hours?" in capsys.readouterr().out
    assert run(["chatbot", "approve", "a1"]) == 0
    assert stub.rows["a1"].status == "approved"
    known = stub.start_conversation("en").id
    stub.request_person(known)
    assert run(["chatbot", "handovers", "--json"]) == 0
    assert known in capsys.readouterr().out
    assert run(["chatbot", "reply", known, "Here I am."]) == 0
    assert run(["chatbot", "release", known]) == 0
    assert run(["chatbot", "release", known]) == 2
    message = stub.messages(known)[0].id
    assert run(["chatbot", "rate", message, "down", "--reason", "late"]) == 0
    assert stub.noted[0].reason == "late"
    for line in (["conversations"], ["messages", known], ["insights"], ["status"], ["hit", "tea?"]):
        assert run(["chatbot", *line]) == 0


def test_status_tells_a_person_how_much_is_known_and_what_would_be_loaded(stub, capsys):
    assert run(["chatbot", "status"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "answers 41" in lines and "intents 7" in lines
    assert "thresholds fitted for en, zh" in lines
    assert "generator gemma-3-270m (failed: /secret/path is broken)" in lines
    assert "judge evidence-judge v2 (loads when a question is asked)" in lines
    assert not any("earlier version" in line for line in lines)


def test_status_names_languages_whose_thresholds_an_earlier_version_fitted(stub, capsys, monkeypatch):
    state = stub.status() | {"languages_tuned": [], "languages_outdated": ["en", "zh"]}
    monkeypatch.setattr(stub, "status", lambda: state)
    assert run(["chatbot", "status"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "fitted by an earlier version en, zh: no longer used; trifolium chatbot fit fits them anew" in shown


def test_a_file_is_taken_out_only_after_what_would_go_was_said_and_agreed_to(stub, capsys, monkeypatch):
    at = ["chatbot", "forget", "rules/faq.csv"]
    assert run(["chatbot", "sources"]) == 0 and "rules/faq.csv" in capsys.readouterr().out
    assert run([*at, "--dry-run"]) == 0
    told = "'rules/faq.csv': 2 answers would go, 1 of the answers changed or reviewed by hand.\n"
    assert capsys.readouterr().out == told
    assert run([*at, "--dry-run", "--keep-by-hand"]) == 0
    assert capsys.readouterr().out == "'rules/faq.csv': 1 answer would go; 1 stays.\n"
    monkeypatch.setattr("typer.confirm", lambda question, err: "2 answers will go" not in question)
    assert run(at) == 1 and stub.sourced
    assert capsys.readouterr().err.strip().endswith("Nothing was deleted.")
    assert run([*at, "--yes", "--json"]) == 0 and not stub.sourced
    assert json.loads(capsys.readouterr().out)["gone"]["answers"] == 2
    assert run([*at, "--yes"]) == 2


def test_where_nobody_can_be_asked_nothing_is_taken_out(stub, capsys, monkeypatch):
    def nobody(question, err):
        raise typer.Abort

    monkeypatch.setattr("typer.confirm", nobody)
    assert run(["chatbot", "forget", "rules/faq.csv"]) == 2 and stub.sourced
    assert "say --yes" in capsys.readouterr().err


def test_words_of_a_customer_cannot_steer_the_teams_terminal(stub, capsys):
    known = stub.start_conversation("en").id
    stub.agent_reply(known, "\x1b[2Jgone [bold]markup[/bold]")
    assert run(["chatbot", "messages", known]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "[bold]markup[/bold]" in shown


def test_ctrl_c_stops_the_answer_keeps_what_was_said_and_closes_the_service(home):
    process = subprocess.Popen(
        [sys.executable, "-c", WITH_STUB, "chatbot", "ask", "slow"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    said = b""
    while b"more" not in said and process.poll() is None:
        said += os.read(process.stdout.fileno(), 4096)
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors.decode()
    assert "cancelled" in (said + rest).decode()
    assert "CANCELLED CLOSED" in rest.decode()
    assert "Traceback" not in errors.decode()


def test_a_reader_who_leaves_the_pipe_is_no_error(home):
    line = f"{sys.executable} -c '{WITH_STUB}' chatbot ask slow | head -c 20"
    began = time.monotonic()
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert time.monotonic() - began < 60
    assert b"Traceback" not in done.stderr
    assert b"BrokenPipe" not in done.stderr


def test_runs_are_listed_also_when_there_are_none(capsys, home):
    from core import runs

    assert run(["chatbot", "runs"]) == 0
    assert "no runs" in capsys.readouterr().out
    made = runs.create(home, "chatbot", "generator", {"epochs": 2})
    made.finish("done")
    assert run(["chatbot", "runs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["run"] == made.id
    assert run(["chatbot", "runs"]) == 0


def test_train_hands_its_options_over_and_shows_the_figures(capsys, home, monkeypatch):
    from core import runs

    taken = {}

    def finetune(settings, what, on_event, **options):
        taken.update(options, what=what)
        made = runs.create(home, "chatbot", what, {})
        made.write("report", {"loss": 0.25})
        return made

    monkeypatch.setitem(sys.modules, "apps.chatbot.training", types.SimpleNamespace(finetune=finetune))
    line = [
        "chatbot",
        "train",
        "--what",
        "generator",
        "--max-steps",
        "3",
        "--no-promote",
        "-o",
        "rank=8",
        "-o",
        "learning_rate=2e-4",
    ]
    assert run(line) == 0
    assert taken == {"what": "generator", "max_steps": 3, "promote": False, "rank": 8, "learning_rate": 0.0002}
    assert "0.25" in capsys.readouterr().out
