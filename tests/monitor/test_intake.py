"""Ingestion as a whole: stories, counts, late and repeated items, alerts, and what a failure leaves behind."""

import threading

import pytest

from apps.monitor.alert_records import State
from apps.monitor.records import FeedQuery, SeriesKey, Span
from apps.monitor.rows import numbered
from core.errors import DataError, TrifoliumError
from tests.monitor.helpers import DAY, HOUR, MINUTE, NOW, bad, good, item, monitor
from tests.monitor.lexicon import LexiconReader

SURGE = '[[rule]]\nname = "surge"\nkind = "surge"\nper = ["company"]\nwindow = "1h"\nmin_stories = 4\nmin_share = 0.4\n'


@pytest.fixture
def service():
    made = monitor(rules=SURGE)
    yield made
    made.close()


def history(service, days=10):
    """A quiet stream: one story on each company every six hours."""
    items = [
        good(f"h{at}", ("Alba Bank", "Cora Foods")[at % 2], NOW - days * DAY + at * 3 * HOUR) for at in range(days * 8)
    ]
    service.ingest(items, now=NOW - HOUR)


def totals(service, since=NOW - 30 * DAY, until=NOW + 2 * DAY, **key):
    points = service.series(span=Span.DAY, since=since, until=until, **key)
    return tuple(sum(getattr(one, name) for one in points) for name in ("stories", "items", "reach", "negative"))


def test_one_story_reposted_fifty_times_is_one_voice_of_reach_fifty_and_no_surge(service):
    history(service)
    text = "Alba Bank fined 20 million euros for late reports to the regulator"
    posts = [item(f"r{at}", f"RT @user{at}: {text} http://t.co/{at}", NOW + at * MINUTE / 2) for at in range(50)]
    report = service.ingest(posts, now=NOW + 30 * MINUTE)
    assert (report.added, report.reposts) == (50, 49)
    entry = service.entry("r49")
    assert (entry.story_items, entry.story_reach) == (50, 50)
    hour = service.series(company="alba", since=NOW, until=NOW + HOUR)[0]
    assert (hour.stories, hour.items, hour.reach, hour.negative) == (1, 50, 50, 1)
    assert service.alerts() == []


def test_fifty_different_stories_are_a_surge_within_minutes(service):
    history(service)
    for at in range(50):
        service.ingest([bad(f"s{at}", at=NOW + at * MINUTE)], now=NOW + at * MINUTE)
    (alert,) = service.alerts()
    assert (alert.key, alert.state) == (SeriesKey("alba"), State.FIRING)
    assert alert.fired_at <= NOW + 5 * MINUTE
    view = service.alert(alert.id)
    assert view.stories and all("Alba Bank" in one.item.title for one in view.stories)
    assert "negative stories in 1 hour where about 0" in view.history[0].evidence.why
    assert service.firings(NOW, NOW + HOUR, company="alba") == list(view.history[:1])


def test_good_news_in_any_number_raises_no_alert(service):
    history(service)
    service.ingest([good(f"s{at}", at=NOW + at * MINUTE) for at in range(30)], now=NOW + 30 * MINUTE)
    assert service.alerts() == []


def test_the_same_items_again_change_nothing(service):
    items = [bad("b1"), good("g2", "Cora Foods"), item("z3", "海岚银行因迟报被监管机构罚款两千万元")]
    first, before = service.ingest(items, now=NOW), totals(service)
    again = service.ingest(items, now=NOW)
    assert (first.added, again.added, again.duplicates) == (3, 0, 3)
    assert totals(service) == before == (3, 3, 3, 2)
    assert service.series(company="hailan", span=Span.DAY, since=NOW, until=NOW + HOUR)[0].negative == 1


def test_an_exact_copy_is_not_read_again():
    reader = LexiconReader()
    service = monitor(reader=reader)
    service.ingest([bad("b1")], now=NOW)
    service.ingest([item("copy", bad("b1").title, NOW + HOUR, source="other")], now=NOW + HOUR)
    assert reader.read_texts == 1
    assert service.entry("copy").reading.sentiment == service.entry("b1").reading.sentiment
    assert service.entry("copy").story_items == 2
    service.close()


def test_the_same_id_from_another_source_with_other_words_is_another_item(service):
    service.ingest([bad("1"), good("1", "Cora Foods", source="other")], now=NOW)
    service.ingest([good("1", "Cora Foods", source="other")], now=NOW)
    assert totals(service)[1] == 2
    assert {one.item.source for one in service.feed()} == {"wire", "other"}


