"""The monitor's HTTP routes over a real socket, with a stand-in service: items, trends, learning, rules, sources."""

from datetime import timedelta

import pytest

from apps import api
from core.settings import CoreSettings
from tests.monitor.fake_rows import NOW
from tests.monitor.fake_service import FakeMonitor
from tests.sockets import serving

AT = "/v1/monitor"
SINCE = (NOW - timedelta(days=7)).isoformat()


@pytest.fixture(scope="module")
def fake():
    return FakeMonitor()


@pytest.fixture(scope="module")
def client(fake):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api, "APPS", ("monitor",))
        app = api.create_app(CoreSettings(), {"monitor": lambda: fake})
        with serving(app) as client:
            yield client


def message(answer) -> str:
    said = answer.json()["error"]["message"]
    assert said.endswith(".")
    assert "\n" not in said
    assert "secret" not in answer.text
    return said


def test_a_batch_goes_in_once_and_a_bad_row_loses_no_other(client, fake):
    rows = [
        {"id": "h1", "title": "Corvane cuts its dividend", "published_at": "2026-03-10T11:00:00Z"},
        {"id": "h2"},
        {"id": "h3", "text": "科凡能源：\u0000分红下调"},
    ]
    first = client.post(f"{AT}/items", json={"items": rows, "source": "newsroom"}).json()
    assert (first["added"], first["duplicates"], first["dropped"]) == (2, 0, 1)
    assert first["problems"] == [{"row": "2", "reason": "The row has neither title nor text."}]
    again = client.post(f"{AT}/items", json={"items": rows, "source": "newsroom"}).json()
    assert (again["added"], again["duplicates"], again["dropped"]) == (0, 2, 1)
    assert fake.entry("h3").item.title == "科凡能源：分红下调"  # without the NUL that no database keeps
    assert fake.entry("h1").item.source == "newsroom"


def test_a_date_that_cannot_be_used_is_named_with_its_value_and_why(client):
    rows = [{"id": "d1", "title": "Corvane opens an office"}, {"id": "d2", "title": "Corvane moves", "date": "soon"}]
    report = client.post(f"{AT}/items", json={"items": rows}).json()
    assert (report["added"], report["undated"]) == (2, 1)
    (one,) = report["date_problems"]
    assert (one["row"], one["value"], one["why"]) == ("2", "soon", "unreadable")
    assert one["reason"].startswith("The date 'soon' cannot be read")


def test_a_preview_names_the_columns_and_stores_nothing(client, fake):
    before = len(fake.rows)
    rows = [{"sku": 1, "title": "Copper kettle", "description": "Made of copper"}, {"sku": 2}]
    seen = client.post(f"{AT}/items/preview", json={"items": rows, "source": "shop"}).json()
    assert (seen["report"]["added"], seen["report"]["dropped"]) == (1, 1)
    assert seen["report"]["columns"] == {"title": ["title"], "text": ["description"]}
    assert seen["report"]["unused"] == ["sku"]
    assert [(one["title"], one["source"]) for one in seen["items"]] == [("Copper kettle", "shop")]
    assert len(fake.rows) == before


def test_half_a_character_does_not_break_a_batch(client, fake):
    sent = b'{"items": [{"id": "half", "title": "up \\ud83d"}], "source": "s"}'
    answer = client.post(f"{AT}/items", content=sent, headers={"Content-Type": "application/json"})
    assert answer.json()["added"] == 1
    assert fake.entry("half").item.title == "up ?"


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"items": []}, "items"),
        ({"items": ["text"]}, "items[0]"),
        ({"item": []}, "items"),
        ({"items": [{"title": "x"}], "source": "  "}, "source"),
        ({"items": [{"title": "x"}], "sauce": "s"}, "sauce"),
    ],
)
def test_a_wrong_batch_is_one_sentence_naming_the_field(client, body, word):
    answer = client.post(f"{AT}/items", json=body)
    assert answer.status_code == 422
    assert f"'{word}'" in message(answer)


def test_texts_are_read_and_not_stored(client, fake):
    before = len(fake.rows)
    found = client.post(f"{AT}/classify", json={"texts": ["Heavy loss", "鹤川亏损", "A quiet day"]}).json()
    assert [one["sentiment"]["label"] for one in found] == ["negative", "negative", "neutral"]
    assert [one["language"] for one in found] == ["en", "zh", "en"]
    assert found[0]["sentiment"]["polarity"] == pytest.approx(-0.88)
    assert found[0]["topics"] == [{"topic": "earnings", "probability": 0.7}]
    assert len(fake.rows) == before
    assert client.post(f"{AT}/classify", json={"texts": []}).status_code == 422
    assert client.post(f"{AT}/classify", json={"texts": ["x" * 20_001]}).status_code == 422
    busy = client.post(f"{AT}/classify", json={"texts": ["busy"]})
    assert (busy.status_code, busy.headers["retry-after"]) == (503, "2")


