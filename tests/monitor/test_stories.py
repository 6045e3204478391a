"""Stories: copies and rewordings are one, other companies another, in English and Chinese, in bounded memory."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from apps.monitor.stories import StoryIndex, StoryMark, bare, headline, likeness, shingles, signature

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ENGLISH = "Alba Bank fined 20 million euros for late reports to the regulator"
CHINESE = "海岚银行因迟报重大事项被监管机构罚款两千万元,股价午后下跌"


def index_with(text, companies=(), story_id="first", seen=NOW, **limits):
    index = StoryIndex(**limits)
    index.add(StoryMark(story_id, seen, frozenset(companies), signature(text)))
    return index


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (ENGLISH, "RT @desk: Alba Bank fined 20 million euros for late reports to the regulator http://t.co/x1"),
        (ENGLISH, "ALBA BANK FINED 20 MILLION EUROS FOR LATE REPORTS TO THE REGULATOR!!"),
        (ENGLISH, "Alba Bank fined 20 million euros for late reports to regulator, says watchdog"),
        (CHINESE, "转发微博:海岚银行因迟报重大事项被监管机构罚款两千万元,股价午后下跌。"),
        (CHINESE, "海岚银行因为迟报重大事项遭监管机构罚款两千万元,股价午后下跌"),
    ],
)
def test_a_repost_or_light_rewording_is_the_same_story(first, again):
    assert index_with(first).find(signature(again), ()) == "first"


@pytest.mark.parametrize(
    ("first", "other"),
    [
        (ENGLISH, "Alba Bank opens a branch in the harbour district next spring"),
        (CHINESE, "海岚银行宣布明年春天在海港区开设新的营业网点并招聘员工"),
        (ENGLISH, CHINESE),
    ],
)
def test_other_news_is_another_story(first, other):
    assert index_with(first).find(signature(other), ()) is None


def test_the_same_words_about_another_company_are_another_story():
    index = index_with(ENGLISH, ["alba"])
    other = signature(ENGLISH.replace("Alba", "Cora"))
    assert index.find(other, ["cora"]) is None
    assert index.find(other, []) == "first"  # nobody is named, so nothing speaks against it


def test_a_text_too_short_to_be_alike_has_no_signature():
    assert signature("Alba up") is None
    assert signature("下跌") is None


def test_the_estimate_is_near_the_true_share_of_common_shingles():
    rng = random.Random(0)
    words = [f"word{number}" for number in range(60)]
    gaps = []
    for _ in range(30):
        first, second = rng.sample(words, 25), rng.sample(words, 25)
        one, other = " ".join(first), " ".join([*first[:15], *second[:10]])
        true = len(shingles(one) & shingles(other)) / len(shingles(one) | shingles(other))
        gaps.append(abs(likeness(signature(one), signature(other))[0] - true))
    assert sum(gaps) / len(gaps) < 0.06


def test_under_one_headline_a_text_that_was_cut_or_added_to_is_the_same_story():
    whole = (
        ENGLISH + "\nThe regulator found that eleven reports came weeks late and that nobody at the bank asked why. "
    )
    whole += "Two managers left last summer, and the supervisory council has hired outside lawyers to look into it."
    index = StoryIndex()
    index.add(StoryMark("first", NOW, frozenset(), signature(whole), headline(whole)))
    cut = ENGLISH + "\nRead more on our pages."
    assert index.find(signature(cut), (), headline(cut)) == "first"
    other = ENGLISH + "\nQuite another body under the same words, with shares and bonds, a merger and the weather, "
    other += "a harbour where ferries wait for fog to lift, two violins, and a lantern that nobody had lit for years."
    assert index.find(signature(other), (), headline(other)) is None
    assert headline("Market wrap\nshares rose") == ""


def test_one_text_inside_another_is_contained_in_it():
    jaccard, contained = likeness(
        signature(CHINESE), signature(CHINESE + "本行将依法整改,并向投资者说明情况,后续进展另行公告。")
    )
    assert jaccard < 0.75 < contained


def test_memory_is_bounded_by_days_and_by_number():
    index = StoryIndex(days=2, most=64)
    for number in range(300):
        text = f"{ENGLISH} number {number * 7919} {number * 104729} {number * 1299709}"
        index.add(StoryMark(f"s{number}", NOW + timedelta(minutes=number), frozenset(), signature(text)))
    assert len(index) <= 64
    index.forget(NOW + timedelta(days=9))
    assert len(index) == 0


def test_a_story_is_remembered_through_its_bytes_alone():
    mark = bytes(signature(ENGLISH))
    index = StoryIndex()
    index.extend([StoryMark("kept", NOW, frozenset({"alba"}), mark)])
    assert index.find(signature(ENGLISH + " today"), ["alba"]) == "kept"


def test_links_marks_and_punctuation_are_no_part_of_a_text():
    assert bare("RT @a: Alba — fined! https://x.example/y") == bare("alba fined")
    assert bare("【转载】海岚银行:罚款") == bare("海岚银行 罚款")
