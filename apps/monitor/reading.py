"""The reader: news items in, moods, topics and companies with their own moods out, by the model of each language.

Knows models and the gazetteer; keeps nothing and has no clock. A text it cannot be sure of is marked as abstained.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np

from apps.monitor import mood_words
from apps.monitor.companies import followed
from apps.monitor.explanation import Variant, WordWeight, weights
from apps.monitor.gazetteer import Gazetteer
from apps.monitor.lessons import LABELS
from apps.monitor.naming import Named, named
from apps.monitor.reading_models import Answered, Model, Pointed, Probabilities
from apps.monitor.reading_store import SAMPLE, load_model, model_name
from apps.monitor.records import CompanyMention, NewsItem, Reading, Sentiment, TopicScore
from apps.monitor.settings import MonitorSettings
from apps.monitor.shown import Shown, shown
from apps.monitor.topic_words import ALONE, TopicWords, without
from core.events import OnEvent, ignore
from core.text import language

TOPIC_FROM = 0.5  # calibrated probability from which a topic is told, where the adapter does not say
ABSTAIN_BELOW = 0.5  # where neither settings nor adapter say: under it the likeliest mood is not even likely


class Reader(Protocol):
    """What the service needs of a reader."""

    model: str

    def read(self, items: Sequence[NewsItem]) -> list[Reading]: ...
    def explain(self, item: NewsItem, company: str | None = None) -> list[WordWeight]: ...


@dataclass(frozen=True)
class _Work:
    """One item on its way: its text as shown, what the pass said of it, whom it names."""

    item: NewsItem
    view: Shown
    row: int
    named: list[Named]


class NewsReader:
    """Reads items with one model per language; models are loaded when a text first needs them."""

    def __init__(
        self,
        models: Mapping[str, Callable[[], Model]],
        gazetteer: Gazetteer,
        topics: Sequence[str],
        abstain_below: float | None = None,
        model: str = "",
        words: TopicWords | None = None,
    ) -> None:
        """``models`` by language; "" reads what is neither. ``topics`` are the keys that may be told."""
        self._models, self.gazetteer, self.model = models, gazetteer, model
        self._words = words or TopicWords()
        self._topics, self._abstain_below = frozenset(topics), abstain_below

    def read(self, items: Sequence[NewsItem]) -> list[Reading]:
        """One reading per item in the same order; items of one language go through their model together."""
        readings: list[Reading | None] = [None] * len(items)
        groups: dict[str, list[int]] = defaultdict(list)
        for number, item in enumerate(items):
            groups[self._language(item)].append(number)
        for said, numbers in groups.items():
            own = self._read([items[number] for number in numbers], said)
            for number, reading in zip(numbers, own, strict=True):
                readings[number] = reading
        return [reading for reading in readings if reading is not None]

    def explain(self, item: NewsItem, company: str | None = None) -> list[WordWeight]:
        """The words of the item's full text by how much they moved its mood, or the mood towards ``company``.

        Weights are log-odds of the verdict with the word less without it; the strongest come first. A company that
        the text does not name has no words.
        """
        model = self._model(self._language(item))
        view = shown(item.full_text)
        (work,) = self._works([item], [view], model.answer([view.text]))
        place = next((one for one in work.named if one.company == company), None)
        if company is None:
            moved = weights(view.text, _heeding(work, lambda some: model.moods([one.text for one in some])))
        elif place is None:
            moved = []
        else:
            predict = _heeding(work, _towards(model, place))
            moved = weights(view.text, predict, spared=(place.start, place.end))
        return [WordWeight(one.word, *view.original(one.start, one.end), one.weight) for one in moved]

    def read_by(self, said: str, items: Sequence[NewsItem]) -> list[Reading]:
        """The items read by the model of one language, whatever theirs is."""
        return self._read(items, said)

    def towards(self, pointed: Sequence[Pointed], said: str) -> Probabilities:
        """(n, 3): the mood towards each company pointed out, by the model of that language."""
        return self._model(said).towards(pointed)

    def loaded(self, said: str) -> Model:
        """The model that reads a language."""
        return self._model(said)

    def _language(self, item: NewsItem) -> str:
        said = item.language or language(item.full_text)
        return said if said in ("en", "zh") else ""

    def _model(self, said: str) -> Model:
        return self._models[said if said in self._models else ""]()

    def _read(self, items: Sequence[NewsItem], said: str) -> list[Reading]:
        model = self._model(said)
        views = [shown(item.full_text) for item in items]
        answered = model.answer([view.text for view in views])
        works = self._works(items, views, answered)
        nameless = [_nameless(work) for work in works]
        answered = replace(
            answered,
            moods=mood_words.moved(answered.moods, [_of_one(work) for work in works]),
            topics=self._words.moved(answered.topics, nameless, model.topics),
        )
        towards = self._towards(model, works, answered.moods)
        return [self._reading(model, work, answered, towards, said) for work in works]

    def _works(self, items: Sequence[NewsItem], views: Sequence[Shown], answered: Answered) -> list[_Work]:
        works = []
        for row, (item, view) in enumerate(zip(items, views, strict=True)):
            spans = None if answered.names is None else answered.names[row]
            works.append(_Work(item, view, row, named(view.text, self.gazetteer, spans, item.tickers)))
        return works

    def _towards(
        self, model: Model, works: Sequence[_Work], moods: Probabilities
    ) -> dict[tuple[int, str], Probabilities]:
        """(row, company) → three probabilities. A text about one company alone has that company's mood; of several,
        each is pointed out in a text of its own, all of them read in one go."""
        found: dict[tuple[int, str], Probabilities] = {
            (work.row, work.named[0].company): moods[work.row] for work in works if len(work.named) == 1
        }
        asked = [(work, one) for work in works if len(work.named) > 1 for one in work.named]
        if asked:
            told = model.towards([Pointed(work.view.text, one.name, one.start, one.end) for work, one in asked])
            found |= {(work.row, one.company): mood for (work, one), mood in zip(asked, told, strict=True)}
        return found

    def _reading(
        self,
        model: Model,
        work: _Work,
        answered: Answered,
        towards: Mapping[tuple[int, str], Probabilities],
        said: str,
    ) -> Reading:
        mood = _sentiment(answered.moods[work.row])
        topics = self._told(model, answered.topics[work.row], _nameless(work))
        return Reading(
            work.item.id,
            said,
            mood,
            tuple(sorted(topics, key=lambda one: -one.probability)),
            tuple(_mention(work, one, towards[work.row, one.company]) for one in work.named),
            mood.confidence < self._bar(model),
            model.name,
        )

    def _told(self, model: Model, row: Probabilities, text: str) -> list[TopicScore]:
        """The topics told of a text; one that the model never learnt is told by its words."""
        bar = TOPIC_FROM if model.topic_from is None else model.topic_from
        learnt = [TopicScore(topic, p) for topic, p in zip(model.topics, row.tolist(), strict=True) if p >= bar]
        others = sorted(self._topics - set(model.topics))
        worded = zip(others, self._words.said(text, others), strict=True)
        return [one for one in learnt if one.topic in self._topics] + [
            TopicScore(topic, ALONE) for topic, said in worded if said
        ]

    def _bar(self, model: Model) -> float:
        wanted = self._abstain_below if self._abstain_below is not None else model.abstain_below
        return ABSTAIN_BELOW if wanted is None else wanted


def load_reader(settings: MonitorSettings, on_event: OnEvent = ignore) -> NewsReader:
    """The reader of the settings; nothing heavy happens before the first text of a language comes.

    Each language has its base model; on it goes the adapter of the settings, the promoted or bundled one for "auto".
    Where no adapter fits the base, linear heads on the multilingual encoder are fitted to the sample once and kept.
    """
    own = settings.monitor.reading
    companies = followed(own.gazetteer or SAMPLE / "companies.csv", own.well_known)
    choices = {"en": (own.english_model, own.english_adapter), "zh": (own.chinese_model, own.chinese_adapter)}
    loaded = {choice: _once(partial(load_model, settings, *choice, on_event)) for choice in choices.values()}
    models = {said: loaded[choice] for said, choice in choices.items()} | {"": loaded[choices["zh"]]}
    name = " + ".join(dict.fromkeys(model_name(settings, *choice) for choice in choices.values()))
    return NewsReader(models, Gazetteer(companies), own.topics, own.abstain_below, name, TopicWords(own.topic_words))


def _once(load: Callable[[], Model]) -> Callable[[], Model]:
    """The model, loaded by the first call alone; others that come meanwhile wait for it."""
    lock, kept = threading.Lock(), list[Model]()

    def get() -> Model:
        with lock:
            if not kept:
                kept.append(load())
            return kept[0]

    return get


def _nameless(work: _Work) -> str:
    """What is read without the companies' names: "Shorehill Credit" speaks no more of credit than any other."""
    return without(work.view.text, ((one.start, one.end) for one in work.named))


