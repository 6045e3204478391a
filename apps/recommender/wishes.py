"""How a list is asked for: the caller's wish over the settings, a person's variants over the wish; pure.

A name in a rule that no item has is told, never refused: a shop may ask for a category that is empty today.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from apps.recommender.experiments import Variant
from apps.recommender.records import Filters, Wish
from apps.recommender.settings import Lists
from core.reasons import Reason, Words, known, reason

NO_SUCH: Mapping[str, Words] = {
    "category": ("No item has the category '{name}'; {known}.", "没有商品属于品类“{name}”；{known}。"),
    "brand": ("No item is of the brand '{name}'; {known}.", "没有商品属于品牌“{name}”；{known}。"),
    "language": ("No item is in the language '{name}'; {known}.", "没有商品使用语言“{name}”；{known}。"),
}


def wished(lists: Lists, language: str, filters: Mapping[str, Any], given: Mapping[str, Any]) -> Wish:
    """A wish with the settings' values where nothing (None) is given."""
    rules = Filters(**({"exclude_seen": lists.exclude_seen} | dict(filters)))
    asked = {name: value for name, value in given.items() if value is not None}
    values = lists.model_dump(exclude={"exclude_seen"}) | asked
    deadline_s = values.pop("rerank_ms") / 1000
    return Wish(**values, deadline_s=deadline_s, filters=rules, language=language)


def dialled(wish: Wish, arms: Mapping[str, Variant]) -> Wish:
    """The wish with the dials of the person's variants laid over it."""
    dials = {dial: value for variant in arms.values() for dial, value in variant.dials.items()}
    return replace(
        wish,
        diversity=dials.get("diversity", wish.diversity),
        freshness=dials.get("freshness", wish.freshness),
        calibration=dials.get("calibration", wish.calibration),
        exposure=dials.get("exposure", wish.exposure),
    )


def unknown_names(filters: Filters, names: Callable[[str], Collection[str]]) -> list[Reason]:
    """A sentence for each category, brand and language in the rules that no item has; ``names`` are those there are."""
    found = [no_such("category", one, names) for one in (*filters.categories, *filters.blocked_categories)]
    found += [no_such("brand", one, names) for one in filters.blocked_brands]
    if "" not in names("language"):  # what is in no language told passes every rule of languages
        found += [no_such("language", one, names) for one in filters.languages]
    return [one for one in found if one is not None]


def no_such(field: str, name: str, names: Callable[[str], Collection[str]]) -> Reason | None:
    """The sentence for a category, brand or language that no item has, with the nearest that one has."""
    there = names(field)
    if name in there:
        return None
    return reason(NO_SUCH[field], name=name, known=known(name, [one for one in there if one]))
