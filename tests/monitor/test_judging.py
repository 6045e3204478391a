"""What rules see: count, share and confidence together, thresholds, silence, new companies, outages left out."""

from dataclasses import replace

import pytest

from apps.monitor.alert_records import Silence, State
from apps.monitor.alerts import alert_id
from apps.monitor.judging import Judge, Past, Sources, late_ends
from apps.monitor.records import SeriesKey
from apps.monitor.rules import Kind, Rule
from apps.monitor.source_records import Health, Source, SourceKind, SourceState
from apps.monitor.trends import Tally, add_voice, voice
from apps.monitor.watching import Watch, in_order, look_at, look_round
from tests.monitor.helpers import DAY, HOUR, MINUTE, NOW, item
from tests.monitor.test_trends import BAD, GOOD, MILD, reading

ALBA = SeriesKey("alba")
RULE = Rule("surge", Kind.SURGE, min_stories=4, min_share=0.4)
ALIVE = Sources({"wire": (Source("wire", SourceKind.PUSH), SourceState(last_item_at=NOW, counts={"items": 1}))})


def add(tally, at, mood=BAD, count=1, company="alba"):
    for number in range(count):
        deltas = {}
        add_voice(deltas, voice(item(f"{at}{number}", "x", at), reading(mood, [(company, mood)])), ())
        tally.add(deltas)


def quiet(days=14):
    tally = Tally()
    for at in range(days * 4):
        add(tally, NOW - days * DAY + at * 6 * HOUR, GOOD)
    return tally


def judged(tally, rule=RULE, key=ALBA, sources=ALIVE, now=NOW, ends=()):
    return Judge(tally, Past()).evidence(rule, key, sources, now, ends)


def test_a_surge_needs_count_and_share_and_confidence_together():
    tally = quiet()
    add(tally, NOW, BAD, 6)
    seen = judged(tally)
    assert seen.holds and (seen.negative, seen.stories) == (6, 6)
    assert seen.low > 0.7 and seen.score > seen.threshold
    assert not judged(tally, replace(RULE, min_stories=7)).holds
    assert not judged(tally, replace(RULE, confidence=0.95)).holds
    assert "too little confidence" in judged(tally, replace(RULE, confidence=0.95)).why
    add(tally, NOW, MILD, 30)
    assert not judged(tally).holds
    assert "too small a negative share" in judged(tally).why


def test_a_company_that_always_has_bad_news_is_judged_by_its_own_past():
    tally = Tally()
    for at in range(24 * 14):
        add(tally, NOW - 14 * DAY + at * HOUR, BAD, 5)
    add(tally, NOW, BAD, 6)
    assert not judged(tally).holds
    add(tally, NOW, BAD, 24)
    assert judged(tally).holds


def test_a_stream_that_is_too_young_is_not_judged_by_its_past():
    tally = Tally()
    add(tally, NOW - DAY, GOOD)
    add(tally, NOW, BAD, 9)
    assert "too young" in judged(tally).why
    assert judged(tally, replace(RULE, grace=HOUR)).holds


def test_an_outage_is_not_part_of_the_past():
    tally = Tally()
    for at in range(24 * 14):
        if not 24 * 4 <= at < 24 * 10:  # six days in which nothing was heard at all
            add(tally, NOW - 14 * DAY + at * HOUR, BAD, 3)
    add(tally, NOW, BAD, 4)
    assert judged(tally).expected == pytest.approx(3, abs=0.1)


def test_nothing_that_comes_after_the_window_is_looked_at():
    tally = quiet()
    add(tally, NOW, BAD, 5)
    before = judged(tally)
    for at in range(1, 40):
        add(tally, NOW + at * HOUR, BAD, 50)
    assert judged(tally) == before


def test_what_was_learnt_is_learnt_on_and_equals_what_is_learnt_anew():
    tally, past = quiet(), Past()
    for at in range(0, 48):
        now = NOW + at * HOUR
        add(tally, now, BAD, at % 5)
        again = Judge(tally, past).evidence(RULE, ALBA, ALIVE, now)
        assert again == judged(tally, now=now)


def test_a_late_item_makes_the_past_be_learnt_anew():
    tally, past = quiet(), Past()
    Judge(tally, past).evidence(RULE, ALBA, ALIVE, NOW)
    add(tally, NOW, BAD, 5)
    first = Judge(tally, past).evidence(RULE, ALBA, ALIVE, NOW)
    add(tally, NOW - 2 * DAY, BAD, 40)
    past.forget(ALBA, NOW - 2 * DAY)
    assert Judge(tally, past).evidence(RULE, ALBA, ALIVE, NOW) == judged(tally)
    assert judged(tally).expected > first.expected


def test_windows_that_late_items_changed_are_named_once_and_none_older_than_a_day():
    moments = [NOW - 3 * HOUR, NOW - 3 * HOUR + MINUTE, NOW - 2 * DAY, NOW]
    assert late_ends(RULE, moments, NOW) == (NOW - 2 * HOUR,)


def test_what_a_person_has_settled_is_in_no_window_any_more():
    tally = quiet()
    add(tally, NOW, BAD, 6)
    judge, later = Judge(tally, Past()), NOW + 10 * MINUTE
    assert judge.evidence(RULE, ALBA, ALIVE, later).holds
    seen = judge.evidence(RULE, ALBA, ALIVE, later, settled_at=NOW + MINUTE / 2)
    assert (seen.holds, seen.stories, seen.window_start) == (False, 0, NOW + MINUTE)
    add(tally, NOW + 5 * MINUTE, BAD, 6)
    seen = judge.evidence(RULE, ALBA, ALIVE, later, settled_at=NOW + MINUTE / 2)
    assert (seen.holds, seen.stories) == (True, 6)
    assert seen.why.startswith("6 negative stories in 10 min")
    assert judge.evidence(RULE, ALBA, ALIVE, NOW, settled_at=later).stories == 0
    few = replace(RULE, kind=Kind.THRESHOLD, measure="stories", value=20, above=False)
    assert judge.evidence(few, ALBA, ALIVE, later, settled_at=later).stories == 12  # an emptier window is no news


