"""Backtests: the same transitions as live, incidents found, missed and invented, two rule sets compared."""

import json
import random
import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from apps.monitor.alert_records import Incident
from apps.monitor.history import steps
from core.errors import DataError
from tests.monitor.helpers import DAY, HOUR, MINUTE, NOW, bad, good, item, monitor

RULES = """
[[rule]]
name = "surge"
kind = "surge"
min_stories = 4
keep_firing_for = "2h"

[[rule]]
name = "many"
kind = "threshold"
value = 6
for = "10m"
inhibited_by = ["surge"]

[[rule]]
name = "silent"
kind = "silence"

[[rule]]
name = "new"
kind = "new_company"
window = "1d"
min_stories = 2
"""
START = NOW - 14 * DAY


def stream():
    """Two quiet weeks with a bad afternoon at one company, late and repeated items, an outage and a newcomer."""
    rng, items = random.Random(5), []
    for at in range(14 * 12):
        when = START + at * 2 * HOUR + rng.randrange(60) * MINUTE
        if not START + 5 * DAY < when < START + 7 * DAY:
            make = rng.choice([good, good, bad])
            company = rng.choice(["Alba Bank", "Cora Foods"])
            late = timedelta(hours=rng.choice([0, 0, 0, 7]))
            items.append(make(f"q{at}", company, when, received=when + late))
    items += [bad(f"s{at}", at=START + 10 * DAY + at * 9 * MINUTE) for at in range(12)]
    items += [good(f"n{at}", "Dray Motors", START + 12 * DAY + at * HOUR) for at in range(3)]
    story = bad("s1").title
    items += [item(f"r{at}", f"RT @u{at}: {story}", START + 10 * DAY + (30 + at) * MINUTE) for at in range(20)]
    return sorted(items, key=lambda one: (one.received_at, one.id))


def live(items, rules=RULES):
    service = monitor(rules=rules)
    for step in steps(items, lambda one: one.received_at):
        if step.batch:
            service.ingest(step.batch, now=step.now)
        if step.look:
            service.tick(step.now)
    return service


@pytest.fixture(scope="module")
def ruled():
    """The stream as it was lived under the rules."""
    service = live(stream())
    yield service
    service.close()


@pytest.fixture(scope="module")
def stored():
    """The same stream stored without rules."""
    service = monitor()
    service.ingest(stream(), now=NOW)
    yield service
    service.close()


def same(line):
    """A transition without what only the database gives: its number and the stories named."""
    evidence = replace(line.evidence, story_ids=()) if line.evidence else None
    return replace(line, number=0, rule_version=0, evidence=evidence)


def test_a_backtest_comes_to_exactly_the_transitions_that_live_came_to(ruled):
    lines = ruled.backtest(since=START, until=NOW + DAY).transitions
    assert [same(one) for one in ruled.transitions(limit=10**4)] == [same(one) for one in lines]
    assert {one.rule for one in lines} == {"surge", "many", "silent", "new"}


def test_a_replayed_file_comes_to_the_same_alerts_too(tmp_path, ruled):
    rows = [
        {"id": one.id, "source": one.source, "title": one.title, "published_at": one.published_at.isoformat(),
         "received_at": one.received_at.isoformat()}
        for one in stream()
    ]  # fmt: skip
    path = tmp_path / "stream.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "broken\n", encoding="utf-8")
    played = monitor(rules=RULES)
    *_, last = played.replay(path)
    assert (last.done, last.total, last.report.added) == (len(rows), len(rows), len(rows))
    assert dict(last.report.counts) == {"malformed": 1}
    numbers = [[same(one) for one in made.transitions(limit=10**4)] for made in (played, ruled)]
    assert numbers[0] == numbers[1] != []
    assert last.firings == len([one for one in numbers[0] if one.after == "firing" and one.why != "holds_again"])
    assert played.clock() > last.clock - HOUR
    played.close()


def test_a_replay_waits_as_long_as_its_speed_says_and_can_be_stopped(tmp_path):
    path = tmp_path / "two.csv"
    path.write_text("id,title,time\n1,Alba Bank profit,2026-03-01T00:00:00Z\n2,Cora Foods wins,2026-03-01T00:59:00Z\n")
    service, stop = monitor(), threading.Event()
    player = service.replay(path, speed=0.001, stop=stop)
    assert next(player).done == 1
    stop.set()
    assert list(player) == []
    service.close()


