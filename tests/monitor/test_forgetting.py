"""A source's items taken out again: counts, stories and corrections are as if they had never come, alerts stay."""

from dataclasses import replace

import pytest

from apps.monitor.alert_records import State
from apps.monitor.records import Span
from apps.monitor.source_records import Source, SourceKind
from core.errors import NotFoundError
from tests.monitor.helpers import DAY, HOUR, MINUTE, NOW, bad, good, item, monitor

THREE = '[[rule]]\nname = "three-bad"\nkind = "threshold"\nper = ["company"]\nvalue = 3\nwindow = "1h"\n'


@pytest.fixture
def service():
    made = monitor(rules=THREE)
    yield made
    made.close()


def counted(service):
    """Every window of every series, all but empty ones, polarity to nine places."""
    found = {}
    with service._store.reading() as work:
        for span in Span:
            for key, point in work.counts.sums(span, NOW - 9 * DAY, NOW + DAY):
                for one in work.counts.points(key, span, NOW - 9 * DAY, NOW + DAY):
                    rounded = {name: round(getattr(one, name), 9) for name in ("polarity_sum", "confidence_sum")}
                    found[key, span, one.start] = replace(one, **rounded)
                assert point.items > 0
    return found


def stories(service):
    found = (service.story(one.story_id)[0] for one in service.feed())
    return {(one.title, one.first_seen, one.last_seen, one.items, one.reach, one.sources) for one in found}


def told(name, source, at):
    """The same story, posted by a source."""
    return item(name, "Alba Bank fined 20 million euros for late reports to the regulator", at, source, reach=3)


KEPT = [good("k1", "Cora Foods"), told("k2", "wire", NOW + HOUR), bad("k3", at=NOW + MINUTE, received=NOW + 5 * HOUR)]
FOREIGN = [
    told("f1", "shop", NOW),  # comes first, so that it gave the story its mood and its window
    told("f2", "shop", NOW + 2 * HOUR),
    bad("f3", "Cora Foods", source="shop"),
    item("f4", "海岚银行被罚款两千万元", NOW - DAY, "shop"),
]


@pytest.mark.parametrize("order", ["foreign first", "kept first", "mixed"])
def test_counts_and_stories_are_as_if_the_items_had_never_come(order):
    both, alone = monitor(), monitor()
    for one in {"foreign first": FOREIGN + KEPT, "kept first": KEPT + FOREIGN,
                "mixed": [FOREIGN[0], *KEPT, *FOREIGN[1:]]}[order]:  # fmt: skip
        both.ingest([one], now=NOW + 5 * HOUR)
    alone.ingest(KEPT, now=NOW + 5 * HOUR)
    assert counted(both) != counted(alone)
    gone = both.forget("shop")
    assert (gone.items, gone.corrected) == (4, 0)
    assert counted(both) == counted(alone)
    assert stories(both) == stories(alone)
    assert {one.item.id for one in both.feed()} == {"k1", "k2", "k3"}
    assert both.companies() == alone.companies()
    for one in (both, alone):
        one.close()


def test_what_people_corrected_goes_with_its_item_and_counts_as_corrected_until_then(service):
    service.ingest([told("f1", "shop", NOW), told("k2", "wire", NOW + HOUR), bad("k3", "Cora Foods")], now=NOW + HOUR)
    before_k3 = counted(service)
    service.correct("f1", "Mei", "positive")
    service.correct("k3", "Mei", "neutral")
    assert counted(service) != before_k3
    assert service.forget("shop").corrected == 1
    alone = monitor()
    alone.ingest([told("k2", "wire", NOW + HOUR), bad("k3", "Cora Foods")], now=NOW + HOUR)
    alone.correct("k3", "Mei", "neutral")
    assert counted(service) == counted(alone)
    assert [one.item_id for _, _, one in service.corrections()] == ["k3"]
    service.ingest([told("f1", "shop", NOW)], now=NOW + HOUR)  # the same id again brings no old correction back
    assert [one.item_id for _, _, one in service.corrections()] == ["k3"]
    alone.close()


