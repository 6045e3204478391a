"""Takes items and events in: checks each, keeps the good ones in pieces, names the others by line. Reads files, writes
the store; knows no model."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from apps.recommender.answers import EventReport, IngestReport, ItemReport, RowProblem
from apps.recommender.records import Event, EventMeaning, Item
from apps.recommender.row_problems import FUTURE, ITEMS_OR_EVENTS, NO_FILE, UNKNOWN_ITEM, UNKNOWN_TYPE
from apps.recommender.store import Store
from core.dates import DateOrder
from core.errors import DataError
from core.events import Log, OnEvent, Progress, ignore
from core.reasons import Reason, joined, known, reason, reason_of

if TYPE_CHECKING:
    from apps.recommender.dataset import Problem

Kind = Literal["auto", "items", "events"]
PIECE = 500  # rows in one transaction: what is reported done survives a crash
AHEAD = timedelta(days=1)  # clocks differ; more than that is a mistake
NAMES = {
    "items": ("item", "catalog", "product", "good", "movie", "article", "商品"),
    "events": ("event", "log", "click", "rating", "inter", "behav", "sequence", "行为"),
}
# other names of the kinds of events that come with the settings; a kind that a team names itself is never renamed
SAME_KIND = {
    other: name
    for name, others in {
        "view": "pv visit browse viewed page_view 浏览 查看 访问",
        "click": "clicked open tap 点击",
        "like": "liked fav favorite favourite collect wishlist 收藏 喜欢 点赞 关注",
        "dislike": "disliked not_interested thumbs_down 不喜欢 不感兴趣 点踩",
        "comment": "commented review 评论 评价",
        "share": "shared 分享 转发",
        "cart": "add_to_cart addtocart add_cart basket 加购 加购物车 加入购物车",
        "purchase": "buy bought order ordered purchased paid transaction 购买 下单 支付 成交",
        "impression": "exposure shown 曝光 展示",
        "rating": "rate rated score 评分 打分",
    }.items()
    for other in others.split()
}


class Arrivals:
    """``meanings`` are the known kinds of events, ``knows`` tells whether the catalogue has an item."""

    def __init__(self, store: Store, meanings: Iterable[EventMeaning], knows: Callable[[str], bool]) -> None:
        self._store, self._meanings, self._knows = store, tuple(meanings), knows
        self._kinds = {one.type: one for one in self._meanings}

    def files(
        self,
        paths: Sequence[Path],
        kind: Kind,
        mapping: Mapping[str, str] | None,
        now: datetime,
        on_event: OnEvent = ignore,
        dates: DateOrder = DateOrder.UNSAID,
    ) -> IngestReport:
        """Files or whole folders, items before events whatever the order given; each file's report is a ``Log`` too.

        A file that cannot be read costs no other file: the report names it. ``DataError`` when none could be read.
        """
        items, events, report = _sorted_out(paths, kind)
        named = len(report.failed)
        for path in items:
            report += _tried(path, partial(self._item_file, path, mapping, dates, on_event), on_event)
        known = {one.id for one in self._store.all_items()} if events else set()
        for path in events:
            report += _tried(path, partial(self._event_file, path, mapping, dates, known, now, on_event), on_event)
        if report.failed and len(report.failed) == named + len(items) + len(events):
            reasons = dict.fromkeys(one.reason for one in report.problems if one.source in report.failed)
            raise DataError(joined(reasons))
        return report

    def items(self, items: Sequence[Item], on_event: OnEvent = ignore) -> ItemReport:
        """Keep items, piece by piece."""
        report = ItemReport()
        for start in range(0, len(items), PIECE):
            report += self._store.put_items(items[start : start + PIECE])
            on_event(Progress("items", min(start + PIECE, len(items)), len(items)))
        return report

    def events(
        self, events: Sequence[Event], now: datetime, source: str = "events", lines: Sequence[int] = ()
    ) -> EventReport:
        """Keep events in one transaction; those of unknown kind or item, or of the future, are named."""
        good: list[Event] = []
        problems: list[RowProblem] = []
        for place, event in enumerate(map(self._named, events)):
            wrong = self._wrong(event, now)
            if wrong is None:
                good.append(event)
            else:
                problems.append(RowProblem(source, lines[place] if lines else place + 1, wrong))
        added, known = self._store.add_events(good) if good else (0, 0)
        return EventReport(added, known, tuple(problems))

    def _named(self, event: Event) -> Event:
        """The event by the name of its kind that is known here, where it bears another name of it."""
        if event.type in self._kinds:
            return event
        name = event.type.strip().lower().replace("-", "_").replace(" ", "_")
        name = SAME_KIND.get(name, name)
        return replace(event, type=name) if name in self._kinds else event

    def _wrong(self, event: Event, now: datetime) -> Reason | None:
        if event.type not in self._kinds:
            return reason(UNKNOWN_TYPE, type=event.type, known=known(event.type, self._kinds))
        if not self._knows(event.item):
            return reason(UNKNOWN_ITEM, item=event.item)
        if event.time > now + AHEAD:
            return reason(FUTURE, time=event.time.isoformat())
        return self._kinds[event.type].refused(event.value)

    def _item_file(
        self, path: Path, mapping: Mapping[str, str] | None, dates: DateOrder, on_event: OnEvent
    ) -> IngestReport:
        from apps.recommender.dataset import read_items

        on_event(Log(f"Reading {path.name} …"))
        parsed = read_items(path, mapping, dates)
        problems, noted = _of_file(path, parsed.problems), _of_file(path, parsed.noted)
        report = ItemReport(problems=problems, noted=noted) + self.items(parsed.rows, on_event)
        return IngestReport(report, zoneless=parsed.zoneless, uses=(parsed.use,))

    def _event_file(
        self,
        path: Path,
        mapping: Mapping[str, str] | None,
        dates: DateOrder,
        known: set[str],
        now: datetime,
        on_event: OnEvent,
    ) -> IngestReport:
        from apps.recommender.dataset import read_events

        on_event(Log(f"Reading {path.name} …"))
        parsed = read_events(path, mapping, dates)
        report = EventReport(problems=_of_file(path, parsed.problems))
        arrivals = Arrivals(self._store, self._meanings, known.__contains__)
        for start in range(0, len(parsed.rows), PIECE):
            stop = start + PIECE
            report += arrivals.events(parsed.rows[start:stop], now, path.name, parsed.lines[start:stop])
            on_event(Progress("events", min(start + PIECE, len(parsed.rows)), len(parsed.rows)))
        in_order = tuple(sorted(report.problems, key=lambda one: one.line))  # reading and storing each found some
        return IngestReport(events=replace(report, problems=in_order), zoneless=parsed.zoneless, uses=(parsed.use,))


def _of_file(path: Path, problems: "Iterable[Problem]") -> tuple[RowProblem, ...]:
    return tuple(RowProblem(path.name, one.line, one.sentence) for one in problems)


def _tried(path: Path, take: Callable[[], IngestReport], on_event: OnEvent) -> IngestReport:
    """What became of one file, said to the listener."""
    try:
        report = take()
    except DataError as error:
        on_event(Log(f"{path.name}: could not be read"))
        return _refused(path.name, reason_of(error))
    items, events = report.items, report.events
    taken = items.added + items.updated + items.unchanged + events.added + events.known
    on_event(Log(f"{path.name}: {taken} rows taken, {report.bad_rows} not taken"))
    return report


def _refused(name: str, reason: str, failed: bool = True) -> IngestReport:
    return IngestReport(ItemReport(problems=(RowProblem(name, 0, reason),)), failed=(name,) if failed else ())


def _sorted_out(paths: Sequence[Path], kind: Kind) -> tuple[list[Path], list[Path], IngestReport]:
    """Files of items, files of events, and a report of the others: a folder may hold other things, no failure that."""
    found: dict[str, list[Path]] = {"items": [], "events": []}
    report = IngestReport()
    for path in paths:
        if not path.exists():
            report += _refused(str(path), reason(NO_FILE, name=path))
            continue
        inside = path.is_dir()
        for one in sorted(inner for inner in path.iterdir() if inner.is_file()) if inside else [path]:
            try:
                found[kind_of(one, kind)].append(one)
            except DataError as error:
                report += _refused(one.name, reason_of(error), failed=not inside)
    return found["items"], found["events"], report


def kind_of(path: Path, kind: Kind) -> Literal["items", "events"]:
    """What a file holds: as said, or by its name; ``DataError`` when the name does not tell."""
    if kind != "auto":
        return kind
    name = path.name.lower()
    for what, words in NAMES.items():
        if any(word in name for word in words):
            return what  # type: ignore[return-value]
    raise DataError(reason(ITEMS_OR_EVENTS, name=path.name))


def event_id(user: str, item: str, kind: str, time: datetime, list_id: str = "") -> str:
    """The id of an event that came without one: the same event sent again has the same."""
    words = "\n".join((user, item, kind, time.isoformat(), list_id))
    return sha256(words.encode()).hexdigest()[:32]
