"""A replay that goes on behind."""

import os
import sys
import threading

import pytest

from apps.monitor.replay import BEHIND, Progressing


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a priority of their own on Linux only")
def test_a_replay_behind_lets_the_rest_of_the_process_go_first():
    seen = []

    def work(stop):
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        yield from ()

    before = os.getpriority(os.PRIO_PROCESS, 0)
    replay = Progressing()
    replay.start(work)
    replay.stop()
    assert seen == [min(19, max(before, BEHIND))]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
    assert replay.shown()["error"] == ""
