"""Answers in the making for pages: a worker writes, the page looks whenever it likes, and a click loses nothing.

Knows turns only as iterators of events; what they mean is the service's.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from uuid import uuid4

from apps.chatbot.records import Decision, Message
from apps.chatbot.reply import Decided, Finished, ReplyEvent
from core.errors import BusyError, NotFoundError, TrifoliumError
from core.events import Token

KEPT = 512  # finished answers remembered for a page that looks late; the database has them all
Work = Callable[[threading.Event], Iterator[ReplyEvent]]


@dataclass(frozen=True)
class PendingView:
    """An answer as it stands now; ``message`` is there once it is stored, ``error`` is one sentence."""

    id: str
    conversation_id: str
    text: str = ""
    decision: Decision | None = None
    done: bool = False
    error: str | None = None
    message: Message | None = None
    seconds: float = 0.0


class PendingAnswers:
    """A small pool of workers; at most ``workers`` run, as many wait, one at a time per conversation."""

    def __init__(self, workers: int) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="turn")
        self._most = 2 * workers
        self._views: OrderedDict[str, PendingView] = OrderedDict()
        self._cancels: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def submit(self, conversation_id: str, work: Work) -> PendingView:
        """Start a turn. ``BusyError`` when the conversation still waits for its last one, or too many wait."""
        with self._lock:
            open_ones = [view for view in self._views.values() if not view.done]
            if any(view.conversation_id == conversation_id for view in open_ones):
                raise BusyError("The last message is still being answered: wait for it or stop it.", status=409)
            if len(open_ones) >= self._most:
                raise BusyError(f"{len(open_ones)} answers are being written already: try again shortly.", status=503)
            view = PendingView(uuid4().hex, conversation_id)
            self._views[view.id] = view
            self._cancels[view.id] = threading.Event()
            while len(self._views) > KEPT:
                self._views.popitem(last=False)
        self._pool.submit(self._run, view.id, work)
        return view

    def view(self, pending_id: str) -> PendingView:
        """The answer as it stands; ``NotFoundError`` for an id never given or long forgotten."""
        with self._lock:
            found = self._views.get(pending_id)
        if found is None:
            raise NotFoundError(f"No answer in the making has the id '{pending_id}'.")
        return found

    def open_in(self, conversation_id: str) -> PendingView | None:
        """The answer a conversation still waits for, so that a reloaded page finds it again."""
        with self._lock:
            views = [one for one in self._views.values() if one.conversation_id == conversation_id and not one.done]
        return views[-1] if views else None

    def stop(self, pending_id: str) -> None:
        """Ask the worker to stop; what was said so far is kept."""
        cancel = self._cancels.get(pending_id)
        if cancel is not None:
            cancel.set()

    def close(self) -> None:
        """Stop everything and wait for the workers."""
        for cancel in list(self._cancels.values()):
            cancel.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, pending_id: str, work: Work) -> None:
        began = time.monotonic()
        try:
            for event in work(self._cancels[pending_id]):
                self._note(pending_id, event, time.monotonic() - began)
            self._change(pending_id, done=True)
        except TrifoliumError as error:
            self._change(pending_id, done=True, error=str(error))
        except Exception:
            import logging

            logging.getLogger(__name__).exception("A turn failed")
            self._change(pending_id, done=True, error="Something went wrong while answering; the log tells more.")
        finally:
            self._cancels.pop(pending_id, None)

    def _note(self, pending_id: str, event: ReplyEvent, seconds: float) -> None:
        if isinstance(event, Token):
            self._change(pending_id, text=self.view(pending_id).text + event.text, seconds=seconds)
        elif isinstance(event, Decided):
            self._change(pending_id, decision=event.decision)
        elif isinstance(event, Finished):
            self._change(pending_id, text=event.message.text, message=event.message, seconds=seconds)

    def _change(self, pending_id: str, **changes: object) -> None:
        with self._lock:
            if pending_id in self._views:
                self._views[pending_id] = replace(self._views[pending_id], **changes)  # type: ignore[arg-type]
