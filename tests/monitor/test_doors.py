"""The same stream by HTTP, terminal and page: the real service with a small word-counting reader, over a real socket."""

import json
import sys
import types
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from apps import api
from apps.monitor.service import MonitorService
from apps.monitor.settings import load_settings
from apps.monitor.store import Store
from apps.monitor.ui import shared
from core.settings import CoreSettings
from tests.monitor.lexicon import LexiconReader
from tests.monitor.ui.looking import texts
from tests.sockets import serving

AT = "/v1/monitor"
RULES = (
    '[[rule]]\nname = "three-bad"\nkind = "threshold"\nper = ["company"]\nvalue = 3\nwindow = "1h"\nseverity = "high"\n'
)
BAD = (
    "Alba Bank fined over missing reports",
    "A heavy loss at Alba Bank's broker",
    "Prosecutors open a probe into Alba Bank and its chief",
    "海岚银行被罚款，亏损扩大",
)


@pytest.fixture
def service(home: Path, monkeypatch: pytest.MonkeyPatch):
    settings = load_settings(None, {"monitor.load_sample": "false", "monitor.live": "false"})
    made = MonitorService(settings, Store.open(settings.database_address), LexiconReader())
    made.save_rules(RULES, "test")
    monkeypatch.setitem(
        sys.modules, "apps.monitor.service", types.SimpleNamespace(open_service=lambda given, *more: _kept_open(made))
    )
    monkeypatch.setattr(shared, "service", lambda: made)
    yield made
    made.close()


def _kept_open(made: MonitorService) -> MonitorService:
    """What a command opens: the same service, which the command's end does not close."""
    view = types.SimpleNamespace(close=lambda: None)
    for name in dir(made):
        if not name.startswith("_") and name != "close":
            setattr(view, name, getattr(made, name))
    return view


@pytest.fixture
def client(service, monkeypatch):
    monkeypatch.setattr(api, "APPS", ("monitor",))
    with serving(api.create_app(CoreSettings(), {"monitor": lambda: service})) as client:
        yield client


def rows(*titles: str) -> list[dict]:
    at = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    return [{"id": f"i{number}", "title": title, "published_at": at} for number, title in enumerate(titles)]


def page(name: str, **state: object) -> AppTest:
    shown = AppTest.from_file(str(Path(shared.__file__).parent / f"{name}.py"), default_timeout=60)
    for key, value in state.items():
        shown.session_state[key] = value
    return shown.run()


def test_three_bad_stories_pushed_over_http_fire_one_alert_that_every_door_shows(service, client, run, capsys):
    report = client.post(f"{AT}/items", json={"items": rows(*BAD), "source": "wire"}).json()
    assert (report["added"], report["dropped"]) == (4, 0)
    (alert,) = client.get(f"{AT}/alerts", params={"open_only": True}).json()
    assert (alert["rule"], alert["key"]["company"], alert["state"]) == ("three-bad", "alba", "firing")
    assert alert["evidence"]["negative"] == 3
    assert run("alerts", "--json") == 0
    assert json.loads(capsys.readouterr().out) == [alert]
    assert "three\\-bad" in texts(page("alerts"))
    assert "alba" in texts(page("overview"))

    again = client.post(f"{AT}/items", json={"items": rows(*BAD), "source": "wire"}).json()
    assert (again["added"], again["duplicates"]) == (0, 4)
    assert len(client.get(f"{AT}/alerts").json()) == 1

    assert run("acknowledge", alert["id"], "--by", "Mei", "--note", "calling them") == 0
    whole = client.get(f"{AT}/alerts/{alert['id']}").json()
    assert (whole["alert"]["state"], whole["alert"]["owner"]) == ("acknowledged", "Mei")
    assert {one["item"]["id"] for one in whole["stories"]} == {"i0", "i1", "i2"}
    table = page("alerts", **{f"alert-{alert['id']}": True}).dataframe[0].value
    assert (table.iloc[0]["Who"], table.iloc[0]["Words"]) == ("Mei", "calling them")


def test_a_text_reads_the_same_at_every_door(service, client, run, capsys):
    text = "海岚银行被罚款，亏损扩大"
    (over_http,) = client.post(f"{AT}/classify", json={"texts": [text]}).json()
    assert run("classify", "--json", text) == 0
    (in_terminal,) = json.loads(capsys.readouterr().out)
    assert in_terminal == {"text": text, **over_http}
    assert (over_http["sentiment"]["label"], over_http["companies"][0]["company"]) == ("negative", "hailan")
    client.post(f"{AT}/items", json={"items": [{"id": "z", "title": text}]})
    stored = client.get(f"{AT}/items/z").json()["reading"]
    assert stored["sentiment"] == over_http["sentiment"]
    assert "海岚银行被罚款" in texts(page("feed"))


