"""Serving over a real HTTP socket from 100,000 items and 100,000 people with 50 events each, in one server process.

    python benchmarks/recommender_serving.py --json benchmarks/results/recommender_serving.json

The catalogue and the events are made here: eight words of 5,000 a title, 50 categories, 3,000 brands, items wanted by
Zipf's law with a person's own categories preferred. Vectors of texts are sums of word vectors, 384 numbers as MiniLM's:
texts are read when items come in and not while calls are answered, so the encoder does not matter here. Tables of
items are learnt from the first 2,000 people and the blend is the starting one, which takes minutes less and costs a
call the same; all others are observed as a running server would. It is the suite's own, with database, fall-back and
everything; client and server share the machine.

score.p99_ms        POST /score, 200 catalogue items for a person with 50 events, one call after the other
score.calls_s       the same from four connections at once; score_why with a reason for each
recommend.p99_ms    POST /recommend, 20 items out of all, every stage
event_to_list.s     POST /events with one click and POST /recommend that no longer shows the item: the slowest of 50
memory.gb           resident memory of the server after all this
peer_als.p99_ms     the peer: implicit's ALS, 64 factors, its recommend call alone, in process: no text, no rules
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import random
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from zlib import crc32

import numpy as np
import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from apps.recommender.records import Event, Item, epoch  # noqa: E402
from core.events import OnEvent, ignore  # noqa: E402
from core.report import Report  # noqa: E402

WORDS, DIM, CATEGORIES, BRANDS = 5_000, 384, 50, 3_000
CALLS, CANDIDATES, LISTED, CONNECTIONS, SPAN_S = 400, 200, 20, 4, 10.0
LEARNT_FROM = 2_000  # people
AT = "/v1/recommender"
JSON = {"Content-Type": "application/json"}


class WordVectors:
    """An embedder: the sum of a fixed random vector per word, so that texts with words in common are near."""

    name: str = "word-vectors"
    dim: int = DIM
    languages: tuple[str, ...] = ("en", "zh", "other")

    def __init__(self) -> None:
        self._words = np.random.default_rng(1).normal(size=(WORDS, DIM)).astype(np.float32)

    def encode(self, texts: Sequence[str], on_event: OnEvent = ignore) -> np.ndarray:
        """(n, dim) unit rows."""
        rows = [[crc32(word.encode()) % WORDS for word in text.split()] for text in texts]
        vectors = np.stack([self._words[row].sum(axis=0) for row in rows])
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@dataclass(frozen=True)
class Size:
    """How much there is."""

    items: int
    people: int
    events: int  # of each person


def catalogue(size: Size, now: datetime) -> list[Item]:
    """Items of made-up words."""
    drawn = np.random.default_rng(0).integers(0, WORDS, (size.items, 8))
    return [
        Item(
            f"i{number}", " ".join(f"w{word}" for word in row), category=f"c{number % CATEGORIES}",
            brand=f"b{number % BRANDS}", price=float(number % 100), language="en",
            created_at=now - timedelta(days=number % 400),
        )
        for number, row in enumerate(drawn)
    ]  # fmt: skip


def choices(size: Size) -> np.ndarray:
    """(people, events) item numbers: Zipf over all, half of them moved into one of three categories of the person."""
    drawn = np.random.default_rng(2)
    ranks = drawn.zipf(1.3, (size.people, size.events)) % size.items
    own = drawn.integers(0, CATEGORIES, (size.people, 3))
    chosen = own[np.arange(size.people)[:, None], drawn.integers(0, 3, (size.people, size.events))]
    moved = np.minimum(ranks - ranks % CATEGORIES + chosen, size.items - 1)
    return np.where(drawn.random((size.people, size.events)) < 0.5, moved, ranks)


def happenings(size: Size, now: datetime) -> Iterator[Event]:
    """Everybody's clicks over sixty days, person by person."""
    whens = np.random.default_rng(3).random((size.people, size.events)) * 60
    for person, (items, days) in enumerate(zip(choices(size), np.sort(whens, axis=1)[:, ::-1], strict=True)):
        for place, (item, ago) in enumerate(zip(items.tolist(), days.tolist(), strict=True)):
            yield Event(f"p{person}-{place}", f"p{person}", f"i{item}", "click", now - timedelta(days=ago))


