"""The same turn by service, terminal and HTTP: the real service on a tiny generator, over a real socket."""

import json
from pathlib import Path

import pytest

from apps.__main__ import run
from apps.api import create_app
from core.events import Log
from tests import tiny
from tests.sockets import serving

pytestmark = pytest.mark.bundled
FAQ = """question,answer,similar_questions,language
How long does standard delivery take?,Standard delivery takes 2 to 4 working days.,shipping time | parcel arrival,en
Can I return opened tea?,Opened tea cannot be returned.,send back tea | tea return,en
How do I reset my password?,Use the link on the sign-in page.,forgot password | cannot log in,en
运费是多少？,标准配送运费为 4.90 新元。,邮费多少 | 配送要多少钱,zh
可以退货吗？,收货后 30 天内可以退货。,怎么退货 | 退款,zh
"""
QUESTIONS = ("How long does standard delivery take?", "运费是多少？", "I want to talk to a person")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("doors")


@pytest.fixture(scope="module")
def overrides(folder: Path) -> dict[str, object]:
    base = tiny.causal_lm(folder / "generator")
    (folder / "faq.csv").write_text(FAQ, encoding="utf-8")
    return {
        "home": str(folder / "home"),
        "models.generator": str(base),
        "models.threads": 1,
        "models.dtype": "float32",
        "chatbot.load_sample": "false",
        "chatbot.replying.max_new_tokens": 16,
    }


@pytest.fixture(scope="module")
def service(folder: Path, overrides: dict[str, object]):
    from apps.chatbot.service import open_service
    from apps.chatbot.settings import load_settings

    empty = folder / "empty.toml"
    empty.touch()
    made = open_service(load_settings(empty, overrides))
    made.ingest([folder / "faq.csv"])
    assert made.wait_until_ready(), made.status()
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(service):
    from core.settings import CoreSettings

    with serving(create_app(CoreSettings(), {"chatbot": lambda: service})) as client:
        yield client


def test_the_desk_knows_and_takes_in_what_the_bot_does_and_loads_no_model_to_answer(service, folder, overrides):
    from apps.chatbot.service import open_service
    from apps.chatbot.settings import load_settings

    said = []
    desk = open_service(load_settings(folder / "empty.toml", overrides), said.append, answering=False)
    try:
        state, known = desk.status(), service.status()["knowledge"]
        assert (state["generator"], state["judge"], state["intents"]) == ("not loaded", "not loaded", 0)
        assert state["knowledge"] == known and desk.ingest([folder / "faq.csv"]).unchanged == known["answers"]
        assert state["models"]["generator"] == overrides["models.generator"]
        assert "Opening the knowledge …" in [event.text for event in said if isinstance(event, Log)]
        assert not any("generator" in event.text for event in said if isinstance(event, Log))
    finally:
        desk.close()


def test_a_sample_whose_loading_was_cut_off_is_loaded_at_the_next_start_and_only_then(tmp_path, monkeypatch):
    from apps.chatbot import service as cases
    from apps.chatbot.settings import load_settings

    loads = []

    def cut_off(service, **more):
        service.ingest_text("Opening hours", "We open at nine.")
        raise KeyboardInterrupt

    settings = load_settings(None, {"home": str(tmp_path)})
    monkeypatch.setattr(cases, "load_sample", cut_off)
    with pytest.raises(KeyboardInterrupt):
        cases.open_service(settings, answering=False)
    monkeypatch.setattr(cases, "load_sample", lambda service, **more: loads.append(service.status()["knowledge"]))
    for _ in range(2):
        cases.open_service(settings, answering=False).close()
    assert [known["documents"] for known in loads] == [1]


def spoken(service, question: str) -> tuple[str, str, str]:
    known = service.start_conversation("en").id
    *_, last = service.answer(known, question)
    decision = last.message.decision
    return last.message.text, decision.outcome.value, decision.reason.value


@pytest.mark.parametrize("question", QUESTIONS)
def test_http_whole_and_streamed_say_what_the_service_says(service, client, question):
    expected = spoken(service, question)
    body = {"messages": [{"role": "user", "content": question}]}
    whole = client.post("/v1/chat/completions", json=body).json()
    decision = whole["trifolium"]["decision"]
    assert (whole["choices"][0]["message"]["content"], decision["outcome"], decision["reason"]) == expected
    lines = client.post("/v1/chat/completions", json=body | {"stream": True}).text.split("\n\n")
    assert lines[-2] == "data: [DONE]"
    parts = [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]
    assert "".join(part["choices"][0]["delta"].get("content", "") for part in parts) == expected[0]
    assert parts[-1]["trifolium"]["decision"]["reason"] == expected[2]


def test_the_terminal_says_what_the_service_says(service, overrides, capsys):
    expected = [spoken(service, question) for question in QUESTIONS[:2]]
    options = [part for key, value in overrides.items() for part in ("--set", f"{key}={value}")]
    for question, wanted in zip(QUESTIONS, expected, strict=False):
        assert run([*options, "chatbot", "ask", "--json", question]) == 0
        message = json.loads(capsys.readouterr().out)
        assert (message["text"], message["decision"]["outcome"], message["decision"]["reason"]) == wanted


