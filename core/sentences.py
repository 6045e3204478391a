"""Cuts a text into sentences, English and Chinese mixed, with exact offsets.

Works on the text as it is, character for character: ``text[span.start:span.end] == span.text`` always holds.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass

from core.characters import HAN, word_set


@dataclass(frozen=True, slots=True)
class Span:
    """A piece ``text`` of a larger text, from character ``start`` up to ``end``."""

    start: int
    end: int
    text: str


_MARK = re.compile(r"[。！？!?…．｡.]+|\n\s*")
_CLOSERS = "”’」』）)】》〉]\"'*_"
_SHUT = re.compile(
    r"“[^“”\n]{1,200}”|「[^「」\n]{1,200}」|『[^『』\n]{1,200}』|（[^（）\n]{1,200}）|\([^()\n]{1,200}\)"
    r"|(?:https?://|www\.)[^\s。，；！？”」）]+(?<![.!?,;:])|(?m:^[ \t]*\|[^\n]*)"
    r"|(?<![\w.+-])[a-zA-Z0-9_.+-]{1,64}@[a-zA-Z0-9-]{1,63}(?:\.[a-zA-Z0-9-]{1,63})+"
)
_SPEECH = re.compile(rf"[ ]?(?:[{HAN}]{{0,6}}?(?:说|道|问|喊|答|表示|称|写|嚷)|[的地这那等，,、；;：:])|[ ]?[a-z]")
_LAST_WORD = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]\Z|[^\W\d_]+\Z")
_WORDLIKE = re.compile(r"[^\W_]")
_NEXT_WORD = re.compile(r"[^\w\n]{0,20}([^\W_]{1,30})")
_LIST_MARK = re.compile(r"[\s>]*(?:\d{1,3}|[a-zA-Z]|[ivx]{1,4})")
_BLOCK_START = re.compile(
    r"[ \t]*(?:[-*•·+]\s|\d{1,3}[.)、．]|[（(]\d{1,3}[)）]|#{1,6}\s|\||>|[一二三四五六七八九十]{1,3}、)"
)

# titles and marks after which a sentence never ends
_NEVER = word_set(
    """mr mrs ms dr prof st mt vs fig figs eq sec ch vol p pp e.g i.e cf ca approx est dept tel ext no nos art max min
    blk gen col capt rev hon messrs mme sgt lt gov sen rep incl excl"""
)
# abbreviations that may also end a sentence: they do when a capital follows
_MAY = word_set("etc inc ltd co corp llc plc pte bhd sdn jr sr a.m p.m am pm ph.d m.d b.sc al rd ave blvd hr hrs")
_CALENDAR = word_set("""jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri sat sun""")
_DAYS = re.compile(r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|(?:mon|tue|wed|thu|fri|sat|sun)\b", re.IGNORECASE)
# after an initial or U.S. only a word that opens sentences proves that a new one begins
_OPENERS = word_set(
    """the a an it he she they we you i this that these those there in on at if when but and or so our your my his her
    their its for however please what why how is are do does can"""
)


def sentences(text: str) -> list[Span]:
    """The sentences of ``text`` in order, blanks around them left out; nothing else is lost or changed.

    A full stop in a number, address, abbreviation, initial or list mark ends nothing; closing quotes stay with their
    sentence; quoted speech of up to 200 characters is not cut inside. A line break ends a sentence unless the
    next line clearly goes on. Chat without capitals is cut at full stops too.

    >>> [span.text for span in sentences("Dr. Lim paid $4.90. 他说：“好。谢谢！”然后走了。")]
    ['Dr. Lim paid $4.90.', '他说：“好。谢谢！”', '然后走了。']
    """
    shut = [match.span() for match in _SHUT.finditer(text)]
    shut_starts = [start for start, _ in shut]
    spans: list[Span] = []
    begin = 0
    for match in _MARK.finditer(text):
        at = bisect_right(shut_starts, match.start()) - 1
        if at >= 0 and match.end() <= shut[at][1] and _inside(text, begin, match.end(), *shut[at]):
            continue
        end = _end_of_sentence(text, begin, match)
        if end is not None and end > begin:
            _add(spans, text, begin, end)
            begin = end
    _add(spans, text, begin, len(text))
    return spans


def _inside(text: str, begin: int, mark_end: int, start: int, end: int) -> bool:
    """Whether a mark inside quotes, brackets or an address cannot end a sentence.

    One just before the closing quote can, and one before a closing bracket if the bracket opened the sentence.
    """
    if text[mark_end:end].strip(_CLOSERS):
        return True
    return text[start] not in "“「『" and bool(text[begin:start].strip())


def _end_of_sentence(text: str, begin: int, match: re.Match[str]) -> int | None:
    """Where the sentence that this mark may close ends, closing quotes included; None when it goes on."""
    mark = match[0]
    if mark[0] == "\n":
        return match.start() if _line_ends(text, match) else None
    end = match.end()
    while end < len(text) and text[end] in _CLOSERS:
        end += 1
    if end > match.end() and _SPEECH.match(text, end):
        return None
    chinese = any(c in "。！？｡" for c in mark) or mark.startswith("……")
    if chinese or end == len(text) or text[end] == "\n":
        return end
    follows = text[end]
    if any(c in "!?" for c in mark):
        return end if follows.isspace() or follows.isupper() or _is_han(follows) else None
    if len(mark) > 1 or mark == "…":  # an ellipsis pauses more often than it ends
        following = _NEXT_WORD.match(text, end)
        return end if following and (following[1][0].isupper() or _is_han(following[1][0])) else None
    return end if _full_stop_ends(text, begin, match.start(), end) else None


def _full_stop_ends(text: str, begin: int, dot: int, end: int) -> bool:
    """Whether the single full stop at ``dot`` ends a sentence; ``end`` is behind its closing quotes."""
    follows = text[end]
    last = _LAST_WORD.search(text, max(begin, dot - 30), dot)
    word = last[0].lower() if last else ""
    if not follows.isspace():
        return (
            _is_han(follows) and (len(word) > 1 or (dot > 0 and _is_han(text[dot - 1]))) and word not in _NEVER | _MAY
        )
    if dot - begin < 40 and _LIST_MARK.fullmatch(text, begin, dot):
        return False
    following = _NEXT_WORD.match(text, end)
    after = following[1] if following else ""
    if word in _NEVER:
        return (word == "no" and after[:1].isalpha()) or (word in ("min", "max") and after[:1].isupper())
    if word in _CALENDAR and last is not None and last[0][0].isupper():
        return after[:1].isupper()
    if word in _MAY:
        return after[:1].isupper() and not _DAYS.match(after)
    if "." in word or (len(word) == 1 and last is not None and last[0].isupper() and last[0] != "I"):
        return after.lower() in _OPENERS and after[:1].isupper()
    return True


def _line_ends(text: str, match: re.Match[str]) -> bool:
    """A line break ends a sentence unless the next line begins in lower case or this one stops at a comma."""
    if match[0].count("\n") > 1 or match.end() == len(text):
        return True
    line_start = text.rfind("\n", 0, match.start()) + 1
    if _BLOCK_START.match(text, match.start() + 1) or text.startswith(("#", "|"), line_start):
        return True
    before = text[line_start : match.start()].rstrip()[-1:]
    return not (text[match.end()].islower() or before in ",，、")


def _is_han(character: str) -> bool:
    return bool(re.match(f"[{HAN}]", character))


def _add(spans: list[Span], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    body = piece.strip()
    if spans and start == spans[-1].end and body and not _WORDLIKE.search(body) and "\n" not in piece:
        spans[-1] = Span(
            spans[-1].start, start + len(piece.rstrip()), text[spans[-1].start : start + len(piece.rstrip())]
        )
    elif body:
        start += len(piece) - len(piece.lstrip())
        spans.append(Span(start, start + len(body), body))
