"""Says what was decided: fills approved answers, composes grounded ones sentence by sentence, words the rest.

Knows the generator's protocol and the evidence, nothing of search, store or clock. Nothing is shown that its evidence
does not hold: a sentence is checked before it is streamed.
"""

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from apps.chatbot import grounding
from apps.chatbot.grounding import Excerpt, GroundedAnswer, Style
from apps.chatbot.records import Candidate, Decision, Evidence, Message
from apps.chatbot.wordings import say, slot_name
from core.events import Token
from core.inference.messages import Finish, GenerationOptions, Generator
from core.inference.messages import Message as Said
from core.text import lexical_tokens, sentences

_SLOT = re.compile(r"\{([a-z_]+)\}")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")


@dataclass(frozen=True)
class Stage:
    """A step of a turn is done; ``ms`` is what it took."""

    name: str
    ms: float


@dataclass(frozen=True)
class Decided:
    """What will be done; ``standalone`` is the question as it was searched for when it leaned on an earlier one."""

    decision: Decision
    standalone: str | None = None


@dataclass(frozen=True)
class Finished:
    """The stored bot message: the last event of every turn."""

    message: Message


ReplyEvent = Stage | Decided | Token | Finished


@dataclass(frozen=True)
class Composed:
    """How composing ended: ``refused`` when the evidence holds no answer, ``unsupported`` when a sentence failed."""

    text: str
    cited: tuple[int, ...]
    refused: bool = False
    unsupported: bool = False
    cancelled: bool = False


def missing_slots(answer: str, slots: Mapping[str, str]) -> list[str]:
    """Slots an approved answer needs and nobody has filled."""
    return [name for name in dict.fromkeys(_SLOT.findall(answer)) if not slots.get(name)]


def fill(answer: str, slots: Mapping[str, str]) -> str:
    """The approved answer with its ``{slots}`` filled; braces that are no slot stay as they are."""
    return _SLOT.sub(lambda found: slots.get(found.group(1), found.group(0)), answer)


def ask_for_slots(missing: Sequence[str], language: str) -> str:
    """The sentence that asks the customer for what an approved answer needs."""
    joined = ("、" if language == "zh" else ", ").join(slot_name(name, language) for name in missing)
    return say("slot_missing", language, slots=joined)


def clarify(candidates: Sequence[Candidate], language: str, quoted: tuple[str, int] | None = None) -> str:
    """The question back, with the candidate questions as a list; before it what was ``quoted`` and its number."""
    asked = say("clarify" if candidates else "rephrase", language)
    if quoted is not None:
        found = f"{say('perhaps', language)}\n{cite(quoted[0], [quoted[1]])}"
        asked = f"{found}\n{say('else_clarify' if candidates else 'else_rephrase', language)}"
    return "\n".join([asked, *listed(candidates)])


def beside(answer: str, language: str, quoted: tuple[str, int] | None) -> str:
    """The approved answer with what a document says besides; one that only says it again is left out."""
    if quoted is None or quoted[0] in answer or answer in quoted[0]:
        return answer
    return f"{answer}\n\n{say('besides', language)}\n{cite(quoted[0], [quoted[1]])}"


def listed(candidates: Sequence[Candidate]) -> list[str]:
    """The candidate questions as the numbered lines of a text."""
    return [f"{number}. {one.question}" for number, one in enumerate(candidates, start=1)]


def excerpts(question: str, evidence: Sequence[Evidence]) -> list[Excerpt]:
    """The evidence cut to what the generator reads of it; an approved answer keeps its question as its title."""
    kept = grounding.focus(question, [one.text for one in evidence])
    return [Excerpt(one.title, text) for one, text in zip(evidence, kept, strict=True)]


