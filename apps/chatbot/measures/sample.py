"""Measures the whole chatbot on labelled questions: what it decided, whether it was right, how long each stage took.

Runs the service as a customer would meet it, on a database of its own, so that nothing of the live one is touched.
"""

import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from apps.chatbot import reply
from apps.chatbot.dataset import read_questions
from apps.chatbot.followup import standalone
from apps.chatbot.records import Kind, LabelledQuestion, Message, Outcome
from apps.chatbot.reply import Finished
from apps.chatbot.service import SAMPLE, ChatbotService, build, load_sample
from apps.chatbot.settings import ChatbotSettings
from apps.chatbot.tuning import accepted
from core.errors import DataError
from core.events import OnEvent, Progress, ignore
from core.metrics import bootstrap_interval, token_f1
from core.report import Report

DEPTH = 10


@dataclass(frozen=True)
class Asked:
    """A labelled question with what the bot made of it; ``places`` are ranks of the right answer, 0 when not found."""

    question: LabelledQuestion
    message: Message

    @property
    def outcome(self) -> Outcome:
        """The decision's outcome, after composing."""
        assert self.message.decision is not None
        return self.message.decision.outcome

    @property
    def right(self) -> bool:
        """Whether this is what a good chatbot does with such a question."""
        return RIGHT[self.question.kind](self)

    @property
    def helped(self) -> bool:
        """Right, one click away (asked back with an accepted answer among the candidates), or in what was quoted."""
        assert self.message.decision is not None
        offered = {one.id for one in self.message.decision.candidates if self.outcome is Outcome.CLARIFY}
        return self.right or self.quoted_right or bool(offered & set(accepted(self.question)))

    @property
    def quoted(self) -> bool:
        """Whether a passage was quoted while asking back or beside an approved answer."""
        return self.outcome in (Outcome.CLARIFY, Outcome.ANSWER) and bool(_cited(self))

    @property
    def quoted_right(self) -> bool:
        """Whether what was quoted holds the gold fact."""
        assert self.message.decision is not None
        listed = "\n".join(reply.listed(self.message.decision.candidates))
        shown = self.message.text.removesuffix(listed)
        return self.quoted and self.question.answerable and _holds(shown, self.question.answer or "")


def _answered_right(one: Asked) -> bool:
    """The accepted approved answer, or a composed one that holds the gold fact or cites the accepted answer."""
    assert one.message.decision is not None
    evidence = one.message.decision.evidence
    if one.outcome is Outcome.ANSWER:
        return bool(evidence) and evidence[0].id in accepted(one.question)
    gold = one.question.answer or ""
    return one.outcome is Outcome.COMPOSE and (
        _holds(one.message.text, gold) or any(part.id in accepted(one.question) for part in _cited(one))
    )


def _cited(one: Asked) -> list[Any]:
    assert one.message.decision is not None
    return [part for part in one.message.decision.evidence if f"[{part.number}]" in one.message.text]


def _holds(text: str, gold: str) -> bool:
    def bare(value: str) -> str:
        return "".join(character for character in value.lower() if character.isalnum())

    return bool(gold) and bare(gold) in bare(text)


def _invents_nothing(one: Asked) -> bool:
    return one.outcome not in (Outcome.ANSWER, Outcome.COMPOSE)


RIGHT: Mapping[Kind, Callable[[Asked], bool]] = {
    Kind.FAQ: _answered_right,
    Kind.DOCUMENT: _answered_right,
    Kind.FOLLOW_UP: _answered_right,
    Kind.OUT_OF_SCOPE: _invents_nothing,
    Kind.UNANSWERABLE: _invents_nothing,
    Kind.AMBIGUOUS: lambda one: one.outcome is Outcome.CLARIFY,
    Kind.HANDOVER: lambda one: one.outcome is Outcome.HAND_OVER,
}


def measure(
    settings: ChatbotSettings, folder: Path | None = None, on_event: OnEvent = ignore, limit: int | None = None
) -> Report:
    """The report on ``questions.*.jsonl`` of a folder laid out like the sample; rows per language and kind."""
    place = folder or SAMPLE
    questions = [one for path in sorted(place.glob("questions.*.jsonl")) for one in read_questions(path)]
    if not questions:
        raise DataError(f"No questions.*.jsonl in '{place}': evaluate needs labelled questions like the sample's.")
    with apart(settings, place) as service:
        asked = [_ask(service, one) for one in _counted(questions[:limit], on_event)]
        finds = _finding(service, questions[:limit])
    rows, figures = _outcomes(asked)
    rows += finds[0]
    return Report("sample", rows, figures | finds[1] | _latency(asked), [_note(asked)])


