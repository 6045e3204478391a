"""Rows of a file a person brings, with the line each began on: csv of any usual encoding and delimiter, xlsx, jsonl.

Knows nothing of what the rows mean. A row that cannot be read is a problem with its line; a file that cannot is an
error.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Generic, TypeVar

from apps.chatbot.records import RowProblem
from apps.chatbot.row_problems import (
    BINARY,
    CELLS,
    CSV,
    ENCODING,
    NO_ARRAY,
    NO_JSON,
    NO_JSON_FILE,
    NO_OBJECT,
    NO_OBJECT_ITEM,
    NO_TABLE,
    NO_WORKBOOK,
    SHEET,
    UNREADABLE,
)
from core.errors import DataError
from core.reasons import reason, reason_of
from core.text import delimiter_of
from core.text_encoding import looks_chinese

T = TypeVar("T")
LONGEST_CELL = 10_000_000  # characters; the csv module's own limit of 131,072 refuses long documents
TABLES = (".csv", ".tsv", ".xlsx", ".xlsm", ".jsonl", ".ndjson", ".json")


@dataclass(frozen=True)
class Rows(Generic[T]):
    """Records in order, rows that gave none, and rows merged into another; iterating gives the records."""

    records: tuple[T, ...] = ()
    problems: tuple[RowProblem, ...] = ()
    merged: tuple[RowProblem, ...] = ()
    lines: tuple[int, ...] = ()  # on which each record began, where they are known

    def __iter__(self) -> Iterator[T]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)

    def __add__(self, other: "Rows[T]") -> "Rows[T]":
        return Rows(
            self.records + other.records,
            self.problems + other.problems,
            self.merged + other.merged,
            self.lines + other.lines,
        )


@dataclass
class Reading(Generic[T]):
    """Gathers records and problems of one source while it is read."""

    source: str
    records: list[T] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)
    merged: list[RowProblem] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def problem(self, line: int, reason: str) -> None:
        """Notes that the row beginning on ``line`` was not taken."""
        self.problems.append(RowProblem(self.source, line, reason))

    def merge(self, line: int, reason: str) -> None:
        """Notes that what the row beginning on ``line`` says is in another record."""
        self.merged.append(RowProblem(self.source, line, reason))

    def take(self, line: int, make: Callable[[], T]) -> T | None:
        """The record that ``make`` gives, noted; its ``DataError`` becomes a problem."""
        try:
            self.records.append(made := make())
        except DataError as error:
            self.problem(line, reason_of(error))
            return None
        self.lines.append(line)
        return made

    def done(self) -> Rows[T]:
        """What was gathered, the problems by line whenever they were found."""
        problems, merged = (tuple(sorted(rows, key=lambda one: one.line)) for rows in (self.problems, self.merged))
        return Rows(tuple(self.records), problems, merged, tuple(self.lines))


@dataclass(frozen=True)
class Row:
    """One row: the line it began on, its cells by column name (texts) or its JSON object (any values)."""

    line: int
    cells: Mapping[str, Any]


def read_rows(path: Path, known: Callable[[str], bool], reading: Reading[Any]) -> list[Row]:
    """All rows of a table file; problems go to ``reading``.

    ``known`` tells whether a column name means something: the delimiter is the one that gives most such names, and of
    a workbook those sheets are read whose first row has one. Raises ``DataError`` for an ending or content it cannot
    read.
    """
    ending = path.suffix.lower()
    if ending in (".csv", ".tsv"):
        return _csv_rows(text_of(path), known, reading)
    if ending in (".xlsx", ".xlsm"):
        return _sheet_rows(path, known, reading)
    if ending in (".jsonl", ".ndjson"):
        return list(_json_lines(text_of(path), reading))
    if ending == ".json":
        return _json_rows(text_of(path), path.name, reading)
    raise DataError(reason(NO_TABLE, name=path.name, known=", ".join(TABLES)))


def text_of(path: Path) -> str:
    """The file's text: by byte-order mark, else UTF-8, else GBK where the bytes look Chinese, else Windows-1252."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(reason(UNREADABLE, name=path.name, why=error.strerror)) from error
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    if b"\x00" in content[:4096]:
        raise DataError(reason(BINARY, name=path.name))
    for encoding in ("utf-8-sig", *_guesses(content)):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise DataError(reason(ENCODING, name=path.name))


