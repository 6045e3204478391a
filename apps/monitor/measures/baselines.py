"""What ours is compared with: TF-IDF under a linear SVM, VADER's word list, and the largest class."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence

from apps.monitor.measures.scores import Said
from apps.monitor.records import Label

SVM, VADER, MAJORITY = "TF-IDF + linear SVM", "VADER", "largest class"
CUT = 0.05  # VADER's own: compound scores within it are neutral


def svm(texts: Sequence[str], labels: Sequence[str], chinese: bool = False) -> Callable[[Sequence[str]], Said]:
    """A linear SVM on TF-IDF of words 1-2 and characters 2-5, of a Chinese text characters 1-4."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.svm import LinearSVC

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2)
    signs = TfidfVectorizer(analyzer="char", ngram_range=(1, 4), sublinear_tf=True, min_df=2)
    model = make_pipeline(signs if chinese else make_union(words, letters), LinearSVC(C=0.5 if chinese else 1.0))
    model.fit(list(texts), list(labels))
    return lambda asked: _timed(lambda: [str(label) for label in model.predict(list(asked))])


def vader(texts: Sequence[str]) -> Said:
    """The rule-based word list for English social media (Hutto and Gilbert 2014); it needs no training."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyser = SentimentIntensityAnalyzer()
    return _timed(lambda: [_side(analyser.polarity_scores(text)["compound"]) for text in texts])


def majority(labels: Sequence[str], count: int) -> Said:
    """Always the commonest training label."""
    return Said([Counter(labels).most_common(1)[0][0]] * count)


def _side(compound: float) -> str:
    return str(Label.POSITIVE if compound >= CUT else Label.NEGATIVE if compound <= -CUT else Label.NEUTRAL)


def _timed(work: Callable[[], Sequence[str | None]]) -> Said:
    began = time.perf_counter()
    labels = work()
    return Said(labels, None, time.perf_counter() - began)
