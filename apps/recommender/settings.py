"""The recommender's settings, each with its reason; ``load_settings`` reads file, environment and overrides."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from apps import APPS
from core.settings import CoreSettings, Section, load


class EventMeaning(Section):
    """What one kind of event says about a person's interest in an item."""

    weight: float = Field(default=1.0, ge=0, le=100, description="how much one such event counts; a click is 1")
    sign: Literal[-1, 0, 1] = Field(default=1, description="1 speaks for the item, -1 against it, 0 neither")
    half_life_days: float = Field(default=30.0, gt=0, le=36500, description="after so many days it counts half as much")
    positive: bool = Field(default=True, description="whether it is what training predicts and experiments count")


def _meaning(weight: float, sign: Literal[-1, 0, 1], half_life_days: float, positive: bool) -> EventMeaning:
    return EventMeaning(weight=weight, sign=sign, half_life_days=half_life_days, positive=positive)


class Events(Section):
    """The kinds of events and what each means; a team's own kinds go under ``other``."""

    impression: EventMeaning = _meaning(0.0, 0, 14, False)
    view: EventMeaning = _meaning(0.5, 1, 14, False)
    click: EventMeaning = _meaning(1.0, 1, 30, True)
    like: EventMeaning = _meaning(2.0, 1, 90, True)
    dislike: EventMeaning = _meaning(2.0, -1, 180, False)
    comment: EventMeaning = _meaning(1.5, 1, 60, True)
    share: EventMeaning = _meaning(2.5, 1, 60, True)
    cart: EventMeaning = _meaning(2.5, 1, 30, True)
    purchase: EventMeaning = _meaning(4.0, 1, 180, True)
    rating: EventMeaning = _meaning(2.0, 1, 365, True)
    other: dict[str, EventMeaning] = Field(
        default={}, description="further kinds by name, each a table of weight, sign, half_life_days, positive"
    )

    def meanings(self) -> dict[str, EventMeaning]:
        """Every known kind by name."""
        known = {name: getattr(self, name) for name in type(self).model_fields if name != "other"}
        return known | self.other


class Lists(Section):
    """What a list is like when the caller does not say."""

    k: int = Field(default=20, ge=1, le=500, description="items in a list")
    exclude_seen: bool = Field(default=True, description="leave out what the person has already bought or clicked")
    diversity: float = Field(
        default=0.2, ge=0, le=1, description="0 is the pure order of interest; more trades a little of it for variety"
    )
    freshness: float = Field(default=0.1, ge=0, le=1, description="how much newer items are lifted")
    fresh_share: float = Field(
        default=0.1, ge=0, le=0.5, description="share of a list kept for items hardly shown yet, or they stay unknown"
    )
    fresh_days: float = Field(default=14.0, gt=0, le=3650, description="how long an item counts as new")
    most_per_category: float = Field(
        default=0.5, gt=0, le=1, description="largest share of one category in a list; 1 sets no limit"
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

    shop_name: str = Field(default="Lantern Lane", min_length=1, description="whose catalogue it is, for the pages")
    load_sample: bool = Field(default=True, description="fill an empty database with the sample shop")
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
