"""The HTTP server around the routes, over a real socket: key, origin, size, number at once, errors, metrics, schema."""

import threading

import httpx
import pytest

from apps.api import create_app
from core.settings import CoreSettings, ServerSettings
from tests.chatbot.stub_service import StubService
from tests.sockets import serving

KEY = "correct-horse-battery"


def settings(**server: object) -> CoreSettings:
    return CoreSettings(server=ServerSettings(**server))


@pytest.fixture(scope="module")
def stub():
    return StubService()


@pytest.fixture(scope="module")
def client(stub):
    with serving(create_app(settings(max_concurrent=2, max_body_mb=0.01), {"chatbot": lambda: stub})) as client:
        yield client


def chat(words: str, **more: object) -> dict:
    return {"messages": [{"role": "user", "content": words}], **more}


def error_of(answer: httpx.Response) -> dict:
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "code"}
    assert body["error"]["message"].endswith(".")
    assert "\n" not in body["error"]["message"]
    return body["error"]


def test_a_request_that_does_not_fit_has_one_code_whoever_finds_that_out(client):
    misspelt = client.get("/v1/models", params={"pagee": "1"})
    wrong = client.post("/v1/chat/completions", json={"messages": 7})
    assert [answer.status_code for answer in (misspelt, wrong)] == [422, 422]
    assert {error_of(answer)["code"] for answer in (misspelt, wrong)} == {"invalid_request"}


def test_health_needs_no_key_and_tells_no_paths():
    with serving(create_app(settings(api_key=KEY), {"chatbot": StubService})) as client:
        answer = client.get("/health")
    assert answer.json()["status"] == "ok"
    assert answer.json()["apps"] == {"chatbot": {"generator": "failed"}}
    assert "secret" not in answer.text


def test_the_bare_address_leads_to_the_description():
    with serving(create_app(settings(api_key=KEY), {"chatbot": StubService})) as client:
        answer = client.get("/", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "/docs")


@pytest.mark.parametrize("sent", [None, "Bearer wrong", f"Basic {KEY}", f"Bearer {KEY}x", "Bearer", KEY, "Bearer ключ"])
def test_without_the_right_key_nothing_but_health_and_docs_answers(sent):
    with serving(create_app(settings(api_key=KEY), {"chatbot": StubService})) as client:
        headers = {} if sent is None else {"Authorization": sent.encode()}
        for path in ("/v1/models", "/metrics", "/v1/chatbot/conversations", "/nowhere"):
            answer = client.get(path, headers=headers)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            assert error_of(answer)["type"] == "authentication_error"
        assert client.get("/v1/models", headers={"Authorization": f"bearer {KEY}"}).status_code == 200


def test_a_page_from_elsewhere_cannot_use_a_keyless_service(client):
    own = str(client.base_url).rstrip("/")
    assert client.get("/v1/models", headers={"Origin": own}).status_code == 200
    for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example:8000"}, {"Origin": "null"}):
        answer = client.get("/v1/models", headers=headers)
        assert answer.status_code == 403
        assert error_of(answer)["code"] == "foreign_origin"
    assert "access-control-allow-origin" not in client.get("/v1/models", headers={"Origin": own}).headers


