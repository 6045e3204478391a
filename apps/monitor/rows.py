"""Turns a raw row (csv, jsonl, HTTP, feed entry) into a news item, or says in one sentence why it cannot.

Mends what can be mended (encoding, HTML, length, dates) and says that it did. Knows no file and no protocol.
"""

import hashlib
import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from html.parser import HTMLParser
from typing import Any, TypeAlias

from apps.monitor.intake_records import MOST_PROBLEMS, DateProblem, IngestReport, RowProblem
from apps.monitor.records import NewsItem
from apps.monitor.row_columns import NAMES, ColumnUse, columns_of
from apps.monitor.row_dates import doubt
from apps.monitor.row_problems import NO_DATE, NO_FIELDS, NO_TEXT, REACH_LEFT_OUT, TWO_WAYS, UNREADABLE_DATE
from core.dates import DateOrder, ends_with_year, parse_moment, proven_order, two_ways, zoneless
from core.errors import DataError
from core.reasons import Reason, reason, reason_of
from core.text import language as language_of

Row: TypeAlias = Mapping[str, Any] | DataError  # one that cannot even be read is its error
NamedRow: TypeAlias = tuple[str, Row]  # with where it stands: file and line, or its number in a request

_TAG = re.compile(r"<[a-zA-Z/!][^>]*>")
_BLANK = re.compile(r"[ \t\r\f\v ]+")


@dataclass(frozen=True)
class RowRules:
    """What a row's source lays down.

    ``zone`` is for dates without one, ``columns`` maps our names to the row's, ``dates`` says what comes first in dates
    such as 03/04/2026.
    """

    source: str = "push"
    zone: str = "UTC"
    language: str = ""
    reach: int = 1
    columns: Mapping[str, str] = field(default_factory=dict)
    longest_text: int = 20_000
    oldest_days: int = 3660
    dates: DateOrder = DateOrder.UNSAID


@dataclass(frozen=True)
class Taken:
    """The item, and what had to be done for it; the problems when it had a date or reach that is not used."""

    item: NewsItem
    undated: bool = False
    date_problem: DateProblem | None = None
    reach_problem: RowProblem | None = None
    shortened: bool = False
    garbled: bool = False
    zoneless: bool = False


def item_from_row(row: Mapping[str, Any], rules: RowRules, received_at: datetime | None, name: str = "") -> Taken:
    """The row as an item; ``DataError`` when it has no text or, for history, no date.

    ``received_at`` None is for history: an item that does not say when it was received was when it was published.

    A date that is missing, unreadable or not to be believed (far ahead of its receipt, older than ``oldest_days``)
    leaves the item undated rather than out, and a reach that is no number counts as its source's; both are named with
    the row's ``name``. Without an id the item's content is its id.
    """
    if not isinstance(row, Mapping):
        raise DataError(reason(NO_FIELDS, found=type(row).__name__))
    given = dict.fromkeys(NAMES) | {field: row.get(name) for field, name in columns_of(row, rules.columns).items()}
    said = parse_moment(given["published_at"], rules.zone, rules.dates)
    received = _received(parse_moment(given["received_at"], rules.zone, rules.dates), received_at) or said
    title, title_mended = clean(given["title"])
    text, text_mended = clean(given["text"])
    if not title and not text:
        raise DataError(reason(NO_TEXT))
    if received is None:
        raise DataError(_no_place(given["published_at"], rules.dates))
    shortened = len(text) > rules.longest_text or len(title) > 2000
    text, title = text[: rules.longest_text], title[:2000]
    why = doubt(given["published_at"], said, received, rules.oldest_days, rules.dates)
    published = None if said is None or why else min(said, received)  # one slightly ahead of its receipt is the receipt
    reach = _reach(given["reach"])
    source = str(given["source"] or rules.source).strip()[:200] or rules.source
    url = str(given["url"] or "").strip()[:2000]
    item = NewsItem(
        id=_text_id(given["id"]) or content_id(source, url, published, title, text),
        source=source,
        title=title,
        text=text,
        url=url,
        published_at=published,
        received_at=received,
        language=_language(given["language"] or rules.language, f"{title} {text}"),
        author=clean(given["author"])[0][:200],
        reach=reach or rules.reach,
        tickers=_tickers(given["tickers"]),
    )
    return Taken(
        item,
        undated=published is None,
        date_problem=DateProblem(name, _text_id(given["published_at"])[:60], why) if why else None,
        reach_problem=None if reach or _missing(given["reach"]) else _without_reach(name, given["reach"], rules.reach),
        shortened=shortened,
        garbled=title_mended or text_mended,
        zoneless=published is not None and zoneless(given["published_at"], rules.dates),
    )


def _no_place(value: Any, order: DateOrder) -> Reason:
    if value is None:
        return reason(NO_DATE)
    return reason(TWO_WAYS if two_ways(value, order) else UNREADABLE_DATE, value=_text_id(value)[:60])


def numbered(rows: Iterable[Row]) -> Iterator[NamedRow]:
    """Rows that stand in no file, named by their number."""
    return ((str(number), row) for number, row in enumerate(rows, 1))


