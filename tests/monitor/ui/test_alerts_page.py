"""The alerts page: an alert's whole life by clicks, silences."""

import re
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from apps.monitor.alert_records import Evidence, MessageKind, State, Why
from apps.monitor.notices import Telling, notice
from apps.monitor.records import SeriesKey
from apps.page_parts import moment
from core.errors import ConflictError
from tests.monitor.fake_rows import NOW
from tests.monitor.helpers import DAY, bad, good, monitor
from tests.monitor.helpers import NOW as STREAM_NOW
from tests.monitor.ui.looking import press, texts

OPEN = {"alert-a1": True}
HOUR = timedelta(hours=1)


def act(page, label: str, words: str = "", by: str = "Mei"):
    page.text_input(key="who-a1").set_value(by)
    page.text_input(key="words-a1").set_value(words)
    return press(page, label)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("section", ["open", "all", "silences"])
def test_every_section_is_drawn_in_both_languages(open_page, section, language):
    page = open_page("alerts", language, alerts_section=section, **OPEN)
    assert not page.exception
    assert not page.error


def test_an_alert_tells_why_with_numbers_texts_rule_and_model(open_page):
    page = open_page("alerts", **OPEN)
    shown = texts(page)
    assert "12 stories in an hour" in shown
    assert "Rule negative\\-surge, version 1" in shown
    assert "model tiny@1f2e" in shown
    assert "Lenders leave Aldermoor" in shown
    assert "50" in shown  # told fifty times
    facts = "".join(one.body for one in page.main if hasattr(one, "body")) or str(page.get("html"))
    assert "6.2 (limit 3.5)" in facts
    assert "75% (surely at least 55%)" in facts


def test_in_chinese_the_reason_is_made_of_the_same_numbers(open_page):
    said = "1 小时内 12 个事件，往常约 1.5，超出量为往常最大超出量的 6.2 倍；12 个中 9 个为负面。"
    assert said in texts(open_page("alerts", "zh", **OPEN)).replace("\\", "")


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (Evidence(True, NOW - 7 * HOUR, NOW, threshold=6.0, why="Nothing for 7 hours; the limit is 6 hours.",
                  cause="source_silent"), "已有 7 小时没有内容，上限为 6 小时。"),
        (Evidence(True, NOW - HOUR, NOW, why="5 looks in a row failed: HTTP 503", cause="source_failing"),
         "来源读取失败：5 looks in a row failed: HTTP 503"),
        (Evidence(False, NOW - HOUR, NOW, why="Too few to judge.", measure="negative", cause="too_few"), "数量太少，无法判断。"),
        (Evidence(True, NOW - HOUR, NOW, stories=4, why="4 stories name new, …", measure="stories", cause="new"),
         "1 小时内有 4 个事件提到此前未出现过的公司。"),
    ],
)  # fmt: skip
def test_a_reason_without_numbers_of_its_own_is_chinese_on_chinese_pages(open_page, fake, evidence, words):
    fake.held["a1"] = replace(fake.held["a1"], evidence=evidence)
    assert words in texts(open_page("alerts", "zh", **OPEN)).replace("\\", "")
    assert evidence.why in texts(open_page("alerts", "en", **OPEN)).replace("\\", "")


def test_what_is_usual_stands_beside_what_the_rule_counted(open_page, fake):
    def reason(measure: str) -> str:
        evidence = replace(fake.held["a1"].evidence, measure=measure)
        fake.held["a1"] = replace(fake.held["a1"], evidence=evidence, episode=2)
        return texts(open_page("alerts", "zh", **OPEN)).replace("\\", "")

    assert "1 小时内 9 个负面事件，往常约 1.5，" in reason("negative")
    assert "1 小时内传播量 70，往常约 1.5，" in reason("reach")
    assert "已复发 1 次" in reason("stories")


def measured(rule: str) -> Evidence:
    """What a rule says of nine stories on Alba Bank, seven of them bad, after a quiet fortnight."""
    service = monitor(rules=rule)
    past = [good(f"h{at}", at=STREAM_NOW - 14 * DAY + at * 4 * HOUR) for at in range(80)]
    service.ingest([one for one in past if one.moment < STREAM_NOW - HOUR], now=STREAM_NOW - HOUR)
    news = [bad(f"b{at}", at=STREAM_NOW) for at in range(7)] + [good(f"g{at}", at=STREAM_NOW) for at in range(2)]
    service.ingest(news, now=STREAM_NOW)
    (alert,) = service.alerts()
    service.close()
    return alert.evidence


