"""Opens the files of public data sets: where they lie, and rows of the shape expected, or one sentence why not."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.errors import DataError, NotFoundError
from core.text import delimiter_of

SHARED = Path(__file__).parents[3] / "shared" / "datasets" / "monitor"  # beside the checkout, where somebody put them


def located_folder(name: str, folder: Path | None = None) -> Path:
    """``folder``, or the one named so beside the checkout; ``NotFoundError`` says where it was looked for."""
    place = folder or SHARED / name
    if not place.is_dir():
        raise NotFoundError(f"The files of '{name}' are not in '{place}': see data/README.md for where to get them.")
    return place


def table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a csv with at least these columns; line breaks inside fields stay."""
    csv.field_size_limit(10_000_000)
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            delimiter = delimiter_of(stream.readline())
            stream.seek(0)
            reader = csv.DictReader(stream, delimiter=delimiter)
            found = list(reader.fieldnames or ())
            if not set(columns) <= set(found):
                raise DataError(f"'{path.name}' must have the columns {', '.join(columns)}; found {', '.join(found)}.")
            return [dict(row) for row in reader]
    except FileNotFoundError:
        raise NotFoundError(f"There is no file '{path}'.") from None


def array(path: Path) -> list[Any]:
    """The rows of a JSON array."""
    value = _json(path)
    if not isinstance(value, list):
        raise DataError(f"'{path.name}' must hold a JSON array, found {type(value).__name__}.")
    return value


def mapping(path: Path) -> Mapping[str, Any]:
    """The entries of a JSON object."""
    value = _json(path)
    if not isinstance(value, dict):
        raise DataError(f"'{path.name}' must hold a JSON object, found {type(value).__name__}.")
    return value


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise NotFoundError(f"There is no file '{path}'.") from None
    except ValueError as error:
        raise DataError(f"'{path.name}' is not valid JSON: {error}.") from error
