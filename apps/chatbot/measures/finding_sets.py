"""Measures finding: of every entry the right one first, ours beside words alone, vectors alone and plain rank fusion.

The search measured is the one that runs. Its constants were chosen on other sets (``core.retrieval.blending``).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from apps.chatbot import question_sets
from apps.chatbot.measures.intent_files import locate
from apps.chatbot.question_sets import RetrievalSet
from apps.chatbot.settings import ChatbotSettings
from core import metrics
from core.events import OnEvent, Progress, ignore
from core.report import Report, flat
from core.retrieval.blending import QUESTIONS, Blend
from core.retrieval.entries import Embeds, Entry
from core.retrieval.search import Search, SearchOptions

DEPTH = 10
BY_RANK = Blend(top=0)  # plain reciprocal-rank fusion
TODAY = date(2026, 1, 1)  # nothing in these sets has dates
Rank = Callable[[str], list[int]]


def insurance_zh(
    settings: ChatbotSettings, folder: Path | None = None, on_event: OnEvent = ignore, limit: int | None = None
) -> Report:
    """The right one of 3,769 Chinese insurance questions first."""
    return _report(question_sets.insurance_zh(locate("insurance_zh", folder)), settings, on_event, limit)


def bank_faqs(
    settings: ChatbotSettings, folder: Path | None = None, on_event: OnEvent = ignore, limit: int | None = None
) -> Report:
    """Another wording of the same bank question first; few questions, so wide intervals."""
    return _report(question_sets.bank_faqs(locate("bank_faqs", folder)), settings, on_event, limit)


def retrieval_top1(found: RetrievalSet, embedders: Sequence[Embeds], limit: int | None = None) -> float:
    """Share of questions whose first result is right, over all entries."""
    asked = found.asked[:limit]
    rank = ours(found, embedders)
    return sum(bool(set(rank(one.question)[:1]) & one.right) for one in asked) / len(asked)


def ours(found: RetrievalSet, embedders: Sequence[Embeds], options: SearchOptions | None = None) -> Rank:
    """The search that runs, over a set's entries."""
    search = Search(embedders, options=options)
    search.sync(Entry(str(n), str(n), text, found.language) for n, text in enumerate(found.entries))
    return lambda question: [int(hit.id) for hit in search.search(question, DEPTH, TODAY, found.language)]


def measured(found: RetrievalSet, rank: Rank, limit: int | None = None, on_event: OnEvent = ignore) -> dict[str, Any]:
    """top1, top3, top10 and MRR with the 95 % interval of top1, and milliseconds per question."""
    places, seconds = [], []
    asked = found.asked[:limit]
    for number, one in enumerate(asked, start=1):
        began = time.perf_counter()
        ranked = rank(one.question)
        seconds.append(time.perf_counter() - began)
        places.append(next((place for place, entry in enumerate(ranked, 1) if entry in one.right), 0))
        on_event(Progress(found.name, number, len(asked)))
    first = [float(place == 1) for place in places]
    low, high = metrics.bootstrap_interval(first, seed=0)
    within = {f"top{k}": float(np.mean([0 < place <= k for place in places])) for k in (1, 3, 10)}
    mrr = float(np.mean([1 / place if place else 0.0 for place in places]))
    times = {f"{name}_ms": value for name, value in metrics.percentiles_ms(seconds).items()}
    return within | {"top1_low": low, "top1_high": high, "mrr": mrr} | times


def _report(found: RetrievalSet, settings: ChatbotSettings, on_event: OnEvent, limit: int | None) -> Report:
    embedders = readers_of(found.language, settings)
    ways: Mapping[str, tuple[Sequence[Embeds], Blend]] = {
        "words (BM25)": ((), BY_RANK),
        "words and vectors by rank": (embedders, BY_RANK),
        "ours": (embedders, QUESTIONS),
    }
    rows: list[dict[str, Any]] = []
    figures: dict[str, float] = {}
    for who, (models, blend) in ways.items():
        row = measured(found, ours(found, models, SearchOptions(blend=blend)), limit, on_event)
        rows.append({"who": who, **row})
        figures |= flat(found.name, row, {"ours": "", "words (BM25)": "bm25_"}.get(who, "fused_"))
    vectors = measured(found, _by_vector(found, embedders[0]), limit, on_event)
    rows.insert(1, {"who": f"vectors ({embedders[0].name})", **vectors})
    figures |= flat(found.name, vectors, "vectors_")
    return Report(found.name, rows, figures, [_note(found, limit)])


def readers_of(language: str, settings: ChatbotSettings) -> list[Embeds]:
    """The embedders of the settings that read the language, in the order search trusts them."""
    from core.inference.embedding import load_embedder
    from core.models import device

    plan = device.plan(settings.models)
    names = dict.fromkeys((settings.models.encoder, settings.models.multilingual_encoder))
    loaded: list[Embeds] = [load_embedder(name, settings.home, plan) for name in names]
    return [one for one in loaded if language in one.languages] or loaded


def _by_vector(found: RetrievalSet, embedder: Embeds) -> Rank:
    vectors = embedder.encode(found.entries)  # (entries, dim)
    return lambda question: np.argsort(-(vectors @ embedder.encode([question])[0]))[:DEPTH].tolist()


def _note(found: RetrievalSet, limit: int | None) -> str:
    count = len(found.asked[:limit])
    return f"{count} questions over all {len(found.entries)} entries, shuffled; interval by bootstrap over questions"