@pytest.mark.parametrize(
    "rule",
    [
        'kind = "surge"\nmin_share = 0.4',
        'kind = "surge"\nmeasure = "reach"',
        'kind = "threshold"\nmeasure = "share"\nvalue = 0.5',
        'kind = "threshold"\nmeasure = "polarity"\nvalue = -0.1\nabove = false',
        'kind = "threshold"\nmeasure = "items"\nvalue = 4',
    ],
)
def test_both_languages_tell_the_same_numbers_of_an_alert_and_which_is_the_limit(open_page, fake, rule):
    evidence = measured(f'[[rule]]\nname = "r"\nwindow = "1h"\nper = ["company"]\n{rule}\n')
    fake.held["a1"] = replace(fake.held["a1"], evidence=evidence)
    english, chinese = (texts(open_page("alerts", name, **OPEN)).replace("\\", "") for name in ("en", "zh"))
    assert evidence.why in english
    (said,) = [line for line in chinese.splitlines() if "小时内" in line]
    numbers = [sorted(re.findall(r"-?[\d.]*\d%?", line)) for line in (evidence.why, said)]
    assert numbers[0] == numbers[1]
    limited = evidence.share_limit or evidence.expected is None
    assert ("the limit is" in evidence.why) == ("界限为" in said) == bool(limited)


def test_companies_have_their_chinese_names_on_chinese_pages(open_page):
    shown = texts(open_page("alerts", "zh"))
    assert "奥德摩银行" in shown
    assert "Aldermoor Bank" not in shown


def test_one_that_is_over_shows_when_it_ended_and_its_rule_in_the_visitors_language(open_page, fake):
    fake.act("a1", State.RESOLVED, Why.STAYED_CLEAR, fired_at=NOW - HOUR, since=NOW)
    ended = moment(NOW)
    assert f"negative-surge  ·  ended {ended}" in open_page("alerts").expander[0].label.replace("\\", "")
    assert f"负面激增  ·  结束于 {ended}" in open_page("alerts", "zh").expander[0].label.replace("\\", "")


def test_one_that_is_over_says_since_when_it_had_fired(open_page, fake):
    fake.act("a1", State.RESOLVED, Why.STAYED_CLEAR, fired_at=NOW - 5 * HOUR, since=NOW)
    shown = texts(open_page("alerts", **OPEN)).replace("\\", "")
    assert f"since {moment(NOW - 5 * HOUR)}" in shown and f"since {moment(NOW)}" not in shown


def test_the_resolved_one_is_under_all(open_page):
    assert "鹤川集团" not in texts(open_page("alerts"))
    assert "鹤川集团" in texts(open_page("alerts", alerts_section="all"))


def test_with_nothing_open_the_latest_that_are_over_are_shown(open_page, fake):
    fake.act("a1", State.RESOLVED, Why.STAYED_CLEAR, fired_at=NOW)
    shown = texts(open_page("alerts"))
    assert "No alert here" in shown
    assert "Aldermoor Bank" in shown


def test_somebody_takes_it_comments_hands_over_and_closes(open_page, fake):
    page = open_page("alerts", **OPEN)
    act(page, "Acknowledge", "mine")
    assert fake.held["a1"].state is State.ACKNOWLEDGED
    act(page, "Comment", "They deny it.")
    act(page, "Assign", "Jonas")
    assert fake.held["a1"].owner == "Jonas"
    act(page, "Resolve", "over", by="Jonas")
    assert fake.acts[-4:] == [
        ("acknowledged", "a1", "Mei", "mine"),
        ("comment", "a1", "Mei", "They deny it."),
        ("assigned", "a1", "Mei", "Jonas"),
        ("resolved_by_hand", "a1", "Jonas", "over"),
    ]
    assert not page.exception


def test_a_comment_or_reason_must_be_written(open_page, fake):
    page = act(open_page("alerts", **OPEN), "Resolve")
    assert "Write it in the field first" in texts(page)
    assert fake.held["a1"].state is State.FIRING


def test_a_false_alarm_needs_no_words(open_page, fake):
    act(open_page("alerts", **OPEN), "False alarm")
    assert fake.acts[-1] == ("false_alarm", "a1", "Mei", "")


def test_an_act_that_comes_too_late_shows_who_was_first(open_page, fake):
    page = open_page("alerts", **OPEN)
    fake.acknowledge("a1", "Jonas")
    page = act(page, "Acknowledge")
    assert page.dataframe[0].value.iloc[0]["Who"] == "Jonas"
    assert fake.held["a1"].owner == "Jonas"
    assert not page.exception
    assert not page.error


def test_an_alert_that_is_over_takes_comments_and_owners_only(open_page):
    page = open_page("alerts", alerts_section="all", **{"alert-a2": True})
    keys = {str(one.key).rpartition("-")[0] for one in page.button if str(one.key).endswith("-a2")}
    assert keys == {"note", "assign"}


def test_a_refusal_of_the_service_is_one_sentence(open_page, fake):
    def refuse(*words: object) -> None:
        raise ConflictError("Only an open alert can be resolved.")

    fake.resolve = refuse
    page = act(open_page("alerts", **OPEN), "Resolve", "over")
    assert [one.value for one in page.error] == [r"Only an open alert can be resolved\."]
    assert not page.exception


