"""The recommender's use-cases: lists, scores, reasons, intake, experiments, models. ``build`` alone loads models.

Doors call this and nothing below it. Every change is one transaction; what was acknowledged survives a crash. A call
for a list never fails for want of a model: behaviour, popularity and dates answer instead.
"""

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

from filelock import FileLock

from apps.recommender.answers import EventReport, ItemReport, ListAnswer, ScoreAnswer
from apps.recommender.arrivals import Arrivals
from apps.recommender.calls import ListCall, ScoreCall
from apps.recommender.engine import Recommender
from apps.recommender.engine_files import text_model_of
from apps.recommender.engine_options import engine_options, vector_folder
from apps.recommender.fallback import Fallback
from apps.recommender.live import LiveModel
from apps.recommender.model_shelf import ModelShelf, Version
from apps.recommender.records import Event, Explanation, Filters, Item, Recommendation, Scored, Wish
from apps.recommender.sample_shop import ROUTE, SAMPLE, moved
from apps.recommender.served import ServedList, impressions
from apps.recommender.service_desk import Desk, utc_now
from apps.recommender.settings import RecommenderSettings
from apps.recommender.store import Store
from apps.recommender.timely import Timely
from apps.recommender.wishes import dialled, unknown_names, wished
from core.errors import BusyError, DataError, NotFoundError
from core.events import OnEvent, ignore
from core.inference.embedding import Embedder
from core.reasons import Reason, in_language
from core.settings import home

QUICK_ITEMS = 5000  # so many are fitted while the first start waits; a larger shop is trained by command
RECENT = timedelta(days=14)  # lists whose places count as shown when a model is loaded


