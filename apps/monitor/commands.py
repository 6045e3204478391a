"""Door 1, `trifolium monitor …`: watch, ingest, classify, replay, backtest, train, evaluate, and the risk desk.

Light to import: the service is imported when a command runs. Errors are raised; ``apps.__main__`` shows the sentence.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from apps import terminal
from apps.monitor import commands_desk, commands_train
from apps.monitor.commands_show import (
    Follower,
    show_backtest,
    show_ingest,
    show_previews,
    show_readings,
    show_replay,
    show_series,
)
from apps.monitor.commands_train import existing
from apps.monitor.settings import MonitorSettings, load_settings
from core.errors import DataError, NotFoundError, TrifoliumError
from core.events import Log, OnEvent

if TYPE_CHECKING:
    from apps.monitor.layouts import Layout
    from apps.monitor.service import MonitorService

app = typer.Typer(help="The financial sentiment monitor.", no_args_is_help=True, add_completion=False)
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
Columns = Annotated[
    list[str] | None,
    typer.Option("--column", "-c", metavar="OURS=THEIRS", help="A column by another name, such as title=headline."),
]
Dates = Annotated[
    Literal["day-first", "month-first"] | None,
    typer.Option(help="How dates like 03/04/2026 are read, where no other date of the file tells."),
]
WATCH_S = 1.0  # how often `watch` looks for something new
MOST_TEXTS = 10_000


@contextmanager
def opened(ctx: typer.Context, sample: bool = True, live: bool = False) -> Iterator["MonitorService"]:
    """The service by this command line's settings, closed at the end.

    Without ``sample`` an empty database stays empty: what the command brings in shall stand alone. With ``live`` it
    looks at sources and delivers like the pages do, unless a running suite does so already.
    """
    from apps.monitor.service import open_service

    with terminal.progress() as on_event:
        service = open_service(_settings(ctx, sample, live), on_event)
    try:
        _wait_for_sample(service)
        yield service
    finally:
        service.close()


def _settings(ctx: typer.Context, sample: bool, live: bool) -> MonitorSettings:
    settings = terminal.settings_of(ctx, load_settings)
    own = settings.monitor
    changed = {"load_sample": sample and own.load_sample, "live": live and own.live}
    return settings.model_copy(update={"monitor": own.model_copy(update=changed)})


def _wait_for_sample(service: "MonitorService") -> None:
    """A terminal asks at once what a page asks a minute later: let the sample of a first start come in."""
    from core.events import Progress

    loading = service.status().get("loading") or {}
    if not loading.get("running"):
        return
    with terminal.progress(passing=True) as on_event:
        on_event(Log("Loading the sample of a first start …"))
        while loading.get("running"):
            on_event(Progress("loading the sample", loading["done"], loading["total"]))
            time.sleep(0.2)
            loading = service.status()["loading"]


@app.command()
def watch(
    ctx: typer.Context,
    after: Annotated[
        int | None, typer.Option(min=0, help="Begin after the change of this number; left out: from now on.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Show what there is and end.")] = False,
    as_json: Json = False,
) -> None:
    """Follow the alerts as they change, also those of a suite that runs beside; Ctrl-C ends it."""
    with opened(ctx, live=not once) as service, terminal.stopping() as stop:
        last = int(service.status().get("last_transition") or 0)
        follower = Follower(service, 0 if once and after is None else last if after is None else after, as_json)
        if not as_json:
            commands_desk.show_open(service)
        follower.show_new()
        while not once and not stop.wait(WATCH_S):
            follower.show_new()


@app.command()
def ingest(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="csv or jsonl files, or folders of them.")],
    source: Annotated[str, typer.Option(help="Name of the source; left out: the file's name.")] = "",
    column: Columns = None,
    dates: Dates = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be taken for what; store nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Take in items as if they had just arrived; rows not taken are listed with the reason.

    A file that cannot be read, or of which no row could be taken, costs no other one: it is named, and the exit code is
    1; it is 2 when no file could be read. Rows not taken beside rows that were leave it 0.
    """
    from apps.monitor.intake_records import IngestReport

    (files, failures), layout = _all_files(paths), _layout(column, dates)
    found: dict[str, Any] = {}
    with opened(ctx, sample=False) as service, terminal.progress(quiet=as_json) as on_event:
        for file in files:
            try:
                found[str(file)] = _looked_at(service, file, source, layout, dry_run, on_event)
            except (DataError, NotFoundError) as error:
                failures.append(error if file.name in str(error) else DataError(f"{file.name}: {error}"))
    if failures and not found:
        raise DataError(" ".join(str(one) for one in failures))
    if dry_run:
        show_previews(found, as_json)
    else:
        show_ingest(sum(found.values(), IngestReport()), as_json)
    failures += [DataError(f"No row of {file} could be taken.") for file, one in found.items() if _in_vain(one)]
    for failure in failures:
        terminal.warn(str(failure))
    if failures:
        raise typer.Exit(terminal.FAILURE)


def _all_files(paths: list[Path]) -> tuple[list[Path], list[TrifoliumError]]:
    """The files under these paths, and what is wrong with a path that has none."""
    files, failures = list[Path](), list[TrifoliumError]()
    for path in paths:
        try:
            files += _files(path)
        except (DataError, NotFoundError) as error:
            failures.append(error)
    return files, failures


def _layout(column: list[str] | None, dates: str | None) -> "Layout":
    """What the options say of the files; ``DataError`` for a field we do not have."""
    from apps.monitor.layouts import Layout
    from apps.monitor.row_columns import check_fields
    from core.dates import DateOrder

    columns = {ours: str(theirs) for ours, theirs in terminal.parse_overrides(column or (), "--column").items()}
    check_fields(columns)
    return Layout(columns, DateOrder(dates or ""))