def test_a_late_item_changes_the_window_it_belongs_to(service):
    service.ingest([good("g1", at=NOW)], now=NOW)
    report = service.ingest([bad("late2", at=NOW - 5 * HOUR, received=NOW)], now=NOW)
    assert report.late == 1
    hours = service.series(company="alba", since=NOW - 6 * HOUR, until=NOW + HOUR)
    assert [one.negative for one in hours] == [0, 1, 0, 0, 0, 0, 0]


def test_a_surge_that_arrives_hours_late_is_still_told(service):
    history(service)
    service.ingest(
        [bad(f"b{at}", at=NOW + at * MINUTE, received=NOW + 5 * HOUR) for at in range(12)], now=NOW + 5 * HOUR
    )
    (alert,) = service.alerts()
    assert alert.state is State.FIRING
    assert NOW <= alert.evidence.window_start <= NOW + HOUR


def test_a_late_item_is_part_of_the_past_that_later_windows_are_judged_by(service):
    history(service)
    service.ingest([bad(f"b{at}", at=NOW + at * MINUTE) for at in range(3)], now=NOW + 3 * MINUTE)
    late = [bad(f"x{at}", at=NOW - DAY + at * MINUTE, received=NOW + HOUR) for at in range(3)]
    service.ingest(late, now=NOW + HOUR)
    fresh = monitor(rules=SURGE)
    history(fresh)
    fresh.ingest([*late, *[bad(f"b{at}", at=NOW + at * MINUTE) for at in range(3)]], now=NOW + HOUR)
    after = [bad(f"y{at}", "Cora Foods", at=NOW + DAY + at * MINUTE) for at in range(9)]
    for one in (service, fresh):
        one.ingest(after, now=NOW + DAY + 10 * MINUTE)
    assert [a.evidence.expected for a in service.alerts()] == [a.evidence.expected for a in fresh.alerts()] != []
    fresh.close()


def test_counts_go_on_where_they_were_after_a_restart(tmp_path):
    url = f"sqlite:///{tmp_path / 'm.db'}"
    first = monitor(url, SURGE)
    history(first)
    first.ingest([bad(f"b{at}", at=NOW + at * MINUTE) for at in range(3)], now=NOW + 3 * MINUTE)
    first.close()
    second = monitor(url)
    repost = item("again", "RT @x: " + bad("b0").title, NOW + 4 * MINUTE)
    assert second.ingest([repost], now=NOW + 4 * MINUTE).reposts == 1
    second.ingest([bad(f"c{at}", at=NOW + (5 + at) * MINUTE) for at in range(11, 16)], now=NOW + 21 * MINUTE)
    (alert,) = second.alerts()
    assert alert.state is State.FIRING and alert.rule_version == 1
    second.close()


class FailingReader(LexiconReader):
    """Reads nothing the second time it is asked."""

    def read(self, items):
        if self.read_texts:
            raise DataError("The reader failed.")
        return super().read(items)


def test_a_failure_stores_nothing_of_its_batch_and_the_next_try_stores_all():
    reader = FailingReader()
    service = monitor(reader=reader)
    service.ingest([good("g1")], now=NOW)
    with pytest.raises(DataError):
        service.ingest([bad("b2"), bad("b3")], now=NOW)
    assert totals(service)[1] == 1
    reader.read_texts = 0
    assert service.ingest([bad("b2"), bad("b3")], now=NOW).added == 2
    assert totals(service) == (3, 3, 3, 2)
    service.close()


def test_bad_rows_are_named_and_the_others_kept(service):
    rows = [
        {"id": "1", "title": bad("b1").title, "published_at": "2026-03-16T08:00:00Z"},
        {"id": "2", "title": " ", "text": ""},
        {"id": "3", "title": "海岚银行盈利创新高,营业收入继续上涨", "reach": "many"},
        ["no", "row"],
        DataError("The line is no JSON."),
        {"id": "6", "title": "Cora Foods profit rises", "published_at": "not a date"},
    ]
    report = service.ingest_rows(numbered(rows), source="desk", now=NOW)
    assert (report.added, report.undated, dict(report.counts)) == (3, 2, {"empty": 1, "malformed": 2})
    assert [one.row for one in report.problems] == ["2", "4", "5"]
    assert [one.row for one in report.reach_problems] == ["3"]
    assert service.entry("3").item.reach == 1
    assert [(one.row, one.value, one.why) for one in report.date_problems] == [("6", "not a date", "unreadable")]
    again = service.ingest_rows(numbered(rows[5:]), source="desk", now=NOW)
    assert (again.duplicates, again.undated, again.date_problems) == (1, 0, ())


