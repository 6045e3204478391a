"""Trained heads come back as they were measured: same labels, same probabilities alone and in a batch, calibrated."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.errors import AdapterError, DataError, ModelError
from core.inference.classification import LabelledSpan, SequenceClassifier, TokenClassifier
from core.inference.linear import LinearClassifier
from core.models.calibration import Calibration, fit
from core.runs import Run
from core.training.examples import LabelledText, TokenLabels
from core.training.finetune import FinetuneResult, finetune
from core.training.options import TrainingOptions
from tests import tiny

GOOD, BAD = ("good", "很好", "great", "棒极了"), ("bad", "很差", "awful", "糟透了")
OPTIONS = TrainingOptions(
    epochs=16, learning_rate=0.004, batch_size=8, rank=8, alpha=8, dropout=0.0, max_tokens=64, patience=0
)


def train(task: str, base: Path, data: list, labels: tuple[str, ...], folder: Path) -> FinetuneResult:
    folder.mkdir()
    return finetune(task, base, data, data, OPTIONS, Run(folder), labels=labels, plan=tiny.PLAN)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, FinetuneResult]]:
    root = tmp_path_factory.mktemp("trained")
    base = tiny.encoder(root / "tiny-encoder")
    opinions = [LabelledText.of(t, "good") for t in GOOD] + [LabelledText.of(t, "bad") for t in BAD]
    topics = [LabelledText(text, labels) for text, labels in (("a", ("A",)), ("b", ("B",)), ("a b", ("A", "B")))]
    people = [
        TokenLabels(("ask", "Ann", "Lee", "now"), ("O", "B-PER", "I-PER", "O")),
        TokenLabels(tuple("请找李雷。"), ("O", "O", "B-PER", "I-PER", "O"), joiner=""),
    ]
    return {
        "sequence": (base, train("sequence", base, opinions * 4, ("bad", "good"), root / "sequence")),
        "multi_label": (base, train("multi_label", base, topics * 8, ("A", "B"), root / "several")),
        "token": (base, train("token", base, people * 12, ("O", "B-PER", "I-PER"), root / "token")),
    }


def test_a_classifier_answers_as_it_was_measured(trained: dict) -> None:
    base, result = trained["sequence"]
    classifier = SequenceClassifier(base, result.adapter, tiny.PLAN)
    assert classifier.labels == ("bad", "good")
    probabilities = classifier.predict_proba([*BAD, *GOOD])
    assert probabilities.shape == (8, 2) and probabilities.dtype == np.float32
    assert np.allclose(probabilities.sum(1), 1, atol=1e-5)
    right = (probabilities.argmax(1) == [0] * 4 + [1] * 4).mean()
    assert right == pytest.approx(result.after["accuracy"])


def test_a_text_has_the_same_probabilities_alone_and_in_a_batch(trained: dict) -> None:
    base, result = trained["sequence"]
    classifier = SequenceClassifier(base, result.adapter, tiny.PLAN)
    texts = ["good", "x" * 60, "", "很差，不会再买", "good and bad " * 9]
    together = classifier.predict_proba(texts)
    assert np.allclose(together, np.concatenate([classifier.predict_proba([t]) for t in texts]), atol=1e-5)
    assert classifier.predict_proba([]).shape == (0, 2)


def test_stored_calibration_is_applied(trained: dict, tmp_path: Path) -> None:
    import shutil

    base, result = trained["sequence"]
    hot = Path(shutil.copytree(result.adapter, tmp_path / "hot"))
    task = json.loads((hot / "task.json").read_text())
    (hot / "task.json").write_text(json.dumps({**task, "calibration": {"temperature": 20.0}}))
    sure = SequenceClassifier(base, result.adapter, tiny.PLAN).predict_proba(["good"])
    unsure = SequenceClassifier(base, hot, tiny.PLAN).predict_proba(["good"])
    assert unsure.max() < sure.max() and unsure.argmax() == sure.argmax()


def test_several_labels_have_probabilities_of_their_own(trained: dict) -> None:
    base, result = trained["multi_label"]
    classifier = SequenceClassifier(base, result.adapter, tiny.PLAN)
    probabilities = classifier.predict_proba(["a", "b", "a b"])
    assert classifier.several and (probabilities[2] > 0.5).all()
    assert probabilities[0, 0] > 0.5 > probabilities[0, 1]


def test_spans_are_found_at_their_characters_in_both_languages(trained: dict) -> None:
    base, result = trained["token"]
    classifier = TokenClassifier(base, result.adapter, tiny.PLAN)
    english, chinese, none = classifier.spans(["ask Ann Lee now", "请找李雷。", ""])
    assert [(span.start, span.end, span.kind) for span in english] == [(4, 11, "PER")]
    assert [(span.start, span.end, span.kind) for span in chinese] == [(2, 4, "PER")]
    assert none == [] and 0 < english[0].probability <= 1
    alone = classifier.spans(["请找李雷。"])[0][0]
    assert alone == LabelledSpan(2, 4, "PER", pytest.approx(chinese[0].probability, abs=1e-5))


def test_an_adapter_of_another_task_or_a_base_without_a_head_is_refused(trained: dict) -> None:
    base, result = trained["token"]
    with pytest.raises(AdapterError, match="was trained for 'token', not for sequence"):
        SequenceClassifier(base, result.adapter, tiny.PLAN)
    with pytest.raises(ModelError, match="no classifier's head of its own"):
        SequenceClassifier(base, None, tiny.PLAN)


# --- linear heads


class Letters:
    """Counts letters: a reader can see which text gets which vector."""

    name, dim, languages = "letters", 3, ("en",)

    def encode(self, texts: list[str], on_event: object = None) -> np.ndarray:
        rows = np.array([[text.count("a"), text.count("b"), 1] for text in texts], np.float32).reshape(-1, 3)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-9)


class Length(Letters):
    name, dim = "length", 1

    def encode(self, texts: list[str], on_event: object = None) -> np.ndarray:
        return np.ones((len(texts), 1), np.float32)


TEXTS = ["a", "aa", "aaa", "b", "bb", "bbb"] * 3
NAMES = ["A", "A", "A", "B", "B", "B"] * 3


def test_a_linear_head_learns_saves_and_loads_the_same(tmp_path: Path) -> None:
    embedders = [Letters(), Length()]
    head = LinearClassifier.fit(embedders, TEXTS, NAMES)
    assert head.labels == ("A", "B") and head.weight.shape == (2, 4)
    head.save(tmp_path)
    again = LinearClassifier.load(tmp_path, embedders)
    probabilities = head.predict_proba(["aab", "b", "bbba"])
    assert (again.predict_proba(["aab", "b", "bbba"]) == probabilities).all()
    assert probabilities.argmax(1).tolist() == [0, 1, 1] and np.allclose(probabilities.sum(1), 1, atol=1e-6)
    assert sorted(path.name for path in tmp_path.glob("*") if path.is_file() and path.name.startswith("linear")) == [
        "linear.json",
        "linear.safetensors",
    ]


def test_a_linear_head_equals_scikit_learns_logistic_regression() -> None:
    from sklearn.linear_model import LogisticRegression

    from core.inference.linear import STRENGTH

    vectors = Letters().encode(TEXTS)
    for names in (NAMES, [f"{name}{len(text)}" for name, text in zip(NAMES, TEXTS, strict=True)]):
        head = LinearClassifier.fit([Letters()], TEXTS, names)
        reference = LogisticRegression(C=STRENGTH, max_iter=1000).fit(vectors, names).predict_proba(vectors)
        plain = Calibration().probabilities(head.scores(TEXTS))
        assert np.allclose(plain, reference, atol=1e-4)


def test_a_linear_head_for_several_labels(tmp_path: Path) -> None:
    rows = [["A"], ["A"], ["A"], ["B"], ["B"], ["B"]] * 3
    head = LinearClassifier.fit([Letters()], [*TEXTS, "ab", ""], [*rows, ["A", "B"], []])
    probabilities = head.predict_proba(["aa", "bb"])
    assert probabilities[0, 0] > 0.5 > probabilities[0, 1] and probabilities[1, 1] > 0.5 > probabilities[1, 0]


def test_one_example_per_label_still_gives_a_head() -> None:
    head = LinearClassifier.fit([Letters()], ["a", "b"], ["A", "B"])
    assert head.predict_proba(["aa"]).argmax() == 0 and head.calibration.temperature == 1


def test_a_linear_head_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    head = LinearClassifier.fit([Letters(), Length()], TEXTS, NAMES)
    head.save(tmp_path)
    with pytest.raises(ModelError, match="needs the embedder 'length'"):
        LinearClassifier.load(tmp_path, [Letters()])
    record = json.loads((tmp_path / "linear.json").read_text())
    (tmp_path / "linear.json").write_text(json.dumps({**record, "labels": ["A", "B", "C"]}))
    with pytest.raises(ModelError, match="does not fit 3 labels"):
        LinearClassifier.load(tmp_path, [Letters(), Length()])
    (tmp_path / "linear.safetensors").write_bytes(b"junk")
    with pytest.raises(ModelError, match="no readable linear classifier"):
        LinearClassifier.load(tmp_path, [Letters(), Length()])
    with pytest.raises(DataError, match="2 texts but 1 labels"):
        LinearClassifier.fit([Letters()], ["a", "b"], ["A"])
    with pytest.raises(DataError, match="at least two different labels, got 1"):
        LinearClassifier.fit([Letters()], ["a", "b"], ["A", "A"])


# --- calibration


def too_sure(n: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    """Scores three times as large as they should be, over three labels."""
    random = np.random.default_rng(5)
    honest = random.normal(size=(n, 3)).astype(np.float32) * 1.5
    chances = np.exp(honest) / np.exp(honest).sum(1, keepdims=True)
    return honest * 3, np.array([random.choice(3, p=row / row.sum()) for row in chances.astype(float)])


def test_the_temperature_that_made_scores_too_sure_is_found() -> None:
    scores, targets = too_sure()
    assert fit(scores, targets).temperature == pytest.approx(3, rel=0.1)
    several = np.random.default_rng(1).random((3000, 2)) < 1 / (1 + np.exp(-scores[:, :2] / 3))
    assert fit(scores[:, :2], several.astype(int), several=True).temperature == pytest.approx(3, rel=0.1)


@pytest.mark.parametrize("method", ["temperature", "isotonic", "auto"])
def test_calibration_lowers_the_error_on_rows_it_did_not_see(method: str) -> None:
    from core.metrics import expected_calibration_error

    scores, targets = too_sure()
    calibration = fit(scores[:2000], targets[:2000], method=method)
    before = expected_calibration_error(Calibration().probabilities(scores[2000:]), targets[2000:])
    after = expected_calibration_error(calibration.probabilities(scores[2000:]), targets[2000:])
    assert after < before / 3
    again = Calibration.from_record(json.loads(json.dumps(calibration.as_record())))
    assert (again.probabilities(scores) == calibration.probabilities(scores)).all()


@pytest.mark.parametrize(
    "record", [{"temperature": 0}, {"temperature": "x"}, {"temperature": float("nan")}, {"curves": [[[1], []]]}]
)
def test_a_broken_calibration_record_is_refused(record: dict) -> None:
    with pytest.raises(DataError):
        Calibration.from_record(record)
