"""One turn from the customer's words to the bot's: understand, decide, reply; each stage timed.

An iterator of events, the same for page, HTTP and terminal. Writes nothing: the service stores what comes out.
"""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from apps.chatbot import grounding, reply, wordings
from apps.chatbot.decision import Signals, Thresholds, after_refusal, decide
from apps.chatbot.followup import standalone
from apps.chatbot.records import Decision, Message, Outcome, Reason, Role, Turn
from apps.chatbot.reply import Composed, Decided, Stage
from apps.chatbot.settings import ChatbotSection
from apps.chatbot.smalltalk import slots_in, small_talk
from apps.chatbot.understanding import Asked, Depth, Intents, Judges, Library, Tuning, understand
from core.errors import TrifoliumError
from core.events import Token
from core.inference.messages import GenerationOptions, Generator
from core.text import language as language_of

UNHELPFUL = (Reason.NO_EVIDENCE, Reason.OUT_OF_SCOPE, Reason.SEVERAL_CANDIDATES, Reason.TOO_VAGUE)


# "2", "2.", "(2)", "no. 2", "第二个"
_NUMBER = re.compile(
    r"(?:no\.?|#|第|选)?\s*[(（]?(?:(?P<digit>[1-9])|(?P<sign>[一二三]))[)）.。、]?\s*(?:个|号|条)?", re.IGNORECASE
)


@dataclass(frozen=True)
class Desk:
    """What a turn works with; ``generator`` and ``judge`` give None while their model is not ready."""

    library: Library
    intents: Intents | None
    tuning: Mapping[str, Tuning]
    generator: Callable[[], Generator | None]
    section: ChatbotSection
    judge: Callable[[], Judges | None] = lambda: None


@dataclass(frozen=True)
class Answer:
    """What the bot says in the end, and how it came about."""

    text: str
    decision: Decision
    latency_ms: dict[str, float] = field(default_factory=dict)


class Clock:
    """Milliseconds per stage, in order."""

    def __init__(self) -> None:
        self.ms: dict[str, float] = {}
        self._since = time.perf_counter()

    def lap(self, stage: str) -> Stage:
        """End a stage that began where the last one ended."""
        now = time.perf_counter()
        self.ms[stage] = round((now - self._since) * 1000, 1)
        self._since = now
        return Stage(stage, self.ms[stage])


def respond(
    desk: Desk,
    history: Sequence[Message],
    text: str,
    language: str,
    now: datetime,
    slots: Mapping[str, str] | None = None,
    cancel: threading.Event | None = None,
) -> Iterator[Stage | Decided | Token | Answer]:
    """Stages, the decision, tokens, then the ``Answer``. A generator that fails is answered around, by a quotation."""
    clock = Clock()
    if kind := small_talk(text):
        decision = Decision(Outcome.ANSWER, Reason.SMALL_TALK, 1.0)
        yield Decided(decision)
        yield from _whole(wordings.say(kind, language), decision, clock)
        return
    chosen = _chosen(text, history)
    if chosen:
        text, language = chosen, language_of(chosen) if language_of(chosen) in ("en", "zh") else language
    query = None if chosen else standalone(text, _turns(history))
    before = _earlier(history) if query else ""
    tuning = desk.tuning.get(language, Tuning())
    asked = Asked(query or text, text, language, now, failures(history), before)
    depth = Depth(passages=desk.section.retrieval.passages)
    signals = understand(asked, desk.library, desk.intents, tuning, depth, desk.judge())
    limits = replace(
        tuning.of(signals.judged).thresholds, failures_before_person=desk.section.deciding.failures_before_person
    )
    decision = decide(signals, limits)
    yield clock.lap("understand")
    if decision.outcome is Outcome.COMPOSE:
        yield from _composed(desk, decision, signals, limits, query, text, history, language, clock, cancel)
        return
    known = slots_in(" ".join([*(one.text for one in history if one.role is Role.CUSTOMER), text])) | dict(slots or {})
    said, decision = _said(decision, language, known)
    yield Decided(decision, query)
    yield from _whole(said, decision, clock)


def _chosen(text: str, history: Sequence[Message]) -> str | None:
    """The candidate question whose number is the whole message; None when it is none of those just offered."""
    number = _NUMBER.fullmatch(text.strip())
    decision = history[-1].decision if history else None
    if number is None or decision is None or decision.outcome is not Outcome.CLARIFY:
        return None
    place = int(number["digit"]) if number["digit"] else "一二三".index(number["sign"]) + 1
    return decision.candidates[place - 1].question if 1 <= place <= len(decision.candidates) else None


