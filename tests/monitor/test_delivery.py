"""Messages: the outbox, claims that cannot be taken twice, failures that pass or stay, what channels are sent."""

import hashlib
import hmac
import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from apps.monitor.alert_records import Channel, Delivery, Message, MessageKind
from apps.monitor.delivery import Courier, pause
from apps.monitor.notices import text
from apps.monitor.notifiers import is_permanent, send, signature
from apps.monitor.store import Store
from core.errors import NotFoundError, RemoteError
from tests.monitor.helpers import HOUR, MINUTE, NOW, bad, good, monitor

RULE = (
    '[[rule]]\nname = "bad"\nkind = "threshold"\nvalue = 3\nwindow = "1h"\nkeep_firing_for = "1h"\nseverity = "high"\n'
)
SECOND = timedelta(seconds=1)


@pytest.fixture
def store():
    made = Store.open("sqlite://")
    yield made
    made.close()


def message(id="m1", channel="desk", group="alba", due=NOW, kind=MessageKind.FIRING):
    alert = {"status": "firing", "labels": {"alertname": "bad"}, "annotations": {"summary": id}}
    return Message(id, channel, kind, group, (alert,), NOW, due)


def put(store, *messages):
    with store.writing() as work:
        for one in messages:
            work.outbox.add(one)


def stored(store):
    with store.reading() as work:
        return {one.id: one for one in work.outbox.messages(100)}


class Wire:
    """A channel that fails as often as it is told to and notes what it took."""

    def __init__(self, *failures):
        self.failures, self.took = list(failures), []

    def __call__(self, channel, message):
        if self.failures:
            raise self.failures.pop(0)
        self.took.append(message.id)


def courier(store, wire, attempts=5, lease=timedelta(seconds=60)):
    return Courier(store, {"desk": Channel("desk", "json://x.example")}, wire, attempts, lease)


def test_what_is_due_is_sent_once(store):
    put(store, message("m1"), message("m2", group="cora", due=NOW + HOUR))
    wire = Wire()
    report = courier(store, wire).deliver(lambda: NOW)
    assert (report.sent, report.waiting, wire.took) == (1, 1, ["m1"])
    assert courier(store, wire).deliver(lambda: NOW).sent == 0
    assert (stored(store)["m1"].status, stored(store)["m1"].sent_at) == (Delivery.SENT, NOW)


def test_of_two_couriers_one_gets_the_message(store):
    put(store, message())
    with store.writing() as work:
        assert work.outbox.claim("m1", "one", NOW, MINUTE) is not None
    with store.writing() as work:
        assert work.outbox.claim("m1", "two", NOW, MINUTE) is None
        assert not work.outbox.settle("m1", "two", NOW)


def test_a_sender_that_died_loses_its_claim_and_the_id_stays(store):
    put(store, message())
    with store.writing() as work:
        work.outbox.claim("m1", "dead", NOW, MINUTE)
    wire = Wire()
    assert courier(store, wire).deliver(lambda: NOW + 59 * SECOND).sent == 0
    assert courier(store, wire).deliver(lambda: NOW + 61 * SECOND).sent == 1
    assert wire.took == ["m1"]
    with store.writing() as work:
        assert not work.outbox.settle("m1", "dead", NOW + 2 * MINUTE, "too late")
    assert stored(store)["m1"].status is Delivery.SENT


def test_a_passing_failure_is_tried_again_ever_later_and_a_permanent_one_is_not(store):
    put(store, message("m1"), message("m2", group="cora"))
    wire = Wire(RemoteError("busy"), RemoteError("unknown address", permanent=True))
    report = courier(store, wire).deliver(lambda: NOW)
    assert (report.retried, report.failed) == (1, 1)
    first, second = stored(store)["m1"], stored(store)["m2"]
    assert (first.status, first.error, second.status) == (Delivery.WAITING, "busy", Delivery.FAILED)
    assert NOW + 4 * SECOND <= first.due_at <= NOW + 5 * SECOND
    assert courier(store, wire).deliver(lambda: NOW + 6 * SECOND).sent == 1
    assert [round(pause(tries).total_seconds()) <= 5 * 2 ** (tries - 1) for tries in (1, 2, 3)] == [True] * 3
    assert timedelta(minutes=48) <= pause(500) <= HOUR


