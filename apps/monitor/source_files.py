"""Rows of csv and jsonl files with the line each begins on: whole, or what was added since the last look.

One bad row never loses another.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path

from apps.monitor.row_problems import (
    CSV,
    LONG_LINE,
    NO_JSON,
    NO_JSON_FILE,
    NO_OBJECT,
    NO_OBJECT_ENTRY,
    NO_ROWS,
    UNKNOWN_ENDING,
    UNREADABLE,
    WANTED_CSV,
    WANTED_JSON,
)
from apps.monitor.rows import NamedRow, Row
from core.errors import DataError, NotFoundError
from core.reasons import Reason, reason
from core.text import delimiter_of

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")
LARGEST_ROW = 5_000_000  # bytes; a longer line is no row but a broken file
_ENCODINGS = ("utf-8-sig", "gb18030")  # Chinese desks still write GBK; gb18030 reads every GBK file


def numbered_rows(path: Path) -> Iterator[NamedRow]:
    """(file:line, row) of a whole file; a row that cannot be read is its error.

    ``NotFoundError`` without the file, ``DataError`` for a kind that is not csv, tsv or jsonl and, once it is read
    through, for a file without a row.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(reason(UNKNOWN_ENDING, name=path.name, known=", ".join(SUFFIXES)))
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise NotFoundError(reason(UNREADABLE, name=path, why=error.strerror)) from error
    return whole(path.name, raw)


def whole(file: str, raw: bytes) -> Iterator[NamedRow]:
    """Rows of a file somebody brings; ``DataError`` when it has none, which is not what she meant to bring."""
    rows = 0
    for rows, row in enumerate(named(file, parse(raw, Path(file).suffix.lower())), 1):  # noqa: B007 - counted
        yield row
    if not rows:
        raise DataError(reason(NO_ROWS, name=file, wanted=_wanted(file)))


def _wanted(file: str) -> Reason:
    return reason(WANTED_CSV if Path(file).suffix.lower() in (".csv", ".tsv") else WANTED_JSON)


def named(file: str, rows: Iterator[tuple[int, Row]]) -> Iterator[NamedRow]:
    """Rows named by file and line, as editors and compilers do."""
    return ((f"{file}:{line}", row) for line, row in rows)


def parse(
    raw: bytes, suffix: str, header: list[str] | None = None, first: int = 1, delimiter: str = ""
) -> Iterator[tuple[int, Row]]:
    """Rows of bytes with their lines (of a JSON list: their number).

    ``header`` and ``delimiter`` are the csv's when the bytes do not begin with it, ``first`` is the first byte's line.
    """
    text = decoded(raw)
    if suffix in (".csv", ".tsv"):
        yield from _csv_rows(text, delimiter or _delimiter(suffix, text), header, first)
    elif suffix == ".json" and text.lstrip().startswith("["):
        yield from _json_list(text)
    else:
        yield from _json_lines(text, first)


def _delimiter(suffix: str, text: str) -> str:
    return "\t" if suffix == ".tsv" else delimiter_of(text)


def decoded(raw: bytes) -> str:
    """Bytes as text: UTF-8, else GB 18030, else UTF-8 with what cannot be read marked."""
    for encoding in _ENCODINGS:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("utf-8", "replace")


def _csv_rows(text: str, delimiter: str, header: list[str] | None, first: int) -> Iterator[tuple[int, Row]]:
    csv.field_size_limit(LARGEST_ROW)
    names = [name.strip() for name in header or ()]
    reader = csv.reader(io.StringIO(text.replace("\0", ""), newline=""), delimiter=delimiter)
    while True:
        line = first + reader.line_num  # a cell may go over several lines: the row is named by its first
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, DataError(reason(CSV, why=error))
            continue
        if not names:
            names = [name.strip() for name in cells]
        elif cells:
            yield line, dict(zip(names, cells, strict=False))


def _json_lines(text: str, first: int) -> Iterator[tuple[int, Row]]:
    for line, content in enumerate(text.split("\n"), first):
        if content.strip():
            yield line, _json_row(content)


def _json_row(line: str) -> Row:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return DataError(reason(NO_JSON, line=line.strip()[:60]))
    return value if isinstance(value, dict) else DataError(reason(NO_OBJECT, line=line.strip()[:60]))


def _json_list(text: str) -> Iterator[tuple[int, Row]]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(reason(NO_JSON_FILE, why=error)) from None
    for number, value in enumerate(values, 1):
        yield number, value if isinstance(value, dict) else DataError(reason(NO_OBJECT_ENTRY))


def added(path: Path, place: str, largest: int) -> tuple[list[NamedRow], str]:
    """Rows written to a growing file since ``place``, and the new place.

    Only whole lines are taken: one that is still being written waits. A file that became shorter or begins otherwise
    was replaced and is read from its start. At most ``CHUNK`` bytes at a time (a longer line: ``largest``), so that who
    keeps the place after each look never has to read much again.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(HEAD)
            offset, lines, mark = _place(place)
            if size < offset or (offset and mark != _mark(head, offset)):
                offset, lines = 0, 0
            file.seek(offset)
            raw = file.read(min(CHUNK, largest))
            if b"\n" not in raw and len(raw) == CHUNK:
                raw += file.read(largest - CHUNK)
    except OSError as error:
        raise NotFoundError(reason(UNREADABLE, name=path, why=error.strerror)) from error
    whole = raw[: raw.rfind(b"\n") + 1]
    if not whole and len(raw) >= largest:
        raise DataError(reason(LONG_LINE, name=path.name, most=largest))
    header, delimiter, first = _header(path, head, offset, lines)
    rows = list(named(path.name, parse(whole, path.suffix.lower(), header, first, delimiter))) if whole else []
    end, seen = offset + len(whole), lines + whole.count(b"\n")
    return rows, f"{end}:{seen}:{_mark(head, end)}"


CHUNK = 100_000  # a few hundred headlines
HEAD = 8192  # bytes that tell one file from another of the same name, and hold a csv's header


def _place(place: str) -> tuple[int, int, str]:
    parts = place.split(":")
    return (int(parts[0]), int(parts[1]), parts[2]) if len(parts) == 3 else (0, 0, "")


def _mark(head: bytes, offset: int) -> str:
    return hashlib.sha256(head[: min(offset, HEAD)]).hexdigest()[:16]


def _header(path: Path, head: bytes, offset: int, lines: int) -> tuple[list[str] | None, str, int]:
    """A csv's header and delimiter where the bytes that follow do not begin with them, and the next line's number."""
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".tsv"):
        return None, "", lines + 1
    if offset == 0:
        return None, "", 1
    first = decoded(head.split(b"\n", 1)[0]).rstrip("\r")
    delimiter = _delimiter(suffix, first)
    return next(csv.reader([first], delimiter=delimiter)), delimiter, lines + 1
