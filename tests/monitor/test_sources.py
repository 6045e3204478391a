"""Feeds, pages, files and Redis: real servers and files, only what changed, and one sentence when they fail."""

import json
import shutil
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from apps.monitor.layouts import Layout
from apps.monitor.polling import is_due
from apps.monitor.records import FeedQuery
from apps.monitor.source_files import added, decoded, numbered_rows
from apps.monitor.source_records import Health, Source, SourceKind, SourceState, doubted_dates, health, heard
from apps.monitor.sources import next_look
from core.dates import DateOrder
from core.errors import BusyError, DataError, NotFoundError, RemoteError
from tests.monitor.helpers import DAY, HOUR, MINUTE, NOW, monitor

RSS = """<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>海岸财经</title>
<item><guid isPermaLink="false">a1</guid><title>海岚银行因迟报被监管机构罚款</title><link>http://news.example/a1</link>
<description>&lt;p&gt;罚款&lt;b&gt;两千万元&lt;/b&gt;&lt;/p&gt;</description><pubDate>2026-03-16 08:30:00</pubDate></item>
<item><guid isPermaLink="false">a2</guid><title>Alba Bank profit rises</title><link>http://news.example/a2</link>
<pubDate>Mon, 16 Mar 2026 07:15:00 GMT</pubDate></item>
<item><guid isPermaLink="false">a3</guid><title></title><description></description></item>
<item><guid isPermaLink="false">a4</guid><title>Cora Foods wins order</title><pubDate>Tue, 16 Mar 0200 07:15:00 GMT</pubDate></item>
</channel></rss>"""
PAGE = """<html><head><title>Statement</title></head><body><nav>Home Shop Imprint</nav><article><h1>Statement</h1>
<p>Alba Bank was fined 20 million euros for late reports to the regulator, the bank said on Monday morning.</p>
<p>It will not appeal the decision and has changed how branches report large loans to the head office.</p></article>
<footer>Cookies</footer></body></html>"""


