"""Reads spans out of per-word labels, or out of their probabilities, in the B-/I-/O notation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt


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


def likely_spans(probabilities: npt.NDArray[np.float32], labels: Sequence[str]) -> list[tuple[int, int, str, float]]:
    """(first word, word after the last, kind, probability) of each span, from (words, labels) probabilities.

    Where a span begins and ends is decided first, over all kinds together, and its kind after: a name of which two
    kinds are equally likely is a name all the same. The probability is the lowest of its words' to be in a name.

    >>> likely_spans(np.array([[0.2, 0.4, 0.4, 0, 0], [0.1, 0, 0, 0.3, 0.6]]), ["O", "B-A", "B-B", "I-A", "I-B"])
    [(0, 2, 'B', 0.8)]
    """
    marks = np.array([label[:1] if label == "O" or "-" in label else "B" for label in labels])
    kinds = np.array([label.partition("-")[2] or label for label in labels])
    by_mark = np.stack([probabilities[:, marks == mark].sum(1) for mark in "OBI"], axis=1)
    written = [("O", "B-NAME", "I-NAME")[mark] for mark in by_mark.argmax(1)]
    spans = []
    for first, last, _ in labelled_spans(written):
        shares = probabilities[first:last].sum(0)
        likely = max(dict.fromkeys(kinds[marks != "O"].tolist()), key=lambda kind: shares[kinds == kind].sum())
        spans.append((first, last, likely, round(float(1 - by_mark[first:last, 0].max()), 6)))
    return spans