def test_counts_agree_between_series_heat_map_and_page(service, client):
    client.post(f"{AT}/items", json={"items": rows(*BAD, "Alba Bank wins a prize"), "source": "wire"})
    since = (datetime.now(UTC) - timedelta(hours=3)).isoformat()
    points = client.get(f"{AT}/series", params={"company": "alba", "since": since}).json()
    cells = client.get(f"{AT}/heat", params={"since": since}).json()
    whole = next(one["point"] for one in cells if (one["company"], one["topic"]) == ("alba", ""))
    assert sum(one["stories"] for one in points) == whole["stories"] == 4
    assert sum(one["negative"] for one in points) == whole["negative"] == 3
    everything = {one.label: one.value for one in page("overview", **{"overview-days": 1}).metric}
    assert everything["Stories"] == "5"
    assert everything["Negative share"] == "80%"


def test_a_company_or_topic_nobody_knows_is_named_with_the_nearest_known_one(service, client, run, capsys):
    client.post(f"{AT}/items", json={"items": rows("Alba Bank fined over missing reports")})
    for asked, said in (({"company": "alb"}, "There is no company 'alb'; the nearest known is 'alba'"),
                        ({"topic": "credits"}, "There is no topic 'credits'; the nearest known is 'credit'")):  # fmt: skip
        answer = client.get(f"{AT}/series", params=asked)
        assert answer.status_code == 404
        assert said in answer.text
        ((name, value),) = asked.items()
        for command in ("series", "feed"):
            assert run(command, f"--{name}", value) == 2
            assert said in " ".join(capsys.readouterr().err.split())
    assert client.get(f"{AT}/series", params={"company": "alba"}).status_code == 200


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("company", "albba", "There is no company 'albba'; the nearest known is 'alba'"),
        ("topic", "creditt", "There is no topic 'creditt'; the nearest known is 'credit'"),
        ("source", "wier", "There is no source 'wier'; the nearest known is 'wire'"),
        ("rule", "three-bed", "There is no rule 'three-bed'; the nearest known is 'three-bad'"),
    ],
)
def test_a_silence_of_a_name_nobody_knows_is_refused_by_every_door(service, client, run, capsys, kind, name, said):
    client.post(f"{AT}/items", json={"items": rows("Alba Bank fined over missing reports"), "source": "wire"})
    until = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    answer = client.post(f"{AT}/silences", json={"by": "Mei", "until": until, kind: name})
    assert (answer.status_code, said in answer.text) == (404, True)
    assert run("silence", "--by", "Mei", f"--{kind}", name) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert service.silences() == []


def test_an_unknown_rule_typed_on_the_page_is_told_beside_the_form(service):
    shown = page("alerts", alerts_section="silences")
    shown.text_input(key="silence-rule").set_value("three-bed")
    next(one for one in shown.button if one.label == "Silence").click().run()
    assert "There is no rule 'three\\-bed'; the nearest known is 'three\\-bad'" in shown.error[0].value
    assert service.silences() == []


def test_a_source_nobody_knows_is_named_with_the_nearest_known_one(service, client, run, capsys):
    client.post(f"{AT}/items", json={"items": rows("Alba Bank fined over missing reports"), "source": "City Paper"})
    said = "There is no source 'City Papr'; the nearest known is 'City Paper'"
    for path in ("items", "series"):
        answer = client.get(f"{AT}/{path}", params={"source": "City Papr"})
        assert (answer.status_code, said in answer.text) == (404, True)
        assert client.get(f"{AT}/{path}", params={"source": "City Paper"}).status_code == 200
    for command in ("feed", "series"):
        assert run(command, "--source", "City Papr") == 2
        assert said in " ".join(capsys.readouterr().err.split())
    for path in ("items", "alerts"):
        assert "the nearest known is 'alba'" in client.get(f"{AT}/{path}", params={"company": "albba"}).text


def test_alerts_about_a_company_are_answered_when_its_items_were_all_taken_out(service, client, run, capsys):
    service.save_rules('[[rule]]\nname = "bad"\nkind = "threshold"\nvalue = 1\n', "test")
    client.post(f"{AT}/items", json={"items": rows("Dray Motors fined over missing reports"), "source": "wire"})
    service.forget("wire")
    (alert,) = client.get(f"{AT}/alerts", params={"company": "dray"}).json()
    assert alert["key"]["company"] == "dray"
    assert run("alerts", "--all", "--company", "dray") == 0
    assert client.get(f"{AT}/alerts", params={"company": "drey"}).status_code == 404


def test_rules_name_known_topics_and_are_told_of_companies_and_sources_unheard_of(
    service, client, run, capsys, tmp_path
):
    client.post(f"{AT}/items", json={"items": rows("Alba Bank fined over missing reports"), "source": "wire"})
    wrong = f'{RULES}topics = ["creditt"]\n'
    for answer in (client.put(f"{AT}/rules", json={"toml": wrong, "by": "Mei"}),
                   client.post(f"{AT}/rules/check", json={"toml": wrong})):  # fmt: skip
        assert answer.status_code == 422
        assert "topic 'creditt', which is not told apart here; the nearest known is 'credit'" in answer.text
    assert service.rules().version == 1
    doubtful = f'{RULES}companies = ["alba", "albba"]\nsources = ["wier", "wire"]\n'
    doubts = client.put(f"{AT}/rules", json={"toml": doubtful, "by": "Mei"}).json()["doubts"]
    assert ["'albba'" in doubts[0], "'wier'" in doubts[1], len(doubts)] == [True, True, 2]
    path = tmp_path / "rules.toml"
    path.write_text(doubtful, encoding="utf-8")
    assert run("rules", "--save", str(path), "--by", "Mei") == 0
    assert "of which nothing has come yet" in " ".join(capsys.readouterr().err.split())
    shown = page("rules", rules_section="edit")
    next(one for one in shown.button if one.label == "Check").click().run()
    assert len([one for one in shown.warning if "nothing has come yet" in one.value]) == 2


