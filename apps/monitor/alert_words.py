"""Alerts in words, English and Chinese: rule, series, length of time, and why one fired. Pages and messages read these.

Knows neither page nor channel.
"""

from collections.abc import Mapping
from datetime import timedelta

from apps.monitor.alert_records import Evidence
from apps.monitor.records import SeriesKey
from core.bilingual import worded

ALERTS: dict[str, tuple[str, str]] = {
    # names: topics, severities, the rules that ship, by the name in their TOML
    "topic_earnings": ("Earnings", "业绩"),
    "topic_guidance": ("Guidance", "业绩指引"),
    "topic_credit": ("Credit and default", "信用与违约"),
    "topic_regulation": ("Regulation and law", "监管与法律"),
    "topic_management": ("Management", "管理层"),
    "topic_product": ("Product", "产品"),
    "topic_mergers": ("Mergers", "并购"),
    "topic_market": ("Market", "市场行情"),
    "topic_macro": ("Macro", "宏观"),
    "topic_scandal": ("Fraud and scandal", "欺诈与丑闻"),
    "everything": ("everything", "全部"),
    "severity_critical": ("critical", "紧急"),
    "severity_high": ("high", "高"),
    "severity_warning": ("warning", "警告"),
    "severity_info": ("info", "提示"),
    "severity_low": ("low", "低"),
    "rule_name_negative-surge": ("negative-surge", "负面激增"),
    "rule_name_negative-drift": ("negative-drift", "负面渐增"),
    "rule_name_negative-surge-by-topic": ("negative-surge-by-topic", "负面激增（按主题）"),
    "rule_name_credit-line": ("credit-line", "信用警戒线"),
    "rule_name_source-silent": ("source-silent", "来源静默"),
    "rule_name_new-company": ("new-company", "新出现的公司"),
    # lengths of time
    "one_days": ("a day", "1 天"),
    "one_hours": ("an hour", "1 小时"),
    "one_minutes": ("a minute", "1 分钟"),
    "so_many_days": ("{n} days", "{n} 天"),
    "so_many_hours": ("{n} hours", "{n} 小时"),
    "so_many_minutes": ("{n} minutes", "{n} 分钟"),
    # why an alert fired
    "seen_stories": ("{value} stories in {window}", "{window}内 {value} 个事件"),
    "seen_negative": ("{value} negative stories in {window}", "{window}内 {value} 个负面事件"),
    "seen_items": ("{value} items in {window}", "{window}内 {value} 条内容"),
    "seen_reach": ("reach {value} in {window}", "{window}内传播量 {value}"),
    "seen_share": ("negative share {value} in {window}", "{window}内负面占比 {value}"),
    "seen_polarity": ("net mood {value} in {window}", "{window}内净情绪 {value}"),
    "seen_usual": (
        " where about {expected} are usual, {score} times the largest usual excess",
        "，往常约 {expected}，超出量为往常最大超出量的 {score} 倍",
    ),
    "seen_of": ("; {negative} of {judged} are negative", "；{judged} 个中 {negative} 个为负面"),
    "seen_surely": (", surely at least {low}", "，有把握至少 {low}"),
    "seen_limit": ("; the limit is {limit}", "；界限为 {limit}"),
    "cause_too_few": ("Too few to judge.", "数量太少，无法判断。"),
    "cause_too_young": ("The past is too short to judge.", "历史太短，无法判断。"),
    "cause_new": (
        "{stories} stories in {length} name a company nobody named before.",
        "{length}内有 {stories} 个事件提到此前未出现过的公司。",
    ),
    "cause_source_silent": ("Nothing for {length}; the limit is {limit}.", "已有 {length}没有内容，上限为 {limit}。"),
    "cause_source_failing": ("It cannot be read: {error}", "来源读取失败：{error}"),
    "cause_source_waiting": ("Nothing has come from here yet.", "尚未收到任何内容。"),
    "cause_source_paused": ("Paused by hand.", "已手动暂停。"),
    "cause_source_ok": ("The last item came {length} ago.", "最近一条在 {length}前。"),
    "rule_end": (".", "。"),
}


