"""The risk desk in a terminal: the feed, alerts and their life cycle, silences, rules, corrections, status."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from apps import terminal
from apps.monitor.alert_records import Alert, Severity
from apps.monitor.commands_show import show_entry, show_status
from apps.monitor.commands_sources import forget, sources
from apps.monitor.records import Label
from apps.monitor.rules import rules_to_use
from apps.monitor.wire_alerts import AlertJson, AlertWhole, RulesJson, SilenceJson
from apps.monitor.wire_records import EntryJson, as_json
from core.errors import DataError

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")]
By = Annotated[str, typer.Option(help="Your name, for the history.")]
Words = Annotated[str, typer.Option("--note", help="A word why.")]
PANEL = "The risk desk"


def add(app: typer.Typer) -> None:
    """Put the desk's commands beside the others."""
    plain = (
        feed,
        correct,
        alerts,
        acknowledge,
        note,
        assign,
        resolve,
        silence,
        silences,
        unsilence,
        sources,
        forget,
        rules,
        status,
    )
    for command in plain:
        app.command(rich_help_panel=PANEL)(command)
    app.command("alert", rich_help_panel=PANEL)(alert_)
    app.command("false-alarm", rich_help_panel=PANEL)(false_alarm)


def _opened(ctx: typer.Context, sample: bool = True) -> Any:
    from apps.monitor.commands import opened

    return opened(ctx, sample)


def feed(
    ctx: typer.Context,
    company: str = "",
    topic: str = "",
    source: str = "",
    sentiment: Label | None = None,
    language: Annotated[Literal["en", "zh"] | None, typer.Option(help="Only texts in it.")] = None,
    search: str = "",
    uncertain: Annotated[bool, typer.Option("--uncertain", help="Those the model was least sure of.")] = False,
    limit: Limit = 20,
    as_json_: Json = False,
) -> None:
    """List items with their readings, newest first."""
    from apps.monitor.records import FeedQuery

    query = FeedQuery(company, topic, source, sentiment or "", language or "", search, uncertain=uncertain)
    with _opened(ctx) as service:
        service.check_names(company, topic, source)
        found = service.feed(query, limit)
    if as_json_:
        terminal.say_json([as_json(EntryJson, one) for one in found])
        return
    for one in found:
        show_entry(one)


def correct(
    ctx: typer.Context,
    item: str,
    by: By,
    sentiment: Label | None = None,
    topic: Annotated[list[str] | None, typer.Option(help="What it is about; may be repeated.")] = None,
    company: Annotated[list[str] | None, typer.Option(metavar="ID=MOOD", help="May be repeated.")] = None,
) -> None:
    """Say what an item really is; the next training learns from it."""
    moods = terminal.parse_overrides(company or (), "--company")
    said = {name: str(mood) for name, mood in moods.items()}
    with _opened(ctx) as service:
        service.correct(item, by, sentiment.value if sentiment else None, topic or None, said or None)
    terminal.say("noted")


def alerts(
    ctx: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    severity: Severity | None = None,
    company: str = "",
    limit: Limit = 50,
    as_json_: Json = False,
) -> None:
    """List the open alerts."""
    with _opened(ctx) as service:
        service.check_names(company)
        found = service.alerts(severity=severity or "", company=company, open_only=not every, limit=limit)
    if as_json_:
        terminal.say_json([as_json(AlertJson, one) for one in found])
    else:
        _show_alerts(found)


def _show_alerts(found: list[Alert]) -> None:
    columns = ("id", "severity", "state", "series", "rule", "since", "owner")
    terminal.table(columns, [_alert_row(one) for one in found], empty="no alerts")


def show_open(service: Any) -> None:
    """The alerts that are open now, above a live view."""
    _show_alerts(service.alerts(open_only=True, limit=50))


def _alert_row(one: Alert) -> list[object]:
    since = f"{one.began.astimezone():%Y-%m-%d %H:%M}"
    return [one.id, one.severity.value, one.state.value, str(one.key), one.rule, since, one.owner or "–"]


def alert_(ctx: typer.Context, alert: str, as_json_: Json = False) -> None:
    """Show one alert: why, its texts, its history."""
    from apps.monitor.commands_show import transition_line

    with _opened(ctx) as service:
        found = service.alert(alert)
    if as_json_:
        terminal.say_json(as_json(AlertWhole, found))
        return
    _show_alerts([found.alert])
    if found.alert.evidence:
        terminal.say(found.alert.evidence.why, style="bold")
    for one in found.stories:
        title = " ".join((one.item.title or one.item.text).split())[:140]
        terminal.say(f"  {one.reading.sentiment.label.value:<9} {title}  (×{one.story_items}, reach {one.story_reach})")
    for line in found.history:
        terminal.say(transition_line(line), style="dim")


