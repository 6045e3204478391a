"""The service team's desk in a terminal: conversations, hand-overs, the review queue, feedback, status."""

from typing import Annotated, Any

import typer

from apps import terminal
from apps.chatbot.commands_show import show_status
from apps.chatbot.records import Rating, Status, as_json

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")]


def add(app: typer.Typer) -> None:
    """Put the desk's commands beside the others."""
    for command in (
        conversations,
        messages,
        handovers,
        release,
        reply,
        review,
        approve,
        reject,
        rate,
        insights,
        status,
    ):
        app.command(rich_help_panel="The service team's desk")(command)


def _opened(ctx: typer.Context) -> Any:
    from apps.chatbot.commands import opened

    return opened(ctx, answering=False)


def conversations(ctx: typer.Context, limit: Limit = 20, as_json_: Json = False) -> None:
    """List the latest conversations."""
    with _opened(ctx) as service:
        _list(service.conversations(limit), ("id", "language", "state", "updated_at"), as_json_, "nobody has asked yet")


def messages(ctx: typer.Context, conversation: str, as_json_: Json = False) -> None:
    """Show a conversation."""
    with _opened(ctx) as service:
        found = service.messages(conversation)
    if as_json_:
        terminal.say_json(as_json(found))
        return
    for one in found:
        terminal.say(f"{one.role.value}: {one.text}")
        if one.decision is not None:
            terminal.say(f"  {one.decision.outcome.value} · {one.decision.reason.value} · {one.id}", style="dim")


def handovers(
    ctx: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Released ones too.")] = False,
    as_json_: Json = False,
) -> None:
    """List conversations that wait for a person, with reason and summary."""
    with _opened(ctx) as service:
        columns = ("conversation_id", "reason", "summary", "created_at", "released_at")
        _list(service.handovers(open_only=not every), columns, as_json_, "nobody waits for a person")


def release(ctx: typer.Context, conversation: str) -> None:
    """Give a conversation back to the bot."""
    with _opened(ctx) as service:
        terminal.say(f"{conversation}: {service.release(conversation).state.value} has the word")


def reply(ctx: typer.Context, conversation: str, text: str) -> None:
    """Write to a customer as a person of the team."""
    with _opened(ctx) as service:
        terminal.say(service.agent_reply(conversation, text).id, style="dim")


def review(ctx: typer.Context, limit: Limit = 50, as_json_: Json = False) -> None:
    """List answers that wait for approval: mined from dialogues, or at odds with a live one."""
    with _opened(ctx) as service:
        found = service.answers(status=Status.PENDING, limit=limit)
        _list(found, ("id", "language", "question", "answer"), as_json_, "nothing waits for review")


def approve(ctx: typer.Context, answers: list[str]) -> None:
    """Let answers of the review queue be given to customers."""
    with _opened(ctx) as service:
        for answer in answers:
            service.approve(answer)
    terminal.say(f"{len(answers)} approved")


def reject(ctx: typer.Context, answers: list[str]) -> None:
    """Keep answers of the review queue from customers."""
    with _opened(ctx) as service:
        for answer in answers:
            service.reject(answer)
    terminal.say(f"{len(answers)} rejected")


def rate(
    ctx: typer.Context,
    message: str,
    rating: Rating,
    reason: Annotated[str | None, typer.Option(help="Why, in a word.")] = None,
    comment: Annotated[str | None, typer.Option(help="In your own words.")] = None,
) -> None:
    """Rate a bot message up or down."""
    with _opened(ctx) as service:
        service.feedback(message, rating, reason=reason, comment=comment)
    terminal.say("noted")


def insights(ctx: typer.Context, days: Annotated[int, typer.Option(min=1)] = 30, as_json_: Json = False) -> None:
    """Show volume, outcomes, latency and the questions nobody answered."""
    with _opened(ctx) as service:
        found = service.insights(days=days)
    if as_json_:
        terminal.say_json(as_json(found))
        return
    terminal.say(f"{found.conversations} conversations, {found.messages} messages in {days} days", style="bold")
    if not found.messages:
        return
    terminal.table(("outcome", "turns"), list(found.outcomes.items()))
    latency = [(stage, f"{ms['p50']:.0f}", f"{ms['p95']:.0f}") for stage, ms in found.latency.items()]
    terminal.table(("stage", "p50 ms", "p95 ms"), latency)
    rows = [(one.size, one.language, one.question) for one in found.unanswered]
    terminal.table(("asked", "language", "nobody answered"), rows, empty="no question stayed unanswered")


def status(ctx: typer.Context, as_json_: Json = False) -> None:
    """Show how much is known and with what it is answered."""
    with _opened(ctx) as service:
        found = service.status()
    if as_json_:
        terminal.say_json(as_json(found))
    else:
        show_status(found)


def _list(records: Any, columns: tuple[str, ...], json_wanted: bool, empty: str) -> None:
    if json_wanted:
        terminal.say_json(as_json(list(records)))
        return
    terminal.table(columns, [[_text(getattr(one, column)) for column in columns] for one in records], empty=empty)


def _text(value: Any) -> Any:
    return value.strftime("%Y-%m-%d %H:%M") if hasattr(value, "strftime") else value
