"""evaluate() on sets of a few typed rows in the published formats; embedders are small and real."""

import json
from pathlib import Path

import numpy as np
import pytest

from apps.chatbot import evaluation
from apps.chatbot.measures import intent_files, intent_sets
from apps.chatbot.settings import ChatbotSettings
from core.errors import DataError, NotFoundError
from core.report import Report, joined

TRACK = ["where is my parcel", "track my parcel", "parcel not here yet", "where is the parcel now"]
REFUND = ["i want my money back", "refund me please", "money back now", "please refund my money"]
STRANGERS = ["who won the cup", "what is the weather", "sing a song"]


class Characters:
    """Counts of character pairs in hashed columns."""

    name, languages, dim = "characters", ("en", "zh"), 256

    def encode(self, texts: list[str]) -> np.ndarray:
        rows = np.zeros((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            for a, b in zip(text.lower(), text.lower()[1:], strict=False):
                rows[row, (ord(a) * 31 + ord(b)) % self.dim] += 1
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ChatbotSettings:
    monkeypatch.setattr(intent_sets, "cached_embedders", lambda settings, on_event: [Characters()])
    return ChatbotSettings(home=tmp_path / "home")


@pytest.fixture
def banking(tmp_path: Path) -> Path:
    folder = tmp_path / "banking77"
    (folder / "train_10").mkdir(parents=True)
    train = [f'"{text}",track' for text in TRACK[:3]] + [f'"{text}",refund' for text in REFUND[:3]]
    test = ['"where is\nmy parcel please",track', '"the money back",refund']
    (folder / "train.csv").write_bytes("\r\n".join(["text,category", *train]).encode())
    (folder / "test.csv").write_bytes("\r\n".join(["text,category", *test]).encode())
    (folder / "train_10" / "seq.in").write_text("\n".join(TRACK + REFUND) + "\n", encoding="utf-8")
    (folder / "train_10" / "label").write_text("track\n" * 4 + "refund\n" * 4, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", ["banking77", "banking77_10shot"])
def test_banking_shows_ours_beside_the_baselines(name: str, settings: ChatbotSettings, banking: Path) -> None:
    report = evaluation.evaluate(settings, name, folder=banking)
    assert [row["model"] for row in report.rows] == [
        "encoders + kernel head",
        "TF-IDF + logistic regression",
        "largest class",
    ]
    assert report.figures[f"{name}.accuracy"] == 1.0
    assert report.figures[f"{name}.majority_accuracy"] == 0.5
    assert {f"{name}.tfidf_lr_accuracy", f"{name}.macro_f1", f"{name}.ece", f"{name}.p95_ms"} <= set(report.figures)


def test_clinc_tells_strangers_at_the_stated_rejection(settings: ChatbotSettings, tmp_path: Path) -> None:
    def rows(texts: list[str], intent: str) -> list[list[str]]:
        return [[text, intent] for text in texts]

    parts = {
        "train": rows(TRACK, "track") + rows(REFUND, "refund"),
        "val": rows(["my parcel is where"], "track") + rows(["refund please"], "refund"),
        "test": rows(["track the parcel"], "track") + rows(["my money back please"], "refund"),
        "oos_train": rows(STRANGERS[:1], "oos"),
        "oos_val": rows(STRANGERS[1:2], "oos"),
        "oos_test": rows(STRANGERS, "oos"),
    }
    (tmp_path / "data_full.json").write_text(json.dumps(parts), encoding="utf-8")
    figures = evaluation.evaluate(settings, "clinc150", folder=tmp_path).figures
    assert figures["clinc150.in_scope_accuracy"] == 1.0
    assert figures["clinc150.oos_recall"] == 1.0
    assert figures["clinc150.oos_auroc"] == 1.0
    assert "clinc150.tfidf_lr_oos_recall" in figures
    assert "clinc150.accuracy" not in figures


def test_a_set_that_is_unknown_or_not_there_is_one_sentence(settings: ChatbotSettings, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="banking77"):
        evaluation.evaluate(settings, "baking77")
    with pytest.raises(NotFoundError, match=r"data/README\.md"):
        evaluation.evaluate(settings, "hwu64", folder=tmp_path / "nowhere")
    with pytest.raises(NotFoundError, match=r"'train\.csv' is missing"):
        evaluation.evaluate(settings, "banking77", folder=tmp_path)


def test_files_are_read_as_published(banking: Path, tmp_path: Path) -> None:
    test = intent_files.table(banking / "test.csv")
    assert test.texts[0] == "where is\nmy parcel please" and test.intents == ("track", "refund")
    assert len(intent_files.parallel(banking / "train_10").texts) == 8
    (tmp_path / "wrong.csv").write_text("question,label\na,b\n", encoding="utf-8")
    with pytest.raises(DataError, match="no column 'text'"):
        intent_files.table(tmp_path / "wrong.csv")


def test_a_limit_draws_the_same_rows_from_the_whole_file(banking: Path) -> None:
    rows = intent_files.parallel(banking / "train_10")
    assert rows.first(3) == rows.first(3)
    assert len(rows.first(3).texts) == 3
    assert rows.first(None) is rows and rows.first(99) is rows


def test_a_report_is_a_table_and_a_flat_file(tmp_path: Path) -> None:
    report = Report(
        "set", [{"model": "ours", "accuracy": 0.5}, {"model": "theirs"}], {"set.accuracy": 0.5}, ["A note."]
    )
    table = report.to_table().splitlines()
    assert table[1].split() == ["model", "accuracy"] and table[2].split() == ["ours", "0.5000"]
    assert table[-1] == "* A note."
    written = json.loads(report.write_json(tmp_path / "results" / "set.json").read_text(encoding="utf-8"))
    assert written["set.accuracy"] == 0.5
    assert {"meta.date", "meta.machine", "meta.versions", "meta.command"} <= set(written)
    assert str(tmp_path) not in written["meta.machine"]


def test_joined_reports_say_which_set_a_row_belongs_to() -> None:
    one = Report("a", [{"model": "ours"}], {"a.x": 1.0}, ["Same."])
    two = Report("b", [{"model": "ours"}], {"b.x": 2.0}, ["Same."])
    both = joined("all", [one, two])
    assert [row["set"] for row in both.rows] == ["a", "b"]
    assert both.figures == {"a.x": 1.0, "b.x": 2.0} and both.notes == ["Same."]
