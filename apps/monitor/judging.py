"""What a rule sees when it looks at a series: the evidence, from counts alone. Pure given the counts; no clock.

The window judged is the one that ends now, so that a surge is seen while it grows; the past is the closed windows
before it. Windows in which nobody was heard are left out of the past.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from apps.monitor.alert_records import Evidence
from apps.monitor.records import EPOCH, Point, SeriesKey, Span, wilson
from apps.monitor.rules import Kind, Rule
from apps.monitor.source_records import Health, Source, SourceState, health, hours, silent_after
from apps.monitor.surge import Judgement, SurgeDetector
from apps.monitor.trends import Counts, total

SURE = 1.2816  # z of a one-sided 90 % end
LATEST = timedelta(hours=24)  # an item published longer before its receipt raises no alert about its own time
QUIET_LEAST = timedelta(hours=6)  # a shorter pause of the whole stream is a pause, not an outage
QUIET_TIMES = 6.0  # times the stream's median pause
FINE_HISTORY = timedelta(days=2)  # windows that are no whole hours look back on minutes, which are kept for days only
DETECTORS = 2_000  # kept in memory; each holds two numbers per window of its history


@dataclass(frozen=True)
class Sources:
    """All sources with their state, as evidence about who can be heard."""

    states: Mapping[str, tuple[Source, SourceState]]

    def health(self, name: str, now: datetime) -> tuple[Health, str]:
        """One source's health; one that nobody set up is waiting."""
        known = self.states.get(name)
        return health(*known, now) if known else (Health.WAITING, "Nothing has come from here yet.")

    def hears(self, key: SeriesKey, now: datetime) -> bool:
        """Whether anything could be known about the series: its source, or any source, is alive."""
        if key.source:
            return self.health(key.source, now)[0] in (Health.OK, Health.WAITING)
        return not self.states or any(self.health(name, now)[0] is Health.OK for name in self.states)


class Past:
    """What was learnt of each series, kept between looks; forgotten where a late item changes it."""

    def __init__(self, most: int = DETECTORS) -> None:
        self._most = most
        self._learnt: OrderedDict[SeriesKey, dict[object, tuple[SurgeDetector, datetime]]] = OrderedDict()

    def get(self, key: SeriesKey, kind: object) -> tuple[SurgeDetector, datetime] | None:
        """The detector and up to when it has learnt."""
        return self._learnt.get(key, {}).get(kind)

    def put(self, key: SeriesKey, kind: object, detector: SurgeDetector, until: datetime) -> None:
        """Keeps a detector; the series not asked for longest is forgotten when there are too many."""
        self._learnt.setdefault(key, {})[kind] = (detector, until)
        self._learnt.move_to_end(key)
        if len(self._learnt) > self._most:
            self._learnt.popitem(last=False)

    def forget(self, key: SeriesKey, moment: datetime) -> None:
        """A late item changed the series at ``moment``."""
        learnt = self._learnt.get(key, {})
        for kind in [kind for kind, (_, until) in learnt.items() if moment < until]:
            del learnt[kind]


