"""How the monitor's results look in a terminal; takes what the service gives, decides nothing."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from apps import terminal
from apps.monitor.alert_records import BacktestReport, State, Transition
from apps.monitor.intake_records import DateProblem, IngestReport, Preview, RowProblem
from apps.monitor.records import FeedEntry, Point, Reading
from apps.monitor.trends import company_moods
from apps.monitor.wire_alerts import BacktestJson, TransitionJson
from apps.monitor.wire_records import IngestJson, PointJson, PreviewJson, ReadingJson, as_json

if TYPE_CHECKING:
    from apps.monitor.intake_records import ReplayStep
    from apps.monitor.service import MonitorService

MOST_PROBLEMS = 50
SHOWN_TEXT = 120  # characters of a text in a list
BATCH = 200
STYLES = {
    State.FIRING: "bold red",
    State.RESOLVED: "green",
    State.RECOVERING: "green",
    State.ACKNOWLEDGED: "cyan",
    State.PENDING: "yellow",
}
MOOD_STYLES = {"negative": "red", "neutral": "", "positive": "green"}
QUIET = (State.PENDING, State.NORMAL)  # changes nobody needs to hear of


class Follower:
    """Shows each transition once, in order; with ``as_json`` one JSON object a line."""

    def __init__(self, service: "MonitorService", after: int, as_json: bool) -> None:
        self._service, self._number, self._as_json = service, after, as_json

    def show_new(self) -> None:
        """What came since the last look."""
        while found := self._service.transitions(self._number, BATCH):
            for one in found:
                self._number = one.number
                self._show(one)

    def _show(self, one: Transition) -> None:
        if self._as_json:
            say_line(as_json(TransitionJson, one))
        elif one.after not in QUIET or one.by:
            terminal.say(transition_line(one), style=STYLES.get(one.after, "dim"))


def say_line(value: Mapping[str, Any]) -> None:
    """A JSON object on one line, for programs that read as it comes."""
    import json
    import sys

    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def transition_line(one: Transition) -> str:
    """When, what state, which series, why."""
    state = one.after.value if one.before is not one.after else one.why.value
    by = f" by {one.by}" if one.by else ""
    why = one.note or (one.evidence.why if one.evidence and one.after is State.FIRING else one.why.value)
    head = f"{one.at.astimezone():%Y-%m-%d %H:%M}  {state.upper():<12} {one.severity.value:<8}"
    return f"{head} {one.key}  {one.rule}{by}: {' '.join(why.split())}"


def show_ingest(report: IngestReport, json_wanted: bool) -> None:
    """What was taken in and what was not."""
    if json_wanted:
        terminal.say_json(as_json(IngestJson, report))
        return
    counted = [f"{report.added} added", f"{report.duplicates} duplicates"]
    for name in ("reposts", "late", "undated", "shortened", "garbled", "dropped"):
        counted += [f"{getattr(report, name)} {name}"] if getattr(report, name) else []
    terminal.say(", ".join(counted), style="bold")
    _show_details(report)


def _show_details(report: IngestReport) -> None:
    """Columns, dates and rows that want a word."""
    _show_use(report)
    if report.late:
        told = "published over monitor.trends.late_after_s (an hour unless set) before they came in, and counted then"
        terminal.say(f"  {report.late} late: {told}", "dim")
    if report.zoneless:
        terminal.say(
            f"  {report.zoneless} dates name no time zone: read in their source's, else as UTC", style="yellow"
        )
    for order in report.date_orders:
        terminal.say(f"  dates such as 03/04/2026 are read {order.replace('-', ' ')}", style="dim")
    if report.undated:
        terminal.say(
            f"  {report.undated} undated: no date that can be used, so they count at the moment they came in", "yellow"
        )
    _show_rows(report.date_problems, len(report.date_problems))
    _show_rows(report.reach_problems, report.without_reach)
    _show_rows(report.problems, report.dropped)


def _show_use(report: IngestReport) -> None:
    """Which columns were taken for what, and under which source the items stand."""
    if report.sources:
        terminal.say(f"  source: {', '.join(report.sources)}", style="dim")
    taken = [one if names == (one,) else f"{one} from {' and '.join(names)}" for one, names in report.columns.items()]
    unused = f"; not used: {', '.join(report.unused)}" if report.unused else ""
    if taken or unused:
        terminal.say(f"  columns: {', '.join(taken) or 'none known'}{unused}", style="dim")


def show_previews(previews: Mapping[str, Preview], json_wanted: bool) -> None:
    """What each file would be taken for; nothing was stored."""
    if json_wanted:
        terminal.say_json([{"file": name, **as_json(PreviewJson, one)} for name, one in previews.items()])
        return
    for name, one in previews.items():
        rows = one.report.added + one.report.dropped
        terminal.say(f"{name}: {one.report.added} of {rows} rows could be taken in; nothing was stored", style="bold")
        _show_details(one.report)
        for item in one.items:
            when = _minute(item.published_at) if item.published_at else "undated"
            terminal.say(f"  {when}  {item.source}  {shorten(item.title) or '(no title)'}")
            terminal.say(f"    {shorten(item.text) or '(no text)'}", style="dim")


def shorten(text: str) -> str:
    """A text on one line of a terminal."""
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_TEXT else f"{line[: SHOWN_TEXT - 1]}…"


def _show_rows(problems: Sequence[RowProblem | DateProblem], total: int) -> None:
    """Where each row stands and what is the matter with it, the first ones."""
    for one in problems[:MOST_PROBLEMS]:
        terminal.say(f"  {one.row}: {one.reason}", style="yellow")
    more = total - min(len(problems), MOST_PROBLEMS)
    if more > 0:
        terminal.say(f"  … and {more} more", style="yellow")


def show_status(found: Mapping[str, Any]) -> None:
    """What there is, a line each."""
    moved = f"yes, its dates moved by {found['shifted_days']} days" if found["shifted_days"] else "yes"
    rows: list[tuple[str, object]] = [
        ("items", f"{found['items']:,}"),
        ("newest item", _minute(found["newest_item"])),
        ("stream time", _minute(found["clock"])),
        ("alerts", _counted(found["alerts"])),
        ("messages", _counted(found["messages"])),
        ("rules", f"version {found['rules_version']}"),
        ("channels", ", ".join(found["channels"]) or "none"),
        ("reader", f"{found['model']} (loads when a text comes)"),
        ("sample stream", moved if found["sample"] else "no"),
        ("database", found["database"]),
    ]
    terminal.table(("", ""), rows)


def _minute(when: datetime | None) -> str:
    return f"{when.astimezone():%Y-%m-%d %H:%M}" if when else "–"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number) or "none"


def show_replay(last: "ReplayStep", json_wanted: bool) -> None:
    """How a replay ended: the stream's own time, alerts, what came in. As JSON one line, like each alert before it."""
    if json_wanted:
        report = as_json(IngestJson, last.report)
        say_line({"clock": last.clock.isoformat(), "done": last.done, "firings": last.firings, "report": report})
        return
    terminal.say(f"Stream time {last.clock:%Y-%m-%d %H:%M} UTC · {last.firings} alerts fired", style="bold")
    show_ingest(last.report, False)
    day = f"{last.clock.astimezone():%Y-%m-%d}"
    terminal.say(f"On the pages: Overview, 'Look back' to {day}; Feed and Alerts filter by source and company.", "dim")


