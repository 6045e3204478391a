"""The recommender's HTTP routes over a real socket, with the true service on a small engine: schema, batches, errors."""

import json
import threading
import time

import pytest

from apps.api import create_app
from core.settings import CoreSettings
from tests.recommender.plain_service import add_model, open_plain
from tests.sockets import serving

AT = "/v1/recommender"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("routes")


@pytest.fixture(scope="module")
def service(place):
    made = open_plain(place)
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(service):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("apps.api.APPS", ("recommender",))
        app = create_app(CoreSettings(), {"recommender": lambda: service})
    with serving(app) as client:
        yield client


def error_of(answer) -> str:
    body = answer.json()["error"]
    assert set(body) == {"message", "type", "code"} and body["message"].endswith(".") and "\n" not in body["message"]
    return body["message"]


def test_a_list_comes_with_its_id_reasons_and_who_made_it(client):
    body = {"user": "ann", "k": 3, "diversity": 0.5, "filters": {"categories": ["home", "ware"]}, "details": True}
    answer = client.post(f"{AT}/recommend", json=body).json()
    assert (answer["user"], answer["route"], len(answer["items"])) == ("ann", "warm", 3)
    first = answer["items"][0]
    assert first["rank"] == 1 and set(first) >= {"item", "score", "probability", "parts", "routes", "reason", "because"}
    assert {one["details"]["category"] for one in answer["items"]} <= {"home", "ware"}
    assert answer["removed_count"] == len(set().union(*answer["removed"].values()))
    assert len(answer["list_id"]) == 32 and answer["model"] and answer["took_ms"] > 0
    assert "details" not in client.post(f"{AT}/recommend", json={"user": "ann"}).json()["items"][0]


def test_a_category_that_no_item_has_is_named_in_a_note_and_breaks_no_page(client):
    def notes(**body) -> list[str]:
        answer = client.post(f"{AT}/recommend", json=body)
        assert answer.status_code == 200
        return answer.json()["notes"]

    assert notes(filters={"categories": ["home"]}) == []
    told = "No item has the category 'hoem'; the nearest known is 'home' (known here: drinks, home, ware)."
    assert notes(filters={"categories": ["hoem"]}) == [told]
    assert notes(filters={"categories": ["hoem"]}, language="zh")[0].startswith(
        "没有商品属于品类“hoem”；最接近的是“home”"
    )
    assert notes(filters={"blocked_brands": ["Lantrn"]})[0].startswith("No item is of the brand 'Lantrn'; the nearest")


def test_lists_and_scores_come_without_a_model_that_breaks(client, service):
    service._live.engine.broken = True
    try:
        answer = client.post(f"{AT}/recommend", json={"user": "ann"}).json()
        scored = client.post(f"{AT}/score", json={"user": "ann", "candidates": ["tea", "ghost"]}).json()
    finally:
        service._live.engine.broken = False
    assert (answer["route"], answer["model"]) == ("behaviour", "") and answer["items"]
    assert scored["route"] == "popular" and [one["known"] for one in scored["items"]] == [True, False]


def test_a_visitors_history_makes_the_list_warm_and_its_language_the_reasons(client):
    body = {"history": [{"item": "tea"}, {"item": "cup", "type": "like"}], "language": "zh"}
    answer = client.post(f"{AT}/recommend", json=body).json()
    shown = [one["item"] for one in answer["items"]]
    assert answer["route"] == "warm" and "tea" not in shown and "cup" not in shown
    assert any("看过" in one["reason"] for one in answer["items"])
    assert client.post(f"{AT}/recommend", json={}).json()["route"] == "cold"


def test_candidates_are_scored_in_their_order_known_or_not(client):
    body = {"user": "ann", "candidates": ["pot", {"title": "Green tea"}, "ghost"]}
    answer = client.post(f"{AT}/score", json=body).json()
    assert [one["item"] for one in answer["items"]][::2] == ["pot", "ghost"]
    assert answer["items"][1]["item"].startswith("inline-") and answer["items"][1]["probability"] == 0.25
    assert [one["known"] for one in answer["items"]] == [True, True, False]


def test_events_change_the_next_list_and_count_once(client):
    before = [one["item"] for one in client.post(f"{AT}/recommend", json={"user": "eve"}).json()["items"]]
    body = {"events": [{"id": "x1", "user": "eve", "item": before[0], "type": "click"}]}
    assert client.post(f"{AT}/events", json=body).json() == {"added": 1, "known": 0, "problems": []}
    after = [one["item"] for one in client.post(f"{AT}/recommend", json={"user": "eve"}).json()["items"]]
    assert before[0] not in after
    assert client.post(f"{AT}/events", json=body).json() == {"added": 0, "known": 1, "problems": []}
    timed = {"events": [{"user": "eve", "item": "pot", "time": "2026-01-01T10:00:00+08:00"}]}
    assert client.post(f"{AT}/events", json=timed).json()["added"] == 1
    assert client.post(f"{AT}/events", json=timed).json()["known"] == 1  # no id, the same content


