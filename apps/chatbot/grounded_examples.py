"""Builds grounded fine-tuning examples: a question, five numbered excerpts, and the cited answer or the refusal.

From reading passages with questions (each answer a verbatim part of its passage) and from approved answers. Hard
distractors come from a lexical ranking handed in by the caller; nothing here loads a model or reads a file.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from apps.chatbot.grounding import EVIDENCE_TOKENS, PASSAGES, Excerpt, Style, completion, focus, prompt, refusal
from core.text import sentences

# A ranking of all passages by nearness to a question: row numbers, best first.
Rank = Callable[[str], Sequence[int]]


@dataclass(frozen=True)
class ReadingPassage:
    """A passage questions are asked about; ``group`` (a title or document) never straddles a split."""

    title: str
    text: str
    group: str
    language: str


@dataclass(frozen=True)
class ReadingQuestion:
    """A question answered by passage number ``passage``; ``answers`` are all accepted wordings.

    ``full`` is the answer as a sentence where one is known; else the sentence of the passage that holds the answer.
    """

    question: str
    answers: tuple[str, ...]
    passage: int
    language: str
    full: str = ""


@dataclass(frozen=True)
class GroundedExample:
    """One prompt with its right completion; ``answerable`` tells which kind it is, ``language`` zh or en.

    ``question`` and the rows of the ``passages`` shown are what the prompt was made of.
    """

    prompt: str
    completion: str
    answerable: bool
    language: str
    style: Style
    answers: tuple[str, ...] = ()
    question: str = ""
    passages: tuple[int, ...] = ()


def build_examples(
    passages: Sequence[ReadingPassage],
    questions: Sequence[ReadingQuestion],
    rank: Rank,
    seed: int,
    refusal_share: float = 0.35,
    full_share: float = 0.5,
) -> Iterator[GroundedExample]:
    """For each question one example, drawn with ``seed``: answerable, or with its answering passage taken away.

    Distractors are the nearest passages of other groups, so that none of them answers. Half of the unanswerable
    examples also get passages of the same group which do not hold the answer: in a shop's own documents the
    misleading passage is about the same product. Between one and five excerpts are shown.
    """
    draw = random.Random(seed)
    for item in questions:
        answerable = draw.random() >= refusal_share
        style = Style.FULL if draw.random() < full_share else Style.SHORT
        shown = draw.choice((1, 2, 3, 4, PASSAGES, PASSAGES))
        near = not answerable and draw.random() < 0.5
        rows = _distractors(item, passages, rank, shown - answerable, near)
        if answerable:
            rows.append(item.passage)
        draw.shuffle(rows)
        yield _example(item, passages, rows, style, answerable)


def evaluation_example(
    item: ReadingQuestion, passages: Sequence[ReadingPassage], rank: Rank, answerable: bool, seed: int
) -> GroundedExample:
    """The measured form: five excerpts, nearest distractors of other groups, asked for the shortest words."""
    rows = _distractors(item, passages, rank, PASSAGES - answerable, near=False)
    if answerable:
        rows.append(item.passage)
    random.Random(f"{seed} {item.question}").shuffle(rows)
    return _example(item, passages, rows, Style.SHORT, answerable)


def _distractors(
    item: ReadingQuestion, passages: Sequence[ReadingPassage], rank: Rank, wanted: int, near: bool
) -> list[int]:
    own = passages[item.passage].group
    rows: list[int] = []
    for row in rank(item.question):
        if len(rows) >= wanted:
            break
        other = passages[row].group != own
        kindred = near and row != item.passage and not any(answer in passages[row].text for answer in item.answers)
        if other or kindred:
            rows.append(int(row))
    return rows


def _example(
    item: ReadingQuestion, passages: Sequence[ReadingPassage], rows: Sequence[int], style: Style, answerable: bool
) -> GroundedExample:
    kept = focus(item.question, [passages[row].text for row in rows], EVIDENCE_TOKENS)
    excerpts = [Excerpt(passages[row].title, text) for row, text in zip(rows, kept, strict=True)]
    asked = prompt(item.question, excerpts, item.language, style)
    said = refusal(item.language)
    if answerable:
        said = completion(rows.index(item.passage) + 1, _right_answer(item, passages[item.passage].text, style))
    return GroundedExample(asked, said, answerable, item.language, style, item.answers, item.question, tuple(rows))


def _right_answer(item: ReadingQuestion, text: str, style: Style) -> str:
    if style is Style.SHORT:
        return min(item.answers, key=len)
    if item.full:
        return item.full
    holding = [span.text.strip() for span in sentences(text) if item.answers[0] in span.text]
    return holding[0] if holding else item.answers[0]