def take_rows(
    rows: Iterable[NamedRow], rules: RowRules, received_at: datetime | None
) -> tuple[list[Taken], IngestReport]:
    """All rows that can be taken, and a report that counts and names the others.

    Dates whose order the rules leave unsaid are read in the one that the dates of these rows prove together.
    """
    rows = list(rows)
    rules, orders = _dated(rows, rules)
    taken: list[Taken] = []
    problems: list[RowProblem] = []
    reasons: Counter[str] = Counter()
    use = ColumnUse(rules.columns)
    for name, row in rows:
        try:
            if isinstance(row, DataError):
                raise row
            if isinstance(row, Mapping):
                use.note(row)
            taken.append(item_from_row(row, rules, received_at, name))
        except DataError as error:
            why = reason_of(error)
            reasons["empty" if why == NO_TEXT[0] else "malformed"] += 1
            problems.append(RowProblem(name, why))
    kept = tuple(problems[:MOST_PROBLEMS])
    return taken, IngestReport(
        counts=dict(reasons), problems=kept, columns=use.taken, unused=use.unused, date_orders=orders
    )


def _dated(rows: Sequence[NamedRow], rules: RowRules) -> tuple[RowRules, tuple[str, ...]]:
    """The rules with the order of the rows' dates, and this order when it decides how any date is read."""
    dates = [
        row.get(name)
        for _, row in rows
        if isinstance(row, Mapping) and (name := columns_of(row, rules.columns).get("published_at")) is not None
    ]
    dates = [date for date in dates if ends_with_year(date)]
    if not dates:
        return rules, ()
    order = rules.dates or proven_order(dates)
    return replace(rules, dates=order), (order.value,) if order else ()


def counted(taken: Sequence[Taken]) -> IngestReport:
    """Items as a report counts them when they are added."""
    return IngestReport(
        added=len(taken),
        undated=sum(one.undated for one in taken),
        shortened=sum(one.shortened for one in taken),
        garbled=sum(one.garbled for one in taken),
        zoneless=sum(one.zoneless for one in taken),
        date_problems=tuple(one.date_problem for one in taken if one.date_problem)[:MOST_PROBLEMS],
        without_reach=sum(one.reach_problem is not None for one in taken),
        reach_problems=tuple(one.reach_problem for one in taken if one.reach_problem)[:MOST_PROBLEMS],
        sources=tuple(dict.fromkeys(one.item.source for one in taken))[:MOST_PROBLEMS],
    )


def _received(said: datetime | None, now: datetime | None) -> datetime | None:
    """When the row says it was received, unless that is still to come."""
    return now if said is None or (now is not None and said > now) else said


def content_id(source: str, url: str, published: datetime | None, title: str, text: str) -> str:
    """An id that the same item gets each time it comes."""
    parts = (source, url, published.isoformat() if published else "", title, text)
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()[:32]


def clean(value: Any) -> tuple[str, bool]:
    """The value as plain text, and whether its encoding was broken.

    HTML becomes its text, UTF-8 read as Latin-1 is read again, control characters go.

    >>> clean("Profit &amp; loss<br>up"), clean("caf\u00c3\u00a9")
    (('Profit & loss\\nup', False), ('caf\u00e9', True))
    """
    text = "" if value is None else str(value)
    text, garbled = _mended(text)
    text = plain(text) if _TAG.search(text) else html.unescape(text)
    kept = "".join(char for char in text if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cs", "Co"))
    lines = (_BLANK.sub(" ", line).strip() for line in kept.split("\n"))
    return "\n".join(line for line in lines if line), garbled


def _mended(text: str) -> tuple[str, bool]:
    if "\ufffd" in text or any("\ud800" <= char <= "\udfff" for char in text):
        return re.sub("[\ufffd\ud800-\udfff]+", " ", text), True
    if sum("\x80" <= char <= "\xff" for char in text) < 2:
        return text, False
    for wrong in ("latin-1", "cp1252"):
        try:
            return text.encode(wrong).decode("utf-8"), True
        except (UnicodeEncodeError, UnicodeDecodeError):
            continue
    return text, False


class _Plain(HTMLParser):
    BREAKS = frozenset(("br", "p", "div", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote"))
    HIDDEN = frozenset(("script", "style"))

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.hidden += tag in self.HIDDEN
        if tag in self.BREAKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in self.HIDDEN and self.hidden > 0
        if tag in self.BREAKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.parts.append(data)


def plain(markup: str) -> str:
    """The words of a piece of HTML."""
    parser = _Plain()
    parser.feed(markup)
    parser.close()
    return "".join(parser.parts).strip()


def _text_id(value: Any) -> str:
    return "" if value is None else str(value).strip()[:200]


def _language(given: Any, text: str) -> str:
    said = str(given or "").lower()[:2]
    if said in ("en", "zh"):
        return said
    found = language_of(text)
    return found if found in ("en", "zh") else ""


def _missing(given: Any) -> bool:
    return given is None or not str(given).strip()


def _reach(given: Any) -> int | None:
    """A reach as it is given, one of nobody as 1; None when there is none or what is given is no count."""
    try:
        reach = int(float(given))
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(1, reach), 1_000_000_000) if reach >= 0 else None


def _without_reach(name: str, given: Any, usual: int) -> RowProblem:
    return RowProblem(name, reason(REACH_LEFT_OUT, usual=usual, value=str(given)[:40]))


def _tickers(given: Any) -> tuple[str, ...]:
    parts = given if isinstance(given, list | tuple) else re.split(r"[|,;\s]+", str(given or ""))
    return tuple(dict.fromkeys(str(part).strip().upper()[:20] for part in parts if str(part).strip()))[:50]
