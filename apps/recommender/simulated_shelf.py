"""The catalogue as the simulator sees it: arrays over items, with what their texts are about.

The themes are the authors' own labels, which no model may read. Knows no people and no files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from apps.recommender.records import Item
from core.errors import DataError

Array = NDArray[np.float64]
Numbers = NDArray[np.intp]
Flags = NDArray[np.bool_]

LANGUAGES = ("en", "zh")
APPEAL_PER_STAR = 0.8  # an item with one star more is liked so much more by everybody
APPEAL_NOISE = 0.5  # what the stars do not tell
USUAL_RATING = 4.3  # of the catalogue; items without a rating are taken to have it


@dataclass(frozen=True, slots=True)
class Shelf:
    """Item ``n`` is row ``n`` of every array; times are seconds since the first day of the log."""

    ids: tuple[str, ...]
    theme_names: tuple[str, ...]
    category_names: tuple[str, ...]
    themes: Array  # (items, themes), rows sum to 1
    category: Numbers  # (items,)
    brand: Numbers  # (items,)
    readable: Flags  # (languages, items)
    dearness: Array  # (items,) standard deviations of log price above the mean of its category
    appeal: Array  # (items,) liked by everybody, around 0
    opened: Array  # (items,)
    sold_out: Array  # (items,) infinity while there is stock

    def on_sale(self, time: float) -> Flags:
        """Which items can be shown and bought at a time. (items,)"""
        return (self.opened <= time) & (time < self.sold_out)


def stock_shelf(
    rng: np.random.Generator,
    items: Sequence[Item],
    themes: Mapping[str, Mapping[str, float]],
    start: datetime,
    days: int,
) -> Shelf:
    """Arrays of the catalogue; an item that is not available now sold out on some day of the log's second half.

    Raises ``DataError`` for an item without themes, price or ``created_at``.
    """
    for item in items:
        if not themes.get(item.id) or item.price is None or item.created_at is None:
            raise DataError(f"Item '{item.id}' needs themes, a price and created_at to be simulated.")
    theme_names = tuple(sorted({name for shares in themes.values() for name in shares}))
    category_names = tuple(sorted({item.category for item in items}))
    brands = sorted({item.brand for item in items})
    category = np.array([category_names.index(item.category) for item in items])
    ratings = np.array([float(item.attributes.get("rating") or USUAL_RATING) for item in items])
    closing = rng.uniform(days / 2, days, len(items)) * 86_400
    return Shelf(
        ids=tuple(item.id for item in items),
        theme_names=theme_names,
        category_names=category_names,
        themes=np.array([[themes[item.id].get(name, 0.0) for name in theme_names] for item in items]),
        category=category,
        brand=np.array([brands.index(item.brand) for item in items]),
        readable=np.array([[item.language in (language, "") for item in items] for language in LANGUAGES]),
        dearness=_within(np.log([item.price or 1.0 for item in items]), category),
        appeal=APPEAL_PER_STAR * (ratings - USUAL_RATING) + rng.normal(0, APPEAL_NOISE, len(items)),
        opened=np.array([(item.created_at - start).total_seconds() if item.created_at else 0.0 for item in items]),
        sold_out=np.where([item.available for item in items], np.inf, closing),
    )


def _within(values: Array, group: Numbers) -> Array:
    """Each value in standard deviations from the mean of its group; 0 where all of a group are alike. (items,)"""
    standard = np.zeros_like(values)
    for number in np.unique(group):
        own = values[group == number]
        standard[group == number] = (own - own.mean()) / (own.std() or 1.0)
    return standard
