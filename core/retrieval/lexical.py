"""BM25 over words and Chinese character bigrams, with add, update and delete that never read the other texts again.

Texts are tokenised once. Most rows lie in one packed segment of postings, later ones in a small open segment; the two
are packed anew (from counts, not from text) when the open one or the dead rows have grown to a fifth. Not locked:
callers do.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from core.errors import DataError
from core.retrieval.files import read_arrays, write_arrays
from core.retrieval.hits import Allowed, Hit
from core.text import content_hash, lexical_tokens

K1, B = 1.5, 0.75  # the usual values, also bm25s' (arXiv 2407.03618)
OPEN_ROWS = 500  # an open segment smaller than this is never worth packing
PACK_SHARE = 0.2
QUERY_TOKENS = 128  # rarest tokens of a long query; the rest moves no rank and only costs time
PROBE = "Refund for 2 kettles ｔｅｓｔ 退货政策說明"  # a file made by another tokenizer is noticed by what this becomes

NOTHING = np.zeros(0, np.int32)

Tokenizer = Callable[[str], list[str]]


class LexicalIndex:
    """Scores as Lucene's BM25, ``sum idf * tf / (tf + k1 * (1 - b + b * length / mean length))``; ties by arrival."""

    def __init__(self, tokens: Tokenizer = lexical_tokens) -> None:
        self._tokens = tokens
        self._vocabulary: dict[str, int] = {}
        self._ids: list[str] = []  # per row; a dead row keeps its place until the next packing
        self._hashes: dict[str, str] = {}  # of live ids
        self._rows: dict[str, int] = {}  # of live ids
        self._forward: list[tuple[np.ndarray, np.ndarray]] = []  # per row: token numbers, counts
        self._lengths = np.zeros(0, np.float32)  # (rows,) or longer; tokens per row
        self._alive = np.zeros(0, bool)
        self._df = np.zeros(0, np.int64)  # (tokens,) or longer; live rows that hold the token
        self._live_tokens = 0.0
        self._pack()

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def hashes(self) -> Mapping[str, str]:
        """Content hash of each indexed text by id."""
        return self._hashes

    def add(self, ids: Sequence[str], texts: Sequence[str]) -> None:
        """Indexes texts under new ids. Raises ``DataError`` for an id that is there already or a length mismatch."""
        if len(ids) != len(texts):
            raise DataError(f"add needs as many ids as texts, got {len(ids)} and {len(texts)}.")
        repeated = [one for one, count in Counter(ids).items() if count > 1 or one in self._rows]
        if repeated:
            raise DataError(f"Id '{repeated[0]}' is in the index already; update it instead.")
        for one, text in zip(ids, texts, strict=True):
            self._append(one, text)
        self._pack_when_due()

    def update(self, ids: Sequence[str], texts: Sequence[str]) -> None:
        """Replaces the texts of these ids, adding those that are new."""
        self.delete([one for one in ids if one in self._rows])
        self.add(ids, texts)

    def delete(self, ids: Iterable[str]) -> None:
        """Drops these ids; unknown ones are passed over."""
        for one in ids:
            row = self._rows.pop(one, None)
            if row is None:
                continue
            del self._hashes[one]
            self._alive[row] = False
            self._live_tokens -= float(self._lengths[row])
            self._df[self._forward[row][0]] -= 1
        self._pack_when_due()

    def search(self, query: str, k: int, allowed: Allowed | None = None) -> list[Hit]:
        """The best ``k`` live texts that share a token with the query, best first."""
        wanted = self._query(query)
        if not wanted or not self._rows or k < 1:
            return []
        scores = self._scores(wanted)
        scores[~self._alive[: len(scores)]] = 0.0
        return self._best(scores, k, allowed)

    def likeness(self, query: str, ids: Sequence[str]) -> list[tuple[float, float]]:
        """How many of the question's words each text holds (coverage), and how alike the two are (resemblance).

        Both in [0, 1], by word weight (idf), comparable between questions where a score is not: coverage is ``shared
        / question``, resemblance ``2 * shared / (question + text)``. A word no text holds counts as the rarest, so a
        question about something unknown is covered little.
        """
        tokens = set(self._tokens(query))
        numbered = (number for token in tokens if (number := self._vocabulary.get(token)) is not None)
        known = np.fromiter(numbered, np.int64)
        asked = float(self._idfs(known).sum()) + (len(tokens) - len(known)) * self._idf(0)
        texts = [self._forward[row][0] if (row := self._rows.get(one)) is not None else NOTHING for one in ids]
        if not asked or not texts:
            return [(0.0, 0.0)] * len(ids)
        numbers, owners = np.concatenate(texts), np.repeat(np.arange(len(ids)), [len(text) for text in texts])
        weights = self._idfs(numbers)
        whole = np.bincount(owners, weights, len(ids))  # (ids,)
        shared = np.bincount(owners, weights * np.isin(numbers, known), len(ids))
        return list(zip((shared / asked).tolist(), (2 * shared / (asked + whole)).tolist(), strict=True))

    def save(self, path: Path) -> None:
        """Writes the index, packed, in one atomic step."""
        self._pack()
        numbers, counts, ends = _flat(self._forward)
        facts = {
            "probe": _probe(self._tokens),
            "ids": self._ids,
            "hashes": [self._hashes[one] for one in self._ids],
            "vocabulary": list(self._vocabulary),
        }
        write_arrays(path, {"numbers": numbers, "counts": counts, "ends": ends}, facts)

    @classmethod
    def load(cls, path: Path, tokens: Tokenizer = lexical_tokens) -> "LexicalIndex":
        """The saved index. Raises ``DataError`` when it is missing, damaged or made by another tokenizer."""
        arrays, facts = read_arrays(path)
        if facts.get("probe") != _probe(tokens):
            raise DataError(f"The index file '{path.name}' was made by another tokenizer and must be built again.")
        index = cls(tokens)
        try:
            index._restore(arrays, facts["ids"], facts["hashes"], facts["vocabulary"])
        except (KeyError, ValueError, IndexError, TypeError) as error:
            raise DataError(f"The index file '{path.name}' does not fit together and must be built again.") from error
        return index

    def _restore(self, arrays: Mapping[str, np.ndarray], ids: list[str], hashes: list[str], words: list[str]) -> None:
        self._vocabulary = {word: number for number, word in enumerate(words)}
        self._ids, self._hashes = ids, dict(zip(ids, hashes, strict=True))
        cuts = arrays["ends"][:-1]
        numbers, counts = np.split(arrays["numbers"], cuts), np.split(arrays["counts"], cuts)
        self._forward = list(zip(numbers, counts, strict=True)) if ids else []
        if len(self._forward) != len(ids):
            raise ValueError("rows and ids differ")
        self._rows = {one: row for row, one in enumerate(ids)}
        self._alive = np.ones(len(ids), bool)
        self._pack()

    def _append(self, one: str, text: str) -> None:
        counted = Counter(self._tokens(text))
        numbers = np.fromiter(
            (self._vocabulary.setdefault(token, len(self._vocabulary)) for token in counted), np.int32, len(counted)
        )
        counts = np.fromiter(counted.values(), np.float32, len(counted))
        row, length = len(self._ids), float(counts.sum())
        self._lengths, self._alive = _room(self._lengths, row + 1), _room(self._alive, row + 1)
        self._df = _room(self._df, len(self._vocabulary))
        self._lengths[row], self._alive[row] = length, True
        self._live_tokens += length
        self._df[numbers] += 1
        for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
            rows, row_counts = self._open.setdefault(number, ([], []))
            rows.append(row)
            row_counts.append(count)
        self._ids.append(one)
        self._forward.append((numbers, counts))
        self._rows[one], self._hashes[one] = row, content_hash(text)

    def _pack_when_due(self) -> None:
        open_rows, dead = len(self._ids) - self._packed_rows, len(self._ids) - len(self._rows)
        if max(open_rows, dead) > max(OPEN_ROWS, PACK_SHARE * len(self._ids)):
            self._pack()

    def _pack(self) -> None:
        """Drops dead rows and sorts all postings by token into one segment."""
        kept = [row for row, one in enumerate(self._ids) if self._rows.get(one) == row]
        self._ids, self._forward = [self._ids[row] for row in kept], [self._forward[row] for row in kept]
        self._rows = {one: row for row, one in enumerate(self._ids)}
        numbers, counts, ends = _flat(self._forward)
        sizes = np.diff(ends, prepend=0)
        rows = np.repeat(np.arange(len(self._ids), dtype=np.int32), sizes)
        order = np.argsort(numbers, kind="stable")
        self._df = np.bincount(numbers, minlength=len(self._vocabulary)).astype(np.int64)
        self._starts = np.concatenate([[0], np.cumsum(self._df)])  # (tokens + 1,): where a token's postings begin
        self._packed_row, self._packed_count = rows[order], counts[order]
        self._lengths = np.bincount(rows, weights=counts, minlength=len(self._ids)).astype(np.float32)
        self._alive = np.ones(len(self._ids), bool)
        self._live_tokens = float(self._lengths.sum())
        self._packed_rows = len(self._ids)
        self._open: dict[int, tuple[list[int], list[float]]] = {}

    def _query(self, query: str) -> list[tuple[int, float]]:
        """Known tokens with their weight (count times idf), the rarest ones of a long query."""
        counts = Counter(number for token in self._tokens(query) if (number := self._vocabulary.get(token)) is not None)
        weighted = [(n, count * self._idf(int(self._df[n]))) for n, count in counts.items() if self._df[n]]
        return sorted(weighted, key=lambda pair: -pair[1])[:QUERY_TOKENS]

    def _idf(self, df: int) -> float:
        return float(np.log1p((len(self._rows) - df + 0.5) / (df + 0.5)))

    def _idfs(self, numbers: np.ndarray) -> np.ndarray:
        df = self._df[numbers]
        return np.asarray(np.log1p((len(self._rows) - df + 0.5) / (df + 0.5)))

    def _scores(self, wanted: Sequence[tuple[int, float]]) -> np.ndarray:
        scores = np.zeros(len(self._ids), np.float32)  # (rows,)
        mean = self._live_tokens / len(self._rows) or 1.0
        norms = K1 * (1 - B + B * self._lengths[: len(scores)] / mean)
        for number, weight in wanted:
            for rows, counts in self._postings(number):
                scores[rows] += weight * counts / (counts + norms[rows])  # a row occurs once per token
        return scores

    def _postings(self, number: int) -> Iterable[tuple[np.ndarray, np.ndarray]]:
        if number + 1 < len(self._starts):
            part = slice(self._starts[number], self._starts[number + 1])
            yield self._packed_row[part], self._packed_count[part]
        if number in self._open:
            rows, counts = self._open[number]
            yield np.array(rows, np.int32), np.array(counts, np.float32)

    def _best(self, scores: np.ndarray, k: int, allowed: Allowed | None) -> list[Hit]:
        """Looks at ever more rows until ``k`` pass the filter; nearly always the first look is enough."""
        look = min(len(scores), k if allowed is None else 2 * k + 10)
        while True:
            least = max(np.partition(scores, -look)[-look], np.finfo(np.float32).tiny)
            best = np.flatnonzero(scores >= least)  # more than ``look`` when some tie, so that order is by arrival
            best = best[np.lexsort((best, -scores[best]))]
            found = [Hit(self._ids[row], float(scores[row])) for row in best]
            passed = [hit for hit in found if allowed is None or allowed(hit.id)][:k]
            if len(passed) == k or look == len(scores) or len(found) < look:
                return passed
            look = min(len(scores), 4 * look)


def _flat(forward: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All rows' token numbers and counts end to end, and where each row ends."""
    if not forward:
        return np.zeros(0, np.int32), np.zeros(0, np.float32), np.zeros(0, np.int64)
    numbers, counts = zip(*forward, strict=True)
    return np.concatenate(numbers), np.concatenate(counts), np.cumsum([len(one) for one in numbers])


def _room(array: np.ndarray, size: int) -> np.ndarray:
    """The array, doubled when it is shorter than ``size``."""
    if len(array) >= size:
        return array
    longer = np.zeros(max(size, 2 * len(array), 64), array.dtype)
    longer[: len(array)] = array
    return longer


def _probe(tokens: Tokenizer) -> str:
    return hashlib.sha256("\n".join(tokens(PROBE)).encode()).hexdigest()[:16]
