"""Nearest unit vectors by inner product on FAISS: exact while few, in clusters (IVF) when many; ids are strings.

IVF and not HNSW above the limit, since HNSW in FAISS cannot delete. Not locked: callers do.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from core.errors import DataError
from core.retrieval.files import read_arrays, write_arrays
from core.retrieval.hits import Allowed, Hit

EXACT_UP_TO = 50_000  # exact search of 384 dimensions: 0.4 ms at 10,000 vectors, 7 ms at 100,000, one thread
PROBED_SHARE = 8  # one cluster in eight is read: recall stays near exact where a twentieth would lose a tenth


class VectorIndex:
    """Vectors of one model; ``model`` names it, so that a file of another model's vectors is never read."""

    def __init__(self, model: str, dim: int, exact_up_to: int = EXACT_UP_TO) -> None:
        self.model, self.dim, self._exact_up_to = model, dim, exact_up_to
        self._numbers: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._hashes: dict[str, str] = {}
        self._next = 0
        self._faiss: Any = _exact(dim)

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def hashes(self) -> Mapping[str, str]:
        """Content hash of each indexed text by id."""
        return self._hashes

    @property
    def clustered(self) -> bool:
        """Whether search reads a part of the vectors only."""
        return hasattr(self._faiss, "nprobe")

    def add(self, ids: Sequence[str], vectors: np.ndarray, hashes: Sequence[str]) -> None:
        """Indexes unit vectors (n, dim) under new ids. Raises ``DataError`` for a known id, a wrong shape, NaN."""
        vectors = self._checked(ids, vectors, hashes)
        if not len(ids):
            return
        numbers = np.arange(self._next, self._next + len(ids), dtype=np.int64)
        if not self.clustered and len(self) + len(ids) > self._exact_up_to:
            self._cluster(vectors)
        self._faiss.add_with_ids(vectors, numbers)
        self._next += len(ids)
        for one, number, content in zip(ids, numbers.tolist(), hashes, strict=True):
            self._numbers[one], self._names[number], self._hashes[one] = number, one, content

    def update(self, ids: Sequence[str], vectors: np.ndarray, hashes: Sequence[str]) -> None:
        """Replaces the vectors of these ids, adding those that are new."""
        self.delete(ids)
        self.add(ids, vectors, hashes)

    def delete(self, ids: Iterable[str]) -> None:
        """Drops these ids; unknown ones are passed over."""
        gone = [one for one in dict.fromkeys(ids) if one in self._numbers]
        if not gone:
            return
        numbers = np.array([self._numbers.pop(one) for one in gone], np.int64)
        for one, number in zip(gone, numbers.tolist(), strict=True):
            del self._names[number], self._hashes[one]
        self._faiss.remove_ids(numbers)

    def search(self, vector: np.ndarray, k: int, allowed: Allowed | None = None) -> list[Hit]:
        """The ``k`` nearest to a unit vector (dim,), best first, with their cosine."""
        if not self._numbers or k < 1:
            return []
        look = min(len(self), k if allowed is None else 2 * k + 10)
        while True:
            scores, numbers = self._faiss.search(np.asarray(vector, np.float32).reshape(1, -1), look)
            found = [
                Hit(self._names[n], float(s)) for s, n in zip(scores[0], numbers[0].tolist(), strict=True) if n >= 0
            ]
            passed = [hit for hit in found if allowed is None or allowed(hit.id)][:k]
            if len(passed) == k or look == len(self) or len(found) < look:
                return passed
            look = min(len(self), 4 * look)

    def nearest(self, vector: np.ndarray, k: int) -> list[str]:
        """Ids of the ``k`` nearest to a unit vector (dim,), best first: ``search`` for those who need no cosine."""
        if not self._numbers or k < 1:
            return []
        query = np.asarray(vector, np.float32).reshape(1, -1)
        _, numbers = self._faiss.search(query, min(len(self), k))
        return [self._names[n] for n in numbers[0].tolist() if n >= 0]

    def scores(self, vector: np.ndarray, ids: Sequence[str]) -> list[float | None]:
        """The cosine of each id's vector with a unit vector (dim,); None for an id that is not here."""
        known = [one for one in ids if one in self._numbers]
        if not known:
            return [None] * len(ids)
        rows = self._faiss.reconstruct_batch(np.array([self._numbers[one] for one in known], np.int64))  # (n, dim)
        cosines = dict(zip(known, (rows @ np.asarray(vector, np.float32)).tolist(), strict=True))
        return [cosines.get(one) for one in ids]

    def save(self, path: Path) -> None:
        """Writes the index in one atomic step."""
        import faiss

        ids = list(self._numbers)
        facts = {
            "model": self.model,
            "dim": self.dim,
            "ids": ids,
            "hashes": [self._hashes[one] for one in ids],
            "next": self._next,
        }
        numbers = np.array([self._numbers[one] for one in ids], np.int64)
        write_arrays(path, {"faiss": faiss.serialize_index(self._faiss), "numbers": numbers}, facts)

    @classmethod
    def load(cls, path: Path, model: str, dim: int, exact_up_to: int = EXACT_UP_TO) -> "VectorIndex":
        """The saved index. Raises ``DataError`` when it is missing, damaged or of another model."""
        import faiss

        arrays, facts = read_arrays(path)
        if (facts.get("model"), facts.get("dim")) != (model, dim):
            raise DataError(f"The index file '{path.name}' holds vectors of another model and must be built again.")
        index = cls(model, dim, exact_up_to)
        try:
            numbers = arrays["numbers"].tolist()
            index._faiss = faiss.deserialize_index(arrays["faiss"])
            index._numbers = dict(zip(facts["ids"], numbers, strict=True))
            index._hashes = dict(zip(facts["ids"], facts["hashes"], strict=True))
            index._next = facts["next"]
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            raise DataError(f"The index file '{path.name}' does not fit together and must be built again.") from error
        index._names = {number: one for one, number in index._numbers.items()}
        if index._faiss.ntotal != len(numbers) or index._faiss.d != dim:
            raise DataError(f"The index file '{path.name}' does not fit together and must be built again.")
        return index

    def _checked(self, ids: Sequence[str], vectors: np.ndarray, hashes: Sequence[str]) -> np.ndarray:
        vectors = np.ascontiguousarray(vectors, np.float32)
        if vectors.shape != (len(ids), self.dim) or len(ids) != len(hashes):
            found = f"{vectors.shape}, {len(ids)} ids and {len(hashes)} hashes"
            raise DataError(f"Vectors must be (n, {self.dim}) with n ids and n hashes, got {found}.")
        repeated = [one for one, count in Counter(ids).items() if count > 1 or one in self._numbers]
        if repeated:
            raise DataError(f"Id '{repeated[0]}' is in the index already; update it instead.")
        if not np.isfinite(vectors).all():
            raise DataError(f"The model '{self.model}' gave a vector that is not finite.")
        return vectors

    def _cluster(self, more: np.ndarray) -> None:
        """Moves the exact vectors into clusters learnt on them and on those about to come."""
        import faiss

        numbers = np.array(list(self._names), np.int64)
        have = np.zeros((0, self.dim), np.float32)
        if len(numbers):
            have = np.stack([self._faiss.reconstruct(int(number)) for number in numbers])
        clusters = max(1, int(4 * np.sqrt(len(have) + len(more))))  # FAISS's own guideline: 4 to 16 times the root
        # half precision: a search is the reading of memory, and takes two thirds of the time at the same recall
        index: Any = faiss.index_factory(self.dim, f"IVF{clusters},SQfp16", faiss.METRIC_INNER_PRODUCT)
        index.cp.min_points_per_centroid = 1  # few vectors only cost precision of the clusters, no warning needed
        index.train(np.concatenate([have, more]))
        index.set_direct_map_type(cast(Any, faiss).DirectMap.Hashtable)  # delete and read back by id
        index.nprobe = max(1, clusters // PROBED_SHARE)
        if len(numbers):
            index.add_with_ids(have, numbers)
        self._faiss = index


def _exact(dim: int) -> Any:
    import faiss

    return faiss.IndexIDMap2(faiss.IndexFlatIP(dim))