def test_the_feed_is_filtered_and_each_item_carries_its_reading(client):
    found = client.get(f"{AT}/items", params={"company": "hechuan", "sentiment": "positive"}).json()
    (one,) = found
    assert one["item"]["id"] == "n3"
    assert one["reading"]["sentiment"]["label"] == "positive"
    mention = one["reading"]["companies"][0]
    assert one["item"]["title"][mention["start"] : mention["end"]] == mention["name"] == "鹤川集团"
    assert len(client.get(f"{AT}/items", params={"limit": 2}).json()) == 2
    unsure = client.get(f"{AT}/items", params={"uncertain": True}).json()
    assert unsure[0]["item"]["id"] == "n4"
    assert client.get(f"{AT}/items", params={"sentiment": "grim"}).status_code == 422
    assert client.get(f"{AT}/items", params={"limit": 0}).status_code == 422
    assert client.get(f"{AT}/items/nothing").status_code == 404
    broken = client.get(f"{AT}/items", params={"search": "boom"})
    assert broken.status_code == 500
    message(broken)


def test_a_moment_without_a_zone_is_refused_with_a_sentence(client):
    answer = client.get(f"{AT}/items", params={"since": "2026-03-10T00:00:00"})
    assert answer.status_code == 422
    assert "'since' must name its time zone" in message(answer)


def test_why_an_item_was_read_so(client):
    words = client.get(f"{AT}/items/n1/explanation").json()
    assert words[0] == {"word": "misses", "start": 10, "end": 16, "weight": 0.6}
    assert client.get(f"{AT}/items/none/explanation").status_code == 404


def test_a_correction_is_kept_with_who_made_it(client, fake):
    body = {"by": "Mei", "sentiment": "neutral", "companies": {"aldermoor": "negative"}}
    made = client.post(f"{AT}/items/n1/correction", json=body)
    assert made.status_code == 201
    assert (made.json()["by"], made.json()["topics"]) == ("Mei", None)
    assert fake.corrected[-1].companies == {"aldermoor": "negative"}
    assert client.get(f"{AT}/corrections").json()[-1]["sentiment"] == "neutral"
    assert client.post(f"{AT}/items/n1/correction", json={"by": "Mei", "sentiment": "grim"}).status_code == 422
    assert client.post(f"{AT}/items/n1/correction", json={"by": " ", "sentiment": "neutral"}).status_code == 422
    nothing = client.post(f"{AT}/items/n1/correction", json={"by": "Mei"})
    assert nothing.status_code == 422
    assert "must change" in message(nothing)
    assert [one["item"]["id"] for one in client.get(f"{AT}/uncertain").json()] == ["n4"]
    assert client.get(f"{AT}/uncertain", params={"language": "zh"}).json() == []
    assert client.get(f"{AT}/uncertain", params={"language": "fr"}).status_code == 422
    assert client.get(f"{AT}/drift").json()[0]["index"] == 0.31


def test_a_series_has_every_window_and_says_how_sure_a_share_is(client):
    since = (NOW - timedelta(hours=3)).isoformat()
    points = client.get(f"{AT}/series", params={"company": "aldermoor", "since": since}).json()
    assert [one["stories"] for one in points] == [0, 1, 1]
    last = points[-1]
    assert (last["reach"], last["negative_share"]) == (50, 1.0)
    assert last["low"] == pytest.approx(0.207, abs=0.001)  # Wilson's interval of one in one
    assert client.get(f"{AT}/series", params={"span": "year"}).status_code == 422
    long = client.get(f"{AT}/series", params={"span": "minute", "since": "2020-01-01T00:00:00Z"})
    assert long.status_code == 422
    assert "windows" in message(long)


def test_heat_movers_companies_topics_and_stories(client):
    cells = client.get(f"{AT}/heat", params={"since": SINCE}).json()
    whole = next(one for one in cells if (one["company"], one["topic"]) == ("aldermoor", ""))
    assert (whole["point"]["stories"], whole["point"]["negative"]) == (3, 2)
    mover = client.get(f"{AT}/movers", params={"hours": 24}).json()[0]
    assert (mover["key"]["company"], mover["polarity_change"]) == ("aldermoor", -0.9)
    assert client.get(f"{AT}/companies").json()["hechuan"] == "鹤川集团"
    assert "scandal" in client.get(f"{AT}/topics").json()
    told = client.get(f"{AT}/stories/st-n1").json()
    assert (told["story"]["items"], told["items"][0]["id"]) == (50, "n1")
    assert client.get(f"{AT}/stories/none").status_code == 404


