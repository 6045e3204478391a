"""Measures intents on Banking77, CLINC150 and HWU64: ours beside TF-IDF with logistic regression and the largest class.

Everything is chosen on training rows (leave one out) or validation rows; test rows are scored once. Published figures
to compare with are in the README.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from apps.chatbot.intents import REJECTION, Embedder, IntentModel
from apps.chatbot.measures import intent_baselines, intent_files
from apps.chatbot.measures.intent_files import Rows
from apps.chatbot.settings import ChatbotSettings
from core import metrics
from core.events import Log, OnEvent
from core.report import Report, flat, joined
from core.text import fold

TIMED = 50  # single questions timed for the latency columns
OURS = "encoders + kernel head"


@dataclass(frozen=True)
class Answers:
    """What a classifier says of test rows: probabilities (n, labels) over ``labels``."""

    labels: tuple[str, ...]
    probabilities: np.ndarray

    @property
    def intents(self) -> list[str]:
        """The best label of each row."""
        return [self.labels[number] for number in self.probabilities.argmax(1)]


def banking77(settings: ChatbotSettings, folder: Path | None, on_event: OnEvent, limit: int | None) -> Report:
    """All 10,003 training rows, 77 intents."""
    place = intent_files.locate("banking77", folder)
    train, test = intent_files.table(place / "train.csv"), intent_files.table(place / "test.csv")
    return _closed("banking77", train, test.first(limit), settings, on_event)


def banking77_10shot(settings: ChatbotSettings, folder: Path | None, on_event: OnEvent, limit: int | None) -> Report:
    """The published ten rows per intent, the same test."""
    place = intent_files.locate("banking77", folder)
    train, test = intent_files.parallel(place / "train_10"), intent_files.table(place / "test.csv")
    return _closed("banking77_10shot", train, test.first(limit), settings, on_event)


def hwu64(settings: ChatbotSettings, folder: Path | None, on_event: OnEvent, limit: int | None) -> Report:
    """The published ten rows per intent of a home assistant, 64 intents."""
    place = intent_files.locate("hwu64", folder)
    train, test = intent_files.parallel(place / "train_10"), intent_files.parallel(place / "test")
    return _closed("hwu64", train, test.first(limit), settings, on_event)


def clinc150(settings: ChatbotSettings, folder: Path | None, on_event: OnEvent, limit: int | None) -> Report:
    """In-scope accuracy, and how many strangers are told at 5 % in-scope rejection; ``oos_train`` is not used."""
    parts = intent_files.lists(intent_files.locate("clinc150", folder) / "data_full.json")
    test, strangers = parts["test"].first(limit), parts["oos_test"].first(limit)
    model = fit_ours(parts["train"], settings, on_event)
    model = model.with_rejection(parts["val"].texts, REJECTION, _english(parts["val"]))
    probabilities, scope = model.read(test.texts, _english(test))
    outside = model.scope_scores(strangers.texts, _english(strangers))
    ours = measured(OURS, Answers(model.labels, probabilities), test) | _open_row(scope, outside)
    ours["oos_recall_val"] = float((model.scope_scores(parts["oos_val"].texts, _english(parts["oos_val"])) < 0).mean())
    on_event(Log("Fitting the baseline."))
    known, predict = intent_baselines.tfidf_lr(parts["train"])
    threshold = float(np.quantile(predict(parts["val"].texts).max(1), REJECTION))
    theirs = Answers(known, predict(test.texts))
    margins = theirs.probabilities.max(1) - threshold, predict(strangers.texts).max(1) - threshold
    baseline = measured(intent_baselines.NAME, theirs, test) | _open_row(*margins)
    rows = [_renamed(ours), _renamed(baseline), _renamed(intent_baselines.majority_row(parts["train"], test))]
    notes = [
        f"Threshold refuses {REJECTION:.0%} of the {len(parts['val'].texts)} validation rows; no out-of-scope "
        "row trained anything; oos_train and oos_val chose the kind of score (energy); the baseline's is its best "
        "probability.",
        *_notes(parts["train"], test, model),
    ]
    return _report("clinc150", rows, notes)


def all_sets(settings: ChatbotSettings, folder: Path | None, on_event: OnEvent, limit: int | None) -> Report:
    """The four of them; ``folder`` holds one folder per set."""
    named = {"banking77": (banking77, banking77_10shot), "clinc150": (clinc150,), "hwu64": (hwu64,)}
    reports = [
        measure(settings, folder / name if folder else None, on_event, limit)
        for name, measures in named.items()
        for measure in measures
    ]
    return joined("intents", reports)


def fit_ours(train: Rows, settings: ChatbotSettings, on_event: OnEvent) -> IntentModel:
    """The product's model on a set's training rows, as the chatbot itself would fit it."""
    embedders = cached_embedders(settings, on_event)
    on_event(Log(f"Fitting {len(set(train.intents))} intents on {len(train.texts)} rows."))
    return IntentModel.fit(train.texts, train.intents, _english(train), embedders)


def cached_embedders(settings: ChatbotSettings, on_event: OnEvent) -> list[Embedder]:
    """The encoder and the multilingual encoder of the settings; vectors are kept in ``home/vectors``."""
    from core.inference.embedding import load_embedder
    from core.models import device

    plan = device.plan(settings.models)
    names = dict.fromkeys((settings.models.encoder, settings.models.multilingual_encoder))
    loaded = [load_embedder(name, settings.home, plan) for name in names]
    return [_Cached(one, settings.home / "vectors", on_event) for one in loaded]


class _Cached:
    """An embedder that looks into the vector cache first: evaluating twice embeds once."""

    def __init__(self, inner: Any, folder: Path, on_event: OnEvent) -> None:
        from core.retrieval.vector_cache import VectorCache

        self.inner, self.on_event = inner, on_event
        self.name, self.languages, self.dim = inner.name, inner.languages, inner.dim
        self.cache = VectorCache(folder / f"{inner.name}.evaluation.sqlite", inner.dim)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return self.cache.vectors(texts, self.inner.encode, self.on_event, f"embed with {self.name}")


def _closed(name: str, train: Rows, test: Rows, settings: ChatbotSettings, on_event: OnEvent) -> Report:
    model = fit_ours(train, settings, on_event)
    ours = measured(OURS, Answers(model.labels, model.predict_proba(test.texts, _english(test))), test)
    ours |= _latency(lambda text: model.predict_proba([text], ["en"]), test, model)
    on_event(Log("Fitting the baseline."))
    known, predict = intent_baselines.tfidf_lr(train)
    baseline = measured(intent_baselines.NAME, Answers(known, predict(test.texts)), test)
    rows = [ours, baseline, intent_baselines.majority_row(train, test)]
    return _report(name, rows, _notes(train, test, model))


def measured(model: str, said: Answers, test: Rows) -> dict[str, Any]:
    """Accuracy with its 95 % bootstrap interval, macro-F1, and how far confidence is from accuracy (ECE)."""
    right = np.array([a == b for a, b in zip(said.intents, test.intents, strict=True)], float)
    low, high = metrics.bootstrap_interval(right, seed=0)
    position = {label: number for number, label in enumerate(said.labels)}
    numbers = np.array([position.get(intent, -1) for intent in test.intents])
    return {
        "model": model,
        "accuracy": float(right.mean()),
        "accuracy_low": float(low),
        "accuracy_high": float(high),
        "macro_f1": float(metrics.macro_f1(test.intents, said.intents)),
        "ece": float(metrics.expected_calibration_error(said.probabilities, numbers)),
    }


def _open_row(inside: np.ndarray, outside: np.ndarray) -> dict[str, Any]:
    """Scores less their threshold: strangers told, strangers told apart at any threshold, true ones refused."""
    labels = np.r_[np.ones(len(inside)), np.zeros(len(outside))]
    return {
        "oos_recall": float((outside < 0).mean()),
        "oos_auroc": float(metrics.auroc(np.r_[inside, outside], labels)),
        "oos_mcc": _matthews(labels, np.r_[inside, outside] >= 0),
        "in_scope_rejected": float((inside < 0).mean()),
    }


def _matthews(labels: np.ndarray, kept: np.ndarray) -> float:
    """Correlation of being in scope and being taken for it (Matthews 1975); 0 where either never varies."""
    return float(np.corrcoef(labels, kept)[0, 1]) if kept.min() != kept.max() else 0.0


def _renamed(row: dict[str, Any]) -> dict[str, Any]:
    """CLINC150's accuracy is over the in-scope rows, before any is refused, and says so."""
    return {f"in_scope_{key}" if key.startswith("accuracy") else key: value for key, value in row.items()}