class Judge:
    """Collects evidence from counts; what it learns of a series goes into ``past``."""

    def __init__(self, counts: Counts, past: Past) -> None:
        self._counts, self.past = counts, past

    def evidence(
        self,
        rule: Rule,
        key: SeriesKey,
        sources: Sources,
        now: datetime,
        ends: Iterable[datetime] = (),
        settled_at: datetime | None = None,
    ) -> Evidence | None:
        """What the rule sees on the series; None when nobody can hear it.

        ``ends`` are ends of earlier windows that late items have changed: the gravest window is shown. What came before
        ``settled_at`` a person has settled: no window of a rule that more news raises reaches back behind it.
        """
        if rule.kind is Kind.SILENCE:
            return silence(rule, key, sources, now)
        if not sources.hears(key, now):
            return None
        settled = _ceil(settled_at, Span.MINUTE.length) if settled_at and rule.rises else EPOCH
        found = [self._look(rule, key, end, settled) for end in dict.fromkeys((_end(now), *ends))]
        return max(found, key=lambda one: (one.holds, one.score or 0.0, one.window_end))

    def _look(self, rule: Rule, key: SeriesKey, end: datetime, settled: datetime) -> Evidence:
        start = min(max(end - rule.window, settled), end)
        point = total(finest(self._counts, key, start, end), start)
        if rule.kind is Kind.THRESHOLD:
            return threshold(rule, point, end)
        if rule.kind is Kind.NEW_COMPANY:
            return self._new_company(rule, key, point, end)
        return self._surge(rule, key, point, end)

    def _surge(self, rule: Rule, key: SeriesKey, point: Point, end: datetime) -> Evidence:
        if _support(rule, point) < rule.min_stories:
            return _evidence(rule, point, end, False, "Too few to judge.", cause="too_few")
        began = self._counts.first(SeriesKey(source=key.source))
        if began is None or end - rule.window - began < rule.grace:
            return _evidence(rule, point, end, False, "The series is too young to judge.", cause="too_young")
        seen = self._detector(rule, key, began, end).judge(end - rule.window / 2, _value(rule.measure, point))
        return surge(rule, point, end, seen)

    def _detector(self, rule: Rule, key: SeriesKey, began: datetime, end: datetime) -> SurgeDetector:
        kind, until = (rule.measure, rule.window, rule.history), _floor(end - rule.window, rule.window)
        known = self.past.get(key, kind)
        if known is None or known[1] > until:
            whole = rule.window % Span.HOUR.length == timedelta(0)
            history = rule.history if whole else min(rule.history, FINE_HISTORY)
            known = (
                SurgeDetector(rule.window, memory=history // rule.window),
                _floor(max(began, until - history), rule.window),
            )
        detector, since = known
        quiet = silent_stretches(self._counts, since, until) if since < until else []
        for start, value in self._windows(rule, key, since, until):
            if not any(gap <= start and start + rule.window <= back for gap, back in quiet):
                detector.learn(start, value)
        self.past.put(key, kind, detector, until)
        return detector

    def _windows(
        self, rule: Rule, key: SeriesKey, since: datetime, until: datetime
    ) -> Iterable[tuple[datetime, float]]:
        sums: dict[datetime, Point] = {}
        for point in finest(self._counts, key, since, until):
            start = _floor(point.start, rule.window)
            sums[start] = sums[start] + point if start in sums else point
        while since < until:
            yield since, _value(rule.measure, sums[since]) if since in sums else 0.0
            since += rule.window

    def _new_company(self, rule: Rule, key: SeriesKey, point: Point, end: datetime) -> Evidence:
        began, start = self._counts.first(SeriesKey()), point.start
        if began is None or start - began < rule.grace:
            return _evidence(rule, point, end, False, "The stream is too young to know who is new.", cause="too_young")
        before = self._counts.points(key, Span.DAY, start - rule.learning, Span.DAY.floor(start))
        before += self._counts.points(key, Span.HOUR, Span.DAY.floor(start), Span.HOUR.floor(start))
        holds = not before and point.stories >= rule.min_stories
        said = f"{point.stories} stories name {key.company}, which nobody named in {hours(rule.learning)} before."
        return _evidence(rule, point, end, holds, said, cause="new" if holds else "")


def finest(counts: Counts, key: SeriesKey, since: datetime, until: datetime) -> list[Point]:
    """Windows that cover [since, until) exactly: hours where whole hours fit, minutes at both ends."""
    first, last = _ceil(since, timedelta(hours=1)), _floor(until, timedelta(hours=1))
    if last <= first:
        return counts.points(key, Span.MINUTE, since, until)
    parts = [(Span.MINUTE, since, first), (Span.HOUR, first, last), (Span.MINUTE, last, until)]
    return counts.pieces(key, [part for part in parts if part[1] < part[2]])


def silent_stretches(counts: Counts, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    """Stretches in which nothing at all came, far longer than usual: an outage, not an idle world."""
    starts = [point.start for point in counts.points(SeriesKey(), Span.HOUR, since - timedelta(days=2), until)]
    gaps = sorted(later - earlier for earlier, later in pairwise(starts))
    if not gaps:
        return []
    limit = max(QUIET_LEAST, gaps[len(gaps) // 2] * QUIET_TIMES)
    hour = Span.HOUR.length
    pairs = zip(starts, [*starts[1:], until], strict=True)
    return [(earlier + hour, later) for earlier, later in pairs if later - earlier - hour > limit]


def surge(rule: Rule, point: Point, end: datetime, seen: Judgement) -> Evidence:
    """Count, share and confidence together against the series' own past."""
    low = wilson(point.negative, point.judged, SURE)[0]
    sure = point.confidence_sum / point.negative if point.negative else 0.0
    checks = (
        (seen.score >= rule.sensitivity, f"is not unusual here (about {seen.expected:.1f} are)"),
        (not rule.min_share or low >= rule.min_share, f"has too small a negative share ({_surely(rule, low)})"),
        (not rule.confidence or sure >= rule.confidence, f"is read with too little confidence ({sure:.0%})"),
    )
    failed = next((why for good, why in checks if not good), None)
    count = f"{_value(rule.measure, point):g} {_words(rule.measure)} in {hours(end - point.start)}"
    usual = f"{count} where about {seen.expected:.1f} are usual, {seen.score:.1f} times the largest usual excess"
    share = f"{point.negative} of {point.judged} are negative" + (f": {_surely(rule, low)}" if rule.min_share else "")
    said = f"{count} {failed}." if failed else f"{usual}; {share}."
    return _evidence(rule, point, end, failed is None, said, seen)


def _surely(rule: Rule, low: float) -> str:
    """The sure end of the measured share beside what the rule asks of it, so that neither is taken for the other."""
    return f"surely at least {low:.0%}, the limit is {rule.min_share:.0%}"


def threshold(rule: Rule, point: Point, end: datetime) -> Evidence:
    """A number reached: a count, the sure end of the negative share, or mean polarity."""
    bound = rule.value if rule.value is not None else 0.0
    enough = _support(rule, point) >= (rule.min_stories if rule.measure in ("share", "polarity") else 1)
    value = _value(rule.measure, point)
    reached = value >= bound if rule.above else value <= bound
    said = f"{_reached(rule, point, value)} in {hours(end - point.start)}; the limit is {_number(rule, bound)}."
    return _evidence(rule, point, end, reached and enough, said)


def _reached(rule: Rule, point: Point, value: float) -> str:
    if rule.measure == "share":
        return f"Negative share {point.negative_share or 0.0:.0%}, surely at least {value:.0%},"
    return f"{_words(rule.measure).capitalize()} {_number(rule, value)}"


def _number(rule: Rule, value: float) -> str:
    """As it is said: shares in percent, moods to two places, counts whole."""
    return f"{value:.0%}" if rule.measure == "share" else f"{value:.2f}" if rule.measure == "polarity" else f"{value:g}"


def silence(rule: Rule, key: SeriesKey, sources: Sources, now: datetime) -> Evidence:
    """A source that says nothing, or cannot be read."""
    state, reason = sources.health(key.source, now)
    known = sources.states.get(key.source)
    last = known[1].last_item_at if known else None
    limit = silent_after(*known) if known else None
    if rule.after is not None and last is not None and state in (Health.OK, Health.SILENT):
        limit, state = rule.after, Health.SILENT if now - last > rule.after else Health.OK
        reason = f"Nothing for {hours(now - last)}; the limit is {hours(rule.after)}."
    holds = state in (Health.SILENT, Health.FAILING)
    limit_h = None if limit is None else round(limit / Span.HOUR.length, 3)
    return Evidence(holds, last or now, now, threshold=limit_h, why=reason, cause=f"source_{state}")


def _evidence(
    rule: Rule, point: Point, end: datetime, holds: bool, why: str, seen: Judgement | None = None, cause: str = ""
) -> Evidence:
    return Evidence(
        holds=holds,
        window_start=point.start,
        window_end=end,
        stories=point.stories,
        items=point.items,
        reach=point.reach,
        negative=point.negative,
        share=point.negative_share,
        low=wilson(point.negative, point.judged, SURE)[0] if point.judged else None,
        expected=round(seen.expected, 3) if seen else None,
        score=round(seen.score, 3) if seen else None,
        threshold=rule.sensitivity if rule.kind is Kind.SURGE else rule.value,
        why=why,
        measure=rule.measure,
        cause=cause,
        judged=point.judged,
        value=_value(rule.measure, point),
        share_limit=rule.min_share or None,
    )


def _value(measure: str, point: Point) -> float:
    if measure == "share":
        return wilson(point.negative, point.judged, SURE)[0] if point.judged else 0.0
    if measure == "polarity":
        return point.polarity or 0.0
    return float(getattr(point, measure))


def _support(rule: Rule, point: Point) -> int:
    if rule.measure in ("share", "polarity"):
        return point.judged
    return point.negative if rule.measure == "negative" else point.stories


def _words(measure: str) -> str:
    return {"negative": "negative stories", "polarity": "net mood"}.get(measure, measure)


def _end(now: datetime) -> datetime:
    """The end of the minute that holds ``now``."""
    return Span.MINUTE.floor(now) + Span.MINUTE.length


def _floor(moment: datetime, length: timedelta) -> datetime:
    return moment - (moment - EPOCH) % length


def _ceil(moment: datetime, length: timedelta) -> datetime:
    floor = _floor(moment, length)
    return floor if floor == moment else floor + length


def late_ends(rule: Rule, moments: Sequence[datetime], now: datetime) -> tuple[datetime, ...]:
    """Ends of the rule's windows that items of these moments, too old for the present window, have changed."""
    start = _end(now) - rule.window
    return tuple(
        dict.fromkeys(_floor(one, rule.window) + rule.window for one in moments if now - LATEST <= one < start)
    )
