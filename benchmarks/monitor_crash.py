"""Kill -9 during ingestion and delivery under load: what is lost, what is doubled, what is sent twice.

    python benchmarks/monitor_crash.py --kills 20 --json benchmarks/results/monitor_crash.json

A worker process watches a file that grows, ingests it, lets rules look at it and delivers to a webhook that answers
late; it is killed again and again at random moments and started anew. Afterwards the database is compared with the
file and the webhook's log with the audit.

crash.items_lost, items_doubled     items of the file that are not stored, or counted other than once in the series
crash.notifications_lost            alerts raised or resolved in the audit of which the webhook heard nothing
crash.repeats                       times the webhook heard an id again; more than one per kill is a failure
crash.strange_repeats               repeats under another id, or with another content under the same id
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from apps.monitor.alert_records import MessageKind, State, Transition  # noqa: E402
from apps.monitor.backtest import is_firing  # noqa: E402
from apps.monitor.records import CompanyMention, NewsItem, Reading, Sentiment, Span  # noqa: E402
from apps.monitor.service import MonitorService  # noqa: E402
from apps.monitor.settings import load_settings  # noqa: E402
from apps.monitor.source_records import Source, SourceKind  # noqa: E402
from apps.monitor.store import Store  # noqa: E402
from core.errors import BusyError  # noqa: E402
from core.report import Report  # noqa: E402

EACH = 10  # items about one company in a row, then about the next: alerts go on being raised all the time
RULES = """
[[rule]]
name = "three-bad"
kind = "threshold"
per = ["company"]
measure = "negative"
value = 3
window = "1m"
keep_firing_for = "0s"
severity = "high"
"""


class NameReader:
    """Reads the company's number out of the text; everything is bad news."""

    model = "crash-reader"

    def read(self, items: Sequence[NewsItem]) -> list[Reading]:
        """One reading per item."""
        return [self._one(item) for item in items]

    def _one(self, item: NewsItem) -> Reading:
        mood, name = Sentiment(0.9, 0.08, 0.02), item.full_text.split(" ", 1)[0]
        return Reading(item.id, "en", mood, (), (CompanyMention(name, name, 0, len(name), mood),), model=self.model)


def open_monitor(folder: Path, port: int) -> MonitorService:
    """A monitor over the folder's database that delivers to the webhook on that port."""
    given = {
        "monitor.load_sample": False,
        "monitor.alerting.channels": {"hook": f"http://127.0.0.1:{port}/hook"},
        "monitor.alerting.lease_s": 2.0,
        "monitor.alerting.group_wait_s": 0.0,
        "monitor.alerting.attempts": 1000,
    }
    return MonitorService(
        load_settings(overrides=given), Store.open(f"sqlite:///{folder / 'monitor.db'}"), NameReader()
    )


def work(folder: Path, port: int) -> None:
    """The worker: one thread ingests, one delivers, until killed (or until the file ``stop`` appears)."""
    service, stop = open_monitor(folder, port), threading.Event()

    def deliver() -> None:
        while not stop.is_set():
            with suppress(BusyError):  # as the live loop does: the next round tries again
                service.deliver_pending()
            time.sleep(0.02)

    courier = threading.Thread(target=deliver)
    courier.start()
    print("ready", flush=True)
    looked = time.monotonic()
    while True:
        report = service.poll("file", datetime.now(UTC))
        if time.monotonic() - looked > 1:
            service.tick()
            looked = time.monotonic()
        if not report.added and (folder / "stop").exists():
            break
        time.sleep(0.02)
    ending = time.monotonic() + 240  # windows of a minute close, alerts resolve, their messages go out
    while time.monotonic() < ending and (service.status()["alerts"].get("firing") or waiting(service)):
        service.tick()
        time.sleep(1)
    stop.set()
    courier.join()
    service.close()


def waiting(service: MonitorService) -> int:
    """Messages not sent yet."""
    counts = service.status()["messages"]
    return int(counts.get("waiting", 0) + counts.get("claimed", 0))


@contextmanager
def webhook() -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """A server that notes (id, body) and answers after a while; its port and its log."""
    log: list[tuple[str, str]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode("utf-8")
            log.append((self.headers["Idempotency-Key"], body))
            time.sleep(random.uniform(0, 0.15))
            try:
                self.send_response(204)
                self.end_headers()
            except OSError:
                return  # the sender was killed while it waited

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1], log
    finally:
        server.shutdown()


