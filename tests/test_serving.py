"""Starting and stopping the servers: ports, what is left behind, what is said when one of them ends."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from apps.__main__ import run

ROOT = Path(__file__).parents[1]
# two small servers in place of ours; "Pages" ends at once when its port is 0
DRIVER = """
import sys
from types import SimpleNamespace
import apps.serving as serving
from apps import terminal
from apps.__main__ import _report
from core.settings import CoreSettings, ServerSettings

CODE = '''
import http.server, sys
class Yes(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *args):
        pass
if sys.argv[2] == "die":
    sys.exit(7)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Yes).serve_forever()
'''
api, ui, how = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
settings = CoreSettings(server=ServerSettings(port=api, ui_port=ui))
commands = {
    "Pages": [sys.executable, "-c", CODE, str(ui), how],
    "API": [sys.executable, "-c", CODE, str(api), "live"],
}
ctx = SimpleNamespace(find_object=lambda kind: terminal.Given())
try:
    serving._watch(ctx, settings, commands, browser=False)
except KeyboardInterrupt:
    sys.exit(130)
except Exception as error:
    sys.exit(_report(error, debug=False))
"""


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def start(api: int, ui: int, how: str, before: Callable[[], object] | None = None) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(api), str(ui), how],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=before,
    )


def ignore_ctrl_c() -> None:
    """As a shell does for what a script starts with ``&``."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def heed_ctrl_c() -> None:
    """As in a terminal, also where these tests themselves were started with ``&``."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(
    ("number", "before"), [(signal.SIGINT, heed_ctrl_c), (signal.SIGTERM, None), (signal.SIGTERM, ignore_ctrl_c)]
)
def test_ctrl_c_or_a_service_manager_stops_both_and_leaves_nothing(home, number, before):
    api, ui = free_port(), free_port()
    process = start(api, ui, "live", before)
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Pages:"):
            break
    assert lines[-1].strip() == f"Pages: http://127.0.0.1:{ui}"
    assert is_open(api)
    assert is_open(ui)
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert not is_open(api)
    assert not is_open(ui)


def test_when_one_ends_the_other_is_stopped_and_the_end_is_told(home):
    api, ui = free_port(), free_port()
    process = start(api, ui, "die")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.strip() == "Pages ended with code 7; the lines above tell why."
    assert not is_open(api)


@pytest.mark.parametrize(("command", "setting"), [("api", "port"), ("ui", "ui_port"), ("run", "port")])
def test_a_port_that_is_taken_is_named_with_its_setting(command, setting, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert run(["--set", f"server.{setting}={port}", command]) == 2
    shown = capsys.readouterr().err
    assert f"127.0.0.1:{port} cannot be listened on" in shown
    assert f"--set server.{setting}=" in shown


def test_other_machines_are_served_only_with_a_key(capsys):
    assert run(["--set", "server.host=0.0.0.0", "api"]) == 2
    assert "server.api_key" in capsys.readouterr().err
