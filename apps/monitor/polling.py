"""Looks at sources that are due, hands their rows to ingestion, and keeps what came of it with the source."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from apps.monitor.intake_records import DateDoubt, IngestReport, RowProblem
from apps.monitor.layouts import check_words
from apps.monitor.row_problems import NOT_LOOKED_AT
from apps.monitor.rows import Taken, take_rows
from apps.monitor.source_records import POLLED, Source, SourceKind, SourceState
from apps.monitor.sources import Fetched, Limits, fetch, next_look, rules_of
from apps.monitor.store import Store
from core.errors import DataError, NotFoundError, TrifoliumError
from core.reasons import in_language, reason, reason_of

# Of these a first look that finds no column for title or text waits for somebody to name one, as the rows stay in the
# file; in a stream of messages that would stop all that come after.
FILES = (SourceKind.FILE, SourceKind.FOLDER)


@dataclass(frozen=True)
class PollSettings:
    """Limits of a look and of a row."""

    limits: Limits
    longest_text: int
    oldest_days: int


class Poller:
    """Polls over one store; ``take`` stores items."""

    def __init__(
        self, store: Store, settings: PollSettings, take: Callable[[Sequence[Taken], datetime], IngestReport]
    ) -> None:
        self._store, self._settings, self._take = store, settings, take

    def poll(self, name: str, now: datetime) -> IngestReport:
        """Looks at one source now, or (no name) at all that are due. A failure is kept with its source, not raised."""
        with self._store.reading() as work:
            known = work.sources.sources()
        if name and name not in known:
            raise NotFoundError(f"There is no source '{name}'.")
        if name and known[name][0].kind not in POLLED:
            raise DataError(reason(NOT_LOOKED_AT, name=name, kind=known[name][0].kind.value))
        chosen = [known[name]] if name else [pair for pair in known.values() if is_due(*pair, now)]
        report = IngestReport()
        for source, state in chosen:
            report += self._one(source, state, now)
        return report

    def pause(self, name: str, paused: bool) -> None:
        """Stops or goes on looking at a source; ``NotFoundError`` for an unknown one."""
        with self._store.writing() as work:
            known = work.sources.sources()
            if name not in known:
                raise NotFoundError(f"There is no source '{name}'.")
            work.sources.put(replace(known[name][0], paused=paused))

    def _one(self, source: Source, state: SourceState, now: datetime) -> IngestReport:
        report, more = IngestReport(), True
        while more:
            try:
                fetched = fetch(source, state, self._settings.limits)
                if source.kind in FILES and not (report.added or state.counts.get("items")):
                    check_words(fetched.rows, source.columns)
                found = self._store_rows(source, fetched, now)
                fetched.done()
            except TrifoliumError as error:
                self._keep(source, failed(source, state, error, now))
                return report + IngestReport(problems=(RowProblem(source.name, reason_of(error)),))
            state = worked(source, state, fetched, now)
            self._keep(source, state, found)
            report, more = report + found, fetched.more
        return report

    def _store_rows(self, source: Source, fetched: Fetched, now: datetime) -> IngestReport:
        own = self._settings
        taken, problems = take_rows(fetched.rows, rules_of(source, own.longest_text, own.oldest_days), now)
        return self._take(taken, now) + problems

    def _keep(self, source: Source, state: SourceState, report: IngestReport | None = None) -> None:
        """The new bookmark; what ingestion learnt of the source meanwhile stays."""
        with self._store.writing() as work:
            known = work.sources.sources().get(source.name)
            if known is None:
                return
            counts = dict(known[1].counts)
            for name, number in _counted(report).items():
                counts[name] = counts.get(name, 0) + number
            learnt = {"last_item_at": known[1].last_item_at, "usual_gap_s": known[1].usual_gap_s}
            work.sources.put_state(source.name, replace(state, counts=counts, **learnt))  # type: ignore[arg-type]


def _counted(report: IngestReport | None) -> dict[str, int]:
    """What a look adds to the source's counts beside what ingestion adds: rows not taken, dates not understood."""
    if report is None:
        return {}
    doubted = sum(one.why is DateDoubt.TWO_WAYS for one in report.date_problems)
    return {**report.counts, **({"two_ways": doubted} if doubted else {})}


def is_due(source: Source, state: SourceState, now: datetime) -> bool:
    """Whether to look now."""
    return source.kind in POLLED and not source.paused and (state.next_at is None or state.next_at <= now)


def worked(source: Source, state: SourceState, fetched: Fetched, now: datetime) -> SourceState:
    """The state after a look that worked."""
    done = replace(state, place=fetched.place, last_try_at=now, last_success_at=now, failures=0)
    return replace(_said(done, fetched.problems), next_at=next_look(source, 0, None, now))


def failed(source: Source, state: SourceState, error: Exception, now: datetime) -> SourceState:
    """The state after a look that failed."""
    failures = state.failures + 1
    at = next_look(source, failures, error, now)
    return replace(_said(state, [reason_of(error)]), last_try_at=now, failures=failures, next_at=at)


def _said(state: SourceState, problems: Sequence[str]) -> SourceState:
    """The state with what went wrong, in both languages."""
    english, chinese = ("; ".join(in_language(one, to) for one in problems) for to in ("en", "zh"))
    return replace(state, error=english[:300], error_zh=chinese[:300])
