"""One turn from the customer's words to the bot's: understand, decide, reply; each stage timed.

An iterator of events, the same for page, HTTP and terminal. Writes nothing: the service stores what comes out.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from apps.chatbot import grounding, reply, wordings
from apps.chatbot.decision import Signals, Thresholds, after_refusal, decide
from apps.chatbot.followup import standalone
from apps.chatbot.picking import chosen, turns_down
from apps.chatbot.quotation import quotation
from apps.chatbot.records import Candidate, Decision, Message, Outcome, Reason, Role, Turn
from apps.chatbot.reply import Composed, Decided, Stage
from apps.chatbot.settings import ChatbotSection
from apps.chatbot.smalltalk import slots_in, small_talk
from apps.chatbot.understanding import Asked, Depth, Intents, Judges, Library, Tuning, understand
from core.errors import TrifoliumError
from core.events import Token
from core.inference.messages import GenerationOptions, Generator
from core.text import language as language_of

UNHELPFUL = (Reason.NO_EVIDENCE, Reason.OUT_OF_SCOPE, Reason.SEVERAL_CANDIDATES, Reason.TOO_VAGUE)


@dataclass(frozen=True)
class Desk:
    """What a turn works with; ``generator`` and ``judge`` give None while their model is not ready."""

    library: Library
    intents: Intents | None
    tuning: Mapping[str, Tuning]
    generator: Callable[[], Generator | None]
    section: ChatbotSection
    judge: Callable[[], Judges | None] = lambda: None
    to_the_point: Callable[[str, str, str], bool] = lambda question, text, language: True


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


@dataclass(frozen=True)
class _Turn:
    """What one turn starts from; ``query`` is the question as it is searched for where it leans on an earlier one."""

    desk: Desk
    history: Sequence[Message]
    text: str
    language: str
    query: str | None
    cancel: threading.Event | None
    clock: Clock

    @property
    def searched(self) -> str:
        """The question as it is searched for, and as what is said is held against."""
        return self.query or self.text

    @property
    def before(self) -> str:
        """The earlier question that this one leans on, empty for none."""
        return _earlier(self.history) if self.query else ""

    @property
    def stopped(self) -> bool:
        """Whether the customer wants no answer any more."""
        return self.cancel is not None and self.cancel.is_set()

    def understood(self, now: datetime) -> tuple[Signals, Thresholds]:
        """What is known of the question, and the thresholds that hold for it."""
        section, tuning = self.desk.section, self.desk.tuning.get(self.language, Tuning())
        asked = Asked(self.searched, self.text, self.language, now, failures(self.history), self.before)
        depth = Depth(passages=section.retrieval.passages)
        signals = understand(asked, self.desk.library, self.desk.intents, tuning, depth, self.desk.judge())
        limits = tuning.of(signals.judged).thresholds
        return signals, replace(limits, failures_before_person=section.deciding.failures_before_person)

    def answered_by(self, text: str) -> bool:
        """Whether a text speaks of what was asked."""
        return self.desk.to_the_point(self.searched, text, self.language)

    def slots(self) -> dict[str, str]:
        """What the customer's words so far fill in."""
        said = (one.text for one in self.history if one.role is Role.CUSTOMER)
        return slots_in(" ".join([*said, self.text]))


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
    offered = _offered(history)
    picked = chosen(text, [one.question for one in offered])
    if picked is None and (replied := _fixed(desk, history, text, language, offered)):
        decision, said = replied
        yield Decided(decision)
        yield from _whole(said, decision, clock)
        return
    if picked is not None:
        text, language = picked, language_of(picked) if language_of(picked) in ("en", "zh") else language
    query = None if picked else standalone(text, _turns(history))
    turn = _Turn(desk, history, text, language, query, cancel, clock)
    signals, limits = turn.understood(now)
    decision = decide(signals, limits)
    yield clock.lap("understand")
    if turn.stopped and decision.outcome in (Outcome.ANSWER, Outcome.COMPOSE):
        yield from _whole("", replace(decision, reason=Reason.CANCELLED), clock)
    elif decision.outcome is Outcome.COMPOSE:
        yield from _composed(turn, decision, signals, limits)
    else:
        said, decision = _said(turn, decision, turn.slots() | dict(slots or {}))
        yield Decided(decision, query)
        yield from _whole(said, decision, clock)


def _offered(history: Sequence[Message]) -> Sequence[Candidate]:
    """The questions that the bot's last message asked back about."""
    decision = history[-1].decision if history else None
    return decision.candidates if decision is not None and decision.outcome is Outcome.CLARIFY else ()


