"""Door 1, `trifolium chatbot …`: ask and chat, fill the knowledge, train, evaluate, export, and the team's desk.

Light to import: the service is imported when a command runs. Errors are raised; ``apps.__main__`` shows the sentence.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from apps import terminal
from apps.chatbot import commands_desk, commands_sources
from apps.chatbot.commands_show import show_hits, show_ingest, show_thresholds, show_turn
from apps.chatbot.settings import load_settings
from core.errors import DataError

if TYPE_CHECKING:
    from apps.chatbot.service import ChatbotService

app = typer.Typer(help="The customer-service chatbot.", no_args_is_help=True, add_completion=False)
Language = Annotated[Literal["en", "zh"] | None, typer.Option(help="en or zh; told from the text if left out.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
HELP = "/new starts anew, /person asks for a person, /quit leaves; Ctrl-C stops an answer."


@contextmanager
def opened(ctx: typer.Context, answering: bool = True) -> Iterator["ChatbotService"]:
    """The service by this command line's settings, closed at the end; without ``answering`` no generator is loaded."""
    from apps.chatbot.service import open_service

    settings = terminal.settings_of(ctx, load_settings)
    with terminal.progress() as on_event:
        service = open_service(settings, on_event, answering)
    try:
        yield service
    finally:
        service.close()


@app.command()
def ask(
    ctx: typer.Context,
    question: str,
    language: Language = None,
    conversation: Annotated[str | None, typer.Option(help="Go on with this conversation.")] = None,
    as_json: Json = False,
) -> None:
    """Ask one question; the answer streams, its sources and the decision stand below."""
    if not question.strip():
        raise DataError("The question is empty: write it in quotes after 'ask'.")
    with opened(ctx) as service:
        known = conversation or service.start_conversation(language or _language(question)).id
        _tell_if_empty(service)
        _wait_for_generator(service)
        with terminal.stopping() as cancel:
            show_turn(service.answer(known, question, cancel=cancel), known, as_json)
    if cancel.is_set():
        raise typer.Exit(terminal.INTERRUPTED)


@app.command()
def chat(ctx: typer.Context, language: Language = None) -> None:
    """Talk with the chatbot; it keeps the history. Ctrl-C stops an answer, Ctrl-D or /quit leaves."""
    with opened(ctx) as service:
        _tell_if_empty(service)
        _wait_for_generator(service)
        terminal.say(HELP, style="dim")
        current: str | None = None
        while (text := _line()) is not None:
            if not text:
                continue
            if text == "/new":
                current = None
                continue
            current = current or service.start_conversation(language or _language(text)).id
            if text == "/person":
                terminal.say(service.request_person(current).text)
                continue
            with terminal.stopping() as cancel:
                show_turn(service.answer(current, text, cancel=cancel), current)


@app.command()
def ingest(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Files or folders: csv, xlsx, jsonl, md, txt, html, pdf, docx.")],
    kind: Annotated[Literal["auto", "faq", "documents", "dialogues"], typer.Option(help="What they are.")] = "auto",
    language: Language = None,
    as_json: Json = False,
) -> None:
    """Take in FAQ files, documents and past dialogues; rows not taken are listed by line with the reason.

    A file that cannot be read stops no other one; the exit code is 1 then, and where no row at all was taken.
    """
    if not any(path.exists() for path in paths):
        _existing(paths[0])  # told before the models are loaded
    with opened(ctx, answering=False) as service, terminal.progress(quiet=as_json) as on_event:
        report = service.ingest(paths, kind=kind, language=language, on_event=on_event)
    show_ingest(report, as_json)
    if report.in_vain:
        raise typer.Exit(terminal.FAILURE)


@app.command()
def hit(
    ctx: typer.Context,
    question: str,
    k: Annotated[int, typer.Option("-k", min=1, max=100, help="How many of each kind.")] = 10,
    language: Language = None,
    as_json: Json = False,
) -> None:
    """See what search finds for a question: its place by words and by meaning, both together, what would be decided.

    Nothing is written: where the bot would compose, the generator may still decline, and the bot asks back.
    """
    with opened(ctx) as service:
        show_hits(service.hit_test(question, k=k, language=language), k, as_json)


