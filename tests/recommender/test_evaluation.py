"""Evaluation: ours beside every baseline on a problem with an evident answer, choices made on the tuning part alone."""

import json
from pathlib import Path

import numpy as np
import pytest

from apps.recommender.evaluation import MEASURES, evaluate
from apps.recommender.measures import baselines, ours
from apps.recommender.measures.baselines import Fitted
from apps.recommender.measures.tables import table, yardstick
from apps.recommender.measures.tuned import sequence_examples
from apps.recommender.public_sets import Case, Part, Problem, amazon_industrial, left_out
from apps.recommender.settings import load_settings
from core.errors import DataError, NotFoundError
from core.events import ignore
from tests.recommender.small_shop import CountingWords, catalogue

BASELINES = ("pop", "itemknn_recency", "ease", "ials", "tfidf", "z_blend")


def two_tastes(people: int = 60) -> Problem:
    """Everybody walks through the seven things of her taste that are hers, beginning at another one."""
    sequences = {f"p{n}": [f"{'tr'[n % 2]}{(n // 2 + step) % 8}" for step in range(7)] for n in range(people)}
    return left_out("two_tastes", catalogue(), sequences, ())


def test_what_is_left_out_is_in_nothing_that_is_learnt_from() -> None:
    problem = two_tastes()
    for part in (*problem.tuning, problem.report):
        for case in part.cases:
            assert case.target not in part.sequences[case.user]
            assert list(case.history) == list(part.sequences[case.user])
    assert {len(own) for own in problem.tuning[0].sequences.values()} == {5}
    assert {len(own) for own in problem.report.sequences.values()} == {6}


def test_a_table_has_every_row_and_each_knows_the_two_tastes() -> None:
    problem = two_tastes()
    report = table(problem, lambda part: [CountingWords()], lambda part: [CountingWords("same")], ignore)
    rows = {row["who"]: row for row in report.rows}
    ours = {"ours", "no_quota", "varied", "varied_as_served", "no_text", "no_behaviour"}
    assert set(rows) == {*BASELINES, *ours, "frozen_encoder"}
    for who in ("itemknn_recency", "ease", "ours"):
        assert rows[who]["hr10"] == 1.0, who
    assert rows["ours"]["ndcg10"] > rows["pop"]["ndcg10"]
    assert report.figures["two_tastes.ndcg10_filtered"] == rows["ours"]["ndcg10"]
    assert report.figures["two_tastes.ease_ndcg10_unfiltered"] == rows["ease"]["ndcg10_unfiltered"]
    assert report.figures["two_tastes.tuned_gain_filtered"] == pytest.approx(0.0)  # the same encoder twice
    assert (
        report.figures["two_tastes.tuned_gain_low_filtered"]
        <= 0
        <= report.figures["two_tastes.tuned_gain_high_filtered"]
    )


def test_the_report_of_a_limit_is_over_so_many_cases_and_writes_flat_figures(tmp_path: Path) -> None:
    report = table(two_tastes(), lambda part: [], None, ignore, limit=7)
    assert any("7 cases" in note for note in report.notes)
    written = json.loads(report.write_json(tmp_path / "x.json").read_text())
    assert written["two_tastes.ndcg10"] == pytest.approx(report.figures["two_tastes.ndcg10"], abs=1e-6)
    assert "meta.date" in written


def test_baselines_score_by_hand() -> None:
    items = catalogue()[:3]
    problem = Problem("x", items, [], Part({"u": [0, 1], "v": [0, 1], "w": [0, 2]}, []))
    fitted, case = Fitted(problem, problem.report), [Case("new", (1,), 0)]
    assert fitted.popularity.tolist() == [3, 2, 1]
    nearest = baselines.rankers()["itemknn_recency"][0](fitted, case)[0]
    assert nearest == pytest.approx([2 / (np.sqrt(6) + 1), 0, 0])
    assert np.isneginf(baselines.without_seen(fitted.popularity[None], case)[0, 1])
    faded = fitted.histories([Case("new", (0, 2, 0), 1)], 0.5).toarray()[0]
    assert faded.tolist() == [1.0, 0.0, 0.5]  # the newest meeting of an item counts


