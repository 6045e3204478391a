"""Rows of a file as dictionaries with their line: csv, tsv, jsonl, parquet, RecBole's atomic files, MovieLens' .dat.

Knows layouts, not meanings; a .gz ending is read through, and the encoding is found: no letter is ever replaced.
Values are as the file has them.
"""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TextIO, cast

from apps.recommender.row_problems import (
    CELLS,
    CELLS_WITHOUT_HEADER,
    EMPTY_FILE,
    ENCODING,
    NO_FILE,
    NO_JSON,
    NO_OBJECT,
    NO_PARQUET,
    UNKNOWN_FILE,
    UNREADABLE,
)
from core.errors import DataError
from core.reasons import Reason, reason
from core.text import delimiter_of
from core.text_encoding import NAMES, encoding_of

Row = tuple[int, Mapping[str, Any] | Reason]  # line from 1; a reason instead of a row says what is wrong with it
# files without a header whose columns everybody knows: MovieLens 100K and 1M; their encoding where it is known
HEADERLESS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "u.data": ("\t", "", ("user_id", "item_id", "rating", "timestamp")),
    "ratings.dat": ("::", "latin-1", ("user_id", "item_id", "rating", "timestamp")),
    "movies.dat": ("::", "latin-1", ("item_id", "title", "genres")),
}
ATOMIC = (".inter", ".item", ".user")
JSON = (".jsonl", ".ndjson")
SEPARATED = (".csv", ".tsv", ".txt")
LONGEST_CELL = 10_000_000  # characters; the csv module's own limit of 131,072 would lose a file for one long text
KNOWN = ".csv, .tsv, .jsonl, .parquet, .inter, .item, u.data, ratings.dat, movies.dat, each also with .gz"


class RowFile(NamedTuple):
    """A file's rows, and the encoding they are read in as people name it; "" for a file that is no text."""

    encoding: str
    rows: Iterator[Row]


def rows_of(path: Path) -> RowFile:
    """Every row with its line, those that cannot be read as a sentence.

    ``DataError`` for an unknown kind of file, and for a text in no encoding that ``core.text_encoding`` knows.
    """
    if not path.is_file():
        raise DataError(reason(NO_FILE, name=path))
    name = path.name.removesuffix(".gz")
    ending = Path(name).suffix.lower()
    if ending == ".parquet":
        return RowFile("", _parquet(path))
    if name not in HEADERLESS and ending not in (*JSON, *ATOMIC, *SEPARATED):
        raise DataError(reason(UNKNOWN_FILE, name=path.name, known=KNOWN))
    separator, encoding, names = HEADERLESS.get(name, ("", "", ()))
    encoding = encoding or _encoding(path)
    if names:
        rows = _headerless(path, encoding, separator, names)
    elif ending in JSON:
        rows = _json_lines(path, encoding)
    elif ending in ATOMIC:
        rows = _atomic(path, encoding)
    else:
        rows = _separated(path, encoding, "\t" if ending == ".tsv" else None)
    return RowFile(NAMES.get(encoding, encoding), rows)


def _encoding(path: Path) -> str:
    """Reads the file through once, in pieces: what it is must be known before the first row is taken."""
    try:
        with cast(BinaryIO, gzip.open(path) if path.suffix == ".gz" else path.open("rb")) as file:
            found = encoding_of(file)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(reason(UNREADABLE, name=path.name, why=error)) from error
    if found is None:
        raise DataError(reason(ENCODING, name=path.name))
    return found


def _open(path: Path, encoding: str) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding=encoding, newline="")
    return path.open(encoding=encoding, newline="")


def _separated(path: Path, encoding: str, separator: str | None, plain: bool = False) -> Iterator[Row]:
    """Rows under a header; without a ``separator`` the header tells it."""
    csv.field_size_limit(LONGEST_CELL)
    with _open(path, encoding) as file:
        if separator is None:
            separator = delimiter_of(file.readline())
            file.seek(0)
        reader = csv.reader(file, delimiter=separator, quoting=csv.QUOTE_NONE if plain else csv.QUOTE_MINIMAL)
        header = next(reader, None)
        if header is None:
            raise DataError(reason(EMPTY_FILE, name=path.name))
        names = [one.strip() for one in header]
        line = reader.line_num + 1
        for values in reader:
            if values and len(values) != len(names):
                yield line, reason(CELLS, found=len(values), wanted=len(names))
            elif values:
                yield line, dict(zip(names, values, strict=True))
            line = reader.line_num + 1


def _atomic(path: Path, encoding: str) -> Iterator[Row]:
    """RecBole's tables: tabs, and a kind behind each column's name (``user_id:token``)."""
    for line, row in _separated(path, encoding, "\t", plain=True):
        yield line, row if isinstance(row, Reason) else {name.partition(":")[0]: value for name, value in row.items()}


def _json_lines(path: Path, encoding: str) -> Iterator[Row]:
    with _open(path, encoding) as file:
        for line, text in enumerate(file, 1):
            if not text.strip():
                continue
            try:
                row = json.loads(text)
            except ValueError:
                yield line, reason(NO_JSON)
                continue
            yield line, row if isinstance(row, dict) else reason(NO_OBJECT, found=type(row).__name__)


def _headerless(path: Path, encoding: str, separator: str, names: tuple[str, ...]) -> Iterator[Row]:
    with _open(path, encoding) as file:
        for line, text in enumerate(file, 1):
            values = text.rstrip("\r\n").split(separator)
            if len(values) != len(names):
                yield line, reason(CELLS_WITHOUT_HEADER, found=len(values), wanted=len(names))
            else:
                yield line, dict(zip(names, values, strict=True))


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow.parquet as parquet

    try:
        file = parquet.ParquetFile(path)
    except (OSError, ValueError) as error:
        raise DataError(reason(NO_PARQUET, name=path.name)) from error
    line = 0
    for batch in file.iter_batches():
        for row in batch.to_pylist():
            line += 1
            yield line, row