def _latency(predict: Callable[[str], object], test: Rows, model: IntentModel) -> dict[str, float]:
    """p50 and p95 of one question at a time, embedding included, caches aside."""
    inner = {name: getattr(one, "inner", one) for name, one in model.embedders.items()}
    fresh = IntentModel(model.labels, model.heads, inner)
    seconds = []
    for text in test.texts[:TIMED]:
        began = time.perf_counter()
        fresh.predict_proba([text], ["en"])
        seconds.append(time.perf_counter() - began)
    found = metrics.percentiles_ms(seconds)
    return {"p50_ms": float(found["p50"]), "p95_ms": float(found["p95"])}


def _report(name: str, rows: list[dict[str, Any]], notes: list[str]) -> Report:
    ours, baseline, majority = rows
    figures = flat(name, ours) | flat(name, baseline, "tfidf_lr_") | flat(name, majority, "majority_")
    return Report(name, rows, figures, notes)


def _notes(train: Rows, test: Rows, model: IntentModel) -> list[str]:
    head = model.heads[0].head
    seen = {_bare(text) for text in train.texts}
    both = sum(_bare(text) in seen for text in test.texts)
    return [
        f"{len(train.texts)} training, {len(test.texts)} test rows; {both} test texts also stand in the training rows.",
        f"Sharpness {head.sharpness:g} and ridge {head.ridge:g} by leave-one-out on training rows; encoders frozen: "
        + ", ".join(model.heads[0].embedders)
        + ".",
    ]


def _bare(text: str) -> str:
    return "".join(letter for letter in fold(text) if letter.isalnum())


def _english(rows: Rows) -> list[str]:
    return ["en"] * len(rows.texts)
