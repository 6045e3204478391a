"""The recommender's settings, each with its reason; ``load_settings`` reads file, environment and overrides."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from apps import APPS
from apps.recommender.records import MEANINGS, EventMeaning
from core.settings import CoreSettings, Section, load


class Meaning(Section):
    """What one kind of event says about a person's interest in an item."""

    weight: float = Field(default=1.0, ge=0, le=100, description="how much one such event counts; a click is 1")
    sign: Literal[-1, 1] = Field(default=1, description="1 speaks for the item, -1 against it")
    half_life_days: float = Field(default=30.0, gt=0, le=36500, description="after so many days it counts half as much")
    positive: bool = Field(default=True, description="whether it is what training predicts and experiments count")
    opens: bool = Field(default=False, description="whether it begins an interest that is unfinished until bought")
    finishes: bool = Field(default=False, description="whether it ends such an interest")
    neutral_value: float | None = Field(
        default=None, description="the value that says nothing either way, for kinds with a value such as stars"
    )
    best_value: float = Field(default=5.0, description="the highest value there is")


def _start(kind: str) -> Meaning:
    """The starting value that the records give, as a setting."""
    values = asdict(next(one for one in MEANINGS if one.type == kind))
    return Meaning(**{name: value for name, value in values.items() if name != "type"})


class Events(Section):
    """The kinds of events and what each means; a team's own kinds go under ``other``."""

    impression: Meaning = _start("impression")
    view: Meaning = _start("view")
    click: Meaning = _start("click")
    like: Meaning = _start("like")
    dislike: Meaning = _start("dislike")
    comment: Meaning = _start("comment")
    share: Meaning = _start("share")
    cart: Meaning = _start("cart")
    purchase: Meaning = _start("purchase")
    rating: Meaning = _start("rating")
    other: dict[str, Meaning] = Field(default={}, description="further kinds by name, each a table like the above")

    @model_validator(mode="before")
    @classmethod
    def _over_the_start(cls, data: Any) -> Any:
        """A kind given in part keeps its own starting values in the rest."""
        if not isinstance(data, dict):
            return data
        known = {one.type for one in MEANINGS}
        return {
            name: _start(name).model_dump() | value if name in known and isinstance(value, dict) else value
            for name, value in data.items()
        }

    def meanings(self) -> tuple[EventMeaning, ...]:
        """Every known kind, as the engine reads it."""
        known = {name: getattr(self, name) for name in type(self).model_fields if name != "other"}
        return tuple(EventMeaning(name, **one.model_dump()) for name, one in (known | self.other).items())


class Lists(Section):
    """What a list is like when the caller does not say."""

    k: int = Field(default=20, ge=1, le=500, description="items in a list")
    exclude_seen: bool = Field(default=True, description="leave out what the person has met already")
    diversity: float = Field(
        default=0.25, ge=0, le=1, description="0 is the pure order of interest; more trades a little of it for variety"
    )
    freshness: float = Field(default=0.1, ge=0, le=1, description="least share of places for new items that come close")
    fresh_by_words: bool = Field(
        default=False,
        description="whether of new items those come first that share most words with a single thing met, not those "
        "with the highest score; evaluate says which finds more of your new items",
    )
    calibration: float = Field(
        default=0.0, ge=0, le=1, description="how far the list is pulled towards the person's own mix of categories"
    )
    exposure: float = Field(default=0.0, ge=0, le=1, description="how far what everybody is shown is held back")
    rerank_ms: float = Field(
        default=0.0, ge=0, le=60000, description="longest reading by the reranker, if there is one; 0 leaves it out"
    )


class Serving(Section):
    """How calls are answered."""

    deadline_ms: float = Field(
        default=500.0, gt=0, le=60000, description="a model slower than this gives way to behaviour, then popularity"
    )
    keep_lists: bool = Field(
        default=True, description="store every list served, so that later clicks can be joined to it"
    )
    keep_lists_days: int = Field(default=90, ge=1, le=3650, description="lists older than this are forgotten")
    catch_up_s: float = Field(
        default=0.3, gt=0, le=60, description="how often events written by other processes are looked for"
    )
    most_candidates: int = Field(default=2000, ge=1, le=100000, description="most candidates of one scoring call")
    most_batch: int = Field(default=5000, ge=1, le=100000, description="most events or items of one call")


class Experimenting(Section):
    """How experiments are read."""

    join_hours: float = Field(
        default=24.0, gt=0, le=720, description="an event this long after a list still counts for it"
    )
    least_people: int = Field(
        default=30, ge=2, le=1000000, description="people per variant below which no difference is called one"
    )


class RecommenderSection(Section):
    """Everything under ``[recommender]``."""

    shop_name: str = Field(default="Tidewick", min_length=1, description="whose catalogue it is, for the pages")
    load_sample: bool = Field(default=True, description="fill an empty database with the sample shop")
    currency: str = Field(
        default="", max_length=8, description="of the prices, as a sign (€) or a code (EUR); empty: none is shown"
    )
    reranker: str | None = Field(
        default=None,
        description="a cross-encoder by folder or hub id that reads the first few once more; none is bundled",
    )
    numeric_columns: tuple[str, ...] = Field(
        default=(), description="your own columns of items that ranking may use; empty: all that mostly hold numbers"
    )
    events: Events = Events()
    lists: Lists = Lists()
    serving: Serving = Serving()
    experiments: Experimenting = Experimenting()


class RecommenderSettings(CoreSettings):
    """The stem's settings and the recommender's section."""

    recommender: RecommenderSection = RecommenderSection()


def load_settings(file: Path | None = None, overrides: Mapping[str, object] | None = None) -> RecommenderSettings:
    """Defaults < ``trifolium.toml`` < environment < ``overrides``; ``SettingsError`` names a wrong or unknown key."""
    siblings = [name for name in APPS if name != "recommender"]
    return load(RecommenderSettings, file=file, overrides=overrides, siblings=siblings)
