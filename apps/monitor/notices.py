"""What a message says: the JSON that machines get (in the shape of Alertmanager's webhook) and the text for people.

Pure: knows no channel and no network.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from apps.monitor.alert_records import Alert, Message, MessageKind

MARK: Mapping[str, str] = {
    "firing": "FIRING 告警",
    "repeat": "STILL FIRING 仍在告警",
    "resolved": "RESOLVED 已恢复",
    "test": "TEST 测试",
}
MOST_STORIES = 5  # in one alert's text


def notice(alert: Alert, kind: MessageKind, stories: Sequence[tuple[str, str]], public_url: str) -> dict[str, Any]:
    """One alert as it is now, JSON-ready. ``stories`` are (title, address) of those it rests on."""
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
        "annotations": {"summary": headline(alert), "description": seen.why if seen else "", "owner": alert.owner},
        "startsAt": alert.fired_at.isoformat() if alert.fired_at else None,
        "endsAt": alert.resolved_at.isoformat() if kind is MessageKind.RESOLVED and alert.resolved_at else None,
        "generatorURL": f"{public_url.rstrip('/')}/monitor-alerts?alert={alert.id}" if public_url else "",
        "fingerprint": alert.id,
        "episode": alert.episode,
        "ruleVersion": alert.rule_version,
        "model": alert.model,
        "numbers": numbers,
        "topStories": [{"title": title, "url": url} for title, url in stories[:MOST_STORIES]],
    }


def headline(alert: Alert) -> str:
    """Rule and series in a few words."""
    parts = [alert.key.company, alert.key.topic, alert.key.source]
    return f"{alert.rule}: {' · '.join(part for part in parts if part) or 'all news'}"


def text(message: Message) -> tuple[str, str]:
    """Title and body for people."""
    first = str(_at(message.alerts[0], "annotations", "summary")) if message.alerts else "Trifolium"
    more = f" (+{len(message.alerts) - 1})" if len(message.alerts) > 1 else ""
    body = "\n\n".join(_paragraph(one) for one in message.alerts)
    return f"[{MARK[message.kind.value]}] {first}{more}", f"{body}\n\nid {message.id}".strip()


def _paragraph(alert: Mapping[str, Any]) -> str:
    severity, why = _at(alert, "labels", "severity"), _at(alert, "annotations", "description")
    lines = [f"{_at(alert, 'annotations', 'summary')} [{severity}]", str(why or "")]
    lines += [f"• {one['title']} {one['url']}".rstrip() for one in alert.get("topStories", ())]
    lines += [str(alert.get("generatorURL") or "")]
    lines += [f"rule version {alert.get('ruleVersion')}, model {alert.get('model') or 'unknown'}"]
    return "\n".join(line for line in lines if line)


def _at(alert: Mapping[str, Any], group: str, name: str) -> Any:
    found = alert.get(group)
    return found.get(name, "") if isinstance(found, Mapping) else ""