class RecommenderService(Desk):
    """See the module. Safe for several threads."""

    def __init__(self, settings: RecommenderSettings, store: Store, live: LiveModel, shelf: ModelShelf) -> None:
        self._live = live
        super().__init__(settings, store, shelf)
        self._arrivals = Arrivals(store, self._meanings, live.fallback.knows)
        self._timely = Timely(settings.recommender.serving.deadline_ms / 1000)
        store.drop_lists(utc_now() - timedelta(days=settings.recommender.serving.keep_lists_days))
        live.start(settings.recommender.serving.catch_up_s, self._look)

    # Lists and scores

    def recommend(
        self, user: str = "", history: Sequence[Event] = (), wish: Wish | None = None, keep: bool = True
    ) -> ListAnswer:
        """A list for a person known or not; ``history`` is what an unknown visitor did.

        Running experiments lay their dials over the wish. With ``keep`` the list is stored under its id.
        """
        call = self._list_call(user, history, wish)
        found = self._timely.wait(call.by_model) if call.engine else None
        return self._answered(call, call.without_model() if found is None else found, keep)

    async def recommend_soon(
        self, user: str = "", history: Sequence[Event] = (), wish: Wish | None = None
    ) -> ListAnswer:
        """``recommend`` for an event loop, which goes on with other calls meanwhile."""
        call = self._list_call(user, history, wish)
        found = await self._timely.soon(call.by_model) if call.engine else None
        return self._answered(call, await asyncio.to_thread(call.without_model) if found is None else found)

    def recommend_many(self, users: Sequence[str], wish: Wish | None = None) -> list[Recommendation]:
        """The same lists without experiments and without being stored, for files."""
        engine, asked, now = self._live.engine, wish or self.wish(), utc_now()
        if engine is not None:
            return engine.recommend_many(users, now, asked)
        return [ListCall(self._live, now, user, (), asked).without_model().list for user in users]

    def score(
        self, candidates: Sequence[str | Item], user: str = "", history: Sequence[Event] = (), language: str = "en",
        explain: bool = True,
    ) -> ScoreAnswer:  # fmt: skip
        """Interest in each candidate, by id or as an item the catalogue need not have; in their own order."""
        call = self._score_call(candidates, user, history, language, explain)
        found = self._timely.wait(call.by_model) if call.engine else None
        return call.without_model() if found is None else found

    async def score_soon(
        self, candidates: Sequence[str | Item], user: str = "", history: Sequence[Event] = (), language: str = "en",
        explain: bool = True,
    ) -> ScoreAnswer:  # fmt: skip
        """``score`` for an event loop, which goes on with other calls meanwhile."""
        call = self._score_call(candidates, user, history, language, explain)
        found = await self._timely.soon(call.by_model) if call.engine else None
        return await asyncio.to_thread(call.without_model) if found is None else found

    def similar(self, item_id: str, k: int = 10, language: str = "en") -> list[Scored]:
        """Items like this one; without a model, those that the same people met."""
        self._known(item_id)
        engine, now = self._live.engine, utc_now()
        found = self._timely.wait(lambda: engine.similar(item_id, k, now, language=language)) if engine else None
        if found is not None:
            return found
        like = Event("like", "nobody", item_id, "click", now)
        return self._live.fallback.list_("", [like], k, Filters(), language)[0]

    def nearest_items(self, search: str, category: str = "", limit: int = 12) -> list[Item]:
        """As the desk's, every second one by meaning where a model answers."""
        in_words = super().nearest_items(search, category, limit)
        engine = self._live.engine
        ids = (self._timely.wait(lambda: engine.nearest(search, limit)) if engine else None) or ()
        in_meaning = [one for one in self._in_order(ids) if not category or one.category == category]
        pairs = (one for pair in zip_longest(in_words, in_meaning) for one in pair)
        return list({one.id: one for one in pairs if one is not None}.values())[:limit]

    def popular(self, k: int = 20, category: str = "") -> list[Item]:
        """The most wanted items of these days."""
        return self._in_order(self._live.fallback.popular(k, category))

    def latest(self, k: int = 20, category: str = "") -> list[Item]:
        """The newest items."""
        return self._in_order(self._live.fallback.latest(k, category))

    def explain(
        self, item_id: str, user: str = "", history: Sequence[Event] = (), wish: Wish | None = None
    ) -> Explanation:
        """Why an item is where it is for somebody, or where it was lost; ``BusyError`` without a model."""
        engine = self._live.engine
        if engine is None:
            raise BusyError("There is no model yet that could explain: train one.", status=503, retry_after_s=5)
        asked = dialled(wish or self.wish(), self._arms(user))
        return engine.explain(item_id, utc_now(), user, history, asked)

    def wish(self, language: str = "en", filters: Mapping[str, Any] | None = None, **given: Any) -> Wish:
        """A wish with the settings' values where nothing is given."""
        return wished(self.settings.recommender.lists, language, filters or {}, given)

    def unknown_names(self, filters: Filters) -> list[Reason]:
        """A sentence for each category, brand and language in the rules that no item has, with the nearest known."""
        return unknown_names(filters, self._live.fallback.names)

    # What is taken in and what is forgotten

    def put_items(self, items: Sequence[Item]) -> ItemReport:
        """Add or replace items; each can be recommended when this returns."""
        self._check_batch(len(items), "items")
        report = self._arrivals.items(items)
        self._live.catch_up()
        return report

    def add_events(self, events: Sequence[Event]) -> EventReport:
        """Keep events (those of a known id are kept once) in one transaction; the next list knows them."""
        self._check_batch(len(events), "events")
        report = self._arrivals.events(events, utc_now())
        self._live.catch_up()
        return report

    def delete_person(self, user: str) -> None:
        """As the desk's, and out of memory here at once."""
        super().delete_person(user)
        self._live.catch_up()

    def delete_item(self, item_id: str) -> None:
        """As the desk's, and out of memory here at once."""
        super().delete_item(item_id)
        self._live.catch_up()

    def take_sample(self, items: Sequence[Item], events: Sequence[Event]) -> None:
        """Keep a sample as if it had just happened."""
        dated, others, lists = moved(items, events, utc_now())
        self._store.put_items(dated)
        self._store.add_events(others)
        self._store.add_lists(lists)
        self._live.catch_up()

    def forget_sample(self, on_event: OnEvent = ignore) -> int:
        """Take the sample shop out: its items, all that was done with them, its lists, and the models fitted on it.

        How many items went. What is left gets a model at once where the shop is small, else by ``train``.
        """
        ids = self.sample_items()
        if not ids:
            return 0
        self._lists.flush()
        self._store.drop_lists_by(ROUTE)
        gone = self._store.delete_items(ids)
        self._shelf.retire()
        self._live.catch_up()
        self._fit_small(on_event)
        return gone

    # Models

    def fit_first(self, on_event: OnEvent = ignore) -> None:
        """A small shop without a model that can be used gets one."""
        if not self.model:
            self._fit_small(on_event)

    def fit(self, embedders: Sequence[Embedder], on_event: OnEvent = ignore) -> Version:
        """Fit a model on everything in the database without training the text model, and let it answer.

        ``trifolium recommender train`` does more: it tunes the text model and measures what it made.
        """
        seen, items = self._store.seen(), self._store.all_items()
        events = self._store.training_events(self._store.lists_since(utc_now() - RECENT))
        options, cache = engine_options(self.settings, items), vector_folder(self.settings)
        engine = _equipped(
            self.settings, Recommender.fit(items, events, embedders, utc_now(), options, cache, on_event)
        )
        with tempfile.TemporaryDirectory(prefix="trifolium-") as folder:
            engine.save(Path(folder))
            version = self._shelf.add(Path(folder), source="quick fit")
        self._live.publish(engine, version.name, seen)
        return version

    def promote(self, name: str) -> Version:
        """As the desk's, and here at once."""
        version = super().promote(name)
        self._swap()
        return version

    def roll_back(self) -> Version:
        """As the desk's, and here at once."""
        version = super().roll_back()
        self._swap()
        return version

    @property
    def model(self) -> str:
        """The version that answers, empty while none does."""
        return self._live.name if self._live.engine else ""

    @property
    def problem(self) -> str:
        """Why no model answers, or not the newest; empty when all is well."""
        return self._live.problem

    def status(self) -> dict[str, Any]:
        """What runs and how much is known."""
        engine = self._live.engine
        state = "ready" if engine else f"none: {self.problem or 'train one'}"
        facts = engine.facts() if engine else {}
        return {
            "model": state,
            "version": self.model,
            "problem": self.problem,
            "known": self.counts(),
            "experiments": [one.name for one in self._running],
            "facts": dict(facts),
        }

    def close(self) -> None:
        """Stop looking, write what waits, close the database."""
        self._live.close()
        self._timely.close()
        super().close()

    def _keep_lists(self, lists: Sequence[ServedList]) -> None:
        """As the desk's; the model counts what was shown, to hold back what everybody sees."""
        super()._keep_lists(lists)
        engine = self._live.engine
        if engine is not None:
            engine.observe(event for one in lists for event in impressions(one))

    def _list_call(self, user: str, history: Sequence[Event], wish: Wish | None) -> ListCall:
        arms = self._arms(user)
        asked = dialled(wish or self.wish(), arms)
        return ListCall(self._live, utc_now(), user, history, asked, {name: one.name for name, one in arms.items()})

    def _answered(self, call: ListCall, answer: ListAnswer, keep: bool = True) -> ListAnswer:
        if keep and self.settings.recommender.serving.keep_lists:
            self._lists.put(call.served(answer))
        return self._told(answer, call.wish)

    def _told(self, answer: ListAnswer, wish: Wish) -> ListAnswer:
        """The answer with a note for each name in the rules that no item has."""
        notes = [in_language(one, wish.language) for one in self.unknown_names(wish.filters)]
        if not notes:
            return answer
        return replace(answer, list=replace(answer.list, notes=(*answer.list.notes, *notes)))

    def _score_call(
        self, candidates: Sequence[str | Item], user: str, history: Sequence[Event], language: str, explain: bool
    ) -> ScoreCall:
        most = self.settings.recommender.serving.most_candidates
        if not 1 <= len(candidates) <= most:
            raise DataError(f"candidates must be 1 to {most}, got {len(candidates)}.")
        return ScoreCall(self._live, utc_now(), candidates, user, history, language, explain)

    def _fit_small(self, on_event: OnEvent) -> None:
        if 0 < self.counts()["items"] <= QUICK_ITEMS:
            from apps.recommender.encoding import load_embedders

            self.fit(load_embedders(self.settings, on_event), on_event)

    def _swap(self) -> None:
        self._live.look_at_shelf(again=True)
        if self.problem:
            raise DataError(self.problem)

    def _in_order(self, ids: Sequence[str]) -> list[Item]:
        found = self._store.items_of(ids)
        return [found[one] for one in ids if one in found]

    def _known(self, item_id: str) -> None:
        if not self._live.fallback.knows(item_id):
            raise NotFoundError(f"There is no item '{item_id}'.")

    def _check_batch(self, size: int, noun: str) -> None:
        most = self.settings.recommender.serving.most_batch
        if not 1 <= size <= most:
            raise DataError(f"A call takes 1 to {most} {noun}, got {size}.")


