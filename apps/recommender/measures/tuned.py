"""The text model tuned for a part of a public set: trained once per part, vectors kept, never shipped.

The sets' licences do not permit weights trained on them to be passed on, so they stay in the user's home folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from apps.recommender.measures.given import GivenVectors
from apps.recommender.measures.tables import Texts
from apps.recommender.public_sets import Part, Problem
from apps.recommender.settings import RecommenderSettings
from apps.recommender.text_training import train_text
from core import runs
from core.events import Log, OnEvent, ignore
from core.inference.embedding import Embedder, load_embedder
from core.models import catalog, device
from core.retrieval.files import read_arrays, write_arrays
from core.retrieval.vector_cache import CachedEmbedder
from core.training.examples import InterestExample, data_hash
from core.training.options import TrainingOptions

READ = 2  # newest items of a history that an example holds: more cost time and fade away
DECAY = 0.7  # per step into the past
REACH = "projection"  # how much of the encoder the adapter changes: what two cores have time for
OPTIONS = TrainingOptions(
    epochs=2, learning_rate=2e-3, batch_size=256, max_tokens=24, rank=32, alpha=32.0, dropout=0.0, patience=0
)


def frozen_texts(settings: RecommenderSettings, problem: Problem) -> Texts:
    """The encoder as it comes, for every part the same; its vectors are kept by text."""

    @lru_cache(maxsize=1)
    def loaded() -> Sequence[Embedder]:
        plan = device.plan(settings.models)
        plain = load_embedder(settings.models.encoder, settings.home, plan)
        kept = CachedEmbedder(plain, settings.home / "vectors")
        texts = [one.text for one in problem.items]
        return [GivenVectors(plain.name, texts, kept.encode(texts))]

    return lambda part: loaded()


def tuned_texts(settings: RecommenderSettings, problem: Problem, on_event: OnEvent = ignore) -> Texts:
    """The encoder tuned on each part's own sequences, so that no case's target was read in training."""

    def of(number: int | None) -> Sequence[Embedder]:
        part = problem.report if number is None else problem.tuning[number]
        return [_tuned(settings, problem, part, "report" if number is None else f"tuning{number}", on_event)]

    return of


def sequence_examples(problem: Problem, part: Part) -> list[InterestExample]:
    """Every step of every sequence: what was met before, what came next; no copy of the target's text."""
    texts = [one.text for one in problem.items]
    found = []
    for own in part.sequences.values():
        for step in range(1, len(own)):
            history: dict[str, float] = {}
            for back, item in enumerate(reversed(own[max(0, step - READ) : step])):
                if texts[item] != texts[own[step]]:
                    history[texts[item]] = history.get(texts[item], 0.0) + DECAY**back
            if history:
                found.append(InterestExample(tuple(history), tuple(history.values()), texts[own[step]]))
    return found


def _tuned(settings: RecommenderSettings, problem: Problem, part: Part, label: str, on_event: OnEvent) -> Embedder:
    texts = [one.text for one in problem.items]
    examples = sequence_examples(problem, part)
    content = data_hash(examples)
    path = settings.home / "measured" / problem.name / f"{label}-{content[:12]}.npz"
    if path.exists():
        arrays, facts = read_arrays(path)
        on_event(Log(f"{problem.name} {label}: vectors of {facts['made']}"))
        return GivenVectors(f"tuned {label}", texts, arrays["vectors"].astype(np.float32))
    on_event(Log(f"{problem.name} {label}: the text model learns from {len(examples)} examples"))
    plan = device.plan(settings.models)
    base = catalog.ensure(catalog.resolve(settings.models.encoder), settings.home, on_event)
    run = runs.create(settings.home, "recommender", "interest", {"set": problem.name, "part": label})
    with run.recording():
        result = train_text(base, examples, (), OPTIONS, run, plan, REACH, on_event)
        tuned = load_embedder(settings.models.encoder, settings.home, plan, result.adapter)
        vectors = tuned.encode(texts, on_event)
    write_arrays(path, {"vectors": vectors.astype(np.float16)}, {"made": run.id, "examples": len(examples)})
    return GivenVectors(f"tuned {label}", texts, vectors)
