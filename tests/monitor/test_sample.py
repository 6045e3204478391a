"""The monitor's sample holds what it promises: counts, honest labels, six surges to be found and traps to be passed."""

import csv
import json
import unicodedata
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from apps.monitor.records import TOPICS, Label
from apps.monitor.rows import RowRules, item_from_row
from apps.monitor.rules import parse_rules

SAMPLE = Path(__file__).parents[2] / "data" / "samples" / "monitor"
START, END = (datetime.fromisoformat(f"2026-{day}T00:00:00+08:00") for day in ("03-02", "04-01"))
BORDERS = [datetime.fromisoformat(f"2026-03-{day}T00:00:00+08:00") for day in ("17", "22")]
SIX_HOURS = timedelta(hours=6)


def rows(name):
    return [json.loads(line) for line in (SAMPLE / name).read_text(encoding="utf-8").splitlines()]


def received(row):
    return datetime.fromisoformat(row["received_at"])


def moment(row):
    return datetime.fromisoformat(row["published_at"]) if row["published_at"] else received(row)


def words(row):
    kept = unicodedata.normalize("NFKC", row["title"] + row["text"]).lower()
    return "".join(char for char in kept if char.isalnum())


def companies(row):
    return {one["company"]: one["sentiment"] for one in row["labels"]["companies"]}


@pytest.fixture(scope="module")
def stream():
    return rows("stream.jsonl")


