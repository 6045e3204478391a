"""The team's side of the service: catalogue, people, experiments, figures, models on the shelf; needs no model loaded.

One half of ``service.RecommenderService``; alone, for commands that would wait for models in vain.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from apps.recommender import experiments, quality
from apps.recommender.answers import IngestReport, ItemView, PersonView, Quality
from apps.recommender.arrivals import Arrivals, Kind
from apps.recommender.catalogue_search import LOOKED, nearest_in_words
from apps.recommender.experiments import Experiment, ExperimentReport, Variant
from apps.recommender.list_writer import ListWriter
from apps.recommender.model_shelf import ModelShelf, Version
from apps.recommender.records import EngineOptions, Event, Item
from apps.recommender.sample_shop import items_of_sample
from apps.recommender.served import Outcome, ServedList, outcomes
from apps.recommender.settings import RecommenderSettings
from apps.recommender.store import Person, Store
from core.dates import DateOrder
from core.errors import NotFoundError
from core.events import OnEvent, ignore
from core.settings import home

FRESH_ITEMS = 500  # new items watched
FRESH_DAYS, FRESH_EVENTS = EngineOptions().fresh_days, EngineOptions().fresh_events
Fresh = Literal["new", "unmet"]


def utc_now() -> datetime:
    """The moment, with its zone; only services call it, thinking code gets ``now`` as an argument."""
    return datetime.now(UTC)


class Desk:
    """See the module. Safe for several threads."""

    def __init__(self, settings: RecommenderSettings, store: Store, shelf: ModelShelf) -> None:
        self.settings, self._store, self._shelf = settings, store, shelf
        self._meanings = settings.recommender.events.meanings()
        self._lists = ListWriter(self._keep_lists)
        self._running: tuple[Experiment, ...] = ()
        self._look()

    def ingest(
        self,
        paths: Sequence[Path],
        kind: Kind = "auto",
        mapping: Mapping[str, str] | None = None,
        on_event: OnEvent = ignore,
        dates: DateOrder = DateOrder.UNSAID,
    ) -> IngestReport:
        """Files of items and events into the store; bad rows are in the report. Models follow on their own.

        ``dates`` is the order of those such as 03/04/2026, where no other date of their file tells it.
        """
        arrivals = Arrivals(self._store, self._meanings, lambda item: False)
        return arrivals.files(paths, kind, mapping, utc_now(), on_event, dates)

    def item(self, item_id: str) -> ItemView:
        """``NotFoundError`` for an unknown id."""
        return ItemView(self._store.item(item_id), self._store.count_of_item(item_id))

    def items(self, search: str = "", category: str = "", limit: int = 100, offset: int = 0) -> list[Item]:
        """The catalogue, newest first."""
        return self._store.items(search, category, limit, offset)

    def nearest_items(self, search: str, category: str = "", limit: int = 12) -> list[Item]:
        """Where no item has the words as written: those nearest in words; the service adds those nearest in meaning."""
        return nearest_in_words(search, self._store.items("", category, LOOKED), limit)

    def items_of(self, ids: Sequence[str]) -> dict[str, Item]:
        """Items by id, as far as there are any."""
        return self._store.items_of(ids)

    def fresh(self, items: Iterable[Item]) -> dict[str, Fresh]:
        """Which are new in the catalogue and which of the others hardly anybody wanted, by the model's own measure.

        Both are what the dial "freshness" gives places to (``candidates.is_fresh``).
        """
        since = utc_now() - timedelta(days=FRESH_DAYS)
        young = {one.id: one.created_at is not None and one.created_at >= since for one in items}
        others = [one for one, new in young.items() if not new]
        wanted = self._store.people_per_item(others, [one.type for one in self._meanings if one.positive])
        unmet = {one for one in others if wanted.get(one, 0) < FRESH_EVENTS}
        return {one: "new" if new else "unmet" for one, new in young.items() if new or one in unmet}

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

    def delete_person(self, user: str) -> None:
        """Forget a person everywhere: events, lists, memory. ``NotFoundError`` when nothing is known."""
        self._lists.forget(user)
        self._lists.flush()
        self._store.delete_person(user)

    def delete_item(self, item_id: str) -> None:
        """Forget an item everywhere."""
        self._lists.flush()
        self._store.delete_item(item_id)

    @property
    def untouched(self) -> bool:
        """Whether nothing was ever put into the database; where all was taken out again the sample stays out too."""
        return self._store.seen().version == 0 and not any(self.counts().values())

    def sample_items(self) -> list[str]:
        """Ids of the sample shop's items that are in the catalogue; one that others have taken for their own is not."""
        titles = items_of_sample()
        return [id for id, one in self._store.items_of(list(titles)).items() if one.title == titles[id]]

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
        fresh = quality.fresh_items(self._store.items(limit=FRESH_ITEMS), rows, now, FRESH_DAYS)
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

    def models(self) -> list[Version]:
        """Fitted models, newest first; the live one is marked."""
        return self._shelf.versions()

    def promote(self, name: str) -> Version:
        """Make a model the live one; processes that answer notice at their next look."""
        return self._shelf.promote(name)

    def can_roll_back(self) -> bool:
        """Whether an earlier model is there to go back to."""
        return bool(self._shelf.earlier())

    def roll_back(self) -> Version:
        """Make the model live that was so before."""
        return self._shelf.roll_back()

    def counts(self) -> dict[str, int]:
        """How much there is of everything."""
        return self._store.counts()

    def close(self) -> None:
        """Write what waits, close the database."""
        self._lists.close()
        self._store.close()

    def _arms(self, user: str) -> dict[str, Variant]:
        assigned = {one.name: one.assign(user) for one in self._running}
        return {name: variant for name, variant in assigned.items() if variant is not None}

    def _look(self) -> None:
        self._running = tuple(one for one in self._store.experiments() if one.running)

    def _keep_lists(self, lists: Sequence[ServedList]) -> None:
        self._store.add_lists(lists)

    def _is_positive(self, event: Event) -> bool:
        meaning = next((one for one in self._meanings if one.type == event.type), None)
        return meaning is not None and meaning.is_positive(event.value)

    def _outcomes(self, since: datetime) -> list[Outcome]:
        self._lists.flush()
        events = self._store.events_since(since)
        hours = self.settings.recommender.experiments.join_hours
        return outcomes(self._store.lists_since(since), events, self._is_positive, hours)


def open_desk(settings: RecommenderSettings) -> Desk:
    """The desk alone: opens in a moment."""
    return Desk(settings, Store.open(settings.database_address), ModelShelf(home(settings)))