def _looked_at(
    service: "MonitorService", file: Path, source: str, layout: "Layout", dry_run: bool, on_event: OnEvent
) -> Any:
    """A file taken in (its report), or looked at only (its preview)."""
    from apps.monitor.source_files import numbered_rows

    on_event(Log(f"Reading {file.name} …"))
    rows, name = numbered_rows(file), source or file.stem
    if dry_run:
        return service.preview_rows(rows, name, layout=layout)
    return service.ingest_rows(rows, name, on_event=on_event, layout=layout)


def _in_vain(found: Any) -> bool:
    report = getattr(found, "report", found)
    return bool(report.dropped and not report.added + report.duplicates)


@app.command()
def classify(
    ctx: typer.Context,
    texts: Annotated[list[str] | None, typer.Argument(help="Texts in quotes; left out: one a line from stdin.")] = None,
    as_json: Json = False,
) -> None:
    """Read texts: mood with probabilities, topics, companies with the mood towards each. Nothing is stored."""
    given = list(texts or ()) or _stdin_lines()
    wanted = [text for text in given if text.strip()]
    if not wanted:
        raise DataError("There is no text to read: write it in quotes after 'classify', or one a line to stdin.")
    with opened(ctx, sample=False) as service:
        show_readings(wanted, service.classify(wanted), as_json)


@app.command()
def replay(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(help="A dated csv or jsonl file: published_at, title or text, and more.")],
    speed: Annotated[
        float, typer.Option(min=0, help="0: as fast as it goes; 60: a minute a second; 1: as it was.")
    ] = 0,
    source: Annotated[str, typer.Option(help="Name of the source; left out: the file's name.")] = "",
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many items.")] = None,
    deliver: Annotated[bool, typer.Option("--deliver", help="Send messages too, as if it were live.")] = False,
    column: Columns = None,
    dates: Dates = None,
    as_json: Json = False,
) -> None:
    """Play a dated file by its own times: everything is read, counted and judged as if it came live."""
    existing(path)
    wishes = {"speed": speed, "source": source, "limit": limit, "deliver": deliver, "layout": _layout(column, dates)}
    with opened(ctx, sample=False) as service, terminal.stopping() as stop:
        last = _play(service, path, wishes, as_json, stop)
    if stop.is_set():
        raise typer.Exit(terminal.INTERRUPTED)
    if last is None:
        raise DataError(f"'{path}' has no dated item to replay.")


def _play(service: "MonitorService", path: Path, wishes: Mapping[str, Any], quiet: bool, stop: threading.Event) -> Any:
    """Shows each alert as it fires and the stream's clock; at the end what came in. The last step, None without any."""
    from core.events import Progress

    follower, last = Follower(service, int(service.status().get("last_transition") or 0), quiet), None
    with terminal.progress(quiet=quiet) as on_event:
        for step in service.replay(path, stop=stop, **wishes):
            on_event(Progress("replay", step.done, step.total))
            if last is None or step.firings != last.firings or step.clock - last.clock > timedelta(hours=6):
                follower.show_new()
            if wishes["deliver"]:
                service.deliver_pending()
            last = step
        follower.show_new()
    if last is not None:
        show_replay(last, quiet)
    return last


@app.command()
def backtest(
    ctx: typer.Context,
    rules: Annotated[Path | None, typer.Option(help="A TOML file of rules; left out: those in force.")] = None,
    against: Annotated[Path | None, typer.Option(help="A second TOML file, to compare with.")] = None,
    incidents: Annotated[Path | None, typer.Option(help="Known incidents, jsonl; left out: the sample's.")] = None,
    days: Annotated[float | None, typer.Option(min=0.01, help="How many days of history; left out: thirty.")] = None,
    as_json: Json = False,
) -> None:
    """Run rules over the stored history as if it were live: what is found, missed, false, and how late."""
    from apps.monitor.starting import read_incidents

    texts = {"in force" if rules is None else rules.name: _text(rules)}
    texts |= {f"{against.name} (second)" if against.name in texts else against.name: _text(against)} if against else {}
    with opened(ctx) as service, terminal.progress(quiet=as_json) as on_event:
        known = read_incidents(existing(incidents)) if incidents else service.incidents()
        until = service.clock()
        since = until - timedelta(days=days) if days else None
        reports = {}
        for name, toml in texts.items():
            reports[name] = service.backtest(toml, since, until if days else None, known, on_event)
    show_backtest(reports, as_json)


@app.command()
def series(
    ctx: typer.Context,
    company: str = "",
    topic: str = "",
    source: str = "",
    hours: Annotated[float, typer.Option(min=0.1, help="How far back.")] = 24,
    as_json: Json = False,
) -> None:
    """Show a series window by window: stories, reach, negative share with its interval."""
    from apps.monitor.records import Span

    span = Span.MINUTE if hours <= 2 else Span.HOUR if hours <= 24 * 7 else Span.DAY
    with opened(ctx) as service:
        service.check_names(company, topic, source)
        until = service.clock()
        show_series(service.series(company, topic, source, span, until - timedelta(hours=hours), until), as_json)


def _text(path: Path | None) -> str | None:
    return None if path is None else existing(path).read_text(encoding="utf-8")


def _files(path: Path) -> list[Path]:
    from apps.monitor.source_files import SUFFIXES

    existing(path)
    found = sorted(path.glob("*")) if path.is_dir() else [path]
    kept = [file for file in found if file.suffix.lower() in SUFFIXES]
    if not kept:
        raise DataError(f"'{path}' is no csv or jsonl file, nor a folder with one.")
    return kept


def _stdin_lines() -> list[str]:
    import sys

    return [] if sys.stdin.isatty() else [line.strip() for line in sys.stdin][:MOST_TEXTS]


commands_train.add(app)
commands_desk.add(app)
