"""The use-cases over a true database with a small true engine: events change lists, nothing fails, nothing is lost."""

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from apps.recommender.experiments import Variant
from apps.recommender.model_shelf import ModelShelf
from apps.recommender.records import Filters, Item, Wish
from core.errors import BusyError, ConflictError, DataError, NotFoundError
from tests.recommender.plain_engine import PlainEngine
from tests.recommender.plain_service import add_model, click, item, open_plain


@pytest.fixture
def service(tmp_path):
    made = open_plain(tmp_path)
    yield made
    made.close()


def ids(answer) -> list[str]:
    return [one.item for one in answer.list.items]


def until(true, seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.02)
    return False


def test_a_list_is_made_by_the_model_and_kept_under_its_id(service):
    answer = service.recommend("ann", wish=service.wish(k=3))
    assert (answer.route, answer.list.version, len(answer.list.items)) == ("warm", "plain-1", 3)
    assert service.recommend("nobody").route == "cold"
    service.quality()  # writes what waits
    kept = service._store.list_(answer.list_id)
    assert (list(kept.items), kept.user, kept.route) == (ids(answer), "ann", "warm")


def test_a_new_event_changes_the_next_list(service):
    before = ids(service.recommend("dora"))
    report = service.add_events([click("n1", "dora", before[0])])
    after = ids(service.recommend("dora"))
    assert (report.added, report.known) == (1, 0)
    assert before[0] not in after and after != before


def test_events_of_another_process_are_noticed_by_themselves(service, tmp_path):
    first = ids(service.recommend("dora"))[0]
    other = open_plain(tmp_path)
    other.add_events([click("n1", "dora", first)])
    other.put_items([item("kettle", "Kettle", "ware", 60, 0)])
    other.close()
    assert until(lambda: first not in ids(service.recommend("dora")))
    assert until(lambda: "kettle" in ids(service.recommend("dora")))


def test_an_event_sent_twice_counts_once(service):
    service.add_events([click("n1", "dora", "tea")])
    report = service.add_events([click("n1", "dora", "cup"), click("n2", "dora", "pot")])
    assert (report.added, report.known) == (1, 1)
    assert {one.id: one.item for one in service.person("dora").events} == {"n1": "tea", "n2": "pot"}


def test_bad_events_are_named_and_lose_no_others(service):
    rows = [
        click("n1", "dora", "tea"), click("n2", "dora", "unicorn"), click("n3", "dora", "cup", kind="clik"),
        click("n4", "dora", "pot", minutes_ago=-3 * 24 * 60),
    ]  # fmt: skip
    report = service.add_events(rows)
    assert report.added == 1
    assert [(one.line, one.reason.split(":")[0].split(";")[0]) for one in report.problems] == [
        (2, "There is no item 'unicorn'"), (3, "Unknown event type 'clik'"), (4, report.problems[2].reason.split(":")[0])]  # fmt: skip
    assert "nearest known is 'click'" in report.problems[1].reason and "future" in report.problems[2].reason


def test_a_broken_model_does_not_break_a_list(service, caplog):
    service._live.engine.broken = True
    answer = service.recommend("ann")
    assert (answer.route, answer.model) == ("behaviour", "") and ids(answer)
    assert "The model failed" in caplog.text


def test_a_slow_model_gives_way_in_time(tmp_path):
    service = open_plain(tmp_path, **{"recommender.serving.deadline_ms": 50})
    try:
        service._live.engine.hold.clear()
        answer = service.recommend("stranger")
        assert answer.route == "popular" and ids(answer)
    finally:
        service._live.engine.hold.set()
        service.close()