def test_a_handover_holds_for_a_caller_who_sends_the_whole_history(service, client):
    messages = [{"role": "user", "content": "I want to talk to a person"}]
    first = client.post("/v1/chat/completions", json={"messages": messages}).json()
    assert first["trifolium"]["decision"]["outcome"] == "hand_over"
    messages += [first["choices"][0]["message"], {"role": "user", "content": "hello?"}]
    second = client.post("/v1/chat/completions", json={"messages": messages}).json()
    assert second["trifolium"]["conversation_id"] == first["trifolium"]["conversation_id"]
    assert second["trifolium"]["decision"]["reason"] == "bot_paused"
    known = first["trifolium"]["conversation_id"]
    waiting = client.get("/v1/chatbot/handovers").json()
    assert [one["conversation_id"] for one in waiting].count(known) == 1
    assert "talk to a person" in next(one for one in waiting if one["conversation_id"] == known)["transcript"]
    assert client.post(f"/v1/chatbot/conversations/{known}/release").json()["state"] == "bot"
    messages += [second["choices"][0]["message"], {"role": "user", "content": QUESTIONS[0]}]
    third = client.post("/v1/chat/completions", json={"messages": messages}).json()
    assert third["trifolium"]["decision"]["reason"] != "bot_paused"


def test_an_unknown_history_becomes_a_conversation_of_its_own(service, client):
    messages = [
        {"role": "user", "content": "Do you sell tea?"},
        {"role": "assistant", "content": "Yes, we do."},
        {"role": "user", "content": QUESTIONS[0]},
    ]
    answer = client.post("/v1/chat/completions", json={"messages": messages}).json()
    said = service.messages(answer["trifolium"]["conversation_id"])
    assert [one.text for one in said[:3]] == [one["content"] for one in messages]
    assert len(said) == 4


def test_knowledge_goes_in_by_upload_is_found_reviewed_and_taken_out(client):
    page = "# Gift wrap\n\nGift wrap costs S$3.50 per parcel, with a card of up to 120 characters.\n"
    sent = client.post("/v1/chatbot/knowledge", files=[("files", ("gifts.en.md", page.encode()))])
    assert sent.status_code == 200, sent.text
    assert sent.json()["added"] == 1
    found = client.post("/v1/chatbot/hit-test", json={"question": "gift wrap price", "k": 10}).json()
    assert any("3.50" in row["text"] for row in found["rows"])
    document = next(one for one in client.get("/v1/chatbot/documents").json() if one["title"] == "Gift wrap")
    assert client.get(f"/v1/chatbot/documents/{document['id']}/passages").json()
    assert client.delete(f"/v1/chatbot/documents/{document['id']}").status_code == 204
    found = client.post("/v1/chatbot/hit-test", json={"question": "gift wrap price", "k": 10}).json()
    assert all("3.50" not in row["text"] for row in found["rows"])
    bad = client.post("/v1/chatbot/knowledge", files=[("files", ("bad.csv", b"question,answer\nonly a question,\n"))])
    assert bad.status_code == 200
    assert bad.json()["problems"][0]["source"] == "bad.csv"
    body = {"question": "Do you engrave cups?", "answer": "Yes, up to 14 letters."}
    made = client.post("/v1/chatbot/answers", json=body).json()
    answer = client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": body["question"]}]})
    assert body["answer"] in answer.text
    assert client.delete(f"/v1/chatbot/answers/{made['id']}").status_code == 204
    assert client.delete(f"/v1/chatbot/answers/{made['id']}").status_code == 404


def test_every_list_of_the_team_answers(client):
    for path in ("conversations", "handovers", "answers", "documents", "insights", "thresholds"):
        answer = client.get(f"/v1/chatbot/{path}")
        assert answer.status_code == 200, answer.text
    assert client.get("/health").json()["apps"]["chatbot"]["generator"] == "ready"
    assert client.get("/v1/chatbot/conversations/none").status_code == 404
    assert client.post("/v1/chatbot/messages/none/feedback", json={"rating": "up"}).status_code == 404
    known = client.post("/v1/chatbot/conversations", json={"language": "en"}).json()["id"]
    assert client.post(f"/v1/chatbot/conversations/{known}/release").status_code == 409
    assert client.post(f"/v1/chatbot/conversations/{known}/messages", json={"text": "  "}).status_code == 422
    sent = client.post(f"/v1/chatbot/conversations/{known}/messages", json={"text": "forgot password"}).json()
    feedback = {"rating": "down", "reason": "wrong"}
    at = f"/v1/chatbot/messages/{sent['message']['id']}/feedback"
    assert client.post(at, json=feedback).status_code == 204
    assert client.get("/v1/chatbot/insights").json()["feedback"]["down"] == 1


def test_the_desk_works_on_the_same_database(service, overrides, capsys):
    options = [part for key, value in overrides.items() for part in ("--set", f"{key}={value}")]
    known = service.start_conversation("en").id
    service.request_person(known)
    for line in (["handovers"], ["messages", known], ["hit", "password"], ["status"], ["insights"], ["review"]):
        assert run([*options, "chatbot", *line]) == 0, capsys.readouterr().err
    assert run([*options, "chatbot", "release", known]) == 0
    assert service.conversation(known).state == "bot"
