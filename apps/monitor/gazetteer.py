"""Finds companies in texts by their names: one automaton over all of them, so that thousands cost what one costs.

It may abstain. A name that is also an everyday word, or that two companies bear, is doubtful: it counts where the
company is surely named elsewhere in the text, and else is left to whoever can tell from the sentence.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from apps.monitor.companies import Company
from core.characters import fold, package_folder

SHORTEST = 2  # characters of a name that is looked for
_CASH_TAG = re.compile(r"(?<![\w$])\$([A-Za-z][A-Za-z0-9]{0,7}(?:\.[A-Za-z]{1,3})?)(?!\w)")
_BRACKETED = re.compile(r"[((]\s*(?:[A-Z]{2,8}\s*[::]\s*)?([A-Z0-9]{2,7}(?:\.[A-Z]{1,3})?)\s*[))]")
_BARE = re.compile(r"(?<![\w$.])([A-Z]{2,6})(?![\w.]\w)(?!\w)")
SURE_TICKER = 4  # letters; shorter ones are too often abbreviations of something else
_TAGGED = re.compile(r"[$#@]$")
PROPER = ("nr", "nrt", "nrfg", "ns", "nt", "nz")  # jieba's marks of names
_HAN = re.compile(r"[\u4e00-\u9fff]+")


@dataclass(frozen=True, slots=True)
class Mention:
    """A name found in a text: ``text[start:end]`` may stand for company ``id``; ``doubtful`` when it may not."""

    id: str
    name: str
    start: int
    end: int
    doubtful: bool = False


class Gazetteer:
    """The companies a team follows, found by full names, aliases and tickers, in any case of letters and width.

    ``words`` are names that also mean something else ("drizzle"), as those a company calls ambiguous. A Chinese name
    that jieba's dictionary knows as a word is one of them anyway, and so is a Latin name written without a capital.
    """

    def __init__(self, companies: Sequence[Company], words: Iterable[str] = ()) -> None:
        self.companies = tuple(companies)
        self.by_id = {company.id: company for company in self.companies}
        ambiguous = {fold(word) for company in self.companies for word in company.ambiguous}
        self.words = {fold(word) for word in words} | ambiguous | _everyday(self._owners)

    def find(self, text: str, tickers: Sequence[str] = ()) -> list[Mention]:
        """Mentions in order of place, none inside another; ``tickers`` are what the source itself says it is about."""
        found = [*self._named(text), *self._ticked(text)]
        sure = {mention.id for mention in found if not mention.doubtful}
        sure |= {id for ticker in tickers if (id := self._by_ticker.get(ticker.lstrip("$").upper()))}
        settled = [one for one in found if not one.doubtful or self._may_be(one, sure)]
        told = [Mention(one.id, one.name, one.start, one.end, one.doubtful and one.id not in sure) for one in settled]
        return sorted(_apart(told), key=lambda one: one.start)

    def id_of(self, name: str) -> str | None:
        """The company of a name as written, None when it is nobody's or two companies'."""
        owners = self._owners.get(fold(name), ())
        return owners[0] if len(owners) == 1 else None

    def has_ticker(self, symbol: str) -> bool:
        """Whether a company of the list trades under it."""
        return symbol.upper() in self._by_ticker

    @cached_property
    def _owners(self) -> Mapping[str, tuple[str, ...]]:
        owners: dict[str, list[str]] = defaultdict(list)
        for company in self.companies:
            for name in dict.fromkeys(fold(name) for name in company.names):
                if len(name) >= SHORTEST:
                    owners[name].append(company.id)
        return {name: tuple(ids) for name, ids in owners.items()}

    @cached_property
    def _by_ticker(self) -> Mapping[str, str]:
        return {company.ticker.upper(): company.id for company in self.companies if company.ticker}

    @cached_property
    def _automaton(self) -> Any:
        import ahocorasick

        automaton = ahocorasick.Automaton()
        for name in self._owners:
            automaton.add_word(name, name)
        automaton.make_automaton()
        return automaton

    def _named(self, text: str) -> Iterator[Mention]:
        """Every name that stands alone; of a name of two companies, one doubtful mention for each."""
        if not self._owners:
            return
        folded, places = _folded(text)
        for last, name in self._automaton.iter(folded):
            first = last - len(name) + 1
            start, end = places[first], places[last] + 1
            if _alone(folded, first, last + 1) and not _TAGGED.search(text[max(0, start - 1) : start]):
                owners, written = self._owners[name], text[start:end]
                doubtful = len(owners) > 1 or name in self.words or (name.isascii() and written.islower())
                yield from (Mention(id, written, start, end, doubtful) for id in owners)

    def _ticked(self, text: str) -> Iterator[Mention]:
        """Cash tags ($NVNB), bracketed tickers (SGX: NVNB), (NVNB.SI), and tickers that stand as a word of capitals."""
        for pattern in (_CASH_TAG, _BRACKETED, _BARE):
            for match in pattern.finditer(text):
                written = match[1].upper()
                id = self._by_ticker.get(written) or self._by_ticker.get(written.partition(".")[0])
                if id is not None:
                    begin = match.start(1) - (text[match.start(1) - 1 : match.start(1)] == "$")
                    doubtful = pattern is _BARE and len(written) < SURE_TICKER
                    yield Mention(id, text[begin : match.end(1)], begin, match.end(1), doubtful)

    def _may_be(self, mention: Mention, sure: set[str]) -> bool:
        """A name of two companies goes to the one that is surely in the text, to neither when both or none are."""
        owners = self._owners.get(fold(mention.name), (mention.id,))
        return len(owners) == 1 or [id for id in owners if id in sure] == [mention.id]


def _everyday(names: Iterable[str]) -> set[str]:
    """Those Chinese names that jieba's dictionary knows as words other than names of persons, places and firms."""
    wanted = {name for name in names if _HAN.fullmatch(name)}
    if not wanted:
        return set()
    rows = (package_folder("jieba") / "dict.txt").read_text(encoding="utf-8").splitlines()
    cut = (row.split(" ") for row in rows)
    return {word for word, _, kind in cut if word in wanted and kind not in PROPER}


def _apart(mentions: Iterable[Mention]) -> list[Mention]:
    """The longest mentions, none touching another."""
    kept: list[Mention] = []
    for one in sorted(mentions, key=lambda one: (one.start - one.end, one.start)):
        if all(one.end <= other.start or other.end <= one.start for other in kept):
            kept.append(one)
    return kept


def _folded(text: str) -> tuple[str, list[int]]:
    """The text as names are compared, and where each of its characters stands in the original."""
    folded, places = [], []
    for place, character in enumerate(text):
        for one in fold(character) or " ":
            folded.append(one)
            places.append(place)
    return "".join(folded), places


def _alone(text: str, start: int, end: int) -> bool:
    """Not inside a longer Latin word or number; Chinese has no gaps between words."""
    before, after = text[start - 1 : start], text[end : end + 1]
    return not _joined(before, text[start]) and not _joined(text[end - 1], after)


def _joined(left: str, right: str) -> bool:
    return bool(left and right) and all(one.isalnum() and ord(one) < 0x2E80 for one in (left, right))
