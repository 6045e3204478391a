"""The simulator knows what everybody likes; the engine, told only what they did, must find it."""

from pathlib import Path

import numpy as np
import pytest

from apps.recommender.dataset import Sample, read_sample
from apps.recommender.engine import Recommender
from apps.recommender.records import Event, Filters, Wish, moment
from tests.recommender.small_shop import CountingWords

SAMPLE = Path(__file__).parents[2] / "data" / "samples" / "recommender"
PEOPLE = 120
LIST = Wish(k=10, diversity=0.0, freshness=0.0, explain=False, filters=Filters(exclude_seen=False))


@pytest.fixture(scope="module")
def sample() -> Sample:
    return read_sample(SAMPLE)


@pytest.fixture(scope="module")
def engine(sample: Sample) -> Recommender:
    events = [one for one in sample.events if one.type != "impression"]
    return Recommender.fit(sample.items, events, [CountingWords(languages=("en", "zh", "other"))], after(sample))


def after(sample: Sample):  # a time
    return moment(sample.events[-1].time.timestamp() + 60)


def wish_of(truth: dict, item: dict) -> float:
    """How well an item's themes fit a person's true ones at the end of the log."""
    themes = truth["later_themes"] or truth["themes"]
    return sum(themes.get(name, 0.0) * share for name, share in item["themes"].items())


def steady(sample: Sample) -> list[str]:
    """People who act by taste and have done enough to show it."""
    acts: dict[str, int] = {}
    for one in sample.events:
        if one.type not in ("impression", "view"):
            acts[one.user] = acts.get(one.user, 0) + 1
    people = sample.tastes["people"]
    return [name for name, truth in people.items() if not truth["aimless"] and acts.get(name, 0) >= 15][:PEOPLE]


def test_lists_fit_true_tastes_far_better_than_popular_ones(sample: Sample, engine: Recommender) -> None:
    now, people, items = after(sample), sample.tastes["people"], sample.tastes["items"]
    popular = [one.item for one in engine.recommend(now, wish=LIST).items]
    mine, common = [], []
    for name in steady(sample):
        found = [one.item for one in engine.recommend(now, name, wish=LIST).items]
        mine.append(np.mean([wish_of(people[name], items[one]) for one in found]))
        common.append(np.mean([wish_of(people[name], items[one]) for one in popular]))
    assert np.mean(mine) > 1.5 * np.mean(common)
    assert np.mean(np.array(mine) > np.array(common)) > 0.8


def test_a_person_s_strongest_theme_leads_her_list(sample: Sample, engine: Recommender) -> None:
    now, people, items = after(sample), sample.tastes["people"], sample.tastes["items"]
    ranks = []
    for name in steady(sample):
        shares: dict[str, float] = {}
        for one in engine.recommend(now, name, wish=LIST).items:
            for theme, share in items[one.item]["themes"].items():
                shares[theme] = shares.get(theme, 0.0) + share
        themes = people[name]["later_themes"] or people[name]["themes"]
        best = max(themes, key=lambda theme: themes[theme])
        ranks.append(sorted(shares.values(), reverse=True).index(shares[best]) if best in shares else 99)
    assert np.mean(np.array(ranks) <= 2) > 0.6  # chance would be three of twelve


def test_a_drifted_taste_is_followed(sample: Sample, engine: Recommender) -> None:
    now, people, items = after(sample), sample.tastes["people"], sample.tastes["items"]
    gains = []
    for name in steady(sample):
        truth = people[name]
        if not truth["later_themes"] or truth["drift_day"] > 40:
            continue
        old = {**truth, "later_themes": None}
        found = [one.item for one in engine.recommend(now, name, wish=LIST).items]
        gains.append(np.mean([wish_of(truth, items[one]) - wish_of(old, items[one]) for one in found]))
    assert len(gains) >= 8
    assert np.mean(gains) > 0


def test_one_click_moves_a_newcomer_towards_its_theme(sample: Sample) -> None:
    engine = Recommender.start(sample.items, [CountingWords(languages=("en", "zh", "other"))])
    items = sample.tastes["items"]
    theme, clicked = next(
        (max(facts["themes"], key=lambda name: facts["themes"][name]), item)
        for item, facts in items.items()
        if max(facts["themes"].values()) > 0.8
    )
    now = after(sample)

    def share() -> float:
        found = engine.recommend(now, "newcomer", wish=LIST).items
        return float(np.mean([items[one.item]["themes"].get(theme, 0.0) for one in found]))

    before = share()
    engine.observe([Event("first", "newcomer", clicked, "click", sample.events[-1].time)])
    assert share() > before
