"""The same lists by service, terminal and HTTP: the true engine on a small part of the sample, over a real socket."""

import gzip
import json
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import apps.__main__ as terminal_door
from apps.api import create_app
from tests import tiny
from tests.sockets import serving

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data" / "samples" / "recommender"
AT = "/v1/recommender"
PEOPLE = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop's files: the sample's items, and the events of its first forty people without what was only shown."""
    place = tmp_path_factory.mktemp("doors")
    (place / "shop").mkdir()
    (place / "shop" / "items.jsonl").write_bytes((SAMPLE / "items.jsonl").read_bytes())
    lines = gzip.decompress((SAMPLE / "events.csv.gz").read_bytes()).decode("utf-8").splitlines()
    people = {f"p{number:03}" for number in range(1, PEOPLE + 1)}
    kept = [line for line in lines[1:] if line.split(",")[1] in people and ",impression," not in line]
    (place / "shop" / "events.csv").write_text(
        "\n".join([lines[0], *kept, "x,p001,nothing,click,2026-09-01T00:00:00Z,,,"])
    )
    (place / "shop" / "notes.md").write_text("not a table")
    return place


@pytest.fixture(scope="module")
def overrides(folder: Path) -> dict[str, object]:
    """Settings: a tiny encoder reads both languages, so that no bundled model is needed."""
    encoder = str(tiny.encoder(folder / "encoder"))
    return {
        "home": str(folder / "home"),
        "models.encoder": encoder,
        "models.multilingual_encoder": encoder,
        "models.threads": 1,
        "models.dtype": "float32",
        "recommender.load_sample": "false",
        "recommender.serving.deadline_ms": 20000,
    }


@pytest.fixture(scope="module")
def terminal(overrides):
    """Runs `trifolium recommender …` with these settings."""
    options = [part for key, value in overrides.items() for part in ("--set", f"{key}={value}")]

    def run(*words: str) -> int:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(terminal_door, "APPS", ("recommender",))
            return terminal_door.run([*options, "recommender", *words])

    return run


@pytest.fixture(scope="module")
def filled(folder, terminal) -> Path:
    """The shop's files taken in by the terminal."""
    assert terminal("ingest", str(folder / "shop")) == 0
    return folder


@pytest.fixture(scope="module")
def service(filled, overrides):
    from apps.recommender.service import open_service
    from apps.recommender.settings import load_settings

    empty = filled / "empty.toml"
    empty.touch()
    made = open_service(load_settings(empty, overrides))
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(service):
    from core.settings import CoreSettings

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("apps.api.APPS", ("recommender",))
        app = create_app(CoreSettings(), {"recommender": lambda: service})
    with serving(app) as client:
        yield client


def test_a_folder_is_taken_in_twice_without_doubling_and_bad_rows_are_named(filled, terminal, capsys):
    assert terminal("ingest", "--json", str(filled / "shop")) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["items"]["unchanged"], report["items"]["added"]) == (336, 0)
    assert report["events"]["added"] == 0 and report["events"]["known"] > 1000
    lines = len((filled / "shop" / "events.csv").read_text().splitlines())
    assert [(one["source"], one["line"]) for one in report["events"]["problems"]] == [("events.csv", lines)]
    assert "no item 'nothing'" in report["events"]["problems"][0]["reason"]
    assert [one["source"] for one in report["items"]["problems"]] == ["notes.md"]


def test_a_model_was_fitted_at_the_first_start_and_is_found_at_the_next(service, overrides, filled):
    from apps.recommender.service import build
    from apps.recommender.settings import load_settings

    assert service.model and service.status()["model"] == "ready"
    again = build(load_settings(filled / "empty.toml", overrides))
    try:
        assert (again.model, again.problem) == (service.model, "")
        first, second = (one.recommend("p001", keep=False).list for one in (service, again))
        assert [one.item for one in first.items] == [one.item for one in second.items]
    finally:
        again.close()


@pytest.mark.parametrize("user", ["p001", "p007", "nobody"])
def test_http_and_terminal_say_what_the_service_says(service, client, terminal, capsys, user):
    expected = [one.item for one in service.recommend(user, keep=False).list.items]
    assert len(expected) == 20
    sent = client.post(f"{AT}/recommend", json={"user": user}).json()
    assert [one["item"] for one in sent["items"]] == expected
    assert all(one["reason"] and 0 < one["probability"] < 1 for one in sent["items"])
    assert terminal("recommend", user, "--json") == 0
    assert [one["item"] for one in json.loads(capsys.readouterr().out)["items"]] == expected


def test_a_click_over_http_changes_the_next_list_at_once(client):
    before = [one["item"] for one in client.post(f"{AT}/recommend", json={"user": "p003"}).json()["items"]]
    event = {"user": "p003", "item": before[0], "type": "purchase"}
    assert client.post(f"{AT}/events", json={"events": [event]}).json()["added"] == 1
    after = [one["item"] for one in client.post(f"{AT}/recommend", json={"user": "p003"}).json()["items"]]
    assert before[0] not in after


