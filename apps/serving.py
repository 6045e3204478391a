"""Starts the servers: the HTTP API, the pages, or both with the browser opened.

Pages and API are processes of their own; settings given on the command line reach them through the environment.
"""

import importlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from apps import APPS, terminal
from core.errors import SettingsError, TrifoliumError
from core.settings import CoreSettings, home, load

app = typer.Typer(add_completion=False)
BrowserOption = Annotated[bool, typer.Option("--browser/--no-browser", help="Open the pages in the browser.")]
START_S = 900  # the first start converts models and learns the sample: a minute, many on a busy machine


def core_settings(config: Path | None, overrides: Mapping[str, object] | None) -> CoreSettings:
    """The stem's settings, checked with every app's: a wrong key shows here, not in a process started later."""
    for name in APPS:
        importlib.import_module(f"apps.{name}.settings").load_settings(config, overrides)
    core_only = {key: value for key, value in (overrides or {}).items() if key.split(".")[0] not in APPS}
    return load(CoreSettings, file=config, overrides=core_only, siblings=APPS)


@app.command()
def api(ctx: typer.Context) -> None:
    """Start the HTTP API alone."""
    import uvicorn

    from apps.api import create_app, openers

    line = terminal.given(ctx)
    settings = terminal.settings_of(ctx, core_settings)
    server = settings.server
    _check_free(server.host, server.port, "server.port")
    home(settings)
    terminal.log_to_stderr(settings.log_level)
    terminal.say(f"API: {_address(server.host, server.port)}/docs")
    application = create_app(settings, openers(line.config, line.overrides))
    uvicorn.run(
        application, host=server.host, port=server.port, log_config=None, access_log=False, timeout_graceful_shutdown=5
    )


@app.command()
def ui(ctx: typer.Context, browser: BrowserOption = False) -> None:
    """Start the pages alone."""
    settings = terminal.settings_of(ctx, core_settings)
    _watch(ctx, settings, {"Pages": _pages(settings)}, browser)


@app.command()
def run(ctx: typer.Context, browser: BrowserOption = True) -> None:
    """Start pages and API and open the browser; Ctrl-C stops both."""
    settings = terminal.settings_of(ctx, core_settings)
    _check_free(settings.server.host, settings.server.port, "server.port")
    commands = {"Pages": _pages(settings), "API": [sys.executable, "-m", "apps", "api"]}
    _watch(ctx, settings, commands, browser)


def _pages(settings: CoreSettings) -> list[str]:
    """The command that starts Streamlit on our pages."""
    page = Path(__file__).with_name("home.py")
    if not page.is_file():
        raise SettingsError(f"The pages are missing: there is no '{page.name}' beside the commands.")
    server = settings.server
    _check_free(server.host, server.ui_port, "server.ui_port")
    options = {
        "server.address": server.host,
        "server.port": server.ui_port,
        "server.headless": "true",  # else the first start asks for a mail address
        "server.fileWatcherType": "none",
        "server.maxUploadSize": max(1, int(server.max_body_mb)),
        "browser.gatherUsageStats": "false",
        "logger.hideWelcomeMessage": "true",  # it names addresses before anything answers there
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "streamlit", "run", str(page), *flags]


def _watch(ctx: typer.Context, settings: CoreSettings, commands: Mapping[str, Sequence[str]], browser: bool) -> None:
    """Run the processes until Ctrl-C or until one ends; then none is left behind."""
    home(settings)
    server, running = settings.server, {}
    page = _address(server.host, server.ui_port)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        for name, command in commands.items():
            running[name] = subprocess.Popen(command, env=os.environ | _paths() | terminal.given(ctx).environment())
        if "API" in running:  # it fills an empty home; the pages should not do the same beside it
            api_address = _address(server.host, server.port)
            terminal.say(
                "Starting; the first start converts the models and learns the samples, which takes minutes. "
                "A line with the address of the pages comes when all is ready.",
                style="dim",
            )
            _wait_for(f"{api_address}/health", running)
        _wait_for(f"{page}/_stcore/health", running)
        terminal.say(f"Pages: {page}", style="bold")
        if browser and _has_screen():
            webbrowser.open(page)
        while all(process.poll() is None for process in running.values()):
            time.sleep(0.3)
        ended = next(name for name, process in running.items() if process.poll() is not None)
        raise TrifoliumError(f"{ended} ended with code {running[ended].returncode}; the lines above tell why.")
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):  # a second Ctrl-C must not leave one of them running
            signal.signal(number, signal.SIG_IGN)
        _stop(list(running.values()))


def _interrupt(number: int, frame: object) -> None:
    """Ends like Ctrl-C; a signal of that kind would be lost, for a script's background process ignores it."""
    raise KeyboardInterrupt


def _stop(processes: Sequence["subprocess.Popen[bytes]"]) -> None:
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _paths() -> dict[str, str]:
    """From a checkout that is not installed, Streamlit puts ``apps/`` and not the root on the path."""
    root = str(Path(__file__).parents[1])
    return {"PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))}


def _wait_for(url: str, running: Mapping[str, "subprocess.Popen[bytes]"]) -> None:
    """Until ``url`` answers or a process has ended; raises ``TrifoliumError`` when neither happens."""
    until = time.monotonic() + START_S
    while all(process.poll() is None for process in running.values()):
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
        if time.monotonic() > until:
            raise TrifoliumError(f"Nothing answered at {url} within {START_S} seconds.")


def _check_free(host: str, port: int, setting: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if os.name != "nt":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
        except OSError as error:
            raise SettingsError(
                f"{host}:{port} cannot be listened on ({error.strerror}): choose another, --set {setting}={port + 10}."
            ) from error


def _address(host: str, port: int) -> str:
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"


def _has_screen() -> bool:
    """Whether a browser can show itself; on a server ``webbrowser`` would open one inside the terminal."""
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