def write(path: Path, stop: threading.Event, rate: float, ids: list[str]) -> None:
    """Appends items to the watched file until told to stop."""
    rng = random.Random(5)
    with path.open("a", encoding="utf-8") as file:
        while not stop.is_set():
            for _ in range(max(1, round(rate / 20))):
                name, number = f"Company{len(ids) // EACH}", len(ids)
                words = " ".join(f"{rng.randrange(10**6):x}" for _ in range(8))
                file.write(json.dumps({"id": f"item-{number}", "title": f"{name} in trouble {words}"}) + "\n")
                ids.append(f"item-{number}")
            file.flush()
            stop.wait(0.05)


def started(folder: Path, port: int) -> subprocess.Popen[str]:
    """A worker that is ready."""
    command = [sys.executable, __file__, "--worker", str(folder), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    if process.stdout is None or process.stdout.readline().strip() != "ready":
        raise SystemExit("The worker did not start.")
    return process


def run(kills: int, rate: float) -> Report:
    """The whole experiment."""
    rng, ids, stop = random.Random(9), [], threading.Event()
    with tempfile.TemporaryDirectory() as place, webhook() as (port, log):
        folder = Path(place)
        service = open_monitor(folder, port)
        service.save_rules(RULES, "benchmark")
        (folder / "news.jsonl").touch()
        service.save_source(Source("file", SourceKind.FILE, str(folder / "news.jsonl"), every_s=1))
        writer = threading.Thread(target=write, args=(folder / "news.jsonl", stop, rate, ids))
        writer.start()
        for _ in range(kills):
            worker = started(folder, port)
            time.sleep(rng.uniform(0.1, 2.5))
            os.kill(worker.pid, signal.SIGKILL)
            worker.wait()
        stop.set()
        writer.join()
        (folder / "stop").touch()
        started(folder, port).wait()
        figures = compared(service, ids, log)
        service.close()
    figures |= {"crash.kills": kills, "crash.items": len(ids), "crash.notifications": len({one for one, _ in log})}
    rows = [{"figure": name, "value": value} for name, value in figures.items()]
    return Report("monitor_crash", rows, figures, [f"{rate:g} items/s written, SQLite, webhook answers within 150 ms"])


def compared(service: MonitorService, ids: Sequence[str], log: Sequence[tuple[str, str]]) -> dict[str, float]:
    """The database against the file, the webhook's log against the audit."""
    stored = Counter(one.item.id for one in service.feed(limit=10**9))
    until = datetime.now(UTC) + timedelta(days=1)
    counted = sum(point.items for point in service.series(span=Span.DAY, since=until - timedelta(days=3), until=until))
    lost = [one for one in ids if one not in stored]
    told = {
        (alert["fingerprint"], alert["episode"], MessageKind(json.loads(body)["kind"]))
        for _, body in log
        for alert in json.loads(body)["alerts"]
    }
    due = [one for line in audit(service) for one in due_messages(line)]
    repeats = Counter(one for one, _ in log)
    contents = {(one, json.dumps(json.loads(body)["alerts"], sort_keys=True)) for one, body in log}
    said = Counter(body for _, body in set(log))
    return {
        "crash.items_lost": len(lost),
        "crash.items_doubled": sum(count - 1 for count in stored.values()) + abs(counted - len(stored)),
        "crash.alerts": len(due),
        "crash.notifications_lost": len([one for one in due if one not in told]),
        "crash.repeats": sum(count - 1 for count in repeats.values()),
        "crash.strange_repeats": len(contents) - len(repeats) + sum(count - 1 for count in said.values()),
    }


def audit(service: MonitorService) -> Iterator[Transition]:
    """Every line of it."""
    after = 0
    while lines := service.transitions(after, 500):
        yield from lines
        after = lines[-1].number


def due_messages(line: Transition) -> list[tuple[str, int, MessageKind]]:
    """What somebody must have been told because of this line."""
    if is_firing(line):
        return [(line.alert_id, line.episode, MessageKind.FIRING)]
    if line.after is State.RESOLVED:
        return [(line.alert_id, line.episode, MessageKind.RESOLVED)]
    return []


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--rate", type=float, default=30.0, help="items written per second")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        work(given.worker, given.port)
        return
    report = run(given.kills, given.rate)
    print(report.to_table())
    if given.json:
        report.write_json(given.json)
    print(json.dumps(report.figures))


if __name__ == "__main__":
    main()