def _of_one(work: _Work) -> str:
    """What phrases about debts are looked for in: of several companies it is not known whose debts they are."""
    return _nameless(work) if len(work.named) < 2 else ""


def _heeding(work: _Work, predict: Callable[[Sequence[Variant]], Probabilities]) -> Callable[..., Probabilities]:
    """The moods of variants as they are read, phrases heeded."""

    def heed(variants: Sequence[Variant]) -> Probabilities:
        one_company = len(work.named) < 2
        return mood_words.moved(predict(variants), [one.text if one_company else "" for one in variants])

    return heed


def _sentiment(row: Probabilities) -> Sentiment:
    values = np.clip(row.astype(float), 0, 1)
    values = values / values.sum()
    return Sentiment(**dict(zip(LABELS, values.tolist(), strict=True)))


def _mention(work: _Work, one: Named, mood: Probabilities) -> CompanyMention:
    start, end = work.view.original(one.start, one.end)
    return CompanyMention(one.company, work.item.full_text[start:end], start, end, _sentiment(mood))


def _towards(model: Model, place: Named) -> Callable[[Sequence[Variant]], Probabilities]:
    """The mood towards the company in each variant of its text."""

    def predict(variants: Sequence[Variant]) -> Probabilities:
        ends = [(one.text, place.name, one.moved(place.start), one.moved(place.end)) for one in variants]
        return model.towards([Pointed(*each) for each in ends])

    return predict
