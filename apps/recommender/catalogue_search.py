"""Items nearest in words to what was searched for, where none has the words as they were written.

A word is met by itself, else by close spellings ("lmap"), a Chinese one by words that share a character. Knows texts
only: what is near in meaning is the text model's.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher

from apps.recommender.records import Item
from apps.recommender.shared_words import LITTLE
from core.tokens import lexical_tokens

LOOKED = 10_000  # newest items that are looked through; of a larger catalogue the text model tells the rest
CLOSE = 0.75  # least likeness of two spellings
SAME_LETTERS = 0.95  # "lmap" and "lamp"
SLACK = 0.05  # how much less alike than the nearest spelling another may be
SHORTEST = 3  # letters of a word that may be misspelt
ONE_CHARACTER = 0.4  # what a shared Chinese character is worth beside the whole word
IN_TEXT = 0.5  # what a word of the description is worth beside one of the title
ASKING = frozenset(
    lexical_tokens("something anything thing some any want need look find my me i 想要 找 东西 一个 给 我")
)
Places = Mapping[str, set[int]]


def nearest_in_words(words: str, items: Iterable[Item], most: int) -> list[Item]:
    """The items that share most with the words, best first; none where nothing is close.

    >>> goods = [Item("a", "Paper lamp"), Item("b", "Tea cup"), Item("c", "Clay pot", "For tea of any kind.")]
    >>> [one.id for one in nearest_in_words("something for tea", goods, 5)]
    ['b', 'c']
    >>> [one.title for one in nearest_in_words("lmap", goods, 5)]
    ['Paper lamp']
    """
    known = list(items)
    titled, told = _places(one.short_text for one in known), _places(one.description for one in known)
    scores: dict[int, float] = defaultdict(float)
    for asked in dict.fromkeys(lexical_tokens(words)):
        if asked not in LITTLE | ASKING:
            worths = _worths(asked, titled, len(known)), _worths(asked, told, len(known))
            for place in worths[0].keys() | worths[1].keys():
                scores[place] += max(worths[0].get(place, 0.0), IN_TEXT * worths[1].get(place, 0.0))
    return [known[place] for place in sorted(scores, key=lambda one: (-scores[one], one))[:most]]


def _places(texts: Iterable[str]) -> Places:
    """In which of the texts each word stands."""
    found: dict[str, set[int]] = defaultdict(set)
    for place, text in enumerate(texts):
        for token in lexical_tokens(text):
            found[token].add(place)
    return found


def _worths(asked: str, places: Places, items: int) -> dict[int, float]:
    """Per text how near its nearest word is to the one asked for; a rare word says more."""
    found: dict[int, float] = {}
    for token, likeness in _alike(asked, places).items():
        worth = likeness * math.log(1 + items / len(places[token]))
        for place in places[token]:
            found[place] = max(worth, found.get(place, 0.0))
    return found


def _alike(asked: str, places: Places) -> dict[str, float]:
    """Words of the catalogue that may be meant, and how near each is."""
    if asked in places:
        return {asked: 1.0}
    if any("\u4e00" <= sign <= "\u9fff" for sign in asked):
        return {token: ONE_CHARACTER for token in places if set(asked) & set(token)}
    if len(asked) < SHORTEST:
        return {}
    close = {token: _likeness(asked, token) for token in places if abs(len(token) - len(asked)) <= 3}
    bar = max([CLOSE, *close.values()]) - SLACK
    return {token: likeness for token, likeness in close.items() if likeness >= max(CLOSE, bar)}


def _likeness(asked: str, token: str) -> float:
    """Of two spellings, in [0, 1]; the same letters in another order are most likely a slip."""
    if sorted(asked) == sorted(token):
        return SAME_LETTERS
    matcher = SequenceMatcher(None, token, asked)
    return matcher.ratio() if matcher.quick_ratio() >= CLOSE else 0.0
