"""The same protocol over any OpenAI-compatible server (vLLM, Ollama, llama.cpp, ``transformers serve``, our own).

Knows HTTP, not models. Until the first word came, a busy or broken server is asked again; afterwards nothing is
repeated, for the reader has already seen part of the answer.
"""

from __future__ import annotations

import contextlib
import math
import queue
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import DataError, RemoteError
from core.events import Token
from core.inference.messages import GREEDY, Completion, Finish, GenerationOptions, Message, as_dicts, collect
from core.inference.sse import Piece, read_json, read_pieces
from core.inference.streaming import StopFilter

if TYPE_CHECKING:
    import httpx

WORTH_RETRYING = {408, 409, 425, 429, 500, 502, 503, 504}
CONNECT_S = 10.0
LONGEST_PAUSE_S = 10.0
POLL_S = 0.05
MOST_STOPS = 4  # more are refused by OpenAI's own interface; ours are cut here in any case
TOP_TOKENS = 20  # the most that servers give probabilities of


class RemoteGenerator:
    """A language model on a server; ``url`` with or without its ``/v1``, ``key`` sent as a bearer token."""

    def __init__(
        self, url: str, model: str, key: str | None = None, timeout_s: float = 60.0, attempts: int = 3
    ) -> None:
        import httpx

        self.name = model
        self.url = with_version(url)
        self.timeout_s = timeout_s
        self.attempts = max(1, attempts)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(headers=headers, timeout=httpx.Timeout(timeout_s, connect=CONNECT_S))

    def stream(
        self,
        messages: Sequence[Message],
        options: GenerationOptions = GREEDY,
        cancel: threading.Event | None = None,
    ) -> Iterator[Token | Finish]:
        """Tokens as the server sends them, then one ``Finish``; raises ``RemoteError`` while being read.

        Cancelling, or dropping the iterator, closes the connection, so that the server stops its work too.
        """
        body = {**self._body(messages, options), "stream": True, "stream_options": {"include_usage": True}}
        return self._read(_Call(self, body, options.deadline_s), options, cancel or threading.Event())

    def complete(self, messages: Sequence[Message], options: GenerationOptions = GREEDY) -> Completion:
        """The whole answer at once."""
        return collect(self.stream(messages, options))

    def choose(self, messages: Sequence[Message], choices: Sequence[str]) -> np.ndarray:  # (choices,)
        """Probability of each continuation by its first token, among the likeliest that the server tells.

        Raises ``RemoteError`` (permanent) when the server gives no probabilities, as ``transformers serve`` does not.
        """
        if not choices or not all(choice.strip() for choice in choices):
            raise DataError("choose needs at least one choice and no empty ones.")
        body = {**self._body(messages, GenerationOptions(max_new_tokens=1)), "logprobs": True}
        call = _Call(self, {**body, "top_logprobs": TOP_TOKENS}, None)
        answer = call.whole()
        try:
            listed = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
            first = {str(item["token"]): math.exp(float(item["logprob"])) for item in listed}
        except (KeyError, IndexError, TypeError, ValueError):
            raise RemoteError(
                f"The server at {self.url} gives no token probabilities, so it cannot choose.", permanent=True
            ) from None
        return share(first, choices)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _body(self, messages: Sequence[Message], options: GenerationOptions) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.name,
            "messages": as_dicts(messages),
            "max_tokens": options.max_new_tokens,
            "temperature": options.temperature,
        }
        if options.top_p < 1:
            body["top_p"] = options.top_p
        if options.seed is not None:
            body["seed"] = options.seed
        if options.stop:
            body["stop"] = list(options.stop[:MOST_STOPS])
        return body

    def _read(self, call: _Call, options: GenerationOptions, cancel: threading.Event) -> Iterator[Token | Finish]:
        """Pass pieces on without stop strings; watch for cancel and deadline while the server is silent."""
        begin, first_s, cut, pieces = time.monotonic(), None, StopFilter(options.stop), 0
        reason, usage = "stop", {"prompt_tokens": 0, "completion_tokens": 0}
        try:
            for piece in call.pieces(cancel):
                usage.update({key: value for key, value in piece.usage.items() if key in usage})
                reason = piece.reason or reason
                if piece.text:
                    pieces += 1
                    first_s = time.monotonic() - begin if first_s is None else first_s
                text = cut.push(piece.text)
                if text:
                    yield Token(text)
                if cut.stopped:
                    reason = "stop"
                    break
            rest = cut.finish()
            if rest:
                yield Token(rest)
        finally:
            call.close()
        made = usage["completion_tokens"] or pieces
        yield Finish(reason, usage["prompt_tokens"], made, first_s, time.monotonic() - begin)


