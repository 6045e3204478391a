"""`trifolium monitor …` with a stand-in service: what is shown, exit codes, Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import types
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from apps.monitor.alert_records import State, Why
from apps.monitor.records import Sentiment
from tests.monitor.fake_rows import NOW, entry
from tests.monitor.fake_service import FakeMonitor

ROOT = Path(__file__).parents[2]
WITH_FAKE = """
import sys, types, apps
apps.APPS = tuple(dict.fromkeys((*apps.APPS, "monitor")))
from apps.monitor.records import Sentiment
from tests.monitor.fake_rows import entry
from tests.monitor.fake_service import FakeMonitor
fake = FakeMonitor()
sys.modules["apps.monitor.service"] = types.SimpleNamespace(open_service=lambda settings, *more: fake)
import apps.__main__ as root
root.APPS = apps.APPS
code = root.run(sys.argv[1:])
print("CLOSED" if fake.closed else "")
sys.exit(code)
"""


@pytest.fixture
def fake(monkeypatch):
    made = FakeMonitor()
    opened = types.SimpleNamespace(open_service=lambda settings, *more: made)
    monkeypatch.setitem(sys.modules, "apps.monitor.service", opened)
    return made


def stream(folder: Path, *rows: dict) -> Path:
    path = folder / "stream.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n", encoding="utf-8")
    return path


def test_classify_shows_mood_topics_and_companies(run, fake, capsys):
    assert run("classify", "Heavy loss at Brightquay", "鹤川集团亏损扩大") == 0
    shown = capsys.readouterr().out
    assert shown.count("negative 90%") == 2
    assert "earnings 70%" in shown
    assert fake.closed


def test_classify_as_json_keeps_the_text_beside_its_reading(run, fake, capsys):
    assert run("classify", "--json", "Heavy loss") == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert (one["text"], one["sentiment"]["label"], one["sentiment"]["confidence"]) == ("Heavy loss", "negative", 0.9)


def test_classify_reads_a_line_each_from_a_pipe(run, fake, capsys, monkeypatch):
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("Heavy loss\n\nA quiet day\n"))
    assert run("classify", "--json") == 0
    assert [one["text"] for one in json.loads(capsys.readouterr().out)] == ["Heavy loss", "A quiet day"]


def test_ingest_counts_and_names_each_row_not_taken(run, fake, capsys, tmp_path):
    path = stream(tmp_path, {"id": "x1", "title": "One"}, {"id": "x1", "title": "One"}, {"id": "x2"})
    assert run("ingest", str(path)) == 0
    shown = capsys.readouterr().out
    assert "1 added, 1 duplicates, 1 dropped" in shown
    assert "stream.jsonl:3: The row has neither title nor text." in shown
    assert fake.entry("x1").item.source == "stream"
    assert run("ingest", "--json", "--source", "desk", str(tmp_path)) == 0
    assert json.loads(capsys.readouterr().out)["duplicates"] == 2


def test_ingest_names_the_line_of_each_broken_row_and_of_each_date_it_cannot_use(run, fake, capsys, tmp_path):
    path = tmp_path / "torn.jsonl"
    path.write_text('{"id": "t1", "title": "One"}\n\n{"title": torn\n{"id": "t2", "title": "Two", "date": "soon"}\n')
    assert run("ingest", str(path)) == 0
    shown = capsys.readouterr().out
    assert "2 added, 0 duplicates, 1 undated, 1 dropped" in shown
    assert "torn.jsonl:3: The line is no JSON: '{\"title\": torn'." in shown
    assert "torn.jsonl:4: The date 'soon' cannot be read" in shown
    assert "1 undated: no date that can be used, so they count at the moment they came in" in shown


def test_a_file_that_cannot_be_read_costs_no_other_one_and_is_named(run, fake, capsys, tmp_path):
    good = stream(tmp_path, {"id": "x1", "title": "One"})
    bad = tmp_path / "notes.txt"
    bad.write_text("no rows", encoding="utf-8")
    assert run("ingest", str(bad), str(good)) == 1
    shown = capsys.readouterr()
    assert "1 added" in shown.out
    assert "notes.txt' is no csv or jsonl file" in shown.err
    assert run("ingest", str(bad)) == 2


def test_a_dry_run_shows_columns_and_first_items_and_stores_nothing(run, fake, capsys, tmp_path):
    path = tmp_path / "shop.csv"
    path.write_text("sku,title,description\n1,Copper kettle,Made of copper\n2,,\n", encoding="utf-8")
    before = len(fake.rows)
    assert run("ingest", "--dry-run", str(path)) == 0
    shown = capsys.readouterr().out
    assert "1 of 2 rows could be taken in; nothing was stored" in shown
    assert "columns: title, text from description; not used: sku" in shown
    assert "undated  shop  Copper kettle" in shown
    assert "shop.csv:3: The row has neither title nor text." in shown
    assert run("ingest", "--dry-run", "--json", "--source", "desk", str(path)) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert (one["file"], one["report"]["columns"]) == (str(path), {"title": ["title"], "text": ["description"]})
    assert [item["source"] for item in one["items"]] == ["desk"]
    assert len(fake.rows) == before


def test_a_dry_run_says_of_an_item_that_it_has_no_text_or_no_title(run, fake, capsys, tmp_path):
    path = stream(tmp_path, {"title": "One"}, {"text": "Two"})
    assert run("ingest", "--dry-run", str(path)) == 0
    shown = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert "" not in shown
    assert shown[-4:] == ["undated  stream  One", "(no text)", "undated  stream  (no title)", "Two"]


def test_columns_and_dates_are_said_with_options_and_a_wrong_field_is_one_sentence(run, fake, capsys, tmp_path):
    path = tmp_path / "notes.csv"
    path.write_text("heading,when\nAlba Bank falls,03/04/2026\n", encoding="utf-8")
    assert run("ingest", "--dry-run", str(path)) == 2
    assert "say which is, such as title=heading (--column in the terminal" in capsys.readouterr().err
    options = ("-c", "title=heading", "--column", "published_at=when", "--dates", "month-first")
    assert run("ingest", "--dry-run", *options, str(path)) == 0
    shown = capsys.readouterr().out
    assert "2026-03-04" in shown and "dates such as 03/04/2026 are read month first" in shown
    run("ingest", "-c", "title=heading", str(path))
    assert fake.layout.columns == {"title": "heading"}
    assert run("ingest", "-c", "titel=heading", str(path)) == 2
    assert "There is no field 'titel' to map; the nearest known is 'title'" in capsys.readouterr().err


def test_a_file_without_a_row_is_one_sentence_and_no_success(run, fake, capsys, tmp_path):
    (tmp_path / "empty.csv").touch()
    (tmp_path / "header.csv").write_text("id,title\n", encoding="utf-8")
    for name in ("empty.csv", "header.csv"):
        assert run("ingest", str(tmp_path / name)) == 2
        said = capsys.readouterr().err.strip().splitlines()[-1]
        assert said.startswith(f"'{name}' holds no rows: its first line must name the columns")
    stream(tmp_path, {"id": "x1", "title": "One"})
    assert run("ingest", str(tmp_path)) == 1
    assert "1 added" in capsys.readouterr().out


def test_a_file_of_which_no_row_could_be_taken_is_no_success(run, fake, capsys, tmp_path):
    path = tmp_path / "torn.jsonl"
    path.write_text("no json\n", encoding="utf-8")
    assert run("ingest", str(path)) == 1
    shown = capsys.readouterr()
    assert "torn.jsonl:1: The line is no JSON: 'no json'." in shown.out
    assert "torn.jsonl could be taken" in shown.err


def test_a_broken_file_of_a_folder_is_named_and_the_rest_of_the_folder_comes_in(run, fake, capsys, tmp_path):
    (tmp_path / "a.json").write_text('[{"id": 1,', encoding="utf-8")
    stream(tmp_path, {"id": "x1", "title": "One"})
    assert run("ingest", str(tmp_path)) == 1
    shown = capsys.readouterr()
    assert "1 added" in shown.out
    assert "a.json: The file is no sound JSON" in shown.err


def test_forget_says_what_goes_and_asks(run, fake, capsys, monkeypatch):
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert run("forget", "--source", "财讯") == 1
    said = capsys.readouterr().err
    assert "1 items of '财讯' (0 corrected by hand) will be deleted and no longer counted. Go on?" in said
    assert "Nothing was deleted." in said
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert run("forget", "--source", "财讯") == 2
    assert "say --yes where nobody can." in capsys.readouterr().err
    assert fake.entry("n3")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert run("forget", "--source", "财讯") == 0
    assert "1 items of '财讯' are gone" in capsys.readouterr().out
    assert "n3" not in {one.item.id for one in fake.rows}


def test_forget_only_says_what_would_go_when_asked_to(run, fake, capsys):
    assert run("forget", "--source", "wire", "--dry-run") == 0
    assert "5 items of 'wire' (0 corrected by hand) would go" in capsys.readouterr().out
    assert run("forget", "--source", "wire", "--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"items": 5, "corrected": 0}
    assert len([one for one in fake.rows if one.item.source == "wire"]) == 5


def test_forget_without_asking_since_a_moment(run, fake, capsys):
    assert run("forget", "--source", "wire", "--yes", "--json", "--since", "2026-03-10T09:30:00+00:00") == 0
    assert json.loads(capsys.readouterr().out) == {"items": 2, "corrected": 0}
    assert {one.item.id for one in fake.rows} == {"n3", "n4", "n5", "n6"}
    assert run("forget", "--source", "nobody", "--yes") == 2
    assert run("forget", "--source", "wire", "--yes", "--since", "lately") == 2
    assert "--since must be a moment such as 2026-03-01T08:30:00+08:00, got 'lately'." in capsys.readouterr().err


def test_the_feed_may_be_narrowed_to_one_language(run, fake, capsys):
    assert run("feed", "--language", "zh", "--json") == 0
    assert {one["reading"]["language"] for one in json.loads(capsys.readouterr().out)} == {"zh"}


def test_the_feed_names_the_mood_towards_each_company_where_there_are_several(run, fake, capsys):
    two = entry("m1", "Corvantis warns while Astrimar wins", "negative", company="corvantis")
    won = replace(two.reading.companies[0], company="astrimar", start=22, end=30, sentiment=Sentiment(0.05, 0.05, 0.9))
    fake.rows = [replace(two, reading=replace(two.reading, companies=(*two.reading.companies, won))), *fake.rows[:1]]
    assert run("feed") == 0
    shown = capsys.readouterr().out
    assert "negative 90% · corvantis negative, astrimar positive · credit" in shown
    assert "negative 90% · aldermoor · credit" in shown


def test_replay_shows_the_alerts_that_fire_and_the_streams_clock(run, fake, capsys, tmp_path):
    path = stream(tmp_path, *({"id": str(n), "time": f"2026-03-0{n}T00:00:00Z", "text": "x"} for n in (1, 2, 3)))
    assert run("replay", str(path), "--speed", "60", "--limit", "2") == 0
    shown = capsys.readouterr()
    assert fake.replayed == [(path, 60.0)]
    assert "Stream time 2026-03-10 11:00 UTC · 1 alerts fired" in shown.out
    assert "2 added" in shown.out


def test_replay_as_json_is_a_line_for_each_alert_and_one_for_the_end(run, fake, capsys, tmp_path):
    path = stream(tmp_path, {"id": "1", "time": "2026-03-01T00:00:00Z", "text": "x"})
    assert run("replay", str(path), "--json") == 0
    *_, end = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (end["done"], end["firings"], end["report"]["added"]) == (1, 1, 1)


def test_replay_of_a_file_without_dates_says_so(run, fake, capsys, tmp_path):
    path = tmp_path / "empty.jsonl"
    path.touch()
    assert run("replay", str(path)) == 2
    assert capsys.readouterr().err.strip().splitlines()[-1] == f"'{path}' has no dated item to replay."


def test_watch_shows_each_transition_once_with_its_reason(run, fake, capsys):
    assert run("watch", "--once") == 0
    shown = capsys.readouterr().out
    assert shown.count("FIRING") == 2
    assert "usually 1.5" in shown
    assert "RESOLVED" in shown
    assert run("watch", "--once", "--json", "--after", "2") == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert (json.loads(line)["number"], json.loads(line)["after"]) == (3, "resolved")


def test_watch_beside_a_sample_whose_length_is_not_known_yet_waits_and_shows(run, fake, capsys, monkeypatch):
    looks = iter([(0, 0), (64, 1700), (1700, 1700)])

    def status() -> dict[str, object]:
        done, total = next(looks, (None, None))
        return {"last_transition": 3, "loading": {"running": done is not None, "done": done, "total": total}}

    monkeypatch.setattr(fake, "status", status)
    assert run("watch", "--once") == 0
    shown = capsys.readouterr()
    assert shown.err.splitlines() == ["Loading the sample of a first start …"]  # and no bar, which would stay behind
    assert shown.out.count("FIRING") == 2


def test_status_tells_a_person_what_there_is_in_words(run, fake, capsys):
    assert run("status") == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "alerts 1 firing, 1 resolved" in lines and "messages none" in lines
    assert "reader tiny@1f2e (loads when a text comes)" in lines
    assert "sample stream yes, its dates moved by 12 days" in lines
    assert not [line for line in lines if "{" in line]


def test_backtest_of_two_rule_files_stands_side_by_side(run, fake, capsys, tmp_path):
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    for path, name in ((first, "one"), (second, "two")):
        path.write_text(f'[[rule]]\nname = "{name}"\nkind = "surge"\n', encoding="utf-8")
    assert run("backtest", "--rules", str(first), "--against", str(second), "--days", "7") == 0
    shown = capsys.readouterr().out
    assert "a.toml" in shown
    assert "b.toml" in shown
    assert "1 of 2" in shown
    assert "30 min" in shown
    assert "missed" in shown
    assert run("backtest", "--json") == 0
    report = json.loads(capsys.readouterr().out)["in force"]
    assert (report["recall"], report["median_delay_s"], report["outside"]) == (0.5, 1800.0, 0)
    assert run("backtest", "--days", "0.5") == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "incidents found 1 of 1" in lines and "incidents outside these days 1" in lines


def test_an_alert_that_is_over_is_listed_with_the_time_at_which_it_first_fired(run, fake, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")  # a narrow terminal breaks the line
    fake.act("a1", State.RESOLVED, Why.STAYED_CLEAR, fired_at=NOW - timedelta(hours=5), since=NOW)
    assert run("alerts", "--all") == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.strip().startswith("a1")]
    assert f"{(NOW - timedelta(hours=5)).astimezone():%Y-%m-%d %H:%M}" in line


def test_the_desk_from_acknowledging_to_a_false_alarm(run, fake, capsys):
    assert run("alerts") == 0
    assert "a1" in capsys.readouterr().out
    assert run("acknowledge", "a1", "--by", "Mei", "--note", "mine") == 0
    assert capsys.readouterr().out.strip() == "a1: acknowledged, owner Mei"
    for line in (
        ("note", "a1", "They deny it.", "--by", "Mei"),
        ("assign", "a1", "Jonas", "--by", "Mei"),
        ("silence", "--company", "hechuan", "--by", "Mei", "--hours", "2"),
        ("unsilence", "s1", "--by", "Mei"),
        ("false-alarm", "a1", "--by", "Jonas"),
        ("resolve", "a2", "--by", "Jonas"),
    ):
        assert run(*line) == 0, capsys.readouterr().err
    told = [(why, by, words) for why, id, by, words in fake.acts if id == "a1"]
    assert told == [
        ("acknowledged", "Mei", "mine"),
        ("comment", "Mei", "They deny it."),
        ("assigned", "Mei", "Jonas"),
        ("false_alarm", "Jonas", ""),
    ]
    assert run("alert", "a1") == 0
    assert "Lenders leave Aldermoor" in capsys.readouterr().out
    for line in (("alerts", "--all"), ("silences",), ("sources",), ("status",), ("feed",), ("series",), ("rules",)):
        assert run(*line) == 0
        assert run(*line, "--json") == 0, line
    assert run("rules", "--versions") == 0


def test_a_rule_file_without_a_rule_is_neither_saved_nor_run_over_the_past(run, fake, capsys, tmp_path):
    empty = tmp_path / "empty.csv"
    empty.touch()
    for line in (("rules", "--save", str(empty), "--by", "Mei"), ("backtest", "--rules", str(empty))):
        assert run(*line) == 2
        assert "The rules hold no rule: got an empty text" in " ".join(capsys.readouterr().err.split())
    assert fake.rules().version == 1


def test_rules_are_replaced_only_by_sound_ones_and_under_a_name(run, fake, capsys, tmp_path):
    path = tmp_path / "rules.toml"
    path.write_text('[[rule]]\nname = "calm"\nkind = "silence"\n', encoding="utf-8")
    assert run("rules", "--save", str(path)) == 2
    capsys.readouterr()
    assert run("rules", "--save", str(path), "--by", "Mei") == 0
    assert fake.rules().version == 2
    path.write_text('[[rule]]\nname = "r"\nkind = "poem"\n', encoding="utf-8")
    assert run("rules", "--save", str(path), "--by", "Mei") == 2
    assert "poem" in capsys.readouterr().err
    path.write_text('[[rule]]\nname = "r"\nkind = "surge"\nwindw = "1h"\nmin_share = 40\n', encoding="utf-8")
    fake.closed = False
    assert run("rules", "--save", str(path), "--by", "Mei") == 2
    said = capsys.readouterr().err
    assert "'windw'" in said and "Loading" not in said and not fake.closed
    assert run("rules", "--use", "1", "--by", "Mei") == 0
    assert fake.rules().toml == fake.versions[0].toml


def test_a_correction_reaches_the_service(run, fake, capsys):
    line = (
        "correct",
        "n1",
        "--by",
        "Mei",
        "--sentiment",
        "neutral",
        "--topic",
        "market",
        "--company",
        "aldermoor=negative",
    )
    assert run(*line) == 0
    (made,) = fake.corrected
    assert (made.sentiment, made.topics, made.companies) == ("neutral", ("market",), {"aldermoor": "negative"})


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        (["classify", "  "], 2, "There is no text to read"),
        (["classify", "busy"], 1, "The reader is busy"),
        (["feed", "--search", "boom"], 1, "Something unexpected went wrong (RuntimeError"),
        (["ingest", "nowhere.csv"], 2, "There is no file or folder 'nowhere.csv'."),
        (["replay", "nowhere.jsonl"], 2, "There is no file or folder 'nowhere.jsonl'."),
        (["acknowledge", "none", "--by", "Mei"], 2, "No alert has the id 'none'."),
        (["acknowledge", "a1"], 2, "--by"),
        (["silence", "--by", "Mei"], 2, "Say what to silence"),
        (["correct", "n1", "--by", "Mei", "--company", "x"], 2, "--company wants key=value"),
        (["train", "--option", "epochs"], 2, "--option wants key=value"),
        (["wach"], 2, "wach"),
    ],
)
def test_an_error_is_one_sentence_with_the_right_exit_code(run, fake, capsys, line, code, words):
    assert run(*line) == code
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert words in last
    assert last.endswith(".")


def test_words_of_the_news_cannot_steer_the_teams_terminal(run, fake, capsys):
    fake.ingest_rows([("1", {"id": "e", "title": "\x1b[2Jgone [bold]markup[/bold]"})])
    assert run("feed") == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "[bold]markup[/bold]" in shown


def test_ctrl_c_ends_the_watch_and_closes_the_service(home):
    process = subprocess.Popen(
        [sys.executable, "-c", WITH_FAKE, "monitor", "watch", "--after", "0"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    said = b""
    while b"RESOLVED" not in said and process.poll() is None:
        said += os.read(process.stdout.fileno(), 4096)
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors.decode()
    assert b"CLOSED" in rest
    assert b"Traceback" not in errors


def test_runs_are_listed_and_train_hands_its_options_over(run, home, capsys, monkeypatch, tmp_path):
    from core import runs

    taken = {}

    def finetune(settings, what, on_event, **options):
        taken.update(options, what=what)
        made = runs.create(home, "monitor", what, {})
        made.write("report", {"macro_f1": 0.875})
        return made

    monkeypatch.setitem(sys.modules, "apps.monitor.training", types.SimpleNamespace(finetune=finetune))
    assert run("runs") == 0
    assert "no runs" in capsys.readouterr().out
    own = tmp_path / "own.csv"
    own.touch()
    line = ("train", "--what", "chinese", "--max-steps", "3", "--no-promote", "--files", str(own), "--sets", "finfe")
    assert run(*line, "-o", "rank=8", "-o", "lr=2e-4") == 0
    told = {"what": "chinese", "max_steps": 3, "promote": False, "files": str(own), "sets": "finfe"}
    assert taken == told | {"rank": 8, "lr": 0.0002}
    assert run("train", "--files", str(tmp_path / "none.csv")) == 2
    assert "0.875" in capsys.readouterr().out