def test_a_time_without_a_zone_is_in_utc_as_in_files(client):
    naive = {"events": [{"user": "zoe", "item": "tea", "time": "2026-01-01T10:00:00"}]}
    aware = {"events": [{"user": "zoe", "item": "tea", "time": "2026-01-01T12:00:00+02:00"}]}
    assert client.post(f"{AT}/events", json=naive).json()["added"] == 1
    assert client.get(f"{AT}/users/zoe").json()["events"][0]["time"] == "2026-01-01T10:00:00Z"
    assert client.post(f"{AT}/events", json=aware).json()["added"] == 1
    assert client.get(f"{AT}/users/zoe").json()["events"][0]["time"] == "2026-01-01T10:00:00Z"
    described = client.get("/openapi.json").json()["components"]["schemas"]
    assert "without a zone: UTC" in json.dumps(described["EventsBody"])


def test_bad_rows_are_named_by_their_place_and_lose_no_others(client):
    rows = [
        {"user": "fay", "item": "tea"}, {"user": "fay"}, "what", {"user": "fay", "item": "ghost"},
        {"user": "fay", "item": "tea", "tpye": "like"}, {"user": "fay", "item": "cup", "time": "2026-01-01T10:00:00"},
        {"user": "fay", "item": "cup", "type": "clik"}, {"user": "fay", "item": "cup"},
    ]  # fmt: skip
    answer = client.post(f"{AT}/events", json={"events": rows}).json()
    assert answer["added"] == 3
    assert [one["line"] for one in answer["problems"]] == [2, 3, 4, 5, 7]
    said = {one["line"]: one["reason"] for one in answer["problems"]}
    assert "'item'" in said[2] and "There is no item 'ghost'" in said[4] and "'tpye'" in said[5]
    assert "nearest known is 'click'" in said[7]
    items = client.post(
        f"{AT}/items", json={"items": [{"id": "vase", "title": "Vase"}, {"id": "x"}, {"id": "y", "title": " "}]}
    )
    assert (items.json()["added"], [one["line"] for one in items.json()["problems"]]) == (1, [2, 3])
    assert "vase" in [one["item"] for one in client.post(f"{AT}/recommend", json={"k": 50}).json()["items"]]
    assert client.delete(f"{AT}/items/vase").status_code == 204


def test_items_are_put_read_listed_and_deleted(client):
    body = {
        "id": "bowl",
        "title": "Rice bowl 饭碗",
        "category": "ware",
        "price": 7,
        "attributes": {"cm": 12, "glaze": "ash"},
    }
    assert client.post(f"{AT}/items", json={"items": [body]}).json()["added"] == 1
    assert client.put(f"{AT}/items/bowl", json=body | {"price": 8}).json()["updated"] == 1
    assert client.put(f"{AT}/items/bowl", json=body | {"price": 8}).json()["unchanged"] == 1
    assert client.put(f"{AT}/items/cup", json=body).status_code == 422
    seen = client.get(f"{AT}/items/bowl").json()
    assert seen["item"]["price"] == 8 and seen["item"]["attributes"] == {"cm": 12.0, "glaze": "ash"}
    assert [one["id"] for one in client.get(f"{AT}/items", params={"search": "饭碗"}).json()] == ["bowl"]
    assert client.delete(f"{AT}/items/bowl").status_code == 204
    assert client.get(f"{AT}/items/bowl").status_code == 404
    assert "no item 'bowl'" in error_of(client.delete(f"{AT}/items/bowl"))


def test_the_nearest_items_are_sent_only_where_they_are_asked_for(client):
    def found(**query) -> list[str]:
        return [one["id"] for one in client.get(f"{AT}/items", params=query).json()]

    assert found(search="lmap") == []
    assert found(search="lmap", nearest=True) == ["lamp"]
    assert found(search="lamp", nearest=True) == ["lamp"]


def test_a_person_is_shown_and_forgotten(client):
    client.post(f"{AT}/events", json={"events": [{"id": "g1", "user": "gil", "item": "tea"}]})
    assert [one["item"] for one in client.get(f"{AT}/users/gil").json()["events"]] == ["tea"]
    assert "gil" in [one["id"] for one in client.get(f"{AT}/users", params={"search": "gi"}).json()]
    assert client.delete(f"{AT}/users/gil").status_code == 204
    assert client.get(f"{AT}/users/gil").status_code == 404
    assert "Nothing is known of a user 'gil'" in error_of(client.delete(f"{AT}/users/gil"))


