"""Reads spans out of per-word labels in the B-/I-/O notation."""

from __future__ import annotations

from collections.abc import Iterable


def labelled_spans(labels: Iterable[str]) -> list[tuple[int, int, str]]:
    """(first word, word after the last, kind) of each span; an I- without its B- begins a span, as in CoNLL's scorer.

    >>> labelled_spans(["B-ORG", "I-ORG", "O", "I-PER", "B-PER"])
    [(0, 2, 'ORG'), (3, 4, 'PER'), (4, 5, 'PER')]
    """
    spans: list[tuple[int, int, str]] = []
    start, kind = 0, ""
    for number, label in enumerate([*labels, "O"]):
        mark, _, here = label.partition("-") if label != "O" else ("O", "", "")
        goes_on = kind != "" and mark == "I" and here == kind
        if kind and not goes_on:
            spans.append((start, number, kind))
            kind = ""
        if not goes_on and label != "O":
            start, kind = number, here or label
    return spans
