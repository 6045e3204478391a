"""Which companies a text names: the gazetteer and a model's word labels, each mending what the other cannot see.

Pure, given both. A gazetteer knows names and no sentences; a model knows sentences and no ids.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from apps.monitor.gazetteer import Gazetteer, Mention
from apps.monitor.no_companies import never_a_company
from core.inference.classification import LabelledSpan

SHORT_TICKER = 3  # letters; shorter ones are told from words by their $ alone
SURE = 0.7  # least probability of a name that only the model found: the best F1 on validation titles of both readers


@dataclass(frozen=True, slots=True)
class Named:
    """A company in a text: its id, or the name as written where the gazetteer has none."""

    company: str
    name: str
    start: int
    end: int


def named(
    text: str, gazetteer: Gazetteer, spans: Sequence[LabelledSpan] | None, tickers: Sequence[str] = ()
) -> list[Named]:
    """Each company once, at its first place, in order. ``spans`` None: there is no model that could tell.

    A doubtful name counts where the model takes it for a name; without one, where it is written like a name. A
    ticker the item came with is a company even where the gazetteer has none of it, as long as the text says it.
    """
    known = [one for one in gazetteer.find(text, tickers) if not one.doubtful or _believed(one, spans)]
    found = [Named(one.id, one.name, one.start, one.end) for one in known]
    found += [one for one in _believable(text, spans or (), gazetteer) if not _touches(one, found)]
    found += [one for one in _ticked(text, tickers, gazetteer) if not _touches(one, found)]
    first: dict[str, Named] = {}
    for one in sorted(found, key=lambda one: one.start):
        first.setdefault(one.company, one)
    return list(first.values())


def _believable(text: str, spans: Sequence[LabelledSpan], gazetteer: Gazetteer) -> Iterator[Named]:
    """Names that only the model found: sure ones, without the signs around them, and no word that is never one.

    Of which kind the model holds a name to be does not count: the list it was taught by calls the companies that it
    lacks assets, so that of companies in other makers' news it took most for no company.
    """
    for span in spans:
        start, end = _trimmed(text, span.start, span.end)
        written = text[start:end]
        if span.probability < SURE or sum(letter.isalpha() for letter in written) < 2:
            continue
        if (id := gazetteer.id_of(written)) or not never_a_company(text, start, end):
            yield Named(id or written, written, start, end)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without blanks and signs at its ends; a bracket or full stop may belong to a name and stays there."""
    while start < end and not text[start].isalnum():
        start += 1
    while start < end and not (text[end - 1].isalnum() or text[end - 1] in ".)）"):
        end -= 1
    return start, end


def _believed(mention: Mention, spans: Sequence[LabelledSpan] | None) -> bool:
    if spans is None:
        return mention.name[:1].isupper()
    return _touches(mention, spans)


def _ticked(text: str, tickers: Sequence[str], gazetteer: Gazetteer) -> Iterator[Named]:
    """Where the text says a ticker that is nobody's; a short one needs its $, as a bare "C" is a letter."""
    for symbol in dict.fromkeys(one.lstrip("$").upper() for one in tickers):
        sign = r"\$" if len(symbol) < SHORT_TICKER else r"\$?"
        place = re.search(rf"(?<![A-Za-z0-9$]){sign}{re.escape(symbol)}(?![A-Za-z0-9])", text)
        if place and symbol and not gazetteer.has_ticker(symbol):
            yield Named(symbol, place[0], place.start(), place.end())


def _touches(span: LabelledSpan | Named | Mention, found: Sequence[LabelledSpan] | Sequence[Named]) -> bool:
    return any(span.start < one.end and one.start < span.end for one in found)