def test_without_a_model_behaviour_then_popularity_then_dates_answer(tmp_path):
    service = open_plain(tmp_path, model=False, fill=False)
    try:
        assert service.recommend("ann").list.items == ()
        service.put_items([item("tea", "Tea", "d", 1, 5), item("cup", "Cup", "d", 1, 1)])
        answer = service.recommend("ann")
        assert (answer.route, ids(answer)) == ("latest", ["cup", "tea"])
        service.add_events([click("e1", "bob", "tea", 9), click("e2", "bob", "cup", 8)])
        assert service.recommend("stranger").route == "popular"
        service.add_events([click("e3", "dora", "tea")])
        answer = service.recommend("dora")
        assert (answer.route, ids(answer)) == ("behaviour", ["cup"])
        assert service.score(["tea", "none"]).route == "popular"
        given = service.score([item("mine", "Titanium cup", "d", 1, 1), "none"]).items
        assert given[0].reason.startswith("Its text could not be read in time") and "no item" in given[1].reason
        assert service.similar("tea")[0].item == "cup"
        assert service.status()["model"].startswith("none")
        with pytest.raises(BusyError, match="train one"):
            service.explain("tea", "dora")
    finally:
        service.close()


def test_scores_keep_the_order_of_the_candidates_and_take_items_of_no_catalogue(service):
    new = item("x", "Green tea", "drinks", 5, 0)
    answer = service.score(["pot", new, "ghost", "tea"], "ann")
    assert [one.item for one in answer.items] == ["pot", "x", "ghost", "tea"]
    assert answer.route == "warm" and service.score(["pot"], "stranger").route == "cold"
    assert [one.known for one in answer.items][2] is False and answer.items[1].probability == 0.25
    with pytest.raises(DataError, match="candidates must be 1 to 2000, got 0"):
        service.score([])


def test_wishes_take_the_settings_where_nothing_is_given(service):
    wish = service.wish("zh", {"categories": ("home",)}, k=None, diversity=0.9)
    assert (wish.k, wish.diversity, wish.freshness, wish.language) == (20, 0.9, 0.1, "zh")
    assert wish.filters == Filters(categories=("home",)) and wish.deadline_s == 0
    assert service.wish(rerank_ms=250).deadline_s == 0.25
    assert {service.item(one).item.category for one in ids(service.recommend("ann", wish=wish))} == {"home"}


def test_why_and_why_not_go_through_the_same_dials(service):
    assert service.explain("rug", "ann", wish=service.wish(k=500)).stage == "shown"
    assert service.explain("tea", "ann").removed_by == ("exclude_seen",)
    assert service.explain("ghost", "ann").stage == "unknown"


def test_a_deleted_person_is_gone_from_store_file_memory_and_lists(service, tmp_path):
    service.recommend("Wilhelmina-Zebra")
    service.add_events([click("w1", "Wilhelmina-Zebra", "tea")])
    service.recommend("Wilhelmina-Zebra")
    service.delete_person("Wilhelmina-Zebra")
    assert "Wilhelmina-Zebra" not in service._live.engine.user_ids()
    assert "Wilhelmina-Zebra" not in service._live.fallback.user_ids()
    assert service.recommend("Wilhelmina-Zebra", keep=False).route == "cold"
    with pytest.raises(NotFoundError):
        service.person("Wilhelmina-Zebra")
    with pytest.raises(NotFoundError):
        service.delete_person("Wilhelmina-Zebra")
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"Wilhelmina-Zebra" not in path.read_bytes(), path


def test_a_deleted_item_is_gone_everywhere_also_in_another_process(service, tmp_path):
    other = open_plain(tmp_path)
    try:
        assert "rug" in ids(other.recommend("x"))
        service.delete_item("rug")
        for place in (service, other):
            assert until(lambda place=place: "rug" not in ids(place.recommend("x", keep=False)))
        assert service.items(search="rug") == []
        with pytest.raises(NotFoundError):
            service.similar("rug")
    finally:
        other.close()


def test_a_deletion_by_another_process_is_noticed(service, tmp_path):
    other = open_plain(tmp_path)
    other.delete_person("ann")
    other.close()
    assert until(lambda: "ann" not in service._live.engine.user_ids())


