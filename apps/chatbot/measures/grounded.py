"""Measures grounded answers: token-F1 when one of five excerpts answers, refusals when that one is taken away.

The same prompts go to the base model and to the model with the adapter; beside the model alone stands the whole path
of a turn, in which the words of the question decide first (``Gate``). A trivial baseline, the excerpt's sentence
nearest to the question, stands beside all. Knows generators by their protocol alone.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from apps.chatbot import grounding
from apps.chatbot.calibration import DEFAULT_PASSAGE, passage_features
from apps.chatbot.decision import Match, Thresholds
from apps.chatbot.grounded_examples import GroundedExample, ReadingPassage, evaluation_example
from apps.chatbot.grounded_sources import ReadingSet, ranking
from apps.chatbot.records import Evidence, EvidenceKind
from core.events import OnEvent, Progress, ignore
from core.inference.messages import GenerationOptions, Generator, Message
from core.metrics import auroc, bootstrap_interval, token_f1
from core.retrieval.lexical import LexicalIndex

SHORT_ANSWER = GenerationOptions(max_new_tokens=32)
MUST_ANSWER = replace(SHORT_ANSWER, never_begin=grounding.REFUSALS)
LIMITS = Thresholds()
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


@dataclass(frozen=True)
class Said:
    """The model's words to every case, with the answering passage and without it."""

    answerable: tuple[str, ...]
    unanswerable: tuple[str, ...]


class Gate:
    """How probably an example's excerpts answer it, as a turn tells where no team has fitted thresholds."""

    def __init__(self, passages: Sequence[ReadingPassage]) -> None:
        self._index = LexicalIndex()
        self._index.add([str(row) for row in range(len(passages))], [f"{one.title} {one.text}" for one in passages])

    def probability(self, example: GroundedExample) -> float:
        """In [0, 1], by the share of the question's words that the passages hold."""
        rows = [str(row) for row in example.passages]
        covered = sorted((share for share, _ in self._index.likeness(example.question, rows)), reverse=True)
        nothing = Evidence("", EvidenceKind.PASSAGE, 0, "", "", 0.0)
        return DEFAULT_PASSAGE.probability(passage_features([Match(nothing, 0.0, share) for share in covered]))


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


def ask(generator: Generator, asked: Sequence[Case], streams: int = 4, on_event: OnEvent = ignore) -> Said:
    """Ask every case of the generator alone, ``streams`` at a time."""
    full = _ask_all(generator, [one.answerable for one in asked], SHORT_ANSWER, streams, on_event)
    empty = _ask_all(generator, [one.unanswerable for one in asked], SHORT_ANSWER, streams, on_event)
    return Said(full, empty)


def through_gate(
    generator: Generator, asked: Sequence[Case], said: Said, gate: Gate, streams: int = 4, on_event: OnEvent = ignore
) -> Said:
    """What customers would get: declined below the first threshold, never above the second, else as ``said`` alone."""

    def whole(words: Sequence[str], examples: Sequence[GroundedExample]) -> tuple[str, ...]:
        likely = [gate.probability(one) for one in examples]
        kept = [
            grounding.refusal(one.language) if share < LIMITS.compose else text
            for text, one, share in zip(words, examples, likely, strict=True)
        ]
        again = [
            row for row, one in enumerate(examples) if likely[row] >= LIMITS.sure and _parsed(kept[row], one).refused
        ]
        for row, text in zip(
            again, _ask_all(generator, [examples[row] for row in again], MUST_ANSWER, streams, on_event), strict=True
        ):
            kept[row] = text
        return tuple(kept)

    return Said(
        whole(said.answerable, [one.answerable for one in asked]),
        whole(said.unanswerable, [one.unanswerable for one in asked]),
    )


def figures(asked: Sequence[Case], said: Said) -> GroundedFigures:
    """How good the words are."""
    full = list(zip(said.answerable, (one.answerable for one in asked), strict=True))
    empty = list(zip(said.unanswerable, (one.unanswerable for one in asked), strict=True))
    scores = [_score(words, one) for words, one in full]
    cited = [_cites_right(words, one) for words, one in full]
    false_refusals = sum(_parsed(words, one).refused for words, one in full)
    refusals = sum(_parsed(words, one).refused for words, one in empty)
    return GroundedFigures(
        len(asked),
        float(np.mean(scores)),
        bootstrap_interval(scores, SEED),
        float(np.mean(cited)),
        refusals / len(asked),
        refusals / max(1, refusals + false_refusals),
    )


def gate_figures(asked: Sequence[Case], gate: Gate) -> dict[str, float]:
    """How well the words alone tell what can be answered: area under the curve, and shares beyond either threshold."""
    full = [gate.probability(one.answerable) for one in asked]
    empty = [gate.probability(one.unanswerable) for one in asked]
    found = {"auroc": auroc([*full, *empty], [True] * len(full) + [False] * len(empty))}
    for name, shares in (("answerable", np.array(full)), ("unanswerable", np.array(empty))):
        found[f"{name}_declined"] = float((shares < LIMITS.compose).mean())
        found[f"{name}_sure"] = float((shares >= LIMITS.sure).mean())
    return found


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


def _ask_all(
    generator: Generator,
    examples: Sequence[GroundedExample],
    options: GenerationOptions,
    streams: int,
    on_event: OnEvent,
) -> tuple[str, ...]:
    def one(example: GroundedExample) -> str:
        return generator.complete([Message("user", example.prompt)], options).text

    with ThreadPoolExecutor(streams) as pool:
        return tuple(_counted(pool.map(one, examples), len(examples), on_event))


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
