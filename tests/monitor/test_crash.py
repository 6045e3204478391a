"""A process that dies at the worst moment: in the middle of a batch, between sending and noting that it was sent."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from apps.monitor.alert_records import Channel, Delivery
from apps.monitor.delivery import Courier
from apps.monitor.store import Store
from tests.monitor.helpers import MINUTE, NOW, bad, monitor

ROOT = Path(__file__).parents[2]
RULE = '[[rule]]\nname = "bad"\nkind = "threshold"\nvalue = 3\n'
CHANNELS = {"risk": "json://127.0.0.1:9/x"}
ITEMS = [bad(f"b{at}", at=NOW + at * MINUTE) for at in range(5)]

DIES_INGESTING = """
import os, sys
from tests.monitor.test_crash import CHANNELS, ITEMS, RULE
from tests.monitor.helpers import MINUTE, NOW, monitor
service = monitor(sys.argv[1], RULE, CHANNELS)
service.ingest(ITEMS[:1], now=NOW)
keep, when = service._desk.keep, sys.argv[2]
def dying(*given):
    if when == "after":
        keep(*given)
    os._exit(9)
service._desk.keep = dying
service.ingest(ITEMS[1:], now=NOW + 5 * MINUTE)
"""
DIES_DELIVERING = """
import os, sys
from datetime import timedelta
from apps.monitor.alert_records import Channel
from apps.monitor.delivery import Courier
from apps.monitor.store import Store
from tests.monitor.helpers import MINUTE, NOW
def send(channel, message):
    with open(sys.argv[2], "a") as heard:
        heard.write(message.id + "\\n")
    os._exit(9)
channels = {"risk": Channel("risk", "json://x")}
Courier(Store.open(sys.argv[1]), channels, send, 9, timedelta(seconds=60)).deliver(lambda: NOW + 6 * MINUTE)
"""


def dies(code, *arguments):
    ended = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], cwd=ROOT, capture_output=True, timeout=120
    )
    assert ended.returncode == 9, ended.stderr.decode()


@pytest.mark.parametrize("when", ["before", "after"])
def test_death_in_the_middle_of_a_batch_loses_and_doubles_nothing(tmp_path, when):
    url = f"sqlite:///{tmp_path / 'm.db'}"
    dies(DIES_INGESTING, url, when)
    service = monitor(url, channels=CHANNELS)
    assert [one.item.id for one in service.feed()] == ["b0"]
    assert service.alerts() == service.messages() == service.transitions() == []
    report = service.ingest(ITEMS, now=NOW + 5 * MINUTE)
    assert (report.added, report.duplicates) == (4, 1)
    hour = service.series(company="alba", since=NOW, until=NOW + MINUTE)[0]
    assert (hour.stories, hour.items, hour.negative) == (5, 5, 5)
    assert len(service.alerts()) == len(service.messages()) == len(service.transitions()) == 1
    service.close()


def test_death_after_sending_sends_once_more_under_the_same_id_and_never_again(tmp_path):
    url, heard = f"sqlite:///{tmp_path / 'm.db'}", tmp_path / "heard"
    service = monitor(url, RULE, CHANNELS)
    service.ingest(ITEMS, now=NOW + 5 * MINUTE)
    dies(DIES_DELIVERING, url, heard)
    (message,) = service.messages()
    assert heard.read_text().split() == [message.id] and message.status is Delivery.CLAIMED
    again = []
    store = Store.open(url)
    courier = Courier(
        store, {"risk": Channel("risk", "json://x")}, lambda _, one: again.append(one.id), 9, timedelta(minutes=1)
    )
    for minutes in (6.5, 8, 9, 60):
        courier.deliver(lambda minutes=minutes: NOW + minutes * MINUTE)
    assert again == [message.id]
    assert service.messages()[0].status is Delivery.SENT
    store.close()
    service.close()
