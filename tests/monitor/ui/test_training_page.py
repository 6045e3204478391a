"""The training page: review, corrections, drift, and runs and adapters as the stem writes them."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from apps import run_view
from apps.monitor.settings import MonitorSettings
from apps.monitor.ui import shared
from core import runs
from core.events import Metric, Progress
from tests.monitor.ui.looking import press, texts

SECTIONS = ["review", "corrections", "drift", "runs", "compare_runs", "adapters"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(shared, "settings", lambda: MonitorSettings(home=tmp_path))
    return tmp_path


def finished(home: Path, loss: float) -> runs.Run:
    run = runs.create(home, "monitor", "english", {"rank": 8 if loss > 0.5 else 16})
    with run.recording():
        listen = run.listener()
        for step in range(1, 6):
            listen(Metric("loss", loss + 1 / step, step))
            listen(Progress("training", step, 5))
        run.write("report", {"macro_f1": 1 - loss, "steps": 5})
    return run


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_is_drawn_in_both_languages(home, open_page, section, language):
    page = open_page("training", language, training_section=section)
    assert not page.exception
    assert not page.error


def test_the_least_sure_item_is_offered_and_may_be_said_right(home, open_page, fake):
    page = open_page("training")
    assert "Brightquay opens a second plant" in texts(page)
    press(page, "It is right")
    (made,) = fake.corrected
    assert (made.sentiment, made.topics, made.companies) == ("neutral", ("product",), {"brightquay": "neutral"})
    assert "Nothing uncertain waits" in texts(page)


def test_the_review_may_be_narrowed_to_one_language(home, open_page):
    assert "Brightquay opens a second plant" in texts(open_page("training", **{"review-language": "en"}))
    assert "Nothing uncertain waits" in texts(open_page("training", **{"review-language": "zh"}))


def test_or_corrected_in_place(home, open_page, fake):
    page = open_page("training", **{"why-n4": True})
    page.segmented_control(key="mood-n4").set_value("positive")
    press(page, "Save the correction")
    assert fake.corrected[0].sentiment == "positive"


def test_corrections_stand_beside_what_was_read(home, open_page, fake):
    fake.correct("n1", "Mei", "neutral", ["market"], {"aldermoor": "negative"})
    row = open_page("training", training_section="corrections").dataframe[0].value.iloc[0]
    assert (row["Who"], row["Read as"], row["Mood of the text"]) == ("Mei", "negative", "neutral")
    assert (row["Topics"], row["Company"]) == ("Market", "Aldermoor Bank: negative")


def test_drift_is_told_in_a_word_and_a_number(home, open_page):
    shown = texts(open_page("training", training_section="drift"))
    assert shown.index("Moods") < shown.index("Confidence")


def test_sizes_and_figures_are_named_in_chinese_on_the_chinese_page(home, open_page, fake, monkeypatch):
    sizes = ({"under 40": 0.5, "1200 and more": 0.5}, {"under 40": 1.0, "1200 and more": 0.0})
    monkeypatch.setattr(fake, "drift", lambda: [SimpleNamespace(name="length", then=sizes[0], now=sizes[1], index=0.5)])
    (drawn,) = open_page("training", "zh", training_section="drift").get("vega_lite_chart")
    assert json.dumps("少于 40 字") in drawn.proto.spec
    assert json.dumps("1200 字及以上") in drawn.proto.spec
    run = finished(home, 0.9)
    table = open_page("training", "zh", training_section="compare_runs").dataframe[0].value.set_index("指标")
    assert (table.loc["宏平均 F1", run.id], table.loc["状态", run.id]) == ("0.1000", "完成")
    assert "最多步数（0 表示不限）" in [
        one.label for one in open_page("training", "zh", training_section="runs").number_input
    ]


def test_the_button_starts_the_command_of_the_terminal(home, open_page, monkeypatch):
    begun = []

    class Process:
        def __init__(self, words, **given):
            begun.append((words[1:], given["env"]["TRIFOLIUM_HOME"], given["start_new_session"]))

        def poll(self):
            return None

    monkeypatch.setattr("subprocess.Popen", Process)
    page = open_page("training", training_section="runs")
    page.selectbox(key="train-what").set_value("chinese")
    page.number_input(key="train-steps").set_value(20)
    press(page, "Start training")
    command = ["-m", "apps", "monitor", "train", "--what", "chinese", "--max-steps", "20"]
    assert begun == [(command, str(home), True)]
    assert "Starting" in texts(page)


def test_a_finished_a_running_and_a_failed_run_are_shown(home, open_page):
    done, running = finished(home, 0.4), runs.create(home, "monitor", "chinese", {})
    running.listener()(Progress("training", 3, 10, left_s=180.0))
    finished(home, 0.6).finish("failed", "DataError: There is nothing to train on.")
    page = open_page("training", training_section="runs")
    shown = texts(page).replace("\\", "")
    assert done.id in shown
    assert running.id in shown
    assert "nothing to train on" in shown
    assert not page.exception


def test_a_training_that_dies_at_once_shows_its_last_words(home, open_page):
    class Dead:
        def poll(self):
            return 1

    log = run_view.log_file(home, "monitor")
    log.parent.mkdir()
    log.write_text("a\nThere is nothing to train on.\n", encoding="utf-8")
    page = open_page("training", training_section="runs", **{"monitor-training": Dead()})
    assert "There is nothing to train on" in page.error[0].value


def test_runs_are_compared_by_what_differs(home, open_page):
    first, second = finished(home, 0.9), finished(home, 0.4)
    table = open_page("training", training_section="compare_runs").dataframe[0].value.set_index("Figure")
    assert (table.loc["rank", first.id], table.loc["rank", second.id]) == ("8", "16")
    assert table.loc["macro_f1", second.id] == "0.6000"


def test_adapters_are_promoted_and_rolled_back(home, open_page, monkeypatch):
    rows = [
        run_view.AdapterRow(
            "market-reader", "v2", True, True, "gemma-3-270m", "2026-11-20T10:00:00", {"macro_f1": 0.86}
        ),
        run_view.AdapterRow("market-reader", "v1", False, True, "gemma-3-270m", "2026-11-19T10:00:00", {}),
        run_view.AdapterRow("grounded-answer", "v1", True, True, "gemma-3-270m", "", {}),
    ]
    called = []
    monkeypatch.setattr(run_view, "adapter_rows", lambda home: rows)
    monkeypatch.setattr(run_view, "promote", lambda home, base, name, version: called.append((base, version)))
    monkeypatch.setattr(run_view, "roll_back", lambda home, name: called.append("back"))
    page = open_page("training", training_section="adapters")
    shown = texts(page).replace("\\", "")
    assert "macro_f1 0.860" in shown
    assert "take effect then" in shown  # the reader is loaded once, with the first text
    assert "grounded-answer" not in shown  # another leaf's
    page.button(key="promote-market-reader-v1").click().run()
    page.button(key="back-market-reader-v2").click().run()
    assert called == [("gemma-3-270m", "v1"), "back"]