def test_a_correction_made_on_the_page_changes_what_http_says(service, client):
    client.post(f"{AT}/items", json={"items": rows("Alba Bank fined over missing reports")})
    shown = page("feed", **{"why-i0": True})
    shown.segmented_control(key="mood-i0").set_value("neutral")
    next(one for one in shown.button if one.label == "Save the correction").click().run()
    entry = client.get(f"{AT}/items/i0").json()
    assert (entry["reading"]["sentiment"]["label"], entry["corrected"]) == ("neutral", True)
    assert [one["sentiment"] for one in client.get(f"{AT}/corrections").json()] == ["neutral"]


def test_a_file_taken_in_by_mistake_is_taken_out_again_and_every_door_agrees(service, client, run, capsys, tmp_path):
    client.post(f"{AT}/items", json={"items": rows("Alba Bank fined over missing reports"), "source": "wire"})
    before = client.get(f"{AT}/heat", params={"since": (datetime.now(UTC) - timedelta(days=2)).isoformat()}).json()
    path = tmp_path / "shop.csv"
    path.write_text("sku,title\n1,Copper kettle of Alba Bank\n2,Tea towel\n", encoding="utf-8")
    assert run("ingest", str(path)) == 0
    assert "source: shop" in capsys.readouterr().out
    shown = page("sources", **{"source-shop": True, "forgetting-shop": True})
    assert "2 items (0 corrected by hand) are deleted" in texts(shown)
    shown.button(key="forget-shop").click().run()
    assert not shown.exception
    assert [one["source"]["name"] for one in client.get(f"{AT}/sources").json()] == ["wire"]
    assert [one["item"]["source"] for one in client.get(f"{AT}/items").json()] == ["wire"]
    since = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    assert client.get(f"{AT}/heat", params={"since": since}).json() == before
    assert client.delete(f"{AT}/sources/shop/items").status_code == 404
    assert client.delete(f"{AT}/sources/wire/items").json() == {"items": 1, "corrected": 0}
    assert run("feed", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_replayed_file_is_played_at_its_own_times_and_its_alert_found_by_a_backtest(service, run, capsys, tmp_path):
    start = datetime(2014, 3, 3, 9, tzinfo=UTC)
    lines = [
        {
            "id": f"r{n}",
            "time": (start + timedelta(minutes=n)).isoformat(),
            "ticker": "ALBA",
            "text": title,
            "lang": "en",
        }
        for n, title in enumerate((*BAD[:3], "Cora Foods opens a shop"))
    ]
    path = tmp_path / "dated.jsonl"
    path.write_text("\n".join(json.dumps(one) for one in lines), encoding="utf-8")
    assert run("replay", str(path)) == 0
    shown = capsys.readouterr().out
    assert "three-bad" in shown
    assert "4 added" in shown
    (alert,) = service.alerts(open_only=True)
    assert alert.fired_at is not None
    assert start <= alert.fired_at <= start + timedelta(minutes=10)
    incidents = tmp_path / "incidents.jsonl"
    happened = {
        "id": "x",
        "company": "alba",
        "start": start.isoformat(),
        "end": (start + timedelta(hours=2)).isoformat(),
    }
    incidents.write_text(json.dumps(happened), encoding="utf-8")
    assert run("backtest", "--incidents", str(incidents), "--json") == 0
    report = json.loads(capsys.readouterr().out)["in force"]
    assert (report["recall"], report["false_alarms"]) == (1.0, [])


def test_every_page_opens_on_an_empty_database_in_both_languages(service):
    for language in ("en", "zh"):
        for name in ("overview", "feed", "alerts", "rules", "sources", "training"):
            shown = page(name, ui_language=language)
            assert not shown.exception, name
            assert not shown.error, name


def test_every_list_of_the_desk_answers_on_an_empty_database(service, client, run, capsys):
    for path in (
        "items", "alerts", "silences", "transitions", "rules", "rules/versions", "incidents", "sources", "channels",
        "messages", "movers", "companies", "topics", "corrections", "uncertain", "drift", "series",
    ):  # fmt: skip
        answer = client.get(f"{AT}/{path}")
        assert answer.status_code == 200, answer.text
    for line in (("feed",), ("alerts",), ("silences",), ("sources",), ("rules",), ("status",), ("watch", "--once")):
        assert run(*line, "--json") == 0, capsys.readouterr().err
