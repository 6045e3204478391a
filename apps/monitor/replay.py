"""Plays a dated file as if it came now: in the order of its times, at any speed. Reads ahead, waits between steps.

Knows the intake it feeds, no door. A replay looks at the rules at the same moments a backtest does.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from apps.monitor.alert_records import Transition
from apps.monitor.backtest import is_firing
from apps.monitor.history import steps
from apps.monitor.intake import Intake, Reads
from apps.monitor.intake_records import IngestReport, ReplayStep
from apps.monitor.layouts import Layout, take_file
from apps.monitor.records import Reading
from apps.monitor.rows import RowRules, Taken
from apps.monitor.source_files import numbered_rows
from core.errors import DataError

AS_USUAL = Layout()
LONGEST_WAIT_S = 5.0  # of sleep between two looks at the stop sign
BEHIND = 10  # niceness of a replay that goes on behind


def read_dated(path: Path, rules: RowRules, layout: Layout = AS_USUAL) -> tuple[list[Taken], IngestReport]:
    """A file's items in order of receipt; undated ones cannot be played and are reported.

    ``DataError`` with the first reason when there is none that can.
    """
    taken, problems = take_file(numbered_rows(path), rules, layout, received_at=None)
    if not taken and problems.problems:
        first = problems.problems[0]
        raise DataError(f"'{path}' has no dated item to replay; {first.row}: {first.reason}")
    return sorted(taken, key=lambda one: (one.item.received_at, one.item.id)), problems


@dataclass
class Player:
    """Feeds the intake."""

    intake: Intake
    reader: Reads
    tick: Callable[[datetime, bool], list[Transition]]
    quiet: bool = True
    batch: int = 64

    def play(
        self, taken: Sequence[Taken], speed: float, stop: threading.Event, report: IngestReport
    ) -> Iterator[ReplayStep]:
        """One step per look; ends early when ``stop`` is set."""
        done, firings, before = 0, 0, None
        ahead = self._read_ahead(taken)
        for step in steps(taken, lambda one: one.item.received_at):
            if stop.is_set() or not _wait(before, step.now, speed, stop):
                return
            before = step.now
            lines: list[Transition] = []
            if step.batch:
                readings = {one.item.id: next(ahead) for one in step.batch}
                found, lines = self.intake.take(step.batch, step.now, self.quiet, readings)
                report += found
            if step.look:
                lines += self.tick(step.now, self.quiet)
            firings += sum(is_firing(line) for line in lines)
            done += len(step.batch)
            yield ReplayStep(step.now, done, len(taken), report, firings)

    def _read_ahead(self, taken: Sequence[Taken]) -> Iterator[Reading]:
        """Readings in order, a batch at a time: a model reads sixty-four texts far quicker than one by one."""
        for at in range(0, len(taken), self.batch):
            yield from self.reader.read([one.item for one in taken[at : at + self.batch]])


def _wait(before: datetime | None, now: datetime, speed: float, stop: threading.Event) -> bool:
    """Sleeps as long as the stream's time asks at that speed; False when stopped meanwhile."""
    if not speed or before is None:
        return True
    left = (now - before).total_seconds() / speed
    while left > 0:
        if stop.wait(min(left, LONGEST_WAIT_S)):
            return False
        left -= LONGEST_WAIT_S
    return True


@dataclass
class Progressing:
    """A replay that goes on behind: one thread, how far it is, what went wrong."""

    done: int = 0
    total: int = 0
    error: str = ""
    _thread: threading.Thread | None = None
    _stop: threading.Event = field(default_factory=threading.Event)

    def start(self, work: Callable[[threading.Event], Iterator[ReplayStep]]) -> None:
        """Runs it in a thread of its own."""
        self._thread = threading.Thread(target=self._run, args=(work,), name="monitor-sample", daemon=True)
        self._thread.start()

    def _run(self, work: Callable[[threading.Event], Iterator[ReplayStep]]) -> None:
        _step_back()
        try:
            for step in work(self._stop):
                self.done, self.total = step.done, step.total
        except Exception as error:  # noqa: BLE001 - it is a thread: what went wrong is shown in the status
            self.error = str(error)

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self._thread is not None and self._thread.is_alive()

    def shown(self) -> dict[str, object]:
        """For the status."""
        return {"running": self.running, "done": self.done, "total": self.total, "error": self.error}

    def stop(self) -> None:
        """Ends it and waits."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=30)


def _step_back() -> None:
    """Let the rest of the process go first, such as a first answer of the chatbot; Linux alone has this for threads."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(BEHIND, os.getpriority(os.PRIO_PROCESS, thread)))
