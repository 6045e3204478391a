"""The use-cases as doors call them: acting on alerts, rules with versions, learning, the sample, the live loop."""

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest

from apps.monitor.alert_records import State, Why
from apps.monitor.live import Loop
from apps.monitor.records import Label, Span
from apps.monitor.rows import numbered
from apps.monitor.service import build
from apps.monitor.settings import load_settings
from apps.monitor.source_records import Source, SourceKind
from apps.monitor.starting import read_incidents, read_sample, read_sources
from apps.monitor.store import Store
from apps.monitor.store_tables import Base
from core.errors import ConflictError, DataError, NotFoundError, SettingsError
from core.migrations import differences
from core.storage import open_database
from tests.monitor import lexicon
from tests.monitor.helpers import DAY, HOUR, MINUTE, NOW, bad, good, item, monitor

RULE = '[[rule]]\nname = "bad"\nkind = "threshold"\nvalue = 3\nkeep_firing_for = "1h"\nseverity = "high"\n'


@pytest.fixture
def service():
    made = monitor(rules=RULE)
    yield made
    made.close()


def raised(service):
    service.ingest([bad(f"b{at}", at=NOW + at * MINUTE) for at in range(4)], now=NOW + 4 * MINUTE)
    return service.alerts()[0]


def test_an_alert_is_acknowledged_noted_assigned_and_closed_and_the_audit_says_by_whom(service):
    alert = raised(service)
    later = NOW + 5 * MINUTE
    service.acknowledge(alert.id, "ada", "on it", later)
    service.comment(alert.id, "ben", "银行已回应", later)
    service.assign(alert.id, "ada", "ben", later)
    closed = service.false_alarm(alert.id, "ben", "an old report", later)
    assert (closed.state, closed.owner, closed.note) == (State.RESOLVED, "ben", "an old report")
    view = service.alert(alert.id)
    assert [(line.why, line.by) for line in view.history] == [
        (Why.HOLDS, ""), (Why.ACKNOWLEDGED, "ada"), (Why.COMMENT, "ben"), (Why.ASSIGNED, "ada"), (Why.FALSE_ALARM, "ben"),
    ]  # fmt: skip
    assert view.history[2].note == "银行已回应"
    assert [line.number for line in view.history] == sorted(line.number for line in service.transitions())


def test_acts_that_cannot_be_are_refused_in_one_sentence(service):
    alert = raised(service)
    with pytest.raises(DataError, match="needs a name"):
        service.acknowledge(alert.id, " ")
    with pytest.raises(DataError, match="needs a text"):
        service.comment(alert.id, "ada", "")
    with pytest.raises(NotFoundError, match="no alert 'x'"):
        service.resolve("x", "ada", "")
    service.resolve(alert.id, "ada", "done", NOW + HOUR)
    with pytest.raises(ConflictError, match="Only an open alert"):
        service.acknowledge(alert.id, "ada")


def test_alerts_are_listed_by_state_severity_and_company(service):
    alert = raised(service)
    assert service.alerts(state=State.FIRING) == service.alerts(open_only=True) == [alert]
    assert service.alerts(severity="high", company="alba") == [alert]
    assert service.alerts(severity="low") == service.alerts(company="cora") == []
    service.tick(NOW + 2 * HOUR)
    service.tick(NOW + 4 * HOUR)
    assert service.alerts(open_only=True) == []
    assert service.alerts(state=State.RESOLVED)[0].episode == 1


def test_alerts_and_items_asked_for_by_id_come_in_that_order_and_unknown_ones_not_at_all(service):
    alert = raised(service)
    assert service.alerts_of(["x", alert.id]) == [alert]
    assert [one.item.id for one in service.entries(["b2", "x", "b0"])] == ["b2", "b0"]
    assert service.entries([]) == service.alerts_of([]) == []
    assert service.entries(["b1"]) == [service.entry("b1")]