def compose(
    question: str,
    evidence: Sequence[Evidence],
    language: str,
    generator: Generator,
    options: GenerationOptions,
    support: float,
    before: str = "",
    cancel: threading.Event | None = None,
    to_the_point: Callable[[str], bool] = lambda _: True,
) -> Iterator[Token | Composed]:
    """A grounded answer, each sentence shown once it is checked against its source; the last item is ``Composed``.

    One that begins beside the point (``to_the_point`` says no to its first words) is worth no more than a refusal.
    """
    asked = grounding.prompt(question, excerpts(question, evidence), language, Style.FULL, before)
    shown = _Shown(evidence, question, support, to_the_point)
    said = ""
    finish: Finish | None = None
    for item in generator.stream([Said("user", asked)], options, cancel):
        if isinstance(item, Finish):
            finish = item
            break
        said += item.text
        answer = grounding.parse(said, language, len(evidence))
        part = "" if _may_refuse(said) else _whole_sentences(answer.text)[len(shown.text) :]
        if part:
            if shown.strays(part):
                yield Composed("", (), refused=True)
                return
            if not shown.add(part, answer.cited):
                yield shown.ended(unsupported=True)
                return
            yield Token(part)
    yield from _ending(grounding.parse(said, language, len(evidence)), shown, finish)


def holder(text: str, evidence: Sequence[Evidence], cited: Sequence[int], question: str, share: float) -> int | None:
    """The number of the one piece of evidence that holds a sentence, a cited one before others; None when none does.

    One piece must hold it: words gathered from several are how a small model invents.
    """
    ordered = sorted(evidence, key=lambda one: one.number not in cited)
    return next((one.number for one in ordered if _holds(text, one, question, share)), None)


def _holds(text: str, source: Evidence, question: str, share: float) -> bool:
    """Whether every number stands in the source or the question, and of the other words at least ``share``."""
    held = f"{source.title} {source.text} {question}"
    numbers = set(_NUMBER.findall(held))
    if any(number not in numbers for number in _NUMBER.findall(text)):
        return False
    words = lexical_tokens(text)
    known = set(lexical_tokens(held))
    return not words or sum(word in known for word in words) / len(words) >= share


def cite(text: str, numbers: Sequence[int]) -> str:
    """The text with its citation marks behind it."""
    return text.rstrip() + "".join(f" [{number}]" for number in numbers)


@dataclass
class _Shown:
    """What of an answer the customer has seen, and which piece of the evidence holds each part of it."""

    evidence: Sequence[Evidence]
    question: str
    support: float
    to_the_point: Callable[[str], bool]
    text: str = ""
    sources: list[int] = field(default_factory=list)

    def strays(self, part: str) -> bool:
        """Whether an answer that begins with this part misses the question."""
        return not self.text and not self.to_the_point(part)

    def add(self, part: str, cited: Sequence[int]) -> bool:
        """Take a part to be shown next; False when no single piece of the evidence holds it."""
        source = holder(part, self.evidence, cited, self.question, self.support)
        if source is None:
            return False
        self.sources.append(source)
        self.text += part
        return True

    @property
    def cited(self) -> tuple[int, ...]:
        """The sources, each once."""
        return tuple(dict.fromkeys(self.sources))

    def ended(self, unsupported: bool = False, cancelled: bool = False, marks: str = "") -> Composed:
        """What there is in the end."""
        return Composed(self.text + marks, self.cited, unsupported=unsupported, cancelled=cancelled)


def _ending(answer: GroundedAnswer, shown: _Shown, finish: Finish | None) -> Iterator[Token | Composed]:
    """The last words where the generator came to its end, and the marks of the sources."""
    cancelled = finish is not None and finish.reason == "cancelled"
    if answer.refused and not shown.text:
        yield Composed("", (), refused=not cancelled, cancelled=cancelled)
        return
    rest = answer.text[len(shown.text) :]
    if rest.strip() and (finish is None or finish.reason == "stop"):
        if shown.strays(rest):
            yield Composed("", (), refused=True, cancelled=cancelled)
            return
        if not shown.add(rest, answer.cited):
            yield shown.ended(unsupported=True, cancelled=cancelled)
            return
        yield Token(rest)
    marks = "".join(f" [{number}]" for number in shown.cited)
    if marks:
        yield Token(marks)
    yield shown.ended(unsupported=not shown.text, cancelled=cancelled, marks=marks)


def _may_refuse(said: str) -> bool:
    """Whether the words so far may still turn out to be a refusal or a citation mark."""
    start = said.lstrip().lower()
    marks = [grounding.refusal(language).lower() for language in ("en", "zh")]
    undecided = any(mark.startswith(start) or start.startswith(mark.rstrip(".。")) for mark in marks)
    return undecided or (start.startswith("[") and "]" not in start)


def _whole_sentences(text: str) -> str:
    spans = sentences(text)
    return text[: spans[-1].start] if len(spans) > 1 else ""
