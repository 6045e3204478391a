"""What every command of the terminal shares: settings given on the line, one-sentence errors, progress, Ctrl-C.

Knows rich and typer, and no app: an app's commands import this, never the other way round.
"""

import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from core.errors import DataError, MissingExtraError, ResourceError, SettingsError, TrifoliumError
from core.events import Event, Log, Metric, OnEvent
from core.events import Progress as Done
from core.reasons import Placed, alike

MOST_REASONS = 50  # different ones that are written out
FIRST_LINES = 5  # of those that share a reason
PIPED_WIDTH = 160  # columns of a table that goes to a file or another program
NO_TRAINING_OPTIONS = ("what", "promote", "resume", "sample", "text", "config")  # options of their own
USER_ERROR, FAILURE, INTERRUPTED = 2, 1, 130
S = TypeVar("S")


@dataclass(frozen=True)
class Given:
    """What stood before the command: a settings file and single settings with dotted keys."""

    config: Path | None = None
    overrides: Mapping[str, object] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """The same settings for a process that we start: ``chatbot.top=3`` becomes ``TRIFOLIUM_CHATBOT__TOP=3``."""
        values = {f"TRIFOLIUM_{key.replace('.', '__').upper()}": str(value) for key, value in self.overrides.items()}
        return values | ({"TRIFOLIUM_CONFIG": str(self.config.absolute())} if self.config else {})


def parse_overrides(pairs: Sequence[str], option: str = "--set") -> dict[str, object]:
    """``["a.b=c"]`` -> ``{"a.b": "c"}``; raises ``SettingsError`` for one without a key or an equals sign."""
    values: dict[str, object] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise SettingsError(f"{option} wants key=value, got '{pair}'.")
        values[key.strip()] = value.strip()
    return values


def training_options(pairs: Sequence[str]) -> dict[str, Any]:
    """``["epochs=2"]`` -> ``{"epochs": 2}``; ``SettingsError`` for what the command has an option of its own for."""
    values = parse_overrides(pairs, "--option")
    for name in values:
        if name in NO_TRAINING_OPTIONS:
            raise SettingsError(f"'{name}' is no training option: give it as --{name} (--help shows how).")
    return {key: _value(str(text)) for key, text in values.items()}


def _value(word: str) -> Any:
    """``"2"`` -> 2, ``"2e-4"`` -> 0.0002, ``"true"`` -> True; other words stay words."""
    if word.lower() in ("true", "false"):
        return word.lower() == "true"
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word


def given(ctx: typer.Context) -> Given:
    """What stood before the command, also in a nested one."""
    found = ctx.find_object(Given)
    return found if isinstance(found, Given) else Given()


def settings_of(ctx: typer.Context, load: Callable[[Path | None, Mapping[str, object]], S]) -> S:
    """The settings that this command line asks for, by an app's ``load_settings``."""
    line = given(ctx)
    return load(line.config, line.overrides)


def out() -> Console:
    """Where results go; made anew each time, for tests and pages may replace ``sys.stdout``."""
    piped = not sys.stdout.isatty()
    return Console(
        highlight=False, soft_wrap=piped, width=PIPED_WIDTH if piped and "COLUMNS" not in os.environ else None
    )


def err() -> Console:
    """Where progress and errors go, so that results can be piped."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def plain(text: str) -> str:
    """The text without control characters, so that a customer's words cannot steer the team's terminal."""
    return "".join(sign for sign in text if sign in "\n\t" or (ord(sign) >= 32 and not 127 <= ord(sign) < 160))


def say(text: str, style: str = "") -> None:
    """A line for the person, control characters taken out and rich markup left as it is written."""
    out().print(Text(plain(text), style=style))


def warn(text: str) -> None:
    """A line beside the results, on stderr."""
    err().print(Text(" ".join(plain(text).split()), style="yellow"))


def agree(question: str, yes: bool = False) -> None:
    """Go on only where a person says so to a question before something is deleted; ``yes`` is her answer already.

    ``DataError`` where nobody is there to answer.
    """
    try:
        if yes or typer.confirm(question, err=True):
            return
    except typer.Abort:
        raise DataError("Nothing was deleted: nobody answered; say --yes where nobody can.") from None
    warn("Nothing was deleted.")
    raise typer.Exit(FAILURE)


def not_taken(rows: int, files: int) -> str:
    """How much of some files was not taken in: a file that could not be read at all counts as a file, not as a row."""
    told = [f"{rows} {'row' if rows == 1 else 'rows'}"] if rows or not files else []
    told += [f"{files} {'file' if files == 1 else 'files'}"] if files else []
    return f"not taken: {' and '.join(told)}"


def say_reasons(problems: Sequence[Placed], style: str = "yellow") -> None:
    """What was not taken, by file and line with the reason; lines with the same reason together."""
    found = alike(problems)
    for one in found[:MOST_REASONS]:
        first = ", ".join(str(line) for line in one.lines[:FIRST_LINES])
        more = ", …" if len(one.lines) > FIRST_LINES else ""
        if len(one.lines) > 1 and one.lines[0]:
            say(f"  {one.source}: {len(one.lines)} rows (lines {first}{more}): {one.reason}", style=style)
        else:
            say(f"  {one.source}{f':{first}' if one.lines[0] else ''}: {one.reason}", style=style)
    if len(found) > MOST_REASONS:
        rest = sum(len(one.lines) for one in found[MOST_REASONS:])
        say(f"  … and {rest} more", style=style)


def say_json(value: Any) -> None:
    """JSON-ready values as JSON that a program can read."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str = "", empty: str = "nothing") -> None:
    """A table, or one word when there are no rows."""
    if not rows:
        say(f"{title}: {empty}" if title else empty, style="dim")
        return
    grid = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        grid.add_column(column, overflow="fold")  # a name cut short cannot be typed again
    for row in rows:
        grid.add_row(*(Text(plain("–" if cell is None else str(cell))) for cell in row))
    out().print(grid)