@pytest.fixture
def web():
    """A server of ``pages`` (path -> status, headers, body) that notes what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.asked.append((self.path, dict(self.headers)))
            status, headers, body = server.pages[self.path]
            if headers.get("ETag") and self.headers.get("If-None-Match") == headers["ETag"]:
                status, body = 304, ""
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode() if isinstance(body, str) else body)

        def log_message(self, *args):
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.pages, server.asked = {}, []
    server.address = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def service():
    made = monitor()
    yield made
    made.close()


def state(service, name):
    return next(one for one in service.sources() if one.source.name == name)


def test_a_feed_is_read_once_in_its_own_time_zone_and_asked_again_only_for_changes(web, service):
    web.pages["/feed"] = (200, {"Content-Type": "application/rss+xml; charset=utf-8", "ETag": '"1"'}, RSS)
    service.save_source(Source("coast", SourceKind.RSS, f"{web.address}/feed", zone="Asia/Shanghai"))
    report = service.poll(now=NOW)
    assert (report.added, report.undated, dict(report.counts)) == (3, 1, {"empty": 1})
    chinese, english = service.entry("a1").item, service.entry("a2").item
    assert chinese.published_at == datetime(2026, 3, 16, 0, 30, tzinfo=UTC)
    assert english.published_at == datetime(2026, 3, 16, 7, 15, tzinfo=UTC)
    assert (chinese.text, chinese.language, chinese.source) == ("罚款两千万元", "zh", "coast")
    assert service.entry("a4").item.published_at is None
    assert service.poll(now=NOW + MINUTE).added == 0 and len(web.asked) == 1  # not due yet
    service.poll(now=NOW + 5 * MINUTE)
    assert web.asked[-1][1]["If-None-Match"] == '"1"'
    assert state(service, "coast").health is Health.OK


def test_a_feed_that_fails_is_asked_ever_more_rarely_and_shown_as_failing(web, service):
    web.pages["/feed"] = (500, {}, "")
    service.save_source(Source("coast", SourceKind.RSS, f"{web.address}/feed", every_s=60))
    asked_at = []
    for minute in range(20):
        before = len(web.asked)
        service.poll(now=NOW + minute * MINUTE)
        asked_at += [minute] if len(web.asked) > before else []
    assert asked_at == [0, 2, 6, 14]
    shown = state(service, "coast")
    assert (shown.health, shown.state.failures) == (Health.FAILING, 4)
    assert "answered 500" in shown.reason
    assert shown.state.error_zh == f"“{web.address}/feed”返回了 500。"  # stored, so kept in both languages
    web.pages["/feed"] = (200, {}, RSS)
    assert service.poll("coast", now=NOW + HOUR).added == 3
    assert (state(service, "coast").health, state(service, "coast").state.failures) == (Health.OK, 0)
    assert (state(service, "coast").state.error, state(service, "coast").state.error_zh) == ("", "")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((200, {}, "<html><body>no feed</body></html>"), "is no RSS or Atom feed"),
        ((404, {}, ""), "answered 404"),
        ((200, {}, b"x" * 2_000_000), "is larger than 1 MB"),
    ],
)
def test_what_is_no_feed_is_said_in_one_sentence(web, answer, said):
    service = monitor(**{"intake.largest_mb": 1})
    web.pages["/feed"] = answer
    service.save_source(Source("coast", SourceKind.RSS, f"{web.address}/feed"))
    assert said in service.poll(now=NOW).problems[0].reason
    service.close()


def test_an_address_nobody_answers_is_a_failure_of_the_source_alone(service):
    service.save_source(Source("gone", SourceKind.RSS, "http://127.0.0.1:9/feed"))
    assert "cannot be reached" in service.poll(now=NOW).problems[0].reason


def test_a_server_that_asks_for_time_gets_it():
    source = Source("s", SourceKind.RSS, "http://x.example", every_s=60)
    assert next_look(source, 1, BusyError("busy", status=503, retry_after_s=900), NOW) == NOW + 15 * MINUTE
    assert next_look(source, 1, RemoteError("gone", permanent=True), NOW) == NOW + 6 * HOUR
    assert next_look(source, 40, RemoteError("down"), NOW) == NOW + 6 * HOUR
    assert next_look(source, 0, None, NOW) == NOW + MINUTE


def test_a_page_gives_its_text_once_and_again_when_it_changed(web, service):
    web.pages["/page"] = (200, {"Content-Type": "text/html"}, PAGE)
    service.save_source(Source("statement", SourceKind.PAGE, f"{web.address}/page"))
    assert service.poll("statement", now=NOW).added == 1
    (entry,) = service.feed()
    assert "fined 20 million euros" in entry.item.text and "Imprint" not in entry.item.text
    assert service.poll("statement", now=NOW + HOUR).added == 0
    web.pages["/page"] = (200, {"Content-Type": "text/html"}, PAGE.replace("20 million", "30 million"))
    assert service.poll("statement", now=NOW + 2 * HOUR).added == 1


def test_a_growing_file_is_read_on_from_where_it_was_and_half_a_line_waits(tmp_path, service):
    path = tmp_path / "news.jsonl"
    line = '{{"id": "{}", "title": "Alba Bank profit rises {}"}}\n'
    path.write_text(line.format("f1", "today") + '{"id": "f2", "ti', encoding="utf-8")
    service.save_source(Source("file", SourceKind.FILE, str(path)))
    assert service.poll("file", now=NOW).added == 1
    with path.open("a", encoding="utf-8") as file:
        file.write('tle": "Cora Foods wins"}\nno json\n' + line.format("f3", "again"))
    report = service.poll("file", now=NOW)
    assert (report.added, dict(report.counts)) == (2, {"malformed": 1})
    assert service.poll("file", now=NOW).added == 0
    path.write_text(line.format("f9", "in a new file"), encoding="utf-8")
    assert service.poll("file", now=NOW).added == 1


def test_a_long_file_is_read_in_pieces_and_the_place_is_kept_after_each(tmp_path):
    path = tmp_path / "news.csv"
    rows = [f"{at},{'x' * 300} {at}" for at in range(1000)]
    path.write_text("id,title\n" + "\n".join(rows) + "\n", encoding="utf-8")
    place, sizes, ids = "", [], []
    while True:
        found, place = added(path, place, 20_000_000)
        if not found:
            break
        sizes.append(len(found))
        ids += [row["id"] for _, row in found]
    assert ids == [str(at) for at in range(1000)]
    assert len(sizes) > 3 and max(sizes) < 400


def test_a_csv_keeps_its_header_for_rows_added_later_and_its_own_column_names(tmp_path, service):
    path = tmp_path / "news.csv"
    path.write_text("nr,kopf,zeit\n1,Alba Bank profit rises,2026-03-16 08:00\n", encoding="utf-8")
    columns = {"id": "nr", "title": "kopf", "published_at": "zeit"}
    service.save_source(Source("file", SourceKind.FILE, str(path), zone="Europe/Berlin", columns=columns))
    assert service.poll("file", now=NOW).added == 1
    with path.open("a", encoding="utf-8") as file:
        file.write("2,Cora Foods wins,2026-03-16 09:00\n")
    assert service.poll("file", now=NOW).added == 1
    assert service.entry("2").item.published_at == datetime(2026, 3, 16, 8, 0, tzinfo=UTC)


def test_a_csv_parted_by_semicolons_is_read_also_where_it_grows(tmp_path, service):
    path = tmp_path / "news.csv"
    path.write_text("id;title;published_at\n1;Alba Bank profit, and more;2026-03-16T08:00:00Z\n", encoding="utf-8")
    service.save_source(Source("file", SourceKind.FILE, str(path)))
    assert service.poll("file", now=NOW).added == 1
    with path.open("a", encoding="utf-8") as file:
        file.write("2;Cora Foods wins;2026-03-16T09:00:00Z\n")
    assert service.poll("file", now=NOW).added == 1
    assert [service.entry(id).item.title for id in "12"] == ["Alba Bank profit, and more", "Cora Foods wins"]
    assert [row["id"] for _, row in numbered_rows(path)] == ["1", "2"]


def test_rows_are_named_by_the_line_they_begin_on_whatever_lies_between_them(tmp_path, service):
    table, lines = tmp_path / "t.csv", tmp_path / "l.jsonl"
    table.write_text('id,title\n1,"Alba Bank\nprofit"\n\n2,Cora Foods wins\n', encoding="utf-8")
    lines.write_text('{"id": "1"}\n\n{"id": torn\n', encoding="utf-8")
    assert [name for name, _ in numbered_rows(table)] == ["t.csv:2", "t.csv:5"]
    assert [name for name, _ in numbered_rows(lines)] == ["l.jsonl:1", "l.jsonl:3"]
    _, place = added(table, "", 20_000_000)
    with table.open("a", encoding="utf-8") as file:
        file.write("3,,\n")
    service.save_source(Source("file", SourceKind.FILE, str(table)))
    assert [name for name, _ in added(table, place, 20_000_000)[0]] == ["t.csv:6"]
    assert [one.row for one in service.poll("file", now=NOW).problems] == ["t.csv:6"]


def test_a_folder_gives_each_file_once_and_one_bad_file_stops_no_other(tmp_path, service):
    (tmp_path / "a.jsonl").write_text('{"id": "1", "title": "Alba Bank profit"}\n', encoding="utf-8")
    (tmp_path / "b.csv").write_bytes("id,title\n2,海岚银行被罚款\n".encode("gb18030"))
    (tmp_path / "notes.txt").write_text("not looked at", encoding="utf-8")
    service.save_source(Source("folder", SourceKind.FOLDER, str(tmp_path)))
    assert service.poll("folder", now=NOW).added == 2
    assert service.entry("2").item.title == "海岚银行被罚款"
    (tmp_path / "c.jsonl").write_text('{"id": "3", "title": "Cora Foods wins"}\n', encoding="utf-8")
    assert service.poll("folder", now=NOW).added == 1


def test_a_file_whose_columns_nobody_knows_waits_until_the_source_names_them(tmp_path, service):
    path = tmp_path / "notes.csv"
    path.write_text("heading,when\nAlba Bank misses a payment,03/02/2026\n", encoding="utf-8")
    source = Source("notes", SourceKind.FILE, str(path))
    service.save_source(source)
    report = service.poll("notes", now=NOW)
    assert report.added == 0 and "columns of a source" in report.problems[0].reason
    columns = {"title": "heading", "published_at": "when"}
    service.save_source(replace(source, columns=columns))
    assert service.poll("notes", now=NOW).date_problems[0].why == "two_ways"
    (one,) = service.sources()
    assert doubted_dates(one.source, one.state) == 1
    with pytest.raises(DataError, match="no field 'titel'"):
        service.save_source(replace(source, columns={"titel": "heading"}))


def test_a_file_somebody_brings_with_dates_of_two_readings_is_refused_whole(tmp_path, service):
    path = tmp_path / "notes.csv"
    path.write_text("headline,body,published,url,site\nAlba Bank falls,,03/02/2026,,Wire\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"'03/02/2026' \(notes.csv:2\)"):
        service.ingest_rows(numbered_rows(path), now=NOW, layout=Layout())
    assert service.status()["items"] == 0
    report = service.ingest_rows(numbered_rows(path), now=NOW, layout=Layout(dates=DateOrder.DAY_FIRST))
    assert (report.added, report.sources, report.date_orders) == (1, ("Wire",), ("day-first",))


def test_a_strange_line_in_a_file_that_was_read_before_is_counted_and_stops_nothing(tmp_path, service):
    path = tmp_path / "notes.jsonl"
    path.write_text('{"id": "1", "title": "Alba Bank falls"}\n', encoding="utf-8")
    service.save_source(Source("notes", SourceKind.FILE, str(path)))
    assert service.poll("notes", now=NOW).added == 1
    with path.open("a", encoding="utf-8") as file:
        file.write('{"heartbeat": 7}\n')
    assert dict(service.poll("notes", now=NOW).counts) == {"empty": 1}
    (one,) = service.sources()
    assert (one.state.failures, one.state.counts["empty"]) == (0, 1)


def test_items_pushed_under_names_of_their_own_are_read_as_their_source_says(service):
    columns = {"title": "heading", "published_at": "when"}
    service.save_source(Source("newsroom", SourceKind.PUSH, columns=columns, dates=DateOrder.DAY_FIRST))
    service.ingest_rows([("1", {"id": "n1", "heading": "Alba Bank falls", "when": "03/02/2026"})], "newsroom", NOW)
    assert service.entry("n1").item.published_at == datetime(2026, 2, 3, tzinfo=UTC)


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(NotFoundError, match="cannot be read"):
        list(numbered_rows(tmp_path / "gone.jsonl"))
    with pytest.raises(DataError, match="must be one of"):
        list(numbered_rows(tmp_path / "news.pdf"))
    (tmp_path / "long.jsonl").write_bytes(b"x" * 300)
    with pytest.raises(DataError, match="more than 200 bytes"):
        added(tmp_path / "long.jsonl", "", 200)
    assert decoded("海".encode("gbk") + b"\n") == "海\n"


def test_a_source_is_silent_after_half_again_its_longest_pause_and_a_night_is_no_silence():
    source, known = Source("wire", SourceKind.PUSH), SourceState()
    for day in range(10):
        for hour in range(8, 20):
            known = heard(known, NOW - 10 * DAY + day * DAY + (hour - 9) * HOUR)
    last = known.last_item_at
    assert health(source, known, last + 13 * HOUR)[0] is Health.OK
    assert health(source, known, last + 21 * HOUR)[0] is Health.SILENT
    assert health(source, SourceState(), NOW)[0] is Health.WAITING


def test_one_outage_does_not_teach_that_outages_are_usual():
    known = SourceState()
    for number in range(200):
        known = heard(known, NOW + number * 10 * MINUTE)
    known = heard(known, known.last_item_at + 5 * DAY)
    assert timedelta(seconds=known.usual_gap_s) <= 20 * MINUTE


def test_paused_sources_are_left_alone(web, service):
    service.save_source(Source("coast", SourceKind.RSS, f"{web.address}/feed"))
    service.pause("coast")
    service.poll(now=NOW)
    assert web.asked == [] and state(service, "coast").health is Health.PAUSED
    service.pause("coast", paused=False)
    assert is_due(state(service, "coast").source, SourceState(), NOW)
    with pytest.raises(NotFoundError, match="no source 'other'"):
        service.pause("other")


@contextmanager
def redis_server(folder):
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait()


def test_a_redis_stream_is_read_acknowledged_and_what_was_left_is_taken_up(tmp_path, service):
    redis = pytest.importorskip("redis")
    with redis_server(tmp_path) as address, redis.Redis.from_url(address) as client:
        whole = {"id": "r1", "title": "Alba Bank fined for late reports", "source": "desk"}
        client.xadd("news", {"item": json.dumps(whole)})
        client.xadd("news", {"title": "海岚银行盈利创新高", "url": "http://x.example"})
        client.xadd("news", {"json": "no json"})
        service.save_source(Source("stream", SourceKind.REDIS, address, options={"consumer": "one"}))
        report = service.poll("stream", now=NOW)
        assert (report.added, dict(report.counts)) == (2, {"malformed": 1})
        assert client.xpending("news", "trifolium")["pending"] == 0
        assert service.entry("r1").item.source == "desk"
        client.xadd("news", {"id": "r9", "title": "Cora Foods wins order"})
        client.xreadgroup("trifolium", "one", {"news": ">"})  # taken by us, and then we died
        assert service.poll("stream", now=NOW).added == 1
        assert service.poll("stream", now=NOW).added == 0
    assert "cannot be read" in service.poll("stream", now=NOW).problems[0].reason
    assert len(service.feed(FeedQuery())) == 3
