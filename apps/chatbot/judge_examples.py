"""Builds the judge's training examples: a question beside a candidate that answers it, and beside near misses.

From approved answers and their wordings, groups of wordings that ask the same, reading passages with questions, and
past chats. Near misses come from rankings handed in by the caller; nothing here loads a model or reads a file.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from apps.chatbot.grounded_sources import ReadingSet
from apps.chatbot.judging import FITS, OTHER, Pairing
from apps.chatbot.records import ApprovedAnswer, Dialogue, Role
from core.text import lexical_tokens
from core.training.examples import LabelledText

MISSES = 3  # near misses beside each right pairing
TOLD_ALIKE = 0.5  # share of an agent's words that an approved answer must hold to be what the agent told

# Rows of candidates by nearness to a question, best first.
Rank = Callable[[str], Sequence[int]]


@dataclass(frozen=True)
class WordingGroup:
    """Ways of asking the same thing, and questions that look alike but ask something else."""

    wordings: tuple[str, ...]
    near: tuple[str, ...] = ()


@dataclass(frozen=True)
class JudgeExample:
    """A pairing with its verdict; ``group`` never straddles a split."""

    pairing: Pairing
    fits: bool
    group: str

    @property
    def labelled(self) -> LabelledText:
        """The form ``core.training`` learns from."""
        return LabelledText.of(self.pairing.judged, FITS if self.fits else OTHER)


def from_answers(
    answers: Sequence[ApprovedAnswer], rank: Rank, seed: int, asked: Iterable[tuple[str, str, int]] = ()
) -> Iterator[JudgeExample]:
    """Each other wording but the last asks for its answer; the last ones are spared for fitting thresholds.

    ``asked`` adds (earlier question, question, row of its answer) out of past chats. Candidates are shown under their
    approved question, sometimes under another wording, as in live use.
    """
    draw = random.Random(seed)
    wordings = [("", one, row) for row, answer in enumerate(answers) for one in answer.similar_questions[:-1]]
    for before, question, row in [*wordings, *asked]:
        group = answers[row].intent or answers[row].id
        yield JudgeExample(_shown(answers[row], question, before, draw), True, group)
        others = [other for other in rank(f"{before} {question}".strip()) if other != row][: 2 * MISSES]
        for other in draw.sample(others, min(MISSES, len(others))):
            yield JudgeExample(_shown(answers[other], question, before, draw), False, group)


def from_dialogues(answers: Sequence[ApprovedAnswer], dialogues: Iterable[Dialogue]) -> list[tuple[str, str, int]]:
    """(earlier customer words, customer's words, row of the approved answer the agent then told) per told answer."""
    held = [set(lexical_tokens(one.answer)) for one in answers]
    found: list[tuple[str, str, int]] = []
    for dialogue in dialogues:
        earlier = ""
        for turn, after in zip(dialogue.turns, dialogue.turns[1:], strict=False):
            if turn.role is not Role.CUSTOMER:
                continue
            row = _told(after.text, dialogue.language, answers, held) if after.role is Role.AGENT else None
            if row is not None:
                found.append((earlier, turn.text, row))
            earlier = turn.text
    return found


def from_groups(groups: Sequence[WordingGroup], rank: Rank, seed: int, most: int) -> Iterator[JudgeExample]:
    """``most`` wordings drawn as questions, each beside another of its group, its near misses and nearest others.

    ``rank`` gives rows over all wordings of all groups, laid end to end.
    """
    draw = random.Random(seed)
    places = [(number, one) for number, group in enumerate(groups) for one in group.wordings]
    askable = [row for row, (number, _) in enumerate(places) if len(groups[number].wordings) > 1]
    for row in draw.sample(askable, min(most, len(askable))):
        number, question = places[row]
        same = draw.choice([one for one in groups[number].wordings if one != question])
        name = f"group {number}"
        yield JudgeExample(Pairing(question, same), True, name)
        others = [places[other][1] for other in rank(question) if places[other][0] != number][: 3 * MISSES]
        misses = draw.sample(others, min(MISSES - 1, len(others))) + list(groups[number].near[:MISSES])
        for other in misses:
            yield JudgeExample(Pairing(question, other), False, name)


def from_reading(reading: ReadingSet, rank: Rank, seed: int) -> Iterator[JudgeExample]:
    """Each question beside the passage that answers it and beside the nearest that do not hold its answer."""
    draw = random.Random(seed)
    for item in reading.questions:
        own = reading.passages[item.passage]
        yield JudgeExample(Pairing(item.question, own.title, own.text), True, own.group)
        others = [
            row
            for row in rank(item.question)
            if row != item.passage and not any(answer in reading.passages[row].text for answer in item.answers)
        ]
        for row in draw.sample(others[: 2 * MISSES], min(MISSES - 1, len(others))):
            other = reading.passages[row]
            yield JudgeExample(Pairing(item.question, other.title, other.text), False, own.group)


def split(examples: Iterable[JudgeExample], share: float, seed: int) -> tuple[list[JudgeExample], list[JudgeExample]]:
    """Training and held-out examples; a group lies on one side, ``share`` of the groups is held out."""
    every = list(examples)
    groups = sorted({one.group for one in every})
    random.Random(seed).shuffle(groups)
    held = set(groups[: max(1, round(len(groups) * share))])
    return [one for one in every if one.group not in held], [one for one in every if one.group in held]


def _shown(answer: ApprovedAnswer, question: str, before: str, draw: random.Random) -> Pairing:
    others = [one for one in answer.similar_questions[:-1] if one != question]
    title = draw.choice(others) if others and draw.random() < 0.3 else answer.question
    pairing = Pairing(question, title, answer.answer, before)
    return replace(pairing, text="") if draw.random() < 0.1 else pairing


def _told(said: str, language: str, answers: Sequence[ApprovedAnswer], held: Sequence[set[str]]) -> int | None:
    words = set(lexical_tokens(said))
    own = [row for row, one in enumerate(answers) if one.language == language]
    if len(words) < 4 or not own:
        return None
    shares = {row: len(words & held[row]) / len(words) for row in own}
    best = max(own, key=shares.__getitem__)
    return best if shares[best] >= TOLD_ALIKE else None
