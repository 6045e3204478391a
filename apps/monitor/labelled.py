"""Texts with known answers, whatever set they come from: one frozen record for all of them.

Knows no file format and no model. Offsets count characters of ``text``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from apps.monitor.records import Label
from core.errors import DataError


@dataclass(frozen=True, slots=True)
class LabelledCompany:
    """A company as a text names it; ``start`` is -1 where the name does not stand in the text.

    ``label`` None says that the mood towards it is not known; ``also`` are other names the text may call it. ``kind``
    is company, or asset for what else a mood may be towards: an index, a currency, a market.
    """

    name: str
    start: int = -1
    end: int = -1
    label: Label | None = None
    kind: str = "company"
    id: str = ""
    also: tuple[str, ...] = ()

    @property
    def found(self) -> bool:
        """Whether the name stands in the text."""
        return self.start >= 0


@dataclass(frozen=True, slots=True)
class LabelledItem:
    """A text and what is known of it; None means nobody said, an empty tuple that there is none.

    Rows of one ``group`` (the same title, document, story) must not be parted by a split. ``original`` keeps the
    set's own labels and ids.
    """

    id: str
    text: str
    language: str
    sentiment: Label | None = None
    topics: tuple[str, ...] | None = None
    companies: tuple[LabelledCompany, ...] | None = None
    group: str = ""
    moment: datetime | None = None
    original: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise DataError(f"Row '{self.id}' has no text.")
        for company in self.companies or ():
            if company.found and self.text[company.start : company.end] != company.name:
                raise DataError(f"Row '{self.id}' says that '{company.name}' stands where it does not.")


def located(text: str, name: str, label: Label | None = None, kind: str = "company", id: str = "") -> LabelledCompany:
    """The company at the first place where its name stands as a word, in any case of letters, or at none.

    >>> located("Nokia and nok", "nok").start
    10
    """
    start = _place(text, name)
    if start < 0:
        return LabelledCompany(name, label=label, kind=kind, id=id)
    written = text[start : start + len(name)]
    return LabelledCompany(written, start, start + len(name), label, kind, id)


def _place(text: str, name: str) -> int:
    """First whole-word place, else the first inside a longer word (a plural), else -1."""
    whole = places(text, name)
    if whole:
        return whole[0]
    same_length = len(text.lower()) == len(text)
    return max(text.find(name), text.lower().find(name.lower()) if same_length else -1) if name else -1


def places(text: str, name: str) -> list[int]:
    """Every place where a name stands as a word; in any case of letters where it stands nowhere as written."""
    forms = [(text, name), (text.lower(), name.lower())]
    for here, wanted in forms:
        if wanted and len(here) == len(text):  # offsets must hold
            found = [at for at in _occurrences(here, wanted) if _alone(here, at, at + len(wanted))]
            if found:
                return found
    return []


def _occurrences(text: str, wanted: str) -> Iterator[int]:
    at = text.find(wanted)
    while at >= 0:
        yield at
        at = text.find(wanted, at + 1)


def _alone(text: str, start: int, end: int) -> bool:
    """Not inside a Latin word; Chinese has no gaps between words."""
    before, after = text[start - 1 : start], text[end : end + 1]
    return not (before and _joins(before, text[start])) and not (after and _joins(text[end - 1], after))


def _joins(left: str, right: str) -> bool:
    return all(one.isalnum() and ord(one) < 0x2E80 for one in (left, right))


def mood(items: Sequence[LabelledCompany]) -> Label | None:
    """The one label that all labelled companies of a text share, else None: then the text as a whole has none."""
    labels = {company.label for company in items if company.label is not None}
    return labels.pop() if len(labels) == 1 else None
