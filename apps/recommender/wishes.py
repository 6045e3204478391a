"""How a list is asked for: the caller's wish over the settings, a person's variants over the wish; pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from apps.recommender.experiments import Variant
from apps.recommender.records import Filters, Wish
from apps.recommender.settings import Lists


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
