"""One search over texts: BM25 and vectors of one or several models, fused by rank, the top few ordered by likeness.

Filtered by validity and audience before anything is ranked.

The database is the truth: ``sync`` brings the indexes to a given set of entries by their difference, so what a crash
lost or another process changed is mended there. Safe for several threads.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import numpy as np

from core.events import OnEvent
from core.retrieval.blending import QUESTIONS, Blend, Likeness, group_score
from core.retrieval.entries import Embeds, Entry, Found, Synced, readers
from core.retrieval.fusion import RRF_K, Reranker, reciprocal_rank_fusion
from core.retrieval.hits import Hit
from core.retrieval.indexes import LEXICAL, Indexes
from core.text import language as language_of

SAVE_SHARE = 0.02  # unsaved changes of fewer entries are left to ``save`` or found again by the next ``sync``
SAVE_LEAST = 20


@dataclass(frozen=True)
class SearchOptions:
    """How lists are joined. ``weights`` are by list, ``lexical`` or an embedder's name; absent means 1."""

    weights: Mapping[str, float] = field(default_factory=dict)
    rrf_k: int = RRF_K
    depth: int = 100  # entries read from each index before fusion
    blend: Blend = QUESTIONS


class Search:
    """See the module. ``folder`` keeps the index files, ``cache_folder`` vectors by content; None is memory only."""

    def __init__(
        self,
        embedders: Sequence[Embeds],
        folder: Path | None = None,
        cache_folder: Path | None = None,
        options: SearchOptions | None = None,
        reranker: Reranker | None = None,
    ) -> None:
        self._indexes = Indexes(embedders, folder, cache_folder)
        self._options, self._reranker = options or SearchOptions(), reranker
        self._entries: dict[str, Entry] = {}
        self._groups: dict[str, dict[str, None]] = {}  # ids of a group's entries, in order
        self._unsaved = 0
        self._changing = threading.Lock()  # one change at a time, embedding included; searching goes on meanwhile

    def __len__(self) -> int:
        return len(self._entries)

    def open(self, on_event: OnEvent | None = None) -> "Search":
        """Reads the index files; ``sync`` must follow, which fills what is missing, damaged or old."""
        self._indexes.open(on_event)
        return self

    def sync(self, entries: Iterable[Entry], on_event: OnEvent | None = None) -> Synced:
        """Makes the search hold exactly these entries; texts already indexed are neither tokenised nor embedded."""
        wanted = {entry.id: entry for entry in entries}
        with self._changing:
            return self._change(wanted, self._indexes.ids() | self._entries.keys() | wanted.keys(), on_event)

    def put(self, entries: Iterable[Entry], on_event: OnEvent | None = None) -> Synced:
        """Adds or replaces these entries and leaves the others alone."""
        wanted = {entry.id: entry for entry in entries}
        with self._changing:
            return self._change(wanted, wanted.keys(), on_event)

    def delete(self, ids: Iterable[str]) -> Synced:
        """Drops these entries; unknown ids are passed over."""
        with self._changing:
            return self._change({}, frozenset(ids), None)

    def regroup(self, groups: Iterable[str], entries: Iterable[Entry]) -> Synced:
        """Makes these groups hold exactly these entries; other groups stay as they are."""
        wanted = {entry.id: entry for entry in entries}
        with self._changing:
            old = {one for group in groups for one in self._groups.get(group, ())}
            return self._change(wanted, old | wanted.keys(), None)

    def save(self) -> None:
        """Writes the index files, each in one atomic step."""
        self._indexes.save()
        self._unsaved = 0

    def search(
        self,
        query: str,
        k: int,
        now: date,
        language: str | None = None,
        audiences: Collection[str] = ("customer",),
    ) -> list[Found]:
        """The best ``k`` groups that hold at ``now`` for these audiences; one side answers if the other has nothing."""
        if k < 1 or not self._entries or not query.strip():
            return []
        names = readers(list(self._indexes.embedders.values()), language or language_of(query))
        vectors = {name: self._indexes.embedders[name].encode([query])[0] for name in names}
        day = now.date() if isinstance(now, datetime) else now
        with self._indexes.lock:
            found = self._found(query, vectors, k, lambda one: self._entries[one].open_to(day, audiences))
        return self._reranked(query, found)[:k]

    def _change(self, wanted: Mapping[str, Entry], scope: Collection[str], on_event: OnEvent | None) -> Synced:
        before = {one: self._entries[one] for one in scope if one in self._entries}
        changed = sum(one in before and before[one] != entry for one, entry in wanted.items())
        known = self._indexes.ids() | before.keys()
        synced = Synced(len(wanted.keys() - known), changed, len((known & set(scope)) - wanted.keys()))

        if self._indexes.change(wanted, scope, on_event, lambda: self._replace(before, wanted)):
            self._unsaved += max(1, synced.added + synced.changed + synced.gone)
        if self._unsaved > max(SAVE_LEAST, SAVE_SHARE * len(self._entries)):
            self.save()
        return synced

    def _replace(self, before: Mapping[str, Entry], wanted: Mapping[str, Entry]) -> None:
        for one, entry in before.items():
            del self._entries[one], self._groups[entry.group][one]
            if not self._groups[entry.group]:
                del self._groups[entry.group]
        for one, entry in wanted.items():
            self._entries[one] = entry
            self._groups.setdefault(entry.group, {})[one] = None

    def _found(
        self, query: str, vectors: Mapping[str, np.ndarray], k: int, allowed: Callable[[str], bool]
    ) -> list[Found]:
        """The lists of both sides by group, fused by rank; the first ones blended and put in their last order."""
        depth = max(self._options.depth, 4 * k)
        sides = {LEXICAL: self._grouped(self._indexes.lexical.search(query, depth, allowed))}
        for name, vector in vectors.items():
            sides[name] = self._grouped(self._indexes.vectors[name].search(vector, depth, allowed))
        ranks = {name: {group: rank for rank, group in enumerate(hits, 1)} for name, hits in sides.items()}
        fused = reciprocal_rank_fusion(ranks, self._options.weights, self._options.rrf_k)
        top = self._options.blend.top
        looked_at = list(fused)[: max(k, top)]
        texts = self._likenesses(query, vectors, looked_at, allowed)
        found = [self._described(group, fused[group], texts[group], sides, ranks) for group in looked_at]
        return sorted(found[:top], key=lambda one: -one.score) + found[top:]

    def _grouped(self, hits: Sequence[Hit]) -> dict[str, Hit]:
        """The best hit of each group, in order."""
        best: dict[str, Hit] = {}
        for hit in hits:
            best.setdefault(self._entries[hit.id].group, hit)
        return best

    def _likenesses(
        self, query: str, vectors: Mapping[str, np.ndarray], groups: Sequence[str], allowed: Callable[[str], bool]
    ) -> dict[str, list[Likeness]]:
        """Every open text of the groups beside the question, best first."""
        ids = [one for group in groups for one in self._groups[group] if allowed(one)]
        cosines: list[float | None] = [None] * len(ids)
        for name, vector in vectors.items():  # the first embedder that has the text says its cosine
            scores = self._indexes.vectors[name].scores(vector, ids)
            cosines = [new if old is None else old for old, new in zip(cosines, scores, strict=True)]
        words = self._indexes.lexical.likeness(query, ids)
        made: dict[str, list[Likeness]] = {}
        for one, cosine, (coverage, resemblance) in zip(ids, cosines, words, strict=True):
            likeness = Likeness(one, cosine, coverage, resemblance)
            made.setdefault(self._entries[one].group, []).append(likeness)
        return {group: sorted(all_, key=lambda one: -one.score(self._options.blend)) for group, all_ in made.items()}

    def _described(
        self,
        group: str,
        fused: float,
        texts: Sequence[Likeness],
        sides: Mapping[str, Mapping[str, Hit]],
        ranks: Mapping[str, Mapping[str, int]],
    ) -> Found:
        best, word = texts[0], sides[LEXICAL].get(group)
        by_vector = next((name for name in ranks if name != LEXICAL and group in ranks[name]), None)
        return Found(
            id=group,
            entry=best.entry,
            text=self._entries[best.entry].text,
            score=group_score(texts, self._options.blend),
            fused=fused,
            lexical_rank=ranks[LEXICAL].get(group),
            lexical_score=word.score if word else None,
            vector_rank=ranks[by_vector][group] if by_vector else None,
            vector_score=best.cosine,
            nearest=sides[by_vector][group].score if by_vector else None,
            coverage=best.coverage,
            resemblance=best.resemblance,
        )

    def _reranked(self, query: str, found: list[Found]) -> list[Found]:
        """The order of the reranker for the top, when there is one and it was in time."""
        order = self._reranker.order(query, [one.text for one in found]) if self._reranker else None
        if order is None:
            return found
        top = [found[place] for place in order]
        return top + found[len(top) :]
