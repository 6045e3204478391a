"""What the halves of the service share: settings, store, reader, the desk of alerts, names of companies, the time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from apps.monitor.alert_desk import AlertDesk, DeskSettings
from apps.monitor.companies import Company, followed
from apps.monitor.intake import Intake, Reads, StoryRules
from apps.monitor.notices import Telling
from apps.monitor.records import Span
from apps.monitor.settings import MonitorSettings
from apps.monitor.source_records import POLLED
from apps.monitor.starting import SAMPLE, channels_of
from apps.monitor.store import Store

LIVE_WITHIN = timedelta(hours=36)  # the newest item of a live stream is younger than this, also over a night


class Cases:
    """The parts every use-case needs."""

    def __init__(self, settings: MonitorSettings, store: Store, reader: Reads) -> None:
        self.settings, self._store, self._reader = settings, store, reader
        own = settings.monitor
        self._channels = channels_of(settings)
        wait = timedelta(seconds=own.alerting.group_wait_s)
        self._desk = AlertDesk(DeskSettings(tuple(self._channels), wait, self._telling), reader)
        stories = StoryRules(own.stories.similarity, own.stories.days, own.stories.most)
        self._intake = Intake(store, reader, self._desk, stories, timedelta(seconds=own.trends.late_after_s))

    def clock(self) -> datetime:
        """Now, as pages mean it: real now for a live stream, the last moment of a replayed one."""
        now = utc_now()
        with self._store.reading() as work:
            _, received = work.items.latest()
            live = any(source.kind in POLLED and not source.paused for source, _ in work.sources.sources().values())
        return now if received is None or live or now - received < LIVE_WITHIN else received + Span.MINUTE.length

    def company_names(self, language: str = "en") -> dict[str, str]:
        """Names to show of the companies in the gazetteer, by id; in Chinese the first Chinese one, if there is one."""
        return {id: company.name_in(language) for id, company in self._companies().items()}

    def _companies(self) -> dict[str, Company]:
        path = self.settings.monitor.reading.gazetteer or SAMPLE / "companies.csv"
        if not path.is_file():
            return {}
        written = path.stat().st_mtime_ns
        if self._names is None or self._names[0] != (path, written):
            found = followed(path, self.settings.monitor.reading.well_known)
            self._names = ((path, written), {one.id: one for one in found})
        return self._names[1]

    _names: tuple[tuple[Path, int], dict[str, Company]] | None = None  # of the file as it was last read

    def _telling(self) -> Telling:
        own = self.settings.monitor.alerting
        return Telling(own.language, self.company_names(own.language), own.public_url)


def utc_now() -> datetime:
    """The real time."""
    return datetime.now(UTC)
