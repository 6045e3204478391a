"""What the conversations tell the team: volume, outcomes, feedback, latency, and the questions nobody answered.

Pure: messages and feedback in, figures out; the vectors for grouping come from the embedder handed in.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from apps.chatbot.records import Feedback, Message, Outcome, Rating, Reason, Role
from apps.chatbot.turn import UNHELPFUL

# Two unanswered questions are one topic from this cosine on (use-multilingual-v3): a guess by eye, not measured.
SAME_TOPIC = 0.6


@dataclass(frozen=True)
class Cluster:
    """Unanswered questions about one thing: the most central one, how many, how often a person was called."""

    question: str
    size: int
    language: str
    examples: tuple[str, ...]
    handovers: int


@dataclass(frozen=True)
class Insights:
    """Everything on the Insights page, over the messages handed in."""

    conversations: int
    messages: int
    per_day: tuple[tuple[date, str, int], ...]
    outcomes: Mapping[str, int]
    reasons: Mapping[str, int]
    feedback: Mapping[str, object]
    latency: Mapping[str, Mapping[str, float]]
    unanswered: tuple[Cluster, ...]


def compute(
    messages: Sequence[Message], feedback: Sequence[Feedback], embed: Callable[[Sequence[str]], np.ndarray]
) -> Insights:
    """Figures over ``messages``, which are in order of time."""
    decided = [one for one in messages if one.role is Role.ASSISTANT and one.decision is not None]
    days = Counter((one.created_at.date(), one.decision.outcome.value) for one in decided if one.decision)
    return Insights(
        conversations=len({one.conversation_id for one in messages}),
        messages=len(messages),
        per_day=tuple((day, outcome, count) for (day, outcome), count in sorted(days.items())),
        outcomes=dict(Counter(one.decision.outcome.value for one in decided if one.decision)),
        reasons=dict(Counter(one.decision.reason.value for one in decided if one.decision)),
        feedback=_feedback(feedback),
        latency=_latency(decided),
        unanswered=clusters(unanswered(messages), embed),
    )


def unanswered(messages: Sequence[Message]) -> list[tuple[str, str, bool]]:
    """(question, language, handed over) for each customer message that got no answer, small talk aside."""
    asked: dict[str, Message] = {}
    found = []
    for one in messages:
        if one.role is Role.CUSTOMER:
            asked[one.conversation_id] = one
        elif one.decision is not None and one.conversation_id in asked:
            handed = one.decision.outcome is Outcome.HAND_OVER and one.decision.reason is Reason.REPEATED_FAILURE
            if one.decision.reason in UNHELPFUL or handed:
                question = asked[one.conversation_id]
                found.append((question.text, question.language or "en", handed))
    return found


def clusters(
    questions: Sequence[tuple[str, str, bool]], embed: Callable[[Sequence[str]], np.ndarray]
) -> tuple[Cluster, ...]:
    """Questions of a language gathered around the one with most neighbours; largest first, hand-overs weigh double."""
    found: list[Cluster] = []
    for language in sorted({language for _, language, _ in questions}):
        rows = [one for one in questions if one[1] == language]
        vectors = embed([text for text, _, _ in rows])
        near = vectors @ vectors.T >= SAME_TOPIC  # (n, n)
        left = np.ones(len(rows), dtype=bool)
        while left.any():
            center = int(np.argmax((near & left).sum(axis=1) * left))
            members = np.flatnonzero(near[center] & left)
            left[members] = left[center] = False
            texts = tuple(dict.fromkeys(rows[row][0] for row in (center, *members)))
            handed = sum(rows[row][2] for row in members)
            found.append(Cluster(texts[0], len(members), language, texts, handed))
    return tuple(sorted(found, key=lambda one: -(one.size + one.handovers)))


def _feedback(feedback: Sequence[Feedback]) -> dict[str, object]:
    reasons = Counter(one.reason for one in feedback if one.rating is Rating.DOWN and one.reason)
    return {
        "up": sum(one.rating is Rating.UP for one in feedback),
        "down": sum(one.rating is Rating.DOWN for one in feedback),
        "reasons": dict(reasons),
    }


def _latency(decided: Sequence[Message]) -> dict[str, dict[str, float]]:
    stages: dict[str, list[float]] = defaultdict(list)
    for one in decided:
        for stage, ms in one.latency_ms.items():
            stages[stage].append(float(ms))
    return {
        stage: {"p50": float(np.percentile(ms, 50)), "p95": float(np.percentile(ms, 95))}
        for stage, ms in stages.items()
    }
