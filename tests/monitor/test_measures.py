"""Figures agree with independent implementations, and a whole measurement runs on a hand-typed set."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from seqeval.metrics import f1_score as seqeval_f1
from seqeval.scheme import IOB2
from sklearn.metrics import accuracy_score
from sklearn.metrics import f1_score as sklearn_f1

from apps.monitor.conll_files import TAGS, Sentence
from apps.monitor.evaluation import MEASURES, evaluate
from apps.monitor.labelled import LabelledItem, located
from apps.monitor.measures import baselines
from apps.monitor.measures.company_sets import Pair, marked_texts, pairs
from apps.monitor.measures.name_sets import name_figures, remembered
from apps.monitor.measures.scores import Said, macro_f1, mood_row
from apps.monitor.records import Label
from apps.monitor.settings import load_settings
from core.errors import DataError, NotFoundError
from core.events import ignore
from tests import tiny


def test_figures_of_moods_agree_with_scikit_learn() -> None:
    chance = np.random.default_rng(3)
    probabilities = chance.dirichlet([1, 1, 1], 200).astype(np.float32)
    wanted = [("negative", "neutral", "positive")[number] for number in chance.integers(0, 3, 200)]
    said = Said.of(probabilities, seconds=4.0)
    row = mood_row("ours", said, wanted)
    assert row["accuracy"] == pytest.approx(accuracy_score(wanted, said.labels))
    assert row["macro_f1"] == pytest.approx(sklearn_f1(wanted, said.labels, average="macro"))
    assert row["docs_s"] == 50 and row["missing"] == 0
    assert row["accuracy_low"] < row["accuracy"] < row["accuracy_high"]


def test_a_missing_answer_is_wrong_and_counted() -> None:
    row = mood_row("ours", Said(["positive", None]), ["positive", "negative"])
    assert row["accuracy"] == 0.5 and row["missing"] == 0.5 and "ece" not in row
    with pytest.raises(DataError, match="1 answers but 2 labels"):
        mood_row("ours", Said(["positive"]), ["positive", "negative"])


def test_a_mood_nobody_wanted_does_not_lower_the_mean() -> None:
    assert macro_f1(["positive", "negative"], ["positive", "negative"]) == 1.0


def test_name_figures_agree_with_seqeval_and_scikit_learn() -> None:
    chance = np.random.default_rng(5)
    gold = [[TAGS[n] for n in chance.choice(9, 12, p=[0.6, *[0.05] * 8])] for _ in range(40)]
    found = [[tag if chance.random() < 0.7 else TAGS[chance.integers(9)] for tag in row] for row in gold]
    figures = name_figures(gold, found)
    assert figures["entity_f1"] == pytest.approx(seqeval_f1(gold, found, mode="strict", scheme=IOB2))
    flat_gold, flat_found = ([tag for row in rows for tag in row] for rows in (gold, found))
    assert figures["token_micro"] == pytest.approx(accuracy_score(flat_gold, flat_found))
    wanted = sklearn_f1(flat_gold, flat_found, average="macro", labels=list(TAGS))
    assert figures["token_macro"] == pytest.approx(wanted)
    kinds = [[tag[2:] or "O" for tag in tags] for tags in (flat_gold, flat_found)]
    assert figures["token_macro_kinds"] == pytest.approx(sklearn_f1(*kinds, average="macro"))
    everywhere = name_figures(gold, [["O"] * len(row) for row in gold])
    assert everywhere["token_macro_kinds"] == pytest.approx(
        sklearn_f1(kinds[0], ["O"] * len(kinds[0]), average="macro")
    )


def test_the_name_baseline_recalls_what_had_one_kind_alone() -> None:
    train = [
        Sentence(("Alba", "Bank", "met", "Ann"), ("B-ORG", "I-ORG", "O", "B-PER")),
        Sentence(("Paris", "smiled"), ("B-PER", "O")),
        Sentence(("in", "Paris"), ("O", "B-LOC")),
    ]
    test = [Sentence(("Ann", "left", "Alba", "Bank", "in", "Paris"), ("O",) * 6)]
    assert remembered(train, test) == [["B-PER", "O", "B-ORG", "I-ORG", "O", "O"]]


def test_a_pair_masks_the_others_and_is_marked_alone() -> None:
    text = "Alba rises, Cora falls"
    item = LabelledItem(
        "1", text, "en", companies=(located(text, "Alba", Label.POSITIVE), located(text, "Cora", Label.NEGATIVE))
    )
    first, second = pairs([item])
    assert first.masked == "thecompany rises, anothercompany falls"
    assert second.masked == "anothercompany rises, thecompany falls"
    assert first.several and first.mixed and isinstance(first, Pair)
    assert marked_texts([first, second], "brackets") == ["[[Alba]] rises, Cora falls", "Alba rises, [[Cora]] falls"]


def test_baselines_know_what_they_can(recwarn: pytest.WarningsRecorder) -> None:
    assert baselines.vader(["great profit", "terrible fraud", "the table"]).labels == [
        "positive",
        "negative",
        "neutral",
    ]
    predict = baselines.svm(["up up", "down down"] * 3, ["positive", "negative"] * 3)
    assert predict(["up", "down"]).labels == ["positive", "negative"]
    assert baselines.majority(["neutral", "neutral", "positive"], 2).labels == ["neutral", "neutral"]


def tfns_folder(place: Path) -> Path:
    def table(rows: Sequence[tuple[str, int]]) -> str:
        return "text,label\n" + "".join(f"{text},{label}\n" for text, label in rows)

    words = ("harbour", "museum", "orchard", "glacier", "tunnel", "bakery", "ferry", "comet", "school", "market")
    rows = [
        (f"{word} shares {verb}", label) for word in words for verb, label in (("slump", 0), ("soar", 1), ("meet", 2))
    ]
    (place / "sent_train.csv").write_text(table(rows))
    (place / "sent_valid.csv").write_text(
        table([("valley shares slump", 0), ("desert shares soar", 1), ("river shares meet", 2)])
    )
    return place


def test_a_whole_measurement_prints_ours_beside_the_baselines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from apps.monitor import recipes

    quick = replace(recipes.SMALL, max_steps=4, batch_size=8, rank=4)
    monkeypatch.setattr(recipes, "SMALL", quick)
    monkeypatch.setattr(recipes, "LARGE", quick)
    base = str(tiny.encoder(tmp_path / "tiny-encoder"))
    overrides = {"monitor.reading.english_model": base, "monitor.reading.chinese_model": base, "models.threads": 1}
    settings = load_settings(overrides={**overrides, "models.dtype": "float32"})
    (tmp_path / "tfns").mkdir()
    folder = tfns_folder(tmp_path / "tfns")
    report = evaluate(settings, "tfns", folder)
    models = [row["model"] for row in report.rows]
    assert models[-3:] == [baselines.SVM, baselines.VADER, baselines.MAJORITY] and "no adapter" in models[1]
    assert {"tfns.accuracy", "tfns.macro_f1", "tfns.svm_accuracy", "tfns.vader_accuracy"} <= set(report.figures)
    assert report.figures["tfns.svm_accuracy"] == 1.0
    trained = sorted((settings.home / "monitor" / "measures").glob("tfns-*"))
    again = evaluate(settings, "tfns", folder, ignore)
    assert sorted((settings.home / "monitor" / "measures").glob("tfns-*")) == trained
    assert again.figures["tfns.accuracy"] == report.figures["tfns.accuracy"]


def test_an_unknown_set_names_the_known_ones() -> None:
    with pytest.raises(NotFoundError, match="tfns"):
        evaluate(load_settings(), "tfn")
    assert {"sample", "tfns", "sentfin", "finfe", "conll2003", "throughput"} <= set(MEASURES)
