"""Sends one message to one channel: a signed JSON webhook, or anything apprise knows (mail, chat, push).

Knows no outbox. Every failure is a ``RemoteError`` that says whether trying again can help.
"""

import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping
from typing import Any

from apps.monitor.alert_records import Channel, Message
from apps.monitor.notices import text
from core.errors import RemoteError

TIMEOUT_S = 15.0
PASSING = (408, 409, 423, 425, 429)  # of the 4xx: busy or too early; the others mean the request itself is wrong
_STATUS = re.compile(r"error=(\d{3})")  # how apprise's services log an answer


def send(channel: Channel, message: Message) -> None:
    """Returns when the other side took it; ``RemoteError`` otherwise."""
    if channel.address.startswith(("http://", "https://")):
        post(channel, message)
    else:
        notify(channel, message)


def post(channel: Channel, message: Message) -> None:
    """The JSON webhook: Alertmanager's fields and our id; signed when the channel has a secret.

    ``X-Trifolium-Signature`` is ``t=<seconds>,v1=<hex>``, the HMAC-SHA256 of ``<seconds>.<body>`` under the secret;
    ``Idempotency-Key`` is the message's id, the same each time it is sent.
    """
    import httpx

    body = json.dumps(payload(channel, message), ensure_ascii=False).encode("utf-8")
    headers = {"Content-Type": "application/json", "Idempotency-Key": message.id}
    if channel.secret:
        headers["X-Trifolium-Signature"] = signature(channel.secret, body, int(time.time()))
    try:
        answer = httpx.post(channel.address, content=body, headers=headers, timeout=TIMEOUT_S)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise RemoteError(f"Channel '{channel.name}' has no usable address: {error}.", permanent=True) from error
    except httpx.HTTPError as error:
        raise RemoteError(f"Channel '{channel.name}' cannot be reached: {type(error).__name__}.") from error
    if answer.status_code >= 300:
        said = f"Channel '{channel.name}' answered {answer.status_code}."
        raise RemoteError(said, permanent=is_permanent(answer.status_code))


def payload(channel: Channel, message: Message) -> dict[str, Any]:
    """The webhook's body."""
    resolved = all(one.get("status") == "resolved" for one in message.alerts)
    return {
        "version": "4",
        "id": message.id,
        "kind": message.kind.value,
        "receiver": channel.name,
        "status": "resolved" if resolved else "firing",
        "groupKey": message.group,
        "groupLabels": {"group": message.group},
        "commonLabels": _common([one.get("labels") for one in message.alerts]),
        "alerts": [dict(one) for one in message.alerts],
    }


def signature(secret: str, body: bytes, seconds: int) -> str:
    """The value of the signature header.

    >>> signature("k", b"{}", 0)[:7]
    't=0,v1='
    """
    mac = hmac.new(secret.encode("utf-8"), f"{seconds}.".encode() + body, hashlib.sha256)
    return f"t={seconds},v1={mac.hexdigest()}"


def is_permanent(status: int) -> bool:
    """Whether an HTTP status says that the same request will never do. Redirects are: the address must be mended."""
    return 300 <= status < 500 and status not in PASSING


def notify(channel: Channel, message: Message) -> None:
    """Through apprise. It only says no, so the reason is read from what its service logged."""
    from apprise import Apprise, LogCapture, NotifyType, logging

    sender = Apprise()
    if not sender.add(channel.address):
        raise RemoteError(f"Channel '{channel.name}' is no address apprise knows: {channel.shown}.", permanent=True)
    title, body = text(message)
    kind = NotifyType.SUCCESS if message.kind.value == "resolved" else NotifyType.WARNING
    with LogCapture(level=logging.WARNING) as log:
        taken = sender.notify(title=title, body=body, notify_type=kind)
        said = log.getvalue() if hasattr(log, "getvalue") else ""
    if not taken:
        found = _STATUS.search(said)
        status = int(found.group(1)) if found else 0
        reason = f"answered {status}" if status else "did not take the message"
        raise RemoteError(f"Channel '{channel.name}' {reason}.", permanent=is_permanent(status))


def _common(labels: list[Any]) -> dict[str, Any]:
    given: list[Mapping[str, Any]] = [one for one in labels if isinstance(one, Mapping)]
    first = given[0] if given else {}
    return {name: value for name, value in first.items() if all(one.get(name) == value for one in given)}
