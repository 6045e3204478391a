"""The page "Training", clicked through, on run folders and models as the stem and the shelf write them."""

from pathlib import Path

import pytest

from apps.recommender.model_shelf import ModelShelf
from core import runs
from core.events import Metric, Progress
from tests.recommender.plain_service import add_model
from tests.recommender.ui.conftest import press, shown


def finished(home: Path, loss: float) -> runs.Run:
    run = runs.create(home, "recommender", "interest", {"rank": 8 if loss > 0.5 else 16})
    with run.recording():
        listen = run.listener()
        for step in range(1, 6):
            listen(Metric("loss", loss + 1 / step, step))
            listen(Progress("training", step, 5))
        run.write("report", {"ndcg10": loss, "steps": 5})
    return run


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("section", ["runs", "compare", "models"])
def test_every_section_is_drawn_in_both_languages(open_page, section, language):
    page = open_page("training", language, training_section=section)
    assert not page.exception and not page.error


def test_a_finished_and_a_running_run_are_shown(open_page, shop):
    home = shop.settings.home
    done, running = finished(home, 0.4), runs.create(home, "recommender", "interest", {})
    running.listener()(Progress("training", 3, 10, left_s=180.0))
    page = open_page("training")
    assert done.id in shown(page) and running.id in shown(page)
    assert next(one for one in page.button if one.label == "Start training").disabled
    assert not page.exception and not page.error


def test_why_a_run_failed_is_one_sentence(open_page, shop):
    finished(shop.settings.home, 0.4).finish("failed", "DataError: There is nothing to train on.")
    page = open_page("training")
    assert ["nothing to train on" in one.value for one in page.error] == [True]


def test_runs_are_compared_by_what_differs(open_page, shop):
    first, second = finished(shop.settings.home, 0.9), finished(shop.settings.home, 0.4)
    table = open_page("training", training_section="compare").dataframe[0].value.set_index("Figure")
    assert (table.loc["rank", first.id], table.loc["rank", second.id]) == ("8", "16")
    assert table.loc["ndcg10", second.id] == "0.4000"


@pytest.mark.parametrize(("wanted", "words"), [(True, ["train"]), (False, ["train", "--no-text", "--no-promote"])])
def test_the_button_starts_the_command_of_the_terminal(open_page, shop, monkeypatch, wanted, words):
    begun = []

    class Process:
        def __init__(self, line, **given):
            begun.append((line[1:], given["env"]["TRIFOLIUM_HOME"], given["start_new_session"]))

        def poll(self):
            return None

    monkeypatch.setattr("subprocess.Popen", Process)
    page = open_page("training")
    page.checkbox(key="train-text").set_value(wanted)
    page.checkbox(key="train-promote").set_value(wanted)
    next(one for one in page.button if one.label == "Start training").click().run()
    assert begun == [(["-m", "apps", "recommender", *words], str(shop.settings.home), True)]
    assert "Starting" in shown(page)


def test_a_training_that_dies_at_once_shows_its_last_words(open_page, shop):
    class Dead:
        def poll(self):
            return 1

    log = shop.settings.home / "logs" / "recommender-training-page.log"
    log.parent.mkdir()
    log.write_text("a\nThere is nothing to train on.\n", encoding="utf-8")
    page = open_page("training", **{"recommender-training": Dead()})
    assert "There is nothing to train on" in page.error[0].value and not page.exception


def test_models_are_promoted_and_rolled_back_and_answer_at_once(open_page, shop):
    shelf = ModelShelf(shop.settings.home)
    name = add_model(shelf, shop.settings.home, "plain-2")
    page = open_page("training", training_section="models")
    assert "ndcg10 0.200" in shown(page)
    press(page, f"promote-{name}")
    assert shop.recommend("ann").list.version == "plain-2"
    press(page, "roll-back")
    assert shop.recommend("ann").list.version == "plain-1"
    assert "roll-back" not in [one.key for one in page.button]  # there is nothing before the first


def test_one_model_offers_no_way_back(open_page):
    page = open_page("training", training_section="models")
    assert "plain-1" in shown(page) and "roll-back" not in [one.key for one in page.button]
