"""What a message says: the JSON that machines get (in the shape of Alertmanager's webhook) and the text for people.

Pure: knows no channel and no network.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from apps.monitor.alert_records import Alert, Message, MessageKind
from apps.monitor.alert_words import ALERTS, reason_words, rule_words, series_words
from core.bilingual import worded

MARKS: Mapping[str, tuple[str, str]] = {
    "mark_firing": ("FIRING", "告警"),
    "mark_repeat": ("STILL FIRING", "仍在告警"),
    "mark_resolved": ("RESOLVED", "已恢复"),
    "mark_test": ("TEST", "测试"),
    "mark_trial": ("Trifolium: a test message", "Trifolium：测试消息"),
    "mark_works": ("This channel works.", "此通道可用。"),
    "mark_versions": ("rule version {rule}, model {model}", "规则版本 {rule}，模型 {model}"),
    "mark_unknown": ("unknown", "未知"),
    "mark_id": ("id {id}", "编号 {id}"),
}
MOST_STORIES = 5  # in one alert's text


@dataclass(frozen=True)
class Telling:
    """How people are told: in which language, by which names of companies, and where links lead."""

    language: str = "en"
    names: Mapping[str, str] = field(default_factory=dict)
    public_url: str = ""


def notice(alert: Alert, kind: MessageKind, stories: Sequence[tuple[str, str]], how: Telling) -> dict[str, Any]:
    """One alert as it is now, JSON-ready: labels by id for machines, annotations for people.

    ``stories`` are (title, address) of those it rests on.
    """
    labels = {
        "alertname": alert.rule, "severity": alert.severity.value, "company": alert.key.company,
        "topic": alert.key.topic, "source": alert.key.source,
    }  # fmt: skip
    seen = alert.evidence
    numbers = {} if seen is None else {
        "stories": seen.stories, "negative": seen.negative, "items": seen.items, "reach": seen.reach,
        "share": seen.share, "share_low": seen.low, "expected": seen.expected, "score": seen.score,
        "threshold": seen.threshold, "window_start": seen.window_start.isoformat(),
        "window_end": seen.window_end.isoformat(),
    }  # fmt: skip
    return {
        "status": "resolved" if kind is MessageKind.RESOLVED else "firing",
        "labels": {name: value for name, value in labels.items() if value},
        "annotations": {
            "summary": headline(alert, how),
            "description": reason_words(seen, how.language) if seen else "",
            "owner": alert.owner,
        },
        "language": how.language,
        "startsAt": alert.fired_at.isoformat() if alert.fired_at else None,
        "endsAt": alert.resolved_at.isoformat() if kind is MessageKind.RESOLVED and alert.resolved_at else None,
        "generatorURL": _link(alert, how),
        "fingerprint": alert.id,
        "episode": alert.episode,
        "ruleVersion": alert.rule_version,
        "model": alert.model,
        "numbers": numbers,
        "topStories": [{"title": title, "url": url} for title, url in stories[:MOST_STORIES]],
    }


def trial(language: str) -> dict[str, Any]:
    """What is sent to try a channel."""
    said = {"summary": worded(MARKS, "mark_trial", language), "description": worded(MARKS, "mark_works", language)}
    labels = {"alertname": "test", "severity": "info"}
    return {"status": "firing", "labels": labels, "annotations": said, "language": language}


def headline(alert: Alert, how: Telling) -> str:
    """Rule and series in a few words."""
    colon = "：" if how.language == "zh" else ": "
    return rule_words(alert.rule, how.language) + colon + series_words(alert.key, how.names, how.language)


def text(message: Message) -> tuple[str, str]:
    """Title and body for people, in the language that its first alert was told in."""
    first = message.alerts[0] if message.alerts else {}
    language = str(first.get("language") or "en")
    mark = worded(MARKS, f"mark_{message.kind.value}", language)
    more = f" (+{len(message.alerts) - 1})" if len(message.alerts) > 1 else ""
    body = "\n\n".join(_paragraph(one, language) for one in message.alerts)
    title = f"[{mark}] {_at(first, 'annotations', 'summary') or 'Trifolium'}{more}"
    return title, f"{body}\n\n{worded(MARKS, 'mark_id', language, id=message.id)}".strip()


def _link(alert: Alert, how: Telling) -> str:
    return f"{how.public_url.rstrip('/')}/monitor-alerts?alert={alert.id}" if how.public_url else ""


def _paragraph(alert: Mapping[str, Any], language: str) -> str:
    severity = worded(ALERTS, f"severity_{_at(alert, 'labels', 'severity')}", language)
    why = _at(alert, "annotations", "description")
    lines = [f"{_at(alert, 'annotations', 'summary')} [{severity}]", str(why or "")]
    lines += [f"• {one['title']} {one['url']}".rstrip() for one in alert.get("topStories", ())]
    lines += [str(alert.get("generatorURL") or "")]
    if "ruleVersion" in alert:  # a test has none
        model = alert.get("model") or worded(MARKS, "mark_unknown", language)
        lines += [worded(MARKS, "mark_versions", language, rule=alert["ruleVersion"], model=model)]
    return "\n".join(line for line in lines if line)


def _at(alert: Mapping[str, Any], group: str, name: str) -> Any:
    found = alert.get(group)
    return found.get(name, "") if isinstance(found, Mapping) else ""
