"""Question-answer pairs out of past dialogues: which replies are worth keeping, and which questions are the same one.

Pure: dialogues and a function for vectors in, pending answers out, for people to review. A pair is kept only when its
reply would help another customer: no greetings, no hand-overs, no questions back, nothing about one person or one
order.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from apps.chatbot import mining_words
from apps.chatbot.followup import leans_on_history
from apps.chatbot.handover import called_for
from apps.chatbot.records import ApprovedAnswer, Dialogue, Role, Status, Turn
from core.text import content_hash, fold, lexical_tokens, mask_personal_data, sentences

Embed = Callable[[Sequence[str]], np.ndarray]

# Two pairs are one from this mean of question and answer cosine on (use-multilingual-v3). On the sample's dialogues
# most pairs above it ask the same, while question cosines alone mix "dishwasher?" with "washing-up liquid?".
SAME = 0.64
SAME_BY_WORDS = 0.45  # the same without vectors: mean share of common words
LEAST_ASKED_ALIKE = 0.4  # two questions less alike are never one, however alike the replies
OTHER_TALK = ("out_of_scope", "talk_to_person")  # intents whose replies help nobody else
LEAST = 0.5  # score below which a pair is not worth a reviewer's time
LONGEST_ANSWER = 800
OWN_CONTACT = 3  # a mail address or number that so many dialogues' agents name is the shop's own


@dataclass(frozen=True)
class Pair:
    """A question with the reply it got and how much speaks for the reply."""

    question: str
    answer: str
    score: float
    dialogue: Dialogue


@dataclass
class Mined:
    """Answers for review, and why other exchanges gave none."""

    answers: list[ApprovedAnswer] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)


def mine_answers(
    dialogues: Iterable[Dialogue],
    embed: Embed | None = None,
    known: Sequence[ApprovedAnswer] = (),
    now: datetime | None = None,
) -> list[ApprovedAnswer]:
    """Pending answers out of dialogues, those that speak for themselves most first; see ``mine``."""
    return mine(dialogues, embed, known, now).answers


def mine(
    dialogues: Iterable[Dialogue],
    embed: Embed | None = None,
    known: Sequence[ApprovedAnswer] = (),
    now: datetime | None = None,
) -> Mined:
    """One pending answer per question asked, with its other wordings and the best reply it ever got.

    Questions are the same when their vectors are near (``embed``; without it, when they share most words) and no two
    intents say otherwise. A question that ``known`` holds already is passed over.
    """
    talks, mined = list(dialogues), Mined()
    own = _own_contacts(talks)
    pairs = [pair for talk in talks for pair in _pairs(talk, own, mined.passed_over)]
    pairs.sort(key=lambda pair: -pair.score)
    if not pairs:
        return mined
    same, answered = _same(pairs, known, embed)
    for group in _groups(pairs, same, answered, mined.passed_over):
        mined.answers.append(_answer(group, now))
    return mined


def exchanges(turns: Sequence[Turn]) -> Iterator[tuple[str, str, str, list[Turn]]]:
    """(question, reply, what the customer said next, what was said before): neighbouring turns of one side joined.

    Only people's replies, since a bot's would teach it its own mistakes.
    """
    sides: list[Turn] = []
    for turn in turns:
        if sides and sides[-1].role is turn.role:
            sides[-1] = Turn(turn.role, f"{sides[-1].text}\n{turn.text}")
        else:
            sides.append(turn)
    for place, side in enumerate(sides):
        if side.role is Role.AGENT and place and sides[place - 1].role is Role.CUSTOMER:
            after = sides[place + 1].text if place + 1 < len(sides) else ""
            yield sides[place - 1].text, side.text, after, sides[: place - 1]


def _pairs(talk: Dialogue, own: frozenset[str], passed_over: Counter[str]) -> Iterator[Pair]:
    if talk.resolved is False or (talk.csat is not None and talk.csat <= 2):
        passed_over["not resolved"] += 1
        return
    if talk.intent in OTHER_TALK:
        passed_over["not about the shop"] += 1
        return
    for asked, replied, after, before in exchanges(talk.turns):
        question, answer = _without_opening(asked), _essence(replied)
        reason = _reason_against(question, answer, own)
        if before and (leans_on_history(question, before) or not mining_words.ASKS.search(question)):
            reason = reason or "leans on what was said before"
        score = _score(talk, not before, question, answer, after)
        if reason is None and score < LEAST:
            reason = "little speaks for it"
        if reason is not None:
            passed_over[reason] += 1
            continue
        yield Pair(question, answer, score, talk)


def _reason_against(question: str, answer: str, own: frozenset[str]) -> str | None:
    """Why an exchange is no pair for others; None when it may be one."""
    if len(set(lexical_tokens(question))) < 2:
        return "no question"
    if called_for(question) is not None or mining_words.PASSED_ON.search(answer):
        return "handed over"
    if mask_personal_data(question)[1] or _foreign_data(answer, own) or mining_words.MASKED.search(question + answer):
        return "personal data"
    if len(set(lexical_tokens(answer))) < 3 or all(one.endswith(("?", "？")) for one in _lines(answer)):
        return "no answer"
    if mining_words.ASKS_BACK.search(answer):
        return "the agent asked back"
    if mining_words.UNSURE.search(answer):
        return "the agent was not sure"
    if mining_words.ONE_CASE.search(answer) or re.search(r"[A-Z]-?\d{4,}", question):
        return "about one case"
    return "too long" if len(answer) > LONGEST_ANSWER else None


def _score(talk: Dialogue, first: bool, question: str, answer: str, after: str) -> float:
    """What speaks for a reply: the dialogue was resolved, liked, the customer was content, it was asked first."""
    score = 0.4 if talk.resolved else 0.2
    score += 0.1 * (talk.csat - 3) if talk.csat is not None else 0.0
    score += 0.2 if first else 0.0
    if not after or mining_words.CONTENT.search(after):
        score += 0.2
    elif mining_words.STILL_ASKING.search(after):
        score -= 0.1
    shared = set(lexical_tokens(question)) & set(lexical_tokens(answer))
    return score + (0.1 if shared else 0.0)


def _without_opening(text: str) -> str:
    """The customer's words in one line without the greeting."""
    line = " ".join(text.split())
    while (shorter := mining_words.OPENING.sub("", line)) != line:
        line = shorter
    return line


