"""Quotes from a piece of evidence what is nearest to a question, made to be read by a customer.

An approved answer is quoted whole; of a passage a few sentences, its tables told row by row. Knows text only.
"""

import re
from collections.abc import Iterator, Sequence

from apps.chatbot import grounding
from apps.chatbot.records import Evidence, EvidenceKind

# Five lines. Of the sample's calibration questions that only a document tells, the first passage held the answer more
# often at this length than at 80 or 40 tokens, and no more often at 160.
QUOTED_TOKENS = 120
_ROW = re.compile(r"\s*\|(?P<cells>.*)\|\s*")
_BAR = re.compile(r"(?<!\\)\|")  # a bar that is not written \| ends a cell
_RULE = re.compile(r"[\s|:-]+")
_MARKS = re.compile(r"\*\*|__|`|^\s*#+\s+|^\s*>\s?|^\s*[-*+]\s+(?=\S)", re.MULTILINE)


def quotation(question: str, evidence: Sequence[Evidence]) -> tuple[str, int] | None:
    """What the first evidence says nearest to the question, with its number; None without evidence."""
    if not evidence:
        return None
    first = evidence[0]
    if first.kind is EvidenceKind.ANSWER:
        return first.text, first.number
    text = grounding.focus(question, [readable(first.text)], QUOTED_TOKENS)[0]
    return (text, first.number) if text else None


def readable(text: str) -> str:
    """Markdown as plain sentences: a table's row says what each of its cells is, marks of style are left out.

    >>> readable("| Dish | Time |\\n| --- | --- |\\n| Rice | 38 min |")
    'Rice: Time 38 min.'
    """
    return _MARKS.sub("", "\n".join(_told(text.split("\n"))))


def _told(lines: Sequence[str]) -> Iterator[str]:
    names: list[str] = []
    for line in lines:
        found = _ROW.fullmatch(line)
        if found is None:
            names = []
            yield line
        elif not names:
            names = _cells(found["cells"])
        elif not _RULE.fullmatch(line):
            yield _row(names, _cells(found["cells"]))


def _cells(row: str) -> list[str]:
    return [cell.strip().replace(r"\|", "|") for cell in _BAR.split(row)]


def _row(names: Sequence[str], cells: Sequence[str]) -> str:
    """The first cell names the row; empty ones say nothing."""
    told = [f"{name} {cell}".strip() for name, cell in zip(names[1:], cells[1:], strict=False) if cell.strip("–—- ")]
    chinese = bool(re.search(r"[\u3400-\u9fff]", "".join([*names, *cells])))
    colon, comma, stop = ("：", "，", "。") if chinese else (": ", ", ", ".")
    return f"{cells[0]}{colon if told else ''}{comma.join(told)}{stop}"
