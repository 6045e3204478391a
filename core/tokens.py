"""Cuts text into what a lexical index counts: light-stemmed words, Chinese words and character pairs, numbers.

Chinese words are jieba's most probable cut without its guesser for unknown words; the character pairs find those. Only
jieba's dictionary is read: jieba itself logs to the terminal and trusts a cache file in the shared temporary folder.
"""

import math
import re
from functools import lru_cache
from threading import Lock

from core.characters import HAN, fold, package_folder

_OTHER_PAIRS = r"\u3040-\u30ff\u31f0-\u31ff\uac00-\ud7af"  # kana and hangul: no word list here, pairs only
_LETTER = rf"[^\W_{HAN}{_OTHER_PAIRS}]"
_PIECE = re.compile(
    rf"(?P<han>[{HAN}]+)|(?P<pairs>[{_OTHER_PAIRS}]+)"
    rf"|(?P<number>\d+(?:[.,]\d+)*(?!{_LETTER}))"
    rf"|(?P<word>{_LETTER}+(?:['’]{_LETTER}+)*(?:-{_LETTER}+)*)"
)
_MIXED = re.compile(r"\d+|[^\W\d]{2,}")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_VOWEL = re.compile(r"[aeiouy]")
_loading = Lock()


def lexical_tokens(text: str) -> list[str]:
    """The folded text's tokens in order; queries and passages are cut alike, so equal words meet in any spelling.

    >>> lexical_tokens("Refunded 1,299.00 for 2 kettles")
    ['refund', '1299', 'for', '2', 'kettl']
    >>> lexical_tokens("怎麼退貨")
    ['怎么', '退货', '怎么', '么退', '退货']
    """
    tokens: list[str] = []
    for match in _PIECE.finditer(fold(text)):
        kind, piece = match.lastgroup, match[0]
        if kind == "word":
            tokens += _of_word(piece)
        elif kind == "han":
            tokens += chinese_words(piece) + _pairs(piece) if len(piece) > 1 else [piece]
        elif kind == "number":
            tokens.append(_number(piece))
        else:
            tokens += _pairs(piece) if len(piece) > 1 else [piece]
    return tokens


def chinese_words(run: str) -> list[str]:
    """The most probable cut of a run of simplified Chinese characters; the same as ``jieba.lcut(run, HMM=False)``."""
    scores, floor = _dictionary()
    size = len(run)
    best = [0.0] * (size + 1)  # best[i]: log probability of the best cut of run[i:]
    ends = [0] * size
    for start in range(size - 1, -1, -1):
        end = start + 1
        top, top_end = scores.get(run[start], floor) + best[end], end
        while end < size:
            end += 1
            score = scores.get(run[start:end])
            if score is None:
                break
            if score != _PREFIX and score + best[end] >= top:
                top, top_end = score + best[end], end
        best[start], ends[start] = top, top_end
    words, start = [], 0
    while start < size:
        words.append(run[start : ends[start]])
        start = ends[start]
    return words


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """A light English stem: plural, -ed, -ing, final e, y and doubled letters go; meaning-changing endings stay.

    >>> [stem(word) for word in ("shipping", "shipped", "ships", "deliveries", "delivery", "exchange", "exchanging")]
    ['ship', 'ship', 'ship', 'deliveri', 'deliveri', 'exchang', 'exchang']
    """
    if len(word) < 3 or not (word.isascii() and word.isalpha()):
        return word
    word = _without_past(_without_plural(word)) if len(word) > 3 else word
    if len(word) > 3 and word.endswith("e"):
        word = word[:-1]
    if len(word) > 3 and word[-1] == word[-2]:
        word = word[:-1]
    if len(word) > 2 and word.endswith("y") and word[-2] not in "aeiou":
        word = word[:-1] + "i"
    return word


def _without_plural(word: str) -> str:
    if word.endswith("ies"):
        return word[:-3] + "i"
    if word.endswith(("sses", "xes", "ches", "shes", "zzes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def _without_past(word: str) -> str:
    if word.endswith("ied"):
        return word[:-3] + "i"
    for ending in ("ing", "ed"):
        rest = word.removesuffix(ending)
        if rest != word and len(rest) > 2 and _VOWEL.search(rest) and not (ending == "ed" and rest.endswith("e")):
            return rest
    return word


@lru_cache(maxsize=65536)
def _of_word(piece: str) -> tuple[str, ...]:
    """``pick-up`` -> pick, up, pickup; ``iphone15`` -> iphone15, iphone, 15; ``customer's`` -> customer."""
    parts = [part.removesuffix("'s").replace("'", "") for part in piece.replace("’", "'").split("-")]
    tokens = [token for part in parts if part for token in _of_part(part)]
    if 1 < len(parts) <= 3 and all(part.isalpha() for part in parts):
        tokens.append(stem("".join(parts)))
    return tuple(tokens)


def _of_part(part: str) -> list[str]:
    if part.isalpha() or part.isdigit():
        return [stem(part)]
    inner = _MIXED.findall(part)
    return [part] + ([stem(word) for word in inner] if any(word.isalpha() for word in inner) else [])


def _number(piece: str) -> str:
    """Without thousands marks and idle zeros: ``1,299.00`` -> ``1299``, ``4.90`` -> ``4.9``; ``1.2.3`` stays."""
    if _THOUSANDS.fullmatch(piece):
        piece = piece.replace(",", "")
    return piece.rstrip("0").rstrip(".") if piece.count(".") == 1 and "," not in piece else piece


def _pairs(run: str) -> list[str]:
    return [run[i : i + 2] for i in range(len(run) - 1)]


_PREFIX = 1.0  # marks "a word begins so, but this is none"; log probabilities are below zero
_words: tuple[dict[str, float], float] | None = None


def _dictionary() -> tuple[dict[str, float], float]:
    """Log probability of each word and prefix of jieba's dictionary, and of an unknown character; read once (1 s)."""
    global _words
    with _loading:
        if _words is None:
            _words = _read_dictionary()
    return _words


def _read_dictionary() -> tuple[dict[str, float], float]:
    rows = (package_folder("jieba") / "dict.txt").read_text(encoding="utf-8").splitlines()
    counts = {word: int(count) for word, count, *_ in (row.split(" ") for row in rows)}
    log_total = math.log(sum(counts.values()))
    scores = {word: math.log(count or 1) - log_total for word, count in counts.items()}
    for word, count in counts.items():
        if not count:
            scores[word] = _PREFIX
        for end in range(2, len(word)):
            scores.setdefault(word[:end], _PREFIX)
    floor = -log_total
    for word in [word for word, score in scores.items() if len(word) == 1 and score == _PREFIX]:
        scores[word] = floor
    return scores, floor
