"""Work that outlives a rerun: a thread does it, the page looks at how far it is."""

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import streamlit as st

from apps.chatbot.ui.shared import one_sentence, say
from core.errors import TrifoliumError
from core.events import Event, OnEvent, Progress

T = TypeVar("T")


class Job(Generic[T]):
    """``work`` running in a thread; ``result`` or ``error`` (one sentence) is set when ``done``."""

    def __init__(self, work: Callable[[OnEvent], T]) -> None:
        self.progress: Progress | None = None
        self.result: T | None = None
        self.error: str | None = None
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether the work has ended, well or badly."""
        return not self._thread.is_alive()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the end, for tests and scripts."""
        self._thread.join(timeout_s)
        return self.done

    def _run(self, work: Callable[[OnEvent], T]) -> None:
        try:
            self.result = work(self._listen)
        except TrifoliumError as error:
            self.error = str(error)
        except Exception:
            logging.getLogger(__name__).exception("Work started from a page failed.")
            self.error = "unexpected"

    def _listen(self, event: Event) -> None:
        if isinstance(event, Progress):
            self.progress = event


@st.fragment(run_every=0.5)
def watch(key: str) -> None:
    """Draw the progress of the job kept under ``key`` and redraw the page when it has ended."""
    with one_sentence():
        job = st.session_state.get(key)
        if not isinstance(job, Job):
            return
        if job.done:
            st.rerun()
        seen = job.progress
        st.progress(seen.fraction if seen else 0.0, text=seen.stage if seen else say("working"))
