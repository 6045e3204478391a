"""The sample's files: items and the authors' themes in, the simulated log and its truth out, the same bytes each time.

Knows the layout of ``data/samples/recommender`` and nothing of how people behave.
"""

import csv
import gzip
import io
import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from apps.recommender.records import Event, Item
from apps.recommender.simulator import Plan, Simulated, simulate
from core.errors import DataError

COLUMNS = ("id", "user", "item", "type", "time", "value", "position", "list_id")
OWN_COLUMNS = ("rating", "margin")  # of the catalogue, beside the words every catalogue has


def regenerate(folder: Path, plan: Plan = Plan()) -> Simulated:
    """Write ``events.csv.gz`` and ``tastes.json`` from ``items.jsonl`` and ``themes.csv`` of the same folder.

    Raises ``DataError`` when an input is missing or an item cannot be simulated.
    """
    result = simulate(read_catalogue(folder / "items.jsonl"), read_themes(folder / "themes.csv"), plan)
    (folder / "events.csv.gz").write_bytes(packed(events_csv(result.events)))
    (folder / "tastes.json").write_text(tastes_json(result), encoding="utf-8", newline="\n")
    return result


def read_catalogue(path: Path) -> list[Item]:
    """Items of the sample's ``items.jsonl``; ``rating`` and ``margin``, where known, are the team's own columns."""
    return [_item(json.loads(line)) for line in _text(path).splitlines()]


def _item(row: dict[str, Any]) -> Item:
    own = {name: row.pop(name, None) for name in OWN_COLUMNS}
    known = {name: float(value) for name, value in own.items() if value is not None}
    made = row | {"created_at": datetime.fromisoformat(row["created_at"]), "tags": tuple(row["tags"])}
    return Item(**made, attributes=known)


def read_themes(path: Path) -> dict[str, dict[str, float]]:
    """Shares of themes by item from the columns ``id, theme, weight``."""
    themes: dict[str, dict[str, float]] = {}
    for row in csv.DictReader(_text(path).splitlines()):
        themes.setdefault(row["id"], {})[row["theme"]] = float(row["weight"])
    return themes


def _text(path: Path) -> str:
    if not path.is_file():
        raise DataError(f"The simulator needs '{path.name}', and it is not in '{path.parent}'.")
    return path.read_text(encoding="utf-8")


def events_csv(events: Iterable[Event]) -> str:
    """The log as text with a header; an absent value is an empty cell."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in events:
        value = "" if one.value is None else f"{one.value:g}"
        time = one.time.strftime("%Y-%m-%dT%H:%M:%SZ")
        writer.writerow((one.id, one.user, one.item, one.type, time, value, one.position or "", one.list_id))
    return out.getvalue()


def tastes_json(result: Simulated) -> str:
    """The truth, one item or person a line, so that a difference can be read."""
    truth = result.truth()
    heads = {name: value for name, value in truth.items() if name not in ("items", "people")}
    parts = [f'"{name}": {json.dumps(value)}' for name, value in heads.items()]
    for name in ("items", "people"):
        rows = ",\n".join(f"{json.dumps(id_)}: {json.dumps(row)}" for id_, row in truth[name].items())
        parts.append(f'"{name}": {{\n{rows}\n}}')
    return "{" + ",\n".join(parts) + "}\n"


def packed(text: str) -> bytes:
    """Gzip without name and time, so that equal text gives equal bytes under the same zlib."""
    return gzip.compress(text.encode("utf-8"), compresslevel=9, mtime=0)
