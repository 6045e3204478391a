"""Which of the offered questions a message picks: by number, by place ("the second one"), by "yes" to a single one.

Known by its words alone, and only as the whole message: "2 kettles please" picks nothing.
"""

import re
from collections.abc import Sequence

from apps.chatbot.smalltalk import small_talk

_EDGES = " \t\n.,!?~()（）[]。，！？～、"
_PLACES = (  # the words of each place, the last of however many there are at the end
    ("1", "one", "first", "1st", "former", "top", "一", "壹", "前者"),
    ("2", "two", "second", "2nd", "二", "两"),
    ("3", "three", "third", "3rd", "三"),
    ("last", "bottom", "latter", "最后一", "最后", "后者", "末"),
)
_PICKS = re.compile(
    r"(?:(?:i mean|i meant|it'?s|it is|yes|yeah|ok|okay)[, ]+)?(?:the )?"
    r"(?:(?:no\.|no(?= ?[123])|number|option|question|answer|#) ?)?"
    rf"(?P<en>{'|'.join(word for words in _PLACES for word in words if word.isascii())})"
    r"(?: (?:one|option|question|answer))?(?:[, ]+please)?"
    r"|(?:我?(?:想问|要问|问)?(?:的)?(?:是|选|就)?)?(?:第|选项|问题)? ?"
    rf"(?P<zh>[123]|{'|'.join(word for words in _PLACES for word in words if not word.isascii())})"
    r" ?(?:个|号|条|项)?(?:问题)?(?:吧|的)?",
    re.IGNORECASE,
)
_NONE = re.compile(
    r"(?:no|nope|nah)?[, ]*(?:none|neither|not (?:any|one)|no)(?: (?:of )?(?:these|those|them|this|that|the above))?"
    r"(?: (?:fits?|helps?|matches))?"
    r"|(?:以上)?(?:这些)?(?:都|全)(?:不是|不对|不符合)|(?:都)?没有(?:一个|我要的|我想问的)?|不是|不对|没一个(?:是|对)",
    re.IGNORECASE,
)


def chosen(text: str, offered: Sequence[str]) -> str | None:
    """The offered question that the whole message picks; None for any other message."""
    words = text.strip(_EDGES)
    if len(offered) == 1 and small_talk(text) == "agreement":
        return offered[0]
    found = _PICKS.fullmatch(words)
    if found is None or not offered:
        return None
    named = (found["en"] or found["zh"]).lower()
    place = next(number for number, names in enumerate(_PLACES) if named in names)
    place = len(offered) - 1 if place == len(_PLACES) - 1 else place
    return offered[place] if place < len(offered) else None


def turns_down(text: str) -> bool:
    """Whether the whole message says that none of what was offered is it."""
    return bool(_NONE.fullmatch(text.strip(_EDGES)))