def failures(history: Sequence[Message]) -> int:
    """How many bot turns at the end of the history did not help."""
    count = 0
    for message in reversed(history):
        if message.role is Role.CUSTOMER:
            continue
        if message.decision is None or message.decision.reason not in UNHELPFUL:
            break
        count += 1
    return count


def _said(decision: Decision, language: str, slots: Mapping[str, str]) -> tuple[str, Decision]:
    if decision.outcome is Outcome.ANSWER:
        answer = decision.evidence[0].text
        missing = reply.missing_slots(answer, slots)
        if missing:
            asked = replace(decision, outcome=Outcome.CLARIFY, reason=Reason.SLOT_MISSING)
            return reply.ask_for_slots(missing, language), asked
        return reply.fill(answer, slots), decision
    if decision.outcome is Outcome.HAND_OVER:
        return wordings.say(decision.reason.value, language), decision
    if decision.reason is Reason.OUT_OF_SCOPE:
        return wordings.say("out_of_scope", language), decision
    return reply.clarify(decision.candidates, language), decision


def _composed(
    desk: Desk,
    decision: Decision,
    signals: Signals,
    limits: Thresholds,
    query: str | None,
    text: str,
    history: Sequence[Message],
    language: str,
    clock: Clock,
    cancel: threading.Event | None,
) -> Iterator[Stage | Decided | Token | Answer]:
    evidence = decision.evidence
    before = _earlier(history) if query else ""
    composed: Composed | None = None
    tokens: list[str] = []
    try:
        generator = desk.generator()
        if generator is not None:
            replying, sure = desk.section.replying, signals.passage_probability >= limits.sure
            options = GenerationOptions(
                max_new_tokens=replying.max_new_tokens,
                deadline_s=replying.deadline_s,
                never_begin=grounding.REFUSALS if sure else (),
            )
            for item in reply.compose(text, evidence, language, generator, options, replying.support, before, cancel):
                if isinstance(item, Composed):
                    composed = item
                    break
                if not tokens:
                    yield Decided(decision, query)
                    yield clock.lap("first_token")
                tokens.append(item.text)
                yield item
    except TrifoliumError:
        composed = None
    if composed is not None and composed.cancelled:
        stopped = replace(decision, reason=Reason.CANCELLED)
        yield from _whole("", stopped, clock, already=composed.text)
    elif composed is not None and composed.refused:
        refused = after_refusal(decision, signals, limits)
        said, refused = _said(refused, language, {})
        yield Decided(refused, query)
        yield from _whole(said, refused, clock)
    elif composed is not None and not composed.unsupported:
        yield clock.lap("compose")
        yield Answer(composed.text, decision, clock.ms)
    else:
        yield from _quoted(decision, text, language, clock, composed, bool(tokens), query)


def _quoted(
    decision: Decision,
    text: str,
    language: str,
    clock: Clock,
    composed: Composed | None,
    begun: bool,
    query: str | None,
) -> Iterator[Stage | Decided | Token | Answer]:
    """No generator, or one whose words the evidence does not hold: what was shown stays, else a plain quotation."""
    reason = Reason.MODEL_UNAVAILABLE if composed is None else Reason.UNSUPPORTED_ANSWER
    decision = replace(decision, reason=reason)
    if begun and composed is not None:
        text_so_far = reply.cite(composed.text, composed.cited)
        yield Answer(text_so_far, decision, clock.ms)
        return
    yield Decided(decision, query)
    quoted = reply.quotation(text, decision.evidence)
    said = wordings.say("rephrase", language)
    if quoted is not None:
        said = f"{wordings.say('model_unavailable', language)}\n{reply.cite(quoted[0], [quoted[1]])}"
    yield from _whole(said, decision, clock)


def _whole(text: str, decision: Decision, clock: Clock, already: str = "") -> Iterator[Stage | Token | Answer]:
    yield clock.lap("reply")
    if text:
        yield Token(text)
    yield Answer(already + text, decision, clock.ms)


def _earlier(history: Sequence[Message]) -> str:
    """The customer's last words before these."""
    return next((one.text for one in reversed(history) if one.role is Role.CUSTOMER), "")


def _turns(history: Sequence[Message]) -> list[Turn]:
    return [Turn(message.role, message.text) for message in history]
