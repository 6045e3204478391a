"""The remote generator against real servers on this machine and against one that misbehaves in every known way."""

import importlib.util
import json
import os
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from core.errors import DataError, RemoteError
from core.events import Token
from core.inference.generation import Finish, GenerationOptions, Message, load_generator
from core.inference.remote import RemoteGenerator, share, with_version
from core.models import chat, loading
from tests import tiny

ASKED = [Message("system", "Be short."), Message("user", "Where is my parcel? 包裹在哪里？")]


def chunk(text="", reason=None, **more):
    return {"choices": [{"index": 0, "delta": {"content": text} if text else {}, "finish_reason": reason}], **more}


GOOD = [
    chunk("Hel"),
    chunk("lo"),
    chunk(reason="stop"),
    {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}},
]


class Server:
    """Answers each request with the next script: a function of the handler."""

    def __init__(self):
        self.scripts, self.bodies, self.headers, self.broken_pipes = [], [], [], 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.bodies.append(json.loads(body))
                outer.headers.append(dict(self.headers))
                self.close_connection = True
                try:
                    outer.scripts.pop(0)(self)
                except (BrokenPipeError, ConnectionResetError):
                    outer.broken_pipes += 1

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def server():
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture
def remote(server, monkeypatch):
    monkeypatch.setattr("core.inference.remote._Call._pause", lambda self, attempt, after: None)
    made = RemoteGenerator(server.url, "m", key="secret-key", timeout_s=1.0)
    yield made
    made.close()


def head(handler, status=200, kind="text/event-stream", **headers):
    handler.send_response(status)
    handler.send_header("content-type", kind)
    handler.send_header("connection", "close")
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


def events(*bodies, done=True):
    def script(handler):
        head(handler)
        for body in bodies:
            line = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
            handler.wfile.write(f"data: {line}\n\n".encode())
            handler.wfile.flush()
        if done:
            handler.wfile.write(b": keep-alive\n\ndata: [DONE]\n\n")

    return script


def plain(status, text, kind="application/json", **headers):
    def script(handler):
        head(handler, status, kind, content_length=str(len(text.encode())), **headers)
        handler.wfile.write(text.encode())

    return script


def hang(after=()):
    def script(handler):
        events(*after, done=False)(handler)
        for _ in range(100):
            time.sleep(0.05)
            handler.wfile.write(b": still thinking\n\n")

    return script


def silent(handler):
    head(handler)
    handler.wfile.flush()
    time.sleep(3)


def test_a_streamed_answer_comes_in_pieces_with_its_counts(server, remote):
    server.scripts = [events(*GOOD)]
    items = list(remote.stream(ASKED))
    assert items[:2] == [Token("Hel"), Token("lo")]
    finish = items[2]
    assert (finish.reason, finish.prompt_tokens, finish.new_tokens) == ("stop", 7, 2)
    assert 0 < finish.first_token_s <= finish.seconds


def test_the_request_says_what_was_asked(server, remote):
    server.scripts = [events(*GOOD)]
    remote.complete(ASKED, GenerationOptions(max_new_tokens=9, temperature=0.5, top_p=0.8, seed=3, stop=("\n\n",)))
    body = server.bodies[0]
    assert body["messages"][1] == {"role": "user", "content": ASKED[1].content}
    assert {name: body[name] for name in ("model", "max_tokens", "temperature", "top_p", "seed", "stop", "stream")} == {
        "model": "m", "max_tokens": 9, "temperature": 0.5, "top_p": 0.8, "seed": 3, "stop": ["\n\n"], "stream": True,
    }  # fmt: skip
    assert server.headers[0]["Authorization"] == "Bearer secret-key"


def test_a_stop_string_that_the_server_ignores_is_cut_here(server, remote):
    server.scripts = [events(chunk("Yes.\nUs"), chunk("er: more"), chunk(reason="length"))]
    done = remote.complete(ASKED, GenerationOptions(stop=("\nUser:",)))
    assert (done.text, done.finish.reason) == ("Yes.", "stop")


def test_a_server_that_does_not_stream_is_read_whole(server, remote):
    body = {
        "choices": [{"message": {"content": "Hello"}, "finish_reason": "length"}],
        "usage": {"completion_tokens": 1},
    }
    server.scripts = [plain(200, json.dumps(body))]
    done = remote.complete(ASKED)
    assert (done.text, done.finish.reason, done.finish.new_tokens) == ("Hello", "length", 1)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_busy_or_broken_server_is_asked_again_before_the_first_word(server, remote, status):
    server.scripts = [plain(status, "{}", retry_after="0"), plain(status, "oops", "text/html"), events(*GOOD)]
    assert remote.complete(ASKED).text == "Hello"
    assert len(server.bodies) == 3