def _fixed(
    desk: Desk, history: Sequence[Message], text: str, language: str, offered: Sequence[Candidate]
) -> tuple[Decision, str] | None:
    """What is said to words that ask nothing: small talk, or a yes or no to several offered questions."""
    kind = small_talk(text)
    if offered and kind == "agreement":
        asked = Decision(Outcome.CLARIFY, Reason.SEVERAL_CANDIDATES, 1.0, candidates=tuple(offered))
        return asked, "\n".join([wordings.say("which_number", language), *reply.listed(offered)])
    if offered and turns_down(text):
        if failures(history) + 1 >= desk.section.deciding.failures_before_person:
            decision = Decision(Outcome.HAND_OVER, Reason.REPEATED_FAILURE, 1.0)
            return decision, wordings.say(decision.reason.value, language)
        return Decision(Outcome.CLARIFY, Reason.NO_EVIDENCE, 1.0), wordings.say("rephrase", language)
    if kind is None:
        return None
    return Decision(Outcome.ANSWER, Reason.SMALL_TALK, 1.0), wordings.say(kind, language)


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


def _said(turn: _Turn, decision: Decision, slots: Mapping[str, str]) -> tuple[str, Decision]:
    language = turn.language
    if decision.outcome is Outcome.ANSWER:
        answer = decision.evidence[0].text
        missing = reply.missing_slots(answer, slots)
        if missing:
            asked = replace(decision, outcome=Outcome.CLARIFY, reason=Reason.SLOT_MISSING)
            return reply.ask_for_slots(missing, language), asked
        beside = quotation(turn.searched, decision.evidence[1:])
        return reply.beside(reply.fill(answer, slots), language, beside), decision
    if decision.outcome is Outcome.HAND_OVER:
        return wordings.say(decision.reason.value, language), decision
    if decision.reason is Reason.OUT_OF_SCOPE:
        return wordings.say("out_of_scope", language), decision
    quoted = quotation(turn.searched, decision.evidence)
    return reply.clarify(decision.candidates, language, quoted), decision


def _composed(
    turn: _Turn, decision: Decision, signals: Signals, limits: Thresholds
) -> Iterator[Stage | Decided | Token | Answer]:
    """What the generator writes from the evidence, and what is said when it stops, declines or fails."""
    composed, begun = None, False
    sure = signals.passage_probability >= limits.sure
    try:
        for item in _written(turn, decision, sure):
            if isinstance(item, Composed):
                composed = item
                break
            if not begun:
                yield Decided(decision, turn.query)
                yield turn.clock.lap("first_token")
                begun = True
            yield item
    except TrifoliumError:
        composed = None
    if composed is not None:
        yield turn.clock.lap("compose")
    if composed is not None and composed.cancelled:
        yield from _whole("", replace(decision, reason=Reason.CANCELLED), turn.clock, already=composed.text)
    elif composed is not None and composed.refused and sure and _nearest(turn, decision):
        yield from _quoted(turn, decision, composed, begun)
    elif composed is not None and composed.refused:
        said, refused = _said(turn, after_refusal(decision, signals, limits), {})
        yield Decided(refused, turn.query)
        yield from _whole(said, refused, turn.clock)
    elif composed is not None and not composed.unsupported:
        yield Answer(composed.text, decision, turn.clock.ms)
    else:
        yield from _quoted(turn, decision, composed, begun)


def _written(turn: _Turn, decision: Decision, sure: bool) -> Iterator[Token | Composed]:
    """The generator's words; nothing while there is none. When the evidence is ``sure`` it may not decline."""
    generator = turn.desk.generator()
    if generator is None:
        return
    replying = turn.desk.section.replying
    options = GenerationOptions(
        max_new_tokens=replying.max_new_tokens,
        deadline_s=replying.deadline_s,
        never_begin=grounding.REFUSALS if sure else (),
    )
    yield from reply.compose(
        turn.text,
        decision.evidence,
        turn.language,
        generator,
        options,
        replying.support,
        turn.before,
        turn.cancel,
        turn.answered_by,
    )


def _quoted(
    turn: _Turn, decision: Decision, composed: Composed | None, begun: bool
) -> Iterator[Stage | Decided | Token | Answer]:
    """No generator, or one whose words the evidence does not hold: what was shown stays, else a plain quotation."""
    reason = Reason.MODEL_UNAVAILABLE if composed is None else Reason.UNSUPPORTED_ANSWER
    decision = replace(decision, reason=reason)
    if begun and composed is not None:
        yield Answer(reply.cite(composed.text, composed.cited), decision, turn.clock.ms)
        return
    yield Decided(decision, turn.query)
    quoted, said = _nearest(turn, decision), wordings.say("rephrase", turn.language)
    if quoted is not None:
        said = f"{wordings.say('model_unavailable', turn.language)}\n{reply.cite(quoted[0], [quoted[1]])}"
    yield from _whole(said, decision, turn.clock)


def _nearest(turn: _Turn, decision: Decision) -> tuple[str, int] | None:
    """The sentence to quote with its number; None where it is beside the point."""
    quoted = quotation(turn.searched, decision.evidence)
    return quoted if quoted is not None and turn.answered_by(quoted[0]) else None


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