def test_a_new_item_and_a_new_text_are_scored_without_training(client):
    item = {
        "id": "new-1",
        "title": "Night Train Sleeper Blanket",
        "description": "Wool, for long rides.",
        "category": "travel",
    }
    assert client.post(f"{AT}/items", json={"items": [item]}).json()["added"] == 1
    answer = client.post(
        f"{AT}/score", json={"user": "p001", "candidates": ["new-1", {"title": item["title"]}], "explain": True}
    )
    scores = answer.json()["items"]
    assert scores[0]["known"] and 0 < scores[0]["probability"] < 1 and 0 < scores[1]["probability"] < 1
    found = client.post(f"{AT}/similar", json={"item": "new-1", "k": 5}).json()["items"]
    assert len(found) == 5
    assert client.delete(f"{AT}/items/new-1").status_code == 204
    assert client.post(f"{AT}/why-not", json={"user": "p001", "item": "new-1"}).json()["stage"] == "unknown"


def test_every_item_is_in_the_list_or_it_is_told_where_it_was_lost(service, client):
    listed = {one.item for one in service.recommend("p005", keep=False).list.items}
    stages = set()
    for item in service.items(limit=500)[::12]:
        found = client.post(f"{AT}/why-not", json={"user": "p005", "item": item.id, "language": "zh"}).json()
        assert (found["stage"] == "shown") == (item.id in listed), found
        assert found["sentence"]
        stages.add(found["stage"])
    assert len(stages) > 1


def test_a_person_forgotten_over_http_is_a_stranger_again(client, service, filled):
    assert client.post(f"{AT}/recommend", json={"user": "p009"}).json()["route"] == "warm"
    assert client.delete(f"{AT}/users/p009").status_code == 204
    assert client.post(f"{AT}/recommend", json={"user": "p009"}).json()["route"] == "cold"
    for path in (filled / "home" / "models" / "recommender").rglob("*"):  # nor in any model that could come back
        assert not path.is_file() or b"p009" not in path.read_bytes(), path


def test_rules_of_a_call_hold_and_say_what_they_removed(client, service):
    body = {
        "user": "p001",
        "k": 10,
        "filters": {"categories": ["books", "coffee"], "price_max": 40, "most_per_category": 4},
    }
    answer = client.post(f"{AT}/recommend", json=body | {"details": True}).json()
    categories = [one["details"]["category"] for one in answer["items"]]
    assert set(categories) <= {"books", "coffee"} and max(map(categories.count, set(categories))) <= 4
    assert all(one["details"]["price"] <= 40 for one in answer["items"]) and answer["removed"]


def test_pages_show_the_true_engine_in_both_languages(service, monkeypatch):
    from streamlit.testing.v1 import AppTest

    from apps.recommender.ui import shared

    monkeypatch.setattr(shared, "service", lambda: service)
    monkeypatch.setattr(shared, "settings", lambda: service.settings)
    for name in ("for_you", "catalogue", "experiments", "training"):
        for language in ("en", "zh"):
            page = AppTest.from_file(str(Path(shared.__file__).parent / f"{name}.py"), default_timeout=120)
            page.session_state["ui_language"] = language
            page.query_params["u"] = "p001"
            page.run()
            assert not page.exception and not page.error, (name, language)


def test_a_file_sent_over_http_is_taken_in_with_its_lines(client):
    when = datetime.now(UTC) - timedelta(hours=1)
    rows = f"user,item,type,time\np010,t001,click,{when.isoformat()}\np010,t002,hug,{when.isoformat()}\np010,,click,\n"
    report = client.post(f"{AT}/files", files=[("files", ("my events.csv", rows.encode()))]).json()
    assert report["events"]["added"] == 1
    assert {one["line"] for one in report["events"]["problems"]} == {3, 4}
    assert any("'hug'" in one["reason"] for one in report["events"]["problems"])


def test_a_rating_outside_of_the_scale_is_named_by_its_line_and_times_without_a_zone_are_counted(client):
    when = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%d %H:%M}"
    rows = "user;item;type;time;value\n" + "".join(
        f"p010;t00{n};rating;{when};{value}\n" for n, value in ((1, "9"), (2, "4,5"), (3, "-1"), (4, "5"))
    )
    report = client.post(f"{AT}/files", files=[("files", ("events.csv", rows.encode()))]).json()
    assert (report["events"]["added"], report["zoneless"]) == (2, 4)
    said = {one["line"]: one["reason"] for one in report["events"]["problems"]}
    assert said[2].startswith("The rating 9 lies outside of the scale from 0 to 5")
    assert said.keys() == {2, 4}


def test_a_model_trained_in_the_terminal_takes_over_while_lists_are_asked_for(client, service, terminal, capsys):
    before, failed, stop = service.model, [], threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answer = client.post(f"{AT}/recommend", json={"user": "p001"})
            if answer.status_code != 200 or answer.json()["route"] != "warm":
                failed.append(answer.text)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        assert terminal("train", "--no-text") == 0, capsys.readouterr().err
        until = time.monotonic() + 60
        while service.model == before and time.monotonic() < until:
            time.sleep(0.1)
    finally:
        stop.set()
        thread.join()
    assert service.model != before and failed == []
    assert client.post(f"{AT}/recommend", json={"user": "p001"}).json()["model"] == service.model
    assert [one.name for one in service.models() if one.live] == [service.model]
