"""Loaders of English public sets: financial tweets, headlines with moods per company, marked paragraphs, graded scores.

Each maps the set's labels to negative, neutral and positive once and keeps the original beside. What each file does
wrong (quotes that break literals, shifted offsets, swapped copies) is mended here or refused.
"""

import ast
import html
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from apps.monitor.labelled import LabelledCompany, LabelledItem, located, mood
from apps.monitor.public_files import array, located_folder, mapping, table
from apps.monitor.records import Label
from core.errors import DataError
from core.text import fold

TFNS = {"0": Label.NEGATIVE, "1": Label.POSITIVE, "2": Label.NEUTRAL}  # bearish, bullish, neutral
TFNS_NEUTRAL = 1566  # neutral rows of the published validation file; a copy with exchanged labels has another count
FIQA_CUT = 0.1  # |score| below is neutral, the usual cut of public tables
_PAIR = re.compile(r"(?<=[{ ])'(.+?)': '(positive|negative|neutral)'(?=[,}])")
_LINK = re.compile(r"https?://\S+|www\.\S+")


def cleaned(text: str) -> str:
    """Without links, HTML entities and runs of blanks: what a reader is shown, in training and after."""
    return " ".join(_LINK.sub(" ", html.unescape(text)).split())


def tfns(folder: Path | None = None) -> tuple[list[LabelledItem], list[LabelledItem]]:
    """Financial tweets: (train, published validation).

    ``DataError`` for the copy in circulation whose positive and neutral are exchanged.
    """
    place = located_folder("tfns", folder)
    train, held = (_tfns_rows(place / f"sent_{part}.csv") for part in ("train", "valid"))
    neutral = sum(item.sentiment is Label.NEUTRAL for item in held)
    if len(held) == 2388 and neutral != TFNS_NEUTRAL:
        raise DataError(f"sent_valid.csv has {neutral} neutral rows of 2,388, not 1,566: its labels are exchanged.")
    return train, held


def _tfns_rows(path: Path) -> list[LabelledItem]:
    rows = []
    for number, row in enumerate(table(path, ("text", "label"))):
        if row["label"] not in TFNS:
            raise DataError(f"'{path.name}' row {number + 1} has the label '{row['label'][:20]}'; known are 0, 1, 2.")
        text = cleaned(row["text"])
        if text:
            group = bare(text) or text
            rows.append(
                LabelledItem(
                    f"{path.stem}-{number}",
                    text,
                    "en",
                    TFNS[row["label"]],
                    group=group,
                    original={"label": row["label"], "text": row["text"]},
                )
            )
    return rows


def sentfin(folder: Path | None = None) -> list[LabelledItem]:
    """Headlines of Indian financial news, each with its companies' (and currencies', indices') moods.

    The group is the title. What the list of companies knows is of kind company, all else asset.
    """
    place = located_folder("sentfin", folder)
    listed = {fold(name) for name in _listed(place / "entity_list_comprehensive.csv")}
    items = []
    for row in table(place / "SEntFiN.csv", ("S No.", "Title", "Decisions")):
        title = html.unescape(row["Title"]).strip()
        found = [
            located(title, name, label, "company" if fold(name) in listed else "asset")
            for name, label in decisions(row["Decisions"])
        ]
        if title and found:
            items.append(
                LabelledItem(
                    row["S No."],
                    title,
                    "en",
                    mood(found),
                    companies=tuple(found),
                    group=bare(title),
                    original={"decisions": row["Decisions"]},
                )
            )
    return items


def decisions(written: str) -> Iterator[tuple[str, Label]]:
    """(name, label) pairs of a Python dict as text; names with an apostrophe break the literal and are read by pattern.

    >>> [(name, str(label)) for name, label in decisions("{'Moody's': 'negative', 'RBI': 'neutral'}")]
    [("Moody's", 'negative'), ('RBI', 'neutral')]
    """
    try:
        pairs: Iterable[tuple[str, str]] = ast.literal_eval(written).items()
    except (SyntaxError, ValueError, AttributeError):
        pairs = _PAIR.findall(written)
    for name, label in pairs:
        if name.strip():
            yield name.strip(), Label(label)


def _listed(path: Path) -> Iterator[str]:
    for row in table(path, ("Symbol", "Entity")):
        yield from (name.strip() for name in row["Entity"].split(",") if name.strip())


def finentity(folder: Path | None = None) -> list[LabelledItem]:
    """Paragraphs of agency news with marked entities. Spans that lost bytes of a quote are moved to their text."""
    place = located_folder("finentity", folder)
    items = []
    for number, row in enumerate(array(place / "FinEntity.json")):
        text = str(row["content"])
        found = [company for mark in row["annotations"] if (company := _marked(text, mark)) is not None]
        if text.strip():
            items.append(
                LabelledItem(f"finentity-{number}", text, "en", mood(found), companies=tuple(found), group=bare(text))
            )
    return items


def _marked(text: str, mark: dict[str, object]) -> LabelledCompany | None:
    name, start, label = str(mark["value"]), int(str(mark["start"])), Label(str(mark["label"]).lower())
    if text[start : start + len(name)] != name:
        later, earlier = text.find(name, max(0, start)), text.rfind(name, 0, start + len(name))
        start = later if later >= 0 else earlier
    return LabelledCompany(name, start, start + len(name), label) if start >= 0 else None


def fiqa(folder: Path | None = None) -> tuple[list[LabelledItem], list[LabelledItem]]:
    """Headlines and posts with a score towards a target: (train, test). Rows of one sentence are one item."""
    place = located_folder("fiqa", folder)
    parts = []
    for part in ("train", "test"):
        files = [place / f"task1_{kind}_ABSA_{part}.json" for kind in ("headline", "post")]
        parts.append([item for file in files for item in _fiqa_rows(file)])
    return parts[0], parts[1]


def _fiqa_rows(path: Path) -> Iterator[LabelledItem]:
    for number, row in mapping(path).items():
        text = cleaned(str(row["sentence"]))
        if not text:
            continue
        scores = [(str(one["target"]), float(one["sentiment_score"])) for one in row["info"]]
        companies = tuple(located(text, target, graded(score)) for target, score in scores)
        original = {"scores": [score for _, score in scores]}
        yield LabelledItem(
            f"{path.stem}-{number}",
            text,
            "en",
            mood(companies),
            companies=companies,
            group=bare(text),
            original=original,
        )


def graded(score: float, cut: float = FIQA_CUT) -> Label:
    """The label of a score in [-1, 1]; a score at the cut counts as having a side."""
    return Label.NEUTRAL if abs(score) < cut else Label.POSITIVE if score > 0 else Label.NEGATIVE


def bare(text: str) -> str:
    """Letters and digits alone, folded: equal for texts that a reader would call the same."""
    return "".join(letter for letter in fold(text) if letter.isalnum())
