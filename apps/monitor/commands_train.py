"""Training in a terminal: fine-tune a reader, list the runs, measure ours beside the baselines."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from apps import terminal
from apps.monitor.settings import load_settings
from core.errors import DataError

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]


def add(app: typer.Typer) -> None:
    """Put these commands beside the others."""
    app.command()(train)
    app.command("runs")(training_runs)
    app.command()(evaluate)


def train(
    ctx: typer.Context,
    what: Annotated[Literal["english", "chinese"], typer.Option(help="Which reader.")] = "english",
    files: Annotated[list[Path] | None, typer.Option(help="Labelled csv or jsonl of your own; again for more.")] = None,
    sets: Annotated[list[str] | None, typer.Option(help="A public set at hand, such as tfns; may be repeated.")] = None,
    sample: Annotated[bool, typer.Option(help="Learn from the sample stream too.")] = True,
    max_steps: Annotated[int | None, typer.Option(min=1, help="Stop after so many steps.")] = None,
    promote: Annotated[bool, typer.Option(help="Make the adapter live when it is better.")] = True,
    resume: Annotated[str | None, typer.Option(help="Go on with this interrupted run.")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", "-o", metavar="KEY=VALUE", help="A training option, such as epochs=2."),
    ] = None,
) -> None:
    """Fine-tune a reader with LoRA on the sample, your sets and people's corrections; Ctrl-C stops it."""
    settings = terminal.settings_of(ctx, load_settings)
    options = terminal.training_options(option or ())
    options |= {"max_steps": max_steps} if max_steps else {}
    options |= {"promote": promote} if not promote else {}
    options |= {"sample": sample} if not sample else {}
    options |= {"resume": resume} if resume else {}
    options |= {"files": ";".join(str(existing(path)) for path in files)} if files else {}
    options |= {"sets": ";".join(sets)} if sets else {}
    from apps.monitor.training import finetune

    with terminal.progress() as on_event:
        run = finetune(settings, what, on_event, **options)
    terminal.say(f"Done: {run.path}", style="bold")
    figures = {name: value for name, value in run.report.items() if isinstance(value, int | float)}
    terminal.table(("figure", "value"), [(name, f"{value:.4g}") for name, value in figures.items()])


def training_runs(ctx: typer.Context, as_json: Json = False) -> None:
    """List training runs side by side: what differs in their settings, and what they measured."""
    from core import runs

    table = runs.compare(runs.list_runs(terminal.settings_of(ctx, load_settings).home, "monitor"))
    if as_json:
        terminal.say_json(list(table.rows))
        return
    rows = [[row.get(column) for column in table.columns] for row in table.rows]
    terminal.table(table.columns, rows, empty="no runs")


def evaluate(
    ctx: typer.Context,
    dataset: Annotated[str, typer.Option(help="sample, or a public set such as tfns.")] = "sample",
    folder: Annotated[Path | None, typer.Option(help="Where the set's files lie; the sample needs none.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many rows.")] = None,
    json_path: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
) -> None:
    """Measure ours beside TF-IDF with a linear SVM and VADER on rows nobody trained on.

    tfns, sentfin, finfe and conll2003 train on their own training part first (minutes on a GPU, hours without one);
    tfns and finfe show the base model too.
    """
    settings = terminal.settings_of(ctx, load_settings)
    from apps.monitor.evaluation import evaluate as measure

    with terminal.progress() as on_event:
        report = measure(settings, dataset, folder=folder, on_event=on_event, limit=limit)
    terminal.say(report.to_table())
    if json_path is not None:
        report.write_json(json_path)


def existing(path: Path) -> Path:
    """The path; ``DataError`` when nothing is there."""
    if not path.exists():
        raise DataError(f"There is no file or folder '{path}'.")
    return path
