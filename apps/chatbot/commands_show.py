"""How the chatbot's results look in a terminal; takes what the service gives, decides nothing."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from apps import terminal
from apps.chatbot.records import Decision, EvidenceKind, IngestReport, Outcome, as_json
from core.events import Token

if TYPE_CHECKING:
    from apps.chatbot.hit_test import Counts, HitRow, HitTest
    from apps.chatbot.reply import ReplyEvent

WOULD = {  # a hit test stops at the decision
    Outcome.ANSWER: "would answer",
    Outcome.COMPOSE: "would compose from the passages",
    Outcome.CLARIFY: "would ask back",
    Outcome.HAND_OVER: "would hand over",
}

HIT_KINDS = {
    EvidenceKind.ANSWER: (
        "approved answers",
        "score: two thirds what all wordings of an answer claim, one third likeness to single ones; 0 to about 1.1",
    ),
    EvidenceKind.PASSAGE: ("passages", "score: cosine + 1.5 × words held; 0 to 2.5"),
}


def show_turn(events: "Iterator[ReplyEvent]", conversation_id: str, json_wanted: bool = False) -> None:
    """The answer as it comes, then its sources and the decision."""
    from apps.chatbot.reply import Finished

    shown = ""
    for event in events:
        if isinstance(event, Token) and not json_wanted:
            sys.stdout.write(terminal.plain(event.text))
            sys.stdout.flush()
            shown += event.text
        elif isinstance(event, Finished):
            if json_wanted:
                terminal.say_json(as_json(event.message))
            else:
                _end(event.message.text, shown, event.message.decision, conversation_id)


def _end(text: str, shown: str, decision: Decision | None, conversation_id: str) -> None:
    rest = text[len(shown) :] if text.startswith(shown) else f"\n{text}"
    sys.stdout.write(terminal.plain(rest) + "\n")
    if decision is None:
        return
    for one in decision.evidence:
        if (decision.outcome is Outcome.ANSWER and one.number == 1) or f"[{one.number}]" in text:
            terminal.say(f"  [{one.number}] {one.title}", style="cyan")
    if decision.outcome is Outcome.ANSWER:
        for other in decision.candidates:
            terminal.say(f"  or did you mean: {other.question}", style="dim")
    how = f"  {decision.outcome.value} · {decision.reason.value} · {decision.confidence:.0%} · {conversation_id}"
    terminal.say(how, style="dim")


def show_ingest(report: IngestReport, json_wanted: bool) -> None:
    """What was taken in and what was not; files of which nothing could be read are named beside it too."""
    if report.failed:
        terminal.warn(f"Nothing could be read from {', '.join(report.failed)}: the report says why.")
    if json_wanted:
        terminal.say_json(as_json(report))
        return
    terminal.say(f"{report.added} added, {report.updated} updated, {report.unchanged} unchanged", style="bold")
    if report.problems:
        whole = {one.source for one in report.problems if not one.line}
        terminal.say(terminal.not_taken(report.bad_rows, len(whole)), style="bold")
    terminal.say_reasons(report.problems)
    if report.merged:
        terminal.say(f"merged into another: {len(report.merged)} {'row' if len(report.merged) == 1 else 'rows'}")
        terminal.say_reasons(report.merged, style="dim")
    if report.noted:
        rows = f"{len(report.noted)} {'row' if len(report.noted) == 1 else 'rows'}"
        terminal.say(f"taken in, to be looked at: {rows}", style="bold")
        terminal.say_reasons(report.noted)


def show_status(found: Mapping[str, Any]) -> None:
    """How much is known, a line each, and the models that answer."""
    rows: list[tuple[str, object]] = [(name.replace("_", " "), value) for name, value in found["knowledge"].items()]
    rows += [("intents", found["intents"])] if found["intents"] else []  # not learnt where nobody is answered
    rows += [("thresholds fitted for", ", ".join(found["languages_tuned"]) or "–")]
    if found["languages_outdated"]:
        told = f"{', '.join(found['languages_outdated'])}: no longer used; trifolium chatbot fit fits them anew"
        rows.append(("fitted by an earlier version", told))
    for name in ("generator", "judge"):
        model = found["models"].get(name)
        state = "loads when a question is asked" if found[name] == "not loaded" else found[name]
        rows.append((name, f"{model} ({state})" if model else "none"))
    terminal.table(("", ""), rows)


def show_hits(found: "HitTest", k: int, json_wanted: bool) -> None:
    """The first ``k`` of each kind in the order of both sides, each with its place on either, and what scores mean."""
    if json_wanted:
        terminal.say_json(as_json(found))
        return
    if found.standalone and found.standalone != found.question:
        terminal.say(f"searched for: {found.standalone}", style="dim")
    for kind, (title, meaning) in HIT_KINDS.items():
        rows = [one for one in found.rows if one.kind == kind]
        _show_kind(title, rows, found.found.get(kind), k)
        terminal.say(f"  {meaning}" if rows else "", style="dim")
    decision = found.decision
    said = f"{WOULD[decision.outcome]} · {decision.reason.value} · {decision.confidence:.0%}"
    terminal.say(said, style="bold")
    if decision.outcome is Outcome.COMPOSE:
        terminal.say("Nothing has been written yet: the generator may still decline, and then the bot asks back.")


def _show_kind(title: str, rows: "Sequence[HitRow]", counts: "Counts | None", k: int) -> None:
    ordered = sorted((one for one in rows if one.fused_rank <= k), key=lambda one: one.fused_rank)
    words, meaning = (counts.lexical, counts.vector) if counts else (0, 0)
    cells = [
        (one.fused_rank, one.title, _cell(one.score), _place(one.lexical_rank, words), _cell(one.overlap))
        + (_place(one.vector_rank, meaning), _cell(one.cosine))
        for one in ordered
    ]
    shown = f"{title}: {len(ordered)} of {counts.fused} found" if counts and counts.fused else title
    columns = ("#", "title", "score", "by words", "words held", "by meaning", "cosine")
    terminal.table(columns, cells, shown, empty="nothing found")
    for side, name in (("lexical_rank", "words"), ("vector_rank", "meaning")):
        first = next((one for one in rows if getattr(one, side) == 1), None)
        if first is not None and first not in ordered:
            terminal.say(f"  first by {name} alone: {first.title} (place {first.fused_rank} of both together)")


def _place(rank: int | None, found: int) -> str | None:
    return None if rank is None else f"{rank} of {found}"


def show_thresholds(sets: Sequence[Any]) -> None:
    """Thresholds with the error rate each was fitted to."""
    columns = ("language", "kind", "error_rate", "threshold", "fitted_on")
    terminal.table(columns, [[_cell(getattr(one, column)) for column in columns] for one in sets], empty="none fitted")


def _cell(value: object) -> object:
    return f"{value:.3f}" if isinstance(value, float) else value