def test_a_silence_begins_ends_by_itself_or_by_hand(service):
    service.ingest([good("g")], now=NOW)  # a company that nobody has heard of cannot be silenced
    made = service.silence("ada", NOW + DAY, "results day", company="alba", start=NOW - HOUR)
    assert raised(service).state is State.SILENCED
    service.tick(NOW + 10 * MINUTE)
    assert service.alerts()[0].state is State.SILENCED
    with pytest.raises(NotFoundError):
        service.end_silence("x", "ada")
    ended = service.end_silence(made.id, "ada")
    assert "ended by ada" in ended.reason
    assert service.silences() == [] and service.silences(active_only=False) == [ended]
    with pytest.raises(DataError, match="must end after it begins"):
        service.silence("ada", NOW, start=NOW)


def test_what_is_wrong_or_doubtful_in_rules_is_told_in_both_languages(service):
    with pytest.raises(DataError) as error:
        service.save_rules(f'{RULE}topics = ["creditt"]\n', "ada")
    assert "限定的主题“creditt”不在可识别的主题之列；最接近的是“credit”" in error.value.args[0].chinese
    service.ingest([good("g")], now=NOW)
    (doubt,) = service.rule_doubts(f'{RULE}companies = ["alba", "albba"]\nsources = ["wire"]\n')
    assert doubt.startswith("Rule 'bad' names company 'albba', of which nothing has come yet: check the spelling; the")
    assert "提到的公司“albba”尚未出现过，请检查拼写；最接近的是“alba”" in doubt.chinese
    with pytest.raises(NotFoundError) as unknown:
        service.silence("ada", NOW + DAY, rule="bed")
    assert "没有名为“bed”的规则；最接近的是“bad”" in unknown.value.args[0].chinese


def test_rules_have_versions_and_an_old_one_can_be_used_again(service):
    assert service.rules().version == 1
    second = service.save_rules(RULE.replace("3", "30"), "ada", "calmer")
    with pytest.raises(DataError):
        service.save_rules("[[rule]]", "ada")
    again = service.use_rules(1, "ben")
    assert (second.version, again.version, again.toml, again.note) == (2, 3, RULE, "version 1 again")
    assert [one.version for one in service.rule_versions()] == [3, 2, 1]
    assert raised(service).rule_version == 3
    with pytest.raises(NotFoundError, match="no version 9"):
        service.use_rules(9, "ada")


def test_alerts_of_a_rule_that_was_taken_out_are_resolved_and_say_why(service):
    alert = raised(service)
    service.save_rules(RULE.replace('"bad"', '"worse"').replace("3", "30"), "ada")
    service.tick(NOW + 5 * MINUTE)
    assert service.alert(alert.id).history[-1].why is Why.RULE_GONE
    assert service.alerts(open_only=True) == []


def test_a_correction_changes_feed_and_counts_and_is_an_example(service):
    service.ingest([bad("b1")], now=NOW)
    service.correct("b1", "ada", sentiment="positive", topics=["product"])
    entry = service.entry("b1")
    assert (entry.reading.sentiment.label, entry.corrected) == (Label.POSITIVE, True)
    assert [one.topic for one in entry.reading.topics] == ["product"]
    (point,) = service.series(company="alba", span=Span.DAY, since=NOW, until=NOW + HOUR)
    assert (point.stories, point.items, point.negative, point.positive) == (1, 1, 0, 1)
    (gone,) = service.series(topic="regulation", span=Span.DAY, since=NOW, until=NOW + HOUR)
    assert (gone.stories, gone.items) == (0, 0)
    service.correct("b1", "ben", companies={"alba": "negative", "cora": "neutral"})
    ((known, reading, correction),) = service.corrections()
    assert (known.id, reading.sentiment.label, correction.by) == ("b1", Label.NEGATIVE, "ben")
    assert {one.company: one.sentiment.label for one in service.entry("b1").reading.companies} == {
        "alba": "negative", "cora": "neutral",
    }  # fmt: skip
    with pytest.raises(DataError, match="negative, neutral or positive"):
        service.correct("b1", "ada", sentiment="awful")
    with pytest.raises(NotFoundError):
        service.correct("x", "ada", sentiment="neutral")


def test_correcting_a_repost_leaves_the_storys_mood_as_it_was(service):
    service.ingest([bad("b1"), item("copy", bad("b1").title, NOW + MINUTE)], now=NOW)
    service.correct("copy", "ada", sentiment="positive")
    (point,) = service.series(company="alba", span=Span.DAY, since=NOW, until=NOW + HOUR)
    assert (point.stories, point.negative, point.positive) == (1, 1, 0)