def test_a_threshold_is_a_number_reached():
    tally = quiet(1)
    add(tally, NOW, BAD, 3)
    for value, holds in ((3, True), (4, False)):
        assert judged(tally, Rule("t", Kind.THRESHOLD, value=value)).holds is holds
    assert judged(tally, Rule("t", Kind.THRESHOLD, measure="polarity", value=-0.5, above=False)).holds
    share = Rule("t", Kind.THRESHOLD, measure="share", value=0.5, min_stories=3)
    assert judged(tally, share).holds
    assert not judged(tally, replace(share, min_stories=4)).holds
    assert not judged(tally, replace(share, value=0.9)).holds  # three of three may still be seven of ten


def test_a_company_nobody_named_before_is_new_once_enough_name_it():
    rule, tally = Rule("new", Kind.NEW_COMPANY, min_stories=2, window=DAY), quiet()
    add(tally, NOW, MILD, 1, "dray")
    assert not judged(tally, rule, SeriesKey("dray")).holds
    add(tally, NOW, MILD, 1, "dray")
    assert judged(tally, rule, SeriesKey("dray")).holds
    assert not judged(tally, rule, ALBA).holds
    add(tally, NOW - 5 * DAY, MILD, 1, "dray")
    assert not judged(tally, rule, SeriesKey("dray")).holds


def test_a_silent_source_is_an_alert_of_its_own_and_never_good_news():
    rule, wire = Rule("silent", Kind.SILENCE, per=("source",), after=6 * HOUR), SeriesKey(source="wire")
    assert not judged(quiet(), rule, wire, now=NOW + 6 * HOUR).holds
    seen = judged(quiet(), rule, wire, now=NOW + 7 * HOUR)
    assert seen.holds and "Nothing for 7 hours" in seen.why
    assert (seen.cause, seen.threshold) == ("source_silent", 6.0)
    gone = Sources(
        {"wire": (Source("wire", SourceKind.RSS, "http://x.example"), SourceState(last_item_at=NOW, failures=5))}
    )
    assert judged(quiet(), RULE, sources=gone) is None


def firing(rules, tally, now=NOW, alerts=(), silences=()):
    known = {one.id: one for one in alerts}
    return look_at(Watch(rules, Judge(tally, Past()), ALIVE, silences), known, {ALBA: [now]}, now)


def test_a_graver_rule_that_fires_keeps_the_lesser_one_from_speaking():
    tally = quiet()
    add(tally, NOW, BAD, 8)
    lesser = Rule("lesser", Kind.THRESHOLD, value=3, inhibited_by=("surge",))
    assert [rule.name for rule in in_order([lesser, RULE])] == ["surge", "lesser"]
    outcomes = firing([lesser, RULE], tally)
    assert {one.rule.name: len(one.messages) for one in outcomes} == {"surge": 1, "lesser": 0}
    assert all(one.alert.state is State.FIRING for one in outcomes)


def test_a_source_that_cannot_be_read_is_failing_whatever_the_rule_allows():
    rule, wire = Rule("silent", Kind.SILENCE, per=("source",), after=6 * HOUR), SeriesKey(source="wire")
    state = SourceState(last_item_at=NOW, failures=5, error="HTTP 503")
    broken = Sources({"wire": (Source("wire", SourceKind.RSS, "http://x.example"), state)})
    seen = judged(quiet(), rule, wire, sources=broken, now=NOW + HOUR)
    assert seen.holds and seen.cause == "source_failing"
    assert seen.why == "5 looks in a row failed: HTTP 503"


def test_every_cause_has_words():
    from apps.monitor.ui.words import WORDS

    causes = {"too_few", "too_young", "new", *(f"source_{one}" for one in Health)}
    assert [one for one in causes if f"cause_{one}" not in WORDS] == []


def test_a_silence_covers_what_matches_and_ends():
    tally = quiet()
    add(tally, NOW, BAD, 8)
    until = NOW + HOUR
    for silence, state in (
        (Silence("s", NOW, until, "ada", company="alba"), State.SILENCED),
        (Silence("s", NOW, until, "ada", company="cora"), State.FIRING),
        (Silence("s", NOW, until, "ada", rule="surge"), State.SILENCED),
        (Silence("s", NOW - DAY, NOW, "ada"), State.FIRING),
        (Silence("s", NOW, until, "ada", ended_at=NOW), State.FIRING),
    ):
        assert firing([RULE], tally, silences=[silence])[0].alert.state is state


def test_a_rule_that_is_switched_off_sees_nothing():
    tally = quiet()
    add(tally, NOW, BAD, 8)
    assert firing([replace(RULE, enabled=False)], tally) == []


def test_an_open_alert_is_looked_at_though_nothing_new_came():
    tally = quiet()
    add(tally, NOW, BAD, 8)
    (raised,) = firing([RULE], tally)
    later = look_round(Watch([RULE], Judge(tally, Past()), ALIVE), {raised.alert.id: raised.alert}, NOW + 2 * HOUR)
    assert [one.alert.state for one in later] == [State.RECOVERING]
    assert later[0].alert.id == alert_id("surge", ALBA)
