"""The words exchanged with the generator: a question and numbered evidence in, a cited answer or a refusal out.

Knows text only: no model, no search, no store. The grounded-answer adapter is trained on exactly these prompts
(``grounded_examples.py``), so a change here asks for a new adapter.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.text import lexical_tokens, sentences

PASSAGES = 5
# A compromise: in a first trial over 300 questions a set, five passages cut to 300 tokens kept the answer of 91 %
# (xquad_en) and 88 % (cmrc2018_zh), cut to 450 of 96 and 94 %; but a small model reads a short prompt sooner.
EVIDENCE_TOKENS = 300


class Style(StrEnum):
    """How long an answer is asked for: the exact words, or a sentence or two for a customer."""

    SHORT = "short"
    FULL = "full"


_RULES = {
    (
        "en",
        Style.SHORT,
    ): "Answer from the numbered passages only: the shortest exact words that answer, then the passage "
    "number in brackets. If no passage answers it, reply: No answer.",
    ("en", Style.FULL): "Answer from the numbered passages only: one or two sentences, then the passage number in "
    "brackets. If no passage answers it, reply: No answer.",
    (
        "zh",
        Style.SHORT,
    ): "只根据编号的资料回答：写出最短的原文，再写方括号里的资料编号。资料里没有答案就回复：没有答案。",
    ("zh", Style.FULL): "只根据编号的资料回答：写一两句话，再写方括号里的资料编号。资料里没有答案就回复：没有答案。",
}
_QUESTION = {"en": "Question: ", "zh": "问题："}
_BEFORE = {"en": "Before: ", "zh": "上文："}
_REFUSAL = {"en": "No answer.", "zh": "没有答案。"}
_CITATION = re.compile(r"\[(\d{1,2})\]")


@dataclass(frozen=True)
class Excerpt:
    """A numbered piece of evidence as the generator sees it: its title and the text kept of it."""

    title: str
    text: str


@dataclass(frozen=True)
class GroundedAnswer:
    """What the generator said, taken apart: the text without marks, the passage numbers cited, or a refusal."""

    text: str
    cited: tuple[int, ...]
    refused: bool


def prompt(
    question: str,
    excerpts: Sequence[Excerpt],
    language: str,
    style: Style = Style.FULL,
    before: str = "",
) -> str:
    """The user message: the rule, the question, the numbered excerpts, the question again.

    The rule stands first so that all conversations of one language share its cached prefix; the question stands
    before the excerpts as well as after them because a causal model reads each excerpt with what came before it.
    ``before`` is the customer's earlier question when this one leans on it.
    """
    tongue = "zh" if language == "zh" else "en"
    asked = _QUESTION[tongue] + one_line(question)
    if before:
        asked = _BEFORE[tongue] + one_line(before) + "\n" + asked
    numbered = "\n".join(f"[{number}] {_entry(excerpt)}" for number, excerpt in enumerate(excerpts, start=1))
    return f"{_RULES[tongue, style]}\n\n{asked}\n\n{numbered}\n\n{asked}"


def completion(number: int, answer: str) -> str:
    """The words the adapter learns to say; the number comes last, where copying its passage's words has shown it.

    With the number first a 270 M model had to find the passage before reading a word of it aloud, and after 800
    examples still chose at random.
    """
    return f"{answer.strip()} [{number}]"


def refusal(language: str) -> str:
    """The words that stand for "the passages do not say"."""
    return _REFUSAL["zh" if language == "zh" else "en"]


REFUSALS = tuple(_REFUSAL.values())


def parse(said: str, language: str, excerpts: int) -> GroundedAnswer:
    """Take the generator's words apart; numbers outside 1…``excerpts`` are dropped, as they cite nothing."""
    text = said.strip()
    refused = not text or text.lower().startswith((_REFUSAL["en"].lower().rstrip("."), _REFUSAL["zh"].rstrip("。")))
    numbers = [int(found) for found in _CITATION.findall(text)]
    cited = tuple(dict.fromkeys(number for number in numbers if 1 <= number <= excerpts))
    return GroundedAnswer("" if refused else _CITATION.sub("", text).strip(), () if refused else cited, refused)


def focus(question: str, texts: Sequence[str], budget_tokens: int = EVIDENCE_TOKENS) -> list[str]:
    """Of each text the sentences nearest to the question, in their order, together about ``budget_tokens`` long.

    A sentence scores by the inverse document frequency of the words it shares with the question, plus 0.4 of its
    better neighbour's score and a little for opening its text, which tells what the text is about. Each text keeps
    at least its best sentence; left-out sentences are marked by "…".
    """
    places = [(row, span.text) for row, text in enumerate(texts) for span in sentences(text)]
    scores = _relevance(question, places)
    ranked = sorted(range(len(places)), key=lambda place: -scores[place])
    best: dict[int, int] = {}
    for place in ranked:
        best.setdefault(places[place][0], place)
    kept = set(best.values())
    used = sum(estimate_tokens(places[place][1]) for place in kept)
    for place in ranked:
        cost = estimate_tokens(places[place][1])
        if place not in kept and used + cost <= budget_tokens:
            kept.add(place)
            used += cost
    return [_joined(row, places, kept) for row in range(len(texts))]


def estimate_tokens(text: str) -> float:
    """About how many tokens a text is for Gemma's tokenizer: 0.7 per Chinese character, 1.35 per word, 0.5 per mark."""
    han = len(re.findall(r"[\u3400-\u9fff]", text))
    words = len(re.findall(r"[A-Za-z0-9]+", text))
    marks = len(re.findall(r"[^\w\s]", text))
    return 0.7 * han + 1.35 * words + 0.5 * marks


def one_line(text: str) -> str:
    """The text as one line without the generator's control marks, so that what is quoted stays a quotation."""
    return " ".join(re.sub(r"<(?:start|end)_of_turn>|<[be]os>", " ", text).split())


def _entry(excerpt: Excerpt) -> str:
    title, text = one_line(excerpt.title), one_line(excerpt.text)
    return f"{title}: {text}" if title else text


def _relevance(question: str, places: Sequence[tuple[int, str]]) -> list[float]:
    words = [set(lexical_tokens(text)) for _, text in places]
    frequency = Counter(word for found in words for word in found)
    asked = set(lexical_tokens(question))
    shared = [sum(math.log(1 + len(places) / frequency[word]) for word in found & asked) for found in words]
    scores = []
    for place, (row, _) in enumerate(places):
        beside = [shared[near] for near in (place - 1, place + 1) if 0 <= near < len(places) and places[near][0] == row]
        opens = place == 0 or places[place - 1][0] != row
        scores.append(shared[place] + 0.4 * max(beside, default=0.0) + (0.5 if opens else 0.0))
    return scores


def _joined(row: int, places: Sequence[tuple[int, str]], kept: set[int]) -> str:
    parts: list[str] = []
    last: int | None = None
    for place in sorted(place for place in kept if places[place][0] == row):
        if last is not None:
            parts.append(" " if place == last + 1 else " … ")
        parts.append(places[place][1].strip())
        last = place
    return "".join(parts)