def series_words(key: SeriesKey, names: Mapping[str, str], language: str) -> str:
    """Which items a series counts; ``names`` are those to show of companies by id."""
    topic = worded(ALERTS, f"topic_{key.topic}", language) if key.topic else ""
    parts = (names.get(key.company, key.company), topic, key.source)
    return " · ".join(part for part in parts if part) or worded(ALERTS, "everything", language)


def rule_words(name: str, language: str) -> str:
    """A rule by its name; those that ship have one in Chinese too, beside the one that their TOML gives them."""
    key = f"rule_name_{name}"
    return ALERTS[key][1] if language == "zh" and key in ALERTS else name


def length_words(length: timedelta, language: str) -> str:
    """A length in days, hours or minutes, whichever says it in a small number."""
    minutes = max(0, round(length.total_seconds() / 60))
    if minutes >= 2880 or (minutes and minutes % 1440 == 0):
        return _counted("days", minutes / 1440, language)
    if minutes >= 90 or minutes == 60:
        return _counted("hours", minutes / 60, language)
    return _counted("minutes", minutes, language)


def reason_words(seen: Evidence, language: str) -> str:
    """Why the alert fired; the rule's own sentence in English, in Chinese one made of its cause or its numbers."""
    if language == "en" or not (seen.cause or seen.measure or seen.stories):
        return seen.why
    if seen.cause:
        return _cause(seen, language)
    rest = _limit(seen, language) if seen.expected is None else _surge(seen, language)
    return _reached(seen, language) + rest + worded(ALERTS, "rule_end", language)


def _counted(unit: str, number: float, language: str) -> str:
    if round(number) == 1:
        return worded(ALERTS, f"one_{unit}", language)
    return worded(ALERTS, f"so_many_{unit}", language, n=round(number))


def _reached(seen: Evidence, language: str) -> str:
    """How much of what the rule counts there was; what is older than its ``value`` tells its stories."""
    measure = seen.measure or "stories"
    window = length_words(seen.window_end - seen.window_start, language)
    if measure == "share":
        found = worded(ALERTS, "seen_share", language, window=window, value=f"{seen.share or 0.0:.0%}")
        return found + worded(ALERTS, "seen_surely", language, low=f"{seen.low or 0.0:.0%}")
    value = seen.value if seen.value is not None else getattr(seen, measure, seen.stories)
    return worded(ALERTS, f"seen_{measure}", language, window=window, value=_number(measure, value))


def _limit(seen: Evidence, language: str) -> str:
    if seen.threshold is None:
        return ""
    return worded(ALERTS, "seen_limit", language, limit=_number(seen.measure, seen.threshold))


def _number(measure: str, value: float) -> str:
    return f"{value:.0%}" if measure == "share" else f"{value:.2f}" if measure == "polarity" else f"{value:g}"


def _surge(seen: Evidence, language: str) -> str:
    """What is usual, by how much it is exceeded, and how bad the news is."""
    score = f"{seen.score or 0.0:.1f}"
    said = worded(ALERTS, "seen_usual", language, expected=f"{seen.expected:.1f}", score=score)
    said += worded(ALERTS, "seen_of", language, negative=seen.negative, judged=seen.judged or seen.stories)
    if seen.share_limit is None or seen.low is None:
        return said
    said += worded(ALERTS, "seen_surely", language, low=f"{seen.low:.0%}")
    return said + worded(ALERTS, "seen_limit", language, limit=f"{seen.share_limit:.0%}")


def _cause(seen: Evidence, language: str) -> str:
    """The sentence of a cause with its places filled; a failing source's own words stay as they came."""
    limit = "" if seen.threshold is None else length_words(timedelta(hours=seen.threshold), language)
    length = length_words(seen.window_end - seen.window_start, language)
    places = {"length": length, "limit": limit, "stories": seen.stories, "error": seen.why}
    return worded(ALERTS, f"cause_{seen.cause}", language, **places)
