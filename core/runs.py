"""A run folder: everything about one piece of long work in plain JSON files; a crash loses at most a line.

``home/runs/<app>/<time>-<kind>-<random>/`` holds settings.json, data.json, versions.json, plan.json, metrics.jsonl,
report.json and status.json. Knows nothing of what the work does.
"""

import json
import os
import platform
import secrets
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, TypeAlias

import psutil
from pydantic import BaseModel

from core.errors import CancelledError_, ConflictError, NotFoundError, TrifoliumError
from core.events import Event, Metric, OnEvent, Progress, ignore
from core.json_files import append_row, read_json, read_rows, write_json
from core.settings import public

State: TypeAlias = Literal["running", "done", "failed", "killed", "interrupted"]

_PACKAGES = (
    "trifolium",
    "torch",
    "transformers",
    "peft",
    "accelerate",
    "scikit-learn",
    "faiss-cpu",
    "numpy",
    "safetensors",
)
_STATUS_EVERY_S = 1.0  # progress arrives far more often than anybody reads it


@dataclass(frozen=True)
class Run:
    """One run by its folder; all it knows is read from there, so another process sees the same."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def app(self) -> str:
        return self.path.parent.name

    @property
    def kind(self) -> str:
        return str(self.status.get("kind", ""))

    @property
    def state(self) -> State:
        """``interrupted`` when the folder says running but its process is gone (killed, or the machine went down)."""
        status = self.status
        state: State = status.get("state", "interrupted")
        return "interrupted" if state == "running" and not _alive(status) else state

    @property
    def status(self) -> dict[str, Any]:
        return self.read("status") or {}

    @property
    def report(self) -> dict[str, Any]:
        return self.read("report") or {}

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """Each ``{"name", "value", "step", "at"}`` written so far; a line that a crash cut short is left out."""
        return read_rows(self.path / "metrics.jsonl")

    def read(self, name: str) -> dict[str, Any] | None:
        """The file ``<name>.json``, None when it is not there."""
        return read_json(self.path / f"{name}.json")

    def write(self, name: str, value: Mapping[str, Any] | BaseModel) -> None:
        """Put ``<name>.json`` (settings, data, plan, report or the run's own) in place whole or not at all."""
        write_json(self.path / f"{name}.json", public(value) if isinstance(value, BaseModel) else dict(value))

    def write_data(self, content_hash: str, counts: Mapping[str, int], split_rule: str) -> None:
        """What the run worked on: hash of the data, rows per split, and how it was split."""
        self.write("data", {"hash": content_hash, "counts": dict(counts), "split_rule": split_rule})

    def log_metric(self, name: str, value: float, step: int | None = None) -> None:
        """Append one measured number."""
        row = {"name": name, "value": value, "step": step, "at": _now()}
        append_row(self.path / "metrics.jsonl", row)

    def listener(self, then: OnEvent = ignore) -> OnEvent:
        """A listener that keeps metrics and progress in the folder and passes every event on."""
        last = 0.0

        def listen(event: Event) -> None:
            nonlocal last
            if isinstance(event, Metric):
                self.log_metric(event.name, event.value, event.step)
            elif isinstance(event, Progress) and (
                time.monotonic() - last > _STATUS_EVERY_S or event.done == event.total
            ):
                last = time.monotonic()
                self._set(
                    progress={"stage": event.stage, "done": event.done, "total": event.total, "left_s": event.left_s}
                )
            then(event)

        return listen

    @contextmanager
    def recording(self) -> Iterator["Run"]:
        """The block is the run: ``running`` inside, then ``done``, ``killed`` (stopped by a person) or ``failed``."""
        self._set(state="running", error=None, **_process())
        try:
            yield self
        except (KeyboardInterrupt, CancelledError_):
            self.finish("killed")
            raise
        except BaseException as error:
            own = isinstance(error, TrifoliumError)  # a sentence already
            self.finish("failed", (str(error) if own else f"{type(error).__name__}: {error}").split("\n")[0][:500])
            raise
        self.finish("done")

    def finish(self, state: Literal["done", "failed", "killed"], error: str | None = None) -> None:
        """Write how the run ended; ``recording`` does it, a door that stopped the process does it for ``killed``."""
        self._set(state=state, error=error, ended=_now())

    def _set(self, **changes: Any) -> None:
        write_json(self.path / "status.json", {**self.status, **changes})


def create(home: Path, app: str, kind: str, settings: Mapping[str, Any] | BaseModel) -> Run:
    """A new run folder with settings (secrets left out) and versions written, ``running`` by this process."""
    parent = home / "runs" / app
    parent.mkdir(parents=True, exist_ok=True)
    path = parent / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{kind}-{secrets.token_hex(2)}"
    try:
        path.mkdir()
    except FileExistsError as error:
        raise ConflictError(f"Run folder '{path.name}' exists already; start again.") from error
    run = Run(path)
    run.write("settings", settings)
    run.write("versions", versions())
    write_json(path / "status.json", {"kind": kind, "state": "running", "started": _now(), **_process()})
    return run


def load(path: Path) -> Run:
    """The run in a folder. Raises ``NotFoundError`` when there is none."""
    if not (path / "status.json").is_file():
        raise NotFoundError(f"'{path}' is not a run folder: it has no status.json.")
    return Run(path)


def list_runs(home: Path, app: str | None = None) -> list[Run]:
    """All runs of an app, or of all apps, newest first."""
    found = (home / "runs").glob(f"{app or '*'}/*/status.json")
    return [Run(file.parent) for file in sorted(found, key=lambda file: file.parent.name, reverse=True)]


@dataclass(frozen=True)
class Comparison:
    """Runs side by side: one row each, first what identifies them, then settings that differ, then reported numbers."""

    columns: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]


def compare(runs: Sequence[Run]) -> Comparison:
    """A table of the runs' differing settings (dotted keys) and the numbers in their reports; missing ones are None."""
    settings = [_flat(run.read("settings") or {}) for run in runs]
    numbers = [{k: v for k, v in _flat(run.report).items() if isinstance(v, int | float)} for run in runs]
    differing = [key for key in _keys(settings) if len({json.dumps(row.get(key)) for row in settings}) > 1]
    columns = ("run", "kind", "state", "started", *differing, *_keys(numbers))
    rows = []
    for run, given, measured in zip(runs, settings, numbers, strict=True):
        known = {"run": run.id, "kind": run.kind, "state": run.state, "started": run.status.get("started")}
        rows.append({column: {**given, **measured, **known}.get(column) for column in columns})
    return Comparison(columns, tuple(rows))


def versions() -> dict[str, str]:
    """Versions that decide what a run gives: Python, platform and the packages that compute; nothing is imported."""
    found = {"python": sys.version.split()[0], "platform": platform.platform()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _process() -> dict[str, Any]:
    return {"pid": os.getpid(), "host": socket.gethostname(), "born": psutil.Process().create_time()}


def _alive(status: Mapping[str, Any]) -> bool:
    """Whether the process that wrote the status still runs; of another machine's process nothing is known: True."""
    if status.get("host") != socket.gethostname():
        return True
    try:
        process = psutil.Process(int(status["pid"]))
        same = abs(process.create_time() - float(status["born"])) < 1.0  # numbers of processes are used again
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, KeyError, TypeError, ValueError):
        return False


def _flat(tree: Mapping[str, Any], at: str = "") -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{at}.{key}" if at else str(key)
        rows |= _flat(value, name) if isinstance(value, Mapping) else {name: value}
    return rows


def _keys(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row))
