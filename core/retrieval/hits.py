"""What both kinds of index share: a hit, a filter on ids, the difference between what is indexed and what should be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

Allowed = Callable[[str], bool]


class Hit(NamedTuple):
    """One id with its raw score; scores of two kinds of index must not be compared."""

    id: str
    score: float


@dataclass(frozen=True)
class Difference:
    """Ids to add, to replace and to drop so that an index holds what the database holds."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.gone)


def difference(have: Mapping[str, str], want: Mapping[str, str]) -> Difference:
    """Compares two maps of id to content hash.

    >>> difference({"a": "1", "b": "2"}, {"b": "3", "c": "4"})
    Difference(added=('c',), changed=('b',), gone=('a',))
    """
    return Difference(
        tuple(one for one in want if one not in have),
        tuple(one for one, content in want.items() if one in have and have[one] != content),
        tuple(one for one in have if one not in want),
    )
