import json
from pathlib import Path

import numpy as np
import pytest

from apps.chatbot import hub_sets, question_sets
from apps.chatbot.measures import finding_sets
from apps.chatbot.measures.intent_files import lists, parallel, table
from apps.chatbot.question_sets import Asked, QuestionPair, RetrievalSet, as_retrieval
from apps.chatbot.reading_files import reading_comprehension
from core.errors import DataError, NotFoundError
from core.text import lexical_tokens

SHARED = Path(__file__).parents[3] / "shared/datasets/chatbot"
needs_sets = pytest.mark.skipif(not SHARED.is_dir(), reason="the public sets are not here")


class Words:
    """A tiny real embedder of hashed words."""

    name, dim, languages = "words", 32, ("en", "zh")

    def encode(self, texts):
        rows = np.zeros((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            for token in lexical_tokens(text):
                rows[row, sum(token.encode()) % self.dim] += 1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-6)


FOUND = RetrievalSet(
    "made", "zh", ("怎么退货", "多久送到", "可以开发票吗"),
    (Asked("我要退货", frozenset({0})), Asked("几天送到", frozenset({1})), Asked("送货", frozenset({0}))),
)  # fmt: skip


def test_top1_counts_the_first_result_only():
    assert finding_sets.retrieval_top1(FOUND, [Words()]) == pytest.approx(2 / 3)
    assert finding_sets.retrieval_top1(FOUND, [Words()], limit=2) == 1


def test_places_become_shares_and_reciprocal_ranks():
    places = {"我要退货": [0], "几天送到": [2, 1], "送货": []}
    row = finding_sets.measured(FOUND, lambda question: places[question])
    assert (row["top1"], row["top3"], row["mrr"]) == (pytest.approx(1 / 3), pytest.approx(2 / 3), pytest.approx(0.5))
    assert row["top1_low"] <= row["top1"] <= row["top1_high"]


def written(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_text(content, encoding="utf-8")
    return folder


def test_insurance_questions_are_shuffled_and_right_by_their_answer(tmp_path):
    corpus = "\ufeffquestion\tanswer\n" + "".join(f"问题{n}\t答案{n % 40}\n" for n in range(50))
    folder = written(tmp_path / "i", corpus_txt=corpus, test_txt="question\tanswer\n问\t答案3\n")
    found = question_sets.insurance_zh(folder)
    assert len(found.entries) == 50
    assert {found.entries[number] for number in found.asked[0].right} == {"问题3", "问题43"}
    assert found.entries[:3] != ("问题0", "问题1", "问题2")
    written(tmp_path / "i", test_txt="question\tanswer\n问\t没有\n")
    with pytest.raises(DataError, match="does not stand"):
        question_sets.insurance_zh(folder)


def test_pairs_that_share_a_sentence_stay_on_one_side(tmp_path):
    rows = [f"{n}\t句子{n}\t句子{n + 1 if n % 5 else n + 1000}\t{n % 2}" for n in range(300)]
    folder = written(tmp_path / "a", train_csv="\ufeff" + "\r\n".join(rows).replace("句子7\t", "\ufeff句子7\t"))
    parts = question_sets.atec_zh(folder)
    assert sum(len(part) for part in parts.values()) == 300
    texts = [{text for pair in part for text in (pair.first, pair.second)} for part in parts.values()]
    assert all(part for part in texts)
    assert not texts[0] & texts[1] and not texts[0] & texts[2] and not texts[1] & texts[2]
    assert not any("\ufeff" in text for part in texts for text in part)


def test_pairs_become_something_to_find():
    pairs = [QuestionPair("a", "b", True), QuestionPair("a", "c", True), QuestionPair("d", "c", False)]
    found = as_retrieval("made", pairs)
    assert found.entries == ("b", "c")
    assert found.asked == (Asked("a", frozenset({0, 1})),)


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("train_csv", "1\tone\ttwo\n", DataError),
        ("train_csv", "1\ta\tb\tmaybe\n", DataError),
        ("x_csv", "", NotFoundError),
    ],
)
def test_other_layouts_are_refused(tmp_path, name, content, error):
    with pytest.raises(error):
        question_sets.atec_zh(written(tmp_path / "a", **{name: content}))


@needs_sets
@pytest.mark.datasets
def test_the_public_sets_have_their_known_sizes():
    found = question_sets.insurance_zh(SHARED / "insurance_zh")
    assert (len(found.entries), len(found.asked)) == (3769, 100)
    parts = question_sets.atec_zh(SHARED / "atec_zh")
    assert sum(len(part) for part in parts.values()) == 39346
    assert sum(pair.same for part in parts.values() for pair in part) == 8549
    bank = question_sets.bq_zh(SHARED / "bq_zh")
    assert {name: len(part) for name, part in bank.items()} == {"dev": 10000, "test": 10000}
    asked = question_sets.bank_faqs(SHARED / "bank_faqs").asked
    assert len(asked) > 20


def made_parts(columns: dict, labels: dict[str, list[str]] | None = None, splits=("train", "validation", "test")):
    datasets = pytest.importorskip("datasets")
    made = {}
    for split in splits:
        one = datasets.Dataset.from_dict(columns)
        for column, names in (labels or {}).items():
            one = one.cast_column(column, datasets.ClassLabel(names=names))
        made[split] = one
    return lambda hub_id, config: datasets.DatasetDict(made)


def test_hub_sets_are_written_as_their_loaders_read_them(tmp_path):
    parts = made_parts({"text": ["Lost\ncard?"], "label_text": ["lost_card"]})
    folder = hub_sets.fetch("banking77", tmp_path / "banking77", parts)
    assert (table(folder / "train.csv").texts, table(folder / "test.csv").intents) == (("Lost\ncard?",), ("lost_card",))
    parts = made_parts({"text": ["hi", "moon?"], "intent": [0, 1]}, {"intent": ["greeting", "oos"]})
    found = lists(hub_sets.fetch("clinc/clinc_oos", tmp_path / "clinc", parts) / "data_full.json")
    assert (found["val"].texts, found["oos_test"].texts) == (("hi",), ("moon?",))
    parts = made_parts({"utterance": ["lights on"], "label": [0]}, {"label": ["iot"]})
    assert parallel(hub_sets.fetch("hwu64", tmp_path / "hwu64", parts) / "valid").intents == ("iot",)
    answers = [{"text": ["两天"], "answer_start": [3]}] * 2
    columns = {"id": ["1", "2"], "context": ["送货要两天。"] * 2, "question": ["几天？", "多久？"], "answers": answers}
    folder = hub_sets.fetch("cmrc2018_zh", tmp_path / "cmrc", made_parts(columns))
    reading = reading_comprehension(folder)
    assert (len(reading.passages), len(reading.questions)) == (1, 2)
    assert json.loads((folder / "cmrc2018_dev.json").read_text("utf-8"))["data"][0]["paragraphs"]


def test_a_set_that_is_another_leaves_nothing_behind(tmp_path):
    with pytest.raises(DataError, match="no part or column"):
        hub_sets.fetch("banking77", tmp_path / "b", made_parts({"words": ["x"]}))
    assert not (tmp_path / "b").exists()
    with pytest.raises(NotFoundError, match="nearest known is 'banking77'"):
        hub_sets.fetch("bankin77", tmp_path / "b")
