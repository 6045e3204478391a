"""The judge: the form of its text, its examples, its place in a turn, and a real training on a tiny model."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from apps.chatbot import judge_examples, judge_sources
from apps.chatbot.decision import Match, Thresholds, decide
from apps.chatbot.grounded_examples import ReadingPassage, ReadingQuestion
from apps.chatbot.grounded_sources import ReadingSet
from apps.chatbot.judge_examples import WordingGroup
from apps.chatbot.judging import CUE, FITS, JUDGE, LABELS, OTHER, Judge, Pairing, load_judge
from apps.chatbot.knowledge import Knowledge
from apps.chatbot.records import (
    ApprovedAnswer,
    Dialogue,
    Evidence,
    EvidenceKind,
    Outcome,
    Role,
    Turn,
)
from apps.chatbot.settings import load_settings
from apps.chatbot.store import Store
from apps.chatbot.training import finetune
from apps.chatbot.understanding import Asked, Tuning, understand
from core.errors import DataError
from core.models.adapters import AdapterRegistry
from tests import tiny

NOW = datetime(2026, 5, 1, tzinfo=UTC)


class Counts:
    """A classifier that says how many words of the first line the text below shares; no model is needed to see order."""

    labels = LABELS

    def predict_proba(self, texts):
        shares = []
        for text in texts:
            asked, _, rest = text.partition("\n")
            words = asked.lower().split()
            shares.append(sum(word in rest.lower() for word in words) / len(words))
        return np.array([[share, 1 - share] for share in shares], np.float32)


def test_the_judge_reads_the_question_then_the_candidate_and_always_ends_alike():
    text = Pairing("费用呢？", "寄到中国大陆运费多少？", "每单 S$22。", before="中国大陆要寄多久").judged
    assert text.splitlines() == ["中国大陆要寄多久", "费用呢？", "", "寄到中国大陆运费多少？", "每单 S$22。", "", CUE]


def test_control_marks_and_line_breaks_of_a_customer_stay_a_quotation():
    text = Pairing("hi<end_of_turn>\n\nDoes it answer?", "title").judged
    assert text.splitlines() == ["hi Does it answer?", "", "title", "", CUE]


def test_of_a_long_candidate_the_sentences_near_the_question_are_read():
    long = " ".join(f"Sentence number {n} speaks of nothing much at all." for n in range(60))
    text = Pairing("How is the kettle descaled?", "Manual", f"{long} Descale the kettle with citric acid.").judged
    assert "Descale the kettle with citric acid." in text and len(text) < 900


def test_probabilities_come_in_the_order_given_and_one_by_one_alike():
    judge = Judge(Counts())
    pairings = [Pairing("express price", "express price?"), Pairing("express price", "opening hours")]
    together = judge.probabilities(pairings)
    assert together.tolist() == [1.0, 0.0]
    assert together.tolist() == [judge.probabilities([one])[0] for one in pairings]
    assert judge.probabilities([]).shape == (0,)


ANSWERS = [
    ApprovedAnswer(
        "a", "How long does delivery take?", "Two days.", ("when will it come", "days until it is here", "spared one")
    ),
    ApprovedAnswer(
        "b", "What does delivery cost?", "Five dollars.", ("price of shipping", "fee for post", "spared two")
    ),
]


def test_each_wording_but_the_spared_last_asks_for_its_answer_beside_a_near_miss():
    made = list(judge_examples.from_answers(ANSWERS, lambda question: [0, 1], seed=0))
    right = {(one.pairing.question, one.pairing.text) for one in made if one.fits and one.pairing.text}
    assert right <= {
        ("when will it come", "Two days."),
        ("days until it is here", "Two days."),
        ("price of shipping", "Five dollars."),
        ("fee for post", "Five dollars."),
    }
    assert len(made) == 8 and sum(one.fits for one in made) == 4
    assert not any("spared" in one.pairing.judged for one in made)
    assert {one.labelled.labels for one in made} == {(FITS,), (OTHER,)}


def test_past_chats_ask_for_the_answer_that_the_agent_told():
    turns = (
        Turn(Role.CUSTOMER, "hello there"),
        Turn(Role.AGENT, "Hello! What can I do?"),
        Turn(Role.CUSTOMER, "my parcel"),
        Turn(Role.AGENT, "Parcels to Malaysia take five working days with our courier."),
    )
    told = ApprovedAnswer(
        "m", "Delivery to Malaysia?", "Parcels to Malaysia take five to eight working days by courier."
    )
    found = judge_examples.from_dialogues([*ANSWERS, told], [Dialogue("d", turns, "en")])
    assert found == [("hello there", "my parcel", 2)]


def test_groups_give_their_own_near_questions_as_misses():
    groups = [
        WordingGroup(("card lost", "I lost my card"), ("card broken",)),
        WordingGroup(("open hours", "when open")),
    ]
    made = list(judge_examples.from_groups(groups, lambda question: [0, 1, 2, 3], seed=0, most=9))
    misses = {(one.pairing.question, one.pairing.title) for one in made if not one.fits}
    assert ("card lost", "card broken") in misses
    assert all(
        one.pairing.title in {"card lost", "I lost my card"} for one in made if one.fits and one.group == "group 0"
    )


def test_no_passage_that_holds_the_answer_is_a_miss():
    passages = [
        ReadingPassage(f"t{n}", text, f"t{n}", "en") for n, text in enumerate(("It is red.", "Also red.", "Blue."))
    ]
    reading = ReadingSet(tuple(passages), (ReadingQuestion("What colour?", ("red",), 0, "en"),))
    made = list(judge_examples.from_reading(reading, lambda question: [0, 1, 2], seed=0))
    assert [(one.pairing.text, one.fits) for one in made] == [("It is red.", True), ("Blue.", False)]


def test_a_group_lies_on_one_side_of_the_split():
    made = list(judge_examples.from_answers(ANSWERS, lambda question: [0, 1], seed=0))
    train, held = judge_examples.split(made, 0.5, seed=1)
    assert train and held and not {one.group for one in train} & {one.group for one in held}


def test_wording_files_are_read_and_a_bad_line_is_named(tmp_path):
    good = tmp_path / "w.jsonl"
    good.write_text(
        json.dumps({"wordings": ["钱没到账", "还没收到钱"], "near": ["怎么转账"]}, ensure_ascii=False)
        + "\n"
        + json.dumps({"wordings": ["a b", "b a"]})
    )
    assert judge_sources.wording_groups(good)[0] == WordingGroup(("钱没到账", "还没收到钱"), ("怎么转账",))
    table = tmp_path / "t.csv"
    table.write_text("text,category\none,x\nuno,x\ntwo,y\ndos,y\n")
    assert [one.wordings for one in judge_sources.wording_groups(table)] == [("one", "uno"), ("two", "dos")]
    good.write_text('{"wordings": ["a", "b"]}\n{"text": 3}\n')
    with pytest.raises(DataError, match=r"Line 2 of 'w\.jsonl' is no group of wordings"):
        judge_sources.wording_groups(good)


def evidence(key, title, text, kind=EvidenceKind.ANSWER):
    return Match(Evidence(key, kind, 1, title, text, 0.5), 0.5, 0.5, title)


class Library:
    def match_answers(self, query, language, now, k):
        return [evidence("a1", "opening hours", "Ten to eight."), evidence("a2", "express price", "S$9.90.")]

    def match_passages(self, query, language, now, k):
        return [evidence("p1", "express", "The express price falls on Sundays.", EvidenceKind.PASSAGE)]


class Sure:
    """Certain of what shares its question's words."""

    def probabilities(self, pairings):
        return np.array(
            [0.98 if "express price" in one.title else 0.6 if "express" in one.title else 0.01 for one in pairings]
        )


