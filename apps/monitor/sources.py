"""Looks at one source: what rows it has now and where to go on next time. One reader per kind, chosen from a table.

Knows no database; what was fetched counts only once its rows are stored, so ``done`` is called after that.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from apps.monitor import source_feeds, source_redis
from apps.monitor.row_problems import NO_FOLDER, NOT_LOOKED_AT
from apps.monitor.rows import NamedRow, RowRules, numbered
from apps.monitor.source_files import SUFFIXES, added
from apps.monitor.source_records import Source, SourceKind, SourceState
from core.errors import BusyError, DataError, NotFoundError, RemoteError, TrifoliumError
from core.reasons import reason, reason_of

LONGEST_PAUSE = timedelta(hours=6)  # between looks at a source that fails
MOST_FILES = 10_000  # watched in one folder


@dataclass(frozen=True)
class Limits:
    """How long and how much a look may take."""

    timeout_s: float = 20.0
    largest: int = 20_000_000


@dataclass(frozen=True)
class Fetched:
    """Rows, the bookmark to keep once they are stored, and what to do then; ``more`` is there to be fetched at once."""

    rows: Sequence[NamedRow]
    place: Mapping[str, str] = field(default_factory=dict)
    done: Callable[[], None] = lambda: None
    problems: tuple[str, ...] = ()
    more: bool = False


def fetch(source: Source, state: SourceState, limits: Limits) -> Fetched:
    """What the source has now; errors say in one sentence what is wrong with it."""
    if source.kind not in _READERS:
        raise DataError(reason(NOT_LOOKED_AT, name=source.name, kind=source.kind.value))
    return _READERS[source.kind](source, state, limits)


def _rss(source: Source, state: SourceState, limits: Limits) -> Fetched:
    answer = source_feeds.get(source.address, state.place, limits.timeout_s, limits.largest)
    if answer.body is None:
        return Fetched([], state.place)
    return Fetched(list(numbered(source_feeds.feed_rows(answer, source.address))), answer.place)


def _page(source: Source, state: SourceState, limits: Limits) -> Fetched:
    answer = source_feeds.get(source.address, state.place, limits.timeout_s, limits.largest)
    if answer.body is None:
        return Fetched([], state.place)
    rows, mark = source_feeds.page_rows(answer, source.address, state.place.get("text", ""))
    return Fetched(list(numbered(rows)), {**answer.place, "text": mark})


def _file(source: Source, state: SourceState, limits: Limits) -> Fetched:
    rows, place = added(Path(source.address).expanduser(), state.place.get("at", ""), limits.largest)
    return Fetched(rows, {"at": place}, more=bool(rows))


def _folder(source: Source, state: SourceState, limits: Limits) -> Fetched:
    """Every file in turn; one that cannot be read is reported and the others are read."""
    folder = Path(source.address).expanduser()
    if not folder.is_dir():
        raise NotFoundError(reason(NO_FOLDER, folder=folder, name=source.name))
    rows: list[NamedRow] = []
    place: dict[str, str] = {}
    problems = []
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)[:MOST_FILES]:
        try:
            found, place[path.name] = added(path, state.place.get(path.name, ""), limits.largest)
            rows += found
        except TrifoliumError as error:
            problems.append(reason_of(error))
    return Fetched(rows, place, problems=tuple(problems), more=bool(rows))


def _redis(source: Source, state: SourceState, limits: Limits) -> Fetched:
    stream, group = source.options.get("stream", "news"), source.options.get("group", "trifolium")
    consumer = source.options.get("consumer") or source_redis.name()
    rows, acknowledge = source_redis.take(source.address, stream, group, consumer, limits.timeout_s)
    return Fetched(list(numbered(rows)), {}, acknowledge)


_READERS: Mapping[SourceKind, Callable[[Source, SourceState, Limits], Fetched]] = {
    SourceKind.RSS: _rss,
    SourceKind.PAGE: _page,
    SourceKind.FILE: _file,
    SourceKind.FOLDER: _folder,
    SourceKind.REDIS: _redis,
}


def rules_of(source: Source, longest_text: int, oldest_days: int) -> RowRules:
    """What the source lays down for its rows."""
    return RowRules(
        source.name, source.zone, source.language, source.reach, source.columns, longest_text, oldest_days, source.dates
    )


def next_look(source: Source, failures: int, error: Exception | None, now: datetime) -> datetime:
    """When to look again: after ``every_s``; failures double it up to six hours; a server's own wish is heeded."""
    pause = min(timedelta(seconds=source.every_s) * 2 ** min(failures, 16), LONGEST_PAUSE)
    if isinstance(error, BusyError):
        pause = max(pause, timedelta(seconds=min(error.retry_after_s, LONGEST_PAUSE.total_seconds())))
    if isinstance(error, RemoteError) and error.permanent:
        pause = LONGEST_PAUSE
    return now + max(pause, timedelta(seconds=source.every_s))
