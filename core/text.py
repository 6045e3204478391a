"""What every app asks of a text: one form, its language, sentences, tokens, an id, personal data covered.

Pure: no models, no files of our own. Parts live in characters, sentences, tokens and masking; import them from here.
"""

import csv
import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from core.characters import HAN, fold, normalise, simplify, word_set
from core.masking import mask_personal_data
from core.sentences import Span, sentences
from core.tokens import lexical_tokens

__all__ = [
    "Language",
    "Span",
    "content_hash",
    "delimiter_of",
    "fold",
    "language",
    "lexical_tokens",
    "mask_personal_data",
    "normalise",
    "sentences",
    "simplify",
    "strip_control_tokens",
]

Language: TypeAlias = Literal["zh", "en", "other"]

_DELIMITERS = ",\t;|"
_LOOKED_AT = 4000  # characters; the language of a text shows early
_HAN = re.compile(f"[{HAN}]")
_LATIN_WORD = re.compile(r"[a-zà-öø-ÿœßğışčřžńśłąęőű]+", re.IGNORECASE)
_OTHER_SCRIPT = re.compile(r"[^\W\d_a-zA-ZÀ-ɏ" + HAN + r"]")
_CODE = re.compile(r"https?://\S+|www\.\S+|\S+@\S+")
_ENGLISH = word_set(
    """the a an and or of to in is are was were be been it this that these those i you he she we they my your our their
    me him her us them for with on at by from as not do does did can could will would should have has had what when
    where why how who which if but so there here no yes please about any more than after before because just get got"""
)
# frequent little words of languages written in Latin letters; none of them is a common English word
_FOREIGN = word_set(
    """le la les des du une est dans pour que qui avec sur pas je vous nous il elle sont mais plus où très bonjour
    merci
    der das und ist nicht ein eine ich sie wir mit auf für von zu den dem auch wie bitte danke haben kann mein
    el los las y del una por con para está es qué cómo pero más muy gracias hola puedo tengo
    di che il per sono non come grazie ciao della gli mio voglio
    het een niet voor zijn deze maar ook ik je hoe wat naar
    não uma os meu você obrigado posso isso
    yang dan untuk saya tidak dengan ini itu ada bisa boleh apa kami anda terima kasih berapa bila dalam pada
    jak nie jest się czy och att det som jag är på med till"""
)


def language(text: str) -> Language:
    """``zh`` when it is mostly Chinese, ``en`` when mostly English, ``other`` for anything else or no letters at all.

    Names and product words of the other language do not turn it: ``"Ember kettle 有货吗"`` is ``zh``. A Chinese
    character counts two thirds of an English word (a Chinese word has about one and a half).
    """
    text = _CODE.sub(" ", text[:_LOOKED_AT])
    han = len(_HAN.findall(text)) / 1.5
    words = [word.lower() for word in _LATIN_WORD.findall(text)]
    other = len(_OTHER_SCRIPT.findall(text)) / 3
    if max(han, len(words), other) == 0 or other > max(han, len(words)) or (han and other > han / 4):
        return "other"
    if han >= len(words):
        return "zh"
    foreign = sum(word in _FOREIGN for word in words) + sum(not word.isascii() for word in words)
    return "other" if foreign > sum(word in _ENGLISH for word in words) and foreign * 6 >= len(words) else "en"


def content_hash(text: str) -> str:
    """The id of a text: 32 hex digits of SHA-256 over its normalised form; another width or blank is no other text."""
    return hashlib.sha256(normalise(text).encode("utf-8")).hexdigest()[:32]


def delimiter_of(text: str, known: Callable[[str], bool] = lambda name: False) -> str:
    """What parts the columns of a csv: comma, tab, semicolon or bar, by its first line.

    The one that gives most names which are ``known``, then most columns; a comma where there is one column only.

    >>> delimiter_of("id;title;price\\n1;Lamp, green;12,50")
    ';'
    """
    first = text.lstrip("\ufeff\r\n").split("\n", 1)[0]

    def names(delimiter: str) -> tuple[int, int]:
        cells = next(csv.reader([first], delimiter=delimiter), [])
        return sum(known(cell) for cell in cells), len(cells)

    return max(_DELIMITERS, key=names)


def strip_control_tokens(text: str, tokens: Sequence[str]) -> str:
    """The text without any of a model's control tokens, so that nobody can pretend to be another speaker.

    Also those written in full width (which normalising would make real) and those that appear only when an inner one
    is cut out (``<eos<eos>>``).
    """
    spellings = [_either_width(token) for token in sorted(set(tokens), key=len, reverse=True) if token.strip()]
    if not spellings:
        return text
    pattern = re.compile("|".join(spellings))
    before = None
    while before != text:
        before, text = text, pattern.sub("", text)
    return text


def _either_width(token: str) -> str:
    return "".join(f"[{re.escape(c)}{chr(ord(c) + 0xFEE0)}]" if "!" <= c <= "~" else re.escape(c) for c in token)
