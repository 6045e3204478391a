"""Where grounded examples come from: reading-comprehension files, approved answers with documents.

Gives passages, questions and a lexical ranking for ``grounded_examples.build_examples``. Reads through the dataset
adapter; trains nothing.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from apps.chatbot.grounded_examples import (
    GroundedExample,
    Rank,
    ReadingPassage,
    ReadingQuestion,
    build_examples,
)
from apps.chatbot.records import ApprovedAnswer, Passage
from core.errors import DataError
from core.retrieval.lexical import LexicalIndex
from core.training.examples import SftExample

RANKED = 60


@dataclass(frozen=True)
class ReadingSet:
    """Passages and the questions about them, in one language."""

    passages: tuple[ReadingPassage, ...]
    questions: tuple[ReadingQuestion, ...]

    def split(self, share: float, seed: int) -> tuple["ReadingSet", "ReadingSet"]:
        """Two sets whose questions never share a group; the second holds about ``share`` of the groups."""
        groups = sorted({passage.group for passage in self.passages})
        random.Random(seed).shuffle(groups)
        held = set(groups[: max(1, round(len(groups) * share))])
        inside = [self.passages[question.passage].group in held for question in self.questions]
        train = tuple(one for one, kept in zip(self.questions, inside, strict=True) if not kept)
        return replace(self, questions=train), replace(
            self, questions=tuple(one for one, kept in zip(self.questions, inside, strict=True) if kept)
        )

    def sample(self, count: int, seed: int) -> "ReadingSet":
        """At most ``count`` questions drawn with ``seed``; all passages stay, as distractors."""
        if count >= len(self.questions):
            return self
        return replace(self, questions=tuple(random.Random(seed).sample(self.questions, count)))


def ranking(passages: Sequence[ReadingPassage]) -> Rank:
    """Ranks all passages by BM25 over title and text."""
    index = LexicalIndex()
    index.add([str(row) for row in range(len(passages))], [f"{one.title}\n{one.text}" for one in passages])

    @lru_cache(maxsize=20_000)
    def rank(question: str) -> tuple[int, ...]:
        return tuple(int(hit.id) for hit in index.search(question, RANKED))

    return rank


def mixed_script(reading: ReadingSet, convert: Callable[[str], str], every: int = 4) -> ReadingSet:
    """The set with its texts passed through ``convert`` (traditional to simplified), save those of each fourth group.

    A customer writes either script; a group keeps one, so that no text stands in a split's two sides.
    """
    groups = sorted({one.group for one in reading.passages})
    kept = set(groups[::every])
    passages = tuple(
        one if one.group in kept else replace(one, title=convert(one.title), text=convert(one.text))
        for one in reading.passages
    )
    questions = tuple(
        one
        if reading.passages[one.passage].group in kept
        else replace(one, question=convert(one.question), answers=tuple(convert(answer) for answer in one.answers))
        for one in reading.questions
    )
    return ReadingSet(passages, questions)


def knowledge_set(answers: Iterable[ApprovedAnswer], passages: Iterable[Passage], language: str) -> ReadingSet:
    """A team's own knowledge as a reading set: each other wording asks for its approved answer as a whole.

    Answers with slots are left out, since the generator must not fill them; passages of documents serve as distractors.
    """
    own = [one for one in answers if one.language == language and "{" not in one.answer]
    rows = [ReadingPassage(one.question, one.answer, one.intent or one.id, language) for one in own]
    questions = [
        ReadingQuestion(wording, (one.answer,), row, language, one.answer)
        for row, one in enumerate(own)
        for wording in one.similar_questions
    ]
    for passage in passages:
        if passage.language == language:
            title = f"{passage.title} › {passage.heading}" if passage.heading else passage.title
            rows.append(ReadingPassage(title, passage.text, passage.document_id, language))
    return ReadingSet(tuple(rows), tuple(questions))


def examples(
    reading: ReadingSet, seed: int, refusal_share: float = 0.35, full_share: float = 0.5
) -> list[GroundedExample]:
    """All questions of a set as grounded examples; ``DataError`` when it has fewer than two passages."""
    if len(reading.passages) < 2:
        raise DataError(f"Grounded examples need at least 2 passages to choose from, got {len(reading.passages)}.")
    rank = ranking(reading.passages)
    return list(build_examples(reading.passages, reading.questions, rank, seed, refusal_share, full_share))


def as_sft(example: GroundedExample) -> SftExample:
    """The form ``core.training`` learns from."""
    return SftExample(({"role": "user", "content": example.prompt},), example.completion)