def serve(folder: Path, size: Size, started: multiprocessing.Queue[tuple[int, dict[str, float]]]) -> None:
    """The server's process: fill, fit, listen on a free port, say which."""
    import uvicorn

    import apps.api
    from apps.recommender import engine_fit
    from apps.recommender.engine import Recommender
    from apps.recommender.fallback import Fallback
    from apps.recommender.live import LiveModel
    from apps.recommender.model_shelf import ModelShelf
    from apps.recommender.service import RecommenderService
    from apps.recommender.settings import load_settings
    from apps.recommender.store import Store

    settings = load_settings(None, {"home": str(folder), "server.max_concurrent": 64})
    now, laps, began = datetime.now(UTC), {}, time.perf_counter()
    store, shelf = Store.open(settings.database_address), ModelShelf(folder)
    items, events = catalogue(size, now), happenings(size, now)
    store.put_items(items)
    first = list(islice(events, LEARNT_FROM * size.events))
    store.add_events(first)
    fallback = Fallback(settings.recommender.events.meanings())
    live = LiveModel(store, shelf, fallback, lambda place: Recommender.load(place, [WordVectors()]))
    service = RecommenderService(settings, store, live, shelf)
    engine = Recommender.start(items, [WordVectors()])
    engine.observe(first)
    engine_fit.fit_before(engine._knowledge, *engine._histories.all(), epoch(now))
    laps["learn_s"] = time.perf_counter() - began
    newest: deque[list[Event]] = deque(maxlen=4)  # the fall-back reads the newest 200,000 at a start
    while some := list(islice(events, 50_000)):
        engine.observe(some)
        newest.append(some)
    for some in newest:
        fallback.observe(some)
    live.put(engine, "benchmark", store.seen())
    laps["fill_s"] = time.perf_counter() - began - laps["learn_s"]
    del items, first
    newest.clear()
    vars(apps.api)["APPS"] = ("recommender",)  # its siblings need not be there
    app = apps.api.create_app(settings, {"recommender": lambda: service})
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    started.put((server.servers[0].sockets[0].getsockname()[1], laps))
    thread.join()


class Caller:
    """One kept connection."""

    def __init__(self, port: int) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def post(self, path: str, body: str) -> bytes:
        """The answer's body; anything but success ends the benchmark."""
        self._http.request("POST", AT + path, body, JSON)
        answer = self._http.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path} answered {answer.status}: {content[:200]!r}")
        return content


def score_bodies(size: Size, explain: bool = False) -> list[str]:
    """Calls of many people, each with candidates of their own."""
    drawn = random.Random(4)
    return [
        json.dumps({
            "user": f"p{drawn.randrange(size.people)}", "explain": explain,
            "candidates": [f"i{drawn.randrange(size.items)}" for _ in range(CANDIDATES)],
        })
        for _ in range(CALLS)
    ]  # fmt: skip


def list_bodies(size: Size) -> list[str]:
    """Calls for lists."""
    drawn = random.Random(5)
    return [json.dumps({"user": f"p{drawn.randrange(size.people)}", "k": LISTED}) for _ in range(CALLS)]


def latencies(port: int, path: str, bodies: Sequence[str]) -> list[float]:
    """Milliseconds of each call, one after the other, after twenty that do not count."""
    caller = Caller(port)
    for body in bodies[:20]:
        caller.post(path, body)
    found = []
    for body in bodies:
        began = time.perf_counter()
        caller.post(path, body)
        found.append((time.perf_counter() - began) * 1000)
    return found


