"""What intents are compared with: TF-IDF of words and characters with logistic regression, and the largest class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from apps.chatbot.measures.intent_files import Rows
from core import metrics

NAME = "TF-IDF + logistic regression"
Predict = Callable[[Sequence[str]], np.ndarray]


def tfidf_lr(train: Rows) -> tuple[tuple[str, ...], Predict]:
    """Labels, and a function from texts to probabilities (n, labels).

    Words (1-2) and characters within words (2-5), sublinear, C = 10.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import FeatureUnion, make_pipeline

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2)
    union = FeatureUnion([("words", words), ("characters", characters)])
    pipeline = make_pipeline(union, LogisticRegression(C=10, max_iter=300, tol=1e-3))
    pipeline.fit(list(train.texts), list(train.intents))
    return tuple(map(str, pipeline.classes_)), lambda texts: np.asarray(pipeline.predict_proba(list(texts)))


def majority_row(train: Rows, test: Rows) -> dict[str, Any]:
    """The training rows' most frequent intent as the answer to everything."""
    largest = Counter(train.intents).most_common(1)[0][0]
    said = [largest] * len(test.intents)
    right = [a == largest for a in test.intents]
    return {
        "model": "largest class",
        "accuracy": float(np.mean(right)),
        "macro_f1": float(metrics.macro_f1(test.intents, said)),
    }