def test_the_least_sure_are_offered_first_and_corrected_ones_no_more(service):
    service.ingest([bad("sure1"), item("unsure2", "Alba Bank meets investors on the harbour front")], now=NOW)
    assert [one.item.id for one in service.uncertain()] == ["unsure2", "sure1"]
    service.correct("unsure2", "ada", sentiment="neutral")
    assert [one.item.id for one in service.uncertain()] == ["sure1"]


def test_a_common_word_is_listed_as_a_company_once_two_stories_bear_it(service, monkeypatch):
    for name in ("Cherry", "Siemens", "Apple Mobile"):
        monkeypatch.setitem(lexicon.COMPANIES, name, name)
    copies = [item(f"c{at}", "Cherry fined for the late delivery of keys", NOW + at * MINUTE) for at in range(2)]
    one_each = [
        item("s", "Siemens wins a large order for trains"),
        item("m", "Apple Mobile opens forty shops in Cebu"),
    ]
    service.ingest([*copies, *one_each], now=NOW + HOUR)
    heat = {one.company for one in service.heat(NOW - HOUR, NOW + HOUR)}
    assert set(service.companies()) == heat == {"Siemens", "Apple Mobile"}
    service.check_names(company="Cherry")  # whoever asks for it gets what there is
    service.ingest([item("c3", "Record year for keyboards, says Cherry", NOW + 2 * HOUR)], now=NOW + 2 * HOUR)
    assert "Cherry" in service.companies()
    assert "Cherry" in {one.company for one in service.heat(NOW - HOUR, NOW + 3 * HOUR)}


def test_who_reads_one_language_is_offered_that_one_in_the_same_order(service):
    service.ingest(
        [bad("sure"), item("zh", "海岚银行会见投资者"), item("unsure", "Alba Bank meets investors")], now=NOW
    )
    everything = [one.item.id for one in service.uncertain()]
    english = [one.item.id for one in service.uncertain(language="en")]
    assert english == [one for one in everything if one != "zh"] == ["unsure", "sure"]
    assert [one.item.id for one in service.uncertain(language="zh")] == ["zh"]


def test_a_story_is_offered_once_for_review_and_no_more_once_one_of_its_items_was_corrected(service):
    title = "Alba Bank meets investors on the harbour front"
    copies = [item(f"copy{number}", title, NOW + number * MINUTE) for number in range(3)]
    service.ingest([*copies, bad("sure")], now=NOW + HOUR)
    assert [one.item.id for one in service.uncertain()] == ["copy2", "sure"]
    service.correct("copy2", "ada", sentiment="neutral")
    assert [one.item.id for one in service.uncertain()] == ["sure"]


def test_drift_shows_what_changed_and_nothing_while_there_is_little():
    service = monitor()
    now = datetime.now(UTC)
    service.ingest([good(f"g{at}", at=now - 20 * DAY + at * 2 * HOUR) for at in range(60)], now=now)
    assert service.drift() == []
    service.ingest([bad(f"b{at}", at=now - DAY + at * MINUTE) for at in range(60)], now=now)
    rows = {row.name: row for row in service.drift()}
    assert rows["mood"].index > 1 and rows["mood"].now == {"negative": 1.0, "positive": 0.0}
    assert rows["language"].index == rows["abstained"].index == 0
    service.close()


def test_texts_are_classified_without_being_kept(service):
    first, second = service.classify(["Alba Bank fined", "海岚银行盈利"])
    assert (first.sentiment.label, second.sentiment.label) == (Label.NEGATIVE, Label.POSITIVE)
    assert service.status()["items"] == 0
    with pytest.raises(DataError):
        service.classify([" "])


def test_the_report_counts_dates_without_a_zone_and_rows_are_heard_piece_by_piece(service):
    heard = []
    rows = [{"id": str(n), "title": f"Alba Bank wins prize {n}", "published_at": "2026-03-16 08:00"} for n in range(3)]
    rows.append({"id": "z", "title": "Cora Foods wins", "published_at": "2026-03-16T08:00:00+08:00"})
    report = service.ingest_rows(numbered(rows), now=NOW, on_event=heard.append)
    assert (report.added, report.zoneless) == (4, 3)
    assert (heard[-1].done, heard[-1].total) == (4, 4)