def test_rules_are_checked_saved_as_versions_and_brought_back(client, fake):
    first = client.get(f"{AT}/rules").json()
    assert first["version"] == 1
    wrong = {"toml": '[[rule]]\nname = "r"\nkind = "poem"\n', "by": "Mei"}
    answer = client.put(f"{AT}/rules", json=wrong)
    assert answer.status_code == 422
    assert "poem" in message(answer)
    assert fake.rules().version == 1
    assert "poem" in message(client.post(f"{AT}/rules/check", json={"toml": wrong["toml"]}))
    for refused in (
        client.put(f"{AT}/rules", json={"toml": "# off\n", "by": "Mei"}),
        client.post(f"{AT}/rules/check", json={"toml": "# off\n"}),
        client.post(f"{AT}/backtest", json={"toml": ""}),
    ):
        assert (refused.status_code, "hold no rule" in message(refused)) == (422, True)
    sound = '[[rule]]\nname = "calm"\nkind = "surge"\nseverity = "low"\n'
    (rule,) = client.post(f"{AT}/rules/check", json={"toml": sound}).json()
    assert rule == {"name": "calm", "kind": "surge", "severity": "low", "enabled": True}
    assert client.put(f"{AT}/rules", json={"toml": sound, "by": "Mei", "note": "n"}).json()["version"] == 2
    assert client.post(f"{AT}/rules/1/use", json={"by": "Mei"}).json()["toml"] == first["toml"]
    assert [one["version"] for one in client.get(f"{AT}/rules/versions").json()] == [3, 2, 1]
    assert client.post(f"{AT}/rules/9/use", json={"by": "Mei"}).status_code == 404


def test_a_backtest_tells_what_was_found_missed_and_false(client):
    report = client.post(f"{AT}/backtest", json={}).json()
    assert (report["recall"], report["median_delay_s"]) == (0.5, 1800.0)
    assert [one["delay_s"] for one in report["incidents"]] == [1800.0, None]
    assert len(report["firings"]) == 2
    assert len(report["false_alarms"]) == 1
    incident = {"id": "i", "company": "aldermoor", "start": "2026-03-10T08:00:00Z", "end": "2026-03-10T10:00:00Z"}
    assert client.post(f"{AT}/backtest", json={"incidents": [incident]}).json()["recall"] == 1.0
    assert client.post(f"{AT}/backtest", json={"incidents": []}).json()["recall"] is None
    old = incident | {"start": "2025-03-10T08:00:00Z", "end": "2025-03-10T10:00:00Z"}
    outside = client.post(f"{AT}/backtest", json={"incidents": [incident, old]}).json()
    assert (outside["recall"], outside["outside"], len(outside["incidents"])) == (1.0, 1, 1)
    backwards = incident | {"end": "2026-03-10T07:00:00Z"}
    answer = client.post(f"{AT}/backtest", json={"incidents": [backwards]})
    assert answer.status_code == 422
    assert "end after" in message(answer)
    assert [one["id"] for one in client.get(f"{AT}/incidents").json()] == ["i1", "i2"]


def test_sources_show_their_health_and_can_be_set_up_paused_and_removed(client, fake):
    found = {one["source"]["name"]: one for one in client.get(f"{AT}/sources").json()}
    assert (found["wire"]["health"], found["desk"]["health"]) == ("ok", "failing")
    assert "5 looks in a row failed" in found["desk"]["reason"]
    body = {"kind": "rss", "address": "https://me:s3cret-token@feeds.example/rss", "zone": "Asia/Shanghai"}
    made = client.put(f"{AT}/sources/feeds", json=body)
    assert made.json()["source"]["address"] == "https://feeds.example/rss"
    assert "s3cret" not in made.text
    assert client.put(f"{AT}/sources/bad", json=body | {"zone": "Mars/Base"}).status_code == 422
    assert client.put(f"{AT}/sources/bad", json=body | {"address": "ftp://x"}).status_code == 422
    assert client.post(f"{AT}/sources/feeds/pause").json()["health"] == "paused"
    assert client.post(f"{AT}/sources/feeds/resume").json()["source"]["paused"] is False
    assert client.post(f"{AT}/sources/feeds/poll").json()["added"] == 2
    assert client.delete(f"{AT}/sources/feeds").status_code == 204
    assert client.delete(f"{AT}/sources/feeds").status_code == 404


def test_channels_show_no_secret_and_a_failed_test_says_why(client):
    assert client.get(f"{AT}/channels").json()[1] == {"name": "hook", "address": "https://hook.example/…"}
    assert client.post(f"{AT}/channels/desk-mail/test").status_code == 204
    failed = client.post(f"{AT}/channels/hook/test")
    assert failed.status_code == 502
    assert "refused" in message(failed)
    waiting, given_up = client.get(f"{AT}/messages").json()
    assert (waiting["status"], given_up["status"], given_up["error"]) == ("waiting", "failed", "Refused: 550.")


def test_every_route_has_a_description_and_every_json_body_an_example(client):
    schema = client.get("/openapi.json").json()
    paths = [path for path in schema["paths"] if path.startswith(AT)]
    assert len(paths) > 35
    for path in paths:
        for method, about in schema["paths"][path].items():
            assert about.get("description"), f"{method} {path} has no description"
            content = about.get("requestBody", {}).get("content", {}).get("application/json")
            if content:
                name = content["schema"]["$ref"].rsplit("/", 1)[1]
                assert "example" in schema["components"]["schemas"][name], f"{name} has no example"
