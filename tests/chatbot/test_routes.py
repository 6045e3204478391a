"""The chatbot's HTTP routes over a real socket, with a stub of the service: schema, streams, cancelling, knowledge."""

import json
import threading

import pytest

from apps.api import create_app
from core.settings import CoreSettings
from tests.chatbot.stub_service import StubService
from tests.sockets import serving

CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def stub():
    return StubService()


@pytest.fixture(scope="module")
def client(stub):
    with serving(create_app(CoreSettings(), {"chatbot": lambda: stub})) as client:
        yield client


def chat(*words: str, **more: object) -> dict:
    roles = ["user", "assistant"] * len(words)
    turns = [{"role": role, "content": text} for role, text in zip(roles, words, strict=False)]
    return {"model": "trifolium-chatbot", "messages": turns, **more}


def chunks(text: str) -> list[dict]:
    lines = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_a_completion_has_openais_shape_and_our_decision_beside_it(client):
    answer = client.post(CHAT, json=chat("How long?")).json()
    assert answer["object"] == "chat.completion"
    assert answer["id"].startswith("chatcmpl-")
    assert answer["choices"][0]["finish_reason"] == "stop"
    text = answer["choices"][0]["message"]["content"]
    assert text == "Standard delivery takes 2 to 4 工作日 [1] (0 before)"
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0
    ours = answer["trifolium"]
    assert ours["decision"]["outcome"] == "compose"
    assert [one["id"] for one in ours["citations"]] == ["p1"]  # p2 was evidence too, but is not cited
    assert ours["latency_ms"] == {"search": 1.5}
    assert ours["message_id"]


def test_the_stream_says_what_the_whole_says_and_ends_with_done(client):
    whole = client.post(CHAT, json=chat("How long?")).json()
    streamed = client.post(CHAT, json=chat("How long?", stream=True, stream_options={"include_usage": True}))
    assert streamed.headers["content-type"].startswith("text/event-stream")
    parts = chunks(streamed.text)
    assert parts[0]["choices"][0]["delta"]["role"] == "assistant"
    text = "".join(part["choices"][0]["delta"].get("content", "") for part in parts if part["choices"])
    assert text == whole["choices"][0]["message"]["content"]
    assert {part["object"] for part in parts} == {"chat.completion.chunk"}
    assert len({part["id"] for part in parts}) == 1
    early = next(part for part in parts if "trifolium" in part)
    assert early["trifolium"]["decision"]["reason"] == "grounded_passages"
    assert parts[-1]["usage"] == whole["usage"]
    assert parts[-1]["choices"] == []
    assert parts[-2]["choices"][0]["finish_reason"] == "stop"
    assert parts[-2]["trifolium"]["citations"] == whole["trifolium"]["citations"]


def test_without_a_conversation_the_messages_sent_are_the_history(client, stub):
    answer = client.post(CHAT, json=chat("Hi", "Hello!", "And abroad?")).json()
    assert answer["choices"][0]["message"]["content"].endswith("(2 before)")
    said = stub.messages(answer["trifolium"]["conversation_id"])
    assert [one.text for one in said[:3]] == ["Hi", "Hello!", "And abroad?"]
    assert answer["trifolium"]["standalone"] == "How long does delivery take?"


def test_with_a_conversation_the_server_keeps_the_history_and_reads_the_last_message(client, stub):
    made = client.post("/v1/chatbot/conversations", json={"language": "zh"}).json()
    ours = {"conversation_id": made["id"], "slots": {"order_number": "LL-1"}}
    for number, before in enumerate((0, 2)):
        body = chat(*["old", "words"] * number, "new", trifolium=ours)
        answer = client.post(CHAT, json=body).json()
        assert answer["choices"][0]["message"]["content"].endswith(f"({before} before, LL-1)")
    assert [one.text for one in stub.messages(made["id"]) if one.role == "customer"] == ["new", "new"]
    assert client.post(CHAT, json=chat("x", trifolium={"conversation_id": "none"})).status_code == 404


def test_the_language_is_told_from_the_text_unless_it_is_given(client, stub):
    for body, expected in (
        (chat("运费多少？"), "zh"),
        (chat("How long?"), "en"),
        (chat("OK", trifolium={"language": "zh"}), "zh"),
    ):
        known = client.post(CHAT, json=body).json()["trifolium"]["conversation_id"]
        assert stub.conversation(known).language == expected