def test_silencing_covers_the_alerts_own_series_for_the_hours_chosen(open_page, fake):
    page = open_page("alerts", **OPEN)
    page.segmented_control(key="hours-a1").set_value(12)
    act(page, "Silence", "known")
    (made,) = fake.muted
    assert (made.company, made.rule, made.by, made.reason) == ("aldermoor", "negative-surge", "Mei", "known")
    assert made.until == NOW + timedelta(hours=12)
    page = open_page("alerts", alerts_section="silences")
    assert r"company Aldermoor Bank · rule negative\-surge" in texts(page)
    assert r"公司 奥德摩银行 · 规则 负面激增" in texts(open_page("alerts", "zh", alerts_section="silences"))
    press(page, "End now")
    assert fake.silences() == []
    assert "Nothing is silenced" in texts(page)


def test_a_silence_may_begin_later(open_page, fake):
    page = open_page("alerts", alerts_section="silences")
    page.selectbox(key="silence-topic").set_value("macro")
    page.number_input(key="silence-from").set_value(24)
    page.text_input(key="silence-who").set_value("Mei")
    press(page, "Silence")
    (made,) = fake.muted
    assert (made.topic, made.start) == ("macro", NOW + timedelta(hours=24))


def arrive(fake, *ids: str) -> None:
    """Alerts that fire now, the last one on top."""
    for id in ids:
        fake.held = {id: replace(fake.held["a1"], id=id, key=SeriesKey(company="brightquay")), **fake.held}


def shown(page) -> list[str]:
    """The alerts in the list, as what they are about."""
    return [
        next(name for name in ("brightquay", "Aldermoor Bank", "鹤川集团") if name in one.label)
        for one in page.expander
    ]


def test_while_an_alert_is_open_newer_ones_wait(open_page, fake):
    page = open_page("alerts", alerts_section="all")
    page.session_state["alert-a1"] = True
    page.run()
    arrive(fake, "n1", "n2")
    page.run()
    assert shown(page) == ["Aldermoor Bank", "鹤川集团"]
    assert "2 newer, held back" in texts(page)
    page.session_state["alert-a1"] = False
    page.run()
    assert shown(page) == ["brightquay", "brightquay", "Aldermoor Bank", "鹤川集团"]
    assert "held back" not in texts(page)
    assert not page.exception


def test_an_open_alert_is_not_pushed_off_its_page(open_page, fake):
    page = open_page("alerts", **OPEN)
    arrive(fake, *(f"n{number}" for number in range(20)))
    page.run()
    assert shown(page) == ["Aldermoor Bank"]
    assert page.text_input(key="words-a1")
    assert "15 newer" in texts(page)


def test_what_an_open_list_says_of_its_alerts_stays_fresh(open_page, fake):
    page = open_page("alerts", **OPEN)
    fake.act("a1", State.RESOLVED, Why.STAYED_CLEAR, fired_at=NOW)
    page.run()
    assert [one.label.count("resolved") for one in page.expander] == [1]
    page.session_state["alert-a1"] = False
    page.run()
    assert "The latest that are over" in texts(page)
    assert not page.exception


def test_one_that_is_over_and_being_read_stays_when_another_fires(open_page, fake):
    fake.act("a1", State.RESOLVED, Why.STAYED_CLEAR, fired_at=NOW)
    page = open_page("alerts")
    page.session_state["alert-a1"] = True
    page.run()
    arrive(fake, "n1")
    fake.act("n1", State.FIRING, Why.HOLDS)
    page.run()
    assert shown(page) == ["brightquay", "Aldermoor Bank"]
    assert page.text_input(key="words-a1")
    assert "No alert here" not in texts(page)


def test_another_section_or_filter_shows_the_newest_at_once(open_page, fake):
    page = open_page("alerts", **OPEN)
    arrive(fake, "n1")
    page.selectbox(key="alerts-severity").set_value("high").run()
    assert shown(page) == ["brightquay", "Aldermoor Bank"]


@pytest.mark.parametrize(("language", "other"), [("en", "Aldermoor Bank"), ("zh", "奥德摩银行")])
def test_the_link_of_a_message_opens_its_alert_alone(open_page, fake, language, other):
    link = urlsplit(
        notice(fake.held["a2"], MessageKind.FIRING, [], Telling(public_url="https://risk.example/"))["generatorURL"]
    )
    page = open_page(link.path.removeprefix("/monitor-"), language, asked=dict(parse_qsl(link.query)))
    assert "鹤川集团" in texts(page)
    assert other not in "".join(one.label for one in page.expander)
    page.text_input(key="words-a2").set_value("seen")
    page.button(key="note-a2").click().run()
    assert fake.acts[-1][0] == "comment"
    page.button(key="alerts-back").click().run()
    assert other in texts(page)
    assert not page.exception


def test_a_link_to_an_alert_that_is_no_more_says_so_and_leads_back(open_page):
    page = open_page("alerts", asked={"alert": "gone"})
    assert [one.value for one in page.error] == [r"No alert has the id 'gone'\."]
    assert page.button(key="alerts-back").click().run().segmented_control(key="alerts_section")


def test_the_history_shows_who_did_what(open_page, fake):
    fake.acknowledge("a1", "Mei", "mine")
    table = open_page("alerts", **OPEN).dataframe[0].value
    newest = table.iloc[0]
    assert (newest["Who"], newest["Words"]) == ("Mei", "mine")
    assert newest["What"] == "firing → acknowledged (acknowledged)"
