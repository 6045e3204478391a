"""Grounded answers measured: by the model alone and along the whole path, on passages whose right answer is evident."""

import pytest

from apps.chatbot import grounding
from apps.chatbot.decision import Thresholds
from apps.chatbot.grounded_examples import ReadingPassage, ReadingQuestion
from apps.chatbot.grounded_sources import ReadingSet
from apps.chatbot.measures import grounded as measured
from core.inference.messages import Completion, Finish

TEXTS = [
    "The lighthouse of Varn was built in 1871 by Ada Holm.",
    "Basalt cools slowly into six-sided columns.",
    "The harbour choir sings on Sundays.",
    "Rye bread rises for nine hours.",
    "Otters sleep holding hands.",
    "The violin has four strings.",
]
PASSAGES = [ReadingPassage(f"title {row}", text, f"group {row}", "en") for row, text in enumerate(TEXTS)]
KNOWN = ReadingQuestion("Who built the lighthouse of Varn in 1871?", ("Ada Holm",), 0, "en")


@pytest.fixture
def reading() -> ReadingSet:
    return ReadingSet(tuple(PASSAGES), (KNOWN,))


class Says:
    """Declines unless it may not; remembers how it was asked."""

    name = "says"

    def __init__(self) -> None:
        self.options: list[tuple[str, ...]] = []

    def complete(self, messages, options):
        self.options.append(options.never_begin)
        said = "Ada Holm [1]" if options.never_begin else grounding.refusal("en")
        return Completion(said, Finish("stop", 1, 1, 0.0, 0.0))


def test_the_gate_is_sure_where_the_words_stand_and_says_no_where_they_do_not(reading):
    (case,) = measured.cases(reading, 1)
    gate = measured.Gate(PASSAGES)
    assert gate.probability(case.answerable) > Thresholds().sure
    assert gate.probability(case.unanswerable) < Thresholds().compose


def test_the_gates_figures_count_both_kinds_apart(reading):
    found = measured.gate_figures(measured.cases(reading, 1), measured.Gate(PASSAGES))
    assert found == {
        "auroc": 1.0,
        "answerable_declined": 0.0,
        "answerable_sure": 1.0,
        "unanswerable_declined": 1.0,
        "unanswerable_sure": 0.0,
    }


def test_a_sure_question_must_be_answered_and_a_hopeless_one_is_not_asked_again(reading):
    asked, generator = measured.cases(reading, 1), Says()
    said = measured.ask(generator, asked, streams=1)
    alone = measured.figures(asked, said)
    assert (alone.token_f1, alone.refusal_recall, alone.refusal_precision) == (0.0, 1.0, 0.5)

    whole = measured.figures(asked, measured.through_gate(generator, asked, said, measured.Gate(PASSAGES), streams=1))
    assert (whole.token_f1, whole.refusal_recall, whole.refusal_precision) == (1.0, 1.0, 1.0)
    assert generator.options == [(), (), grounding.REFUSALS]


def test_what_the_generator_says_to_a_hopeless_question_is_not_shown(reading):
    asked, gate = measured.cases(reading, 1), measured.Gate(PASSAGES)
    invented = measured.Said(("Ada Holm [1]",), ("Ada Holm [1]",))
    assert measured.figures(asked, invented).refusal_recall == 0.0
    whole = measured.through_gate(Says(), asked, invented, gate, streams=1)
    assert whole.answerable == ("Ada Holm [1]",)
    assert grounding.parse(whole.unanswerable[0], "en", 5).refused
