"""Options that several commands take: how a list is meant to be, with the settings' defaults in the help; and rules.

Knows the names of settings and rules, no service.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import typer

from apps.recommender.settings import Lists


def _setting(name: str, *flags: str, **limits: float) -> Any:
    """An option for a setting of lists: its help is the setting's description, its default the setting's."""
    field = Lists.model_fields[name]
    said = str(field.description)
    usual = "unseen" if field.default is True else f"{field.default:g}"
    return typer.Option(*flags, **limits, help=f"{said[0].upper()}{said[1:]}.", show_default=f"{usual} unless set")  # type: ignore[arg-type]


Count = Annotated[int | None, _setting("k", "-k", min=1, max=500)]
Diversity = Annotated[float | None, _setting("diversity", min=0, max=1)]
Freshness = Annotated[float | None, _setting("freshness", min=0, max=1)]
Calibration = Annotated[float | None, _setting("calibration", min=0, max=1)]
Exposure = Annotated[float | None, _setting("exposure", min=0, max=1)]
ExcludeSeen = Annotated[bool | None, _setting("exclude_seen", "--unseen/--seen-too")]
Category = Annotated[list[str] | None, typer.Option(help="Only this category; may be given again.")]
ItemLanguage = Annotated[Literal["en", "zh"] | None, typer.Option(help="Only items in this language.")]
PriceMin = Annotated[float | None, typer.Option(min=0, help="Nothing that costs less.")]
PriceMax = Annotated[float | None, typer.Option(min=0, help="Nothing that costs more.")]
BlockedCategory = Annotated[
    list[str] | None, typer.Option("--not-category", help="Nothing of this category; may be given again.")
]
BlockedBrand = Annotated[
    list[str] | None, typer.Option("--not-brand", help="Nothing of this brand; may be given again.")
]
MostPerCategory = Annotated[
    int | None, typer.Option("--per-category", min=0, help="At most so many of one category.", show_default="no cap")
]
MostPerBrand = Annotated[
    int | None, typer.Option("--per-brand", min=0, help="At most so many of one brand.", show_default="no cap")
]


def rules(**given: object) -> Mapping[str, Any]:
    """Keyword arguments of ``Filters`` out of options; what was not given is left to the settings."""
    named = {name: value for name, value in given.items() if value is not None and value != []}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in named.items()}
