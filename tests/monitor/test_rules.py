"""Rules in TOML: everything that can be said, and one sentence for whatever is wrong."""

from datetime import timedelta

import pytest

from apps.monitor.alert_records import Severity
from apps.monitor.records import SeriesKey
from apps.monitor.rules import Kind, duration, parse_rules, rules_to_use
from core.errors import DataError

WHOLE = """
[[rule]]
name = "negative-surge"
kind = "surge"
per = ["company", "topic"]
window = "6h"
sensitivity = "high"
min_stories = 5
min_share = 0.4
confidence = 0.6
for = "10m"
keep_firing_for = "1h30m"
severity = "critical"
topics = ["credit"]
except_companies = ["cora"]

[[rule]]
name = "漏报"
kind = "silence"
after = "2d"
inhibited_by = ["negative-surge"]
"""


def one(text):
    return parse_rules(f'[[rule]]\nname = "r"\nkind = "surge"\n{text}')[0]


def test_a_rule_says_what_it_watches_for():
    surge, silence = parse_rules(WHOLE, version=7)
    assert (surge.kind, surge.window, surge.holds_for) == (Kind.SURGE, timedelta(hours=6), timedelta(minutes=10))
    assert (surge.severity, surge.keep_firing_for, surge.version) == (Severity.CRITICAL, timedelta(minutes=90), 7)
    assert surge.sensitivity < one('sensitivity = "medium"').sensitivity < one('sensitivity = "low"').sensitivity
    assert (silence.kind, silence.per, silence.after) == (Kind.SILENCE, ("source",), timedelta(days=2))


def test_a_rule_covers_the_series_of_its_dimensions_and_no_other():
    surge, silence = parse_rules(WHOLE)
    assert surge.covers(SeriesKey("alba", "credit"))
    for other in (SeriesKey("alba"), SeriesKey("alba", "macro"), SeriesKey("cora", "credit"), SeriesKey()):
        assert not surge.covers(other)
    assert silence.covers(SeriesKey(source="wire")) and not silence.covers(SeriesKey("alba"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('windw = "1h"', "unknown key 'windw'; the nearest known is 'window'"),
        ('window = "soon"', "'window' must be a length such as 90s"),
        ('window = "30d"', "'window' must be from 1m to 7d"),
        ("min_stories = 0", "'min_stories' must be a whole number of at least 1"),
        ("min_stories = true", "'min_stories' must be a whole number, got True"),
        ('sensitivity = "utmost"', "'sensitivity' must be low, medium, high or a number, got 'utmost'"),
        ("min_share = 40", "'min_share' must be from 0 to 1"),
        ('per = ["industry"]', "'per' must be some of company, topic, source"),
        ('per = ["source", "company"]', "'per' must be source alone"),
        ('measure = "polarity"', "in a surge"),
        ('severity = "awful"', "'severity' must be one of critical, high"),
        ('history = "3h"', "'history' must be at least eight windows long"),
        ('companies = "alba"', "'companies' must be a list of texts"),
        ('inhibited_by = ["gone"]', "inhibited by 'gone'; known here: r"),
        ('inhibited_by = ["r"]', "'inhibited_by' must be other rules"),
    ],
)
def test_a_wrong_key_is_one_sentence_that_names_it(text, said):
    with pytest.raises(DataError, match="Rule 'r'") as error:
        one(text)
    assert said in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[rule]", "not sound TOML"),
        ('[[alarm]]\nname = "x"', "found 'alarm'"),
        ('[[rule]]\nkind = "surge"', "Rule 1 needs a name"),
        ('[[rule]]\nname = "x"', "needs a kind"),
        ('[[rule]]\nname = "x"\nkind = "threshold"', "'value' must be given"),
        ('[[rule]]\nname = "x"\nkind = "surge"\n[[rule]]\nname = "x"\nkind = "surge"', "Two rules are named 'x'"),
    ],
)
def test_a_text_that_is_no_rule_set_is_refused(text, said):
    with pytest.raises(DataError) as error:
        parse_rules(text)
    assert said in str(error.value)


def test_every_mistake_is_told_at_once():
    with pytest.raises(DataError) as error:
        parse_rules(
            '[[rule]]\nname = "a"\nkind = "surge"\nwindw = "1h"\nseverity = "awful"\n'
            '[[rule]]\nname = "b"\nkind = "surge"\nmin_share = 40\nmin_stories = 0\n'
        )
    for said in ("unknown key 'windw'", "'severity' must be one of", "'b': 'min_share'", "'b': 'min_stories'"):
        assert said in str(error.value)


def test_every_table_that_is_no_sound_toml_is_told_by_its_line():
    with pytest.raises(DataError) as error:
        parse_rules('[[rule]]\nname = "a"\nkind = surge\n\n[[rule]]\nname = "b\n\n[[rule]]\nname = "c"\n')
    assert "line 3" in str(error.value) and "line 6" in str(error.value)
    assert str(error.value).count("line") == 2 and "\n" not in str(error.value)


def test_two_names_given_twice_and_one_that_is_not_there_are_told_together():
    table = '[[rule]]\nname = "{}"\nkind = "surge"\n'
    text = "".join(table.format(name) for name in "aabbc") + 'inhibited_by = ["x"]\n'
    with pytest.raises(DataError) as error:
        parse_rules(text)
    for said in ("named 'a'", "named 'b'", "inhibited by 'x'"):
        assert str(error.value).count(said) == 1


def test_no_rules_are_a_rule_set_too_that_nobody_can_bring():
    assert parse_rules("") == ()
    for text, said in (("", "got an empty text"), ("# nothing\n", "got 10 characters without a")):
        with pytest.raises(DataError, match=f"The rules hold no rule: {said}.*enabled = false"):
            rules_to_use(text)
    (off,) = rules_to_use('[[rule]]\nname = "r"\nkind = "surge"\nenabled = false\n')
    assert not off.enabled


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("1h30m", 5400), ("2D", 172800), ("1w", 604800), ("0m", 0)])
def test_lengths_of_time(text, seconds):
    assert duration(text) == timedelta(seconds=seconds)
