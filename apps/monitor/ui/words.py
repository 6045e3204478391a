"""The interface strings of the monitor's pages in English and Chinese: those of all pages, and the look-up.

Strings of single pages lie in ``words_watch``, ``words_desk`` and ``words_sources``, those that messages need too in
``alert_words``; a test keeps languages in step.
"""

from apps.monitor.alert_words import ALERTS
from apps.monitor.ui.words_desk import DESK
from apps.monitor.ui.words_sources import SOURCES
from apps.monitor.ui.words_watch import WATCH
from apps.training_page import RUN_WORDS
from core.bilingual import worded

SHARED: dict[str, tuple[str, str]] = {
    # the leaf and its pages
    "app_name": ("Sentiment monitor", "舆情监测"),
    "app_line": (
        "Reads news and comments as they come, tells company, topic and mood of each, follows the trends, and raises "
        "an alert when bad news surges.",
        "实时阅读新闻与评论，判断每条涉及的公司、主题与情绪，跟踪走势，负面消息激增时告警。",
    ),
    "page_overview": ("Overview", "总览"),
    "page_feed": ("Feed", "信息流"),
    "page_alerts": ("Alerts", "告警"),
    "page_rules": ("Rules", "规则"),
    "page_sources": ("Sources", "来源与通知"),
    "page_training": ("Training", "学习与训练"),
    "section": ("Section", "栏目"),
    "opening": ("Opening the stream and the models …", "正在打开信息流与模型……"),
    "working": ("Working …", "处理中……"),
    "unexpected": ("Something went wrong here; the log says what.", "这里出了点问题，详情见日志。"),
    # the clock of the page
    "clock": ("Stream time {time}", "信息流时间 {time}"),
    "clock_help": (
        "Everything on this page is told as of this moment. While sources deliver it is the present; a replayed stream "
        "stands at its last item.",
        "本页一切数字都以此刻为准：来源在送达时即为当前时间；回放的信息流则停在最后一条。",
    ),
    "sample_line": (
        "Sample stream: invented companies, dates moved by {days} days so that the last item is recent. Add your own "
        "sources on the page Sources, and take these out there when you no longer want them.",
        "示例信息流：公司均为虚构，日期整体平移了 {days} 天，使最后一条是最近的。"
        "可在“来源与通知”页接入您自己的来源，不再需要示例时也在那里移除。",
    ),
    "sample_plain": (
        "Sample stream about invented companies. Add your own sources on the page Sources.",
        "示例信息流，公司均为虚构。可在“来源与通知”页接入您自己的来源。",
    ),
    "loading": (
        "The sample stream is being read in: {done} of {total} items. What is below grows with it; alerts come last.",
        "正在读入示例信息流：{done} / {total} 条，下面的内容会随之增加，告警最后出现。",
    ),
    "sample_coming": (
        "Nothing here yet: the sample stream is still being read in, {done} of {total} items.",
        "示例信息流仍在读入（{done} / {total} 条），这里暂时没有内容。",
    ),
    "alerts_coming": (
        "No alert yet: the rules look over the sample stream once it has been read in, {done} of {total} items so far.",
        "暂无告警：示例信息流读入完成后才按规则判断，目前 {done} / {total} 条。",
    ),
    "waiting": (
        "{n} newer, held back while one is open below: close it, and they come in.",
        "另有 {n} 条较新的内容：下面有一条已展开，收起后即显示。",
    ),
    # moods, topics, severities, states
    "label": ("Mood", "情绪"),
    "mood_negative": ("negative", "负面"),
    "mood_neutral": ("neutral", "中性"),
    "mood_positive": ("positive", "正面"),
    "label_all": ("All moods", "全部情绪"),
    "mood_abstained": ("not sure", "未判定"),
    "topic": ("Topic", "主题"),
    "topic_all": ("All topics", "全部主题"),
    "company": ("Company", "公司"),
    "company_all": ("All companies", "全部公司"),
    "source": ("Source", "来源"),
    "source_all": ("All sources", "全部来源"),
    "severity": ("Severity", "级别"),
    "severity_all": ("All severities", "全部级别"),
    "state": ("State", "状态"),
    "state_normal": ("normal", "正常"),
    "state_pending": ("pending", "待定"),
    "state_firing": ("firing", "告警"),
    "state_acknowledged": ("acknowledged", "已确认"),
    "state_recovering": ("recovering", "恢复中"),
    "state_resolved": ("resolved", "已恢复"),
    "state_silenced": ("silenced", "已静默"),
    "state_no_data": ("no data", "无数据"),
    # small words
    "stories": ("stories", "事件数"),
    "reach": ("reach", "传播量"),
    "items": ("items", "条目数"),
    "negative_share": ("negative share", "负面占比"),
    "polarity": ("net mood", "净情绪"),
    "time": ("time", "时间"),
    "name": ("Name", "名称"),
    "save": ("Save", "保存"),
    "delete": ("Delete", "删除"),
    "who": ("Your name", "您的名字"),
    "nobody": ("page", "页面"),
    "from": ("From", "起"),
}
WORDS: dict[str, tuple[str, str]] = {**RUN_WORDS, **ALERTS, **SHARED, **WATCH, **DESK, **SOURCES}


def translate(key: str, language: str = "en", **values: object) -> str:
    """The string in that language with its places filled; a topic or state without words of its own shows its name."""
    return worded(WORDS, key, language, **values)
