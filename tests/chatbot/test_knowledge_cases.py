"""Thresholds hold for the knowledge they were fitted on: what outgrew them is no longer decided by them, and said."""

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

from apps.chatbot import calibration, tuning
from apps.chatbot.knowledge import Knowledge
from apps.chatbot.knowledge_cases import KnowledgeCases
from apps.chatbot.records import Kind, LabelledQuestion
from apps.chatbot.settings import load_settings
from apps.chatbot.store import Store
from core.events import Log
from tests.chatbot.test_knowledge import Letters

WEIGHTS = {
    "answer": calibration.ANSWER_FEATURES,
    "offer": calibration.ANSWER_FEATURES,
    "passage": calibration.PASSAGE_FEATURES,
}


def fitted(language: str, answers: int) -> list[tuning.ThresholdSet]:
    at = datetime(2026, 6, 1, tzinfo=UTC)
    weights = {kind: calibration.Calibrator(names, (1.0,) * len(names), 0.0) for kind, names in WEIGHTS.items()}
    return [tuning.ThresholdSet(language, kind, 0.1, 0.5, (), 20, at, weights[kind], answers) for kind in tuning.KINDS]


def test_a_large_file_beside_few_answers_brings_back_the_defaults_of_its_language_and_says_so(tmp_path):
    store = Store.open(f"sqlite:///{tmp_path / 'shop.db'}")
    knowledge = Knowledge(store, [Letters()], tmp_path / "home").load()
    cases = KnowledgeCases(load_settings(), store, knowledge, SimpleNamespace(loads=False))
    rows = [f"Question {number}?,Answer {number}." for number in range(7)]
    few, many = tmp_path / "few.csv", tmp_path / "many.csv"
    few.write_text("question,answer\n" + "\n".join(rows[:2]), encoding="utf-8")
    many.write_text("question,answer\n" + "\n".join(rows[2:]), encoding="utf-8")
    said: list[object] = []
    cases.ingest([few], "faq", "en", said.append)
    store.save_thresholds([tuning.to_json(one) for one in (*fitted("en", 2), *fitted("zh", 2))])
    cases.refresh()
    assert {one.language for one in cases.thresholds()} == {"en", "zh"} and cases.outgrown() == {}
    cases.ingest([many], "faq", "en", said.append)
    assert store.approved_by_language() == {"en": 7}
    assert {one.language for one in cases.thresholds()} == {"zh"} and cases.outgrown() == {"en": (2, 7)}
    told = [one.text for one in said if isinstance(one, Log) and "Thresholds" in one.text]
    assert told and told[0].startswith("Thresholds of 'en' were fitted on 2 answers, there are 7 now")


def test_thresholds_over_features_of_an_earlier_version_are_not_shown_as_in_use(tmp_path):
    store = Store.open(f"sqlite:///{tmp_path / 'shop.db'}")
    knowledge = Knowledge(store, [Letters()], tmp_path / "home").load()
    cases = KnowledgeCases(load_settings(), store, knowledge, SimpleNamespace(loads=False))
    earlier = calibration.Calibrator(("score", "score_lead"), (1.0, 1.0), 0.0)
    kept = [
        replace(one, calibrator=earlier) if one.language == "zh" else one
        for one in (*fitted("en", 2), *fitted("zh", 2))
    ]
    store.save_thresholds([tuning.to_json(one) for one in kept])
    assert {one.language for one in cases.thresholds()} == {"en"}
    assert cases.outdated() == ["zh"] and cases.outgrown() == {}


def test_fitting_says_which_thresholds_of_an_earlier_version_it_replaces_and_which_are_left(tmp_path, monkeypatch):
    store = Store.open(f"sqlite:///{tmp_path / 'shop.db'}")
    knowledge = Knowledge(store, [Letters()], tmp_path / "home").load()
    cases = KnowledgeCases(load_settings(), store, knowledge, SimpleNamespace(loads=True))
    earlier = calibration.Calibrator(("score", "score_lead"), (1.0, 1.0), 0.0)
    old = [replace(one, calibrator=earlier) for one in (*fitted("en", 2), *fitted("zh", 2))]
    store.save_thresholds([tuning.to_json(one) for one in old])
    monkeypatch.setattr(tuning, "fit_language", lambda questions, withheld, language, *more: fitted(language, 0))
    said: list[object] = []
    question = LabelledQuestion("q", "Are you open?", Kind.FAQ, "en", faq_id="a")
    cases.fit_thresholds([question], judged=False, on_event=said.append)
    told = [one.text for one in said if isinstance(one, Log) and "earlier version" in one.text]
    assert [one.split("'")[1] for one in told] == ["en", "zh"]
    assert told[0].endswith("those fitted now take their place.") and "trifolium chatbot fit" in told[1]
    assert cases.outdated() == ["zh"]
