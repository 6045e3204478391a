"""The training page, clicked through, on run folders and adapters as the stem writes them."""

from pathlib import Path

import pytest

from apps import run_view
from apps.chatbot.settings import ChatbotSettings
from apps.chatbot.ui import shared
from core import runs
from core.events import Metric, Progress


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(shared, "settings", lambda: ChatbotSettings(home=tmp_path))
    return tmp_path


def texts(page) -> str:
    return "\n".join(one.value for one in [*page.markdown, *page.caption, *page.info, *page.error])


def finished(home: Path, loss: float) -> runs.Run:
    run = runs.create(home, "chatbot", "generator", {"rank": 8 if loss > 0.5 else 16})
    with run.recording():
        listen = run.listener()
        for step in range(1, 6):
            listen(Metric("loss", loss + 1 / step, step))
            listen(Progress("training", step, 5))
        run.write("report", {"after_loss": loss, "steps": 5})
    return run


def test_without_runs_the_page_says_so(home, open_page):
    page = open_page("training")
    assert "No runs yet" in texts(page) and not page.exception


def test_a_finished_and_a_running_run_are_shown(home, open_page):
    done, running = finished(home, 0.4), runs.create(home, "chatbot", "intents", {})
    running.listener()(Progress("training", 3, 10, left_s=180.0))
    page = open_page("training")
    shown = texts(page)
    assert done.id.replace("-", "\\-") in shown and running.id.replace("-", "\\-") in shown
    assert not page.exception and not page.error


def test_why_a_run_failed_is_one_sentence(home, open_page):
    finished(home, 0.4).finish("failed", "DataError: There is nothing to train on.")
    page = open_page("training")
    assert ["nothing to train on" in one.value for one in page.error] == [True]


def test_runs_are_compared_by_what_differs(home, open_page):
    first, second = finished(home, 0.9), finished(home, 0.4)
    table = open_page("training", training_section="compare").dataframe[0].value.set_index("Figure")
    assert set(table.columns) == {first.id, second.id}
    assert (table.loc["rank", first.id], table.loc["rank", second.id]) == ("8", "16")
    assert table.loc["after_loss", second.id] == "0.4000"


def test_the_button_starts_the_command_of_the_terminal(home, open_page, monkeypatch):
    begun = []

    class Process:
        def __init__(self, words, **given):
            begun.append((words[1:], given["env"]["TRIFOLIUM_HOME"], given["start_new_session"]))

        def poll(self):
            return None

    monkeypatch.setattr("subprocess.Popen", Process)
    page = open_page("training")
    page.selectbox(key="train-what").set_value("generator")
    page.number_input(key="train-steps").set_value(20)
    next(one for one in page.button if one.label == "Start training").click().run()
    command = ["-m", "apps", "chatbot", "train", "--what", "generator", "--max-steps", "20"]
    assert begun == [(command, str(home), True)] and "Starting" in texts(page)


def test_a_training_that_dies_at_once_shows_its_last_words(home, open_page):
    class Dead:
        def poll(self):
            return 1

    log = home / "logs" / "chatbot-training-page.log"
    log.parent.mkdir()
    log.write_text("a\nThere is nothing to train on.\n", encoding="utf-8")
    page = open_page("training", **{"chatbot-training": Dead()})
    assert "There is nothing to train on" in page.error[0].value and not page.exception


def test_adapters_are_listed_and_promoted_and_rolled_back(home, open_page, monkeypatch):
    rows = [
        run_view.AdapterRow("grounded-answer", "v2", True, True, "gemma", "2026-11-20T10:00:00", {"after_loss": 0.4}),
        run_view.AdapterRow("grounded-answer", "v1", False, True, "gemma", "2026-11-19T10:00:00", {}),
    ]
    called = []
    monkeypatch.setattr(run_view, "adapter_rows", lambda home, names: rows)
    monkeypatch.setattr(run_view, "promote", lambda home, generator, name, version: called.append(version))
    monkeypatch.setattr(run_view, "roll_back", lambda home, name: called.append("back"))
    page = open_page("training", training_section="adapters")
    assert "after_loss 0.400" in texts(page).replace("\\", "")
    assert "takes up what is promoted or rolled back within seconds" in texts(page)  # as the engine does
    page.button(key="promote-grounded-answer-v1").click().run()
    page.button(key="back-grounded-answer-v2").click().run()
    assert called == ["v1", "back"] and not page.exception


def test_a_roll_back_without_an_earlier_version_is_one_sentence(home, open_page, monkeypatch):
    row = run_view.AdapterRow("grounded-answer", "v1", True, True, "gemma", "", {})
    monkeypatch.setattr(run_view, "adapter_rows", lambda home, names: [row])
    page = open_page("training", training_section="adapters")
    page.button(key="back-grounded-answer-v1").click().run()
    assert "no earlier version" in page.error[0].value and not page.exception