def _essence(text: str) -> str:
    """The reply without greeting and courtesy, nor a closing question to this customer."""
    kept = [_without_opening(one) for one in _lines(text)]
    kept = [one for one in kept if one and not mining_words.COURTESY.fullmatch(one)]
    while len(kept) > 1 and kept[-1].endswith(("?", "？")):
        kept.pop()
    joiner = "" if re.search(r"[\u4e00-\u9fff]", text) else " "
    return joiner.join(kept)


def _lines(text: str) -> list[str]:
    return [span.text.strip() for span in sentences(text) if span.text.strip()]


def _contacts(text: str) -> set[str]:
    return set(re.findall(r"[\w.+-]+@[\w.-]+\w|\+?\d[\d ()-]{6,}\d", text))


def _own_contacts(talks: Sequence[Dialogue]) -> frozenset[str]:
    """Addresses and numbers that agents name to several customers."""
    named: Counter[str] = Counter()
    for talk in talks:
        named.update({one for turn in talk.turns if turn.role is Role.AGENT for one in _contacts(turn.text)})
        named.subtract({one for turn in talk.turns if turn.role is Role.CUSTOMER for one in _contacts(turn.text)})
    return frozenset(one for one, count in named.items() if count >= OWN_CONTACT)


def _foreign_data(answer: str, own: frozenset[str]) -> bool:
    for contact in own:
        answer = answer.replace(contact, "")
    return bool(mask_personal_data(answer)[1])


def _same(pairs: Sequence[Pair], known: Sequence[ApprovedAnswer], embed: Embed | None) -> tuple[np.ndarray, np.ndarray]:
    """(pairs, pairs) which are one, and (pairs,) which the team has answered already, also when it rejected them."""
    asked = [pair.question for pair in pairs]
    held = [(wording, one) for one in known for wording in one.wordings]
    questions = _alike([*asked, *(wording for wording, _ in held)], len(asked), embed)
    answers = _alike([*(pair.answer for pair in pairs), *(one.answer for _, one in held)], len(asked), embed)
    least = SAME if embed else SAME_BY_WORDS
    one = ((questions + answers) / 2 >= least) & (questions >= LEAST_ASKED_ALIKE * (least / SAME))
    return one[:, : len(asked)], one[:, len(asked) :].any(axis=1)


def _alike(texts: Sequence[str], first: int, embed: Embed | None) -> np.ndarray:
    """(first, texts) likeness of the first texts with all: cosine, or the share of common words without vectors."""
    if embed is not None:
        vectors = embed(texts)
        return np.asarray(vectors[:first] @ vectors.T)
    words = [set(lexical_tokens(text)) for text in texts]
    return np.array([[len(one & other) / (len(one | other) or 1) for other in words] for one in words[:first]])


def _groups(
    pairs: Sequence[Pair], same: np.ndarray, known: np.ndarray, passed_over: Counter[str]
) -> Iterator[list[Pair]]:
    """Pairs around the one with the best score, in that order; each pair in one group."""
    left = np.ones(len(pairs), bool)
    for place, pair in enumerate(pairs):
        if not left[place]:
            continue
        candidates = np.flatnonzero(same[place] & left).tolist()
        near = [other for other in candidates if other != place and _may_be_one(pair, pairs[other])]
        left[[place, *near]] = False
        if known[place]:
            passed_over["known already"] += 1 + len(near)
        else:
            yield [pair, *(pairs[other] for other in near)]


def _may_be_one(one: Pair, other: Pair) -> bool:
    """Not in another language, under another intent, or with other figures in the reply."""
    intents = {one.dialogue.intent, other.dialogue.intent} - {None}
    figures, others = (set(mining_words.NUMBER.findall(pair.answer)) for pair in (one, other))
    agree = not figures or not others or bool(figures & others)
    return one.dialogue.language == other.dialogue.language and len(intents) < 2 and agree


def _answer(group: Sequence[Pair], now: datetime | None) -> ApprovedAnswer:
    best = group[0]
    similar = dict.fromkeys(pair.question for pair in group[1:] if fold(pair.question) != fold(best.question))
    return ApprovedAnswer(
        id=f"mined-{content_hash(best.question)[:12]}",
        question=best.question,
        answer=best.answer,
        similar_questions=tuple(similar),
        category=None,
        intent=best.dialogue.intent,
        language=best.dialogue.language,
        status=Status.PENDING,
        source="dialogues " + ", ".join(dict.fromkeys(pair.dialogue.id for pair in group[:5])),
        created_at=now,
        files=best.dialogue.files,
    )
