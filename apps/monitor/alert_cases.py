"""Use-cases of alerts: list, act, silence, look; rules with their versions, backtests."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from apps.monitor import acts
from apps.monitor.alert_records import (
    Alert,
    AlertView,
    BacktestReport,
    Incident,
    RuleSet,
    Severity,
    Silence,
    State,
    Transition,
)
from apps.monitor.backtest import backtest, is_firing
from apps.monitor.cases import utc_now
from apps.monitor.name_cases import NameCases
from apps.monitor.records import Span
from apps.monitor.rules import parse_rules, rules_to_use
from apps.monitor.starting import SAMPLE, SAMPLE_LEASE, read_incidents
from core.errors import NotFoundError
from core.events import OnEvent, Progress, ignore


class AlertCases(NameCases):
    """What is done with alerts and the rules behind them."""

    # Alerts

    def alerts(
        self,
        state: State | None = None,
        severity: Severity | str = "",
        company: str = "",
        open_only: bool = False,
        limit: int = 100,
        offset: int = 0,
    ) -> list[Alert]:
        """The latest changed first."""
        filters = {"state": state.value if state else "", "severity": str(severity), "company": company}
        with self._store.reading() as work:
            return work.alerts.alerts(filters, open_only, limit, offset)

    def alerts_of(self, ids: Sequence[str]) -> list[Alert]:
        """The alerts of these ids in this order; one that is not there is left out."""
        with self._store.reading() as work:
            found = work.alerts.named(ids)
        return [found[one] for one in ids if one in found]

    def alert(self, alert_id: str) -> AlertView:
        """An alert with its history and the stories of its evidence; ``NotFoundError`` for an unknown id."""
        with self._store.reading() as work:
            return acts.view(work, alert_id)

    def acknowledge(self, alert_id: str, by: str, note: str = "", now: datetime | None = None) -> Alert:
        """Somebody has it; ``ConflictError`` when it is not open."""
        return self._act(alert_id, acts.Act.ACKNOWLEDGE, by, note, now)

    def comment(self, alert_id: str, by: str, text: str, now: datetime | None = None) -> Alert:
        """A note for those who come after."""
        return self._act(alert_id, acts.Act.COMMENT, by, text, now)

    def assign(self, alert_id: str, by: str, owner: str, now: datetime | None = None) -> Alert:
        """Gives it to somebody."""
        return self._act(alert_id, acts.Act.ASSIGN, by, owner, now)

    def resolve(self, alert_id: str, by: str, reason: str, now: datetime | None = None) -> Alert:
        """Closes it; ``ConflictError`` when it is not open."""
        return self._act(alert_id, acts.Act.RESOLVE, by, reason, now)

    def false_alarm(self, alert_id: str, by: str, reason: str = "", now: datetime | None = None) -> Alert:
        """Closes it and says that it should not have been raised."""
        return self._act(alert_id, acts.Act.FALSE_ALARM, by, reason, now)

    def _act(self, alert_id: str, act: acts.Act, by: str, note: str, now: datetime | None) -> Alert:
        with self._store.writing() as work:
            return acts.perform(work, self._desk, alert_id, act, by, note, now or utc_now())

    def silence(
        self,
        by: str,
        until: datetime,
        reason: str = "",
        rule: str = "",
        company: str = "",
        topic: str = "",
        source: str = "",
        start: datetime | None = None,
    ) -> Silence:
        """Mutes what matches until then; it begins at ``start`` (now when none is given).

        ``NotFoundError`` with the nearest known one for a name that mutes nothing.
        """
        self.check_names(company, topic, source, rule)
        made = Silence(uuid4().hex, start or self.clock(), until, by, reason, rule, company, topic, source)
        with self._store.writing() as work:
            work.alerts.put_silence(made)
        return made

    def silences(self, active_only: bool = True) -> list[Silence]:
        """Those that hold or will hold, or all that ever were."""
        with self._store.reading() as work:
            return work.alerts.silences(ending_after=self.clock() if active_only else None)

    def end_silence(self, silence_id: str, by: str) -> Silence:
        """Lifts a silence now; ``NotFoundError`` for an unknown id."""
        with self._store.writing() as work:
            return acts.end_silence(work, silence_id, by, self.clock())

    def transitions(self, after: int = 0, limit: int = 100) -> list[Transition]:
        """The audit from a number on, in order: what a live stream of alerts sends."""
        with self._store.reading() as work:
            return work.alerts.transitions(after, limit)

    def firings(self, since: datetime, until: datetime, company: str = "", topic: str = "") -> list[Transition]:
        """Alerts raised in a period, oldest first: the marks of a chart."""
        with self._store.reading() as work:
            found = [line for line in work.alerts.between(since, until) if is_firing(line)]
        return [line for line in found if company in ("", line.key.company) and topic in ("", line.key.topic)]

    def tick(self, now: datetime | None = None, quiet: bool = False) -> list[Transition]:
        """Looks at what time alone changes: silent sources, recovery, ends of silences, repeats.

        Not while the sample's month is read in: until its last day is there, its sources seem to have fallen silent.
        """
        with self._store.writing() as work:
            work.sources.take_turn()
            if now is None and work.sources.held(SAMPLE_LEASE, utc_now()):
                return []
            return self._desk.look_round(work, now or utc_now(), quiet)

    # Rules

    def rules(self) -> RuleSet:
        """The rules in force; version 0 and empty when there are none."""
        with self._store.reading() as work:
            return work.alerts.rule_set() or RuleSet(0, "", utc_now())

    def rule_versions(self) -> list[RuleSet]:
        """All versions, newest first."""
        with self._store.reading() as work:
            return work.alerts.rule_sets()

    def save_rules(self, toml: str, by: str, note: str = "") -> RuleSet:
        """A new version in force from now on; ``DataError`` names the rule and key that is wrong."""
        self.check_rules(toml)
        with self._store.writing() as work:
            return work.alerts.add_rule_set(toml, by, note, utc_now())

    def use_rules(self, version: int, by: str) -> RuleSet:
        """An older version again, as a new one; ``NotFoundError`` for an unknown one."""
        with self._store.reading() as work:
            old = work.alerts.rule_set(version)
        if old is None:
            raise NotFoundError(f"There is no version {version} of the rules.")
        return self.save_rules(old.toml, by, f"version {version} again")

    def backtest(
        self,
        toml: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        incidents: Sequence[Incident] = (),
        on_event: OnEvent = ignore,
    ) -> BacktestReport:
        """Rules (None: those in force) over stored history; call it twice to compare two sets."""
        rules = parse_rules(self.rules().toml) if toml is None else rules_to_use(toml)
        with self._store.reading() as work:
            until = until or (work.items.latest()[1] or utc_now()) + Span.MINUTE.length
            since = since or until - timedelta(days=30)
            learn_from = since - max((rule.history for rule in rules), default=timedelta(0))
            done = Counter[str]()

            def on_step(now: datetime, count: int) -> None:
                done["items"] += count
                if count:
                    on_event(Progress("backtest", done["items"], total))

            total = work.items.count_between(learn_from, until)
            history = work.items.history(learn_from, until)
            return backtest(rules, history, since, until, incidents, on_step, self._reader.model)

    def incidents(self) -> list[Incident]:
        """What is known to have happened: the sample's incidents, moved as its stream was."""
        with self._store.reading() as work:
            fact = work.sources.fact("sample")
        path = SAMPLE / "incidents.jsonl"
        return read_incidents(path, timedelta(days=fact.get("shifted_days", 0))) if fact and path.is_file() else []
