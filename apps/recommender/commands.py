"""Door 1, `trifolium recommender …`: take data in, train, measure, recommend, score, explain, and the team's desk.

Light to import: the service is imported when a command runs. Errors are raised; ``apps.__main__`` shows the sentence.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from apps import terminal
from apps.recommender import commands_desk
from apps.recommender import commands_options as options
from apps.recommender.commands_show import (
    show_alike,
    show_explanation,
    show_ingest,
    show_list,
    show_next_steps,
    show_scores,
    warn_of_unknown,
)
from apps.recommender.settings import load_settings
from core.errors import DataError
from core.reasons import joined

if TYPE_CHECKING:
    from apps.recommender.service import RecommenderService

app = typer.Typer(help="The text-aware recommender.", no_args_is_help=True, add_completion=False)
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
Language = Annotated[Literal["en", "zh"], typer.Option(help="Language of the reasons.")]
Alike = Annotated[int, typer.Option("-k", min=1, max=500, help="How many items.")]


@contextmanager
def opened(ctx: typer.Context) -> Iterator["RecommenderService"]:
    """The service by this command line's settings, with its model, closed at the end."""
    from apps.recommender.service import open_service

    settings = terminal.settings_of(ctx, load_settings)
    with terminal.progress() as on_event:
        service = open_service(settings, on_event, waiting=True)
    try:
        yield service
    finally:
        service.close()


