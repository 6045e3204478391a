import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.errors import CancelledError_, DataError, NotFoundError
from core.events import Log, Metric, Progress, Token
from core.json_files import append_row, read_json, read_rows, write_json
from core.runs import compare, create, list_runs, load, versions
from core.settings import CoreSettings

ROOT = Path(__file__).parents[2]


def test_a_new_run_has_its_settings_without_secrets_and_its_versions(home):
    settings = CoreSettings(home=home, server={"api_key": "trap-value"})
    run = create(home, "toy", "finetune", settings)
    assert run.path.parent == home / "runs" / "toy"
    assert (run.app, run.kind, run.state) == ("toy", "finetune", "running")
    assert run.read("settings")["server"]["port"] == 8000
    assert "trap" not in (run.path / "settings.json").read_text()
    assert run.read("versions")["numpy"] == versions()["numpy"] and "python" in versions()


def test_the_block_decides_how_a_run_ends(home):
    done, failed, stopped, cancelled = (create(home, "toy", "evaluate", {}) for _ in range(4))
    with done.recording():
        assert done.state == "running"
    with pytest.raises(DataError), failed.recording():
        raise DataError("Row 3 is bad.")
    with pytest.raises(KeyboardInterrupt), stopped.recording():
        raise KeyboardInterrupt
    with pytest.raises(CancelledError_), cancelled.recording():
        raise CancelledError_("stopped")
    assert [run.state for run in (done, failed, stopped, cancelled)] == ["done", "failed", "killed", "killed"]
    assert failed.status["error"] == "Row 3 is bad." and done.status["ended"]


CHILD = """
import sys, time
from pathlib import Path
from core.runs import create
run = create(Path(sys.argv[1]), "toy", "finetune", {})
with run.recording():
    run.log_metric("loss", 0.5, 1)
    print(run.path, flush=True)
    time.sleep(60)
"""


def test_the_run_of_a_killed_process_is_shown_as_interrupted(home):
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(home)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert child.stdout is not None
    run = load(Path(child.stdout.readline().strip()))
    assert run.state == "running"
    os.kill(child.pid, signal.SIGKILL)
    for _ in range(100):  # not yet waited for: a dead process that its parent has not looked at is dead too
        if run.state != "running":
            break
        time.sleep(0.05)
    assert run.state == "interrupted"
    child.wait()
    child.stdout.close()
    assert run.state == "interrupted" and run.status["state"] == "running"
    assert run.metrics[0]["value"] == 0.5


def test_another_process_with_the_same_number_does_not_keep_a_run_alive(home):
    run = create(home, "toy", "x", {})
    write_json(run.path / "status.json", {**run.status, "born": 1.0})
    assert run.state == "interrupted"
    write_json(run.path / "status.json", {**run.status, "host": "elsewhere"})
    assert run.state == "running"  # cannot be known from here
    (run.path / "status.json").write_text('{"sta')
    assert run.state == "interrupted"


def test_the_listener_keeps_metrics_and_progress_and_passes_all_on(home):
    run = create(home, "toy", "x", {})
    seen = []
    listen = run.listener(seen.append)
    events = [
        Metric("loss", 1.5, 1),
        Progress("train", 1, 2, 3.0),
        Token("好"),
        Log("ok"),
        Progress("train", 2, 2, 0.0),
    ]
    for event in events:
        listen(event)
    assert seen == events
    assert [(row["name"], row["value"], row["step"]) for row in run.metrics] == [("loss", 1.5, 1)]
    assert run.status["progress"] == {"stage": "train", "done": 2, "total": 2, "left_s": 0.0}
    assert run.state == "running"


def test_runs_are_listed_newest_first_and_by_app(home):
    assert list_runs(home) == []
    first = create(home, "toy", "a", {})
    first.path.rename(first.path.parent / "20200101-000000-a-0000")
    second, other = create(home, "toy", "b", {}), create(home, "game", "c", {})
    (home / "runs" / "toy" / "stray").mkdir()
    assert [run.kind for run in list_runs(home, "toy")] == ["b", "a"]
    assert {run.id for run in list_runs(home)} >= {second.id, other.id}
    assert load(second.path) == second
    with pytest.raises(NotFoundError, match="is not a run folder"):
        load(home / "runs" / "toy" / "stray")


def test_compare_shows_what_differs_and_what_was_measured(home):
    one = create(home, "toy", "finetune", {"lora": {"rank": 8, "alpha": 16}, "seed": 1})
    two = create(home, "toy", "finetune", {"lora": {"rank": 16, "alpha": 16}, "seed": 1})
    one.write("report", {"macro_f1": 0.8, "note": "first"})
    two.write("report", {"macro_f1": 0.9, "test": {"n": 5}})
    table = compare([one, two])
    assert table.columns == ("run", "kind", "state", "started", "lora.rank", "macro_f1", "test.n")
    assert [(row["lora.rank"], row["macro_f1"], row["test.n"]) for row in table.rows] == [(8, 0.8, None), (16, 0.9, 5)]
    assert compare([]).rows == ()


def test_data_and_own_files_are_kept(home):
    run = create(home, "toy", "x", {})
    run.write_data("abc", {"train": 9, "test": 3}, "by conversation")
    run.write("plan", {"说明": "内存够"})
    assert run.read("data") == {"hash": "abc", "counts": {"train": 9, "test": 3}, "split_rule": "by conversation"}
    assert "内存够" in (run.path / "plan.json").read_text(encoding="utf-8")
    assert run.read("absent") is None and run.report == {}


def test_json_files_are_replaced_whole_or_not_at_all(tmp_path):
    file = tmp_path / "a.json"
    write_json(file, {"old": 1})
    loop: dict = {}
    loop["self"] = loop
    with pytest.raises(ValueError, match="Circular"):
        write_json(file, loop)
    assert read_json(file) == {"old": 1} and [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert read_json(tmp_path / "absent.json") is None
    file.write_text("[1]")
    assert read_json(file) is None


def test_a_row_cut_short_by_a_crash_costs_only_itself(tmp_path):
    file = tmp_path / "rows.jsonl"
    append_row(file, {"n": 1, "text": "一\u2028行"})
    with file.open("a") as handle:
        handle.write('{"n": 2, "te')
    append_row(file, {"n": 3})
    assert [row["n"] for row in read_rows(file)] == [1, 3]
    assert read_rows(tmp_path / "absent") == []
    assert json.loads(file.read_text(encoding="utf-8").split("\n")[0])["text"] == "一\u2028行"
