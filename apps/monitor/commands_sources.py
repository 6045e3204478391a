"""Sources in a terminal: how each is doing, and taking the items of one out again."""

from typing import Annotated, Any

import typer

from apps import terminal
from apps.monitor.source_records import doubted_dates
from apps.monitor.wire_alerts import HealthJson
from apps.monitor.wire_records import ForgottenJson, as_json
from core.errors import DataError
from core.events import OnEvent

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]


def sources(ctx: typer.Context, as_json_: Json = False) -> None:
    """List the sources and how they are doing."""
    from apps.monitor.commands import opened

    with opened(ctx) as service:
        found = service.sources()
    if as_json_:
        terminal.say_json([as_json(HealthJson, one) for one in found])
        return
    rows = [(one.source.name, one.source.kind.value, one.health.value, one.reason) for one in found]
    terminal.table(("name", "kind", "health", ""), rows, empty="no sources")
    for one in found:
        if doubted := doubted_dates(one.source, one.state):
            told = 'say dates = "day-first" or "month-first" in sources.toml or on the Sources page'
            terminal.warn(f"{one.source.name}: {doubted} dates may begin with their day or their month: {told}.")


def forget(
    ctx: typer.Context,
    source: Annotated[str, typer.Option(help="Whose items; `monitor sources` lists the names.")],
    since: Annotated[str, typer.Option(help="Only what was received since then (2026-03-01T08:30:00+08:00).")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json_: Json = False,
) -> None:
    """Take a source's items out again, as if they had never come; alerts and their history stay."""
    from apps.monitor.commands import opened
    from core.dates import parse_moment

    start = parse_moment(since) if since else None
    if since and start is None:
        raise DataError(f"--since must be a moment such as 2026-03-01T08:30:00+08:00, got '{since}'.")
    with opened(ctx, sample=False) as service, terminal.progress(quiet=as_json_) as on_event:
        found = service.forgettable(source, start)
        told = f"{found.items} items of '{source}' ({found.corrected} corrected by hand)"
        if dry_run:
            terminal.say_json(as_json(ForgottenJson, found)) if as_json_ else terminal.say(f"{told} would go")
            return
        terminal.agree(f"{told} will be deleted and no longer counted. Go on?", yes)
        _forgotten(service, source, start, on_event, as_json_)


def _forgotten(service: Any, source: str, start: Any, on_event: OnEvent, json_wanted: bool) -> None:
    gone = service.forget(source, start, on_event)
    if json_wanted:
        terminal.say_json(as_json(ForgottenJson, gone))
        return
    terminal.say(f"{gone.items} items of '{source}' are gone, {gone.corrected} of them corrected by hand", style="bold")
    terminal.say("  counts are as if they had never come; alerts and their history stay", style="dim")
