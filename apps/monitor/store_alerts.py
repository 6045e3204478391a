"""Rules, alerts, the audit, silences and the outbox in the database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, and_, func, or_, select, update
from sqlalchemy.orm import Session

from apps.monitor.alert_records import Alert, Delivery, Message, MessageKind, RuleSet, Silence, State, Transition
from apps.monitor.codec import from_json, to_json
from apps.monitor.store_tables import AlertRow, MessageRow, RuleSetRow, SilenceRow, TransitionRow
from core.errors import NotFoundError

IDLE = (State.NORMAL.value, State.RESOLVED.value)
LOOKUP = 500  # ids in one statement


_NEWEST_RULES = select(func.max(RuleSetRow.version))


class AlertRows:
    """Alerts and what belongs to them over one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    # Rules

    def rule_set(self, version: int | None = None) -> RuleSet | None:
        """A version of the rules, the newest when none is named."""
        query = select(RuleSetRow).order_by(RuleSetRow.version.desc()).limit(1)
        if version is not None:
            query = query.where(RuleSetRow.version == version)
        row = self._session.scalar(query)
        return None if row is None else _rule_set(row)

    def newest_rules(self) -> int:
        """The version in force, 0 when there is none."""
        return int(self._session.scalar(_NEWEST_RULES) or 0)

    def rule_sets(self) -> list[RuleSet]:
        """All versions, newest first."""
        return [_rule_set(row) for row in self._session.scalars(select(RuleSetRow).order_by(RuleSetRow.version.desc()))]

    def add_rule_set(self, toml: str, by: str, note: str, now: datetime) -> RuleSet:
        """The next version."""
        row = RuleSetRow(toml=toml, created_at=now, by=by, note=note)
        self._session.add(row)
        self._session.flush()
        return _rule_set(row)

    # Alerts

    def alert(self, alert_id: str, lock: bool = False) -> Alert:
        """``NotFoundError`` for an unknown id. ``lock`` keeps others from changing it until the transaction ends."""
        query = select(AlertRow).where(AlertRow.id == alert_id)
        row = self._session.scalar(query.with_for_update() if lock else query)
        if row is None:
            raise NotFoundError(f"There is no alert '{alert_id}'.")
        return from_json(Alert, row.content)

    def named(self, ids: Sequence[str]) -> dict[str, Alert]:
        """Those of the ids that exist."""
        found: dict[str, Alert] = {}
        for at in range(0, len(ids), LOOKUP):
            rows = self._session.scalars(select(AlertRow).where(AlertRow.id.in_(ids[at : at + LOOKUP])))
            found |= {row.id: from_json(Alert, row.content) for row in rows}
        return found

    def standing(self) -> dict[str, Alert]:
        """Every alert that is not idle."""
        rows = self._session.scalars(select(AlertRow).where(AlertRow.state.not_in(IDLE)))
        return {row.id: from_json(Alert, row.content) for row in rows}

    def alerts(self, filters: Mapping[str, str], open_only: bool, limit: int, offset: int) -> list[Alert]:
        """The latest changed first; ``filters`` are column values."""
        query = select(AlertRow)
        for name, value in filters.items():
            if value:
                query = query.where(getattr(AlertRow, name) == value)
        if open_only:
            query = query.where(AlertRow.state.not_in((*IDLE, State.PENDING.value)))
        ordered = query.order_by(AlertRow.changed_at.desc(), AlertRow.id).limit(limit).offset(offset)
        return [from_json(Alert, row.content) for row in self._session.scalars(ordered)]

    def names(self, kind: str) -> list[str]:
        """The companies, topics or sources that there are alerts about; ``kind`` says which."""
        column = getattr(AlertRow, kind)
        return list(self._session.scalars(select(column).where(column != "").distinct()))

    def put_alert(self, alert: Alert) -> None:
        """Adds or replaces an alert."""
        names = {"rule": alert.rule, "state": alert.state.value, "severity": alert.severity.value}
        key = {"company": alert.key.company, "topic": alert.key.topic, "source": alert.key.source}
        self._session.merge(AlertRow(id=alert.id, **names, **key, changed_at=alert.since, content=to_json(alert)))

    def add_transitions(self, transitions: Iterable[Transition]) -> list[Transition]:
        """Appends to the audit; the lines with their numbers."""
        made = []
        for one in transitions:
            row = TransitionRow(alert_id=one.alert_id, at=one.at, content=to_json(one))
            self._session.add(row)
            self._session.flush([row])
            made.append(replace(one, number=row.number))
        return made

    def history(self, alert_id: str) -> list[Transition]:
        """An alert's audit, oldest first."""
        query = select(TransitionRow).where(TransitionRow.alert_id == alert_id).order_by(TransitionRow.number)
        return [_transition(row) for row in self._session.scalars(query)]

    def transitions(self, after: int, limit: int) -> list[Transition]:
        """The audit of all alerts from a number on."""
        query = select(TransitionRow).where(TransitionRow.number > after).order_by(TransitionRow.number).limit(limit)
        return [_transition(row) for row in self._session.scalars(query)]

    def between(self, since: datetime, until: datetime) -> list[Transition]:
        """The audit of all alerts in [since, until)."""
        query = select(TransitionRow).where(TransitionRow.at >= since, TransitionRow.at < until)
        return [_transition(row) for row in self._session.scalars(query.order_by(TransitionRow.number))]

    def last_number(self) -> int:
        """The newest line's number, 0 when there is none."""
        return int(self._session.scalar(select(func.max(TransitionRow.number))) or 0)

    def counts(self) -> dict[str, int]:
        """Alerts by state."""
        return {
            str(row[0]): int(row[1])
            for row in self._session.execute(select(AlertRow.state, func.count()).group_by(AlertRow.state))
        }

    # Silences

    def put_silence(self, silence: Silence) -> None:
        """Adds or replaces a silence."""
        until = silence.ended_at or silence.until
        self._session.merge(SilenceRow(id=silence.id, start=silence.start, until=until, content=to_json(silence)))

    def silence(self, silence_id: str) -> Silence:
        """``NotFoundError`` for an unknown id."""
        row = self._session.get(SilenceRow, silence_id)
        if row is None:
            raise NotFoundError(f"There is no silence '{silence_id}'.")
        return from_json(Silence, row.content)

    def silences(self, ending_after: datetime | None = None) -> list[Silence]:
        """All, or those that have not ended by then; the last to begin first."""
        query = select(SilenceRow).order_by(SilenceRow.start.desc(), SilenceRow.id)
        if ending_after is not None:
            query = query.where(SilenceRow.until > ending_after)
        return [from_json(Silence, row.content) for row in self._session.scalars(query)]


