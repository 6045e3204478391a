"""Continuous batching: one thread owns the model, requests join and leave between steps, prompts share beginnings.

A step is one forward pass over all running rows; a new prompt is read in chunks between steps, so that neither waits
long for the other. What the tokens mean, and who reads them, is unknown here.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

import torch

from core.errors import BusyError, CancelledError_, ModelError, TrifoliumError
from core.inference.answering import Request, pending_tokens
from core.inference.passes import STEP_ROWS, Passes
from core.inference.rows import PromptStore
from core.inference.sampling import pick
from core.models.threads import Threads

log = logging.getLogger(__name__)
T = TypeVar("T")

CHUNK = 256  # prompt tokens read between two steps: about a quarter of a second for Gemma 270M on two cores


class Scheduler:
    """Runs requests on a model with at most ``streams`` at once and ``waiting`` in the queue."""

    def __init__(
        self, model: Any, stop_ids: frozenset[int], threads: Threads, streams: int, waiting: int, kept_tokens: int
    ) -> None:
        self.passes = Passes(model, streams + 1, threads)  # the last row is for questions that need no stream
        self.store = PromptStore(kept_tokens)
        self.stop_ids = stop_ids
        self.streams, self.most_waiting = streams, waiting
        self.adapter = ""
        self.running: list[Request] = []  # in row order
        self.waiting: deque[Request] = deque()
        self.jobs: deque[tuple[Callable[[], Any], bool, Future[Any]]] = deque()
        self.change = threading.Condition()
        self.closed = False
        self.worker = threading.Thread(target=self._work, name="generation", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self.worker.start()

    def submit(self, request: Request) -> None:
        """Queue a request; ``BusyError`` when the queue is full, ``ModelError`` after ``close``."""
        with self.change:
            self._refuse_when_closed()
            busy = len(self.running) + len(self.waiting)
            if busy >= self.streams + self.most_waiting:
                raise BusyError(f"{busy} answers are under way or waiting: try again in a moment.", status=503)
            self.waiting.append(request)
            self.change.notify()

    def call(self, job: Callable[[], T], alone: bool = False) -> T:
        """Run ``job`` in the model's thread between two steps (``alone``: once no answer is under way); its result."""
        future: Future[T] = Future()
        with self.change:
            self._refuse_when_closed()
            self.jobs.append((job, alone, future))
            self.change.notify()
        return future.result()

    def close(self) -> None:
        """Stop; running and waiting requests end as cancelled."""
        with self.change:
            self.closed = True
            self.change.notify()
        if self.worker.is_alive():
            self.worker.join(timeout=30)

    def read_prompt(self, row: int, ids: list[int]) -> int:
        """Begin ``row`` with the longest kept beginning of ``ids``, at least one token short of all; its length."""
        kept, shared = self.store.find(self.adapter, ids)
        shared = min(shared, len(ids) - 1)
        if kept is not None and shared:
            self.passes.cache.copy_in(row, kept.layers, shared)
        return shared

    def _refuse_when_closed(self) -> None:
        if self.closed:
            raise ModelError("The generator is closed.")

    def _work(self) -> None:
        with torch.inference_mode():
            while self._wait_for_work():
                try:
                    self._turn()
                except Exception as error:  # noqa: BLE001  # each reader must hear of it, and the next request be served
                    self._fail_all(error)
        self._end_all()

    def _wait_for_work(self) -> bool:
        with self.change:
            while not (self.closed or self.running or self.waiting or self.jobs):
                self.change.wait()
            return not self.closed

    def _turn(self) -> None:
        """Once around: jobs, leavers, newcomers, one chunk of a prompt, one step of all running rows."""
        self._run_jobs()
        self._drop_interrupted()
        self._admit()
        reading = next((request for request in self.running if request.prefilling), None)
        if reading is not None:
            self._read_chunk(reading)
        talking = [request for request in self.running if not request.prefilling]
        if talking:
            self._step(talking)
        self._leave()

    def _run_jobs(self) -> None:
        while self.jobs:
            job, alone, future = self.jobs[0]
            if alone and self.running:
                return
            self.jobs.popleft()
            try:
                future.set_result(job())
            except Exception as error:  # noqa: BLE001  # belongs to the caller, not to the other requests
                future.set_exception(error)

    def _drop_interrupted(self) -> None:
        for request in [*self.running, *self.waiting]:
            reason = request.interrupted()
            if reason is not None:
                request.finish(reason)
        with self.change:
            self.waiting = deque(request for request in self.waiting if not request.done)
        self._leave()

    def _admit(self) -> None:
        if any(alone for _, alone, _ in self.jobs):
            return  # running answers end on the weights they began with, new ones wait for the change
        with self.change:
            while self.waiting and len(self.running) < self.streams:
                request = self.waiting.popleft()
                request.row = len(self.running)
                self.running.append(request)
                request.length = -1

    def _read_chunk(self, request: Request) -> None:
        if request.length < 0:
            request.length = self.read_prompt(request.row, request.ids)
            self.passes.cache.reserve(request.prompt_tokens + request.options.max_new_tokens + STEP_ROWS)
        chunk = pending_tokens(request)[:CHUNK]
        logits = self.passes.run(request.row, [chunk], [request.length], keep=1)
        request.length += len(chunk)
        if request.length == request.prompt_tokens:
            self._keep(request)
            self._take(request, logits[0, -1:], [])

    def _step(self, talking: list[Request]) -> None:
        """One pass over rows; a row brings its last token and, when greedy and quoting, guesses of the next ones."""
        first, most = talking[0].row, STEP_ROWS // len(talking) - 1
        drafts = [request.lookup.draft(most) if request.lookup and most else [] for request in talking]
        ids = [[request.ids[-1], *draft] for request, draft in zip(talking, drafts, strict=True)]
        logits = self.passes.run(first, ids, [request.length for request in talking])
        for request, draft, row in zip(talking, drafts, logits, strict=True):
            request.length += 1
            self._take(request, row, draft)

    def _take(self, request: Request, logits: torch.Tensor, draft: list[int]) -> None:
        """Accept the next token and, as long as the guesses were right, the ones after it."""
        options, right = request.options, 0
        if request.barred and not request.new_tokens:
            logits[0, list(request.barred)] = -torch.inf
        for place in range(len(draft) + 1):
            token = pick(logits[place], options.temperature, options.top_p, request.random)
            if not request.accept(token, self.stop_ids):
                break
            if place == len(draft) or draft[place] != token:
                break
            right += 1
            request.length += 1
        if request.lookup is not None:
            request.lookup.learn(len(draft), right)

    def _keep(self, request: Request) -> None:
        layers = self.passes.cache.copy_out(request.row, request.length)
        self.store.keep(self.adapter, request.ids[: request.length], layers)

    def _leave(self) -> None:
        """Free the rows of finished requests; others move so that talking rows come first, then reading ones."""
        for request in [request for request in self.running if request.done]:
            if request.length > request.prompt_tokens:
                self._keep(request)  # the next turn of this conversation begins with it
            talking = sum(not other.prefilling for other in self.running)
            hole = self.running.index(request)
            for source in (talking - 1, len(self.running) - 1):
                if hole < source:
                    self._move(source, hole)
                    hole = source
            self.running.pop()

    def _move(self, source: int, target: int) -> None:
        request = self.running[source]
        self.passes.cache.move(source, target, max(0, request.length))
        request.row = target
        self.running[source], self.running[target] = self.running[target], request

    def _fail_all(self, error: Exception) -> None:
        log.error("generation failed", exc_info=error)
        shown = error if isinstance(error, TrifoliumError) else ModelError(f"Generation failed: {error}")
        shown.__cause__ = error if shown is not error else error.__cause__
        for request in self.running:
            if not request.done:
                request.fail(shown)
        self.running = []
        self.store.kept.clear()
        self.passes.cache.release()

    def _end_all(self) -> None:
        with self.change:
            left, self.waiting = list(self.waiting), deque()
        for request in [*self.running, *left]:
            if not request.done:
                with contextlib.suppress(Exception):  # a reader's text must not keep the others waiting
                    request.finish("cancelled")
        for _, _, future in self.jobs:
            future.set_exception(CancelledError_("The generator was closed."))
        self.running = []
        self.store.kept.clear()
        self.passes.cache.release()
