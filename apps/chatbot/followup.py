"""Makes a follow-up stand alone, and leaves a question that already does as it is.

Gated rewriting by rule: a 270 M model asked to rewrite answers instead, so the earlier question is put before the
follow-up, and retrieval gets both that and the customer's own words.
"""

import re
from collections.abc import Sequence

from apps.chatbot.records import Role, Turn
from apps.chatbot.smalltalk import small_talk
from core.text import language, lexical_tokens

_LEANS_EN = re.compile(
    r"^\s*(?:and|but|so|ok(?:ay)?|what about|how about|what if|then|also|or)\b"
    r"|\b(?:it|its|they|them|their|this|that|these|those|one|ones|there|same|instead|else|either|too)\b",
    re.IGNORECASE,
)
_LEANS_ZH = re.compile(
    r"^(?:那|那么|还有|然后|如果|要是|另外|而|但|所以|就|也)|(?:呢|它|他们|这个|那个|这样|那样|这种|这款|那款|这里|那里|前者|后者|一样|同样)"
)


def leans_on_history(text: str, history: Sequence[Turn]) -> bool:
    """Whether a message needs the earlier question: there is one, and the words are few or point back."""
    if not any(turn.role is Role.CUSTOMER for turn in history):
        return False
    if language(text) == "zh":
        length = len(re.findall(r"[\u3400-\u9fff]|[A-Za-z0-9]+", text))
        return length <= 6 or (length <= 22 and bool(_LEANS_ZH.search(text)))
    words = len(re.findall(r"\w+", text))
    return words <= 4 or (words <= 14 and bool(_LEANS_EN.search(text)))


def standalone(text: str, history: Sequence[Turn]) -> str | None:
    """The earlier question and this one as one query, or None when this one stands alone.

    Earlier is the customer's last message that says something, which "ok, thanks" does not.
    """
    if not leans_on_history(text, history):
        return None
    earlier = next(
        (turn.text for turn in reversed(history) if turn.role is Role.CUSTOMER and _says_something(turn.text)),
        None,
    )
    return None if earlier is None or earlier.strip() == text.strip() else f"{earlier.strip()} {text.strip()}"


def _says_something(text: str) -> bool:
    return len(lexical_tokens(text)) > 1 and small_talk(text) is None
