"""Strings that stand in two languages under one key, and the look-up. Knows no page."""

from collections.abc import Mapping

Strings = Mapping[str, tuple[str, str]]  # key: English, Chinese


def worded(strings: Strings, key: str, language: str = "en", **values: object) -> str:
    """The English or Chinese string of a key with its places filled; a key without one shows what follows its ``_``.

    >>> worded({"hello": ("Hello {name}", "你好 {name}")}, "hello", "zh", name="Ada")
    '你好 Ada'
    >>> worded({}, "topic_new_plants")
    'new plants'
    """
    if key not in strings:
        return key.partition("_")[2].replace("_", " ") or key
    text = strings[key][language == "zh"]
    return text.format(**values) if values else text
