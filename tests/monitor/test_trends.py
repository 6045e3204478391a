"""Counting: what an item adds to which series, intervals, windows with their gaps; memory answers as the database."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from apps.monitor import overview
from apps.monitor.judging import finest, silent_stretches
from apps.monitor.records import CompanyMention, Point, Reading, Sentiment, SeriesKey, Span, TopicScore, wilson
from apps.monitor.store import Store
from apps.monitor.trends import Tally, add_voice, filled, total, voice
from tests.monitor.helpers import DAY, HOUR, MINUTE, NOW, item

BAD, MILD, GOOD = Sentiment(0.9, 0.1, 0.0), Sentiment(0.1, 0.8, 0.1), Sentiment(0.0, 0.1, 0.9)


def reading(mood=BAD, companies=(), topics=(), abstained=False):
    mentions = [CompanyMention(name, name, at, at + 1, towards) for at, (name, towards) in enumerate(companies)]
    return Reading("i", "en", mood, tuple(TopicScore(one, 0.9) for one in topics), tuple(mentions), abstained)


def counted(*voices, known=()):
    deltas, keys = {}, set(known)
    for one in voices:
        keys |= add_voice(deltas, one, keys)
    tally = Tally()
    tally.add(deltas)
    return tally


def hour(tally, key):
    return total(tally.points(key, Span.HOUR, NOW, NOW + HOUR), NOW)


def test_each_company_is_counted_with_the_mood_towards_it():
    spoken = voice(item("i", "Cora beats Alba"), reading(MILD, [("cora", GOOD), ("alba", BAD)], ["earnings"]))
    tally = counted(spoken)
    assert hour(tally, SeriesKey("cora")).positive == hour(tally, SeriesKey("alba")).negative == 1
    assert hour(tally, SeriesKey("alba", "earnings")).negative == 1
    assert hour(tally, SeriesKey()).neutral == hour(tally, SeriesKey(topic="earnings")).neutral == 1
    assert hour(tally, SeriesKey(source="wire")).stories == 1
    assert hour(tally, SeriesKey(source="cora")).stories == 0


def test_a_story_counts_once_and_its_reposts_add_reach():
    spoken = voice(item("i", "Alba fined", reach=30), reading(BAD, [("alba", BAD)]))
    point = hour(counted(spoken, spoken, spoken), SeriesKey("alba"))
    assert (point.stories, point.items, point.reach, point.negative) == (1, 3, 90, 1)


def test_a_repost_that_names_a_further_company_is_that_companys_first_voice():
    first = voice(item("i", "Alba fined"), reading(BAD, [("alba", BAD)]))
    again = voice(item("j", "Alba fined, Cora too"), reading(BAD, [("alba", BAD), ("cora", BAD)]))
    tally = counted(first, again)
    assert (hour(tally, SeriesKey("alba")).stories, hour(tally, SeriesKey("cora")).stories) == (1, 1)


def test_an_item_whose_mood_was_left_open_is_a_story_without_mood():
    point = hour(counted(voice(item("i", "Alba"), reading(BAD, [("alba", BAD)], abstained=True))), SeriesKey("alba"))
    assert (point.stories, point.judged, point.negative_share, point.polarity) == (1, 0, None, None)


def test_improbable_topics_do_not_count():
    spoken = voice(item("i", "Alba"), Reading("i", "en", BAD, (TopicScore("macro", 0.4), TopicScore("credit", 0.5))))
    assert set(spoken.moods) == {SeriesKey(), SeriesKey(source="wire"), SeriesKey(topic="credit")}


def test_shares_and_polarity_come_with_their_interval():
    point = Point(NOW, stories=10, negative=8, neutral=1, positive=1, polarity_sum=-5.0)
    assert (point.negative_share, point.polarity) == (0.8, -0.5)
    assert (round(point.low, 3), round(point.high, 3)) == (0.490, 0.943)
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(1, 1)[0] < 0.25  # one story says little


def test_windows_are_cut_in_utc_whatever_the_zone():
    shanghai = datetime.fromisoformat("2026-03-16T00:30:00+08:00")
    assert Span.DAY.floor(shanghai) == datetime(2026, 3, 15, tzinfo=UTC)
    assert Span.MINUTE.floor(shanghai) == datetime(2026, 3, 15, 16, 30, tzinfo=UTC)


def test_empty_windows_are_there_too():
    points = filled([Point(NOW + HOUR, stories=2)], Span.HOUR, NOW + MINUTE, NOW + 3 * HOUR)
    assert [(one.start, one.stories) for one in points] == [(NOW, 0), (NOW + HOUR, 2), (NOW + 2 * HOUR, 0)]


def random_deltas(rng):
    deltas = {}
    for number in range(200):
        at = NOW + timedelta(minutes=rng.randrange(60 * 72))
        company = rng.choice(["alba", "cora"])
        mood = rng.choice([BAD, MILD, GOOD])
        add_voice(deltas, voice(item(f"i{number}", company, at), reading(mood, [(company, mood)], ["macro"])), ())
    return deltas


@pytest.fixture
def both():
    """The same counts in memory and in the database."""
    deltas, tally, store = random_deltas(random.Random(3)), Tally(), Store.open("sqlite://")
    tally.add(deltas)
    with store.writing() as work:
        work.counts.add(deltas)
    yield tally, store
    store.close()


def test_memory_and_database_give_the_same_windows(both):
    tally, store = both
    rng = random.Random(1)
    with store.reading() as work:
        for _ in range(40):
            key = rng.choice([SeriesKey(), SeriesKey("alba"), SeriesKey("cora", "macro"), SeriesKey("none")])
            since = NOW + timedelta(minutes=rng.randrange(-100, 60 * 72))
            until = since + timedelta(minutes=rng.randrange(0, 60 * 30))
            for span in Span:
                here, there = tally.points(key, span, since, until), work.counts.points(key, span, since, until)
                assert [one.start for one in here] == [one.start for one in there]
                assert [one.negative for one in here] == [one.negative for one in there]
            assert tally.first(key) == work.counts.first(key)


def test_minutes_hours_and_days_sum_to_the_same_and_fit_any_stretch(both):
    tally, _ = both
    since, until = NOW + 17 * MINUTE, NOW + 50 * HOUR + 3 * MINUTE
    fine = total(tally.points(SeriesKey("alba"), Span.MINUTE, since, until), since)
    mixed = total(finest(tally, SeriesKey("alba"), since, until), since)
    assert (fine.stories, fine.negative, fine.reach) == (mixed.stories, mixed.negative, mixed.reach)
    whole = [total(tally.points(SeriesKey(), span, NOW - DAY, NOW + 9 * DAY), NOW) for span in Span]
    assert len({(one.stories, one.items, one.negative) for one in whole}) == 1


def test_adding_twice_doubles_a_window(both):
    _, store = both
    with store.writing() as work:
        work.counts.add({(SeriesKey("alba"), Span.HOUR, NOW): Point(NOW, stories=3)})
        before = work.counts.points(SeriesKey("alba"), Span.HOUR, NOW, NOW + HOUR)[0].stories
        work.counts.add({(SeriesKey("alba"), Span.HOUR, NOW): Point(NOW, stories=3)})
        assert work.counts.points(SeriesKey("alba"), Span.HOUR, NOW, NOW + HOUR)[0].stories == before + 3


def stream(hours):
    tally = Tally()
    for at in hours:
        deltas = {}
        add_voice(deltas, voice(item(f"i{at}", "Alba", NOW + at * HOUR), reading()), ())
        tally.add(deltas)
    return tally


def test_an_outage_is_unknown_and_an_idle_night_is_zero():
    tally = stream([*range(0, 30), *range(60, 90)])
    assert silent_stretches(tally, NOW, NOW + 90 * HOUR) == [(NOW + 30 * HOUR, NOW + 60 * HOUR)]
    points = overview.series(tally, SeriesKey("alba"), Span.HOUR, NOW, NOW + 90 * HOUR)
    assert [at for at, one in enumerate(points) if one.unknown] == list(range(30, 60))
    idle = stream([at for at in range(0, 96) if at % 24 < 20])
    assert silent_stretches(idle, NOW, NOW + 96 * HOUR) == []


def test_the_last_hours_of_a_stream_that_stopped_are_unknown():
    points = overview.series(stream(range(30)), SeriesKey(), Span.HOUR, NOW, NOW + 48 * HOUR)
    assert [one.unknown for one in points[28:32]] == [False, False, True, True]


def test_movers_are_those_whose_mood_changed_most_with_enough_behind_it():
    now = [
        (SeriesKey("alba"), Point(NOW, stories=9, negative=9, polarity_sum=-8.0)),
        (SeriesKey("cora"), Point(NOW, stories=1, negative=1, polarity_sum=-1.0)),
    ]
    before = [(SeriesKey("alba"), Point(NOW, stories=9, positive=9, polarity_sum=8.0))]
    (mover,) = overview.movers(now, before, 5)
    assert (mover.key.company, round(mover.polarity_change, 2), mover.share_change) == ("alba", -1.78, 1.0)


def test_movers_stand_in_the_order_of_their_move_up_or_down():
    now = [
        (SeriesKey("alba"), Point(NOW, stories=90, negative=90, polarity_sum=-45.0)),
        (SeriesKey("cora"), Point(NOW, stories=4, positive=4, polarity_sum=4.0)),
        (SeriesKey("dune"), Point(NOW, stories=4, negative=4, polarity_sum=-3.0)),
    ]
    found = overview.movers(now, [], 5)
    assert [(one.key.company, one.polarity_change) for one in found] == [("cora", 1.0), ("dune", -0.75), ("alba", -0.5)]