@app.command()
def ingest(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Files or folders: csv, jsonl, parquet, MovieLens layouts.")],
    kind: Annotated[Literal["auto", "items", "events"], typer.Option(help="What they hold.")] = "auto",
    column: Annotated[
        list[str] | None,
        typer.Option("--column", "-c", metavar="OURS=THEIRS", help="A column by another name, such as item=sku."),
    ] = None,
    dates: Annotated[
        Literal["day-first", "month-first"] | None,
        typer.Option(help="How dates like 03/04/2026 are read, where no other date of the file tells."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Take in items and events; rows not taken are listed by line with the reason. What is reported is on disk.

    A file that cannot be read stops no other one; the exit code is 1 then, and where no row at all was taken.
    """
    from apps.recommender.service_desk import open_desk
    from core.dates import DateOrder

    mapping = {key: str(value) for key, value in terminal.parse_overrides(column or (), "--column").items()}
    desk = open_desk(terminal.settings_of(ctx, load_settings))
    try:
        with terminal.progress(quiet=as_json) as on_event:
            report = desk.ingest(paths, kind, mapping or None, on_event, DateOrder(dates or ""))
        beside, fitted = len(desk.sample_items()), bool(desk.models())
    finally:
        desk.close()
    show_ingest(report, as_json)
    if not as_json and not report.in_vain:
        show_next_steps(beside, fitted)
    if report.in_vain:
        raise typer.Exit(terminal.FAILURE)


@app.command("forget-sample")
def forget_sample(
    ctx: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take the sample shop out: items, events, lists, and the models fitted on it; asks first. Your own data stays."""
    with opened(ctx) as service:
        count = len(service.sample_items())
        if not count:
            terminal.say("the sample shop is not in the catalogue")
            return
        terminal.agree(f"{count} items of the sample shop and all that was done with them will be deleted. Go on?", yes)
        with terminal.progress() as on_event:
            service.forget_sample(on_event)
        terminal.say(f"{count} items of the sample shop are out; model: {service.status()['model']}")


@app.command()
def recommend(
    ctx: typer.Context,
    user: Annotated[str, typer.Argument(help="A person's id; one nobody knows gets a list too.")] = "",
    k: options.Count = None,
    diversity: options.Diversity = None,
    freshness: options.Freshness = None,
    calibration: options.Calibration = None,
    exposure: options.Exposure = None,
    exclude_seen: options.ExcludeSeen = None,
    category: options.Category = None,
    item_language: options.ItemLanguage = None,
    price_min: options.PriceMin = None,
    price_max: options.PriceMax = None,
    blocked_category: options.BlockedCategory = None,
    blocked_brand: options.BlockedBrand = None,
    most_per_category: options.MostPerCategory = None,
    most_per_brand: options.MostPerBrand = None,
    keep: Annotated[bool, typer.Option(help="Store the list, as a served one.")] = False,
    language: Language = "en",
    as_json: Json = False,
) -> None:
    """Make a list for a person, with probability, parts and reason of each item."""
    languages = [item_language] if item_language else None
    filters = options.rules(
        exclude_seen=exclude_seen, categories=category, languages=languages, price_min=price_min, price_max=price_max,
        blocked_categories=blocked_category, blocked_brands=blocked_brand, most_per_category=most_per_category,
        most_per_brand=most_per_brand,
    )  # fmt: skip
    dials = {"diversity": diversity, "freshness": freshness, "calibration": calibration, "exposure": exposure}
    with opened(ctx) as service:
        wish = service.wish(language, filters, k=k, **dials)
        if unknown := service.unknown_names(wish.filters):
            raise DataError(joined(unknown))
        answer = service.recommend(user, (), wish, keep)
        show_list(answer, service.items_of([one.item for one in answer.list.items]), as_json)


@app.command()
def score(
    ctx: typer.Context,
    user: Annotated[str, typer.Argument(help="A person's id.")],
    candidates: Annotated[list[str], typer.Argument(help="Item ids.")],
    language: Language = "en",
    as_json: Json = False,
) -> None:
    """Score given items for a person, in the order given."""
    with opened(ctx) as service:
        answer = service.score(candidates, user, (), language)
        warn_of_unknown(user, answer)
        show_scores(answer.items, service.items_of(candidates), as_json)


@app.command()
def similar(ctx: typer.Context, item: str, k: Alike = 10, language: Language = "en", as_json: Json = False) -> None:
    """Find items like one, by what they say and by who met both."""
    with opened(ctx) as service:
        found = service.similar(item, k, language)
        show_alike(found, service.items_of([one.item for one in found]), as_json)


@app.command()
def explain(
    ctx: typer.Context, user: str, item: str, k: options.Count = None, language: Language = "en", as_json: Json = False
) -> None:
    """Tell why an item is where it is for a person, or at which stage it was lost."""
    with opened(ctx) as service:
        show_explanation(service.explain(item, user, (), service.wish(language, k=k)), as_json)


@app.command("score-batch")
def score_batch(
    ctx: typer.Context,
    people: Annotated[
        Path,
        typer.Argument(
            help="A .txt with one id a line, or a csv, jsonl or parquet with a column user and perhaps item."
        ),
    ],
    out: Annotated[Path, typer.Argument(help="The parquet file to write.")],
    k: options.Count = None,
    language: Language = "en",
) -> None:
    """Write lists for a file of people, or scores for a file of pairs, as parquet."""
    from apps.recommender.batch_files import check_target, read_people
    from apps.recommender.batch_files import score_batch as write

    check_target(out)
    read_people(people)  # a wrong file is told before the models are loaded
    with opened(ctx) as service, terminal.progress() as on_event:
        rows = write(service, people, out, service.wish(language, k=k), on_event)
    terminal.say(f"{rows} rows in {out}", style="bold")


@app.command()
def train(
    ctx: typer.Context,
    promote: Annotated[bool, typer.Option(help="Let the model answer when it is better.")] = True,
    text: Annotated[bool, typer.Option(help="Tune the text model too; without it all is done in a minute.")] = True,
    resume: Annotated[str | None, typer.Option(help="Go on with this interrupted run.")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", "-o", metavar="KEY=VALUE", help="A training option, such as epochs=2."),
    ] = None,
) -> None:
    """Tune the text model on the team's own events with LoRA and fit everything anew; Ctrl-C stops, runs resume."""
    settings = terminal.settings_of(ctx, load_settings)
    chosen = terminal.training_options(option or ())
    from apps.recommender.training import finetune

    with terminal.progress() as on_event:
        run = finetune(settings, on_event, promote=promote, resume=resume, text=text, **chosen)
    terminal.say(f"Done: {run.path}", style="bold")
    figures = {name: value for name, value in run.report.items() if isinstance(value, int | float)}
    terminal.table(("figure", "value"), [(name, f"{value:.4g}") for name, value in figures.items()])


@app.command()
def evaluate(
    ctx: typer.Context,
    dataset: Annotated[
        str, typer.Option(help="sample, log (this shop's own events) or a public set such as ml_100k.")
    ] = "sample",
    folder: Annotated[Path | None, typer.Option(help="Where the set lies.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many people.")] = None,
    json_path: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
) -> None:
    """Measure ours beside the baselines on what people did later."""
    settings = terminal.settings_of(ctx, load_settings)
    from apps.recommender.evaluation import evaluate as measure

    with terminal.progress() as on_event:
        report = measure(settings, dataset, folder=folder, on_event=on_event, limit=limit)
    terminal.say(report.to_table())
    if json_path is not None:
        report.write_json(json_path)


@app.command("runs")
def training_runs(ctx: typer.Context, as_json: Json = False) -> None:
    """List training runs side by side: what differs in their settings, and what they measured."""
    from core import runs

    table = runs.compare(runs.list_runs(terminal.settings_of(ctx, load_settings).home, "recommender"))
    if as_json:
        terminal.say_json(list(table.rows))
        return
    terminal.table(
        table.columns, [[row.get(column) for column in table.columns] for row in table.rows], empty="no runs"
    )


commands_desk.add(app)
