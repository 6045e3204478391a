"""Measures of written answers against right ones; Chinese by character. Import them from ``core.metrics``."""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any

from core.errors import DataError

_MEANINGFUL = frozenset("%‰$€£¥#@&+")  # marks that tell answers apart: 5% is not 5
_EN_MARKS = frozenset(string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_ZH_TOKEN = re.compile(r"[a-z0-9]+(?:[.,]\d+)*|\S")


def exact_match(prediction: str, golds: Sequence[str], language: str = "en") -> float:
    """1.0 when the prediction equals a right answer but for case, punctuation, blanks and articles, else 0.0."""
    return float(any(_plain(prediction, language) == _plain(gold, language) for gold in _given(golds)))


def token_f1(prediction: str, golds: Sequence[str], language: str = "en") -> float:
    """F1 of the tokens shared with the best fitting right answer, in [0, 1].

    English as SQuAD 1.1: bag of words without articles and punctuation. Chinese as CMRC 2018: characters (English
    words and numbers whole), the longest common run counts. An empty gold means "no answer": predict nothing.
    """
    return max(_f1(prediction, gold, language) for gold in _given(golds))


def rouge_l(prediction: str, golds: Sequence[str], language: str = "en") -> float:
    """ROUGE-L F1 with the best fitting right answer, in [0, 1] (Lin 2004).

    Longest common subsequence of words, for Chinese of characters; English as the package rouge-score without stemming.
    """
    tokens = _rouge_tokens(prediction, language)
    return max(_rouge(tokens, _rouge_tokens(gold, language)) for gold in _given(golds))


def bleu(predictions: Sequence[str], golds: Sequence[Sequence[str]], language: str = "en") -> float:
    """Corpus BLEU by sacrebleu, 0 to 100, with its ``zh`` tokenizer for Chinese and ``13a`` otherwise."""
    from sacrebleu import corpus_bleu

    if len(predictions) != len(golds) or not predictions:
        raise DataError(f"Each prediction needs its right answers, got {len(predictions)} and {len(golds)}.")
    most = max(len(_given(answers)) for answers in golds)
    streams: list[Any] = [[answers[n] if n < len(answers) else None for answers in golds] for n in range(most)]
    return float(corpus_bleu(list(predictions), streams, tokenize="zh" if language == "zh" else "13a").score)


def _given(golds: Sequence[str]) -> Sequence[str]:
    if isinstance(golds, str) or not golds:
        raise DataError("Right answers must be a list with at least one text.")
    return golds


def _plain(text: str, language: str) -> str:
    if language == "zh":
        return "".join(_zh_tokens(text))
    text = "".join(c for c in text.lower() if c not in _EN_MARKS)
    return " ".join(_ARTICLES.sub(" ", text).split())


def _f1(prediction: str, gold: str, language: str) -> float:
    if language == "zh":
        said, right = _zh_tokens(prediction), _zh_tokens(gold)
        common = _longest_run(said, right)
    else:
        said, right = _plain(prediction, language).split(), _plain(gold, language).split()
        common = sum((Counter(said) & Counter(right)).values())
    if not said or not right:
        return float(said == right)
    return 2 * common / (len(said) + len(right))  # = 2pr / (p + r)


def _zh_tokens(text: str) -> list[str]:
    """Characters without punctuation; English words and numbers whole."""
    return [token for token in _ZH_TOKEN.findall(unicodedata.normalize("NFKC", text).lower()) if not _is_mark(token)]


def _is_mark(token: str) -> bool:
    return len(token) == 1 and token not in _MEANINGFUL and unicodedata.category(token)[0] in "PSZC"


def _longest_run(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common run of neighbours (CMRC's ``find_lcs``)."""
    best, row = 0, [0] * (len(second) + 1)
    for token in first:
        row = [0] + [row[place] + 1 if token == other else 0 for place, other in enumerate(second)]
        best = max(best, *row)
    return best


def _rouge_tokens(text: str, language: str) -> list[str]:
    return _zh_tokens(text) if language == "zh" else re.findall(r"[a-z0-9]+", text.lower())


def _rouge(said: Sequence[str], right: Sequence[str]) -> float:
    if not said or not right:
        return float(list(said) == list(right))
    return 2 * _longest_subsequence(said, right) / (len(said) + len(right))


def _longest_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence; a bit per place, so a step per token (Hyyrö 2004)."""
    places: dict[str, int] = {}
    for place, token in enumerate(first):
        places[token] = places.get(token, 0) | (1 << place)
    full = (1 << len(first)) - 1
    row = full
    for token in second:
        matched = row & places.get(token, 0)
        row = ((row + matched) | (row - matched)) & full
    return len(first) - row.bit_count()
