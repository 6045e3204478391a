"""How the recommender's results look in a terminal; takes what the service gives, decides nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from apps import terminal
from apps.recommender.answers import IngestReport, ListAnswer, Quality, ScoreAnswer
from apps.recommender.experiments import ExperimentReport
from apps.recommender.records import Explanation, Item, Scored
from apps.recommender.replies import alike, explanation, list_reply, scored

WIDEST = 12  # blocks of the longest bar


def show_list(answer: ListAnswer, items: Mapping[str, Item], as_json: bool) -> None:
    """A list, one row an item, what it took below."""
    if as_json:
        terminal.say_json(list_reply(answer, items))
        return
    modelled = bool(answer.model)  # without a model there is an order, but no probability and no parts
    rows = [
        [place, one.item, _title(one.item, items), f"{one.probability:.1%}" if modelled else "–",
         _parts(one) if modelled else "–", one.reason]
        for place, one in enumerate(answer.list.items, start=1)
    ]  # fmt: skip
    terminal.table(("#", "item", "title", "probability", "parts", "why"), rows, empty="nothing to recommend")
    made = answer.list
    told = f"{made.removed_count} removed by rules"
    said = [answer.route, f"list {answer.list_id}", f"{answer.took_ms:.0f} ms", told]
    said += [f"variety {made.ild_plain:.2f} → {made.ild:.2f} at {made.price:.1%}"] if made.ild else []
    terminal.say(" · ".join(said), style="dim")
    for note in made.notes:
        terminal.warn(note)
    if not modelled:
        terminal.warn(
            "No model answered: the list follows what was met together, what is popular and what is new. "
            "`trifolium recommender train` fits one, `trifolium recommender status` says what is live."
        )


def show_scores(rows: Sequence[Scored], items: Mapping[str, Item], as_json: bool) -> None:
    """Candidates with score and parts."""
    if as_json:
        terminal.say_json([scored(one) for one in rows])
        return
    cells = [
        [one.item, _title(one.item, items), f"{one.score:.3f}", f"{one.probability:.1%}", _parts(one), one.reason]
        for one in rows
    ]
    terminal.table(("item", "title", "score", "probability", "parts", "why"), cells)


def show_alike(rows: Sequence[Scored], items: Mapping[str, Item], as_json: bool) -> None:
    """Items like one, the most alike first."""
    if as_json:
        terminal.say_json([alike(one, place) for place, one in enumerate(rows, start=1)])
        return
    cells = [[one.item, _title(one.item, items), f"{one.score:.3f}", _parts(one), one.reason] for one in rows]
    terminal.table(("item", "title", "likeness", "parts", "why"), cells)


def warn_of_unknown(user: str, answer: ScoreAnswer) -> None:
    """Beside the scores: items the catalogue does not have, and that nothing is known of the person."""
    unknown = list(dict.fromkeys(one.item for one in answer.items if not one.known))
    if unknown:
        terminal.warn(f"Not in the catalogue and so without a score: {', '.join(unknown)}.")
    if user and answer.route == "cold":
        terminal.warn(f"{user} is not known: scored as a new visitor.")


def show_explanation(found: Explanation, as_json: bool) -> None:
    """Where an item is and why."""
    if as_json:
        terminal.say_json(explanation(found))
        return
    terminal.say(found.sentence, style="bold")
    places = [f"rank {found.rank} by score"] if found.rank else []
    places += [f"place {found.place} in the list"] if found.place else []
    terminal.say(" · ".join([f"stage: {found.stage}", *places, *found.removed_by]), style="dim")
    if found.scored is not None:
        parts = found.scored.parts
        figures = [f"{value:+.3f}" for value in parts.values()]
        rows = list(zip(parts, figures, _bars(list(parts.values())), strict=True))
        terminal.table(("part", "share of the score", f"{'against ':>{WIDEST}}│ for"), rows)


def show_ingest(report: IngestReport, as_json: bool) -> None:
    """What was taken in, how its files were understood, and what was not; files that gave nothing are named too."""
    if report.failed:
        terminal.warn(f"Nothing could be read from {', '.join(report.failed)}: the report says why.")
    if as_json:
        terminal.say_json(plain(report))
        return
    items, events = report.items, report.events
    terminal.say(f"items: {items.added} added, {items.updated} updated, {items.unchanged} unchanged", style="bold")
    terminal.say(f"events: {events.added} added, {events.known} known already", style="bold")
    for one in report.uses:
        if told := one.told():
            terminal.say(f"  {one.source}: {told}", style="dim")
    if report.zoneless:
        terminal.say(f"  {report.zoneless} times name no zone: read as UTC", style="yellow")
    if report.problems:
        terminal.say(terminal.not_taken(report.bad_rows, len(report.failed)), style="bold")
    terminal.say_reasons(report.problems)
    if report.noted:
        rows = len({(one.source, one.line) for one in report.noted})
        terminal.say(f"to be looked at: {rows} {'row' if rows == 1 else 'rows'}", style="bold")
        terminal.say_reasons(report.noted)


def show_next_steps(of_sample: int, fitted: bool) -> None:
    """What else a person who brought her own data has to do."""
    if of_sample:
        terminal.warn(
            f"{of_sample} items of the sample shop stand beside them, and models learn from its people too: "
            "`trifolium recommender forget-sample` takes the sample out."
        )
    elif fitted:
        terminal.say("The model knows them at its next look; `trifolium recommender train` learns from them.")
    else:
        terminal.say("No model is fitted yet: the next start fits a small shop, `trifolium recommender train` any.")


def show_experiment(report: ExperimentReport, as_json: bool) -> None:
    """Arms side by side, differences below."""
    if as_json:
        terminal.say_json(plain(report))
        return
    arms = [
        [one.name, one.people, one.lists, one.shown, one.wanted, f"{one.click_rate:.2%}", _figure(one.ndcg)]
        for one in report.arms
    ]
    terminal.table(("variant", "people", "lists", "shown", "wanted", "click rate", "NDCG"), arms)
    for one in report.differences:
        said = {"too_few": "too few people to say", "open": "no difference shown yet"}.get(one.verdict, one.verdict)
        reach = "" if one.verdict == "too_few" else f" ({one.click_rate:+.2%}, {one.low:+.2%} to {one.high:+.2%})"
        terminal.say(f"{one.name}: {said}{reach}", style="bold")
    if report.mismatch_p < 0.001:
        terminal.warn("People are not split as meant: look for lists that are lost before you read the figures.")


def show_quality(found: Quality, as_json: bool) -> None:
    """Figures by day."""
    if as_json:
        terminal.say_json(plain(found))
        return
    rows = [
        [one.day, one.lists, one.people, f"{one.click_rate:.2%}", _figure(one.ndcg), f"{one.coverage:.1%}",
         f"{one.gini:.2f}", one.without_model, f"{one.p95_ms:.0f}"]
        for one in found.days
    ]  # fmt: skip
    columns = ("day", "lists", "people", "click rate", "NDCG", "coverage", "Gini", "without model", "p95 ms")
    terminal.table(columns, rows, empty="no lists served yet")


def plain(value: Any) -> Any:
    """Records as JSON-ready values."""
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(value)


def _title(item_id: str, items: Mapping[str, Item]) -> str:
    return items[item_id].title if item_id in items else "–"


def _parts(one: Scored) -> str:
    largest = sorted(one.parts.items(), key=lambda part: -abs(part[1]))[:3]
    return " ".join(f"{name} {value:+.2f}" for name, value in largest if value)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _bars(values: Sequence[float]) -> list[str]:
    """A bar for each value on one scale: what speaks against goes left from the line, what speaks for goes right."""
    widest = max(map(abs, values), default=0.0) or 1.0
    halves = [round(value / widest * WIDEST * 2) for value in values]  # no finer block begins at the right
    left = ["▐" * (-one % 2) + "█" * (-one // 2) if one < 0 else "" for one in halves]
    right = ["█" * (one // 2) + "▌" * (one % 2) if one > 0 else "" for one in halves]
    return [f"{against:>{WIDEST}}│{speaks}" for against, speaks in zip(left, right, strict=True)]
