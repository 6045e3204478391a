"""Queries over served lists and experiments; each act is one transaction."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from apps.recommender.experiments import Experiment, Variant
from apps.recommender.served import ServedList
from apps.recommender.store_tables import ExperimentRow, ListRow
from core.errors import ConflictError, NotFoundError
from core.storage import Database

PAGE = 5_000  # lists read into memory at a time


class ListTables:
    """What was shown, and which experiments there are, in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_lists(self, lists: Sequence[ServedList]) -> None:
        """Keeps served lists; one whose id is there already is left as it is."""
        if not lists:
            return
        kind = sqlite if self._database.is_sqlite else postgresql
        rows = [{name: getattr(one, name) for name in _NAMES} for one in lists]
        rows = [row | {"items": list(row["items"]), "arms": dict(row["arms"])} for row in rows]
        with self._database.session() as session:
            session.execute(kind.insert(ListRow).on_conflict_do_nothing(), rows)

    def list_(self, list_id: str) -> ServedList:
        """``NotFoundError`` for an unknown id."""
        with self._database.reading() as session:
            row = session.get(ListRow, list_id)
            if row is None:
                raise NotFoundError(f"There is no list '{list_id}'.")
            return _served(row)

    def lists_since(self, since: datetime) -> list[ServedList]:
        """Lists from that moment on, in order of time."""
        query = select(*_COLUMNS).where(ListRow.served_at >= since).order_by(ListRow.served_at, ListRow.id)
        with self._database.reading() as session:
            return [_served(row) for row in session.execute(query)]

    def every_list(self) -> Iterator[ServedList]:
        """All lists by id, a page at a time."""
        last = ""
        while True:
            query = select(*_COLUMNS).where(ListRow.id > last).order_by(ListRow.id).limit(PAGE)
            with self._database.reading() as session:
                page = [_served(row) for row in session.execute(query)]
            if not page:
                return
            last = page[-1].id
            yield from page

    def drop_lists(self, before: datetime) -> int:
        """Forget lists older than that; how many."""
        with self._database.session() as session:
            gone = session.execute(delete(ListRow).where(ListRow.served_at < before))
            return int(gone.rowcount)  # type: ignore[attr-defined]

    def drop_lists_by(self, route: str) -> int:
        """Forget the lists that this route made; how many."""
        with self._database.session() as session:
            return int(session.execute(delete(ListRow).where(ListRow.route == route)).rowcount)  # type: ignore[attr-defined]

    def add_experiment(self, experiment: Experiment) -> None:
        """``ConflictError`` when the name is taken: a name decides who is in which variant."""
        with self._database.session() as session:
            if session.get(ExperimentRow, experiment.name) is not None:
                raise ConflictError(f"There is an experiment '{experiment.name}' already: choose another name.")
            variants = [asdict(one) | {"dials": dict(one.dials)} for one in experiment.variants]
            session.execute(
                insert(ExperimentRow),
                [{"name": experiment.name, "about": experiment.about, "variants": variants,
                  "started_at": experiment.started_at, "ended_at": experiment.ended_at}],
            )  # fmt: skip

    def experiments(self) -> list[Experiment]:
        """All, the newest first."""
        query = select(ExperimentRow).order_by(ExperimentRow.started_at.desc(), ExperimentRow.name)
        with self._database.reading() as session:
            return [_experiment(row) for row in session.scalars(query)]

    def experiment(self, name: str) -> Experiment:
        """``NotFoundError`` for an unknown name."""
        with self._database.reading() as session:
            row = session.get(ExperimentRow, name)
            if row is None:
                raise NotFoundError(f"There is no experiment '{name}'.")
            return _experiment(row)

    def end_experiment(self, name: str, now: datetime) -> None:
        """Assign nobody any more; ``ConflictError`` when it has ended."""
        self.experiment(name)
        running = (ExperimentRow.name == name, ExperimentRow.ended_at.is_(None))
        with self._database.session() as session:
            changed = session.execute(update(ExperimentRow).where(*running).values(ended_at=now))
            if changed.rowcount != 1:  # type: ignore[attr-defined]
                raise ConflictError(f"Experiment '{name}' has ended already.")


_NAMES = [one.name for one in fields(ServedList)]
_COLUMNS = [getattr(ListRow, name) for name in _NAMES]


def _served(row: Any) -> ServedList:
    """The record of a row, or of its columns alone: plain rows are read far faster, and there may be many."""
    values = {name: getattr(row, name) for name in _NAMES}
    return ServedList(**(values | {"items": tuple(values["items"])}))


def _experiment(row: ExperimentRow) -> Experiment:
    return Experiment(row.name, tuple(Variant(**one) for one in row.variants), row.started_at, row.about, row.ended_at)
