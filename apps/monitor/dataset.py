"""The dataset adapter: labelled files people bring and the sample become records, splits and training examples.

Public sets have loaders of their own (``public_sets``, ``public_sets_zh``, ``conll_files``). Nothing is dropped
silently: a row that gives no record is a ``RowProblem`` with the reason.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from apps.monitor.companies import Company, read_companies
from apps.monitor.intake_records import RowProblem
from apps.monitor.labelled import LabelledCompany, LabelledItem, located
from apps.monitor.public_files import table
from apps.monitor.records import Label
from apps.monitor.rows import RowRules, item_from_row
from apps.monitor.shown import shown
from core.errors import DataError, NotFoundError

__all__ = ["LabelledRows", "Sample", "labelled_item", "read_labelled", "read_sample"]

ZONE = ZoneInfo("Asia/Shanghai")
VALIDATION_FROM = datetime(2026, 3, 17, tzinfo=ZONE)  # no story of the sample crosses these borders
TEST_FROM = datetime(2026, 3, 22, tzinfo=ZONE)
LONG_AGO = datetime(2000, 1, 1, tzinfo=ZONE)
SOME_DAY, CENTURIES = datetime(2100, 1, 1, tzinfo=ZONE), 73_000  # old rows may be of any day: no date is "ahead"
# words people use for the three moods, bearish and bullish among them
MOODS: Mapping[str, Label] = {
    **dict.fromkeys(("negative", "neg", "-1", "bearish", "负面", "消极", "利空", "负"), Label.NEGATIVE),
    **dict.fromkeys(("neutral", "neu", "0", "中性", "中立"), Label.NEUTRAL),
    **dict.fromkeys(("positive", "pos", "1", "bullish", "正面", "积极", "利好", "正"), Label.POSITIVE),
}


@dataclass(frozen=True)
class LabelledRows:
    """Rows that gave a record, and those that did not with the reason."""

    items: tuple[LabelledItem, ...] = ()
    problems: tuple[RowProblem, ...] = ()


@dataclass(frozen=True)
class Sample:
    """The sample stream, or a folder laid out like it."""

    companies: tuple[Company, ...]
    stream: tuple[LabelledItem, ...]
    reading: tuple[LabelledItem, ...] = ()
    problems: tuple[RowProblem, ...] = ()

    def parts(self) -> dict[str, list[LabelledItem]]:
        """train, validation and test: by time, stories whole, and no text of an earlier part in a later one."""
        parts: dict[str, list[LabelledItem]] = {"train": list(self.reading), "validation": [], "test": []}
        seen = {item.text for item in self.reading}
        home: dict[str, str] = {}
        for item in sorted(self.stream, key=lambda item: item.moment or LONG_AGO):
            part = home.setdefault(item.group, _part(item))
            if item.text not in seen:
                parts[part].append(item)
                seen.add(item.text)
        return parts

    def splits(self) -> dict[str, tuple[str, ...]]:
        """Texts by part."""
        return {part: tuple(item.text for item in items) for part, items in self.parts().items()}


def read_sample(folder: Path) -> Sample:
    """A folder with stream.jsonl, companies.csv and, where there are more labelled texts, reading.*.jsonl files."""
    if not folder.is_dir():
        raise NotFoundError(f"There is no folder '{folder}'.")
    companies = read_companies(folder / "companies.csv")
    stream = read_labelled(folder / "stream.jsonl", companies=companies)
    more = [read_labelled(path, companies=companies) for path in sorted(folder.glob("reading.*.jsonl"))]
    problems = [problem for one in (stream, *more) for problem in one.problems]
    return Sample(companies, stream.items, tuple(item for one in more for item in one.items), tuple(problems))


def read_labelled(
    path: Path, columns: Mapping[str, str] | None = None, companies: Sequence[Company] = ()
) -> LabelledRows:
    """Labelled rows of a csv or jsonl file of a team's own.

    ``columns`` maps our names (id, text, title, language, sentiment, topics, company, published_at, story …) to the
    file's. Labels lie in the row or in a sub-object ``labels``; in csv several topics are parted by ``|`` and one row
    may name one company. ``companies`` bring further names under which a text may mention one.
    """
    rows = _rows(path)
    known = {company.id: company for company in companies}
    items: list[LabelledItem] = []
    problems: list[RowProblem] = []
    for number, row in rows:
        try:
            if not isinstance(row, Mapping):
                raise DataError(row if isinstance(row, str) else "The row must have named fields.")
            items.append(labelled_item(row, f"{path.stem}-{number}", columns or {}, known))
        except DataError as error:
            problems.append(RowProblem(f"{path.name} line {number}", str(error)))
    return LabelledRows(tuple(items), tuple(problems))


def labelled_item(
    row: Mapping[str, Any], id: str, columns: Mapping[str, str], companies: Mapping[str, Company]
) -> LabelledItem:
    """One labelled row as a record; ``DataError`` when it has no text or an unknown mood."""
    labels = row.get("labels") if isinstance(row.get("labels"), Mapping) else row
    assert isinstance(labels, Mapping)
    ours = {name: theirs for name, theirs in columns.items() if name not in LABEL_NAMES}
    rules = RowRules(columns=ours, oldest_days=CENTURIES)
    item = item_from_row({"source": "labelled", "id": id, **row}, rules, SOME_DAY).item
    text = shown(item.full_text).text
    topics = labels.get(columns.get("topics", "topics"))
    return LabelledItem(
        item.id,
        text,
        item.language,
        _mood(labels.get(columns.get("sentiment", "sentiment"))),
        None if topics is None else _topics(topics),
        _companies(text, labels, columns, companies),
        str(row.get(columns.get("story", "story")) or text),
        None if item.moment == SOME_DAY else item.moment,
        dict(labels),
    )


LABEL_NAMES = ("sentiment", "topics", "company", "companies", "story")


def _mood(given: Any) -> Label | None:
    if given is None or str(given).strip() == "":
        return None
    word = str(given).strip().lower()
    if word not in MOODS:
        raise DataError(f"The mood must be negative, neutral or positive, got '{word[:40]}'.")
    return MOODS[word]


def _topics(given: Any) -> tuple[str, ...]:
    parts: Iterable[Any] = given.split("|") if isinstance(given, str) else given if isinstance(given, list) else ()
    return tuple(dict.fromkeys(str(part).strip() for part in parts if str(part).strip()))


def _companies(
    text: str, labels: Mapping[str, Any], columns: Mapping[str, str], known: Mapping[str, Company]
) -> tuple[LabelledCompany, ...] | None:
    """Companies of a list under ``companies``, or the one that a csv row names; None when the row says nothing."""
    given = labels.get(columns.get("companies", "companies"))
    if isinstance(given, list):
        return tuple(_company(text, one, known) for one in given)
    name = labels.get(columns.get("company", "company"))
    if name is None or not str(name).strip():
        return None
    alone = {"name": str(name).strip(), "sentiment": labels.get(columns.get("sentiment", "sentiment"))}
    return (_company(text, alone, known),)


def _company(text: str, given: Any, known: Mapping[str, Company]) -> LabelledCompany:
    if not isinstance(given, Mapping) or not given.get("name"):
        raise DataError("A company label needs the name as it stands in the text.")
    id = str(given.get("company") or "")
    also = tuple(map(str, given.get("also") or ())) + (known[id].names if id in known else ())
    found = located(text, str(given["name"]), _mood(given.get("sentiment")), id=id)
    return LabelledCompany(found.name, found.start, found.end, found.label, found.kind, found.id, also)


def _rows(path: Path) -> Iterator[tuple[int, Any]]:
    """(line, row) of a csv or jsonl file; a line that is no JSON is a text that says so."""
    if path.suffix.lower() == ".csv":
        yield from enumerate(table(path, ()), start=2)
        return
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise NotFoundError(f"There is no file '{path}'.") from None
    for number, line in enumerate(text.split("\n"), start=1):  # not splitlines: U+2028 may stand in a string
        if line.strip():
            try:
                yield number, json.loads(line)
            except ValueError as error:
                yield number, f"The line is not valid JSON: {error}."


def _part(item: LabelledItem) -> str:
    moment = item.moment or LONG_AGO
    return "train" if moment < VALIDATION_FROM else "validation" if moment < TEST_FROM else "test"