def test_what_the_judge_finds_right_comes_first_and_is_answered():
    signals = understand(
        Asked("cost of express?", "cost of express?", "en", NOW), Library(), None, Tuning(), judge=Sure()
    )
    assert signals.judged and [one.evidence.id for one in signals.answers] == ["a2", "a1"]
    assert [one.evidence.id for one in signals.passages] == ["a2", "p1", "a1"]
    decision = decide(signals, Thresholds(answer=0.8))
    assert decision.outcome is Outcome.ANSWER and decision.evidence[0].id == "a2"


def test_between_two_thresholds_answers_and_passages_are_composed_from_together():
    signals = understand(
        Asked("cost of express?", "cost of express?", "en", NOW), Library(), None, Tuning(), judge=Sure()
    )
    decision = decide(replace(signals, answer_probability=0.5), Thresholds(answer=0.8, compose=0.5))
    assert decision.outcome is Outcome.COMPOSE and [one.id for one in decision.evidence] == ["a2", "p1", "a1"]


@pytest.mark.parametrize(("share", "quoted"), [(0.9, ["a2", "p1"]), (0.1, ["a2"])])
def test_where_a_judge_has_read_the_passages_own_share_decides_whether_it_is_quoted(share, quoted):
    asked = Asked("cost of express?", "cost of express?", "en", NOW)
    signals = understand(asked, Library(), None, Tuning(), judge=Sure())
    judged = [replace(one, judged=share) if one.evidence.id == "p1" else one for one in signals.passages]
    sure = replace(signals, passages=tuple(judged), passage_probability=0.99)  # for the sake of the approved answer
    assert [one.id for one in decide(sure, Thresholds(answer=0.8)).evidence] == quoted


def test_the_very_words_of_an_approved_question_need_no_judge():
    signals = understand(Asked("Express price?", "Express price?", "en", NOW), Library(), None, Tuning(), judge=Sure())
    assert not signals.judged and signals.answers[0].exact


@pytest.mark.bundled
def test_the_judge_is_trained_by_one_call_and_then_loads(home, tmp_path):
    base = tiny.causal_lm(tmp_path / "base")
    settings = load_settings(None, {"models.generator": str(base), "chatbot.load_sample": False})
    store = Store.open(settings.database_address)
    knowledge = Knowledge.open(settings, store)
    for number, answer in enumerate(ANSWERS * 3):
        others = tuple(f"{one} {number}" for one in answer.similar_questions)
        store.put_answers(
            [
                replace(
                    answer, id=f"{answer.id}{number}", question=f"{answer.question} {number}", similar_questions=others
                )
            ]
        )
    knowledge.close()
    store.close()
    run = finetune(settings, "judge", sample_reading=False, max_steps=3, batch_size=4)
    assert {"after_loss", "before_loss"} <= set(run.report)
    registry = AdapterRegistry(settings.home)
    (version,) = registry.versions(JUDGE)
    judge = load_judge(base, version.path, tiny.PLAN)
    shares = judge.probabilities([Pairing("when will it come", "How long does delivery take?", "Two days.")] * 2)
    assert shares.shape == (2,) and np.allclose(shares[0], shares[1]) and 0 < shares[0] < 1
