"""Door 1, `trifolium …`: the root of the command line. Light: an app's commands are imported only when named.

Turns every error into one sentence and an exit code: 0 done, 1 failed, 2 for what the user can mend, 130 for Ctrl-C.
"""

import importlib
import logging
import re
import sys
from collections.abc import Sequence
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text
from typer.core import TyperGroup

from apps import APPS, terminal
from core.errors import SettingsError, TrifoliumError, known_names, nearest
from core.misfit import must

# our own commands beside the apps: name -> (module with `app`, one line of help)
SUITE = {
    "run": ("apps.serving", "Start pages and API and open the browser; Ctrl-C stops both."),
    "api": ("apps.serving", "Start the HTTP API alone."),
    "ui": ("apps.serving", "Start the pages alone."),
    "models": ("apps.upkeep", "List the models: name, kind, size, licence, source, ready or not."),
    "adapters": ("apps.adapter_desk", "List, add, check, promote, roll back or remove LoRA adapters."),
    "doctor": ("apps.upkeep", "Show what this machine will run with, and why."),
    "settings": ("apps.upkeep", "Show the settings in effect."),
}
ROOT_OPTIONS = ("--set", "--config")
_NO_CHOICE = re.compile(
    r"Invalid value for '?(?P<name>[^']*)'?: (?:Value error, )?'(?P<value>.*)' is not one of (?P<known>'.*')", re.DOTALL
)
_TOO_MANY = re.compile(r"Got unexpected extra arguments?(?:\(s\))? \((?P<words>.*)\)", re.DOTALL)


class LazyGroup(TyperGroup):
    """Lists every command by name and one line, and imports a command's module when the command itself is named."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The apps first, then the suite's own commands."""
        return [*APPS, *SUITE]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A stand-in with the line of help; ``resolve_command`` puts the real one in its place."""
        if cmd_name in self.commands:
            return self.commands[cmd_name]
        if cmd_name in APPS:
            return _stand_in(cmd_name, _first_sentence(cmd_name))
        return _stand_in(cmd_name, SUITE[cmd_name][1]) if cmd_name in SUITE else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Load what the first word names. Raises ``SettingsError`` with the nearest known command."""
        name = args[0]
        if name not in (*APPS, *SUITE):
            raise SettingsError(f"There is no command '{name}'; {known_names(name, (*APPS, *SUITE))}.")
        self.commands.setdefault(name, _load(name))
        return super().resolve_command(ctx, args)


def _stand_in(name: str, line: str) -> Any:
    def nothing() -> None:
        """Never run."""

    nothing.__doc__ = line
    made = typer.Typer(add_completion=False)
    made.command(name, help=line)(nothing)
    return typer.main.get_command(made)


def _first_sentence(app_name: str) -> str:
    text = (importlib.import_module(f"apps.{app_name}").__doc__ or "").strip().splitlines()[0]
    return text.split(":", 1)[0].rstrip(".") + "."


def _load(name: str) -> Any:
    if name in APPS:
        return typer.main.get_command(importlib.import_module(f"apps.{name}.commands").app)
    group: Any = typer.main.get_command(importlib.import_module(SUITE[name][0]).app)
    return group.commands.get(name, group)  # a module with several of our commands, or one that is a group itself


root = typer.Typer(cls=LazyGroup, name="trifolium", no_args_is_help=True, add_completion=True)


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"trifolium {package_version('trifolium')}")
        raise typer.Exit


@root.callback()
def options(
    ctx: typer.Context,
    config: Annotated[Path | None, typer.Option(help="Settings file instead of ./trifolium.toml.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="One setting, such as models.device=cpu.")
    ] = None,
    debug: Annotated[bool, typer.Option(help="Show the log and, for an error, where it happened.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Say which version this is.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    """Trifolium: chatbot, monitor and recommender on one shared core, in English and Chinese, on your own machine."""
    logging.basicConfig(level=logging.DEBUG if debug else logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    ctx.obj = terminal.Given(config, terminal.parse_overrides(set_ or ()))


def options_first(args: Sequence[str]) -> list[str]:
    """``--set`` and ``--config`` may stand anywhere; they are moved before the command. ``--`` ends the options."""
    front: list[str] = []
    rest: list[str] = []
    waiting = list(args)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            rest += [word, *waiting]
            break
        if word in ROOT_OPTIONS and waiting:
            front += [word, waiting.pop(0)]
        elif word.startswith(tuple(f"{name}=" for name in ROOT_OPTIONS)) or word == "--debug":
            front.append(word)
        else:
            rest.append(word)
    return front + rest


def run(args: Sequence[str]) -> int:
    """Run one command line and return its exit code; every error is one sentence on stderr."""
    words = options_first(args)
    try:
        return int(typer.main.get_command(root).main(words, prog_name="trifolium", standalone_mode=False) or 0)
    except (KeyboardInterrupt, typer.Abort):
        return terminal.INTERRUPTED
    except BrokenPipeError:
        terminal.quiet_pipe()
        return 0
    except Exception as error:  # noqa: BLE001  # the door: whatever went wrong, one sentence is shown
        return _report(error, debug="--debug" in words)


def _report(error: Exception, debug: bool) -> int:
    usage = getattr(error, "format_message", None)  # typer's own errors: a wrong option, a missing argument
    if usage is not None and not isinstance(error, TrifoliumError):
        message = usage()
        if message:  # without one it is the help, already shown
            told = f"{_misfit(error) or _in_quotes(_choices(message.rstrip('.')))} (--help shows what there is)."
            terminal.err().print(Text(told, style="red"))
        return int(getattr(error, "exit_code", terminal.USER_ERROR))
    terminal.err().print(Text(terminal.sentence(error), style="red"))
    if debug:
        terminal.err().print_exception()
    return terminal.exit_code(error)


def _misfit(error: Exception) -> str | None:
    """An option or argument that pydantic refuses: which, what must stand there, what does; None for other errors."""
    problems, param = getattr(error.__cause__, "errors", None), getattr(error, "param", None)
    if problems is None or param is None:
        return None
    first = problems()[0]
    if first["type"] == "value_error":  # a word out of a few: ``_choices`` knows the nearest
        return None
    return f"{max(param.opts, key=len)} {must(first)}, got '{first['input']}'"


def _in_quotes(message: str) -> str:
    """A word too many is mostly a text without its quotes."""
    found = _TOO_MANY.fullmatch(message)
    told = "put a text of several words in quotes"
    return f"'{found['words']}' is more than the command takes: {told}" if found else message


def _choices(message: str) -> str:
    """Typer's words for a value that is none of those allowed, with the nearest of them; other messages as they are."""
    found = _NO_CHOICE.fullmatch(message)
    if found is None:
        return message
    known = [word.strip(" '") for word in found["known"].split(",")]
    like = nearest(found["value"], known)
    hint = f"; the nearest is '{like}'" if like else ""
    return f"{found['name']} must be one of {', '.join(known)}, got '{found['value']}'{hint}"


def main() -> None:
    """The console script."""
    terminal.utf8_streams()
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