def test_a_preview_tells_what_would_come_of_the_rows_and_stores_nothing(service):
    rows = numbered([{"sku": "1", "title": "Copper kettle", "date": "soon"}, {"sku": "2"}, {"title": "Tea towel"}] * 2)
    seen = service.preview_rows(list(rows), "shop", NOW)
    assert (seen.report.added, seen.report.undated, seen.report.dropped) == (4, 4, 2)
    assert [one.title for one in seen.items] == ["Copper kettle", "Tea towel", "Copper kettle"]
    assert dict(seen.report.columns) == {"title": ("title",), "published_at": ("date",)}
    assert (seen.report.unused, seen.report.sources) == (("sku",), ("shop",))
    assert [(one.row, one.value) for one in seen.report.date_problems] == [("1", "soon"), ("4", "soon")]
    assert (service.feed(), service.sources(), totals(service)[1]) == ([], [], 0)


def test_the_feed_filters_and_finds(service):
    service.ingest(
        [bad("b1"), good("g2", "Cora Foods", NOW + HOUR), item("z3", "海岚银行被罚款", source="sina")], now=NOW
    )
    assert [one.item.id for one in service.feed()] == ["g2", "z3", "b1"]
    for query, found in [
        (FeedQuery(company="alba"), ["b1"]),
        (FeedQuery(topic="regulation"), ["z3", "b1"]),
        (FeedQuery(label="positive"), ["g2"]),
        (FeedQuery(language="zh"), ["z3"]),
        (FeedQuery(search="罚款"), ["z3"]),
        (FeedQuery(search="50%"), []),
        (FeedQuery(source="sina"), ["z3"]),
        (FeedQuery(since=NOW + MINUTE), ["g2"]),
        (FeedQuery(until=NOW), []),
    ]:
        assert [one.item.id for one in service.feed(query)] == found


def test_heat_map_and_movers_say_what_the_items_say(service):
    service.ingest([good(f"g{at}", at=NOW - 30 * HOUR + at * MINUTE) for at in range(4)], now=NOW)
    service.ingest([bad(f"b{at}", at=NOW - at * MINUTE) for at in range(4)], now=NOW)
    cells = {(one.company, one.topic): one.point for one in service.heat(NOW - 2 * DAY, NOW + HOUR)}
    assert (cells["alba", ""].stories, cells["alba", ""].negative, cells["alba", "regulation"].stories) == (8, 4, 4)