@app.command()
def train(
    ctx: typer.Context,
    what: Annotated[Literal["generator", "judge", "intents"], typer.Option(help="Which model.")] = "generator",
    reading: Annotated[list[Path] | None, typer.Option(help="A reading-comprehension file in SQuAD's layout.")] = None,
    wordings: Annotated[
        list[Path] | None, typer.Option(help="For the judge: questions that ask the same, jsonl or csv.")
    ] = None,
    max_steps: Annotated[int | None, typer.Option(min=1, help="Stop after so many steps.")] = None,
    promote: Annotated[bool, typer.Option(help="Make the adapter live when it is better.")] = True,
    resume: Annotated[str | None, typer.Option(help="Go on with this interrupted run.")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", "-o", metavar="KEY=VALUE", help="A training option, such as epochs=2."),
    ] = None,
) -> None:
    """Fine-tune on the team's own data with LoRA; Ctrl-C stops it and the run can be resumed."""
    settings = terminal.settings_of(ctx, load_settings)
    options = terminal.training_options(option or ())
    options |= {"max_steps": max_steps} if max_steps else {}
    options |= {"promote": promote} if not promote else {}
    options |= {"resume": resume} if resume else {}
    options |= {"reading": ";".join(str(_existing(path)) for path in reading)} if reading else {}
    options |= {"wordings": ";".join(str(_existing(path)) for path in wordings)} if wordings else {}
    from apps.chatbot.training import finetune

    with terminal.progress() as on_event:
        run = finetune(settings, what, on_event, **options)
    terminal.say(f"Done: {run.path}", style="bold")
    figures = {name: value for name, value in run.report.items() if isinstance(value, int | float)}
    terminal.table(("figure", "value"), [(name, f"{value:.4g}") for name, value in figures.items()])


@app.command("runs")
def training_runs(ctx: typer.Context, as_json: Json = False) -> None:
    """List training runs side by side: what differs in their settings, and what they measured."""
    from core import runs

    table = runs.compare(runs.list_runs(terminal.settings_of(ctx, load_settings).home, "chatbot"))
    if as_json:
        terminal.say_json(list(table.rows))
        return
    terminal.table(
        table.columns, [[row.get(column) for column in table.columns] for row in table.rows], empty="no runs"
    )


@app.command()
def evaluate(
    ctx: typer.Context,
    dataset: Annotated[str, typer.Option(help="sample, or a public set such as banking77.")] = "sample",
    folder: Annotated[Path | None, typer.Option(help="Where the set lies.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many questions.")] = None,
    json_path: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
) -> None:
    """Measure ours beside the baselines on questions nobody trained on."""
    settings = terminal.settings_of(ctx, load_settings)
    from apps.chatbot.evaluation import evaluate as measure

    with terminal.progress() as on_event:
        report = measure(settings, dataset, folder=folder, on_event=on_event, limit=limit)
    terminal.say(report.to_table())
    if json_path is not None:
        report.write_json(json_path)


@app.command()
def fit(
    ctx: typer.Context,
    questions: Annotated[list[Path], typer.Argument(help="Labelled questions, jsonl.")],
    error_rate: Annotated[
        float | None, typer.Option(min=0.001, max=0.5, help="Share of wrong answers allowed.")
    ] = None,
    save: Annotated[Path | None, typer.Option(help="Write the fitted thresholds to this JSON file too.")] = None,
) -> None:
    """Fit the thresholds to an error rate on labelled questions, and use them from now on."""
    from apps.chatbot.dataset import read_questions

    read = [read_questions(_existing(path)) for path in questions]
    terminal.say_reasons([problem for rows in read for problem in rows.problems])
    labelled = [one for rows in read for one in rows]
    if not labelled:  # told before the models are loaded
        raise DataError(
            "There are no labelled questions to fit thresholds on: docs/your-own-data.md shows such a line."
        )
    with opened(ctx) as service:
        with terminal.progress() as on_event:
            fitted = service.fit_thresholds(labelled, error_rate=error_rate, on_event=on_event)
        show_thresholds(fitted)
        if save is not None:
            service.save_thresholds(save)


@app.command()
def export(
    ctx: typer.Context,
    folder: Path,
    unmasked: Annotated[bool, typer.Option("--unmasked", help="Leave personal data as it is.")] = False,
) -> None:
    """Write conversations, answers, documents, past dialogues and feedback to files; 'ingest' reads them again.

    Personal data in what customers and agents said is masked unless you say otherwise.
    """
    with opened(ctx, answering=False) as service:
        for path in service.export(folder, masked=not unmasked):
            terminal.say(str(path))


def _existing(path: Path) -> Path:
    if not path.exists():
        raise DataError(f"There is no file or folder '{path}'.")
    return path


def _line() -> str | None:
    try:
        text = typer.prompt("you", prompt_suffix="> ", default="", show_default=False).strip()
    except (typer.Abort, EOFError, KeyboardInterrupt):
        return None
    return None if text in ("/quit", "/exit") else text


def _language(text: str) -> Literal["en", "zh"]:
    from core.text import language

    return "zh" if language(text) == "zh" else "en"


def _tell_if_empty(service: "ChatbotService") -> None:
    if not any(service.status()["knowledge"].values()):
        terminal.warn("Nothing is known yet, so nothing can be answered: trifolium chatbot ingest FILE.")


def _wait_for_generator(service: "ChatbotService") -> None:
    """A terminal asks at once what a page asks a minute later: give the model loading behind us time to come up."""
    if not service.wait_until_ready():
        state = str(service.status()["generator"]).rstrip(".")
        terminal.warn(f"Answers are quoted, not composed; generator {state}.")


commands_sources.add(app)
commands_desk.add(app)