def acknowledge(ctx: typer.Context, alert: str, by: By, note: Words = "") -> None:
    """Take an alert on: no repeats while it lasts."""
    _done(ctx, "acknowledge", alert, by, note)


def note(ctx: typer.Context, alert: str, text: str, by: By) -> None:
    """Comment on an alert; it stays when the alert fires again."""
    _done(ctx, "comment", alert, by, text)


def assign(ctx: typer.Context, alert: str, owner: str, by: By) -> None:
    """Give an alert an owner."""
    _done(ctx, "assign", alert, by, owner)


def resolve(ctx: typer.Context, alert: str, by: By, note: Words = "") -> None:
    """Close an alert by hand."""
    _done(ctx, "resolve", alert, by, note)


def false_alarm(ctx: typer.Context, alert: str, by: By, note: Words = "") -> None:
    """Close an alert as a false alarm, which its history keeps."""
    _done(ctx, "false_alarm", alert, by, note)


def _done(ctx: typer.Context, act: str, alert: str, by: str, words: str) -> None:
    with _opened(ctx) as service:
        found = getattr(service, act)(alert, by, words)
    terminal.say(f"{found.id}: {found.state.value}" + (f", owner {found.owner}" if found.owner else ""))


def silence(
    ctx: typer.Context,
    by: By,
    hours: Annotated[float, typer.Option(min=0.1, max=24 * 366, help="How long.")] = 4,
    rule: str = "",
    company: str = "",
    topic: str = "",
    source: str = "",
    reason: str = "",
    everything: Annotated[bool, typer.Option("--everything", help="Really all alerts.")] = False,
) -> None:
    """Mute what matches for some hours; it is still watched and shown."""
    if not (rule or company or topic or source or everything):
        raise DataError("Say what to silence: --rule, --company, --topic or --source, or --everything.")
    with _opened(ctx) as service:
        made = service.silence(by, service.clock() + timedelta(hours=hours), reason, rule, company, topic, source)
    terminal.say(f"{made.id} until {made.until.astimezone():%Y-%m-%d %H:%M}")


def silences(ctx: typer.Context, as_json_: Json = False) -> None:
    """List what is silenced."""
    with _opened(ctx) as service:
        found = service.silences()
    if as_json_:
        terminal.say_json([as_json(SilenceJson, one) for one in found])
        return
    rows = [
        (
            one.id,
            one.rule,
            one.company,
            one.topic,
            one.source,
            f"{one.until.astimezone():%Y-%m-%d %H:%M}",
            one.by,
            one.reason,
        )
        for one in found
    ]
    terminal.table(
        ("id", "rule", "company", "topic", "source", "until", "by", "reason"), rows, empty="nothing silenced"
    )


def unsilence(ctx: typer.Context, silence: str, by: By) -> None:
    """End a silence before its time."""
    with _opened(ctx) as service:
        service.end_silence(silence, by)
    terminal.say(f"{silence} has ended")


def rules(
    ctx: typer.Context,
    save: Annotated[Path | None, typer.Option(help="Use this TOML file from now on; needs --by.")] = None,
    use: Annotated[int | None, typer.Option(min=1, help="Go back to this version; needs --by.")] = None,
    by: Annotated[str, typer.Option(help="Your name, for the history.")] = "",
    note: Words = "",
    versions: Annotated[bool, typer.Option("--versions", help="List every version.")] = False,
    as_json_: Json = False,
) -> None:
    """Show the rules in force, put others in force, or list the versions."""
    if (save or use) and not by.strip():
        raise DataError("Say who changes the rules: --by NAME.")
    if save is not None and not save.is_file():
        raise DataError(f"There is no file '{save}'.")
    wanted = save.read_text(encoding="utf-8") if save is not None else ""
    if save is not None:
        rules_to_use(wanted)  # a wrong file is told at once, before anything is opened
    with _opened(ctx) as service:
        if save is not None:
            service.save_rules(wanted, by, note)
            for doubt in service.rule_doubts(wanted):
                terminal.warn(doubt)
        elif use is not None:
            service.use_rules(use, by)
        found = service.rule_versions() if versions else [service.rules()]
    if as_json_:
        terminal.say_json([as_json(RulesJson, one) for one in found])
        return
    if versions:
        rows = [(one.version, f"{one.created_at.astimezone():%Y-%m-%d %H:%M}", one.by, one.note) for one in found]
        terminal.table(("version", "saved", "by", "note"), rows)
        return
    terminal.say(f"# version {found[0].version}", style="dim")
    terminal.say(found[0].toml)


def status(ctx: typer.Context, as_json_: Json = False) -> None:
    """Show what there is: items, alerts, messages, the reader, the stream's clock."""
    with _opened(ctx, sample=False) as service:
        found = service.status()
    if as_json_:
        shown = {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in found.items()}
        terminal.say_json(shown)
    else:
        show_status(found)