@pytest.fixture(scope="module")
def gazetteer():
    with (SAMPLE / "companies.csv").open(encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def negative_stories(stream):
    """Company -> when each story that speaks ill of it was first told, in order."""
    first = {}
    for row in stream:
        for company, mood in companies(row).items():
            if mood == "negative":
                told = first.get((company, row["story"]), END)
                first[company, row["story"]] = min(told, moment(row))
    found = defaultdict(list)
    for (company, _), told in first.items():
        found[company].append(told)
    return {company: sorted(times) for company, times in found.items()}


def busiest(times, length):
    return max((sum(end - length < one <= end for one in times) for end in times), default=0)


def test_the_stream_has_thirty_days_and_both_languages(stream):
    assert len(stream) >= 1500
    assert len({row["story"] for row in stream}) >= 1000
    assert {moment(row).date() for row in stream} == {(START + timedelta(days=day)).date() for day in range(30)}
    assert all(START <= moment(row) <= received(row) < END for row in stream)
    english = sum(row["language"] == "en" for row in stream) / len(stream)
    assert 0.5 < english < 0.6


def test_nights_and_week_ends_are_quiet(stream):
    hours = Counter(moment(row).hour for row in stream)
    assert max(hours[hour] for hour in range(5)) < min(hours[hour] for hour in range(9, 17)) / 3
    days = Counter(moment(row).date() for row in stream)
    working = sorted(count for day, count in days.items() if day.weekday() < 5)
    resting = sorted(count for day, count in days.items() if day.weekday() >= 5)
    assert resting[len(resting) // 2] < working[len(working) // 2] / 2


def test_every_row_is_an_item_that_needs_no_mending(stream):
    assert len({row["id"] for row in stream}) == len(stream)
    assert [received(row) for row in stream] == sorted(received(row) for row in stream)
    for row in stream:
        taken = item_from_row(row, RowRules(), received(row))
        assert not (taken.garbled or taken.shortened), row["id"]
        assert taken.undated is (row["published_at"] is None)
        assert taken.item.language == row["language"]


def test_late_and_undated_items_and_second_deliveries_are_there(stream):
    assert sum(received(row) - moment(row) > timedelta(hours=3) for row in stream) >= 40
    assert sum(row["published_at"] is None for row in stream) >= 20
    assert sum(count > 1 for count in Counter(row["url"] for row in stream).values()) >= 10


def test_labels_are_known_and_every_company_stands_in_its_text(stream, gazetteer):
    for row in stream:
        labels = row["labels"]
        assert labels["sentiment"] in list(Label)
        assert set(labels["topics"]) <= set(TOPICS)
        for one in labels["companies"]:
            entry = gazetteer[one["company"]]
            forms = {entry["name"], entry["ticker"], *entry["aliases"].split("|")}
            assert one["name"].lower() in {form.lower() for form in forms}
            assert one["name"] in f"{row['title']}\n{row['text']}", row["id"]


def test_every_mood_topic_and_company_is_met_often_enough_to_be_measured(stream, gazetteer):
    moods = Counter(row["labels"]["sentiment"] for row in stream)
    assert min(moods.values()) > 0.2 * len(stream)
    topics = Counter(topic for row in stream for topic in row["labels"]["topics"])
    assert set(topics) == set(TOPICS) and min(topics.values()) >= 50
    named = Counter(company for row in stream for company in companies(row))
    assert set(named) == set(gazetteer)


def test_one_story_has_one_set_of_labels(stream):
    told = defaultdict(set)
    for row in stream:
        told[row["story"]].add((row["labels"]["sentiment"], *sorted(companies(row).items())))
    assert all(len(labels) == 1 for labels in told.values())


def test_the_same_words_are_never_two_stories(stream):
    told = defaultdict(set)
    for row in stream:
        told[words(row)].add(row["story"])
    assert all(len(stories) == 1 for stories in told.values())


def test_no_story_crosses_the_border_between_two_parts(stream):
    parts = defaultdict(set)
    for row in stream:
        for when in (moment(row), received(row)):
            parts[row["story"]].add(sum(when >= border for border in BORDERS))
    assert all(len(found) == 1 for found in parts.values())
    assert Counter(found.pop() for found in parts.values()).keys() == {0, 1, 2}


def test_six_surges_stand_out_in_both_languages(stream, negative_stories):
    incidents = rows("incidents.jsonl")
    assert len(incidents) == 6
    assert len({one["company"] for one in incidents}) == 6
    for one in incidents:
        start, end = (datetime.fromisoformat(one[edge]) for edge in ("start", "end"))
        times = negative_stories[one["company"]]
        during = [when for when in times if start <= when <= end]
        before = [when for when in times if when < start]
        assert len(during) >= 20
        assert busiest(during, SIX_HOURS) >= 5
        assert busiest(before, SIX_HOURS) <= 2
        about = [row for row in stream if start <= moment(row) <= end and one["company"] in companies(row)]
        assert {row["language"] for row in about} == {"en", "zh"}
        assert Counter(topic for row in about for topic in row["labels"]["topics"]).most_common(1)[0][0] == one["topic"]


def test_nothing_else_looks_like_a_surge(negative_stories):
    surged = {one["company"] for one in rows("incidents.jsonl")}
    for company in set(negative_stories) - surged:
        assert busiest(negative_stories[company], SIX_HOURS) < 5, company


def test_the_good_news_of_one_day_is_no_surge_of_bad_news(stream, negative_stories):
    day = datetime.fromisoformat("2026-03-05T09:00:00+08:00")
    good = {
        row["story"]
        for row in stream
        if day <= moment(row) < day + timedelta(hours=9) and companies(row).get("lumisol") == "positive"
    }
    assert len(good) >= 5
    assert not any(day <= when < day + timedelta(hours=9) for when in negative_stories["lumisol"])


def test_one_story_is_told_more_than_fifty_times(stream):
    story, times = Counter(row["story"] for row in stream).most_common(1)[0]
    told = [row for row in stream if row["story"] == story]
    assert times >= 50
    assert len({words(row) for row in told}) > 5, "near copies, not only copies"
    assert {company for row in told for company in companies(row)} == {"pellworth"}
    assert {row["labels"]["sentiment"] for row in told} == {"negative"}


def test_two_companies_of_one_text_may_fare_differently(stream):
    split = [row for row in stream if {"positive", "negative"} <= set(companies(row).values())]
    assert len({row["story"] for row in split}) >= 25
    assert {row["language"] for row in split} == {"en", "zh"}


def test_a_name_that_is_a_common_word_also_stands_for_the_weather(stream):
    for word in ("drizzle", "细雨"):
        texts = [row for row in stream if word in f"{row['title']} {row['text']}".lower()]
        assert {"drizzle" in companies(row) for row in texts} == {True, False}


def test_two_confusable_names_meet_in_one_text(stream):
    assert any({"norvane", "norvale"} <= set(companies(row)) for row in stream)


def test_a_paper_falls_silent_while_the_others_go_on(stream):
    start, end = (datetime.fromisoformat(f"2026-03-{day}T12:00:00+08:00") for day in ("18", "20"))
    heard = [received(row) for row in stream if row["source"] == "Harbour Ledger"]
    assert not any(start <= when < end for when in heard)
    assert max(later - earlier for earlier, later in pairwise(heard) if later < start) < timedelta(hours=30)
    assert sum(start <= received(row) < end for row in stream) > 50


def test_a_company_enters_the_news_in_the_last_week(stream):
    first = min(moment(row) for row in stream if "quillon" in companies(row))
    assert first > START + timedelta(days=21)


def test_the_rules_are_rules_and_name_what_the_stream_has(stream):
    rules = parse_rules((SAMPLE / "rules.toml").read_text(encoding="utf-8"))
    assert {rule.kind for rule in rules} == {"surge", "threshold", "silence", "new_company"}
    sources = {row["source"] for row in stream}
    for rule in rules:
        assert set(rule.sources) <= sources
        assert set(rule.topics) <= set(TOPICS)


@pytest.mark.parametrize(("language", "least"), [("en", 250), ("zh", 400)])
def test_the_sentences_for_training_are_labelled_and_new(stream, gazetteer, language, least):
    sentences = rows(f"reading.{language}.jsonl")
    assert len(sentences) >= least
    assert len({row["id"] for row in sentences}) == len({words(row) for row in sentences}) == len(sentences)
    assert not {words(row) for row in sentences} & {words(row) for row in stream}
    for row in sentences:
        full = f"{row['title']}\n{row['text']}"
        assert row["labels"]["sentiment"] in list(Label)
        assert set(row["labels"]["topics"]) <= set(TOPICS)
        for one in row["labels"]["companies"]:
            assert one["company"] is None or one["company"] in gazetteer
            assert all(form in full for form in (one["name"], *one["also"])), row["id"]
            assert one["sentiment"] in list(Label)


def test_sentences_about_unknown_companies_carry_no_id(gazetteer):
    known = {form for row in gazetteer.values() for form in (row["name"], *row["aliases"].split("|"))}
    sentences = rows("reading.en.jsonl") + rows("reading.zh.jsonl")
    unknown = [one["name"] for row in sentences for one in row["labels"]["companies"] if one["company"] is None]
    assert len(set(unknown)) >= 60
    assert not set(unknown) & known
