"""Cuts a document into passages: whole paragraphs, lists and tables under their headings, with exact offsets.

Pure: a document in, passages out; ``passage.text == document.text[passage.start:passage.end]`` always holds.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from apps.chatbot.records import Audience, Document, Passage
from core.text import content_hash, sentences

# Characters of a passage. About 150 English words or 350 Chinese characters: long enough to hold a paragraph of
# xquad_en or cmrc2018_zh whole, short enough that five of them, cut to their best sentences, fill one prompt.
LONGEST = {"zh": 400}
LONGEST_OTHERS = 900
SHORTEST_SHARE = 0.25  # a last piece shorter than this share joins the one before it
TABLE_SHARE = 2  # a table may be so many times longer before it is cut, since a row without its header says little

_HEADING = re.compile(r"(#{1,6})[ \t]+(.+?)[ \t#]*")
_FENCE = re.compile(r"\s*(```|~~~)")
_INTERNAL = re.compile(r"\binternal\b|\bstaff only\b|内部|內部|仅供员工", re.IGNORECASE)
_STAFF_TOOL = re.compile(r"\b[a-z]+(?:_[a-z0-9]+)*_\d{3,}\b")  # such as open_bank_account_4821


@dataclass(frozen=True)
class Block:
    """A paragraph, list, table or code block from ``start`` to ``end``, in the ``section``-th part between headings."""

    start: int
    end: int
    headings: tuple[str, ...]
    section: int = 0
    is_table: bool = False


def audience_of(title: str, text: str) -> Audience:
    """``STAFF`` for documents whose title says internal, or that name a staff tool by its number."""
    staff = _INTERNAL.search(title) or _STAFF_TOOL.search(text)
    return Audience.STAFF if staff else Audience.CUSTOMER


def cut(document: Document) -> list[Passage]:
    """The passages in order; ids depend on their words alone, so an edit elsewhere leaves them as they are."""
    longest = LONGEST.get(document.language, LONGEST_OTHERS)
    passages: list[Passage] = []
    seen: dict[str, int] = {}
    for start, end, headings in _packed(document.text, longest):
        heading = " › ".join(one for one in headings if one != document.title)
        text = document.text[start:end]
        mark = content_hash(f"{heading}\n{text}")[:10]
        seen[mark] = seen.get(mark, 0) + 1
        passages.append(
            Passage(
                id=f"{document.id}-{mark}" + (f"-{seen[mark]}" if seen[mark] > 1 else ""),
                document_id=document.id,
                title=document.title,
                heading=heading,
                text=text,
                start=start,
                end=end,
                language=document.language,
                audience=document.audience,
                valid_from=document.valid_from,
                valid_until=document.valid_until,
            )
        )
    return passages


def _packed(text: str, longest: int) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Neighbouring blocks of one section joined up to ``longest`` characters."""
    held: list[tuple[int, int, Block]] = []
    for block in blocks(text):
        for start, end in _pieces(text, block, longest):
            if held and held[-1][2].section == block.section and _fits(held[-1][0], start, end, longest):
                held[-1] = (held[-1][0], end, block)
            else:
                held.append((start, end, block))
    return ((start, end, block.headings) for start, end, block in held)


def _fits(begun: int, start: int, end: int, longest: int) -> bool:
    """Within ``longest``, or a little over when what comes is only a small rest."""
    return end - begun <= longest or (end - start < SHORTEST_SHARE * longest and end - begun <= 1.2 * longest)


def _pieces(text: str, block: Block, longest: int) -> Iterator[tuple[int, int]]:
    """A block whole, or a long one cut between lines or sentences, in the worst case between characters."""
    limit = longest * TABLE_SHARE if block.is_table else longest
    if block.end - block.start <= limit * 1.2:
        yield block.start, block.end
        return
    begun = last = block.start
    for start, end in _units(text, block):
        while end - begun > limit and last > begun:
            yield begun, last
            begun = last = start
        while end - begun > limit:  # one unit alone is too long
            yield begun, begun + limit
            begun = last = begun + limit
        last = end
    if last > begun:
        yield begun, last


def _units(text: str, block: Block) -> Iterator[tuple[int, int]]:
    if block.is_table:
        place = block.start
        for line in text[block.start : block.end].splitlines(keepends=True):
            yield place, place + len(line.rstrip())
            place += len(line)
        return
    for span in sentences(text[block.start : block.end]):
        yield block.start + span.start, block.start + span.end


def blocks(text: str) -> Iterator[Block]:
    """The blocks of Markdown or plain text in order; headings are not blocks but the path of those below them."""
    path: list[tuple[int, str]] = []
    lines: list[tuple[int, int, str]] = []
    section, fenced = 0, False

    def flush() -> Iterator[Block]:
        if lines:
            is_table = all(line.lstrip().startswith("|") for _, _, line in lines)
            yield Block(lines[0][0], lines[-1][1], tuple(title for _, title in path), section, is_table)
            lines.clear()

    place = 0
    for raw in text.splitlines(keepends=True):
        line = raw.rstrip()
        start, end = place + len(raw) - len(raw.lstrip()), place + len(line)
        place += len(raw)
        fenced ^= bool(_FENCE.match(line))
        heading = None if fenced else _HEADING.fullmatch(line)
        if heading or not line.strip() or (lines and _is_table(line) != _is_table(lines[-1][2])):
            yield from flush()
        if heading:
            level, section = len(heading[1]), section + 1
            path[:] = [one for one in path if one[0] < level] + [(level, heading[2].strip())]
        elif line.strip():
            lines.append((start, end, line))
    yield from flush()


def _is_table(line: str) -> bool:
    return line.lstrip().startswith("|")
