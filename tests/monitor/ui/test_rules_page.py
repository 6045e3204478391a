"""The rules page: sentences, editing, the form, backtests, comparing two sets and switching."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from apps.monitor.alert_records import Severity
from apps.monitor.rules import Kind, parse_rules
from apps.monitor.ui.backtest_view import ONE, TWO
from apps.monitor.ui.rule_words import toml_of
from apps.page_parts import moment
from tests.monitor.fake_rows import NOW, TOML
from tests.monitor.ui.looking import press, texts

CALM = '[[rule]]\nname = "calm"\nkind = "surge"\nmin_share = 0.4\nfor = "10m"\nseverity = "low"\n'
SECTIONS = ["rules", "edit", "backtest", "compare", "versions"]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_is_drawn_in_both_languages(open_page, section, language):
    page = open_page("rules", language, rules_section=section)
    assert not page.exception
    assert not page.error


@pytest.mark.parametrize(
    ("toml", "english", "chinese"),
    [
        (CALM, "at least 3 stories, negative share surely above 40%, for 10 minutes.", "至少 3 个事件，负面占比有把握高于 40%，持续 10 分钟。"),
        ('[[rule]]\nname = "s"\nkind = "silence"\nafter = "6h"\n', "A source says nothing for 6 hours.", "来源超过 6 小时没有内容。"),
        ('[[rule]]\nname = "n"\nkind = "new_company"\n', "not named for 14 days.", "14 天内未出现过的公司。"),
        ('[[rule]]\nname = "t"\nkind = "threshold"\nvalue = 10\n', "in an hour at least 10", "1 小时内负面事件不低于 10"),
    ],
)  # fmt: skip
def test_a_rule_is_told_in_a_sentence(open_page, fake, toml, english, chinese):
    fake.save_rules(toml, "Mei")
    for language, words in (("en", english), ("zh", chinese)):
        shown = texts(open_page("rules", language)).replace("\\", "")
        assert words in shown


@pytest.mark.parametrize(
    ("language", "told"),
    [("en", "Version 1 is in use, saved {time} by the settings file. Note: first rules"),
     ("zh", "当前使用版本 1（设置文件），保存于 {time}。说明：初始规则")],
)  # fmt: skip
def test_the_version_in_use_is_told_in_whole_sentences(open_page, fake, language, told):
    fake.versions = [replace(fake.versions[0], by="settings", note="first rules")]
    shown = texts(open_page("rules", language)).replace("\\", "")
    assert told.format(time=moment(fake.versions[0].created_at)) in shown


LIMITED = """[[rule]]
name = "few"
kind = "surge"
companies = ["aldermoor"]
topics = ["credit"]
sources = ["wire", "forum"]
inhibited_by = ["calm"]
channels = ["desk"]

