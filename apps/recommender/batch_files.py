"""Lists or scores for a whole file of people, written as one parquet table; whole or not at all.

Reads txt (a user a line), csv, jsonl and parquet with a column user and perhaps item. Knows only what answers.
"""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Protocol

from apps.recommender.answers import ScoreAnswer
from apps.recommender.records import Recommendation, Scored, Wish
from core.errors import DataError
from core.events import OnEvent, Progress, ignore

AT_ONCE = 256  # people asked for together
USERS, ITEMS = ("user", "user_id", "userid", "uid", "用户"), ("item", "item_id", "itemid", "iid", "商品")


class Answers(Protocol):
    """What answers."""

    def recommend_many(self, users: Sequence[str], wish: Wish | None = None) -> list[Recommendation]: ...
    def score(self, candidates: Sequence[str], user: str = "", *, language: str = "en") -> ScoreAnswer: ...


def score_batch(service: Answers, source: Path, target: Path, wish: Wish, on_event: OnEvent = ignore) -> int:
    """Writes ``target`` and gives its number of rows.

    With a column of items each pair gets its score; without one each user gets a list of ``wish.k``.
    """
    check_target(target)
    rows = read_people(source)
    if not rows:
        raise DataError(f"'{source.name}' names no user.")
    paired = rows[0][1] is not None
    answers = _pairs(service, rows, wish) if paired else _lists(service, [user for user, _ in rows], wish)
    return _write(target, answers, sum(1 for _ in groupby(user for user, _ in rows)), on_event)


def check_target(path: Path) -> None:
    """``DataError`` for a name that promises another kind of file than the table that is written."""
    if path.suffix.lower() != ".parquet":
        raise DataError(f"What is written is a parquet table, so the name must end in .parquet, got '{path.name}'.")


def read_people(path: Path) -> list[tuple[str, str | None]]:
    """(user, item or None) of each row; users without items are taken once. ``DataError`` names a missing column."""
    if not path.is_file():
        raise DataError(f"There is no file '{path}'.")
    ending = path.suffix.lower()
    if ending in (".txt", ""):
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        return [(user, None) for user in dict.fromkeys(line.strip() for line in lines if line.strip())]
    table = _READERS.get(ending)
    if table is None:
        raise DataError(f"'{path.name}' must end in .txt, {', '.join(_READERS)}.")
    try:
        rows = table(path)
    except (ValueError, OSError, csv.Error) as error:
        raise DataError(f"'{path.name}' cannot be read: {str(error).splitlines()[0].rstrip('.')}.") from error
    return _columns(path, rows)


def _columns(path: Path, rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str | None]]:
    names = {str(name).strip().lower(): name for name in (rows[0] if rows else {})}
    user = next((names[one] for one in USERS if one in names), None)
    item = next((names[one] for one in ITEMS if one in names), None)
    if rows and user is None:
        raise DataError(
            f"'{path.name}' needs a column user, its columns are: {', '.join(map(str, rows[0]))}; a file of ids alone, "
            "one a line, must end in .txt."
        )
    if item is None:
        return [(one, None) for one in dict.fromkeys(_cell(row, user) for row in rows) if one]
    pairs = [(_cell(row, user), _cell(row, item)) for row in rows]
    return [(one, what) for one, what in pairs if one and what]


def _cell(row: Mapping[str, Any], name: str | None) -> str:
    value = row.get(name) if name is not None else None
    return "" if value is None else str(value).strip()


def _csv(path: Path) -> list[Mapping[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _jsonl(path: Path) -> list[Mapping[str, Any]]:
    lines = path.read_text(encoding="utf-8-sig").split("\n")
    rows = [json.loads(line) for line in lines if line.strip()]
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("each line must be a JSON object")
    return rows


def _parquet(path: Path) -> list[Mapping[str, Any]]:
    from pyarrow import ArrowException, parquet

    try:
        return list(parquet.read_table(path).to_pylist())
    except ArrowException as error:
        raise ValueError(str(error)) from error


_READERS: dict[str, Callable[[Path], list[Mapping[str, Any]]]] = {".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}


def _lists(service: Answers, users: Sequence[str], wish: Wish) -> Iterator[list[dict[str, Any]]]:
    ahead = iter(users)
    while some := list(islice(ahead, AT_ONCE)):
        for made in service.recommend_many(some, wish):
            yield [_row(made.user, one, place) for place, one in enumerate(made.items, start=1)]


def _pairs(service: Answers, rows: Sequence[tuple[str, str | None]], wish: Wish) -> Iterator[list[dict[str, Any]]]:
    for user, pairs in groupby(rows, key=lambda row: row[0]):
        items = [item or "" for _, item in pairs]
        scored: list[Scored] = []
        for start in range(0, len(items), AT_ONCE):
            scored += service.score(items[start : start + AT_ONCE], user, language=wish.language).items
        yield [_row(user, one, None) for one in scored]


def _row(user: str, one: Scored, rank: int | None) -> dict[str, Any]:
    return {
        "user": user,
        "rank": rank,
        "item": one.item,
        "score": one.score,
        "probability": one.probability,
        "known": one.known,
        "routes": list(one.routes),
        "reason": one.reason,
    }


def _write(target: Path, answers: Iterator[list[dict[str, Any]]], total: int, on_event: OnEvent) -> int:
    import pyarrow
    from pyarrow import parquet

    text, number = pyarrow.string(), pyarrow.float64()
    schema = pyarrow.schema(
        [("user", text), ("rank", pyarrow.int32()), ("item", text), ("score", number), ("probability", number),
         ("known", pyarrow.bool_()), ("routes", pyarrow.list_(text)), ("reason", text)]
    )  # fmt: skip
    part = target.with_name(f".{target.name}.part")
    written = done = 0
    try:
        with parquet.ParquetWriter(part, schema) as writer:
            while some := list(islice(answers, AT_ONCE)):
                rows = [row for one in some for row in one]
                writer.write_table(pyarrow.Table.from_pylist(rows, schema=schema))
                written, done = written + len(rows), done + len(some)
                on_event(Progress("people", min(done, total), total))
        part.replace(target)
    except OSError as error:
        raise DataError(f"'{target}' cannot be written: {error.strerror or error}.") from error
    finally:
        part.unlink(missing_ok=True)
    return written