def test_it_is_given_up_after_so_many_tries(store):
    put(store, message())
    wire = Wire(*[RemoteError("busy")] * 9)
    for hour in range(9):
        courier(store, wire, attempts=3).deliver(lambda hour=hour: NOW + hour * HOUR)
    assert (stored(store)["m1"].status, stored(store)["m1"].attempts) == (Delivery.FAILED, 3)


def test_a_channel_that_was_taken_out_of_the_settings_fails_for_good(store):
    put(store, message(channel="old"))
    report = courier(store, Wire()).deliver(lambda: NOW)
    assert report.failed == 1 and "'old' is not in the settings" in report.errors[0]


def test_messages_of_one_group_go_out_as_one_and_others_alone(store):
    late = NOW + 10 * SECOND
    put(store, message("m1", due=late), message("m2", due=late), message("m3", group="cora", due=late))
    put(store, message("m4", due=late, kind=MessageKind.RESOLVED))
    assert {id: len(one.alerts) for id, one in stored(store).items()} == {"m1": 2, "m3": 1, "m4": 1}
    title, body = text(stored(store)["m1"])
    assert title == "[FIRING] m1 (+1)" and "m2" in body and "id m1" in body


def test_nothing_is_added_to_a_message_that_was_tried_already(store):
    put(store, message("m1", due=NOW + SECOND))
    courier(store, Wire(RemoteError("busy"))).deliver(lambda: NOW + 2 * SECOND)
    put(store, message("m2", due=NOW + 9 * SECOND))
    assert set(stored(store)) == {"m1", "m2"}


