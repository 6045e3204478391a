"""Labelled texts become training examples, and texts become what a reader is shown: the two must agree.

A company's mood is asked for by marking the company in the text; the same head answers for the text as a whole.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, TypeAlias

from apps.monitor.labelled import LabelledItem, places
from apps.monitor.records import Label
from core.models.heads import Head, HeadSet
from core.training.examples import HeadedText

SENTIMENT, TOPICS, COMPANIES = "sentiment", "topics", "companies"
LABELS = tuple(str(label) for label in Label)
KINDS = {"company": "ORG", "asset": "ASSET"}
Marking: TypeAlias = Literal["brackets", "prefix", "both"]
MARKING: Marking = "brackets"
OPEN, CLOSE = "[[", "]]"
MOST_CHARACTERS = 2000  # of a text that is read; what matters in news stands at its beginning


def heads(
    topics: Sequence[str],
    attention: Literal["native", "both"] = "native",
    pooling: Literal["last", "mean", "first"] = "mean",
    names_weight: float = 1.0,
) -> HeadSet:
    """What the reader asks of a text. ``topics`` are the keys known; names are companies and other assets."""
    kinds = tuple(f"{mark}-{kind}" for kind in KINDS.values() for mark in "BI")
    return HeadSet(
        (
            Head(SENTIMENT, "single", LABELS),
            Head(TOPICS, "several", tuple(topics)),
            Head(COMPANIES, "token", ("O", *kinds), weight=names_weight),
        ),
        attention,
        pooling,
    )


def marked(text: str, name: str, start: int, end: int, how: Marking = MARKING) -> str:
    """The text with one company pointed out; a name that does not stand in it (start -1) is put before it.

    >>> marked("Alba sues Norvane", "Norvane", 10, 17)
    'Alba sues [[Norvane]]'
    >>> marked("Profit fell", "Alba", -1, -1)
    'Alba: Profit fell'
    """
    if start < 0 or how == "prefix":
        return f"{name}: {text}"
    inside = f"{text[:start]}{OPEN}{text[start:end]}{CLOSE}{text[end:]}"
    return f"{name}: {inside}" if how == "both" else inside


def lessons(items: Iterable[LabelledItem], how: Marking = MARKING, topics: Sequence[str] = ()) -> Iterator[HeadedText]:
    """Examples of all that is known of each item: the text's own labels, and one marked text per company with a mood.

    Names are taught only where every company of the text was found in it; a gap would teach that a name is none.
    Topics that are not among ``topics`` are left out.
    """
    for item in items:
        labels: dict[str, tuple[str, ...]] = {}
        if item.sentiment is not None:
            labels[SENTIMENT] = (str(item.sentiment),)
        if item.topics is not None and topics:
            labels[TOPICS] = tuple(topic for topic in item.topics if topic in topics)
        spans = _spans(item)
        if labels or spans is not None:
            yield HeadedText(item.text, labels, {} if spans is None else {COMPANIES: spans})
        yield from company_lessons(item, how)


def company_lessons(item: LabelledItem, how: Marking = MARKING) -> Iterator[HeadedText]:
    """One marked text per company whose mood is known."""
    for company in item.companies or ():
        if company.label is not None:
            text = marked(item.text, company.name, company.start, company.end, how)
            yield HeadedText(text, {SENTIMENT: (str(company.label),)})


def _spans(item: LabelledItem) -> tuple[tuple[int, int, str], ...] | None:
    """Every place where a company is named, by any of its names, longer names first; None where one is nowhere."""
    if item.companies is None or not all(company.found for company in item.companies):
        return None
    found = [(company.start, company.end, KINDS[company.kind]) for company in item.companies]
    for company in item.companies:
        for name in (company.name, *company.also):
            found += [(at, at + len(name), KINDS[company.kind]) for at in places(item.text, name)]
    kept: list[tuple[int, int, str]] = []
    for start, end, kind in sorted(set(found), key=lambda span: (span[0] - span[1], span[0])):
        if all(end <= other[0] or other[1] <= start for other in kept):
            kept.append((start, end, kind))
    return tuple(sorted(kept))