def rate(port: int, path: str, bodies: Sequence[str]) -> float:
    """Calls per second from several connections over a while."""
    until, done = time.perf_counter() + SPAN_S, [0] * CONNECTIONS

    def call(number: int) -> None:
        caller, place = Caller(port), number * 31
        while time.perf_counter() < until:
            caller.post(path, bodies[place % len(bodies)])
            place, done[number] = place + 1, done[number] + 1

    threads = [threading.Thread(target=call, args=(number,)) for number in range(CONNECTIONS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - began)


def changed_lists(port: int, size: Size) -> list[float]:
    """Seconds from sending a click until a list without that item is there."""
    caller, drawn, found = Caller(port), random.Random(6), []
    for number in range(50):
        user = f"p{drawn.randrange(size.people)}"
        first = json.loads(caller.post("/recommend", json.dumps({"user": user, "k": LISTED})))["items"][0]["item"]
        began = time.perf_counter()
        event = {"id": f"new-{number}", "user": user, "item": first, "type": "click"}
        caller.post("/events", json.dumps({"events": [event]}))
        shown = [one["item"] for one in json.loads(caller.post("/recommend", json.dumps({"user": user})))["items"]]
        found.append(time.perf_counter() - began)
        if first in shown:
            raise SystemExit(f"The click of {user} on {first} did not change the list.")
    return found


def peer(size: Size) -> dict[str, float]:
    """implicit's ALS on the same events; few iterations, for only the time of its answers is looked at."""
    from implicit.als import AlternatingLeastSquares
    from scipy.sparse import csr_matrix

    items = choices(size).ravel()
    people = np.repeat(np.arange(size.people), size.events)
    met = csr_matrix((np.ones(len(items), np.float32), (people, items)), (size.people, size.items))
    model = AlternatingLeastSquares(factors=64, iterations=1, num_threads=1, random_state=0)
    model.fit(met, show_progress=False)
    seconds = []
    for person in random.Random(5).sample(range(size.people), min(CALLS, size.people)):
        began = time.perf_counter()
        model.recommend(person, met[person], N=LISTED, filter_already_liked_items=True)
        seconds.append((time.perf_counter() - began) * 1000)
    return {"peer_als.p50_ms": quantile(seconds, 50), "peer_als.p99_ms": quantile(seconds, 99)}


def quantile(values: Sequence[float], percent: float) -> float:
    """That percentile."""
    return float(np.percentile(values, percent))


def run(size: Size, with_peer: bool) -> dict[str, float]:
    """All figures."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="trifolium-bench-") as folder:
        started = context.Queue()
        server = context.Process(target=serve, args=(Path(folder), size, started), daemon=True)
        server.start()
        port, figures = started.get(timeout=3600)
        try:
            for name, path, bodies in (
                ("score", "/score", score_bodies(size)),
                ("score_why", "/score", score_bodies(size, explain=True)),
                ("recommend", "/recommend", list_bodies(size)),
            ):
                taken = latencies(port, path, bodies)
                figures |= {f"{name}.p50_ms": quantile(taken, 50), f"{name}.p99_ms": quantile(taken, 99)}
                figures[f"{name}.calls_s"] = rate(port, path, bodies)
                print(f"{name}: {figures[f'{name}.p99_ms']:.1f} ms", file=sys.stderr)
            figures["event_to_list.s"] = max(changed_lists(port, size))
            figures["memory.gb"] = psutil.Process(server.pid).memory_info().rss / 1e9
        finally:
            server.terminate()
            server.join(30)
    return figures | (peer(size) if with_peer else {})


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=50, help="of each person")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    given = parser.parse_args()
    size = Size(given.items, given.people, given.events)
    figures = run(size, not given.no_peer)
    rows = [{"figure": name, "value": value} for name, value in figures.items()]
    note = f"{size.items} items, {size.people} people with {size.events} events each, one server process"
    report = Report("recommender_serving", rows, figures, [note])
    print(report.to_table())
    if given.json:
        report.write_json(given.json)


if __name__ == "__main__":
    main()