@pytest.fixture
def hook():
    """A webhook that answers with ``status`` and keeps what it got."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.got.append((dict(self.headers), body))
            self.send_response(server.status)
            self.end_headers()

        def log_message(self, *args):
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.status = [], 204
    server.address = f"127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_an_alert_reaches_the_webhook_signed_and_its_end_follows(hook):
    channels = {"risk": f"http://{hook.address}/x"}
    service = monitor(rules=RULE, channels=channels, **{"alerting.webhook_secret": "a secret"})
    service.ingest(
        [bad(f"b{at}", at=NOW + at * MINUTE, url="http://news.example/1") for at in range(4)], now=NOW + 4 * MINUTE
    )
    service.tick(NOW + 2 * HOUR)
    service.tick(NOW + 4 * HOUR)
    assert service.deliver_pending(NOW + 5 * HOUR).sent == 2
    (headers, first), (_, second) = hook.got
    told, ended = json.loads(first), json.loads(second)
    seconds, mac = headers["X-Trifolium-Signature"].removeprefix("t=").split(",v1=")
    assert hmac.new(b"a secret", f"{seconds}.".encode() + first, hashlib.sha256).hexdigest() == mac
    assert (told["status"], ended["status"], told["receiver"]) == ("firing", "resolved", "risk")
    alert = told["alerts"][0]
    assert alert["labels"] == {"alertname": "bad", "severity": "high", "company": "alba"}
    assert (alert["numbers"]["negative"], alert["model"], alert["ruleVersion"]) == (4, "lexicon", 1)
    assert alert["topStories"][0]["url"] == "http://news.example/1"
    assert headers["Idempotency-Key"] == told["id"] != ended["id"]
    assert ended["alerts"][0]["endsAt"]
    service.close()


def test_people_are_told_in_their_language_by_names_and_machines_by_ids(tmp_path):
    (tmp_path / "own.csv").write_text("id,name,aliases\nalba,Alba Bank,Alba Bank|阿尔巴银行\n", encoding="utf-8")
    settings = {"alerting.language": "zh", "reading.gazetteer": tmp_path / "own.csv"}
    service = monitor(rules=RULE, channels={"risk": "json://a.example"}, **settings)
    service.ingest([bad(f"b{at}", at=NOW + at * MINUTE) for at in range(4)], now=NOW + 4 * MINUTE)
    (message,) = service.messages()
    title, body = text(message)
    assert title == "[告警] bad：阿尔巴银行"
    assert "1 小时内 4 个负面事件；界限为 3。" in body and "[高]" in body and "编号" in body
    assert message.alerts[0]["labels"]["company"] == "alba"
    service.close()


def test_in_english_the_message_names_the_company_as_people_know_it(tmp_path):
    (tmp_path / "own.csv").write_text("id,name,aliases\nalba,Alba Bank,Alba Bank|阿尔巴银行\n", encoding="utf-8")
    service = monitor(rules=RULE, channels={"risk": "json://a.example"}, **{"reading.gazetteer": tmp_path / "own.csv"})
    service.ingest([bad(f"b{at}", at=NOW + at * MINUTE) for at in range(4)], now=NOW + 4 * MINUTE)
    title, body = text(service.messages()[0])
    assert title == "[FIRING] bad: Alba Bank" and "Negative stories 4 in 1 h" in body
    service.close()


def test_history_that_is_ingested_quietly_tells_nobody():
    service = monitor(rules=RULE, channels={"risk": "http://127.0.0.1:9/x"})
    service.ingest([bad(f"b{at}", at=NOW + at * MINUTE) for at in range(5)], now=NOW + 5 * MINUTE, quiet=True)
    assert len(service.alerts()) == 1 and service.messages() == []
    service.close()


def test_a_rule_with_channels_of_its_own_uses_no_other():
    channels = {"risk": "json://a.example", "press": "json://b.example"}
    service = monitor(rules=RULE + 'channels = ["press"]\n', channels=channels)
    service.ingest([bad(f"b{at}", at=NOW + at * MINUTE) for at in range(5)], now=NOW + 5 * MINUTE)
    assert [one.channel for one in service.messages()] == ["press"]
    service.close()


def test_the_webhook_says_whether_trying_again_can_help(hook):
    channel = Channel("risk", f"http://{hook.address}/x")
    for status, permanent in ((500, False), (429, False), (404, True), (401, True), (301, True)):
        hook.status = status
        with pytest.raises(RemoteError, match=str(status)) as error:
            send(channel, message())
        assert error.value.permanent is permanent
    with pytest.raises(RemoteError, match="cannot be reached") as error:
        send(Channel("risk", "http://127.0.0.1:9/x"), message())
    assert not error.value.permanent
    assert not is_permanent(0)


def test_apprise_carries_the_message_and_its_failures_are_told_apart(hook):
    channel = Channel("chat", f"json://{hook.address}/chat")
    hook.status = 200
    send(channel, message("m1"))
    sent = json.loads(hook.got[-1][1])
    assert "[FIRING]" in sent["title"] and "id m1" in sent["message"]
    for status, permanent in ((500, False), (403, True)):
        hook.status = status
        with pytest.raises(RemoteError) as error:
            send(channel, message())
        assert error.value.permanent is permanent
    with pytest.raises(RemoteError, match="no address apprise knows") as error:
        send(Channel("chat", "nonsense://token-trap/x"), message())
    assert error.value.permanent and "token-trap" not in str(error.value)


def test_channels_are_shown_without_their_secrets():
    channels = {"mail": "mailto://ada:trap@mail.example", "hook": "https://user:trap@h.example/trap?key=trap"}
    service = monitor(channels=channels)
    assert service.channels() == [("mail", "mailto://…"), ("hook", "https://h.example/…")]
    assert "trap" not in str(service.status())
    with pytest.raises(NotFoundError, match="no channel 'fax'"):
        service.try_channel("fax")
    service.close()


def test_the_signature_is_that_of_any_hmac_tool():
    # printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key
    known = "a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03"
    assert signature("key", b'{"a":1}', 1700000000) == f"t=1700000000,v1={known}"


def test_good_news_is_never_sent():
    service = monitor(rules=RULE, channels={"risk": "json://a.example"})
    service.ingest([good(f"g{at}", at=NOW + at * MINUTE) for at in range(9)], now=NOW + 9 * MINUTE)
    assert service.messages() == []
    service.close()