def test_a_server_that_stays_broken_is_given_up_and_may_be_tried_later(server, remote):
    server.scripts = [plain(500, '{"error": {"message": "out of\\nmemory."}}')] * 3
    with pytest.raises(RemoteError, match=r"answered 500: out of memory\.$") as failed:
        remote.complete(ASKED)
    assert not failed.value.permanent


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_is_permanent_and_asked_once(server, remote, status):
    server.scripts = [plain(status, '{"detail": "no such model"}')]
    with pytest.raises(RemoteError, match=f"answered {status}: no such model") as failed:
        remote.complete(ASKED)
    assert failed.value.permanent
    assert len(server.bodies) == 1
    assert "secret-key" not in str(failed.value)


def test_an_answer_cut_off_is_an_error_after_the_words_that_came(server, remote):
    server.scripts = [events(chunk("Hel"), done=False)]
    stream = remote.stream(ASKED)
    assert next(stream) == Token("Hel")
    with pytest.raises(RemoteError, match="cut the answer off") as failed:
        next(stream)
    assert not failed.value.permanent
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("bodies", "words"),
    [
        (['{"choices": [{"del'], "not JSON"),
        (["[1, 2]"], "not JSON"),
        ([{"answer": 42}], "no chat completion"),
        ([{"choices": [{"delta": {"content": 5}}]}], "no chat completion"),
        ([chunk("Hel"), {"error": {"message": "the GPU is on fire"}}], "the GPU is on fire"),
    ],
)
def test_wrong_json_is_one_sentence(server, remote, bodies, words):
    server.scripts = [events(*bodies)] * 3
    with pytest.raises(RemoteError, match=words):
        remote.complete(ASKED)


def test_a_web_page_in_place_of_an_answer_is_permanent(server, remote):
    server.scripts = [plain(200, "<html>hello</html>", "text/html")]
    with pytest.raises(RemoteError, match="not JSON") as failed:
        remote.complete(ASKED)
    assert failed.value.permanent


def test_a_silent_server_is_given_up_after_the_timeout(server, remote):
    server.scripts = [silent]
    with pytest.raises(RemoteError, match="said nothing for 1 s"):
        remote.complete(ASKED)


def test_a_deadline_ends_a_slow_answer_with_what_there_is(server, remote):
    server.scripts = [hang([chunk("Hel")])]
    begin = time.monotonic()
    done = remote.complete(ASKED, GenerationOptions(deadline_s=0.4))
    assert (done.text, done.finish.reason) == ("Hel", "deadline")
    assert time.monotonic() - begin < 3


def test_cancelling_closes_the_connection_so_that_the_server_stops(server, remote):
    server.scripts = [hang([chunk("Hel")])]
    cancel = threading.Event()
    stream = remote.stream(ASKED, cancel=cancel)
    assert next(stream) == Token("Hel")
    cancel.set()
    assert list(stream)[-1].reason == "cancelled"
    wait_until(lambda: server.broken_pipes == 1)


def test_dropping_the_stream_closes_the_connection(server, remote):
    server.scripts = [hang([chunk("Hel")])]
    stream = remote.stream(ASKED)
    next(stream)
    stream.close()
    wait_until(lambda: server.broken_pipes == 1)


def test_nobody_listening_is_one_sentence():
    made = RemoteGenerator("http://127.0.0.1:9", "m", attempts=1)
    with pytest.raises(RemoteError, match="cannot be reached") as failed:
        made.complete(ASKED)
    assert not failed.value.permanent


def test_choosing_uses_the_probabilities_of_first_tokens(server, remote):
    listed = [{"token": "Yes", "logprob": -0.2}, {"token": " no", "logprob": -2.0}]
    body = {"choices": [{"message": {"content": "Yes"}, "logprobs": {"content": [{"top_logprobs": listed}]}}]}
    server.scripts = [plain(200, json.dumps(body)), plain(200, json.dumps({"choices": [{"message": {}}]}))]
    chosen = remote.choose(ASKED, ["yes", "no"])
    assert chosen.sum() == pytest.approx(1)
    assert chosen[0] > 0.8
    with pytest.raises(RemoteError, match="no token probabilities") as failed:
        remote.choose(ASKED, ["yes", "no"])
    assert failed.value.permanent
    with pytest.raises(DataError, match="at least one choice"):
        remote.choose(ASKED, [])


