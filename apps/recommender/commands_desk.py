"""The team's desk in a terminal: catalogue, people, experiments, figures, models. Opens in a moment, loads no model."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apps import terminal
from apps.recommender.commands_show import plain, show_experiment, show_quality
from apps.recommender.experiments import Variant
from apps.recommender.money import money
from apps.recommender.settings import load_settings
from apps.recommender.wishes import no_such
from core.errors import DataError

if TYPE_CHECKING:
    from apps.recommender.service_desk import Desk

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")]
NEAR = 10  # items shown where none has the words
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Search = Annotated[str, typer.Option(help="Words to look for.")]


def add(app: typer.Typer) -> None:
    """Put the desk's commands beside the others."""
    for command in (
        items,
        people,
        person,
        forget_person,
        forget_item,
        experiments,
        experiment,
        start_experiment,
        end_experiment,
        quality,
        models,
        promote,
        roll_back,
        simulate,
        status,
    ):
        app.command(rich_help_panel="The team's desk")(command)


@contextmanager
def _opened(ctx: typer.Context) -> Iterator["Desk"]:
    from apps.recommender.service_desk import open_desk

    desk = open_desk(terminal.settings_of(ctx, load_settings))
    try:
        yield desk
    finally:
        desk.close()


def items(
    ctx: typer.Context,
    search: Search = "",
    category: Annotated[str, typer.Option(help="Only this category.")] = "",
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    """List the catalogue, newest first."""
    with _opened(ctx) as desk:
        if category and (unknown := no_such("category", category, lambda _: desk.categories())):
            raise DataError(unknown)
        found, currency = desk.items(search, category, limit), desk.settings.recommender.currency
        near = desk.nearest_items(search, category, min(limit, NEAR)) if search and not found and not as_json else []
    if as_json:
        terminal.say_json(plain(found))
        return
    if near:
        terminal.warn(f"Nothing has the words '{search}'; nearest:")
    rows = [
        [one.id, one.title, one.category, one.brand, money(one.price, currency), _day(one.created_at)]
        for one in found or near
    ]
    terminal.table(("id", "title", "category", "brand", "price", "since"), rows, empty="no items")


def people(ctx: typer.Context, search: Search = "", limit: Limit = 20, as_json: Json = False) -> None:
    """List people by how much is known of them."""
    with _opened(ctx) as desk:
        found = desk.people(search, limit)
    if as_json:
        terminal.say_json(plain(found))
        return
    terminal.table(
        ("user", "events", "last"), [[one.id, one.events, _day(one.last_at)] for one in found], empty="nobody"
    )


def person(ctx: typer.Context, user: str, limit: Limit = 50, as_json: Json = False) -> None:
    """Show what a person did, newest first."""
    with _opened(ctx) as desk:
        found = desk.person(user, limit)
        titles = desk.items_of([one.item for one in found.events])
    if as_json:
        terminal.say_json(plain(found))
        return
    rows = [
        [f"{one.time:%Y-%m-%d %H:%M}", one.type, one.item, titles[one.item].title if one.item in titles else None]
        for one in found.events
    ]
    terminal.table(("when", "what", "item", "title"), rows)
    for name, variant in found.arms.items():
        terminal.say(f"experiment {name}: {variant}", style="dim")


def forget_person(ctx: typer.Context, user: str, yes: Yes = False) -> None:
    """Delete everything of a person, for good; asks first."""
    with _opened(ctx) as desk:
        terminal.agree(f"Every event and list of '{user}' will be deleted for good. Go on?", yes)
        desk.delete_person(user)
    terminal.say(f"{user} is forgotten")


def forget_item(ctx: typer.Context, item: str, yes: Yes = False) -> None:
    """Delete an item and its events, for good; asks first."""
    with _opened(ctx) as desk:
        known = desk.items_of([item]).get(item)
        named = f"{item} (“{known.title}”)" if known else f"'{item}'"
        terminal.agree(f"{named} and every event of it will be deleted for good. Go on?", yes)
        desk.delete_item(item)
    terminal.say(f"{item} is forgotten")


def experiments(ctx: typer.Context, as_json: Json = False) -> None:
    """List experiments, newest first."""
    with _opened(ctx) as desk:
        found = desk.experiments()
    if as_json:
        terminal.say_json(plain(found))
        return
    rows = [
        [one.name, " / ".join(f"{arm.name} {arm.share:.0%}" for arm in one.variants), _day(one.started_at),
         _day(one.ended_at) or "running", one.about]
        for one in found
    ]  # fmt: skip
    terminal.table(("name", "variants", "since", "until", "about"), rows, empty="no experiments")


def experiment(ctx: typer.Context, name: str, as_json: Json = False) -> None:
    """Show what an experiment's lists say so far."""
    with _opened(ctx) as desk:
        show_experiment(desk.read_experiment(name), as_json)


def start_experiment(
    ctx: typer.Context,
    name: str,
    variant: Annotated[
        list[str],
        typer.Option(
            "--variant", "-v", metavar="NAME:SHARE[:DIAL=VALUE,…]", help="Given twice or more; first is the base."
        ),
    ],
    about: Annotated[str, typer.Option(help="What it is to find out.")] = "",
) -> None:
    """Split people by a stable hash from now on, such as -v as-is:0.5 -v varied:0.5:diversity=0.7."""
    with _opened(ctx) as desk:
        desk.start_experiment(name, [parse_variant(one) for one in variant], about)
    terminal.say(f"{name} runs")


def end_experiment(ctx: typer.Context, name: str) -> None:
    """Split nobody any more; the figures stay."""
    with _opened(ctx) as desk:
        desk.end_experiment(name)
    terminal.say(f"{name} has ended")


def quality(
    ctx: typer.Context, days: Annotated[int, typer.Option(min=1, max=3650)] = 30, as_json: Json = False
) -> None:
    """Show click rate, order, coverage and exposure of the lists served, by day."""
    with _opened(ctx) as desk:
        show_quality(desk.quality(days), as_json)


def models(ctx: typer.Context, as_json: Json = False) -> None:
    """List fitted models, newest first; the live one is marked."""
    from apps.recommender.model_shelf import as_row

    with _opened(ctx) as desk:
        found = desk.models()
    if as_json:
        terminal.say_json([as_row(one) for one in found])
        return
    rows = [
        [one.name, "live" if one.live else "", one.made_at[:16], one.source,
         ", ".join(f"{name} {value:.3f}" for name, value in list(one.metrics.items())[:4])]
        for one in found
    ]  # fmt: skip
    terminal.table(("model", "live", "made", "from", "figures"), rows, empty="no models yet")


def promote(ctx: typer.Context, model: str) -> None:
    """Make a model the live one; running servers take it within a second, without a failed call."""
    with _opened(ctx) as desk:
        terminal.say(f"{desk.promote(model).name} is live")


def roll_back(ctx: typer.Context) -> None:
    """Go back to the model that was live before."""
    with _opened(ctx) as desk:
        terminal.say(f"{desk.roll_back().name} is live")


def simulate(
    folder: Annotated[Path, typer.Argument(help="A folder with items.jsonl and themes.csv, such as the sample's.")],
) -> None:
    """Make the sample's behaviour log and its truth anew, by the documented simulator."""
    from apps.recommender.simulated_files import regenerate

    regenerate(folder)
    terminal.say(f"Done: {folder}")


def status(ctx: typer.Context, as_json: Json = False) -> None:
    """Show how much is known and which model is live."""
    with _opened(ctx) as desk:
        live = next((one.name for one in desk.models() if one.live), None)
        found = {**desk.counts(), "model": live, "home": str(desk.settings.home)}
    if as_json:
        terminal.say_json(found)
    else:
        terminal.table(("", ""), list(found.items()))


def parse_variant(text: str) -> Variant:
    """``varied:0.5:diversity=0.7,freshness=0.2`` as a variant; ``DataError`` says what is missing."""
    name, _, rest = text.partition(":")
    share, _, dials = rest.partition(":")
    try:
        pairs = [one.split("=") for one in dials.split(",") if one]
        return Variant(name.strip(), float(share), {dial.strip(): float(value) for dial, value in pairs})
    except ValueError as error:
        raise DataError(f"A variant is name:share or name:share:dial=value, got '{text}'.") from error


def _day(when: object) -> str:
    return f"{when:%Y-%m-%d}" if when else ""
