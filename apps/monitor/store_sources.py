"""Sources with their bookmarks, and small facts, in the database."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from apps.monitor.codec import from_json, to_json
from apps.monitor.source_records import Source, SourceState
from apps.monitor.store_tables import FactRow, SourceRow

ReadSources = dict[str, tuple[Any, Any, tuple[Source, SourceState]]]  # by name: the two columns and what they say
_SOURCES = select(SourceRow.name, SourceRow.source, SourceRow.state).order_by(SourceRow.name)


class SourceRows:
    """Sources and facts over one session; ``read`` remembers for the sessions that share it."""

    def __init__(self, session: Session, read: ReadSources) -> None:
        self._session, self._read = session, read

    def sources(self) -> dict[str, tuple[Source, SourceState]]:
        """All by name, in order of name."""
        rows = self._session.execute(_SOURCES)
        return {name: self._record(name, source, state) for name, source, state in rows}

    def _record(self, name: str, source: Any, state: Any) -> tuple[Source, SourceState]:
        """The row as records; what was read before and has not changed is not read again."""
        known = self._read.get(name)
        if known is None or known[0] != source or known[1] != state:
            known = (source, state, (from_json(Source, source), from_json(SourceState, state)))
            self._read[name] = known
        return known[2]

    def put(self, source: Source, state: SourceState | None = None) -> None:
        """Adds a source or changes it; its state stays unless a new one is given."""
        row = self._session.get(SourceRow, source.name)
        if row is None:
            row = SourceRow(name=source.name, state=to_json(SourceState()))
            self._session.add(row)
        row.source = to_json(source)
        if state is not None:
            row.state = to_json(state)
        self._session.flush()

    def put_state(self, name: str, state: SourceState) -> None:
        """Changes where a source stands; one that is gone stays gone."""
        row = self._session.get(SourceRow, name)
        if row is not None:
            row.state = to_json(state)

    def remove(self, name: str) -> bool:
        """Forgets a source; its items stay. False when there was none."""
        row = self._session.get(SourceRow, name)
        if row is not None:
            self._session.delete(row)
        return row is not None

    def fact(self, name: str) -> dict[str, Any]:
        """A small fact, empty when it was never set."""
        row = self._session.get(FactRow, name)
        return dict(row.value) if row is not None else {}

    def set_fact(self, name: str, value: dict[str, Any]) -> None:
        """Sets a small fact."""
        self._session.merge(FactRow(name=name, value=value))
        self._session.flush()

    def lease(self, name: str, by: str, now: datetime, length: timedelta) -> bool:
        """Takes or prolongs the sole right to something; False while somebody else has it."""
        self.take_turn()
        held = self.fact(name)
        if held.get("by") not in (None, "", by) and datetime.fromisoformat(held["until"]) > now:
            return False
        self.set_fact(name, {"by": by, "until": (now + length).isoformat()})
        return True

    def held(self, name: str, now: datetime) -> bool:
        """Whether somebody has the sole right to something."""
        fact = self.fact(name)
        return bool(fact.get("by")) and datetime.fromisoformat(fact["until"]) > now

    def give_up(self, name: str, by: str) -> None:
        """Lets the next one have it at once."""
        if self.fact(name).get("by") == by:
            self.set_fact(name, {})

    def take_turn(self) -> None:
        """Waits until no other transaction ingests, and keeps others waiting until this one ends.

        SQLite's write lock does that already; PostgreSQL gets a locked row.
        """
        self._session.execute(select(FactRow).where(FactRow.name == TURN).with_for_update())


TURN = "ingestion"
FORGOTTEN = "forgotten"  # how often items were taken out: what anybody learnt of the past before no longer holds