def test_a_series_of_too_many_windows_is_refused(service):
    with pytest.raises(DataError, match="choose a longer span"):
        service.series(span=Span.MINUTE, since=NOW - 400 * DAY, until=NOW)


def test_the_clock_of_an_old_stream_is_its_last_moment_and_of_a_live_one_now(service):
    assert abs(service.clock() - datetime.now(UTC)) < MINUTE
    service.ingest([bad("b1")], now=NOW)
    assert service.clock() == NOW + MINUTE
    service.save_source(Source("feed", SourceKind.RSS, "http://x.example/feed"))
    assert abs(service.clock() - datetime.now(UTC)) < MINUTE


def sample(folder):
    rows = [
        {"id": f"m{at}", "source": "Meridian Wire", "title": bad(f"b{at}").title,
         "received_at": (NOW + at * MINUTE).isoformat(), "labels": {"sentiment": "negative"}}
        for at in range(6)
    ]  # fmt: skip
    (folder / "stream.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "incidents.jsonl").write_text(
        json.dumps({"id": "i", "company": "alba", "start": NOW.isoformat(), "end": (NOW + HOUR).isoformat()}) + "\n"
    )
    return folder


def test_the_sample_is_moved_by_whole_days_and_loaded_once(tmp_path, service):
    folder = sample(tmp_path)
    *_, last = service.load_sample(folder)
    assert (last.done, last.firings) == (6, 1)
    (alert,) = service.alerts()
    assert len(service.alert(alert.id).stories) == 6
    assert [line.why for line in service.alert(alert.id).history] == [Why.HOLDS]
    status = service.status()
    assert status["sample"] and datetime.now(UTC) - status["newest_receipt"] < DAY
    shift = timedelta(days=status["shifted_days"])
    assert service.entry("m0").item.received_at == NOW + shift
    assert read_incidents(folder / "incidents.jsonl", shift)[0].start == NOW + shift
    assert list(service.load_sample(folder)) == []
    assert service.messages() == []


