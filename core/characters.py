"""Two written forms of a text: ``normalise`` for keeping and showing, ``fold`` for comparing and searching.

Knows characters only, neither words nor sentences. The tables load at first use.
"""

import re
import unicodedata
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from core.errors import TrifoliumError

HAN = r"\u3007\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"

_BREAK = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# control characters, byte-order marks, zero-width and direction marks, tag characters (text hides in them), surrogates
_HIDDEN = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    r"\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]+"
)
_JOINERS = re.compile(r"[\u200c\u200d\ufe00-\ufe0f]+")
# what full compatibility folding would spoil on a page: Chinese punctuation, list marks (①→1), powers (m²→m2), ½
_KEPT = re.compile(r"([\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f\uff5e\uffe5…①-⑳²³¹¼½¾]+)")
_BLANKS = re.compile(r"[^\S\n]+")
_AROUND_BREAK = re.compile(r" ?\n ?")
_MANY_BREAKS = re.compile(r"\n{3,}")
_ACCENTED = re.compile(r"[À-ɏḀ-ỿ]+")
# 著 is two words: "see, wear" + 著 is the particle 着, but not in these
_ZHU = re.compile(r"(?<![名原显编论专巨土昭卓])著(?![名作称述者录])")


def word_set(words: str) -> frozenset[str]:
    """The blank-separated words as a set."""
    return frozenset(words.split())


def package_folder(name: str) -> Path:
    """The folder of an installed package whose data files are wanted, found without importing it."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise TrifoliumError(f"The package {name} is missing: install this program again with pip.")
    return Path(spec.origin).parent


def normalise(text: str) -> str:
    """The text with one form per character, one blank between words, at most one empty line, nothing invisible.

    Unicode NFKC, except that Chinese punctuation, ①, ½ and ² stay as they are. Lines stay lines.

    >>> normalise("Ｈｅｌｌｏ　 world！\\r\\n  \\x00再见\\u200b ")
    'Hello world！\\n再见'
    """
    if not (text.isascii() and text.isprintable()):
        text = _HIDDEN.sub("", _BREAK.sub("\n", text))
        if not unicodedata.is_normalized("NFKC", text):
            parts = _KEPT.split(text)  # every second part is kept
            parts[::2] = [unicodedata.normalize("NFKC", part) for part in parts[::2]]
            text = "".join(parts)
    text = _AROUND_BREAK.sub("\n", _BLANKS.sub(" ", text))
    return _MANY_BREAKS.sub("\n\n", text).strip()


def fold(text: str) -> str:
    """The form in which spellings are equal: lower case, simplified, half width, no accents, one line.

    >>> fold("退貨　ＯＫ嗎？\\nCafé")
    '退货 ok吗? cafe'
    """
    text = normalise(text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _JOINERS.sub("", text)).casefold()
        text = _ACCENTED.sub(_without_accents, text)
        text = simplify(text)
    return " ".join(text.lower().split())


def simplify(text: str) -> str:
    """Traditional characters replaced by simplified ones, one for one, so that offsets stay true. For comparing only:
    the choice by context that good Chinese needs (乾 as 干 or 乾) is left out on purpose, the same on both sides."""
    return _ZHU.sub("着", text).translate(_simplified()) if not text.isascii() else text


def _without_accents(match: re.Match[str]) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", match[0]) if not unicodedata.combining(c))


@lru_cache(maxsize=1)
def _simplified() -> dict[int, str]:
    """OpenCC's character table (4,100 rows); its own converter reads the same rows far more slowly."""
    rows = (package_folder("opencc") / "dictionary" / "TSCharacters.txt").read_text(encoding="utf-8").splitlines()
    pairs = (row.split("\t") for row in rows if "\t" in row)
    table = {ord(old): new.split()[0] for old, new in pairs if len(old) == 1 and len(new.split()[0]) == 1}
    return table | {ord(old): new for old, new in zip("瞭藉祇衹", "了借只只", strict=True)}
