"""A tiny encoder learns two intents through the true training path."""

from pathlib import Path

import numpy as np
import pytest

from apps.chatbot.intent_encoder import finetune_encoder, in_words, question_name_pairs
from core import runs
from core.errors import DataError
from tests import tiny

QUESTIONS = ["where is my parcel", "track it", "parcel late", "money back", "refund me", "return the money"]
INTENTS = ["track_parcel"] * 3 + ["refund"] * 3


def test_names_become_words_and_every_question_is_paired_with_its_own() -> None:
    assert in_words("Refund_not_showing_up") == "refund not showing up"
    assert in_words("reverted_card_payment?") == "reverted card payment"
    assert in_words("查询订单") == "查询订单"
    pairs = question_name_pairs(QUESTIONS, INTENTS)
    assert [pair.positive for pair in pairs] == ["track parcel"] * 3 + ["refund"] * 3


def test_one_intent_is_nothing_to_learn_from() -> None:
    with pytest.raises(DataError, match="at least two intents"):
        question_name_pairs(QUESTIONS[:3], INTENTS[:3])


def test_the_tuned_encoder_holds_questions_of_one_intent_closer_together(tmp_path: Path) -> None:
    from core.inference.embedding import load_embedder

    base = tiny.encoder(tmp_path / "base")
    run = runs.create(tmp_path, "chatbot", "intents", {})
    result = finetune_encoder(QUESTIONS, INTENTS, base, run, tiny.PLAN, epochs=30, batch_size=6, dropout=0.0)

    def gap(adapter: Path | None) -> float:
        vectors = load_embedder(str(base), tmp_path, tiny.PLAN, adapter).encode(QUESTIONS)
        likeness = vectors @ vectors.T
        same = np.equal.outer(INTENTS, INTENTS)
        return float(likeness[same].mean() - likeness[~same].mean())

    assert gap(result.adapter) > gap(None) + 0.2
