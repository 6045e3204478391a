"""Why something a person brought was not taken: an English sentence everywhere, in Chinese where a page asks for it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from core.errors import known_names, nearest

Words = tuple[str, str]  # English and Chinese, with places to fill
MOST_NAMES = 12  # of those that are known


class Reason(str):
    """An English sentence that also knows its Chinese wording, so that it can be stored, sent and shown as any text."""

    __slots__ = ("chinese",)
    chinese: str

    def __new__(cls, english: str, chinese: str) -> "Reason":
        """The sentence in both languages."""
        made = super().__new__(cls, english)
        made.chinese = chinese
        return made

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]  # what copying needs: str knows one text
        return str(self), self.chinese


def reason(words: Words, **values: object) -> Reason:
    """Words with their places filled; a value may be a ``Reason`` itself.

    >>> found = reason(("The row has no {name}.", "该行没有 {name}。"), name="title")
    >>> found, found.chinese
    ('The row has no title.', '该行没有 title。')
    """
    chinese = {name: in_language(value, "zh") for name, value in values.items()}
    return Reason(words[0].format(**values), words[1].format(**chinese))


def known(name: str, names: Iterable[str]) -> Reason:
    """The tail of an "unknown name" sentence: the nearest known name if one is alike, then the known ones."""
    every = sorted(set(names))
    like = nearest(name, every)
    told = f"已知：{'、'.join(every[:MOST_NAMES])}{'等' if len(every) > MOST_NAMES else ''}"
    return Reason(known_names(name, every, MOST_NAMES), f"最接近的是“{like}”（{told}）" if like else told)


def joined(reasons: Iterable[str]) -> Reason:
    """Several sentences, one after the other."""
    told = list(reasons)
    return Reason(" ".join(told), "".join(in_language(one, "zh") for one in told))


class Placed(Protocol):
    """Something not taken, where it stood (line 0 is the whole file) and why."""

    @property
    def source(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def reason(self) -> str: ...


@dataclass(frozen=True)
class Alike:
    """The lines of one file that were not taken for one reason."""

    source: str
    reason: str
    lines: tuple[int, ...]


def alike(problems: Iterable[Placed]) -> list[Alike]:
    """What was not taken, once a file and reason, in the order in which each was first met."""
    lines: dict[tuple[str, str], list[int]] = {}
    reasons: dict[tuple[str, str], str] = {}
    for one in problems:
        key = (one.source, str(one.reason))
        lines.setdefault(key, []).append(one.line)
        reasons.setdefault(key, one.reason)  # the first itself: as a key it need not know its Chinese wording
    return [Alike(source, reasons[source, why], tuple(at)) for (source, why), at in lines.items()]


def reason_of(error: BaseException) -> str:
    """What an error says; still in both languages when it was raised with a ``Reason``."""
    said = error.args[0] if error.args else None
    return said if isinstance(said, Reason) else str(error)


def in_language(text: object, language: str) -> str:
    """The Chinese wording where one is asked for and known, else the text itself."""
    return text.chinese if language == "zh" and isinstance(text, Reason) else str(text)