def test_a_repost_that_a_person_corrected_leads_the_story_as_corrected(service):
    service.ingest([told("f1", "shop", NOW), told("k2", "wire", NOW + HOUR)], now=NOW + HOUR)
    service.correct("k2", "Mei", "positive")
    service.forget("shop")
    (point,) = [one for one in service.series(span=Span.DAY, since=NOW, until=NOW + HOUR) if one.stories]
    assert (point.negative, point.positive) == (0, 1)


def test_only_what_was_received_since_a_moment_is_taken_out(service):
    service.ingest([bad("old1", source="wire"), bad("old2", source="wire")], now=NOW)
    service.ingest([good("new1", received=NOW + DAY, source="wire")], now=NOW + DAY)
    assert service.forgettable("wire", NOW + HOUR).items == 1
    assert service.forget("wire", NOW + HOUR).items == 1
    assert {one.item.id for one in service.feed()} == {"old1", "old2"}
    (source,) = service.sources()
    assert (source.state.counts["items"], source.state.last_item_at) == (2, NOW)


def test_a_source_that_its_items_set_up_goes_with_them_and_one_that_somebody_set_up_stays(service):
    service.save_source(Source("desk", SourceKind.PUSH, zone="Asia/Shanghai"))
    service.ingest([bad("s1", source="shop"), bad("d1", source="desk"), bad("w1")], now=NOW)
    service.forget("shop")
    service.forget("desk")
    assert [(one.source.name, dict(one.state.counts).get("items")) for one in service.sources()] == [
        ("desk", None),
        ("wire", 1),
    ]


def test_alerts_and_their_audit_stay_and_the_next_look_finds_the_surge_over(service):
    service.ingest([bad(f"s{at}", source="shop", at=NOW + at * MINUTE) for at in range(4)], now=NOW + 4 * MINUTE)
    (alert,) = service.alerts()
    assert alert.state is State.FIRING
    before = service.alert(alert.id).history
    service.forget("shop")
    whole = service.alert(alert.id)
    assert (whole.history, whole.stories) == (before, ())
    service.ingest([good("w1", "Cora Foods", NOW + 5 * MINUTE)], now=NOW + 5 * MINUTE)
    service.tick(NOW + 6 * MINUTE)
    assert service.alert(alert.id).alert.state is not State.FIRING
    assert service.alert(alert.id).history[: len(before)] == before


def test_another_process_learns_its_past_anew(tmp_path):
    url = f"sqlite:///{tmp_path / 'm.db'}"
    first, second = monitor(url, THREE), monitor(url)
    second.ingest([good("k1")], now=NOW)
    first.ingest([bad("f1", source="shop")], now=NOW)
    learnt = second._desk.past
    first.forget("shop")
    second.tick(NOW + MINUTE)
    assert second._desk.past is not learnt
    for one in (first, second):
        one.close()


def test_a_story_whose_beginning_is_too_old_to_be_kept_loses_reach_and_no_mood(service):
    service.ingest([told("k1", "wire", NOW - 2 * DAY)], now=NOW - 2 * DAY)
    service.ingest([told("f1", "shop", NOW), told("k2", "wire", NOW + MINUTE)], now=NOW + MINUTE)
    with service._store.writing() as work:
        work.items.drop_before(NOW - DAY)
    service.forget("shop")
    day = service.series(span=Span.DAY, since=NOW - 2 * DAY, until=NOW + HOUR)
    assert [(one.stories, one.items, one.reach, one.negative) for one in day] == [
        (1, 1, 3, 1),
        (0, 0, 0, 0),
        (0, 1, 3, 0),
    ]
    entry = service.entry("k2")
    assert (entry.story_items, entry.story_reach) == (2, 6)


def test_a_source_nobody_knows_is_named_with_the_nearest(service):
    service.ingest([bad("s1", source="shop")], now=NOW)
    with pytest.raises(NotFoundError, match="no item of a source 'shp'; the nearest known is 'shop'"):
        service.forget("shp")
    with pytest.raises(NotFoundError, match=r"no item of source 'shop' received since .*: choose an earlier moment"):
        service.forget("shop", NOW + DAY)
