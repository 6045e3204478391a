"""The words that two texts have in common, as the first one writes them: what a reason names.

Words are the same when the word index takes them for the same. Knows texts only.
"""

from __future__ import annotations

import re

from core.characters import simplify
from core.tokens import chinese_words, lexical_tokens

MOST = 3  # words that a sentence names
_WORD = re.compile(r"[\u4e00-\u9fff]+|[^\W_\u4e00-\u9fff]+(?:['’.,-][^\W_\u4e00-\u9fff]+)*")
LITTLE = frozenset(lexical_tokens("a an and at by for from in of on or the to with 的 和 与 及 在"))


def shared_words(text: str, other: str) -> list[str]:
    """Up to three words of ``text`` that ``other`` has too, in the order of the text.

    >>> shared_words("Brass bell for a bike", "Bikes with bells of steel")
    ['bell', 'bike']
    """
    there = set(lexical_tokens(other)) - LITTLE
    found = {word: None for word in _words(text) if there.issuperset(lexical_tokens(word))}
    return list(found)[:MOST]


def _words(text: str) -> list[str]:
    """Latin words and figures as written, Chinese ones as a dictionary cuts them; single letters are none."""
    found: list[str] = []
    for match in _WORD.finditer(text):
        run = match[0]
        if not "\u4e00" <= run[0] <= "\u9fff":
            found += [run] if len(run) > 1 else []
            continue
        place = 0
        for word in chinese_words(simplify(run)):
            found += [run[place : place + len(word)]] if len(word) > 1 else []
            place += len(word)
    return found
