"""The lexical index and one vector index per embedder, kept together: changed by difference, saved, read.

It knows nothing of dates, audiences, groups or ranking. Embedding runs outside the lock, changing inside it.
"""

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from core.errors import DataError
from core.events import Log, OnEvent
from core.retrieval.entries import Embeds, Entry, readers
from core.retrieval.hits import Difference, difference
from core.retrieval.lexical import LexicalIndex
from core.retrieval.vector_cache import VectorCache
from core.retrieval.vectors import VectorIndex
from core.text import content_hash

LEXICAL = "lexical"
Index = TypeVar("Index", LexicalIndex, VectorIndex)


class Indexes:
    """``folder`` holds the index files, ``cache_folder`` the vectors by content; None keeps them in memory only."""

    def __init__(self, embedders: Sequence[Embeds], folder: Path | None, cache_folder: Path | None) -> None:
        self.embedders = {one.name: one for one in embedders}
        self.lexical = LexicalIndex()
        self.vectors = {name: VectorIndex(name, one.dim) for name, one in self.embedders.items()}
        self.lock = threading.RLock()
        self._folder = folder
        self._caches = {n: VectorCache(_file(cache_folder, n, "db"), e.dim) for n, e in self.embedders.items()}

    def ids(self) -> frozenset[str]:
        """Ids that any index holds."""
        return frozenset(self.lexical.hashes).union(*(index.hashes for index in self.vectors.values()))

    def open(self, on_event: OnEvent | None = None) -> None:
        """Reads the files; a missing or damaged one leaves its index empty, for the next change to fill."""
        with self.lock:
            self.lexical = _read(_file(self._folder, LEXICAL, "npz"), LexicalIndex.load, on_event) or self.lexical
            for name, one in self.embedders.items():
                self.vectors[name] = (
                    _read(_file(self._folder, name, "npz"), _loader(one), on_event) or self.vectors[name]
                )

    def save(self) -> None:
        """Writes the files, each in one atomic step."""
        both: dict[str, LexicalIndex | VectorIndex] = {LEXICAL: self.lexical, **self.vectors}
        with self.lock:
            for name, index in both.items():
                path = _file(self._folder, name, "npz")
                if path is not None:
                    index.save(path)

    def change(
        self,
        wanted: Mapping[str, Entry],
        scope: Collection[str],
        on_event: OnEvent | None,
        meanwhile: Callable[[], None],
    ) -> bool:
        """Makes the ids in ``scope`` hold the wanted texts or nothing; ``meanwhile`` runs in the same locked step.

        Returns whether any index changed. When embedding fails nothing has changed.
        """
        hashes = {one: content_hash(entry.text) for one, entry in wanted.items()}
        words = _part(self.lexical.hashes, scope, hashes)
        plans = {name: self._plan(name, wanted, scope, hashes) for name in self.embedders}
        made = {name: self._embed(name, plan, wanted, on_event) for name, plan in plans.items()}
        with self.lock:
            meanwhile()
            self.lexical.delete(words.gone)
            fresh = [*words.changed, *words.added]
            self.lexical.update(fresh, [wanted[one].text for one in fresh])
            for name, plan in plans.items():
                self.vectors[name].delete(plan.gone)
                fresh = [*plan.changed, *plan.added]
                self.vectors[name].update(fresh, made[name], [hashes[one] for one in fresh])
        return bool(words) or any(plans.values())

    def _plan(
        self, name: str, wanted: Mapping[str, Entry], scope: Collection[str], hashes: Mapping[str, str]
    ) -> Difference:
        """A text is embedded by the models that read its language."""
        models = list(self.embedders.values())
        mine = {one: hashes[one] for one, entry in wanted.items() if name in readers(models, entry.language)}
        return _part(self.vectors[name].hashes, scope, mine)

    def _embed(self, name: str, plan: Difference, wanted: Mapping[str, Entry], on_event: OnEvent | None) -> np.ndarray:
        texts = [wanted[one].text for one in (*plan.changed, *plan.added)]
        return self._caches[name].vectors(texts, self.embedders[name].encode, on_event, stage=f"embed ({name})")


def _part(have: Mapping[str, str], scope: Collection[str], want: Mapping[str, str]) -> Difference:
    return difference({one: have[one] for one in scope if one in have}, want)


def _loader(embedder: Embeds) -> Callable[[Path], VectorIndex]:
    return lambda path: VectorIndex.load(path, embedder.name, embedder.dim)


def _read(path: Path | None, load: Callable[[Path], Index], on_event: OnEvent | None) -> Index | None:
    if path is None or not path.exists():
        return None
    try:
        return load(path)
    except DataError as error:
        if on_event is not None:
            on_event(Log(str(error)))
        return None


def _file(folder: Path | None, name: str, ending: str) -> Path | None:
    """A file for that name; names of models may hold slashes, so those are replaced and a hash keeps them apart."""
    if folder is None:
        return None
    safe = "".join(letter if letter.isalnum() or letter in "-._" else "-" for letter in name)
    return folder / (f"{safe}.{ending}" if safe == name else f"{safe}-{content_hash(name)[:8]}.{ending}")
