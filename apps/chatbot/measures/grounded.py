"""Measures grounded answers: token-F1 when one of five excerpts answers, refusals when that one is taken away.

The same prompts go to the base model and to the model with the adapter. A trivial baseline, the excerpt's sentence
nearest to the question, stands beside both. Knows generators by their protocol alone.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from apps.chatbot import grounding
from apps.chatbot.grounded_examples import GroundedExample, evaluation_example
from apps.chatbot.grounded_sources import ReadingSet, ranking
from core.events import OnEvent, Progress, ignore
from core.inference.messages import GenerationOptions, Generator, Message
from core.metrics import bootstrap_interval, token_f1

SHORT_ANSWER = GenerationOptions(max_new_tokens=32)
SEED = 0


@dataclass(frozen=True)
class GroundedFigures:
    """Token-F1 over answerable questions with its 95 % interval; refusal recall and precision over both halves."""

    questions: int
    token_f1: float
    interval: tuple[float, float]
    cited_right: float
    refusal_recall: float
    refusal_precision: float


@dataclass(frozen=True)
class Case:
    """A question asked twice: with its answering passage among five, and without it."""

    answerable: GroundedExample
    unanswerable: GroundedExample


def cases(reading: ReadingSet, limit: int, seed: int = SEED) -> list[Case]:
    """``limit`` questions drawn with ``seed``; distractors are the nearest passages of other titles."""
    rank = ranking(reading.passages)
    drawn = reading.sample(limit, seed).questions
    return [
        Case(
            evaluation_example(one, reading.passages, rank, True, seed),
            evaluation_example(one, reading.passages, rank, False, seed),
        )
        for one in drawn
    ]


def measure(
    generator: Generator, asked: Sequence[Case], streams: int = 4, on_event: OnEvent = ignore
) -> GroundedFigures:
    """Ask every case of the generator, ``streams`` at a time."""
    said = _ask_all(generator, [one.answerable for one in asked], streams, on_event)
    empty = _ask_all(generator, [one.unanswerable for one in asked], streams, on_event)
    scores = [_score(words, one.answerable) for words, one in zip(said, asked, strict=True)]
    cited = [_cites_right(words, one.answerable) for words, one in zip(said, asked, strict=True)]
    false_refusals = sum(_parsed(words, one.answerable).refused for words, one in zip(said, asked, strict=True))
    refusals = sum(_parsed(words, one.unanswerable).refused for words, one in zip(empty, asked, strict=True))
    return GroundedFigures(
        len(asked),
        float(np.mean(scores)),
        bootstrap_interval(scores, SEED),
        float(np.mean(cited)),
        refusals / len(asked),
        refusals / max(1, refusals + false_refusals),
    )


def nearest_sentence(asked: Sequence[Case]) -> float:
    """Token-F1 of the trivial baseline: the sentence of all five excerpts nearest to the question."""
    scores = []
    for one in asked:
        example = one.answerable
        question = example.prompt.rsplit("\n\n", 1)[-1]
        evidence = example.prompt.split("\n\n")[2]
        nearest = grounding.focus(question, [evidence], budget_tokens=1)[0]
        scores.append(token_f1(nearest, example.answers, example.language))
    return float(np.mean(scores))


def _ask_all(generator: Generator, examples: Sequence[GroundedExample], streams: int, on_event: OnEvent) -> list[str]:
    def ask(example: GroundedExample) -> str:
        return generator.complete([Message("user", example.prompt)], SHORT_ANSWER).text

    with ThreadPoolExecutor(streams) as pool:
        return list(_counted(pool.map(ask, examples), len(examples), on_event))


def _counted(answers: Iterable[str], total: int, on_event: OnEvent) -> Iterable[str]:
    for done, answer in enumerate(answers, start=1):
        on_event(Progress("asking", done, total))
        yield answer


def _parsed(said: str, example: GroundedExample) -> grounding.GroundedAnswer:
    return grounding.parse(said, example.language, grounding.PASSAGES)


def _score(said: str, example: GroundedExample) -> float:
    answer = _parsed(said, example)
    return 0.0 if answer.refused else token_f1(answer.text, example.answers, example.language)


def _cites_right(said: str, example: GroundedExample) -> bool:
    right = grounding.parse(example.completion, example.language, grounding.PASSAGES).cited
    return _parsed(said, example).cited == right
