"""Intents on a handful of typed questions, read by tiny real embedders: English and Chinese, saved and loaded."""

import json
from pathlib import Path

import numpy as np
import pytest

from apps.chatbot import intent_head
from apps.chatbot.intents import IntentModel, energy
from core.errors import DataError, ModelError

QUESTIONS = [
    ("Where is my parcel?", "track", "en"),
    ("Where is my parcel now please", "track", "en"),
    ("track my parcel", "track", "en"),
    ("I want my money back", "refund", "en"),
    ("Can I get my money back?", "refund", "en"),
    ("money back please", "refund", "en"),
    ("我的包裹到哪里了", "track", "zh"),
    ("包裹到哪里了？", "track", "zh"),
    ("查一下包裹到哪里", "track", "zh"),
    ("我要退款", "refund", "zh"),
    ("怎么申请退款", "refund", "zh"),
    ("可以退款吗", "refund", "zh"),
]
TEXTS, LABELS, LANGUAGES = (list(column) for column in zip(*QUESTIONS, strict=True))


class Characters:
    """Counts of character pairs in hashed columns: a real embedder, small enough to see through."""

    def __init__(self, name: str, languages: tuple[str, ...], dim: int = 256) -> None:
        self.name, self.languages, self.dim = name, languages, dim

    def encode(self, texts: list[str]) -> np.ndarray:
        rows = np.zeros((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            for a, b in zip(text.lower(), text.lower()[1:], strict=False):
                rows[row, (ord(a) * 31 + ord(b)) % self.dim] += 1
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


EMBEDDERS = (Characters("english", ("en",)), Characters("both", ("en", "zh")))


@pytest.fixture(scope="module")
def model() -> IntentModel:
    return IntentModel.fit(TEXTS, LABELS, LANGUAGES, EMBEDDERS)


def test_questions_in_new_words_get_their_intent_in_both_languages(model: IntentModel) -> None:
    for text, language, intent in [
        ("is my parcel here", "en", "track"),
        ("give my money back", "en", "refund"),
        ("包裹在哪里", "zh", "track"),
        ("退款怎么办", "zh", "refund"),
    ]:
        probabilities = model.probabilities(text, language)
        assert max(probabilities, key=lambda name: probabilities[name]) == intent
        assert sum(probabilities.values()) == pytest.approx(1, abs=1e-5)


def test_english_is_read_by_all_embedders_and_chinese_by_the_one_that_knows_it(model: IntentModel) -> None:
    assert [head.embedders for head in model.heads] == [("english", "both"), ("both",)]
    assert [head.languages for head in model.heads] == [("en",), ("en", "zh")]


def test_a_stranger_scores_below_every_question_of_the_shop(model: IntentModel) -> None:
    strangers = model.scope_scores(["Who won the cup?", "今天天气很好"])
    assert strangers.max() < model.scope_scores(TEXTS, LANGUAGES).min()
    assert not model.in_scope("Who won the cup?", "en")
    assert model.in_scope("Where is my parcel", "en")


def test_a_batch_gives_what_single_texts_give_and_the_language_is_recognised(model: IntentModel) -> None:
    together = model.predict_proba(TEXTS)
    alone = np.concatenate(
        [model.predict_proba([text], [language]) for text, language in zip(TEXTS, LANGUAGES, strict=True)]
    )
    assert together.dtype == np.float32 and together.shape == (12, 2)
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_the_threshold_refuses_the_stated_share_of_held_out_questions(model: IntentModel) -> None:
    held_out = [f"where is my parcel {chr(97 + n % 26)}{chr(97 + n * 7 % 25)}" for n in range(40)] + [
        "我的包裹呢",
        "退款到哪里了",
    ]
    strict = model.with_rejection(held_out, rejection=0.25)
    assert (strict.scope_scores(held_out[:40]) < 0).mean() == pytest.approx(0.25, abs=0.03)
    assert [head.fitted_on for head in strict.heads] == [40, 2]
    np.testing.assert_array_equal(strict.predict_proba(held_out), model.predict_proba(held_out))


def test_saved_and_loaded_is_the_same_model(model: IntentModel, tmp_path: Path) -> None:
    loaded = IntentModel.load(model.save(tmp_path), EMBEDDERS)
    np.testing.assert_array_equal(loaded.predict_proba(TEXTS), model.predict_proba(TEXTS))
    np.testing.assert_array_equal(loaded.scope_scores(TEXTS), model.scope_scores(TEXTS))
    again = IntentModel.fit(TEXTS[:6], LABELS[:6], LANGUAGES[:6], EMBEDDERS)
    again.save(tmp_path)
    assert len(list(tmp_path.glob("*.npz"))) == 1
    assert IntentModel.load(tmp_path, EMBEDDERS).heads[0].languages == ("en",)


def test_a_model_that_cannot_be_used_says_why(model: IntentModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    with pytest.raises(ModelError, match="needs the embedder 'english'"):
        IntentModel.load(tmp_path, EMBEDDERS[1:])
    with pytest.raises(ModelError, match="cannot be read"):
        IntentModel.load(tmp_path / "none", EMBEDDERS)
    record = json.loads((tmp_path / "intents.json").read_text())
    np.savez(tmp_path / record["arrays"], coefficients0=np.array([{"an": "object"}], dtype=object))
    with pytest.raises(ModelError, match="cannot be read"):
        IntentModel.load(tmp_path, EMBEDDERS)


def test_data_that_cannot_be_learnt_from_is_refused() -> None:
    with pytest.raises(DataError, match="at least two intents"):
        IntentModel.fit(TEXTS[:3], LABELS[:3], LANGUAGES[:3], EMBEDDERS)
    with pytest.raises(DataError, match="do not match"):
        IntentModel.fit(TEXTS, LABELS[:3], LANGUAGES, EMBEDDERS)
    with pytest.raises(DataError, match="No embedder reads the language 'zh'"):
        IntentModel.fit(TEXTS, LABELS, LANGUAGES, EMBEDDERS[:1])


def test_leave_one_out_scores_are_those_of_a_head_fitted_without_the_row() -> None:
    vectors = [one.encode(TEXTS) for one in EMBEDDERS]
    numbers = np.array([["refund", "track"].index(label) for label in LABELS])
    head, unseen = intent_head.fit(vectors, numbers, 2)
    for row in range(len(TEXTS)):
        rest = np.arange(len(TEXTS)) != row
        others = [part[rest] for part in vectors]
        likeness = intent_head.kernel(others, others, head.sharpness)
        coefficients, _ = intent_head.solve(likeness, intent_head.targets(numbers[rest], 2), head.ridge)
        without = intent_head.KernelHead(tuple(others), coefficients, head.sharpness, head.ridge)
        np.testing.assert_allclose(without.scores([part[row : row + 1] for part in vectors])[0], unseen[row], atol=1e-5)


def test_rows_of_one_group_are_left_out_together() -> None:
    vectors = [one.encode(TEXTS) for one in EMBEDDERS]
    numbers = np.array([["refund", "track"].index(label) for label in LABELS])
    groups = np.array([3, 3, 0, 1, 1, 0, 2, 2, 2, 4, 4, 5])
    head, unseen = intent_head.fit(vectors, numbers, 2, groups)
    for group in range(6):
        rest = groups != group
        others = [part[rest] for part in vectors]
        likeness = intent_head.kernel(others, others, head.sharpness)
        coefficients, _ = intent_head.solve(likeness, intent_head.targets(numbers[rest], 2), head.ridge)
        without = intent_head.KernelHead(tuple(others), coefficients, head.sharpness, head.ridge)
        np.testing.assert_allclose(without.scores([part[~rest] for part in vectors]), unseen[~rest], atol=1e-5)


def test_wordings_of_one_answer_do_not_vouch_for_each_other() -> None:
    texts = [
        "where is it",
        "where is it?",
        "track my parcel",
        "track my parcels",
        "money back",
        "money back!",
        "refund",
        "refunds",
    ]
    intents, answers = ["track"] * 4 + ["refund"] * 4, list("aabbccdd")
    alone = IntentModel.fit(texts, intents, ["en"] * 8, EMBEDDERS)
    grouped = IntentModel.fit(texts, intents, ["en"] * 8, EMBEDDERS, groups=answers)
    assert grouped.heads[0].threshold < alone.heads[0].threshold


def test_an_intent_with_one_answer_keeps_something_to_be_known_by() -> None:
    found = intent_head.left_out_together(["a", "a", "b", "b", "b"], ["x", "x", "y", "y", "z"])
    assert found[0] != found[1] and found[2] == found[3] != found[4]


def test_the_head_agrees_with_scikit_learns_kernel_ridge() -> None:
    from sklearn.kernel_ridge import KernelRidge
    from sklearn.metrics.pairwise import rbf_kernel

    vectors = EMBEDDERS[1].encode(TEXTS)
    numbers = np.array([["refund", "track"].index(label) for label in LABELS])
    head, _ = intent_head.fit([vectors], numbers, 2)
    reference = KernelRidge(alpha=head.ridge, kernel="precomputed")
    # exp(s (cos - 1)) of unit vectors is the Gaussian kernel with gamma s / 2
    reference.fit(rbf_kernel(vectors, gamma=head.sharpness / 2), intent_head.targets(numbers, 2))
    new = EMBEDDERS[1].encode(["退款到哪里了", "where is it"])
    np.testing.assert_allclose(
        head.scores([new]), reference.predict(rbf_kernel(new, vectors, gamma=head.sharpness / 2)), atol=1e-5
    )


def test_energy_is_high_when_one_score_is() -> None:
    values = energy(np.array([[9.0, 0.0], [1.0, 1.0], [0.0, 0.0]], np.float32))
    assert values[0] > values[1] > values[2] == pytest.approx(np.log(2))
