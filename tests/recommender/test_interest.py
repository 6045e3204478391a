"""The text model and its examples: no target helps to find itself, pooling by hand, languages, cached vectors."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from apps.recommender.dataset import read_sample
from apps.recommender.histories import Histories
from apps.recommender.interest import Pooling, TextModel, best_pooling, languages_of, unit
from apps.recommender.interest_examples import choices, examples
from apps.recommender.log_problem import log_problem
from apps.recommender.ranking import Choices, learn, starting_blend
from apps.recommender.records import EngineOptions, Event, Item
from core.events import OnEvent, ignore
from tests.recommender.small_shop import NOW, CountingWords, catalogue, checkerboard, event

SAMPLE = Path(__file__).parents[2] / "data" / "samples" / "recommender"
OPTIONS = EngineOptions()


def test_no_choice_of_the_sample_holds_its_target_or_its_future() -> None:
    sample = read_sample(SAMPLE)
    first: dict[tuple[str, str], object] = {}
    for one in sample.events:
        if one.type != "impression":
            first.setdefault((one.user, one.item), one.time)
    made = list(choices(sample.events, OPTIONS))
    assert len(made) > 3000
    for one in made:
        met = [item for item, _ in one.history]
        assert one.target not in met
        assert one.target not in one.passed_over
        assert not set(met) & set(one.passed_over)
        assert all(first[one.user, item] < one.time for item in met)


def test_no_example_of_the_sample_shows_the_target_s_text() -> None:
    sample = read_sample(SAMPLE)
    items = {one.id: one for one in sample.items}
    made = examples(choices(sample.events, OPTIONS), items, ("en", "zh"))
    for one in made:
        assert one.target not in one.history  # the record itself refuses it too
        assert all(one.target not in text for text in one.history)


def test_two_items_with_the_same_text_do_not_give_each_other_away() -> None:
    items = {one.id: one for one in (Item("a", "Clay pot"), Item("b", "Clay pot"), Item("c", "Brass bell"))}
    events = [event("u", "a", days_ago=3), event("u", "c", days_ago=2), event("u", "b", days_ago=1)]
    (about_bell, about_copy) = examples(choices(events, OPTIONS), items, ("en",))
    assert (about_bell.history, about_bell.target) == (("Clay pot",), "Brass bell")
    assert (about_copy.history, about_copy.target) == (("Brass bell",), "Clay pot")


def test_events_of_one_instant_do_not_explain_each_other() -> None:
    events = [event("u", "t0", days_ago=3), event("u", "t1", days_ago=1), event("u", "t2", days_ago=1)]
    assert [(one.target, [item for item, _ in one.history]) for one in choices(events, OPTIONS)] == [
        ("t1", ["t0"]),
        ("t2", ["t0"]),
    ]


def test_shown_and_not_chosen_are_negatives_and_chosen_ones_of_the_list_are_not() -> None:
    shown = [event("u", f"t{n}", "impression", 1, list_id="L", position=n + 1) for n in range(4)]
    chosen = [event("u", "t1", days_ago=0.9, list_id="L"), event("u", "t2", days_ago=0.8, list_id="L")]
    made = list(choices([event("u", "r0", days_ago=5), *shown, *chosen], OPTIONS))
    assert [(one.target, one.passed_over) for one in made] == [("t1", ("t0", "t3")), ("t2", ("t0", "t3"))]


def test_dislikes_and_low_ratings_are_no_choices() -> None:
    events = [
        event("u", "t0", days_ago=4),
        event("u", "t1", "dislike", days_ago=3),
        event("u", "t2", "rating", days_ago=2, value=1.0),
        event("u", "t3", "rating", days_ago=1, value=5.0),
    ]
    assert [one.target for one in choices(events, OPTIONS)] == ["t3"]


def test_a_log_as_a_problem_keeps_every_later_choice_out_of_what_is_learnt() -> None:
    sample = read_sample(SAMPLE)
    problem = log_problem("sample", sample.items, sample.events, OPTIONS)
    for part in (problem.tuning[0], problem.report):
        for case in part.cases:
            assert case.target not in case.history
            assert case.target not in part.sequences.get(case.user, ())


def test_a_person_s_past_ends_before_the_instant_of_the_choice() -> None:
    histories = Histories()
    from apps.recommender.identifiers import Numbers
    from apps.recommender.intake import Intake

    items, people = Numbers(f"t{n}" for n in range(8)), Numbers()
    events = [event("u", f"t{n}", days_ago=5 - n) for n in range(4)]
    batch = Intake(OPTIONS).batch(events, items, people)
    histories.add(batch.people, batch.events)
    before = histories.of(0).before(events[2].time.timestamp())
    assert before.items.tolist() == [0, 1]


def test_pooling_weighs_by_worth_step_and_likeness_to_the_newest() -> None:
    vectors = np.array([[1, 0], [0, 1]], np.float32)
    assert Pooling(decay=0.5).weights(vectors, np.array([1.0, 1.0], np.float32)) == pytest.approx([1 / 3, 2 / 3])
    assert Pooling(decay=1.0).weights(vectors, np.array([3.0, 1.0], np.float32)) == pytest.approx([0.75, 0.25])
    focused = Pooling(decay=1.0, focus=2.0).weights(vectors, np.ones(2, np.float32))
    assert focused[0] / focused[1] == pytest.approx(np.exp(-2.0))
    assert Pooling(decay=0.5).person(vectors, np.ones(2, np.float32)) == pytest.approx(unit(np.array([1.0, 2.0])))


def test_the_pooling_that_finds_later_choices_is_chosen() -> None:
    vectors = np.eye(4, dtype=np.float32)
    history = (vectors[[0, 1]], np.ones(2, np.float32))  # older, newer
    like_newest = np.concatenate(
        [vectors, unit(vectors[1] + 0.3 * vectors[2])[None], unit(vectors[0] + 0.3 * vectors[3])[None]]
    )
    grid = (Pooling(decay=1.0), Pooling(decay=0.1))
    assert best_pooling([history], [4], like_newest, grid) == Pooling(decay=0.1)


class Counting(CountingWords):
    """Remembers what it was asked to read."""

    def __init__(self, name: str, languages: tuple[str, ...]) -> None:
        super().__init__(name, languages=languages)
        self.read: list[str] = []

    def encode(self, texts: Sequence[str], on_event: OnEvent = ignore) -> np.ndarray:
        self.read += texts
        return super().encode(texts)


def test_each_encoder_reads_its_languages_and_a_text_only_once(tmp_path: Path) -> None:
    english, both = Counting("en-only", ("en",)), Counting("both", ("en", "zh"))
    model = TextModel([english, both], tmp_path)
    items = [Item("a", "tea pot"), Item("b", "紫砂茶壶"), Item("c", "tea pot")]
    vectors = model.encode(items)
    assert english.read == ["tea pot"]
    assert both.read == ["tea pot", "紫砂茶壶"]
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(3))
    assert not vectors[1, : english.dim].any()
    again = TextModel([Counting("en-only", ("en",)), Counting("both", ("en", "zh"))], tmp_path)
    assert again.encode(items) == pytest.approx(vectors)
    assert again.embedders[0].read == []  # type: ignore[attr-defined]


def test_languages_of_an_item_are_said_or_told_from_title_and_description() -> None:
    assert languages_of(Item("a", "tea pot", language="zh")) == {"zh"}
    assert languages_of(Item("a", "tea pot", "紫砂茶壶，泡茶用")) == {"en", "zh"}
    assert languages_of(Item("a", "紫砂茶壶")) == {"zh"}


def later(events: Sequence[Event], days: float) -> list[Event]:
    return [replace(one, time=one.time + timedelta(days=days), id=f"{one.id}+{days}") for one in events]


def test_the_blend_learnt_on_a_later_slice_trusts_what_told_the_truth() -> None:
    from apps.recommender.engine import Recommender

    events = checkerboard(60)
    engine = Recommender.fit(catalogue(), events, [CountingWords()], NOW)
    assert engine.facts()["weights"] != Recommender.start(catalogue(), [CountingWords()]).facts()["weights"]
    scores = {one.item: one.score for one in engine.score(engine.item_ids(), NOW, "p0")}
    assert scores["t0"] > max(scores[f"r{n}"] for n in range(8))


def test_likeness_never_counts_against_a_thing_and_a_refusal_of_its_like_always_does() -> None:
    start = starting_blend()
    names = list(start.names)
    features = np.zeros((60, 2, len(names)), np.float32)  # of two things each, the less like one was chosen
    features[:, 1, names.index("text_near")] = 1.0
    features[:, 0, names.index("disliked")] = 1.0
    blend = learn(Choices(features, np.ones((60, 2), np.float32)), start)
    assert blend.weights[names.index("text_near")] == 0.0
    assert blend.weights[names.index("disliked")] == pytest.approx(-1.0)
