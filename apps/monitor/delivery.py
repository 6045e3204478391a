"""Carries messages from the outbox to their channels: claim, send, settle, each in its own short transaction.

A sender that dies between sending and settling loses its claim after the lease; the message then goes out again under
the same id, once per death at most.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

from apps.monitor.alert_records import Channel, Delivery, DeliveryReport, Message
from apps.monitor.store import Store
from core.errors import BusyError, RemoteError

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=1)
SETTLING = 4  # tries to keep that a message was sent, each as long as a writer waits
Send = Callable[[Channel, Message], None]


class Courier:
    """Delivers what is due. Several couriers, threads or processes may work on one outbox."""

    def __init__(
        self, store: Store, channels: Mapping[str, Channel], send: Send, attempts: int, lease: timedelta
    ) -> None:
        self._store, self._channels, self._send = store, channels, send
        self._attempts, self._lease = attempts, lease

    def deliver(self, now: Callable[[], datetime], limit: int = 100) -> DeliveryReport:
        """Sends what is due at ``now()``, oldest first, at most ``limit`` messages."""
        report = DeliveryReport()
        with self._store.reading() as work:
            due = work.outbox.due(now(), limit)
        for message_id in due:
            report = self._one(message_id, now, report)
        with self._store.reading() as work:
            waiting = work.outbox.counts().get(Delivery.WAITING.value, 0)
        return replace(report, waiting=waiting)

    def _one(self, message_id: str, now: Callable[[], datetime], report: DeliveryReport) -> DeliveryReport:
        by = uuid4().hex
        with self._store.writing() as work:
            message = work.outbox.claim(message_id, by, now(), self._lease)
        if message is None:
            return report
        error, retry_at = self._try(message, now)
        self._settle(message_id, by, now(), error, retry_at)
        if not error:
            return replace(report, sent=report.sent + 1)
        errors = (*report.errors, error)[:20]
        if retry_at is not None:
            return replace(report, retried=report.retried + 1, errors=errors)
        return replace(report, failed=report.failed + 1, errors=errors)

    def _settle(self, message_id: str, by: str, now: datetime, error: str, retry_at: datetime | None) -> None:
        """Keeps what came of it, also when the database is busy: what is not kept would be sent again."""
        for left in reversed(range(SETTLING)):
            try:
                with self._store.writing() as work:
                    work.outbox.settle(message_id, by, now, error, retry_at)
                return
            except BusyError:
                if not left:
                    raise

    def _try(self, message: Message, now: Callable[[], datetime]) -> tuple[str, datetime | None]:
        """What went wrong ("" when nothing) and when to try again (None: never)."""
        channel = self._channels.get(message.channel)
        if channel is None:
            return f"Channel '{message.channel}' is not in the settings any more.", None
        try:
            self._send(channel, message)
        except RemoteError as error:
            if error.permanent or message.attempts >= self._attempts:
                return str(error), None
            return str(error), now() + pause(message.attempts)
        return "", None


def pause(attempts: int) -> timedelta:
    """How long to wait after so many tries: doubling from five seconds to an hour, a fifth of it drawn."""
    whole = min(FIRST_PAUSE * 2 ** min(attempts - 1, 20), LONGEST_PAUSE)
    return whole * (1 - random.random() / 5)  # many couriers must not all come back at once