class Outbox:
    """Messages over one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, message: Message) -> None:
        """Puts a message into the outbox, or its alerts into one of the same group that still waits for company."""
        of_group = (MessageRow.channel == message.channel, MessageRow.group == message.group)
        waiting = (
            MessageRow.status == Delivery.WAITING.value,
            MessageRow.attempts == 0,
            MessageRow.kind == message.kind.value,
        )
        young = MessageRow.due_at > message.created_at
        query = select(MessageRow).where(*of_group, *waiting, young).with_for_update()
        row = self._session.scalars(query).first()
        if row is not None:
            row.alerts = [*row.alerts, *message.alerts]
            return
        values = {name: getattr(message, name) for name in ("id", "channel", "group", "created_at", "due_at")}
        plain = {"kind": message.kind.value, "alerts": list(message.alerts), "status": Delivery.WAITING.value}
        nothing = {"attempts": 0, "error": "", "claimed_by": ""}
        self._session.add(MessageRow(**values, **plain, **nothing))
        self._session.flush()

    def due(self, now: datetime, limit: int = 20) -> list[str]:
        """Ids of messages that may be sent now, oldest first: waiting ones, and claimed ones whose sender died."""
        query = select(MessageRow.id).where(_claimable(now)).order_by(MessageRow.due_at, MessageRow.number)
        return list(self._session.scalars(query.limit(limit)))

    def claim(self, message_id: str, by: str, now: datetime, lease: timedelta) -> Message | None:
        """The message, now ours alone until the lease ends; None when another sender was quicker."""
        change = update(MessageRow).where(MessageRow.id == message_id, _claimable(now))
        values = {"status": Delivery.CLAIMED.value, "claimed_by": by, "claimed_until": now + lease}
        done = self._session.execute(change.values(**values, attempts=MessageRow.attempts + 1))
        if not isinstance(done, CursorResult) or done.rowcount != 1:
            return None
        row = self._session.scalars(select(MessageRow).where(MessageRow.id == message_id)).one()
        return _message(row)

    def settle(
        self, message_id: str, by: str, now: datetime, error: str = "", retry_at: datetime | None = None
    ) -> bool:
        """Sent (no error), to be tried again (``retry_at``) or failed for good. False when the claim was lost."""
        status = Delivery.SENT if not error else Delivery.WAITING if retry_at else Delivery.FAILED
        values: dict[str, Any] = {"status": status.value, "error": error[:500], "claimed_by": "", "claimed_until": None}
        values |= {"sent_at": now} if not error else {"due_at": retry_at} if retry_at else {}
        ours = (MessageRow.id == message_id, MessageRow.claimed_by == by)
        done = self._session.execute(update(MessageRow).where(*ours).values(**values))
        return isinstance(done, CursorResult) and done.rowcount == 1

    def messages(self, limit: int, offset: int = 0) -> list[Message]:
        """Newest first."""
        query = select(MessageRow).order_by(MessageRow.number.desc()).limit(limit).offset(offset)
        return [_message(row) for row in self._session.scalars(query)]

    def counts(self) -> dict[str, int]:
        """Messages by status."""
        query = select(MessageRow.status, func.count()).group_by(MessageRow.status)
        return {str(row[0]): int(row[1]) for row in self._session.execute(query)}


def _claimable(now: datetime) -> Any:
    waiting = and_(MessageRow.status == Delivery.WAITING.value, MessageRow.due_at <= now)
    orphaned = and_(MessageRow.status == Delivery.CLAIMED.value, MessageRow.claimed_until <= now)
    return or_(waiting, orphaned)


def _rule_set(row: RuleSetRow) -> RuleSet:
    return RuleSet(row.version, row.toml, row.created_at, row.by, row.note)


def _transition(row: TransitionRow) -> Transition:
    return replace(from_json(Transition, row.content), number=row.number)


def _message(row: MessageRow) -> Message:
    names = ("id", "channel", "group", "created_at", "due_at", "attempts", "error", "sent_at")
    known = {name: getattr(row, name) for name in names}
    return Message(**known, kind=MessageKind(row.kind), alerts=tuple(row.alerts), status=Delivery(row.status))