def test_models_are_swapped_under_load_and_no_call_fails(service, tmp_path):
    failed, versions, stop = [], set(), threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                answer = service.recommend("ann", keep=False)
                versions.add(answer.list.version)
                if answer.route != "warm":
                    failed.append(answer.route)
            except Exception as error:  # noqa: BLE001  # whatever fails is what the test looks for
                failed.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    shelf = ModelShelf(tmp_path)
    names = [shelf.live_name()]
    for number in range(2, 6):
        names.append(service.promote(add_model(shelf, tmp_path, f"plain-{number}")).name)
        time.sleep(0.05)
    stop.set()
    for thread in threads:
        thread.join()
    assert failed == [] and {"plain-2", "plain-5"} <= versions
    assert service.recommend("ann").list.version == "plain-5"
    assert [one.live for one in service.models()].count(True) == 1
    assert service.roll_back().name == names[-2]
    assert service.recommend("ann").list.version == "plain-4"


def test_a_promotion_by_another_process_is_noticed(service, tmp_path):
    shelf = ModelShelf(tmp_path)
    shelf.promote(add_model(shelf, tmp_path, "plain-9"))
    assert until(lambda: service.recommend("ann").list.version == "plain-9")


def test_a_model_that_cannot_be_loaded_leaves_the_old_one_at_work(service, tmp_path, monkeypatch):
    def refuse(folder):
        raise DataError("The model was fitted with other vectors.")

    monkeypatch.setattr(service._live, "_open", refuse)
    shelf = ModelShelf(tmp_path)
    with pytest.raises(DataError, match="other vectors"):
        service.promote(add_model(shelf, tmp_path, "plain-8"))
    assert service.recommend("ann").list.version == "plain-1"
    assert "other vectors" in service.status()["problem"]


def test_a_model_of_another_shop_is_refused_with_the_reason(service, tmp_path, monkeypatch):
    other = add_model(ModelShelf(tmp_path), tmp_path, "elsewhere")

    def stranger(folder):
        engine = PlainEngine("elsewhere")
        engine.upsert_items([Item(f"x{n}", f"thing {n}") for n in range(20)])
        return engine

    monkeypatch.setattr(service._live, "_open", stranger)
    with pytest.raises(DataError, match="of its 20 items 0 are in this one"):
        service.promote(other)
    assert service.model and service.recommend("ann").list.items


def test_a_model_fed_from_the_database_knows_what_came_before_it_was_loaded(service, tmp_path):
    service.add_events([click("n1", "dora", "tea")])
    service.promote(add_model(ModelShelf(tmp_path), tmp_path, "plain-2"))
    assert service.recommend("dora").route == "warm"
    assert "tea" not in ids(service.recommend("dora"))


def test_an_experiment_splits_by_person_and_its_clicks_are_counted(service):
    service.start_experiment("dials", [Variant("A", 0.5), Variant("B", 0.5, {"diversity": 0.9})])
    people = {name: service.recommend(name) for name in ("ann", "bob", "曹", "dora")}
    assert {name: one.arms["dials"] for name, one in people.items()} == {"ann": "B", "bob": "A", "曹": "A", "dora": "B"}
    asked = {wish.diversity for wish in service._live.engine.asked[-4:]}
    assert asked == {Wish().diversity, 0.9}
    bobs = people["bob"]
    service.add_events([click("c1", "bob", ids(bobs)[0], 0, list_id=bobs.list_id)])
    report = service.read_experiment("dials")
    a, b = report.arms
    assert (a.people, a.lists, a.wanted, a.ndcg) == (2, 2, 1, 1.0) and (b.people, b.wanted) == (2, 0)
    assert report.differences[0].verdict == "too_few"
    assert service.person("bob").arms == {"dials": "A"}
    assert not service.end_experiment("dials").running
    assert service.recommend("bob").arms == {}
    with pytest.raises(ConflictError):
        service.start_experiment("dials", [Variant("A", 0.5), Variant("B", 0.5)])


def test_quality_counts_what_was_served_and_wanted(service):
    answer = service.recommend("ann", wish=service.wish(k=2))
    service.recommend("bob", wish=service.wish(k=2))
    service.add_events([click("c1", "ann", ids(answer)[1], 0, list_id=answer.list_id)])
    found = service.quality(days=1)
    assert (found.lists, found.people, found.click_rate) == (2, 2, 0.25)
    assert found.ndcg == pytest.approx(0.6309, abs=1e-4)
    assert found.days[0].coverage == found.exposure.coverage <= 4 / 7
    assert [one.item for one in found.fresh] == ["fan", "rug"]
    assert sum(number for _, kind, number in service.pulse(5) if kind == "click") >= 1