def test_a_body_too_large_is_refused_with_and_without_a_stated_length(client):
    long = chat("x" * 20_000)
    answer = client.post("/v1/chat/completions", json=long)
    assert answer.status_code == 413
    assert "server.max_body_mb" in error_of(answer)["message"]

    def pieces():
        for _ in range(20):
            yield b" " * 1000

    answer = client.post("/v1/chat/completions", content=pieces(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert error_of(answer)["code"] == "body_too_large"


def test_more_requests_at_once_than_allowed_get_429_and_room_comes_back(client, stub):
    with (
        client.stream("POST", "/v1/chat/completions", json=chat("slow", stream=True)) as first,
        client.stream("POST", "/v1/chat/completions", json=chat("slow", stream=True)) as second,
    ):
        assert (first.status_code, second.status_code) == (200, 200)
        answer = client.get("/v1/models")
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1
        assert error_of(answer)["type"] == "rate_limit_error"
        assert client.get("/health").status_code == 200
    for _ in range(100):
        if client.get("/v1/models").status_code == 200:
            break
        threading.Event().wait(0.05)
    else:
        pytest.fail("the places were not given back")


def test_a_path_or_method_that_is_not_there_is_one_sentence(client):
    assert error_of(client.get("/nowhere"))["message"].startswith("There is no GET /nowhere here")
    answer = client.delete("/v1/models")
    assert answer.status_code == 405
    error_of(answer)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role"),
        ({}, "messages"),
        (chat("x", stream="perhaps"), "stream"),
        (chat("x", n=2), "n"),
        (chat("x", trifolium={"conversation": "1"}), "trifolium.conversation"),
    ],
)
def test_a_wrong_body_is_one_sentence_naming_the_field(client, body, word):
    answer = client.post("/v1/chat/completions", json=body)
    assert answer.status_code == 422
    assert f"'{word}'" in error_of(answer)["message"]


def test_broken_json_is_one_sentence(client):
    answer = client.post("/v1/chat/completions", content=b"{", headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    error_of(answer)


def test_half_a_character_is_refused_and_nul_is_dropped(client):
    half = b'{"messages":[{"role":"user","content":"\\ud800"}]}'
    answer = client.post("/v1/chat/completions", content=half, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    error_of(answer)
    assert client.post("/v1/chat/completions", json=chat("a\x00b")).status_code == 200


def test_a_known_error_keeps_its_status_and_a_bug_shows_no_secret(client):
    answer = client.post("/v1/chat/completions", json=chat("busy"))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")
    assert error_of(answer)["code"] == "busy"
    answer = client.post("/v1/chat/completions", json=chat("crash"))
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] in error_of(answer)["message"]


def test_metrics_count_routes_by_template_and_turns_by_outcome(client):
    client.get("/v1/chatbot/conversations/private-id/messages")
    client.post("/v1/chat/completions", json=chat("hello"))
    text = client.get("/metrics").text
    assert "private-id" not in text
    assert 'route="/v1/chatbot/conversations/{conversation_id}/messages"' in text
    assert 'trifolium_turns_total{app="chatbot",outcome="compose",reason="grounded_passages"}' in text
    assert "trifolium_first_token_seconds_count" in text


def test_the_schema_names_every_route_with_an_example_of_each_json_body(client):
    schema = client.get("/openapi.json").json()
    for path in ("/v1/chat/completions", "/v1/models", "/v1/chatbot/hit-test", "/health", "/metrics"):
        assert path in schema["paths"]
    for path, methods in schema["paths"].items():
        for method, about in methods.items():
            assert about.get("description"), f"{method} {path} has no description"
            content = about.get("requestBody", {}).get("content", {}).get("application/json")
            if content:
                name = content["schema"]["$ref"].rsplit("/", 1)[1]
                assert "example" in schema["components"]["schemas"][name], f"{name} has no example"
    assert client.get("/docs").status_code == 200


def test_services_are_closed_when_the_server_stops():
    stub = StubService()
    with serving(create_app(settings(), {"chatbot": lambda: stub})):
        assert not stub.closed
    assert stub.closed


def test_an_id_that_is_an_address_becomes_no_metrics_label():
    from apps.gate import _template

    item = "https://shop.example/lamps/1"
    scope = {"route": object(), "path": f"/v1/recommender/items/{item}", "path_params": {"item_id": item}}
    assert _template(scope) == "/v1/recommender/items/{item_id}"
    assert _template({**scope, "path": "/v1/items/a", "path_params": {"item_id": "a"}}) == "/v1/items/{item_id}"
    assert _template({"path": "/nowhere"}) == "unknown"