def test_two_processes_that_ingest_the_same_items_count_each_once(tmp_path):
    url, items = f"sqlite:///{tmp_path / 'm.db'}", [bad(f"c{at}", at=NOW + at * MINUTE) for at in range(60)]
    services, errors = [monitor(url), monitor(url)], []

    def take(service, batches):
        try:
            for at in batches:
                service.ingest(items[at : at + 10], now=NOW + DAY)
        except TrifoliumError as error:
            errors.append(error)

    orders = (range(0, 60, 10), range(50, -10, -10))
    threads = [threading.Thread(target=take, args=pair) for pair in zip(services, orders, strict=True)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert errors == [] and totals(services[0])[:2] == (60, 60)
    for one in services:
        one.close()


def test_old_counts_and_texts_are_forgotten_and_the_days_stay(service):
    service.ingest([bad("old1", at=NOW - 300 * DAY)], now=NOW)
    service.ingest([bad("new2")], now=NOW)
    gone = service.prune(NOW)
    assert gone["hour"] > 0 and gone["minute"] > 0 and gone["day"] == 0
    assert totals(service, since=NOW - 400 * DAY)[1] == 2
    service.prune(NOW + 401 * DAY)
    assert service.feed() == []


def test_an_alert_names_the_stories_of_the_window_that_fired_and_those_that_came_while_it_was_up(service):
    history(service)
    service.ingest([bad("early", at=NOW - 3 * HOUR)], now=NOW - 3 * HOUR)
    again = item("early-again", bad("early").title, NOW + MINUTE, source="other")  # told again, not a story of now
    service.ingest([again], now=NOW + MINUTE)
    for at in range(8):  # one every twenty minutes: the window of an hour moves on under them
        service.ingest([bad(f"s{at}", at=NOW + at * 15 * MINUTE)], now=NOW + at * 15 * MINUTE)
    service.ingest([bad("after", at=NOW + 6 * HOUR)], now=NOW + 6 * HOUR)
    (alert,) = service.alerts()
    view, fired = service.alert(alert.id), service.alert(alert.id).history[0].evidence
    assert alert.state is not State.FIRING
    assert (fired.window_start, alert.evidence.stories_since) == (alert.evidence.fired_from or fired.window_start,) * 2
    assert alert.evidence.window_start > fired.window_start
    assert {one.item.id for one in view.stories} == {f"s{at}" for at in range(8)}
    assert len(fired.story_ids) == 4


def test_a_repost_is_evidence_only_where_reposts_are_counted():
    service = monitor(
        rules='[[rule]]\nname = "loud"\nkind = "threshold"\nmeasure = "items"\nvalue = 3\nwindow = "1h"\n'
    )
    service.ingest([bad("first", at=NOW - 3 * HOUR)], now=NOW - 3 * HOUR)
    for at in range(3):
        copy = item(f"copy{at}", bad("first").title, NOW + at * MINUTE, source=f"paper {at}")
        service.ingest([copy], now=NOW + at * MINUTE)
    service.ingest([bad("new", at=NOW + 4 * MINUTE)], now=NOW + 4 * MINUTE)
    (alert,) = service.alerts()
    assert [one.item.id for one in service.alert(alert.id).stories] == ["copy0", "new"]
    service.close()


def fired(service):
    return [line.episode for line in service.transitions(limit=1000) if line.after is State.FIRING]


def test_an_alert_closed_by_hand_is_not_raised_again_by_the_same_stories_but_by_newer_ones(service):
    history(service)
    service.ingest([bad(f"s{at}", at=NOW + at * MINUTE) for at in range(6)], now=NOW + 6 * MINUTE)
    (alert,) = service.alerts()
    assert fired(service) == [1]
    service.resolve(alert.id, "ada", "known", now=NOW + 7 * MINUTE)
    for minutes in range(8, 70):  # the window of an hour still holds all of them, then ever fewer
        service.tick(NOW + minutes * MINUTE)
    service.ingest([bad("one", at=NOW + 30 * MINUTE, received=NOW + 71 * MINUTE)], now=NOW + 71 * MINUTE)
    assert fired(service) == [1] and service.alerts(open_only=True) == []
    new = [bad(f"n{at}", at=NOW + (75 + at) * MINUTE) for at in range(6)]
    service.ingest(new, now=NOW + 82 * MINUTE)
    assert fired(service) == [1, 2]
    assert {one.item.id for one in service.alert(alert.id).stories} == {"one"} | {one.id for one in new}
    assert [line.by for line in service.alert(alert.id).history].count("ada") == 1


def test_a_recovering_alert_closed_by_hand_is_not_raised_again_by_what_is_left_in_the_window(service):
    history(service)
    service.ingest([bad(f"s{at}", at=NOW + at * MINUTE) for at in range(5)], now=NOW + 6 * MINUTE)
    service.tick(NOW + 61 * MINUTE)
    (alert,) = service.alerts(State.RECOVERING)
    service.false_alarm(alert.id, "ada", now=NOW + 61 * MINUTE)
    more = [bad(f"n{at}", at=NOW + 62 * MINUTE) for at in range(2)]  # with those of minutes 3 and 4 four again
    service.ingest(more, now=NOW + 62 * MINUTE)
    hour = service.series(company="alba", span=Span.MINUTE, since=NOW + 3 * MINUTE, until=NOW + 63 * MINUTE)
    assert sum(one.negative for one in hour) == 4
    assert fired(service) == [1]


def test_an_alert_of_a_replayed_archive_is_settled_up_to_the_archives_end(service):
    history(service)
    service.ingest([bad(f"s{at}", at=NOW + at * MINUTE) for at in range(5)], now=NOW + 6 * MINUTE)
    (alert,) = service.alerts()
    service.resolve(alert.id, "ada", "looked at months later", now=NOW + 200 * DAY)
    service.ingest([bad(f"n{at}", at=NOW + (10 + at) * MINUTE) for at in range(5)], now=NOW + 16 * MINUTE)
    assert fired(service) == [1, 2]