def test_popular_latest_items_and_people_are_listed(service):
    assert service.latest(2)[0].id == "fan"
    assert {one.id for one in service.popular(2)} <= {"tea", "cup", "cha", "pot"}
    assert [one.id for one in service.popular(5, "ware")] == [
        one.id for one in service.popular(5) if one.category == "ware"
    ]
    assert service.categories() == {"home": 3, "drinks": 2, "ware": 2}
    assert service.item("tea").events == {"click": 2}
    assert {one.id for one in service.people()} == {"ann", "bob", "曹"}


def test_a_batch_too_large_is_refused_whole(tmp_path):
    service = open_plain(tmp_path, **{"recommender.serving.most_batch": 10})
    try:
        with pytest.raises(DataError, match="A call takes 1 to 10 events, got 11"):
            service.add_events([click(f"n{n}", "dora", "tea") for n in range(11)])
        assert service.person("ann")
    finally:
        service.close()


def test_the_sample_is_moved_to_today_by_whole_days(tmp_path):
    service = open_plain(tmp_path, fill=False)
    try:
        then = datetime(2020, 1, 10, 8, 30, tzinfo=UTC)
        things = [replace(item("tea", "Tea", "d", 1, 0), created_at=then - timedelta(days=4))]
        events = [replace(click(f"e{n}", "ann", "tea"), time=then - timedelta(days=n)) for n in range(3)]
        service.take_sample(things, events)
        kept = service.person("ann").events
        assert timedelta() <= datetime.now(UTC) - kept[0].time < timedelta(days=1)
        assert [kept[0].time - one.time for one in kept] == [timedelta(days=n) for n in range(3)]
        assert kept[0].time.time() == then.time()
        assert kept[0].time - service.item("tea").item.created_at == timedelta(days=4)
    finally:
        service.close()


def test_everything_is_there_again_after_a_restart(service, tmp_path):
    service.recommend("ann")
    service.add_events([click("n1", "dora", "tea")])
    service.close()
    again = open_plain(tmp_path, fill=False)
    assert again.status()["known"] == {"items": 7, "events": 7, "people": 4, "lists": 1}
    assert "tea" not in ids(again.recommend("dora"))
    again.close()


def test_the_sample_shop_goes_whole_and_one_s_own_shop_stays(tmp_path):
    from apps.recommender.dataset import read_sample
    from apps.recommender.sample_shop import SAMPLE

    service = open_plain(tmp_path, model=False)
    own = service.counts()
    sample = read_sample(SAMPLE)
    some = {one.id for one in sample.items[:8]}
    service.take_sample(sample.items[:8], [one for one in sample.events if one.item in some][:300])
    taken = sample.items[0]
    service.put_items([Item(taken.id, "A lamp of our own")])  # the same id, but not the sample's any more
    service._fit_small = lambda on_event: None  # no encoder here
    assert service.forget_sample() == 7
    after = service.counts()
    assert (after["items"], service.item(taken.id).item.title) == (own["items"] + 1, "A lamp of our own")
    assert after["events"] - own["events"] == sum(service.item(taken.id).events.values())
    assert service.forget_sample() == 0 and not service.untouched
    assert [one.live for one in service.models()] == [False] * len(service.models())
    service.close()


@pytest.mark.parametrize(
    ("sent", "kept"), [("点击", "click"), ("Add to cart", "cart"), ("buy", "purchase"), ("不感兴趣", "dislike")]
)
def test_an_event_by_another_name_of_its_kind_is_kept_as_that_kind(service, sent, kept):
    assert service.add_events([click("other", "eve", "lamp", kind=sent)]).added == 1
    assert [one.type for one in service.person("eve").events] == [kept]


def test_a_kind_that_nobody_knows_is_still_refused_by_name(service):
    (problem,) = service.add_events([click("odd", "eve", "lamp", kind="stared")]).problems
    assert "Unknown event type 'stared'" in problem.reason