def _guesses(content: bytes) -> tuple[str, ...]:
    return ("gb18030", "big5", "cp1252") if looks_chinese(content) else ("cp1252", "gb18030")


def _csv_rows(text: str, known: Callable[[str], bool], reading: Reading[Any]) -> list[Row]:
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text, known), strict=True)
    header: list[str] | None = None
    rows: list[Row] = []
    before = 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return rows
        except csv.Error as error:
            reading.problem(before + 1, reason(CSV, last=reader.line_num, why=error))
            before = reader.line_num
            continue
        line, before = before + 1, reader.line_num
        if header is None:
            header = _names(cells)
        elif any(cell.strip() for cell in cells):
            _row(line, header, cells, rows, reading)


def _names(cells: list[str]) -> list[str]:
    """Column names, repeated ones told apart by a number: 相似问, 相似问 2, …"""
    seen: dict[str, int] = {}
    names = []
    for cell in cells:
        name = cell.replace("\ufeff", "").strip()
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name} {seen[name]}")
    return names


def _row(line: int, header: list[str], cells: list[str], rows: list[Row], reading: Reading[Any]) -> None:
    while len(cells) > len(header) and not cells[-1].strip():
        cells = cells[:-1]
    if len(cells) > len(header):
        reading.problem(line, reason(CELLS, found=len(cells), wanted=len(header)))
        return
    padded = cells + [""] * (len(header) - len(cells))
    rows.append(Row(line, {name: cell for name, cell in zip(header, padded, strict=True) if name}))


def _sheet_rows(path: Path, known: Callable[[str], bool], reading: Reading[Any]) -> list[Row]:
    from zipfile import BadZipFile

    import openpyxl

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (BadZipFile, KeyError, ValueError, OSError) as error:
        raise DataError(reason(NO_WORKBOOK, name=path.name, why=error)) from error
    rows: list[Row] = []
    try:
        for sheet in book.worksheets:
            rows += _rows_of_sheet(sheet, known, reading)
    finally:
        book.close()
    return rows


def _rows_of_sheet(sheet: Any, known: Callable[[str], bool], reading: Reading[Any]) -> list[Row]:
    header: list[str] | None = None
    rows: list[Row] = []
    for line, values in enumerate(sheet.iter_rows(values_only=True), start=1):
        cells = [_cell(value) for value in values]
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header = _names(cells)
            if not any(known(name) for name in header):
                reading.problem(line, reason(SHEET, title=sheet.title))
                return []
        else:
            _row(line, header, cells, rows, reading)
    return rows


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _json_lines(text: str, reading: Reading[Any]) -> Iterator[Row]:
    for line, content in enumerate(text.split("\n"), start=1):  # not splitlines: U+2028 may stand in a JSON string
        if not content.strip():
            continue
        try:
            value = json.loads(content)
        except ValueError as error:
            reading.problem(line, reason(NO_JSON, why=error))
            continue
        if isinstance(value, dict):
            yield Row(line, value)
        else:
            reading.problem(line, reason(NO_OBJECT, found=type(value).__name__))


def _json_rows(text: str, name: str, reading: Reading[Any]) -> list[Row]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise DataError(reason(NO_JSON_FILE, name=name, why=error)) from error
    if isinstance(value, dict):  # {"data": [...]}, or one object alone
        lists = [inner for inner in value.values() if isinstance(inner, list) and inner and isinstance(inner[0], dict)]
        value = lists[0] if len(lists) == 1 and "turns" not in value and "messages" not in value else [value]
    if not isinstance(value, list):
        raise DataError(reason(NO_ARRAY, name=name, found=type(value).__name__))
    rows = []
    for number, item in enumerate(value, start=1):
        if isinstance(item, dict):
            rows.append(Row(number, item))
        else:
            reading.problem(number, reason(NO_OBJECT_ITEM, number=number, found=type(item).__name__))
    return rows