def show_readings(texts: Sequence[str], readings: Sequence[Reading], json_wanted: bool) -> None:
    """Each text with its mood, topics and companies."""
    if json_wanted:
        terminal.say_json(
            [{"text": text, **as_json(ReadingJson, one)} for text, one in zip(texts, readings, strict=True)]
        )
        return
    for text, one in zip(texts, readings, strict=True):
        mood = one.sentiment
        label = "not sure" if one.abstained else mood.label.value
        terminal.say(text, style="bold")
        numbers = f"-{mood.negative:.2f} ={mood.neutral:.2f} +{mood.positive:.2f}"
        terminal.say(f"  {label} {mood.confidence:.0%}  ({numbers})", style=MOOD_STYLES[mood.label.value])
        if one.topics:
            terminal.say("  " + ", ".join(f"{each.topic} {each.probability:.0%}" for each in one.topics))
        for each in one.companies:
            towards = each.sentiment
            terminal.say(
                f"  {each.name} [{each.company}]: {towards.label.value} {towards.confidence:.0%}", style="cyan"
            )


def show_entry(one: FeedEntry) -> None:
    """An item of the feed: when and whence, what it says, its mood, its companies and topics."""
    read, times = one.reading, f" ×{one.story_items}" if one.story_items > 1 else ""
    label = "not sure" if read.abstained else read.sentiment.label.value
    topics = ", ".join(score.topic for score in read.topics)
    terminal.say(f"{one.item.moment.astimezone():%Y-%m-%d %H:%M}  {one.item.source}  {one.item.id}", style="dim")
    terminal.say(f"  {' '.join((one.item.title or one.item.text).split())[:160]}{times}")
    terminal.say(f"  {label} {read.sentiment.confidence:.0%} · {_towards(read) or '–'} · {topics or '–'}", style="cyan")


