"""Measures names in news on CoNLL-2003: whole names strictly, and the token table beside, which flatters.

Trained on eng.train, the checkpoint chosen on testa, testb read once.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from apps.monitor import recipes
from apps.monitor.conll_files import TAGS, Sentence, conll2003
from apps.monitor.measures.tuned import backbones, tuned
from apps.monitor.recipes import NAMES
from apps.monitor.settings import MonitorSettings
from core.events import OnEvent
from core.models.spans import labelled_spans
from core.report import Report, flat
from core.training.examples import HeadedText

Tags = Sequence[Sequence[str]]
KINDS = tuple(dict.fromkeys(tag.rpartition("-")[2] for tag in TAGS))  # O, PER, ORG, LOC, MISC


def conll(settings: MonitorSettings, folder: Path | None, on_event: OnEvent, limit: int | None) -> Report:
    """The bilingual backbone beside the words seen in training and the tag O everywhere."""
    parts = conll2003(folder)
    test = parts["test"][:limit]
    gold = [sentence.tags for sentence in test]
    backbone = backbones(settings, True, on_event)[0]
    learnt, held = ([_example(one) for one in parts[part]] for part in ("train", "validation"))
    reader = tuned(settings, "conll2003", backbone, recipes.names(backbone.small), learnt, held, on_event)
    began = time.perf_counter()
    spans = reader.answer([one.text for one in test], only=[NAMES]).spans[NAMES]
    seconds = time.perf_counter() - began
    found = [
        one.tags_of([(span.start, span.end, span.kind) for span in some]) for one, some in zip(test, spans, strict=True)
    ]
    rows = [
        {"model": backbone.title, **name_figures(gold, found), "docs_s": len(test) / seconds},
        {"model": "names seen in training", **name_figures(gold, remembered(parts["train"], test))},
        {"model": "O everywhere", **name_figures(gold, [["O"] * len(one.words) for one in test])},
    ]
    prefixes = ("", "seen_", "all_o_")
    figures = {key: v for row, p in zip(rows, prefixes, strict=True) for key, v in flat("conll2003", row, p).items()}
    notes = [
        f"{len(learnt)} training, {len(held)} validation (testa), {len(test)} test (testb) sentences.",
        "entity_f1 is of whole names (seqeval, strict, IOB2); token_macro is over the nine tags, O among them, "
        "token_macro_kinds over O and the four kinds.",
    ]
    return Report("conll2003", rows, figures, notes)


def name_figures(gold: Tags, found: Tags) -> dict[str, float]:
    """Strict figures of whole names, and the token table: micro is accuracy, macro the mean F1 of the nine tags.

    ``token_macro_kinds`` is over O and the four kinds, B- and I- taken together, as some tables have it.
    """
    wanted, given = _spans(gold), _spans(found)
    right = len(wanted & given)
    pairs = Counter((a, b) for one, other in zip(gold, found, strict=True) for a, b in zip(one, other, strict=True))
    kinds: Counter[Any] = Counter()
    for (a, b), count in pairs.items():
        kinds[_kind(a), _kind(b)] += count
    return {
        "entity_f1": 2 * right / max(1, len(wanted) + len(given)),
        "entity_precision": right / max(1, len(given)),
        "entity_recall": right / max(1, len(wanted)),
        "token_micro": sum(count for (a, b), count in pairs.items() if a == b) / max(1, pairs.total()),
        "token_macro": sum(_tag_f1(pairs, tag) for tag in TAGS) / len(TAGS),
        "token_macro_kinds": sum(_tag_f1(kinds, kind) for kind in KINDS) / len(KINDS),
    }


def remembered(train: Sequence[Sentence], test: Sequence[Sentence]) -> list[list[str]]:
    """The shared task's baseline: names that had one kind alone in training, the longest at each place."""
    kinds: dict[tuple[str, ...], set[str]] = {}
    for one in train:
        for first, last, kind in labelled_spans(one.tags):
            kinds.setdefault(one.words[first:last], set()).add(kind)
    longest = max(map(len, kinds), default=0)
    return [_recalled(one.words, kinds, longest) for one in test]


def _recalled(words: tuple[str, ...], kinds: dict[tuple[str, ...], set[str]], longest: int) -> list[str]:
    tags: list[str] = []
    while len(tags) < len(words):
        start = len(tags)
        lengths = range(min(longest, len(words) - start), 0, -1)
        size = next((n for n in lengths if len(kinds.get(words[start : start + n], ())) == 1), 0)
        kind = next(iter(kinds[words[start : start + size]])) if size else ""
        tags += [f"B-{kind}"] + [f"I-{kind}"] * (size - 1) if size else ["O"]
    return tags


def _spans(rows: Tags) -> set[tuple[int, int, int, str]]:
    """Whole names of all sentences; strictly, an I- without its B- is no part of a name."""
    found = set()
    for number, tags in enumerate(rows):
        found |= {(number, *span) for span in labelled_spans(tags) if tags[span[0]].startswith("B-")}
    return found


def _kind(tag: str) -> str:
    return tag.rpartition("-")[2]


def _tag_f1(pairs: Counter[Any], tag: str) -> float:
    both = pairs[tag, tag]
    either = sum(count for pair, count in pairs.items() if tag in pair) + both
    return 2 * both / either if either else 0.0


def _example(one: Sentence) -> HeadedText:
    return HeadedText(one.text, spans={NAMES: one.spans})
