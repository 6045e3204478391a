"""The files that knowledge came from, in a terminal: what each brought, and taking one out again."""

from dataclasses import astuple
from typing import Annotated, Any

import typer

from apps import terminal
from apps.chatbot.records import Forgotten, as_json

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
NOUNS = {  # one, several
    "answers": ("answer", "answers"),
    "waiting": ("answer not approved", "answers not approved"),
    "documents": ("document", "documents"),
    "dialogues": ("past dialogue", "past dialogues"),
}


def add(app: typer.Typer) -> None:
    """Put these commands beside the others."""
    for command in (sources, forget):
        app.command()(command)


def sources(ctx: typer.Context, as_json_: Json = False) -> None:
    """List the files that were taken in, with what is known from each."""
    with _opened(ctx) as service:
        found = service.sources()
    if as_json_:
        terminal.say_json(as_json(found))
        return
    rows = [list(astuple(one)) for one in found]
    headings = ("file", "answers", "not approved", "touched by hand", "documents", "dialogues")
    terminal.table(headings, rows, empty="no file has been taken in")


def forget(
    ctx: typer.Context,
    source: Annotated[str, typer.Argument(help="Which file; `chatbot sources` lists the names.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    keep_by_hand: Annotated[
        bool, typer.Option("--keep-by-hand", help="Leave answers that people changed or approved.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json_: Json = False,
) -> None:
    """Take out what a file brought, and what was mined from its dialogues; what another file brought too stays."""
    with _opened(ctx) as service:
        told = service.forgettable(source, keep_by_hand)
        if not dry_run:
            terminal.agree(f"{_sentence(told, 'will go')} Go on?", yes)
        told = told if dry_run else service.forget(source, keep_by_hand)
    if as_json_:
        terminal.say_json(as_json(told))
    else:
        terminal.say(_sentence(told, "would go" if dry_run else "gone"), style="bold")


def _sentence(told: Forgotten, verb: str) -> str:
    """``'faq.csv': 15 answers and 1 document will go, 2 of the answers changed or reviewed by hand; 1 stays.``"""
    gone = told.gone
    counts = {noun: getattr(gone, noun) for noun in NOUNS}
    parts = [f"{count} {NOUNS[noun][count > 1]}" for noun, count in counts.items() if count]
    by_hand = f", {gone.by_hand} of the answers changed or reviewed by hand" if gone.by_hand else ""
    stays = f"; {told.kept} {'stays' if told.kept == 1 else 'stay'}" if told.kept else ""
    return f"'{gone.name}': {', '.join(parts) or 'nothing'} {verb}{by_hand}{stays}."


def _opened(ctx: typer.Context) -> Any:
    from apps.chatbot.commands import opened

    return opened(ctx, answering=False)