def test_similar_popular_and_latest(client):
    found = client.post(f"{AT}/similar", json={"item": "tea", "k": 2, "details": True}).json()["items"]
    assert [one["rank"] for one in found] == [1, 2] and found[0]["details"]["title"]
    assert [one["score"] for one in found] == [1.0, 0.5] and [one["probability"] for one in found] == [None, None]
    assert client.post(f"{AT}/similar", json={"item": "ghost"}).status_code == 404
    assert client.get(f"{AT}/latest", params={"k": 1}).json()["items"][0]["item"] == "fan"
    assert all(
        one["category"] == "ware" for one in client.get(f"{AT}/popular", params={"category": "ware"}).json()["items"]
    )


def test_why_and_why_not(client):
    why = client.post(f"{AT}/explain", json={"user": "ann", "item": "rug", "k": 100}).json()
    assert why["stage"] == "shown" and why["scored"]["item"] == "rug" and why["place"] >= 1
    lost = client.post(f"{AT}/why-not", json={"user": "ann", "item": "tea"}).json()
    assert (lost["stage"], lost["removed_by"], lost["scored"]) == ("filter", ["exclude_seen"], None)
    assert client.post(f"{AT}/why-not", json={"user": "ann", "item": "ghost"}).json()["stage"] == "unknown"


def test_an_experiment_from_start_to_end(client):
    body = {
        "name": "variety",
        "variants": [{"name": "A", "share": 0.5}, {"name": "B", "share": 0.5, "dials": {"diversity": 0.8}}],
    }
    assert client.post(f"{AT}/experiments", json=body).status_code == 201
    assert client.post(f"{AT}/experiments", json=body).status_code == 409
    arms = {client.post(f"{AT}/recommend", json={"user": f"u{n}"}).json()["experiments"]["variety"] for n in range(20)}
    assert arms == {"A", "B"}
    listed = client.post(f"{AT}/recommend", json={"user": "hal"}).json()
    first = listed["items"][0]["item"]
    click = {"user": "hal", "item": first, "type": "click", "list_id": listed["list_id"]}
    assert client.post(f"{AT}/events", json={"events": [click]}).json()["added"] == 1
    report = client.get(f"{AT}/experiments/variety").json()
    assert sum(one["wanted"] for one in report["arms"]) == 1 and report["differences"][0]["verdict"] == "too_few"
    assert client.post(f"{AT}/experiments/variety/end").json()["ended_at"]
    assert client.post(f"{AT}/experiments/variety/end").status_code == 409
    assert client.get(f"{AT}/experiments/none").status_code == 404
    wrong = body | {"name": "w", "variants": [{"name": "A", "share": 0.5}, {"name": "B", "share": 0.6}]}
    assert "sum to at most 1" in error_of(client.post(f"{AT}/experiments", json=wrong))


def test_models_are_promoted_and_rolled_back_while_lists_are_asked_for(client, service, place):
    codes, stop = set(), threading.Event()

    def ask() -> None:
        while not stop.is_set():
            codes.add(client.post(f"{AT}/recommend", json={"user": "ann"}).status_code)

    thread = threading.Thread(target=ask)
    thread.start()
    name = add_model(service._shelf, place, "plain-2")
    assert client.post(f"{AT}/models/{name}/promote").json()["live"] is True
    assert client.post(f"{AT}/recommend", json={"user": "ann"}).json()["model"] == name
    assert client.post(f"{AT}/models/roll-back").json()["name"] != name
    stop.set()
    thread.join()
    assert codes == {200}
    assert client.post(f"{AT}/models/roll-back").status_code == 409
    assert client.post(f"{AT}/models/none/promote").status_code == 404
    assert [one["live"] for one in client.get(f"{AT}/models").json()].count(True) == 1
    assert client.get(f"{AT}/status").json()["model"] == "ready"


def test_figures_over_what_was_served(client):
    answer = client.get(f"{AT}/quality", params={"days": 1}).json()
    assert answer["lists"] > 0 and 0 < answer["days"][0]["coverage"] <= 1
    assert all(len(row) == 3 for row in client.get(f"{AT}/pulse").json())