def sentence(error: BaseException) -> str:
    """What a door shows of an error: one line, ending in a full stop."""
    text = " ".join(plain(str(error)).split())
    if not isinstance(error, TrifoliumError):
        text = f"Something unexpected went wrong ({type(error).__name__}{': ' + text if text else ''})"
        text += "; --debug shows where"
    return text if text.endswith((".", "!", "?", "。")) else text + "."


def exit_code(error: BaseException) -> int:
    """2 for what the user can mend (a wrong setting, file or id, a missing extra), else 1."""
    mendable = isinstance(error, TrifoliumError) and (
        error.status < 500 or isinstance(error, MissingExtraError | ResourceError)
    )
    return USER_ERROR if mendable else FAILURE


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """Inside, the first Ctrl-C sets the event and work ends by itself; a second one breaks off at once."""
    cancel = threading.Event()

    def on_signal(number: int, frame: object) -> None:
        if cancel.is_set():
            raise KeyboardInterrupt
        cancel.set()

    if threading.current_thread() is not threading.main_thread():  # signals belong to the main thread
        yield cancel
        return
    before = signal.signal(signal.SIGINT, on_signal)
    try:
        yield cancel
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def progress(quiet: bool = False, passing: bool = False) -> Iterator[OnEvent]:
    """A listener for long work: bars with the time left, sentences and numbers above them, all on stderr.

    ``passing`` is work on the way to what was asked for: its bars go when it is done.

    It may be told of something still afterwards, by a model that loads in the background: sentences are shown then too.
    """
    if quiet:
        yield lambda event: None
        return
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),  # "3/?" while nobody knows how many there will be
        TimeRemainingColumn(),
        console=err(),
        transient=passing,
    )
    tasks: dict[str, TaskID] = {}
    ended = threading.Event()

    def listen(event: Event) -> None:
        if isinstance(event, Done) and not ended.is_set() and (bars.console.is_terminal or not passing):
            bars.start()
        _show(bars, tasks, event)

    try:
        yield listen
    finally:
        ended.set()
        if bars.live.is_started:  # without a bar there is nothing to end, not even a line
            bars.stop()


def _show(bars: Progress, tasks: dict[str, TaskID], event: Event) -> None:
    if isinstance(event, Done):
        if event.stage not in tasks:
            tasks[event.stage] = bars.add_task(event.stage, total=event.total or None)
        bars.update(tasks[event.stage], completed=event.done, total=event.total or None)
    elif isinstance(event, Log):
        bars.console.print(Text(plain(event.text)))
    elif isinstance(event, Metric):
        step = "" if event.step is None else f"step {event.step}  "
        bars.console.print(Text(f"{step}{event.name} {event.value:.4g}", style="dim"))


class MaskingFormatter(logging.Formatter):
    """Log lines, stack traces too, with mail addresses, phone and card numbers and the like masked."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, masked."""
        from core.text import mask_personal_data

        return mask_personal_data(super().format(record))[0]


def log_to_stderr(level: str) -> None:
    """From now on the log goes to stderr, masked; once per process."""
    handler = logging.StreamHandler()
    handler.setFormatter(MaskingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs whole addresses
    for name in ("alembic", "faiss"):  # what they say at each start tells a user nothing
        logging.getLogger(name).setLevel(logging.WARNING)


def utf8_streams() -> None:
    """Chinese can be printed whatever the locale says; what a terminal cannot show becomes a question mark."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure") and (stream.encoding or "").lower().replace("-", "") != "utf8":
            stream.reconfigure(encoding="utf-8", errors="replace")


def quiet_pipe() -> None:
    """After the reader of our output has gone: no complaint at exit either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