[[rule]]
name = "calm"
kind = "silence"
sources = ["wire"]
"""


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["only Aldermoor Bank, only Credit and default, only wire / forum, silent while calm fires, told to desk.",
                "half again its longest pause, only wire."]),
        ("zh", ["仅限 奥德摩银行，仅限 信用与违约，仅限 wire / forum，calm 告警时不再告警，通知 desk。", "没有内容，仅限 wire。"]),
    ],
)  # fmt: skip
def test_the_sentence_names_everything_a_rule_is_confined_to(open_page, fake, language, words):
    fake.save_rules(LIMITED, "Mei")
    shown = texts(open_page("rules", language)).replace("\\", "")
    assert [one for one in words if one not in shown] == []


def test_what_the_monitor_itself_noted_is_told_in_chinese_on_chinese_pages(open_page, fake):
    fake.save_rules(CALM, "settings", "first rules")
    shown = texts(open_page("rules", "zh"))
    assert "（设置文件）" in shown and "初始规则" in shown
    assert "first rules" not in shown
    fake.save_rules(CALM, "Mei", "version 3 again")
    assert "恢复版本 3" in texts(open_page("rules", "zh"))


def test_a_draft_is_checked_and_saved_as_the_version_in_use(open_page, fake):
    page = open_page("rules", rules_section="edit")
    assert page.text_area(key="rules-draft").value == TOML
    page.text_area(key="rules-draft").set_value(CALM)
    page = press(page, "Check")
    assert "Sound: 1 rules" in texts(page)
    assert fake.rules().version == 1
    page.text_input(key="rules-who").set_value("Mei")
    page.text_input(key="rules-note").set_value("calmer")
    press(page, "Save and use")
    assert (fake.rules().toml, fake.rules().by, fake.rules().note) == (CALM, "Mei", "calmer")


def test_what_is_wrong_in_a_draft_is_one_sentence_and_nothing_is_saved(open_page, fake):
    page = open_page("rules", rules_section="edit")
    page.text_area(key="rules-draft").set_value('[[rule]]\nname = "r"\nkind = "poem"\n')
    page = press(page, "Save and use")
    assert len(page.error) == 1
    assert "poem" in page.error[0].value
    assert fake.rules().version == 1
    assert not page.exception


@pytest.mark.parametrize("button", ["Check", "Save and use"])
def test_a_draft_without_a_rule_is_neither_sound_nor_saved(open_page, fake, button):
    page = open_page("rules", rules_section="edit")
    page.text_area(key="rules-draft").set_value("# nothing\n")
    page = press(page, button)
    assert "hold no rule" in page.error[0].value
    assert fake.rules().version == 1


@pytest.mark.parametrize("kind", list(Kind))
def test_the_form_writes_a_sound_rule_of_every_kind(open_page, kind):
    page = open_page("rules", rules_section="edit", **{"form-kind": kind})
    press(page, "Put into the text below")
    first, made = parse_rules(page.text_area(key="rules-draft").value)
    assert first.name == "negative-surge"
    assert (made.kind, made.severity) == (kind, Severity.HIGH)
    assert not page.exception


def test_what_the_form_writes_reads_back():
    (rule,) = parse_rules(
        toml_of({"name": '财 "x" 1'.replace('"', ""), "kind": "surge", "window": "6h", "min_share": 0.25})
    )
    assert (rule.name, rule.window, rule.min_share) == ("财 x 1", timedelta(hours=6), 0.25)


def finish(page, key: str):
    assert page.session_state[key].wait(30)
    return page.run()


def test_a_backtest_shows_what_was_found_missed_and_false(open_page):
    page = open_page("rules", rules_section="backtest")
    page = finish(press(page, "Run"), ONE)
    shown = {one.label: one.value for one in page.metric}
    assert shown["Incidents found"] == "1 / 2"
    assert shown["Missed"] == "1"
    assert shown["Median delay"] == "30 min"
    assert shown["Times fired"] == "2"  # not of how many alerts: one may fire again
    table = page.dataframe[0].value
    assert table["Found after"].tolist() == ["30 min", "missed"]
    assert not page.exception


def test_a_backtest_tells_how_many_incidents_lie_outside_its_days(open_page, fake):
    fake.known.append(replace(fake.known[0], id="old", start=NOW - timedelta(days=90), end=NOW - timedelta(days=89)))
    page = open_page("rules", rules_section="backtest")
    page = finish(press(page, "Run"), ONE)
    assert {one.label: one.value for one in page.metric}["Incidents found"] == "1 / 2"
    assert "Incidents outside these days, which are not counted: 1." in texts(page)
    page = open_page("rules", rules_section="compare")
    page = finish(press(page, "Compare"), TWO)
    assert page.dataframe[0].value.set_index("Figure").loc["Incidents outside these days"].tolist() == ["1", "1"]


def test_incidents_of_a_file_take_the_place_of_those_known(open_page):
    page = open_page("rules", rules_section="backtest")
    row = {
        "id": "own",
        "company": "aldermoor",
        "start": "2026-03-10T01:00:00Z",
        "end": "2026-03-10T02:00:00Z",
        "what": "own",
    }
    page.file_uploader[0].upload("own.jsonl", json.dumps(row).encode(), "application/jsonl")
    page = finish(press(page, "Run"), ONE)
    assert {one.label: one.value for one in page.metric}["Incidents found"] == "1 / 1"


def test_a_broken_incident_file_is_one_sentence(open_page):
    page = open_page("rules", rules_section="backtest")
    page.file_uploader[0].upload("own.jsonl", b'{"id": "x"}\n', "application/jsonl")
    page = press(page, "Run")
    assert len(page.error) == 1
    assert not page.exception


def test_two_sets_are_compared_and_the_better_one_is_switched_to(open_page, fake):
    fake.save_rules(CALM, "Mei", "calmer")
    page = open_page("rules", rules_section="compare")
    page = finish(press(page, "Compare"), TWO)
    table = page.dataframe[0].value
    assert list(table.columns)[1:] == ["1. Version 2 (in use)", "2. Version 1"]
    assert table.set_index("Figure").loc["Incidents found"].tolist() == ["1 / 2", "1 / 2"]
    press(page, "Switch to version 1")
    assert (fake.rules().version, fake.rules().toml) == (3, TOML)
    assert not page.exception


def test_an_older_version_is_brought_back(open_page, fake):
    fake.save_rules(CALM, "Mei")
    page = open_page("rules", rules_section="versions", **{"version-1": True})
    press(page, "Use")
    assert (fake.rules().version, fake.rules().toml) == (3, TOML)