def test_parameters_without_effect_are_listed_and_those_that_would_change_the_answer_are_refused(client):
    answer = client.post(CHAT, json=chat("Hi", temperature=0.7, max_tokens=5, user="u", seed=None, tools=[])).json()
    assert answer["trifolium"]["ignored"] == ["max_tokens", "temperature", "user"]
    refused = (
        {"tools": [{"type": "function"}]},
        {"logprobs": True},
        {"n": 2},
        {"response_format": {"type": "json_object"}},
    )
    for more in refused:
        answer = client.post(CHAT, json=chat("Hi", **more))
        assert answer.status_code == 422
        assert next(iter(more)) in answer.json()["error"]["message"]
    assert client.post(CHAT, json=chat("Hi") | {"model": "gpt-9"}).status_code == 404
    assert client.post(CHAT, json=chat("Hi", "Hello!")).status_code == 422  # the last word is the assistant's
    assert client.post(CHAT, json=chat("x" * 8001)).status_code == 422
    parts = [{"type": "text", "text": "Hi"}]
    assert client.post(CHAT, json={"messages": [{"role": "user", "content": parts}]}).status_code == 200


def test_an_error_before_the_first_word_has_its_status_and_a_later_one_is_an_event(client):
    assert client.post(CHAT, json=chat("busy", stream=True)).status_code == 503
    streamed = client.post(CHAT, json=chat("break", stream=True))
    assert streamed.status_code == 200
    assert chunks(streamed.text)[-1]["error"]["message"] == "The generator gave up."


@pytest.mark.parametrize("stream", [True, False])
def test_a_caller_who_leaves_stops_the_answer(client, stub, stream):
    stub.cancelled.clear()
    stub.running.clear()

    def ask() -> None:
        with client.stream("POST", CHAT, json=chat("slow", stream=stream), timeout=1.0) as answer:
            for _ in answer.iter_lines():
                if stub.running.is_set():
                    return

    try:
        ask()
    except Exception as error:  # noqa: BLE001  # the whole answer never comes: the client's own timeout
        assert "timed out" in str(error)
    assert stub.cancelled.wait(10), "the service went on for nobody"


def test_two_answers_come_at_the_same_time(client, stub):
    stub.running.clear()
    stopped = threading.Event()

    def slow() -> None:
        with client.stream("POST", CHAT, json=chat("slow", stream=True)) as answer:
            for _ in answer.iter_lines():
                if stopped.is_set():
                    return

    thread = threading.Thread(target=slow)
    thread.start()
    try:
        assert stub.running.wait(10)
        assert client.post(CHAT, json=chat("Hi")).status_code == 200
    finally:
        stopped.set()
        thread.join(10)


def test_the_model_list_names_the_assistant(client):
    assert client.get("/v1/models").json()["data"][0]["id"] == "trifolium-chatbot"


def test_a_conversation_from_its_start_to_a_person_and_back(client):
    at = "/v1/chatbot/conversations"
    made = client.post(at, json={}).json()
    answer = client.post(f"{at}/{made['id']}/messages", json={"text": "Hi"}).json()
    assert answer["message"]["decision"]["outcome"] == "compose"
    assert [one["role"] for one in client.get(f"{at}/{made['id']}/messages").json()] == ["customer", "assistant"]
    assert client.post(f"{at}/{made['id']}/release").status_code == 409
    assert client.post(f"{at}/{made['id']}/person").json()["role"] == "assistant"
    waiting = client.get("/v1/chatbot/handovers").json()
    assert [one["conversation_id"] for one in waiting] == [made["id"]]
    assert client.post(f"{at}/{made['id']}/agent", json={"text": "Here I am."}).status_code == 201
    assert client.post(f"{at}/{made['id']}/release").json()["state"] == "bot"
    assert client.get(f"{at}/{made['id']}").json()["state"] == "bot"
    assert made["id"] in {one["id"] for one in client.get(at, params={"limit": 500}).json()}
    assert client.get(f"{at}/nobody").status_code == 404


def test_feedback_has_a_reason_and_a_message_that_exists(client, stub):
    ours = client.post(CHAT, json=chat("Hi")).json()["trifolium"]
    body = {"rating": "down", "reason": "wrong", "comment": "no"}
    assert client.post(f"/v1/chatbot/messages/{ours['message_id']}/feedback", json=body).status_code == 204
    assert (stub.noted[-1].rating, stub.noted[-1].reason) == ("down", "wrong")
    assert client.post("/v1/chatbot/messages/none/feedback", json=body).status_code == 404
    assert client.post("/v1/chatbot/messages/x/feedback", json={"rating": "meh"}).status_code == 422


