"""Where items come from, as records: a source's description, where reading it stands, how it is doing.

Knows no protocol; the readers in ``sources`` do.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from apps.monitor.row_problems import NAMELESS, NO_ADDRESS, NO_WEB_ADDRESS, TOO_OFTEN, ZONE
from core.dates import DateOrder
from core.errors import DataError
from core.reasons import reason


class SourceKind(StrEnum):
    """How items are got."""

    RSS = "rss"  # RSS or Atom at an http(s) address
    PAGE = "page"  # one web page whose text is watched
    FILE = "file"  # csv or jsonl that grows
    FOLDER = "folder"  # csv and jsonl files put into a folder
    PUSH = "push"  # somebody sends items over HTTP
    REPLAY = "replay"  # a dated file played at any speed
    REDIS = "redis"  # a Redis stream, read as one of a consumer group


POLLED = (SourceKind.RSS, SourceKind.PAGE, SourceKind.FILE, SourceKind.FOLDER, SourceKind.REDIS)


class Health(StrEnum):
    """How a source is doing. ``WAITING``: never heard yet. ``SILENT`` and ``FAILING`` are unknown, not good news."""

    OK = "ok"
    WAITING = "waiting"
    SILENT = "silent"
    FAILING = "failing"
    PAUSED = "paused"


@dataclass(frozen=True)
class Source:
    """A source as somebody set it up.

    ``zone`` is the time zone of dates written without one (Chinese feeds mean Asia/Shanghai), ``dates`` says what comes
    first in dates such as 03/04/2026. ``every_s`` is the pause between two looks. ``silent_after_s`` None learns the
    usual gap. ``columns`` maps our field names to the file's. ``options`` are the kind's own: redis ``stream``,
    ``group``, ``consumer``.
    """

    name: str
    kind: SourceKind
    address: str = ""
    zone: str = "UTC"
    language: str = ""
    every_s: float = 300.0
    silent_after_s: float | None = None
    paused: bool = False
    reach: int = 1
    columns: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    dates: DateOrder = DateOrder.UNSAID

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise DataError(reason(NAMELESS))
        if self.kind in POLLED and not self.address.strip():
            raise DataError(reason(NO_ADDRESS, name=self.name, kind=self.kind.value))
        if self.kind in (SourceKind.RSS, SourceKind.PAGE) and not self.address.startswith(("http://", "https://")):
            raise DataError(reason(NO_WEB_ADDRESS, name=self.name, address=self.address))
        if self.every_s < 1:
            raise DataError(reason(TOO_OFTEN, name=self.name, every=self.every_s))
        try:
            ZoneInfo(self.zone)
        except (KeyError, ValueError, OSError):
            raise DataError(reason(ZONE, name=self.name, zone=self.zone)) from None


@dataclass(frozen=True)
class SourceState:
    """Where reading a source stands; kept in the database, so that a restart goes on.

    ``place`` is the kind's own bookmark (ETag, byte offsets). ``usual_gap_s`` is the longest pause between items
    of the last weeks, forgotten slowly; it counts once there were enough items. ``counts`` adds up what
    became of the items. ``error`` is what the last look failed with, ``error_zh`` the same for a Chinese page: a
    text that was stored no longer knows its other wording.
    """

    place: Mapping[str, str] = field(default_factory=dict)
    last_try_at: datetime | None = None
    last_success_at: datetime | None = None
    last_item_at: datetime | None = None
    next_at: datetime | None = None
    failures: int = 0
    error: str = ""
    error_zh: str = ""
    usual_gap_s: float | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class SourceHealth:
    """A source, where it stands, and how it is doing; ``delay_s``: published to received, typical."""

    source: Source
    state: SourceState
    health: Health
    reason: str
    delay_s: float | None = None


SILENT_TIMES = 1.5  # times the longest gap of the last weeks, which holds nights and weekends
SILENT_LEAST = timedelta(hours=1)
GAP_MEMORY = timedelta(days=14)  # in this time a gap seen once shrinks to a third
GAP_ITEMS = 20  # items before the usual gap is believed
FAILING_AFTER = 3  # failed looks in a row; one or two happen to every feed


def health(source: Source, state: SourceState, now: datetime) -> tuple[Health, str]:
    """How a source is doing at ``now``, and why in one sentence."""
    if source.paused:
        return Health.PAUSED, "Paused by hand."
    if state.failures >= FAILING_AFTER:
        return Health.FAILING, f"{state.failures} looks in a row failed: {state.error}"
    if state.last_item_at is None:
        return Health.WAITING, "Nothing has come from here yet."
    limit = silent_after(source, state)
    quiet = now - state.last_item_at
    if limit is not None and quiet > limit:
        return Health.SILENT, f"Nothing for {hours(quiet)}; silence is called after {hours(limit)}."
    return Health.OK, f"The last item came {hours(quiet)} ago."


def doubted_dates(source: Source, state: SourceState) -> int:
    """Items whose date was not used since it may be read two ways; 0 once somebody has said which."""
    return 0 if source.dates else state.counts.get("two_ways", 0)


def silent_after(source: Source, state: SourceState) -> timedelta | None:
    """How long this source may say nothing; None while its usual gap is not known."""
    if source.silent_after_s is not None:
        return timedelta(seconds=source.silent_after_s)
    if state.usual_gap_s is None or state.counts.get("items", 0) < GAP_ITEMS:
        return None
    return max(SILENT_LEAST, timedelta(seconds=state.usual_gap_s * SILENT_TIMES))


def heard(state: SourceState, at: datetime) -> SourceState:
    """The state after an item came at ``at``: the usual gap learnt, the item counted.

    A gap counts at most twice the longest known, so that one outage does not teach that outages are usual.
    """
    counts = {**state.counts, "items": state.counts.get("items", 0) + 1}
    if state.last_item_at is None:
        return replace(state, last_item_at=at, counts=counts)
    gap = max(0.0, (at - state.last_item_at).total_seconds())
    usual = state.usual_gap_s or 0.0
    if counts["items"] > GAP_ITEMS and usual:
        gap = min(gap, 2 * usual)
    faded = usual * math.exp(-gap / GAP_MEMORY.total_seconds())
    return replace(state, last_item_at=max(at, state.last_item_at), usual_gap_s=max(gap, faded), counts=counts)


def hours(length: timedelta) -> str:
    """A length in words.

    >>> hours(timedelta(minutes=90)), hours(timedelta(seconds=50)), hours(timedelta(hours=1))
    ('1.5 hours', '50 seconds', '1 hour')
    """
    seconds = max(0.0, length.total_seconds())
    for unit, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= unit * (2 if unit == 86400 else 1):
            number = round(seconds / unit, 1)
            return f"{number:g} {name if number != 1 else name[:-1]}"
    return f"{round(seconds):g} seconds"