INCIDENT = Incident("i1", "alba", START + 10 * DAY, START + 10 * DAY + 6 * HOUR)


def test_incidents_are_found_missed_and_invented_ones_counted(stored):
    missed = Incident("i2", "cora", START + 3 * DAY, START + 3 * DAY + HOUR)
    surge = RULES.split("[[rule]]")[1]
    report = stored.backtest(f"[[rule]]{surge}", START, NOW, [INCIDENT, missed])
    assert report.recall == 0.5 and report.missed == (missed,)
    assert report.false_alarms == () and report.false_alarms_per_week == 0
    found = report.incidents[0]
    assert (found.rule, found.incident) == ("surge", INCIDENT)
    assert timedelta(0) < timedelta(seconds=found.delay_s) <= HOUR
    assert report.median_delay_s == found.delay_s


def test_incidents_outside_the_days_replayed_are_neither_found_nor_missed(stored):
    outside = [Incident("old", "alba", START - DAY, START - HOUR), Incident("new", "alba", NOW, NOW + HOUR)]
    across = Incident("across", "cora", START - HOUR, START + HOUR)
    rule = f"[[rule]]{RULES.split('[[rule]]')[1]}"
    report = stored.backtest(rule, START, NOW, [*outside, across, INCIDENT])
    assert ([one.incident.id for one in report.incidents], report.outside) == (["across", "i1"], 2)
    assert (report.recall, report.missed, report.false_alarms) == (0.5, (across,), ())
    none = stored.backtest(rule, START, NOW, outside)
    assert (none.recall, none.outside, none.false_alarms) == (None, 2, ())


def test_two_rule_sets_can_be_compared_on_one_history(stored):
    eager = '[[rule]]\nname = "any"\nkind = "threshold"\nvalue = 1\nkeep_firing_for = "1h"\n'
    calm = '[[rule]]\nname = "many"\nkind = "threshold"\nvalue = 6\n'
    first, second = (stored.backtest(toml, START, NOW, [INCIDENT]) for toml in (eager, calm))
    assert first.recall == second.recall == 1
    assert len(first.false_alarms) > 5 and len(second.false_alarms) == 0
    assert first.median_delay_s < second.median_delay_s
    assert stored.alerts() == [] and stored.transitions() == []


def test_an_alert_before_the_incident_or_on_another_company_does_not_find_it(stored):
    calm = '[[rule]]\nname = "many"\nkind = "threshold"\nvalue = 6\n'
    for other in (replace(INCIDENT, company="cora"), replace(INCIDENT, start=NOW - HOUR, end=NOW)):
        report = stored.backtest(calm, START, NOW, [other])
        assert report.recall == 0 and len(report.false_alarms) == 1


def test_what_comes_after_the_end_changes_nothing_before_it(stored):
    cut, part = START + 10 * DAY + 2 * HOUR, monitor()
    part.ingest([one for one in stream() if one.received_at < cut], now=cut)
    reports = [service.backtest(RULES, START, cut).transitions for service in (stored, part)]
    assert [same(one) for one in reports[0]] == [same(one) for one in reports[1]] != []
    part.close()


def test_a_wrong_rule_set_is_refused_before_anything_is_read():
    service = monitor()
    with pytest.raises(DataError, match="Rule 'x'"):
        service.backtest('[[rule]]\nname = "x"\nkind = "surge"\nwindow = "never"\n')
    service.close()


def test_steps_come_in_order_with_an_hourly_look_where_nothing_comes():
    times = [NOW, NOW + MINUTE, NOW + 4 * MINUTE, NOW + 3 * HOUR]
    found = list(steps(times, lambda one: one))
    assert [len(one.batch) for one in found] == [3, 0, 0, 1]
    assert [one.now - NOW for one in found] == [
        5 * MINUTE,
        HOUR + 5 * MINUTE,
        2 * HOUR + 5 * MINUTE,
        3 * HOUR + 5 * MINUTE,
    ]
    assert all(one.look for one in found)
    assert list(steps([], lambda one: one)) == []


def test_where_much_comes_everything_is_looked_at_every_quarter_of_an_hour():
    found = list(steps([NOW + at * MINUTE for at in range(60)], lambda one: one))
    assert [(one.now - NOW) / MINUTE for one in found if one.look] == [5, 20, 35, 50]
    assert len(found) == 12