def test_ours_in_an_evaluation_is_what_the_engine_serves() -> None:
    problem = two_tastes()
    knowledge = ours.fitted(problem, problem.report, [CountingWords()])
    blend = ours.blend_without(ours.learn_ours(problem, lambda part: [CountingWords()])[0], ())
    case = problem.report.cases[0]
    listed = ours.rank(knowledge, {"ours": ours.Way(blend)}, [case])["ours"].filtered.lists[0]
    from apps.recommender.lists import trace
    from apps.recommender.records import Wish

    made = trace(knowledge, blend, ours.person(case, knowledge), Wish(k=10, diversity=0, freshness=0), ours.END)
    served = made.candidates.rows[made.places]
    assert served.tolist() == listed[listed >= 0].tolist()


def test_the_text_model_of_a_part_reads_no_target_of_its_cases() -> None:
    problem = two_tastes(20)
    for part in (problem.tuning[0], problem.report):
        learnt = {(one.history, one.target) for one in sequence_examples(problem, part)}
        texts = [one.text for one in problem.items]
        for case in part.cases:
            assert (tuple(texts[n] for n in reversed(case.history)), texts[case.target]) not in learnt


def test_folds_of_the_rebuilt_set_keep_their_users_targets_to_themselves(tmp_path: Path) -> None:
    items = {
        str(n): {"title": f"Thing {n}", "description": "['A <b>bold</b>  thing', 'of use']", "brand": ""}
        for n in range(8)
    }
    (tmp_path / "items.json").write_text(json.dumps(items))
    head = "user_id,history_item_title,item_title,history_item_id,item_id,history_item_sid,item_sid\n"
    rows = [f'u{n},[],x,"[{n % 4}, {n % 4 + 1}]",{n % 3 + 5},[],x\n' for n in range(9)]
    rows += [f'u{n},[],x,"[{n % 4}, {n % 4 + 1}, {n % 3 + 5}]",{(n + 1) % 3 + 5},[],x\n' for n in range(9)]
    (tmp_path / "valid.csv").write_text(head + "".join(rows))
    (tmp_path / "test.csv").write_text(head + 'z,[],x,"[6, 7]",0,[],x\n')
    problem = amazon_industrial(tmp_path)
    assert problem.items[0].description == "A bold thing of use"
    assert [len(part.cases) for part in problem.tuning] == [6, 6, 6]  # a third each of nine users, two rows a user
    for part in problem.tuning:
        own = {case.user for case in part.cases}
        for case in part.cases:
            assert case.target not in part.sequences[case.user]
        others = set(part.sequences) - own
        assert all(set(part.sequences[user]) & {5, 6, 7} for user in others)
    assert "z" not in problem.report.sequences  # nothing of the test file is learnt from
    assert problem.report.sequences["u0"] == [0, 1, 5, 6]


def test_variety_is_measured_in_a_space_of_its_own() -> None:
    space = yardstick(two_tastes())
    assert np.linalg.norm(space, axis=1) == pytest.approx(np.ones(16), abs=1e-5)
    assert space[0] @ space[1] > space[0] @ space[8]


def test_an_unknown_or_absent_set_is_one_sentence(tmp_path: Path) -> None:
    settings = load_settings()
    with pytest.raises(NotFoundError, match=r"No data set 'amazon'"):
        evaluate(settings, "amazon")
    for name in ("amazon_industrial", "amazon_beauty", "ml_100k", "ml_latest_small"):
        assert name in MEASURES
        with pytest.raises(DataError, match="There is no folder"):
            evaluate(settings, name, folder=tmp_path / "absent")
