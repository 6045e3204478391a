"""The engine's state in a folder: items as JSON lines, arrays as npz without pickle, facts as JSON; no person in it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from apps.recommender.factors import Factors
from apps.recommender.features import names_with
from apps.recommender.interest import Pooling, TextModel
from apps.recommender.knowledge import Knowledge, Tables
from apps.recommender.neighbours import ItemTable
from apps.recommender.ranking import Blend
from apps.recommender.records import EngineOptions, EventMeaning, Item
from apps.recommender.wording import Wording
from core.errors import DataError
from core.retrieval.files import read_arrays, write_arrays

ITEMS, STATE = "items.jsonl", "state.npz"
LAYOUT = 1


def save(folder: Path, knowledge: Knowledge, blend: Blend, version: str) -> None:
    """Write the state; rows of dropped items are left out of the files."""
    folder.mkdir(parents=True, exist_ok=True)
    catalogue, tables = knowledge.catalogue, knowledge.tables
    rows = np.flatnonzero(catalogue.alive)
    with (folder / ITEMS).open("w", encoding="utf-8") as file:
        for row in rows.tolist():
            file.write(json.dumps(item_record(catalogue.item(row)), ensure_ascii=False) + "\n")
    arrays: dict[str, np.ndarray] = {
        "vectors": knowledge.vectors(rows).astype(np.float16),
        "rarity": knowledge.wording.rarity,
        "weights": blend.weights,
        **_table_arrays("together", tables.together, rows, len(knowledge)),
        **_table_arrays("linear", tables.linear, rows, len(knowledge)),
        "factors": tables.factors.items[rows[rows < len(tables.factors)]],
        "factors_gram": tables.factors.gram,
    }
    facts = {
        "layout": LAYOUT,
        "version": version,
        "text_model": knowledge.model.name,
        "names": list(blend.names),
        "slope": blend.slope,
        "bias": blend.bias,
        "pooling": asdict(knowledge.pooling),
        "options": asdict(knowledge.options),
    }
    write_arrays(folder / STATE, arrays, facts)


def load(folder: Path, model: TextModel) -> tuple[Knowledge, Blend, str]:
    """What ``save`` wrote. Raises ``DataError`` for a damaged folder or one of another text model."""
    arrays, facts = read_arrays(folder / STATE)
    if facts.get("layout") != LAYOUT:
        raise DataError(f"The model folder '{folder.name}' has another layout: train again.")
    if facts["text_model"] != model.name:
        raise DataError(
            f"The model folder '{folder.name}' was made with the text model '{facts['text_model']}', "
            f"not '{model.name}': load that one or train again."
        )
    items = [item_of(json.loads(line)) for line in (folder / ITEMS).read_text(encoding="utf-8").splitlines()]
    knowledge = Knowledge(_options(facts["options"]), model, Wording(arrays["rarity"]))
    knowledge.pooling = Pooling(**facts["pooling"])
    knowledge.put(items, arrays["vectors"].astype(np.float32))
    knowledge.tables = Tables(
        ItemTable(arrays["together_neighbours"], arrays["together_weights"]),
        ItemTable(arrays["linear_neighbours"], arrays["linear_weights"]),
        Factors(arrays["factors"], arrays["factors_gram"]),
    )
    knowledge.tables.factors.prepare()
    return knowledge, _blend(arrays["weights"], facts, knowledge.options), str(facts["version"])


def text_model_of(folder: Path) -> str:
    """Name of the text model that a saved state was made with; ``DataError`` for a damaged folder."""
    return str(read_arrays(folder / STATE)[1].get("text_model", ""))


def version_of(knowledge: Knowledge, blend: Blend) -> str:
    """A short name of what was learnt: the same tables, weights and encoders give the same."""
    digest = hashlib.sha256(knowledge.model.name.encode())
    tables = knowledge.tables
    for array in (tables.together.weights, tables.linear.weights, tables.factors.items, blend.weights):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:12]


def item_record(item: Item) -> dict[str, Any]:
    """An item as JSON, times in ISO 8601."""
    values = {name: getattr(item, name) for name in item.__slots__}
    created = item.created_at.isoformat() if item.created_at else None
    return {**values, "tags": list(item.tags), "created_at": created, "attributes": dict(item.attributes)}


def item_of(record: dict[str, Any]) -> Item:
    """The item of ``item_record``."""
    created = datetime.fromisoformat(record["created_at"]) if record["created_at"] else None
    return Item(**{**record, "tags": tuple(record["tags"]), "created_at": created})


def _table_arrays(name: str, table: ItemTable, rows: np.ndarray, size: int) -> dict[str, np.ndarray]:
    """The table over the living rows, renumbered; neighbours that are gone become -1."""
    number = np.full(size + 1, -1, np.int32)  # the last place is that of -1
    number[rows] = np.arange(len(rows))
    old = rows[rows < len(table)]
    near = number[table.neighbours[old]]
    return {f"{name}_neighbours": near, f"{name}_weights": np.where(near >= 0, table.weights[old], 0)}


def _blend(weights: np.ndarray, facts: dict[str, Any], options: EngineOptions) -> Blend:
    """The saved blend over today's features: one that came later weighs nothing until the next training."""
    saved = dict(zip(facts["names"], weights.tolist(), strict=True))
    names = names_with(options.numeric_columns)
    now = np.array([saved.get(name, 0.0) for name in names], np.float32)
    return Blend(names, now, facts["slope"], facts["bias"])


def _options(record: dict[str, Any]) -> EngineOptions:
    meanings = tuple(EventMeaning(**one) for one in record["meanings"])
    columns = tuple(record["numeric_columns"])
    return replace(EngineOptions(), **{**record, "meanings": meanings, "numeric_columns": columns})