def test_a_choice_that_is_not_listed_gets_little_and_a_shared_beginning_is_divided():
    assert share({"n": 0.8, "y": 0.2}, ["no", "never", "perhaps"]).round(2).tolist() == [0.44, 0.44, 0.11]


def test_addresses_work_with_and_without_their_version():
    assert with_version("http://h:1/") == "http://h:1/v1"
    assert with_version("http://h:1/v1") == "http://h:1/v1"
    assert with_version("https://h/openai/v2/") == "https://h/openai/v2"


def test_our_own_generator_behind_a_real_server_says_the_same_as_in_process(tiny_lm):
    local = load_generator(tiny_lm, tiny.PLAN)
    options = GenerationOptions(max_new_tokens=30)
    with running(own_app(local)) as url:
        remote = RemoteGenerator(url, "tiny")
        here, there = local.complete(ASKED, options), remote.complete(ASKED, options)
        cancel = threading.Event()
        stream = remote.stream(ASKED, GenerationOptions(max_new_tokens=2000), cancel)
        assert isinstance(next(stream), Token)
        cancel.set()
        assert list(stream)[-1].reason == "cancelled"
        wait_until(lambda: not local._scheduler.running)
        remote.close()
    assert (there.text, there.finish.reason) == (here.text, here.finish.reason)
    assert there.finish.new_tokens == here.finish.new_tokens == 30
    local.close()


@pytest.mark.skipif(importlib.util.find_spec("openai") is None, reason="transformers serve needs the package openai")
def test_transformers_serve_says_the_same_as_in_process(tiny_lm, tmp_path):
    folder = tmp_path / "served"
    model, tokenizer = loading.load_causal_lm(tiny_lm, tiny.PLAN)
    chat.give_chat_template(tokenizer)
    with loading.quietly():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    port = free_port()
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(folder), "--port", str(port)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--device", "cpu"],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    local = load_generator(tiny_lm, tiny.PLAN)
    try:
        wait_until(lambda: process.poll() is None and answers(f"http://127.0.0.1:{port}/health"), 120)
        remote = RemoteGenerator(f"http://127.0.0.1:{port}", str(folder))
        options = GenerationOptions(max_new_tokens=20)
        assert remote.complete(ASKED, options).text == local.complete(ASKED, options).text
        with pytest.raises(RemoteError, match="no token probabilities"):
            remote.choose(ASKED, ["yes", "no"])
        remote.close()
    finally:
        process.terminate()
        process.wait(30)
        local.close()


def own_app(generator):
    """The smallest OpenAI-compatible server over a local generator."""
    from fastapi import FastAPI, Request
    from fastapi.responses import StreamingResponse

    app = FastAPI()

    @app.post("/v1/chat/completions")
    async def completions(request: Request):
        body = await request.json()
        messages = [Message(turn["role"], turn["content"]) for turn in body["messages"]]
        stream = generator.stream(messages, GenerationOptions(max_new_tokens=body["max_tokens"]))

        def lines():
            try:
                for item in stream:
                    if isinstance(item, Finish):
                        counts = {"prompt_tokens": item.prompt_tokens, "completion_tokens": item.new_tokens}
                        yield f"data: {json.dumps(chunk(reason=item.reason, usage=counts))}\n\n"
                    else:
                        yield f"data: {json.dumps(chunk(item.text))}\n\n"
                yield "data: [DONE]\n\n"
            finally:
                stream.close()

        return StreamingResponse(lines(), media_type="text/event-stream")

    return app


class running:
    """A uvicorn server in a thread."""

    def __init__(self, app):
        import uvicorn

        self.port = free_port()
        self.server = uvicorn.Server(uvicorn.Config(app, port=self.port, log_level="error"))
        self.thread = threading.Thread(target=self.server.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        wait_until(lambda: self.server.started)
        return f"http://127.0.0.1:{self.port}/v1"

    def __exit__(self, *exc):
        self.server.should_exit = True
        self.thread.join(10)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(url):
    try:
        return httpx.get(url, timeout=1).status_code == 200
    except httpx.HTTPError:
        return False


def wait_until(condition, seconds=15.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
