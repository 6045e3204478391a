"""What the halves of the service share: settings, store, reader, the desk of alerts, and what time it is."""

from datetime import UTC, datetime, timedelta

from apps.monitor.alert_desk import AlertDesk, DeskSettings
from apps.monitor.intake import Intake, Reads, StoryRules
from apps.monitor.records import Span
from apps.monitor.settings import MonitorSettings
from apps.monitor.source_records import POLLED
from apps.monitor.starting import channels_of
from apps.monitor.store import Store

LIVE_WITHIN = timedelta(hours=36)  # the newest item of a live stream is younger than this, also over a night


class Cases:
    """The parts every use-case needs."""

    def __init__(self, settings: MonitorSettings, store: Store, reader: Reads) -> None:
        self.settings, self._store, self._reader = settings, store, reader
        own = settings.monitor
        self._channels = channels_of(settings)
        wait = timedelta(seconds=own.alerting.group_wait_s)
        self._desk = AlertDesk(DeskSettings(tuple(self._channels), wait, own.alerting.public_url), reader)
        stories = StoryRules(own.stories.similarity, own.stories.days, own.stories.most)
        self._intake = Intake(store, reader, self._desk, stories, timedelta(seconds=own.trends.late_after_s))

    def clock(self) -> datetime:
        """Now, as pages mean it: real now for a live stream, the last moment of a replayed one."""
        now = utc_now()
        with self._store.reading() as work:
            _, received = work.items.latest()
            live = any(source.kind in POLLED and not source.paused for source, _ in work.sources.sources().values())
        return now if received is None or live or now - received < LIVE_WITHIN else received + Span.MINUTE.length


def utc_now() -> datetime:
    """The real time."""
    return datetime.now(UTC)
