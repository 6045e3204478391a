"""Alerts over a real socket: list, life cycle, silences, and the server-sent stream."""

import json
import time
from datetime import timedelta

import pytest

from apps import api
from apps.monitor import routes_alerts
from apps.monitor.alert_records import State
from core.settings import CoreSettings
from tests.monitor.fake_rows import NOW
from tests.monitor.fake_service import FakeMonitor
from tests.sockets import serving

AT = "/v1/monitor"
LATER = (NOW + timedelta(hours=4)).isoformat()


@pytest.fixture
def fake():
    return FakeMonitor()


@pytest.fixture
def client(fake, monkeypatch):
    monkeypatch.setattr(api, "APPS", ("monitor",))
    monkeypatch.setattr(routes_alerts, "LOOK_S", 0.05)
    with serving(api.create_app(CoreSettings(), {"monitor": lambda: fake})) as client:
        yield client


def events(lines, count: int) -> list[dict]:
    """The next events of a stream, each as its fields."""
    found: list[dict] = [{}]
    for line in lines:
        if not line and found[-1]:
            if len(found) == count:
                break
            found.append({})
        elif line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            found[-1][name] = value
    return found


def test_an_alert_is_listed_and_told_whole(client):
    (one,) = client.get(f"{AT}/alerts", params={"open_only": True}).json()
    assert (one["id"], one["state"], one["severity"], one["is_open"]) == ("a1", "firing", "high", True)
    assert one["key"] == {"company": "aldermoor", "topic": "", "source": ""}
    assert one["evidence"]["why"].startswith("12 stories")
    assert len(client.get(f"{AT}/alerts").json()) == 2
    assert client.get(f"{AT}/alerts", params={"state": "resolved"}).json()[0]["id"] == "a2"
    assert client.get(f"{AT}/alerts", params={"severity": "grave"}).status_code == 422
    whole = client.get(f"{AT}/alerts/a1").json()
    assert [one["item"]["id"] for one in whole["stories"]] == ["n1", "n2"]
    assert [line["why"] for line in whole["history"]] == ["holds"]
    missing = client.get(f"{AT}/alerts/none")
    assert (missing.status_code, missing.json()["error"]["message"]) == (404, "No alert has the id 'none'.")


def test_the_life_of_an_alert_and_what_it_leaves_in_the_history(client):
    at = f"{AT}/alerts/a1"
    assert client.post(f"{at}/acknowledge", json={"by": "Mei", "note": "mine"}).json()["state"] == "acknowledged"
    assert client.post(f"{at}/acknowledge", json={"by": "Mei"}).status_code == 409
    assert client.post(f"{at}/note", json={"by": "Mei", "text": "They deny it."}).json()["note"] == "They deny it."
    assert client.post(f"{at}/note", json={"by": "Mei", "text": "  "}).status_code == 422
    assert client.post(f"{at}/assign", json={"by": "Mei", "owner": "Jonas"}).json()["owner"] == "Jonas"
    assert client.post(f"{at}/resolve", json={"by": "Jonas", "note": "over"}).json()["state"] == "resolved"
    assert client.post(f"{at}/resolve", json={"note": "over"}).status_code == 422  # nobody did it
    history = client.get(at).json()["history"]
    assert [(line["why"], line["by"], line["note"]) for line in history[1:]] == [
        ("acknowledged", "Mei", "mine"),
        ("comment", "Mei", "They deny it."),
        ("assigned", "Mei", "Jonas"),
        ("resolved_by_hand", "Jonas", "over"),
    ]
    assert client.post(f"{at}/false-alarm", json={"by": "Jonas"}).json()["state"] == "resolved"
    numbers = [line["number"] for line in client.get(f"{AT}/transitions", params={"after": 2}).json()]
    assert numbers == list(range(3, 9))


def test_an_alert_is_silenced_by_its_own_series_and_the_silence_ends(client, fake):
    made = client.post(f"{AT}/alerts/a1/silence", json={"by": "Mei", "until": LATER, "reason": "known"})
    assert made.status_code == 201
    assert (made.json()["rule"], made.json()["company"]) == ("negative-surge", "aldermoor")
    assert fake.held["a1"].state is State.SILENCED
    assert len(client.get(f"{AT}/silences").json()) == 1
    ended = client.post(f"{AT}/silences/{made.json()['id']}/end", json={"by": "Mei"})
    assert ended.json()["ended_at"] is not None
    assert client.get(f"{AT}/silences").json() == []
    assert client.post(f"{AT}/silences/s9/end", json={"by": "Mei"}).status_code == 404


def test_a_silence_needs_a_zone_and_an_end_after_its_beginning(client):
    naive = client.post(f"{AT}/silences", json={"by": "Mei", "until": "2026-03-11T00:00:00"})
    assert naive.status_code == 422
    before = {"by": "Mei", "until": (NOW - timedelta(hours=1)).isoformat(), "company": "hechuan"}
    answer = client.post(f"{AT}/silences", json=before)
    assert answer.status_code == 422
    assert "end after it begins" in answer.json()["error"]["message"]
    later = {"by": "Mei", "start": LATER, "until": (NOW + timedelta(hours=9)).isoformat(), "topic": "macro"}
    assert client.post(f"{AT}/silences", json=later).json()["topic"] == "macro"


def test_the_stream_tells_what_changes_from_now_on(client, fake):
    with client.stream("GET", f"{AT}/alerts/stream") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert next(lines).startswith(":")
        fake.acknowledge("a1", "Mei", "鹤川")
        (event,) = events(lines, 1)
    assert (event["id"], event["event"]) == ("4", "acknowledged")
    told = json.loads(event["data"])
    assert (told["alert_id"], told["before"], told["after"], told["note"]) == ("a1", "firing", "acknowledged", "鹤川")


def test_a_listener_who_comes_back_misses_nothing(client, fake):
    with client.stream("GET", f"{AT}/alerts/stream", params={"after": 1}) as answer:
        assert [one["id"] for one in events(answer.iter_lines(), 2)] == ["2", "3"]
    fake.comment("a1", "Mei", "one")
    with client.stream("GET", f"{AT}/alerts/stream", headers={"Last-Event-ID": "3"}) as answer:
        (event,) = events(answer.iter_lines(), 1)
    assert (event["id"], json.loads(event["data"])["why"]) == ("4", "comment")
    assert client.get(f"{AT}/alerts/stream", params={"after": -1}).status_code == 422


def test_streams_leave_places_for_others_and_give_theirs_back(client, monkeypatch):
    monkeypatch.setattr(routes_alerts, "MOST_LISTENERS", 1)
    with client.stream("GET", f"{AT}/alerts/stream") as first:
        lines = first.iter_lines()  # kept: a forgotten iterator closes the connection
        next(lines)
        answer = client.get(f"{AT}/alerts/stream")
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")
        assert client.get(f"{AT}/alerts").status_code == 200
    for _ in range(100):
        with client.stream("GET", f"{AT}/alerts/stream") as again:
            if again.status_code == 200:
                return
        time.sleep(0.05)
    pytest.fail("the place was not given back")
