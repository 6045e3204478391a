"""The Python client against the true server over a socket, and its second tries against a server that fails."""

from datetime import UTC, datetime

import httpx
import pytest

from apps.api import create_app
from apps.recommender.client import RecommenderClient
from apps.recommender.records import Item
from core.errors import BusyError, ConflictError, DataError, NotFoundError, RemoteError
from core.settings import CoreSettings, ServerSettings
from tests.recommender.plain_service import click, open_plain
from tests.sockets import serving

KEY = "correct-horse-battery"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    made = open_plain(tmp_path_factory.mktemp("client"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def shop(service):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("apps.api.APPS", ("recommender",))
        app = create_app(CoreSettings(server=ServerSettings(api_key=KEY)), {"recommender": lambda: service})
    with serving(app) as http, RecommenderClient(str(http.base_url), KEY, 30) as client:
        yield client


def test_a_list_a_click_on_it_and_another_list(shop, service):
    listed = shop.recommend("ivy", k=4, language="zh", filters={"categories": ("home", "ware")})
    assert listed.route == "cold" and len(listed.items) == 4 and listed.list_id
    first = listed.items[0]
    assert first.probability > 0 and first.parts and service.item(first.item).item.category in ("home", "ware")
    event = click("c1", "ivy", first.item, 0, list_id=listed.list_id)
    assert shop.add_events([event]).added == 1
    assert shop.add_events([event]).known == 1
    assert first.item not in [one.item for one in shop.recommend("ivy").items]
    assert shop.user("ivy")["events"][0]["list_id"] == listed.list_id


def test_http_says_what_the_service_says(shop, service):
    assert shop.score(["pot", "tea", "ghost"], "ann") == list(service.score(["pot", "tea", "ghost"], "ann").items)
    alike = shop.similar("tea", 3)
    assert [one.item for one in alike] == [one.item for one in service.similar("tea", 3)]
    assert [one.probability for one in alike] == [0.0, 0.0, 0.0]
    assert shop.why_not("tea", "ann").removed_by == service.explain("tea", "ann").removed_by == ("exclude_seen",)
    assert shop.explain("rug", "ann", k=100).scored.item == "rug"


def test_items_go_in_whole_and_come_out(shop):
    made = Item(
        "jar",
        "Tea jar 茶叶罐",
        "Tin.",
        ("tea",),
        "ware",
        "L",
        15.0,
        "en",
        datetime(2026, 1, 1, tzinfo=UTC),
        True,
        {"g": 90.0},
    )
    assert shop.put_items([made]).added == 1
    assert shop.put_items([made]).known == 1
    assert shop.item("jar")["item"]["attributes"] == {"g": 90.0}
    assert shop.score([made, Item("other", "Another jar")])[1].item == "other"
    shop.delete_item("jar")
    with pytest.raises(NotFoundError, match="no item 'jar'"):
        shop.item("jar")


def test_ids_with_slashes_and_chinese_words_are_addressed(shop):
    for odd in ("https://shop/曹 操?a=1#b", "曹 操"):
        shop.add_events([click(f"odd {odd}", odd, "tea")])
        assert shop.user(odd)["id"] == odd
        shop.delete_user(odd)
        with pytest.raises(NotFoundError):
            shop.user(odd)


def test_errors_are_the_suites_own_with_the_servers_sentence(shop):
    with pytest.raises(DataError, match="'k'"):
        shop.recommend("ann", k=0)
    with pytest.raises(NotFoundError, match="no item 'ghost'"):
        shop.similar("ghost")
    with RecommenderClient(str(shop._http.base_url), "wrong") as stranger, pytest.raises(RemoteError, match="API key"):
        stranger.recommend("ann")
    problems = shop.add_events([click("p1", "ann", "ghost"), click("p2", "ann", "pot")]).problems
    assert problems == ((1, "There is no item 'ghost': put the item first."),)


def answering(*answers):
    """A client whose server gives these answers in turn, and the requests it got."""
    seen, rest = [], list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.content)
        found = rest.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    client = RecommenderClient("http://x", transport=httpx.MockTransport(answer), sleep=lambda seconds: None)
    return client, seen


def test_a_broken_connection_is_tried_again_with_the_same_ids():
    done = httpx.Response(200, json={"added": 1, "known": 0, "problems": []})
    client, seen = answering(httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), done)
    assert client.add_events([click("keep-me", "ann", "tea")]).added == 1
    assert len(seen) == 3 and len(set(seen)) == 1 and b"keep-me" in seen[0]


def test_a_busy_server_is_tried_again_and_a_refusal_is_not():
    busy = httpx.Response(503, json={"error": {"message": "Still starting.", "type": "", "code": ""}})
    client, seen = answering(busy, busy, busy)
    with pytest.raises(BusyError, match="Still starting"):
        client.recommend("ann")
    assert len(seen) == 3
    client, seen = answering(httpx.Response(409, json={"error": {"message": "Taken.", "type": "", "code": ""}}))
    with pytest.raises(ConflictError, match="Taken"):
        client.recommend("ann")
    assert len(seen) == 1
    client, _ = answering(httpx.Response(502, text="<html>"))
    with pytest.raises(RemoteError, match="status 502"):
        client.recommend("ann")
    client, _ = answering(*[httpx.ConnectError("refused")] * 3)
    with pytest.raises(RemoteError, match="cannot be reached: refused"):
        client.recommend("ann")