class _Call:
    """One request, asked again while that can help; read in a thread so that the reader can leave at any time."""

    def __init__(self, generator: RemoteGenerator, body: dict[str, Any], deadline_s: float | None) -> None:
        self.generator = generator
        self.body = body
        self.deadline = time.monotonic() + deadline_s if deadline_s else math.inf
        self.left = threading.Event()
        self.items: queue.SimpleQueue[Piece | BaseException | None] = queue.SimpleQueue()
        self.response: httpx.Response | None = None

    def pieces(self, cancel: threading.Event) -> Iterator[Piece]:
        """What the server says, or a last piece with reason ``cancelled`` or ``deadline``."""
        threading.Thread(target=self._pump, name="remote-generation", daemon=True).start()
        while True:
            if cancel.is_set() or time.monotonic() > self.deadline:
                yield Piece(reason="cancelled" if cancel.is_set() else "deadline")
                return
            try:
                item = self.items.get(timeout=POLL_S)
            except queue.Empty:
                continue
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item

    def whole(self) -> dict[str, Any]:
        """The JSON answer of a request that is not streamed."""
        with self._send() as response:
            return read_json(response, self.generator.url)

    def close(self) -> None:
        """Leave: the connection is shut, which also wakes a thread that waits for the server."""
        self.left.set()
        response = self.response
        if response is not None and not response.is_closed:
            stream = response.extensions.get("network_stream")
            raw = stream.get_extra_info("socket") if stream is not None else None
            if raw is not None:
                with contextlib.suppress(OSError):
                    raw.shutdown(socket.SHUT_RDWR)

    def _pump(self) -> None:
        try:
            with self._send() as response:
                for piece in read_pieces(response, self.generator.url):
                    self.items.put(piece)
            self.items.put(None)
        except Exception as error:  # noqa: BLE001  # the reader must hear of it
            self.items.put(error if isinstance(error, RemoteError) else self._failure(error))

    @contextlib.contextmanager
    def _send(self) -> Iterator[httpx.Response]:
        """An answer with status 200. Busy and broken servers are asked again with growing pauses."""
        import httpx

        address, client = f"{self.generator.url}/chat/completions", self.generator._client
        for attempt in range(1, self.generator.attempts + 1):
            last = attempt == self.generator.attempts or self.left.is_set()
            try:
                request = client.build_request("POST", address, json=self.body)
                self.response = response = client.send(request, stream=True)
            except httpx.HTTPError as error:
                if last:
                    raise self._failure(error) from error
                self._pause(attempt, None)
                continue
            if response.status_code == 200:
                try:
                    yield response
                finally:
                    response.close()
                return
            error_seen = self._refusal(response)
            if last or response.status_code not in WORTH_RETRYING:
                raise error_seen
            self._pause(attempt, response.headers.get("retry-after"))

    def _pause(self, attempt: int, retry_after: str | None) -> None:
        asked = float(retry_after) if retry_after and retry_after.replace(".", "", 1).isdigit() else 0.0
        pause = min(LONGEST_PAUSE_S, max(asked, 0.25 * 2**attempt), max(0.0, self.deadline - time.monotonic()))
        self.left.wait(pause)

    def _refusal(self, response: httpx.Response) -> RemoteError:
        with contextlib.closing(response):
            said = _said(response)
        status, url = response.status_code, self.generator.url
        permanent = status not in WORTH_RETRYING
        return RemoteError(f"The server at {url} answered {status}{': ' + said if said else ''}.", permanent=permanent)

    def _failure(self, error: Exception) -> RemoteError:
        import httpx

        if isinstance(error, httpx.TimeoutException):
            what = f"said nothing for {self.generator.timeout_s:g} s"
        elif isinstance(error, httpx.ConnectError):
            what = "cannot be reached"
        else:
            what = f"broke the connection off ({type(error).__name__})"
        return RemoteError(f"The server at {self.generator.url} {what}.")


def with_version(url: str) -> str:
    """The address with its version, which users leave out as often as not.

    >>> with_version("http://localhost:11434"), with_version("http://host/api/v1/")
    ('http://localhost:11434/v1', 'http://host/api/v1')
    """
    url = url.rstrip("/")
    last = url.rsplit("/", 1)[-1]
    return url if last[:1] == "v" and last[1:2].isdigit() else f"{url}/v1"


def share(first: dict[str, float], choices: Sequence[str]) -> np.ndarray:  # (choices,)
    """Probabilities of choices from those of first tokens; a token that begins several is divided among them.

    >>> share({"Yes": 0.6, " no": 0.2, "maybe": 0.2}, ["yes", "no"]).round(2).tolist()
    [0.75, 0.25]
    """
    floor = min(first.values(), default=1.0) / 2  # a choice that is not listed is less likely than the last listed
    weights = np.full(len(choices), 0.0)
    for token, probability in first.items():
        start = token.strip().lower()
        owners = [place for place, choice in enumerate(choices) if start and choice.strip().lower().startswith(start)]
        weights[owners] += probability / max(1, len(owners))
    weights = np.where(weights > 0, weights, floor)
    return weights / weights.sum()


def _said(response: httpx.Response) -> str:
    """The server's own words about an error, shortened to one line."""
    import httpx

    try:
        response.read()
        body = response.json()
    except (httpx.HTTPError, ValueError):
        return ""
    error = body.get("error", body) if isinstance(body, dict) else {}
    text = error.get("message") or error.get("detail") if isinstance(error, dict) else error
    return " ".join(str(text or "").split())[:200].rstrip(".")