def build(settings: RecommenderSettings, waiting: bool = False) -> RecommenderService:
    """The service with the live model, if one was fitted before; ``waiting`` as in ``open_service``."""
    store = Store.open(settings.database_address)
    shelf = ModelShelf(home(settings))
    fallback = Fallback(settings.recommender.events.meanings())
    live = LiveModel(
        store, shelf, fallback, partial(_load, settings, waiting), lambda: store.lists_since(utc_now() - RECENT)
    )
    return RecommenderService(settings, store, live, shelf)


def open_service(
    settings: RecommenderSettings, on_event: OnEvent = ignore, waiting: bool = False
) -> RecommenderService:
    """``build``; a database in which nothing ever was gets the sample shop when the settings say so, a small shop
    without a model that can be used gets one.

    Two processes that start at once do it once. ``waiting`` lets the encoders be loaded when there is a text to read:
    for a command that ends after one answer, not for a server, whose first new item would take seconds.
    """
    with FileLock(home(settings) / "recommender-start.lock"):
        service = build(settings, waiting)
        if settings.recommender.load_sample and service.untouched:
            load_sample(service)
        service.fit_first(on_event)
    return service


def load_sample(service: RecommenderService, folder: Path = SAMPLE) -> None:
    """The sample's items and events, moved by whole days so that its last day is today's or yesterday's."""
    from apps.recommender.dataset import read_sample

    sample = read_sample(folder)
    service.take_sample(sample.items, sample.events)


def _load(settings: RecommenderSettings, waiting: bool, folder: Path) -> Recommender:
    from apps.recommender.encoding import load_embedders, waiting_embedders

    load = waiting_embedders if waiting else load_embedders
    embedders = load(settings, text_model=text_model_of(folder))
    return _equipped(settings, Recommender.load(folder, embedders, cache_folder=vector_folder(settings)))


def _equipped(settings: RecommenderSettings, engine: Recommender) -> Recommender:
    """The engine with the cross-encoder that the settings name, if any."""
    if settings.recommender.reranker:
        from core.inference.pairs import CrossEncoder
        from core.models import device

        engine.reranker = CrossEncoder(settings.recommender.reranker, settings.home, device.plan(settings.models))
    return engine
