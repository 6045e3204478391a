"""Vectors by content hash, so that no text is embedded twice by the same model, whatever index asks.

A small SQLite file per model: crash-safe, shared by several processes, and safe to delete at any time.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from core.events import OnEvent, Progress
from core.retrieval.entries import Embeds
from core.text import content_hash

BATCH = 256  # texts embedded between two writes: what a kill can cost
LOOKUP = 500  # SQLite allows some thousand variables in one statement

Encode = Callable[[Sequence[str]], np.ndarray]


class VectorCache:
    """One model's vectors; ``path`` None keeps them in memory only."""

    def __init__(self, path: Path | None, dim: int) -> None:
        self._path, self._dim = path, dim
        self._memory: dict[str, np.ndarray] = {}
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._create()

    def vectors(
        self, texts: Sequence[str], encode: Encode, on_event: OnEvent | None = None, stage: str = "embed"
    ) -> np.ndarray:
        """Unit vectors of the texts, (n, dim) float32; only texts never seen are encoded, in batches kept at once."""
        hashes = [content_hash(text) for text in texts]
        known = self._get(list(dict.fromkeys(hashes)))
        fresh: dict[str, str] = {}
        for one, text in zip(hashes, texts, strict=True):
            if one not in known:
                fresh.setdefault(one, text)
        names = list(fresh)
        for start in range(0, len(names), BATCH):
            part = names[start : start + BATCH]
            made = np.asarray(encode([fresh[one] for one in part]), np.float32)
            known.update(zip(part, made, strict=True))
            self._put(part, made)
            if on_event is not None:
                on_event(Progress(stage, min(start + BATCH, len(names)), len(names), None))
        return np.stack([known[one] for one in hashes]) if hashes else np.zeros((0, self._dim), np.float32)

    def _get(self, hashes: Sequence[str]) -> dict[str, np.ndarray]:
        if self._path is None:
            return {one: self._memory[one] for one in hashes if one in self._memory}
        found: dict[str, np.ndarray] = {}
        with self._connection() as connection:
            for start in range(0, len(hashes), LOOKUP):
                part = hashes[start : start + LOOKUP]
                marks = ",".join("?" * len(part))
                rows = connection.execute(f"SELECT hash, vector FROM vectors WHERE hash IN ({marks})", part)
                found |= {one: np.frombuffer(blob, np.float32) for one, blob in rows if len(blob) == 4 * self._dim}
        return found

    def _put(self, hashes: Sequence[str], vectors: np.ndarray) -> None:
        if self._path is None:
            self._memory.update(zip(hashes, vectors, strict=True))
            return
        rows = [(one, vector.tobytes()) for one, vector in zip(hashes, vectors, strict=True)]
        with self._connection() as connection:
            connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection of this call (any thread may call) in one transaction."""
        assert self._path is not None
        connection = sqlite3.connect(self._path, timeout=30)
        try:
            with connection:
                yield connection
        finally:
            connection.close()

    def _create(self) -> None:
        assert self._path is not None
        try:
            self._open_table()
        except sqlite3.DatabaseError:
            for tail in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + tail).unlink(missing_ok=True)
            self._open_table()

    def _open_table(self) -> None:
        with self._connection() as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE IF NOT EXISTS vectors (hash TEXT PRIMARY KEY, vector BLOB) WITHOUT ROWID")
            connection.execute("SELECT count(*) FROM (SELECT 1 FROM vectors LIMIT 1)")


class CachedEmbedder:
    """An embedder whose batches of two and more are kept on disk; single questions are not, they may be personal."""

    def __init__(self, embedder: Embeds, folder: Path | None) -> None:
        self._embedder = embedder
        self.name, self.dim, self.languages = embedder.name, embedder.dim, list(embedder.languages)
        self._cache = VectorCache(folder / f"batches-{embedder.name}.db" if folder else None, embedder.dim)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """(n, dim) float32 unit rows."""
        return self._embedder.encode(texts) if len(texts) < 2 else self._cache.vectors(texts, self._embedder.encode)
