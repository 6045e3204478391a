"""Public sets by their hub name, written into a folder in the layout their loaders read; needs the extra ``hub``.

Knows the hub's column names, nothing of what the sets are for. Sets without a hub home under clear terms (bank_faqs,
insurance_zh, atec_zh, bq_zh, drcd_zh, tau_banking) are had from the sources named in ``data/README.md``.
"""

import csv
import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from core.errors import DataError, MissingExtraError, NotFoundError, RemoteError, known_names

Parts = Mapping[str, Any]  # split name -> datasets.Dataset
Load = Callable[[str, str | None], Parts]


@dataclass(frozen=True)
class HubSet:
    """Where a set lives on the hub, and how it becomes files."""

    hub_id: str
    config: str | None
    write: Callable[[Parts, Path], None]


def fetch(name: str, folder: Path, load: Load | None = None) -> Path:
    """Downloads a set by our name or its hub id and writes it to ``folder``, whole or not at all; the folder.

    Raises ``NotFoundError`` naming the known sets, ``MissingExtraError`` without the package ``datasets``,
    ``RemoteError`` when the hub cannot be reached and ``DataError`` when its columns are others than expected.
    """
    found = next((one for ours, one in SETS.items() if name in (ours, one.hub_id)), None)
    if found is None:
        raise NotFoundError(f"No data set '{name}' to fetch; {known_names(name, SETS)}.")
    parts = (load or _from_hub)(found.hub_id, found.config)
    made = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    try:
        found.write(parts, made)
    except KeyError as error:
        raise DataError(f"'{found.hub_id}' has no part or column {error}: it changed, or it is another set.") from error
    shutil.rmtree(folder, ignore_errors=True)
    made.rename(folder)
    return folder


def _from_hub(hub_id: str, config: str | None) -> Parts:
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise MissingExtraError("datasets", "hub", "Reading sets from the hub") from error
    try:
        loaded: Parts = datasets.load_dataset(hub_id, config)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise RemoteError(f"'{hub_id}' cannot be had from the hub: {str(error).splitlines()[0]}.") from error
    return loaded


def _banking77(parts: Parts, folder: Path) -> None:
    for part in ("train", "test"):
        rows = [(row["text"], row["label_text"]) for row in parts[part]]
        _csv(folder / f"{part}.csv", ("text", "category"), rows)
    (folder / "categories.json").write_text(json.dumps(sorted({row["label_text"] for row in parts["train"]})))


def _clinc150(parts: Parts, folder: Path) -> None:
    names = parts["train"].features["intent"].names
    lists: dict[str, list[tuple[str, str]]] = {}
    for ours, theirs in (("train", "train"), ("val", "validation"), ("test", "test")):
        rows = [(row["text"], names[row["intent"]]) for row in parts[theirs]]
        lists[ours] = [row for row in rows if row[1] != "oos"]
        lists[f"oos_{ours}"] = [row for row in rows if row[1] == "oos"]
    (folder / "data_full.json").write_text(json.dumps(lists), encoding="utf-8")


def _hwu64(parts: Parts, folder: Path) -> None:
    names = parts["train"].features["label"].names
    for ours, theirs in (("train", "train"), ("valid", "validation"), ("test", "test")):
        (folder / ours).mkdir()
        texts = [" ".join(row["utterance"].split()) for row in parts[theirs]]
        (folder / ours / "seq.in").write_text("\n".join(texts) + "\n", encoding="utf-8")
        labels = [names[row["label"]] for row in parts[theirs]]
        (folder / ours / "label").write_text("\n".join(labels) + "\n", encoding="utf-8")


def _squad(file: str) -> Callable[[Parts, Path], None]:
    """Rows of (id, context, question, answers) gathered by passage, in SQuAD's layout."""

    def write(parts: Parts, folder: Path) -> None:
        rows = sorted(parts["validation"], key=lambda row: row["context"])
        paragraphs = []
        for context, group in groupby(rows, key=lambda row: row["context"]):
            paragraphs.append({"context": context, "qas": [_question(row) for row in group]})
        # the hub's rows have no titles; a passage stands alone, so that no other counts as its neighbour
        data = [{"title": str(number), "paragraphs": [one]} for number, one in enumerate(paragraphs)]
        (folder / file).write_text(json.dumps({"data": data}, ensure_ascii=False), encoding="utf-8")

    return write


def _question(row: Mapping[str, Any]) -> dict[str, Any]:
    answers = zip(row["answers"]["text"], row["answers"]["answer_start"], strict=True)
    listed = [{"text": text, "answer_start": start} for text, start in answers]
    return {"id": row["id"], "question": row["question"], "answers": listed}


def _csv(path: Path, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])


# mteb/banking77 has 9,993 of the 10,003 training rows (its repeats are gone); clinc_oos "plus" has 250 out-of-scope
# training rows where data_full.json has 100; hwu64 comes without the ten-shot part
SETS: dict[str, HubSet] = {
    "banking77": HubSet("mteb/banking77", None, _banking77),
    "clinc150": HubSet("clinc/clinc_oos", "plus", _clinc150),
    "hwu64": HubSet("DeepPavlov/hwu64", None, _hwu64),
    "xquad_en": HubSet("google/xquad", "xquad.en", _squad("xquad.en.json")),
    "cmrc2018_zh": HubSet("hfl/cmrc2018", None, _squad("cmrc2018_dev.json")),
}
