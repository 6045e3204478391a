"""Parts rows into training, validation and test so that no part gives another's answers away.

Rows of one group stay together, near copies count as one group, and by time the past never learns from the future.
Pure, given the rows.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from apps.monitor.labelled import LabelledItem
from apps.monitor.stories import shingles
from core.errors import DataError

NEAR = 0.7  # Jaccard of shingles from which two texts count as copies of one
PERMUTATIONS = 64
T = TypeVar("T")


class _Groups:
    """Union-find over row numbers."""

    def __init__(self, count: int) -> None:
        self.parent = list(range(count))

    def root(self, number: int) -> int:
        while self.parent[number] != number:
            self.parent[number] = self.parent[self.parent[number]]
            number = self.parent[number]
        return number

    def join(self, one: int, other: int) -> None:
        first, second = sorted((self.root(one), self.root(other)))
        self.parent[second] = first


def near_groups(items: Sequence[LabelledItem], near: float = NEAR) -> list[int]:
    """A group number per row: rows of one group or with nearly the same wording share it.

    Candidates come from MinHash bands and are compared by their true Jaccard, so that chance hits join nothing.
    """
    groups = _Groups(len(items))
    first: dict[str, int] = {}
    for number, item in enumerate(items):
        if item.group:
            groups.join(first.setdefault(item.group, number), number)
    cut = [shingles(item.text) for item in items]
    for one, other in _candidates(cut, near):
        if groups.root(one) != groups.root(other) and jaccard(cut[one], cut[other]) >= near:
            groups.join(one, other)
    return [groups.root(number) for number in range(len(items))]


def jaccard(one: set[str], other: set[str]) -> float:
    """Shared part of two sets; 0 when both are empty."""
    return len(one & other) / len(one | other) if one or other else 0.0


def _candidates(cut: Sequence[set[str]], near: float) -> Iterable[tuple[int, int]]:
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=near, num_perm=PERMUTATIONS)
    empty = MinHash(num_perm=PERMUTATIONS, seed=1, scheme="affine32")
    for number, found in enumerate(cut):
        if not found:
            continue
        hashed = empty.copy()
        hashed.update_batch([one.encode("utf-8") for one in sorted(found)])
        yield from ((int(other), number) for other in index.query(hashed))
        index.insert(str(number), hashed)


def folds(items: Sequence[LabelledItem], count: int = 5, seed: int = 13) -> list[list[int]]:
    """Row numbers of each fold; groups and near copies lie in one. The same rows and seed give the same folds."""
    if count < 2:
        raise DataError(f"There must be at least 2 folds, got {count}.")
    members = _members(items, near_groups(items))
    parts: list[list[int]] = [[] for _ in range(count)]
    for rows in sorted(members.values(), key=lambda rows: (-len(rows), _drawn(items[rows[0]], seed))):
        min(parts, key=len).extend(rows)
    return [sorted(part) for part in parts]


def held_out(
    items: Sequence[LabelledItem], share: float, seed: int = 13
) -> tuple[list[LabelledItem], list[LabelledItem]]:
    """(train, held out) with about ``share`` of the rows held out by group, near copies together."""
    if not 0 < share < 1:
        raise DataError(f"The share held out must lie between 0 and 1, got {share}.")
    kept: list[int] = []
    members = _members(items, near_groups(items))
    for rows in sorted(members.values(), key=lambda rows: _drawn(items[rows[0]], seed)):
        if len(kept) + len(rows) <= share * len(items):
            kept += rows
    chosen = set(kept)
    return [item for n, item in enumerate(items) if n not in chosen], [items[number] for number in sorted(chosen)]


def by_time(items: Sequence[LabelledItem], borders: Sequence[datetime]) -> list[list[LabelledItem]]:
    """Parts between the borders, in order; a group lies whole in the part of its first row, so nothing leaks back.

    ``DataError`` for a row without a moment.
    """
    undated = next((item for item in items if item.moment is None), None)
    if undated is not None:
        raise DataError(f"Row '{undated.id}' has no date: it cannot be split by time.")
    members = _members(items, near_groups(items))
    parts: list[list[LabelledItem]] = [[] for _ in range(len(borders) + 1)]
    for rows in members.values():
        began = min(moment for number in rows if (moment := items[number].moment) is not None)
        parts[sum(began >= border for border in borders)] += [items[number] for number in rows]
    return [sorted(part, key=lambda item: (item.moment or borders[0], item.id)) for part in parts]


def without_copies_of(items: Sequence[LabelledItem], held: Sequence[LabelledItem]) -> list[LabelledItem]:
    """The rows of ``items`` that share no group and no near wording with ``held``."""
    groups = near_groups([*held, *items])
    taken = set(groups[: len(held)])
    return [item for item, group in zip(items, groups[len(held) :], strict=True) if group not in taken]


def _members(items: Sequence[T], groups: Sequence[int]) -> Mapping[int, list[int]]:
    members: dict[int, list[int]] = defaultdict(list)
    for number, group in enumerate(groups):
        members[group].append(number)
    return members


def _drawn(item: LabelledItem, seed: int) -> str:
    return hashlib.sha256(f"{seed}:{item.id}".encode()).hexdigest()