@contextmanager
def apart(settings: ChatbotSettings, place: Path) -> Iterator[ChatbotService]:
    """A service on a database of its own, filled from ``place``, with the models of the live home."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        for shared in ("models", "adapters"):
            (settings.home / shared).mkdir(parents=True, exist_ok=True)
            (home / shared).symlink_to(settings.home / shared, target_is_directory=True)
        service = build(settings.model_copy(update={"home": home, "database_url": None}))
        try:
            load_sample(service, place)
            service.wait_until_ready()
            yield service
        finally:
            service.close()


def _ask(service: ChatbotService, question: LabelledQuestion) -> Asked:
    conversation = service.start_conversation(question.language, history=question.history)
    events = list(service.answer(conversation.id, question.question))
    message = next(event.message for event in events if isinstance(event, Finished))
    return Asked(question, message)


def _outcomes(asked: Sequence[Asked]) -> tuple[list[dict[str, Any]], dict[str, float]]:
    rows, figures = [], {}
    for language in sorted({one.question.language for one in asked}):
        own = [one for one in asked if one.question.language == language]
        for kind in Kind:
            some = [one for one in own if one.question.kind is kind]
            if some:
                share = float(np.mean([one.right for one in some]))
                rows.append(
                    {"part": f"{language} {kind.value}", "questions": len(some), "right": share}
                    | {"helped": float(np.mean([one.helped for one in some]))}
                    | {outcome.value: sum(one.outcome is outcome for one in some) for outcome in Outcome}
                )
                figures[f"sample.{language}.{kind.value}.right"] = share
        figures |= _promises(language, own)
    return rows, figures


def _promises(language: str, own: Sequence[Asked]) -> dict[str, float]:
    """Error rate of what was answered, refusals, and overlap of composed answers with the gold facts."""
    given = [one for one in own if one.outcome in (Outcome.ANSWER, Outcome.COMPOSE)]
    templates = [one for one in own if one.outcome is Outcome.ANSWER]
    closed = [one for one in own if one.question.kind in (Kind.OUT_OF_SCOPE, Kind.UNANSWERABLE)]
    silent = [one for one in own if one.outcome not in (Outcome.ANSWER, Outcome.COMPOSE)]
    open_ones = [one for one in own if one.question.answerable]
    quoted = [one for one in own if one.quoted]
    scored = [token_f1(one.message.text, [one.question.answer], language) for one in open_ones if one.question.answer]
    low, high = bootstrap_interval([float(one.right) for one in own], 0)
    return {
        f"sample.{language}.right": float(np.mean([one.right for one in own])),
        f"sample.{language}.right_low": low,
        f"sample.{language}.right_high": high,
        f"sample.{language}.helped": float(np.mean([one.helped for one in own])),
        f"sample.{language}.quoted_share": len(quoted) / len(own),
        f"sample.{language}.quoted_right": float(np.mean([one.quoted_right for one in quoted])) if quoted else 0.0,
        f"sample.{language}.answered_share": len(given) / len(own),
        f"sample.{language}.answered_wrong": 1 - float(np.mean([one.right for one in given])) if given else 0.0,
        f"sample.{language}.template_wrong": 1 - float(np.mean([one.right for one in templates])) if templates else 0.0,
        f"sample.{language}.refusal_recall": sum(_invents_nothing(one) for one in closed) / max(1, len(closed)),
        f"sample.{language}.refusal_precision": sum(not one.question.answerable for one in silent)
        / max(1, len(silent)),
        f"sample.{language}.answer_token_f1": float(np.mean(scored)) if scored else 0.0,
    }


def _finding(
    service: ChatbotService, questions: Sequence[LabelledQuestion]
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """R@1, R@5, R@10 and MRR of the right approved answer: by words alone, fused, and follow-ups three ways."""
    places: dict[str, list[int]] = defaultdict(list)
    for one in questions:
        right = accepted(one)
        if not right or not one.answerable:
            continue
        if one.kind is Kind.FOLLOW_UP:
            places["follow-up, last words"].append(_place(service, one.question, one, right))
            places["follow-up, ours"].append(
                _place(service, standalone(one.question, one.history) or one.question, one, right)
            )
            places["follow-up, by hand"].append(_place(service, one.standalone or one.question, one, right))
        else:
            places["words and vectors"].append(_place(service, one.question, one, right))
            places["words alone"].append(_place(service, one.question, one, right, lexical=True))
    rows = [{"part": f"finding: {name}", "questions": len(ranks)} | _recalls(ranks) for name, ranks in places.items()]
    figures = {
        f"sample.finding.{name.replace(', ', '_').replace(' ', '_')}.{key}": value
        for name, ranks in places.items()
        for key, value in _recalls(ranks).items()
    }
    return rows, figures


def _place(
    service: ChatbotService, query: str, one: LabelledQuestion, right: Sequence[str], lexical: bool = False
) -> int:
    rows = [row for row in service.hit_test(query, 2 * DEPTH, one.language).rows if row.kind == "answer"]
    if lexical:
        rows = sorted((row for row in rows if row.lexical_rank), key=lambda row: row.lexical_rank or 0)
    return next((rank for rank, row in enumerate(rows[:DEPTH], start=1) if row.id in right), 0)


def _recalls(ranks: Sequence[int]) -> dict[str, float]:
    found = {f"r_at_{k}": float(np.mean([0 < rank <= k for rank in ranks])) for k in (1, 5, 10)}
    return found | {"mrr": float(np.mean([1 / rank if rank else 0.0 for rank in ranks]))}


def _latency(asked: Sequence[Asked]) -> dict[str, float]:
    """Milliseconds per stage over all turns, and of a whole approved answer."""
    stages: dict[str, list[float]] = defaultdict(list)
    for one in asked:
        for stage, ms in one.message.latency_ms.items():
            stages[stage].append(ms)
        if one.outcome is Outcome.ANSWER:
            stages["template_answer"].append(sum(one.message.latency_ms.values()))
    return {
        f"sample.{stage}_p{share}_ms": float(np.percentile(ms, share))
        for stage, ms in stages.items()
        for share in (50, 95)
    }


def _note(asked: Sequence[Asked]) -> str:
    reasons = Counter(one.message.decision.reason.value for one in asked if one.message.decision)
    return "reasons: " + ", ".join(f"{name} {count}" for name, count in reasons.most_common())


def _counted(questions: Sequence[LabelledQuestion], on_event: OnEvent) -> Iterator[LabelledQuestion]:
    for done, one in enumerate(questions):
        on_event(Progress("asking", done, len(questions)))
        yield one
