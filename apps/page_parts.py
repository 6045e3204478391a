"""What the pages of every leaf share: text from outside made harmless, one-sentence errors, sections, work in a thread.

Knows Streamlit and no leaf: a leaf's pages import this, never the other way round. Words come in as arguments.
"""

import logging
import re
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Generic, TypeVar

import streamlit as st

from core.errors import TrifoliumError
from core.events import Event, OnEvent, Progress
from core.reasons import in_language, reason_of

LANGUAGE_KEY = "ui_language"  # where the shell keeps the visitor's choice
LOOK_S = 0.5
PADDING_PX, LINE_PX, LINE_LETTERS = 17, 18, 70  # of a table's rows, where a column is as wide as tables make it
_MARKS = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:^=])")
T = TypeVar("T")


def language() -> str:
    """The language of the interface, chosen in the shell."""
    return str(st.session_state.get(LANGUAGE_KEY, "en"))


def plain(text: str) -> str:
    """Text from outside as Markdown that shows exactly these characters: no image, link, formula or directive."""
    return _MARKS.sub(r"\\\1", text).replace("\n", "  \n")


def shorten(text: str, most: int = 60) -> str:
    """The text on one line, cut with an ellipsis."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def listed(names: Iterable[str]) -> str:
    """Names one after the other, parted as the visitor's language does."""
    return ("、" if language() == "zh" else ", ").join(names)


def percent(value: float) -> str:
    """A share as a whole percentage."""
    return f"{value:.0%}"


def moment(when: datetime, zone: tzinfo | None = None) -> str:
    """A moment to the minute, in ``zone`` or else in the server's own time zone."""
    return f"{when.astimezone(zone):%Y-%m-%d %H:%M}"


@dataclass(frozen=True)
class DateForms:
    """How a chart's axis writes moments, as d3 formats that nobody can read as another day (11-01 is two)."""

    day: str
    minute: str
    month: str


_DATE_FORMS = {
    "en": DateForms("%-d %b", "%-d %b %H:%M", "%b %Y"),
    "zh": DateForms("%-m月%-d日", "%-m月%-d日 %H:%M", "%Y年%-m月"),
}


def date_forms() -> DateForms:
    """Those of the visitor's language."""
    return _DATE_FORMS["zh" if language() == "zh" else "en"]


@contextmanager
def one_sentence(unexpected: str) -> Iterator[None]:
    """Whatever goes wrong inside is shown as one sentence, ``unexpected`` for a bug; the log has the rest."""
    try:
        yield
    except TrifoliumError as error:
        st.error(plain(in_language(reason_of(error), language())), icon=":material/error:")
    except Exception:
        logging.getLogger(__name__).exception("A page failed.")
        st.error(unexpected, icon=":material/error:")


def choose(key: str, options: Mapping[str, str], label: str) -> str:
    """A row of sections of which one is open; only the open one is drawn."""
    chosen = st.segmented_control(
        label,
        list(options),
        key=key,
        format_func=lambda name: options.get(name, name),
        default=next(iter(options)),
        required=True,
        label_visibility="collapsed",
    )
    return str(chosen)


def say_later(text: str, icon: str = ":material/check_circle:") -> None:
    """Redraw the page, then tell the visitor what was done."""
    st.session_state["said"] = (text, icon)
    st.rerun()


def said() -> None:
    """Show what ``say_later`` left."""
    text, icon = st.session_state.pop("said", (None, None))
    if text:
        st.toast(text, icon=icon)


def keep(*keys: str) -> None:
    """What was chosen in these widgets outlives a draw without them; to be called before they may be drawn."""
    for key in keys:
        if key in st.session_state:
            st.session_state[key] = st.session_state[key]


def contents(files: Iterable[Any]) -> list[tuple[str, bytes]]:
    """Uploads as names without folders and bytes, to be read before a thread starts: they die with the rerun."""
    return [(Path(str(file.name).replace("\\", "/")).name, file.getvalue()) for file in files]


def wrapped_table(rows: Sequence[Mapping[str, object]], column: str) -> None:
    """A table, at least one row, as high as the longest text of ``column`` needs: it cuts off what is longer."""
    longest = max(len(str(row[column]).encode("gbk", "replace")) for row in rows)  # a Chinese letter is two wide
    st.dataframe(list(rows), hide_index=True, row_height=PADDING_PX + LINE_PX * (1 + longest // LINE_LETTERS))


@contextmanager
def as_paths(files: Iterable[tuple[str, bytes]]) -> Iterator[list[Path]]:
    """The same as files in a folder that is gone afterwards; two of the same name do not meet."""
    with tempfile.TemporaryDirectory(prefix="trifolium-upload-") as folder:
        paths = []
        for number, (name, content) in enumerate(files):
            paths.append(Path(folder) / str(number) / name)
            paths[-1].parent.mkdir()
            paths[-1].write_bytes(content)
        yield paths


class Job(Generic[T]):
    """``work`` running in a thread that outlives a rerun; ``result`` or ``error`` (one sentence) is set at its end."""

    def __init__(self, work: Callable[[OnEvent], T], unexpected: str) -> None:
        self.progress: Progress | None = None
        self.result: T | None = None
        self.error: str | None = None
        self._unexpected = unexpected
        self._thread = threading.Thread(target=self._run, args=(work,), name="page-job", daemon=True)
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
            self.error = reason_of(error)
        except Exception:
            logging.getLogger(__name__).exception("Work started from a page failed.")
            self.error = self._unexpected

    def _listen(self, event: Event) -> None:
        if isinstance(event, Progress):
            self.progress = event


@st.fragment(run_every=LOOK_S)
def watch_job(key: str, working: str) -> None:
    """Draw the progress of the job kept under ``key`` and redraw the page when it has ended."""
    job = st.session_state.get(key)
    if not isinstance(job, Job):
        return
    if job.done:
        st.rerun()
    seen = job.progress
    done = f" {seen.done} / {seen.total}" if seen and seen.total else ""
    st.progress(seen.fraction if seen else 0.0, text=f"{working}{done}")
