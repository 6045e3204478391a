"""The model that answers and the counts behind it, both in step with the database; a promoted model takes its place.

A new model is loaded and fed beside the old one and then put in its place: calls under way end on the old one, and
none fails. Looks happen in a thread of its own; ``catch_up`` looks at once.
"""

import gc
import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from apps.recommender.engine import Recommender
from apps.recommender.fallback import Fallback
from apps.recommender.following import Follower
from apps.recommender.model_shelf import ModelShelf
from apps.recommender.served import ServedList, impressions
from apps.recommender.store import Seen, Store
from core.errors import ConflictError, TrifoliumError

PATIENCE_S = 5.0  # how long a caller waits while a larger intake is being taken in
LARGE = 20_000  # items from which on memory is not looked through for garbage again and again
SAME_SHOP = 0.1  # share of a model's items that must be in the catalogue, of which many may have been deleted since
COUNTED = 200_000  # newest events that the fall-back reads at a start
log = logging.getLogger(__name__)


class Opens(Protocol):
    """Loads a saved recommender."""

    def __call__(self, folder: Path) -> Recommender: ...


class LiveModel:
    """``engine`` answers when there is one; ``fallback`` always can."""

    def __init__(
        self,
        store: Store,
        shelf: ModelShelf,
        fallback: Fallback,
        open_model: Opens,
        recent_lists: Callable[[], Iterable[ServedList]] = tuple,
    ) -> None:
        self._store, self._shelf, self._open, self._recent_lists = store, shelf, open_model, recent_lists
        self.fallback = fallback
        self._counts = Follower(store, fallback)
        self._followed: Follower | None = None
        self._swapping, self._ended = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None
        self.engine: Recommender | None = None
        self.name = ""  # of the version on the shelf
        self.problem = ""  # why there is no model, or not the newest one
        self._refused = ""  # a version that could not be loaded

    def start(self, every_s: float, then: Callable[[], None] = lambda: None) -> None:
        """Read everything, load the live model if there is one, and go on looking; ``then`` is called at each look."""
        self._counts.read_all(newest=COUNTED)
        self.look_at_shelf()
        self._thread = threading.Thread(target=self._run, args=(every_s, then), name="recommender-looks", daemon=True)
        self._thread.start()

    def catch_up(self, wait_s: float = PATIENCE_S) -> None:
        """Take in what anybody has committed by now; what is not done in time is done in the background."""
        self._counts.catch_up(wait_s)
        followed = self._followed
        if followed is not None:
            followed.catch_up(wait_s)

    def put(self, engine: Recommender, name: str, seen: Seen | None = None) -> None:
        """This model answers from now on; it is first fed from the database what it has not ``seen`` there."""
        follower = Follower(self._store, engine, seen or Seen())
        if seen is None:
            follower.read_all(event for one in self._recent_lists() for event in impressions(one))
        follower.catch_up()
        if len(self.fallback.item_ids()) >= LARGE:
            gc.freeze()  # objects that stay, by the million: each look through them all would stop calls for 0.5 s
        self._followed, self.engine, self.name = follower, engine, name
        self.problem = self._refused = ""

    def publish(self, engine: Recommender, name: str, seen: Seen) -> None:
        """Promote a model just fitted on what was ``seen``, and let it answer without reading it from disk."""
        with self._swapping:
            self._shelf.promote(name)
            self.put(engine, name, seen)

    def look_at_shelf(self, again: bool = False) -> bool:
        """Swap when another model is live on the shelf than here; whether it did.

        One that cannot be loaded leaves things as they are, with the reason in ``problem``; it is tried once, or
        ``again`` when somebody asks.
        """
        with self._swapping:
            wanted = self._shelf.live()
            if wanted is None or wanted.name == self.name or (wanted.name == self._refused and not again):
                return False
            try:
                engine = self._open(wanted.path)
                self._check_shop(engine)
                self.put(engine, wanted.name)
            except TrifoliumError as error:
                self._refused = wanted.name
                self.problem = f"Model {wanted.name} cannot be used: {error}"
                log.warning("%s", self.problem)
                return False
            log.info("Model %s answers from now on.", wanted.name)
            return True

    def _check_shop(self, engine: Recommender) -> None:
        """``ConflictError`` for a model of another shop, as when one home serves two databases."""
        here, its = set(self.fallback.item_ids()), engine.item_ids()
        known = sum(one in here for one in its)
        if here and known < SAME_SHOP * len(its):
            raise ConflictError(
                f"it was fitted on another catalogue, of its {len(its)} items {known} are in this one; train one here."
            )

    def close(self) -> None:
        """Look no more."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, every_s: float, then: Callable[[], None]) -> None:
        while not self._ended.wait(every_s):
            try:
                self.catch_up()
                self.look_at_shelf()
                then()
            except TrifoliumError as error:  # the database is away: the next look will do
                log.warning("The recommender could not look for changes: %s", error)
            except Exception:
                log.exception("A look for changes failed.")