def _towards(read: Reading) -> str:
    """The companies of a text; where there are several, each with the mood towards it."""
    moods = company_moods(read)
    if len(moods) < 2:
        return ", ".join(moods)
    return ", ".join(f"{name} {mood.label.value if mood else 'not sure'}" for name, mood in moods.items())


def show_series(points: Sequence[Point], json_wanted: bool) -> None:
    """A window a line; unknown ones are marked, not counted as nothing."""
    if json_wanted:
        terminal.say_json([as_json(PointJson, one) for one in points])
        return
    rows = [
        (f"{one.start.astimezone():%Y-%m-%d %H:%M}", "unknown" if one.unknown else one.stories, one.reach, one.negative,
         _share(one), _signed(one.polarity))
        for one in points
    ]  # fmt: skip
    terminal.table(("from", "stories", "reach", "negative", "share", "net mood"), rows, empty="no windows")


def _share(one: Point) -> str | None:
    if one.negative_share is None or one.low is None or one.high is None:
        return None
    return f"{one.negative_share:.0%} ({one.low:.0%}–{one.high:.0%})"


def _signed(value: float | None) -> str | None:
    return None if value is None else f"{value:+.2f}"


def show_backtest(reports: Mapping[str, BacktestReport], json_wanted: bool) -> None:
    """One rule set, or two side by side; then every incident and when it was found."""
    if json_wanted:
        terminal.say_json({name: as_json(BacktestJson, one) for name, one in reports.items()})
        return
    figures = {name: _figures(one) for name, one in reports.items()}
    names = list(next(iter(figures.values())))
    terminal.table(("figure", *figures), [(name, *(one[name] for one in figures.values())) for name in names])
    for name, one in reports.items():
        rows = [
            (
                each.incident.id,
                each.incident.company,
                each.incident.topic or "–",
                each.incident.what,
                _found(each.delay_s),
            )
            for each in one.incidents
        ]
        terminal.table(
            ("incident", "company", "topic", "what", "found after"), rows, title=name, empty="none known in these days"
        )


def _figures(one: BacktestReport) -> dict[str, str]:
    found = sum(each.at is not None for each in one.incidents)
    known = bool(one.incidents)
    return {
        "from": f"{one.start.astimezone():%Y-%m-%d %H:%M}",
        "to": f"{one.end.astimezone():%Y-%m-%d %H:%M}",
        "stories": str(one.stories),
        "times fired": str(len(one.firings)),
        "incidents found": f"{found} of {len(one.incidents)}" if known else "–",
        "incidents outside these days": str(one.outside),
        "false alarms a week": f"{one.false_alarms_per_week:.2f}" if known else "–",
        "false alarms per company and month": f"{one.false_alarms_per_company_month:.2f}" if known else "–",
        "median delay": _found(one.median_delay_s) if known else "–",
    }


def _found(delay_s: float | None) -> str:
    if delay_s is None:
        return "missed"
    return f"{delay_s / 60:.0f} min" if delay_s < 7200 else f"{delay_s / 3600:.1f} h"