def test_uploads_reach_the_service_as_files_with_safe_names_and_problems_come_back(client, stub):
    stub.files.clear()
    files = [
        ("files", ("faq.csv", "question,answer\n营业时间？,十点".encode())),
        ("files", ("../../etc/passwd", b"x")),
        ("files", ("C:\\sly\\.hidden.md", b"y")),
    ]
    answer = client.post("/v1/chatbot/knowledge", files=files, data={"kind": "faq"})
    assert answer.status_code == 200
    assert answer.json()["problems"] == [{"source": "faq.csv", "line": 3, "reason": "The answer is empty."}]
    assert [name for name, _ in stub.files] == ["faq.csv", "passwd", "hidden.md"]
    assert stub.files[0][1].decode() == "question,answer\n营业时间？,十点"
    assert client.post("/v1/chatbot/knowledge", data={"kind": "faq"}).status_code == 422
    assert client.post("/v1/chatbot/knowledge", files=files, data={"kind": "poems"}).status_code == 422
    text = {"title": "Linen", "text": "Wash at 40."}
    assert client.post("/v1/chatbot/knowledge/text", json=text).json()["added"] == 1


def test_a_file_is_taken_out_by_its_name_also_one_from_a_folder(client, stub):
    stub.sourced, at = True, "/v1/chatbot/knowledge/sources"
    assert [(one["name"], one["answers"]) for one in client.get(at).json()] == [("rules/faq.csv", 2)]
    told = client.delete(f"{at}/rules/faq.csv", params={"dry_run": True, "keep_by_hand": True})
    assert (told.json()["gone"]["answers"], told.json()["kept"], stub.sourced) == (1, 1, True)
    assert client.delete(f"{at}/rules/faq.csv").json()["gone"]["by_hand"] == 1
    assert client.delete(f"{at}/rules/faq.csv").status_code == 404


def test_answers_are_written_changed_reviewed_and_deleted(client, stub):
    at = "/v1/chatbot/answers"
    assert [one["id"] for one in client.get(at, params={"status": "pending"}).json()] == ["a1"]
    client.post(f"{at}/a1/approve")
    assert stub.rows["a1"].status == "approved"
    body = {"question": "运费？", "answer": "S$4.90", "similar_questions": ["邮费"], "language": "zh"}
    made = client.post(at, json=body)
    assert made.status_code == 201
    changed = client.put(f"{at}/{made.json()['id']}", json=body | {"valid_until": "2031-01-01"}).json()
    assert (changed["id"], changed["valid_until"]) == (made.json()["id"], "2031-01-01")
    wrong = client.put(f"{at}/x", json=body | {"valid_from": "2031-01-02", "valid_until": "2031-01-01"})
    assert wrong.status_code == 422
    assert "valid_until" in wrong.json()["error"]["message"]
    assert client.delete(f"{at}/{changed['id']}").status_code == 204
    assert client.delete(f"{at}/{changed['id']}").status_code == 404
    cluster = {"question": "Japan?", "answer": "Not yet.", "similar": ["ship japan"], "language": "en"}
    assert client.post(f"{at}/from-cluster", json=cluster).json()["similar_questions"] == ["ship japan"]


def test_documents_hit_test_insights_and_thresholds(client):
    at = "/v1/chatbot"
    assert client.get(f"{at}/documents").json()[0]["characters"] == 19
    assert "text" not in client.get(f"{at}/documents").json()[0]
    assert client.get(f"{at}/documents/d1/passages").json()[0]["start"] == 0
    assert client.delete(f"{at}/documents/d9").status_code == 404
    found = client.post(f"{at}/hit-test", json={"question": "tea?", "k": 3}).json()
    assert (found["found"]["answer"]["lexical"], found["rows"][0]["lexical_rank"]) == (9, 2)
    assert (found["decision"]["outcome"], found["ms"]) == ("clarify", {"search": 2.0})
    assert client.get(f"{at}/insights", params={"days": 7}).json()["outcomes"] == {"compose": 1}
    assert client.get(f"{at}/insights", params={"days": 0}).status_code == 422
    rows = [{"id": "c1", "question": "hours?", "kind": "faq", "history": [{"role": "customer", "text": "hi"}]}]
    assert client.post(f"{at}/thresholds", json={"questions": rows, "error_rate": 0.1}).json()[0]["fitted_on"] == 1
    bad = client.post(f"{at}/thresholds", json={"questions": [rows[0] | {"kind": "poem"}]})
    assert bad.status_code == 422
    assert "'c1'" in bad.json()["error"]["message"]
