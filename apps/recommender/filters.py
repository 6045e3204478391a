"""Which items may be shown, rule by rule, so that an answer can say what each rule took away.

Decides nothing about order. Caps per category or brand are the list's (``diversity``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from apps.recommender.catalogue import Catalogue
from apps.recommender.identifiers import Numbers, Rows
from apps.recommender.person import Person
from apps.recommender.records import Filters

Mask = npt.NDArray[np.bool_]


class Screen:
    """The rules of one request over a catalogue: ``allowed`` and, per rule, what it forbids."""

    def __init__(self, catalogue: Catalogue, person: Person, filters: Filters) -> None:
        self.forbidden: dict[str, Mask] = {}
        for name, rule in _rules(catalogue, person, filters).items():
            mask = rule()
            if mask.any():
                self.forbidden[name] = mask
        self.allowed: Mask = catalogue.alive.copy()
        for mask in self.forbidden.values():
            self.allowed &= ~mask

    def why_not(self, row: int) -> tuple[str, ...]:
        """Names of the rules that forbid a row."""
        return tuple(name for name, mask in self.forbidden.items() if mask[row])

    def removed(self, rows: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[np.int64]]:
        """Of these rows those that each rule forbids; a row may be under several rules."""
        found = {name: rows[mask[rows]] for name, mask in self.forbidden.items()}
        return {name: part for name, part in found.items() if len(part)}


def _rules(catalogue: Catalogue, person: Person, filters: Filters) -> dict[str, Callable[[], Mask]]:
    """The rules that are on, by the name of their field."""
    codes = catalogue.categories, catalogue.brands, catalogue.languages
    every: dict[str, tuple[object, Callable[[], Mask]]] = {
        "refused": (len(person.disliked), lambda: _rows(catalogue, person.disliked)),  # whatever is asked for
        "exclude_seen": (filters.exclude_seen, lambda: _seen(catalogue, person, filters)),
        "available_only": (filters.available_only, lambda: ~catalogue.available),
        "categories": (filters.categories, lambda: ~_among(catalogue.category, codes[0], filters.categories)),
        "languages": (filters.languages, lambda: ~_among(catalogue.language, codes[2], (*filters.languages, ""))),
        "price_min": (filters.price_min is not None, lambda: ~(catalogue.price >= (filters.price_min or 0.0))),
        "price_max": (filters.price_max is not None, lambda: ~(catalogue.price <= (filters.price_max or 0.0))),
        "blocked_items": (filters.blocked_items, lambda: _items(catalogue, filters.blocked_items)),
        "blocked_categories": (
            filters.blocked_categories,
            lambda: _among(catalogue.category, codes[0], filters.blocked_categories),
        ),
        "blocked_brands": (filters.blocked_brands, lambda: _among(catalogue.brand, codes[1], filters.blocked_brands)),
    }
    return {name: rule for name, (on, rule) in every.items() if on}


def _seen(catalogue: Catalogue, person: Person, filters: Filters) -> Mask:
    mask = _rows(catalogue, person.seen)
    if filters.keep_unfinished:
        mask[person.unfinished] = False
    return mask


def _items(catalogue: Catalogue, ids: Sequence[str]) -> Mask:
    rows = catalogue.numbers.rows(ids)
    return _rows(catalogue, rows[rows >= 0])


def _rows(catalogue: Catalogue, rows: Rows) -> Mask:
    mask = np.zeros(len(catalogue), np.bool_)
    mask[rows] = True
    return mask


def _among(column: npt.NDArray[np.int32], codes: Numbers, names: Sequence[str]) -> Mask:
    """(rows,) whether a column's code is one of the names'; unknown names match nothing."""
    return np.isin(column, codes.rows(names))