def test_an_alert_of_the_sample_that_is_over_still_shows_the_stories_that_raised_it(tmp_path, service):
    folder = sample(tmp_path)
    later = {"id": "g1", "source": "Meridian Wire", "title": good("g1").title, "received_at": (NOW + DAY).isoformat()}
    with (folder / "stream.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(later) + "\n")
    list(service.load_sample(folder))
    (alert,) = service.alerts()
    assert alert.state is State.RESOLVED
    told = {entry.item.id for entry in service.alert(alert.id).stories}
    assert told
    assert told <= {f"m{at}" for at in range(6)}


SILENCE = """
[[rule]]
name = "quiet"
kind = "silence"
per = ["source"]
after = "30h"
"""


def test_no_source_seems_silent_while_the_sample_is_read_in(tmp_path):
    service = monitor(rules=SILENCE, **{"intake.batch": 3})
    folder = sample(tmp_path)
    rows = [json.loads(line) for line in (folder / "stream.jsonl").read_text(encoding="utf-8").splitlines()]
    for days, row in enumerate(reversed(rows)):
        row["received_at"] = (NOW - days * DAY).isoformat()
    (folder / "stream.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    player = service.load_sample(folder)
    next(player)  # of its source only what is three days old and older is there
    assert service.tick() == [] and service.alerts() == []
    list(player)
    service.tick()
    assert service.alerts(open_only=True) == []
    late = service.tick(datetime.now(UTC) + 3 * DAY)  # and when it really is
    assert [line.why for line in late] == [Why.HOLDS]
    service.close()


def test_another_process_says_how_far_the_sample_is_that_this_one_reads_in(tmp_path):
    address = f"sqlite:///{tmp_path / 'm.db'}"
    service, other = (monitor(address, **{"intake.batch": 2}) for _ in range(2))
    player = service.load_sample(sample(tmp_path))
    next(player)
    assert other.status()["loading"] == {"running": True, "done": 2, "total": 6, "error": ""}
    list(player)
    assert not other.status()["loading"]["running"]
    service.close()
    other.close()


def test_a_sample_that_was_interrupted_goes_on_and_one_beside_own_items_does_not_begin(tmp_path):
    service = monitor(rules=RULE, **{"intake.batch": 3})
    folder, stop = sample(tmp_path), threading.Event()
    player = service.load_sample(folder, stop)
    next(player)
    stop.set()
    assert list(player) == [] and service.alerts() == []
    *_, last = service.load_sample(folder)
    assert service.status()["items"] == 6 and last.report.duplicates > 0
    assert [one.state for one in service.alerts()] == [State.FIRING]
    other = monitor()
    other.ingest([bad("b1")], now=NOW)
    assert list(other.load_sample(folder)) == []
    for one in (service, other):
        one.close()


def test_a_sample_from_the_future_is_not_moved_back(tmp_path):
    taken, days = read_sample(sample(tmp_path), NOW - 30 * DAY)
    assert days == 0 and taken[0].item.received_at == NOW


def test_of_two_loops_one_works_and_the_other_takes_over_when_it_is_gone(tmp_path):
    url = f"sqlite:///{tmp_path / 'm.db'}"
    services = [monitor(url), monitor(url)]
    first, second = (Loop(one, one._store) for one in services)
    now = datetime.now(UTC)
    assert first.round(now) and not second.round(now) and first.round(now)
    assert second.round(now + timedelta(seconds=31))
    assert not first.round(now + timedelta(seconds=32))
    for one in services:
        one.close()


def test_the_loop_polls_looks_and_ends_when_told(tmp_path):
    path = tmp_path / "news.jsonl"
    path.write_text("".join(json.dumps({"id": f"b{at}", "title": bad(f"b{at}").title}) + "\n" for at in range(5)))
    service = monitor(f"sqlite:///{tmp_path / 'm.db'}", RULE)
    service.save_source(Source("file", SourceKind.FILE, str(path)))
    service.start_live()
    for _ in range(200):
        if service.status()["alerts"]:
            break
        threading.Event().wait(0.05)
    assert service.alerts()[0].state is State.FIRING
    service.close()
    assert not service._live.is_alive()


def test_sources_and_rules_of_files_are_in_place_at_the_start(tmp_path, monkeypatch):
    (tmp_path / "sources.toml").write_text(
        '[[source]]\nname = "coast"\nkind = "rss"\naddress = "http://x.example/feed"\nzone = "Asia/Shanghai"\n'
    )
    (tmp_path / "rules.toml").write_text(RULE)
    monkeypatch.setattr("apps.monitor.reading.load_reader", lambda settings, on_event: monitor()._reader)
    given = {
        "monitor.intake.sources_file": tmp_path / "sources.toml",
        "monitor.alerting.rules_file": tmp_path / "rules.toml",
    }
    service = build(load_settings(overrides=given))
    assert [one.source.zone for one in service.sources()] == ["Asia/Shanghai"]
    assert service.rules().toml == RULE
    service.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[source]]\nname = "x"\nkind = "fax"', "needs a kind: rss"),
        ('[[source]]\nname = "x"\nkind = "rss"\nadress = "y"', "unknown key 'adress'; the nearest known is 'address'"),
        ('[[source]]\nname = "x"\nkind = "rss"\naddress = "ftp://y"', "needs an http(s) address"),
        ('[[source]]\nname = "x"\nkind = "push"\nzone = "Mars/Base"', "no known time zone 'Mars/Base'"),
        ("[[source", "not sound TOML"),
    ],
)
def test_a_wrong_source_is_one_sentence(tmp_path, text, said):
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(DataError) as error:
        read_sources(tmp_path / "s.toml")
    assert said in str(error.value)


def test_a_channel_without_a_scheme_is_refused_by_its_name():
    with pytest.raises(SettingsError, match=r"channels\.risk must be a URL"):
        load_settings(overrides={"monitor.alerting.channels": {"risk": "ada@mail.example"}})


def test_the_migrations_make_exactly_the_tables(tmp_path):
    url = f"sqlite:///{tmp_path / 'm.db'}"
    Store.open(url).close()
    Store.open(url).close()  # a second start finds the work done
    assert differences(open_database(url), Base.metadata) == []
