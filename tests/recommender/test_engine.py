"""The engine on a shop whose right answers can be seen: lists, scores, reasons, news, filters, forgetting, files."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from apps.recommender.engine import Recommender
from apps.recommender.engine_files import STATE
from apps.recommender.explanation import sentence
from apps.recommender.records import PARTS, EngineOptions, Event, Filters, Item, Wish
from core.errors import DataError
from core.retrieval.files import read_arrays, write_arrays
from tests.recommender.small_shop import NOW, CountingWords, catalogue, checkerboard, event

PLAIN = Wish(k=5, diversity=0.0, freshness=0.0)


@pytest.fixture(scope="module")
def shop() -> Recommender:
    """Shared by tests that change nothing."""
    return fitted()


def fitted() -> Recommender:
    return Recommender.fit(catalogue(), checkerboard(), [CountingWords()], NOW)


def shown(engine: Recommender, user: str = "", wish: Wish = PLAIN, history: tuple[Event, ...] = ()) -> list[str]:
    return [one.item for one in engine.recommend(NOW, user, history, wish).items]


def test_everybody_is_first_shown_the_one_thing_of_her_taste_that_she_has_not_met(shop: Recommender) -> None:
    for person in range(12):
        missing = f"{'tr'[person % 2]}{(person // 2) % 8}"
        assert shown(shop, f"p{person}")[0] == missing


def test_the_parts_of_a_score_sum_to_it_and_probabilities_follow_scores(shop: Recommender) -> None:
    found = shop.score(shop.item_ids(), NOW, "p0")
    for one in found:
        assert set(one.parts) == set(PARTS)
        assert sum(one.parts.values()) == pytest.approx(one.score, abs=1e-4)
        assert 0 < one.probability < 1
    by_score = sorted(found, key=lambda one: one.score)
    assert [one.probability for one in by_score] == sorted(one.probability for one in found)


def test_a_list_has_the_scores_that_scoring_its_items_gives(shop: Recommender) -> None:
    listed = shop.recommend(NOW, "p0", wish=PLAIN).items
    scored = shop.score([one.item for one in listed], NOW, "p0")
    assert [one.score for one in scored] == pytest.approx([one.score for one in listed], abs=1e-4)


def test_many_people_at_once_get_what_each_gets_alone(shop: Recommender) -> None:
    users = [f"p{n}" for n in range(12)] + ["nobody"]
    assert shop.recommend_many(users, NOW, PLAIN) == [shop.recommend(NOW, user, wish=PLAIN) for user in users]


def test_scoring_items_together_or_one_by_one_is_the_same(shop: Recommender) -> None:
    ids = shop.item_ids()
    together = [one.score for one in shop.score(ids, NOW, "p1")]
    alone = [shop.score([one], NOW, "p1")[0].score for one in ids]
    assert together == pytest.approx(alone, abs=1e-5)


def test_a_history_given_with_the_call_counts_like_a_stored_one(shop: Recommender) -> None:
    history = tuple(one for one in checkerboard() if one.user == "p0")
    assert shown(shop, history=history) == shown(shop, "p0")


def test_an_unknown_person_gets_a_list_and_is_called_cold(shop: Recommender) -> None:
    made = shop.recommend(NOW, "never seen", wish=PLAIN)
    assert len(made.items) == 5
    assert not made.warm
    assert shop.recommend(NOW, "p0").warm


def test_a_new_event_changes_the_next_list() -> None:
    engine = fitted()
    engine.observe([event("new", "t0", days_ago=0.1)])
    assert shown(engine, "new")[0].startswith("t")
    before = shown(engine, "new")
    engine.observe([event("new", f"r{n}", "purchase", days_ago=0.01 * (5 - n)) for n in range(4)])
    after = shown(engine, "new")
    assert after != before
    assert after[0].startswith("r")


def test_a_dislike_takes_a_liking_back() -> None:
    engine = fitted()
    engine.observe([event("new", "t0", days_ago=2)])
    liked = engine.score(["t1"], NOW, "new")[0].score
    engine.observe([event("new", "t0", "dislike", days_ago=1)])
    assert engine.score(["t1"], NOW, "new")[0].score < liked


def test_a_refused_thing_and_its_like_lose_and_it_is_listed_no_more() -> None:
    engine = fitted()
    engine.observe([event("new", "t0", days_ago=2)])
    before = {one.item: one.score for one in engine.score(["t3", "t4"], NOW, "new")}
    engine.observe([event("new", "t3", "dislike", days_ago=1)])
    after = {one.item: one.score for one in engine.score(["t3", "t4"], NOW, "new")}
    assert after["t3"] < before["t3"] and after["t4"] < before["t4"]
    again = replace(PLAIN, k=16, filters=Filters(exclude_seen=False))
    assert "t0" in shown(engine, "new", again) and "t3" not in shown(engine, "new", again)
    assert "refused it" in engine.explain("t3", NOW, "new", wish=again).sentence


def test_a_near_copy_of_what_was_bought_never_stands_below_a_thing_unlike_it() -> None:
    engine = fitted()
    title = catalogue()[0].title
    engine.upsert_items([Item("copy", title, category="tea"), Item("oil", "chainsaw oil", category="tools")])
    near, far = engine.score(["copy", "oil"], NOW, history=(event("guest", "t0", "purchase"),))
    assert near.parts["text"] > far.parts["text"] and near.score > far.score


def test_what_lies_after_now_is_not_known_yet() -> None:
    engine = fitted()
    engine.observe([event("late", "r0", days_ago=-1)])
    assert not engine.recommend(NOW, "late").warm
    assert engine.recommend(NOW + timedelta(days=2), "late").warm


def test_an_item_nobody_met_is_recommended_by_its_text_at_once() -> None:
    engine = fitted()
    engine.upsert_items([Item("new", "green tea leaves spring", category="tea", created_at=NOW)])
    wish = replace(PLAIN, freshness=0.2)
    assert "new" in shown(engine, "p0", wish)
    by_text = {one.item: one.parts["text"] for one in engine.score(["new", "r3"], NOW, "p0")}
    assert by_text["new"] > by_text["r3"]
    assert "fresh" in next(one for one in engine.recommend(NOW, "p0", wish=wish).items if one.item == "new").routes


def test_by_words_the_new_item_that_shares_some_with_a_single_thing_met_takes_the_place() -> None:
    news = [Item("near", "clay saucer", created_at=NOW), Item("far", "garden hose", created_at=NOW)]
    engine = Recommender.start([*catalogue(), *reversed(news)], [CountingWords()])
    engine.observe(checkerboard())
    engine.observe([event("new", "t2", days_ago=2), event("new", "r0", days_ago=1)])  # a tea pot of clay, a lamp
    listed = shown(engine, "new", replace(PLAIN, k=2, freshness=0.7, fresh_by_words=True))  # one place
    assert "near" in listed and "far" not in listed


def test_a_reason_names_the_words_that_an_item_shares() -> None:
    items = [
        Item(f"i{n}", f"thing {stuff}") for n, stuff in enumerate(("beech", "copper", "denim", "elm", "felt", "jade"))
    ]
    items += [
        Item("pot", "Clay teapot"),
        Item("cup", "Teacup of clay, grey"),
        Item("壶", "紫砂茶壶"),
        Item("杯", "紫砂茶杯"),
    ]
    engine = Recommender.start(items, [])
    engine.observe([event("p", "pot", days_ago=1), event("q", "壶", days_ago=1)])
    (cup,) = engine.score(["cup"], NOW, "p")
    assert (cup.reason, cup.because) == ("It shares words with “Clay teapot”: clay.", ("pot",))
    (杯,) = engine.score(["杯"], NOW, "q", language="zh")
    assert (杯.reason, 杯.because) == ("它与“紫砂茶壶”有共同的词：紫砂。", ("壶",))


def test_freshness_grants_places_and_no_more() -> None:
    engine = fitted()
    engine.upsert_items([Item(f"n{n}", f"unrelated novelty {n}", created_at=NOW) for n in range(6)])
    counts = [
        sum(one.startswith("n") for one in shown(engine, "p0", Wish(k=10, diversity=0, freshness=share)))
        for share in (0.0, 0.2, 0.4)
    ]
    assert counts[0] <= 2 <= counts[1] <= 4 <= counts[2]


def test_a_text_that_is_in_no_catalogue_is_scored_and_leaves_no_trace(shop: Recommender) -> None:
    texts = [Item("x", "white tea leaves"), Item("y", "bike pump alloy"), Item("z", "白茶 茶叶")]
    white, pump, chinese = shop.score(texts, NOW, "p0")
    assert [white.item, pump.item, chinese.item] == ["x", "y", "z"]
    assert white.parts["text"] > pump.parts["text"]
    assert chinese.parts["text"] > pump.parts["text"]
    assert shop.item_count == 16
    assert shop.score(["x"], NOW, "p0")[0].known is False
    assert shown(shop, "p0") == shown(fitted(), "p0")


def test_an_unknown_id_costs_no_other_candidate_its_score(shop: Recommender) -> None:
    first, unknown, last = shop.score(["t0", "gone", "r0"], NOW, "p0")
    assert (unknown.known, unknown.probability) == (False, 0.0)
    assert [first.item, last.item] == ["t0", "r0"]
    assert first.known


def test_a_reason_tells_brand_from_category_and_keeps_chinese_brackets() -> None:
    assert sentence("brand", ["Oolong"], "en") == "It is of the same brand as “Oolong”."
    assert sentence("category", ["《夜读》", "乌龙"], "zh") == "它与《夜读》和“乌龙”属于同一品类。"


def kin(liked: str, other: str) -> tuple[str, tuple[str, ...]]:
    """What binds two things of one shop whose texts say nothing, when the rule speaks most."""
    items = [Item("a", "aa", brand="north", category="tea"), Item("b", "bb", brand="north", category="pots"),
             Item("c", "cc", brand="south", category="tea"), Item("d", "dd", brand="east", category="rugs")]  # fmt: skip
    engine = Recommender.start(items, [])
    engine.observe([event("p", liked, days_ago=1)])
    (one,) = engine.score([other], NOW, "p")
    return one.reason, one.because


def test_a_thing_of_the_brand_is_bound_by_it_and_one_of_the_category_by_that() -> None:
    assert kin("a", "b") == ("It is of the same brand as “aa”.", ("a",))
    assert kin("a", "c") == ("It is in the same category as “aa”.", ("a",))
    assert not kin("a", "d")[1]


def test_a_text_is_called_close_only_when_few_others_are_as_close() -> None:
    words = ["red", "green", "blue", "gold", "grey", "pink"]
    items = [Item(f"x{n}", f"wool scarf {word} soft warm plain") for n, word in enumerate(words * 8)]
    items += [Item("twin", "wool scarf soft warm plain lamp oil"), Item("lamp", "soft warm plain lamp oil wick")]
    engine = Recommender.start([replace(one, title=f"{one.title} {one.id}") for one in items], [CountingWords()])
    engine.observe([event("p", "lamp", days_ago=1)])
    twin, other = engine.score(["twin", "x0"], NOW, "p")
    assert twin.because == ("lamp",) and "close to" in twin.reason
    assert other.because == ()


def test_reasons_name_things_the_person_met_in_the_language_asked_for(shop: Recommender) -> None:
    english = shop.recommend(NOW, "p0", wish=PLAIN).items[0]
    chinese = shop.recommend(NOW, "p0", wish=replace(PLAIN, language="zh")).items[0]
    met = {one.item for one in checkerboard() if one.user == "p0"}
    assert english.because
    assert set(english.because) <= met
    title = next(one.title for one in catalogue() if one.id == english.because[0])
    assert title in english.reason
    assert f"“{title}”" in chinese.reason and "《" not in chinese.reason


def test_an_item_that_two_rules_remove_counts_once(shop: Recommender) -> None:
    rules = Filters(exclude_seen=False, categories=("bicycles",), price_max=12.5)
    made = shop.recommend(NOW, wish=replace(PLAIN, filters=rules))
    assert len(made.removed["categories"]) == 8  # all of tea
    assert len(made.removed["price_max"]) == 10  # the five dearest of each kind
    assert made.removed_count == 13  # all of tea and the five dearest things for bicycles


@pytest.mark.parametrize(
    ("filters", "rule", "gone"),
    [
        (Filters(), "exclude_seen", "t1"),
        (Filters(exclude_seen=False, categories=("bicycles",)), "categories", "t0"),
        (Filters(exclude_seen=False, blocked_categories=("tea",)), "blocked_categories", "t0"),
        (Filters(exclude_seen=False, blocked_items=("t0",)), "blocked_items", "t0"),
        (Filters(exclude_seen=False, blocked_brands=("b0",)), "blocked_brands", "t2"),
        (Filters(exclude_seen=False, price_max=12.5), "price_max", "t7"),
        (Filters(exclude_seen=False, price_min=12.5), "price_min", "t0"),
    ],
)
def test_a_filter_removes_and_says_what_it_removed(shop: Recommender, filters: Filters, rule: str, gone: str) -> None:
    made = shop.recommend(NOW, "p0", wish=replace(PLAIN, k=16, filters=filters))
    assert gone not in [one.item for one in made.items]
    assert gone in made.removed[rule]
    assert not set(made.removed[rule]) & {one.item for one in made.items}
    assert len(made.items) == 16 - len(set().union(*made.removed.values()))


def test_what_is_sold_out_is_not_shown() -> None:
    engine = fitted()
    engine.upsert_items([replace(one, available=False) for one in catalogue() if one.id == "t0"])
    made = engine.recommend(NOW, "p0", wish=PLAIN)
    assert "t0" in made.removed["available_only"]
    assert engine.explain("t0", NOW, "p0").removed_by == ("available_only",)


def test_a_cap_keeps_a_list_from_one_category(shop: Recommender) -> None:
    made = shop.recommend(NOW, wish=Wish(k=6, diversity=0, freshness=0, filters=Filters(most_per_category=2)))
    categories = [one.item[0] for one in made.items]
    assert categories.count("t") <= 2
    assert categories.count("r") <= 2
    assert "most_per_category" in made.removed


def test_an_open_cart_comes_back_only_when_asked_for() -> None:
    engine = fitted()
    engine.observe([event("buyer", "t2", "cart", days_ago=1), event("buyer", "t3", "cart", days_ago=1)])
    engine.observe([event("buyer", "t3", "purchase", days_ago=0.5)])
    assert not {"t2", "t3"} & set(shown(engine, "buyer"))
    again = shown(engine, "buyer", replace(PLAIN, k=16, filters=Filters(keep_unfinished=True)))
    assert "t2" in again
    assert "t3" not in again


def test_why_and_why_not_tell_where_an_item_went(shop: Recommender) -> None:
    first = shown(shop, "p0")[0]
    assert (shop.explain(first, NOW, "p0", wish=PLAIN).stage, shop.explain(first, NOW, "p0", wish=PLAIN).place) == (
        "shown",
        1,
    )
    assert shop.explain("t1", NOW, "p0", wish=PLAIN).removed_by == ("exclude_seen",)
    assert shop.explain("no such", NOW, "p0").stage == "unknown"
    low = shop.explain("r6", NOW, "p0", wish=replace(PLAIN, k=1))
    assert low.stage in ("ranking", "route")
    assert low.stage == "route" or (low.rank or 0) > 1
    assert "p0" not in low.sentence


def test_an_item_that_no_route_brought_is_given_no_reason_that_its_verdict_denies() -> None:
    many = [Item(f"x{n}", f"thing {n}", created_at=NOW - timedelta(days=90)) for n in range(80)]
    engine = Recommender.start([*catalogue(), *many], [CountingWords()], EngineOptions(per_route=1))
    engine.observe([*checkerboard(), *(event("somebody", one.id, days_ago=60) for one in many)])
    told = [engine.explain(one.id, NOW, "p0", wish=PLAIN) for one in many]
    lost = next(one for one in told if one.stage == "route")
    assert lost.scored is not None and lost.scored.reason == lost.sentence
    assert "others are more popular" in lost.sentence


def test_only_what_is_new_is_called_new_and_what_nobody_met_is_called_that() -> None:
    items = [Item("new", "aa", created_at=NOW - timedelta(days=2)), Item("unmet", "bb", created_at=NOW - timedelta(days=20)),
             Item("met", "cc", created_at=NOW - timedelta(days=20))]  # fmt: skip
    engine = Recommender.start(items, [])
    engine.observe([event("p", "met", days_ago=19)])
    found = {one.item: one.reason for one in engine.score(["new", "unmet", "met"], NOW)}
    assert found["new"] == "It is new in the catalogue."
    assert found["unmet"] == "Hardly anybody has met it yet."
    assert "new" not in found["met"] and "Hardly" not in found["met"]


def test_explain_and_recommend_tell_one_story(shop: Recommender) -> None:
    wish = Wish(k=4, diversity=0.5, freshness=0.0)
    made = shop.recommend(NOW, "p3", wish=wish)
    for place, one in enumerate(made.items, 1):
        told = shop.explain(one.item, NOW, "p3", wish=wish)
        assert (told.stage, told.place) == ("shown", place)
        assert told.scored is not None
        assert told.scored.score == pytest.approx(one.score, abs=1e-5)


def test_similar_things_share_words_or_buyers(shop: Recommender) -> None:
    assert {one.item for one in shop.similar("t0", 3, NOW)} <= {f"t{n}" for n in range(8)}
    assert shop.similar(Item("x", "bike lamp solar"), 2, NOW)[0].item in ("r0", "r1")
    assert "t0" not in [one.item for one in shop.similar("t0", 15, NOW)]
    assert {one.probability for one in shop.similar("t0", 3, NOW)} == {0.0}  # a likeness is none
    with pytest.raises(DataError, match="no item 'gone'"):
        shop.similar("gone", 3, NOW)


def test_words_find_the_items_nearest_in_meaning(shop: Recommender) -> None:
    assert shop.nearest("steel lock", 1) == ["r3"]
    assert Recommender.start(catalogue(), []).nearest("steel lock", 1) == []


def test_the_same_event_twice_counts_once_and_bad_ones_lose_nobody() -> None:
    engine = fitted()
    good = event("q", "t0", days_ago=1)
    seen = engine.observe([good, event("q", "gone"), event("q", "t1", "waved"), good])
    assert (seen.taken, seen.repeated) == (1, 1)
    assert "Unknown item 'gone'" in seen.refused["q-gone-click-0"]
    assert "Unknown event type 'waved'" in seen.refused["q-t1-waved-0"]


def test_a_forgotten_person_is_as_one_never_seen() -> None:
    engine = fitted()
    assert engine.forget_user("p0")
    assert not engine.forget_user("p0")
    assert not engine.knows_user("p0")
    assert not engine.recommend(NOW, "p0").warm
    engine.observe([event("p0", "r0", number=9)])
    assert shown(engine, "p0")[0].startswith("r")


def test_a_forgotten_item_is_nowhere() -> None:
    engine = fitted()
    assert engine.forget_item("t0")
    assert not engine.forget_item("t0")
    assert engine.item_count == 15
    assert "t0" not in shown(engine, "p0", replace(PLAIN, k=16, filters=Filters(exclude_seen=False)))
    assert engine.score(["t0"], NOW, "p0")[0].known is False
    assert "t0" not in [one.item for one in engine.similar("t1", 15, NOW)]
    assert all("t0" not in one.because for one in engine.recommend(NOW, "p2").items)


def test_saved_and_loaded_is_the_same_and_holds_no_person(tmp_path: Path) -> None:
    engine = fitted()
    engine.forget_item("r7")
    engine.save(tmp_path / "model")
    again = Recommender.load(tmp_path / "model", [CountingWords()])
    assert again.user_count == 0
    assert all(b"p10" not in path.read_bytes() for path in (tmp_path / "model").iterdir())
    again.observe(one for one in checkerboard() if one.item != "r7")
    for user in ("p0", "p1", "p5", "nobody"):
        mine, other = (one.recommend(NOW, user, wish=PLAIN) for one in (engine, again))
        assert [one.item for one in mine.items] == [one.item for one in other.items]
        assert [one.score for one in mine.items] == pytest.approx([one.score for one in other.items], abs=1e-3)
    assert again.version == engine.version


def test_a_model_from_before_a_feature_came_works_on_without_it(tmp_path: Path) -> None:
    engine = fitted()
    engine.save(tmp_path / "model")
    arrays, facts = read_arrays(tmp_path / "model" / STATE)
    later = facts["names"].index("words_near")
    arrays["weights"] = np.delete(arrays["weights"], later)
    del facts["names"][later]
    write_arrays(tmp_path / "model" / STATE, arrays, facts)
    weights = dict(Recommender.load(tmp_path / "model", [CountingWords()]).facts()["weights"])
    assert weights.pop("words_near") == 0
    assert weights == {name: one for name, one in engine.facts()["weights"].items() if name != "words_near"}


def test_a_model_of_another_encoder_is_refused(tmp_path: Path) -> None:
    fitted().save(tmp_path / "model")
    with pytest.raises(DataError, match="made with the text model 'counting-words'"):
        Recommender.load(tmp_path / "model", [CountingWords("another")])


def test_a_large_catalogue_uses_factors_and_still_knows_both_tastes() -> None:
    options = EngineOptions(linear_up_to=4, factors=4)
    engine = Recommender.fit(catalogue(), checkerboard(), [CountingWords()], NOW, options)
    assert engine.facts()["behaviour_model"] == "factors"
    for person in range(6):
        assert shown(engine, f"p{person}")[0].startswith("tr"[person % 2])


def test_without_any_text_model_words_and_behaviour_remain() -> None:
    engine = Recommender.fit(catalogue(), checkerboard(), [], NOW)
    assert shown(engine, "p0")[0] == "t0"
    assert engine.similar("r0", 2, NOW)[0].item.startswith("r")


def test_an_empty_shop_answers_with_an_empty_list() -> None:
    engine = Recommender.fit([], [], [CountingWords()], NOW)
    assert engine.recommend(NOW, "p0").items == ()
    engine.upsert_items([Item("a", "first thing", created_at=NOW)])
    assert shown(engine) == ["a"]
