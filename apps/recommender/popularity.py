"""How often each item was wanted, lately and over a longer while, and how often it was shown.

Counts fade exponentially; knows item rows and times only, no person.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from apps.recommender.identifiers import Rows

Counts = npt.NDArray[np.float64]
DAY_S = 86_400.0
LONG_DAYS, SHORT_DAYS = 30.0, 2.0  # half-lives of "popular" and "trending"
ALL = slice(None)
REBASE_AT = 200.0  # half-lives from the reference time on; float64 holds five times as many


class Popularity:
    """Faded counts of wanted events and shown impressions; adding and reading are vectorised."""

    def __init__(self, items: int = 0) -> None:
        self._long, self._short = np.zeros(items), np.zeros(items)
        self._wanted, self._shown = np.zeros(items), np.zeros(items)
        self._since: float | None = None

    def __len__(self) -> int:
        return len(self._long)

    @property
    def wanted(self) -> Counts:
        """(items,) wanted events ever, not faded."""
        return self._wanted

    @property
    def shown(self) -> Counts:
        """(items,) impressions ever."""
        return self._shown

    def resize(self, items: int) -> None:
        """Room for more items, whose counts are 0."""
        if items > len(self):
            room = np.zeros(items - len(self))
            for name in ("_long", "_short", "_wanted", "_shown"):
                setattr(self, name, np.concatenate([getattr(self, name), room]))

    def clear(self) -> None:
        """Forget all wanted events; what was shown stays counted."""
        for counts in (self._long, self._short, self._wanted):
            counts[:] = 0.0
        self._since = None

    def shrink(self, items: int) -> None:
        """Forget all rows from ``items`` on."""
        for name in ("_long", "_short", "_wanted", "_shown"):
            setattr(self, name, getattr(self, name)[:items])

    def add(self, items: Rows, times: Counts) -> None:
        """Count wanted events, one time each, in any order."""
        if not len(items):
            return
        since = self._rebased(float(times.max()))
        age_days = (times - since) / DAY_S
        for counts, half_life in ((self._long, LONG_DAYS), (self._short, SHORT_DAYS)):
            np.add.at(counts, items, np.exp2(np.clip(age_days / half_life, -REBASE_AT, None)))
        np.add.at(self._wanted, items, 1.0)

    def add_shown(self, items: Rows) -> None:
        """Count impressions."""
        np.add.at(self._shown, items, 1.0)

    def popular(self, now: float, rows: Rows | slice = ALL) -> Counts:
        """(items,) wanted events, each counting half after 30 days; of some rows or all."""
        return self._faded(self._long[rows], now, LONG_DAYS)

    def trending(self, now: float, rows: Rows | slice = ALL) -> Counts:
        """(items,) wanted events, each counting half after 2 days; of some rows or all."""
        return self._faded(self._short[rows], now, SHORT_DAYS)

    def drop(self, item: int) -> None:
        """Forget an item's counts."""
        for counts in (self._long, self._short, self._wanted, self._shown):
            if item < len(counts):
                counts[item] = 0.0

    def _faded(self, counts: Counts, now: float, half_life: float) -> Counts:
        if self._since is None:
            return counts.copy()
        return counts * np.exp2(-(now - self._since) / DAY_S / half_life)

    def _rebased(self, newest: float) -> float:
        if self._since is None:
            self._since = newest
        ahead = (newest - self._since) / DAY_S
        if ahead / SHORT_DAYS > REBASE_AT:
            self._long *= np.exp2(-ahead / LONG_DAYS)
            self._short *= np.exp2(-ahead / SHORT_DAYS)
            self._since = newest
        return self._since
