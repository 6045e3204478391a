"""The team's side of the service: catalogue, people, experiments, figures of what was served; mostly reading.

One half of ``service.RecommenderService``; loads no model.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from apps.recommender import experiments, quality
from apps.recommender.answers import ItemView, PersonView, Quality
from apps.recommender.experiments import Experiment, ExperimentReport, Variant
from apps.recommender.list_writer import ListWriter
from apps.recommender.live import LiveModel
from apps.recommender.records import EngineOptions, Item
from apps.recommender.served import Outcome, outcomes
from apps.recommender.settings import RecommenderSettings
from apps.recommender.store import Person, Store
from core.errors import NotFoundError

FRESH_ITEMS = 500  # new items watched


def utc_now() -> datetime:
    """The moment, with its zone; only services call it, thinking code gets ``now`` as an argument."""
    return datetime.now(UTC)


class Desk:
    """See the module. Safe for several threads."""

    def __init__(self, settings: RecommenderSettings, store: Store, live: LiveModel) -> None:
        self.settings, self._store, self._live = settings, store, live
        meanings = settings.recommender.events.meanings()
        self._positive = frozenset(one.type for one in meanings if one.positive)
        self._lists = ListWriter(store.add_lists)
        self._running: tuple[Experiment, ...] = ()
        self._look()

    def item(self, item_id: str) -> ItemView:
        """``NotFoundError`` for an unknown id."""
        return ItemView(self._store.item(item_id), self._store.count_of_item(item_id))

    def items(self, search: str = "", category: str = "", limit: int = 100, offset: int = 0) -> list[Item]:
        """The catalogue, newest first."""
        return self._store.items(search, category, limit, offset)

    def items_of(self, ids: Sequence[str]) -> dict[str, Item]:
        """Items by id, as far as there are any."""
        return self._store.items_of(ids)

    def categories(self) -> dict[str, int]:
        """Items per category, largest first."""
        return self._store.categories()

    def person(self, user: str, limit: int = 200) -> PersonView:
        """``NotFoundError`` for somebody nothing is known of."""
        events = self._store.events_of(user, limit)
        if not events:
            raise NotFoundError(f"Nothing is known of a user '{user}'.")
        return PersonView(user, tuple(events), {name: one.name for name, one in self._arms(user).items()})

    def people(self, search: str = "", limit: int = 100, offset: int = 0) -> list[Person]:
        """People with events, those with the most first."""
        return self._store.people(search, limit, offset)

    def experiments(self) -> list[Experiment]:
        """All, newest first."""
        return self._store.experiments()

    def start_experiment(self, name: str, variants: Sequence[Variant], about: str = "") -> Experiment:
        """Split people from now on. ``ConflictError`` when the name is taken."""
        made = Experiment(name.strip(), tuple(variants), utc_now(), about)
        self._store.add_experiment(made)
        self._look()
        return made

    def end_experiment(self, name: str) -> Experiment:
        """Split nobody any more; its lists stay readable."""
        self._store.end_experiment(name, utc_now())
        self._look()
        return self._store.experiment(name)

    def read_experiment(self, name: str) -> ExperimentReport:
        """What its lists say so far."""
        experiment = self._store.experiment(name)
        least = self.settings.recommender.experiments.least_people
        return experiments.read(experiment, self._outcomes(experiment.started_at), least)

    def quality(self, days: int = 30) -> Quality:
        """Figures of the lists served in the last ``days`` days."""
        now = utc_now()
        rows = self._outcomes(now - timedelta(days=days))
        size = self._store.counts()["items"]
        spread = quality.exposure((one.served for one in rows), size)
        fresh = quality.fresh_items(self._store.items(limit=FRESH_ITEMS), rows, now, self._fresh_days())
        shown, wanted = sum(len(one.served.shown) for one in rows), sum(len(one.wanted) for one in rows)
        orders = [one.ndcg for one in rows if one.ndcg is not None]
        return Quality(
            tuple(quality.daily(rows, size)),
            spread,
            tuple(fresh),
            len(rows),
            len({one.served.user for one in rows}),
            wanted / shown if shown else 0.0,
            sum(orders) / len(orders) if orders else None,
        )

    def pulse(self, minutes: int = 60) -> list[tuple[datetime, str, int]]:
        """Events per minute and kind."""
        now = utc_now()
        return quality.per_minute(self._store.times_since(now - timedelta(minutes=minutes)), now, minutes)

    def _arms(self, user: str) -> dict[str, Variant]:
        assigned = {one.name: one.assign(user) for one in self._running}
        return {name: variant for name, variant in assigned.items() if variant is not None}

    def _look(self) -> None:
        self._running = tuple(one for one in self._store.experiments() if one.running)

    def _outcomes(self, since: datetime) -> list[Outcome]:
        self._lists.flush()
        events = self._store.events_since(since)
        hours = self.settings.recommender.experiments.join_hours
        return outcomes(self._store.lists_since(since), events, self._positive, hours)

    def _fresh_days(self) -> float:
        engine = self._live.engine
        return (engine.options if engine else EngineOptions()).fresh_days
