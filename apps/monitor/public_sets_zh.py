"""Loaders of the FinCUGE tasks: forum moods, news topics, risk events, negative news about a company (Chinese).

The sets repeat texts within and across their published parts and carry junk labels: what a loader leaves out is
counted in the ``Loaded`` it gives.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.monitor.labelled import LabelledItem, located
from apps.monitor.public_files import array, located_folder
from apps.monitor.public_sets import bare
from apps.monitor.records import Label
from core.errors import DataError

FINFE = {0: Label.NEGATIVE, 1: Label.NEUTRAL, 2: Label.POSITIVE}
FINNL_TAGS = (
    "中国", "外国", "国际", "公司", "新冠", "经济", "行业", "大盘", "政策", "政治", "期货", "能源", "债券", "房地产",
    "虚拟货币", "外汇",
)  # fmt: skip
_TAG = re.compile("|".join(sorted(FINNL_TAGS, key=len, reverse=True)))
_HTML = re.compile(r"<[^>]+>")


@dataclass(frozen=True)
class Loaded:
    """Training rows, evaluation rows, and how many training rows each cleaning step took out."""

    train: list[LabelledItem]
    test: list[LabelledItem]
    removed: dict[str, int]


def finfe(folder: Path | None = None) -> Loaded:
    """Forum posts with a mood; texts of eval are taken out of train.

    The published split shares 55 % of its evaluation texts with train and rewards memory. Posts that repeat, some with
    another mood, stay: each is a vote, and a linear SVM taught by all of them was right a little more often on held-out
    posts than by texts of one mood, each once, or by each text's most frequent mood.
    """
    published = finfe_as_published(folder)
    return _apart(published.train, published.test)


def finfe_as_published(folder: Path | None = None) -> Loaded:
    """The same rows with nothing taken out, to compare with published figures."""
    place = located_folder("fincuge_zh", folder) / "finfe"
    return Loaded(_rows(place / "train_list.json", 2, _finfe_row), _rows(place / "eval_list.json", 2, _finfe_row), {})


def finnl(folder: Path | None = None) -> Loaded:
    """News with topics; the sixteen tags stand, joined ones are split, junk tags and rows of nothing else go."""
    place = located_folder("fincuge_zh", folder) / "finnl"
    return _apart(*(_rows(place / f"{part}_list.json", 2, _finnl_row) for part in ("train", "eval")))


def finese(folder: Path | None = None) -> Loaded:
    """Risk events with the company they befell; the event is the topic. Rows of one text are one group."""
    place = located_folder("fincuge_zh", folder) / "finese"
    return _apart(*(_rows(place / f"{part}_list.json", 4, _finese_row) for part in ("train", "eval")))


def finnsp(folder: Path | None = None) -> Loaded:
    """Negative news or not (the topic "negative"), and towards which of the companies named."""
    place = located_folder("fincuge_zh", folder) / "finnsp"
    return _apart(*(_rows(place / f"{part}_list.json", 6, _finnsp_row) for part in ("train", "eval")))


def _rows(path: Path, width: int, read: Any) -> list[LabelledItem]:
    items = []
    for number, row in enumerate(array(path)):
        if not isinstance(row, list) or len(row) != width:
            raise DataError(f"'{path.name}' row {number + 1} must be a list of {width}, found {str(row)[:60]}.")
        item = read(f"{path.parent.name}-{path.stem}-{number}", row)
        if item is not None:
            items.append(item)
    return items


def _apart(train: Sequence[LabelledItem], test: list[LabelledItem]) -> Loaded:
    """Texts of the test part taken out of train."""
    held = {item.group for item in test}
    kept = [item for item in train if item.group not in held]
    return Loaded(kept, test, {"in eval": len(train) - len(kept)})


def _finfe_row(id: str, row: Sequence[Any]) -> LabelledItem | None:
    text, label = str(row[0]).strip(), row[1]
    if not text:
        return None
    if label not in FINFE:
        raise DataError(f"Row '{id}' has the label {label!r}; known are 0, 1, 2.")
    return LabelledItem(id, text, "zh", FINFE[label], group=bare(text) or text, original={"label": label})


def _finnl_row(id: str, row: Sequence[Any]) -> LabelledItem | None:
    text, tags = str(row[0]).strip(), tuple(dict.fromkeys(_TAG.findall(str(row[1]))))
    if not text or not tags:
        return None
    return LabelledItem(id, text, "zh", topics=tags, group=bare(text) or text, original={"tags": row[1]})


def _finese_row(id: str, row: Sequence[Any]) -> LabelledItem | None:
    _, text, event, company = map(str, row)
    text = " ".join(text.split())
    if not text:
        return None
    named = () if company.lower() == "nan" else (located(text, company),)
    original = {"event": event, "company": company}
    return LabelledItem(id, text, "zh", topics=(event,), companies=named, group=bare(text) or text, original=original)


def _finnsp_row(id: str, row: Sequence[Any]) -> LabelledItem | None:
    key, title, body, named, negative, worst = (str(cell).strip() for cell in row)
    if key.lstrip("\ufeff") == "id":  # the file holds its own header as a row
        return None
    text = " ".join(_HTML.sub(" ", body if body.startswith(title) else f"{title} {body}").split())
    if not text:
        return None
    bad = set(worst.split(";"))
    companies = tuple(
        located(text, name, Label.NEGATIVE if name in bad else None) for name in named.split(";") if name.strip()
    )
    topics = ("negative",) if negative == "1" else ()
    return LabelledItem(id, text, "zh", topics=topics, companies=companies, group=bare(text) or text)