def test_a_file_is_taken_in_and_its_bad_rows_named(client, monkeypatch):
    def read_items(path, mapping=None):
        raise AssertionError("not an item file")

    from apps.recommender.arrivals import kind_of

    assert kind_of(__import__("pathlib").Path("my_items.csv"), "auto") == "items"
    assert "say which" in error_of(client.post(f"{AT}/files", files=[("files", ("numbers.csv", b"a,b\n"))]))


@pytest.mark.parametrize(
    ("path", "body", "word"),
    [
        ("recommend", {"user": "ann", "k": 0}, "'k'"),
        ("recommend", {"user": "ann", "diversty": 0.5}, "diversty"),
        ("recommend", {"diversity": 1.5}, "diversity"),
        ("recommend", {"language": "fr"}, "language"),
        ("recommend", {"filters": {"price_min": 5, "price_max": 1}}, "price_min"),
        ("recommend", {"history": [{"item": ""}]}, "history[0].item"),
        ("score", {"candidates": []}, "candidates"),
        ("score", {"user": "ann"}, "candidates"),
        ("score", {"candidates": [{"id": "x"}]}, "candidates[0]"),
        ("score", {"candidates": ["x"] * 2001}, "1 to 2000"),
        ("events", {"events": []}, "no events"),
        ("events", {"events": {}}, "events"),
        ("items", {}, "items"),
        ("explain", {"user": "ann"}, "item"),
    ],
)
def test_a_wrong_body_is_one_sentence_naming_the_field(client, path, body, word):
    answer = client.post(f"{AT}/{path}", json=body)
    assert answer.status_code == 422
    assert word in error_of(answer)


def test_half_a_character_is_refused_and_nul_is_dropped(client):
    half = b'{"events":[{"user":"u\\ud800","item":"tea"}]}'
    answer = client.post(f"{AT}/events", content=half, headers={"Content-Type": "application/json"}).json()
    assert answer["added"] == 0 and "half of one" in answer["problems"][0]["reason"]
    client.post(f"{AT}/items", json={"items": [{"id": "nul", "title": "a\x00b"}]})
    assert client.get(f"{AT}/items/nul").json()["item"]["title"] == "ab"
    client.delete(f"{AT}/items/nul")


def test_the_schema_names_every_route_with_an_example_of_each_body(client):
    schema = client.get("/openapi.json").json()
    for path in ("score", "recommend", "similar", "events", "items", "explain", "why-not", "experiments"):
        assert "post" in schema["paths"][f"{AT}/{path}"]
    for path, methods in schema["paths"].items():
        for method, about in methods.items():
            assert about.get("description"), f"{method} {path} has no description"
            content = about.get("requestBody", {}).get("content", {}).get("application/json")
            if content:
                name = content["schema"]["$ref"].rsplit("/", 1)[1]
                assert "example" in schema["components"]["schemas"][name], f"{name} has no example"
    listed = schema["paths"][f"{AT}/recommend"]["post"]["responses"]["200"]["content"]["application/json"]
    assert listed["schema"]["$ref"].endswith("ListReply")


def test_the_examples_of_the_schema_are_accepted_and_answers_look_as_they_say(client):
    from apps.recommender.replies import ExplainReply, ListReply, ScoreReply, SimilarReply

    schema = client.get("/openapi.json").json()["components"]["schemas"]
    client.post(f"{AT}/items", json=schema["ItemsBody"]["example"])
    client.put(f"{AT}/items/tea-oolong", json=schema["ItemBody"]["example"]).raise_for_status()
    for path, body, reply in (
        ("recommend", "RecommendBody", ListReply), ("score", "ScoreBody", ScoreReply),
        ("similar", "SimilarBody", SimilarReply), ("explain", "ExplainBody", ExplainReply),
    ):  # fmt: skip
        answer = client.post(f"{AT}/{path}", json=schema[body]["example"])
        assert answer.status_code == 200, answer.text
        reply.model_validate(answer.json())
    assert client.post(f"{AT}/events", json=schema["EventsBody"]["example"]).json()["added"] == 1
    assert client.post(f"{AT}/experiments", json=schema["ExperimentBody"]["example"]).status_code == 201
    client.post(f"{AT}/experiments/more-variety/end").raise_for_status()
    client.delete(f"{AT}/items/tea-oolong").raise_for_status()


def test_two_hundred_candidates_are_answered_many_times_at_once(client):
    body = json.dumps({"user": "ann", "candidates": ["tea", "cup", "pot", "lamp"] * 50})
    answers = []

    def ask() -> None:
        for _ in range(10):
            answers.append(client.post(f"{AT}/score", content=body, headers={"Content-Type": "application/json"}))
            time.sleep(0)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.status_code for one in answers} == {200} and all(len(one.json()["items"]) == 200 for one in answers)
