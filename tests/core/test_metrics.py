import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import metrics as m
from core.errors import DataError


@pytest.fixture(scope="module")
def case():
    """60 made predictions over 4 classes with probabilities, seeded."""
    random = np.random.default_rng(3)
    probabilities = random.dirichlet(np.ones(4), size=60)
    labels = np.where(random.random(60) < 0.6, probabilities.argmax(1), random.integers(0, 4, 60))
    return probabilities, labels


def test_classification_agrees_with_sklearn(case):
    from sklearn import metrics as sk

    probabilities, labels = case
    said = probabilities.argmax(1)
    assert m.accuracy(said, labels) == pytest.approx(sk.accuracy_score(labels, said))
    assert m.macro_f1(said, labels) == pytest.approx(sk.f1_score(labels, said, average="macro"))
    assert (m.confusion_matrix(said, labels) == sk.confusion_matrix(labels, said)).all()
    theirs = sk.classification_report(labels, said, output_dict=True, zero_division=0)
    for name, ours in m.per_class_report(said, labels).items():
        assert ours.precision == pytest.approx(theirs[name]["precision"])
        assert ours.recall == pytest.approx(theirs[name]["recall"])
        assert ours.f1 == pytest.approx(theirs[name]["f1-score"])
        assert ours.support == theirs[name]["support"]
    assert m.brier_score(probabilities, labels) == pytest.approx(
        sum(sk.brier_score_loss(labels == c, probabilities[:, c]) for c in range(4))
    )


def test_names_are_classes_too_and_absent_ones_count_when_asked_for():
    said, true = ["退货", "退货", "物流"], ["退货", "物流", "物流"]
    assert m.macro_f1(said, true) == pytest.approx(2 / 3)
    assert m.macro_f1(said, true, classes=["退货", "物流", "发票"]) == pytest.approx(4 / 9)
    assert m.per_class_report(said, true)["退货"] == m.ClassScores(0.5, 1.0, pytest.approx(2 / 3), 1)
    with pytest.raises(DataError, match="'物流' is not among the classes"):
        m.confusion_matrix(said, true, classes=["退货"])


def test_calibration_error_of_a_worked_example():
    # two sure answers (0.9) of which one is right, two unsure ones (0.6) both right: (0.4 + 0.4) / 2
    rows = [[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]]
    assert m.expected_calibration_error(rows, [0, 1, 0, 0]) == pytest.approx(0.4)
    assert m.expected_calibration_error([[1.0, 0.0]] * 3, [0, 0, 0]) == 0.0
    assert m.expected_calibration_error([[1.0, 0.0]] * 3, [1, 1, 1]) == 1.0


def test_calibration_error_agrees_with_a_plain_loop(case):
    probabilities, labels = case
    total = 0.0
    for low in np.arange(15) / 15:
        inside = [i for i, row in enumerate(probabilities) if low < row.max() <= low + 1 / 15]
        if inside:
            right = np.mean([probabilities[i].argmax() == labels[i] for i in inside])
            total += len(inside) / 60 * abs(right - np.mean([probabilities[i].max() for i in inside]))
    assert m.expected_calibration_error(probabilities, labels) == pytest.approx(total)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40))
def test_auroc_agrees_with_sklearn_also_on_ties(pairs):
    from sklearn.metrics import roc_auc_score

    scores, labels = [score for score, _ in pairs], [label for _, label in pairs]
    if len(set(labels)) < 2:
        with pytest.raises(DataError, match="both true and false"):
            m.auroc(scores, labels)
    else:
        assert m.auroc(scores, labels) == pytest.approx(roc_auc_score(labels, scores))


def test_ranking_measures_of_a_worked_example():
    rankings, relevant = [["a", "b", "c"], ["x", "y", "z"]], [{"b"}, {"x", "z"}]
    assert m.mrr(rankings, relevant) == pytest.approx((1 / 2 + 1) / 2)
    assert m.recall_at_k(rankings, relevant, 1) == pytest.approx((0 + 1 / 2) / 2)
    assert m.recall_at_k(rankings, relevant, 3) == 1.0
    assert m.hit_at_k(rankings, relevant, 1) == 0.5 and m.hit_at_k(rankings, relevant, 2) == 1.0
    first, second = 1 / np.log2(3), (1 + 1 / np.log2(4)) / (1 + 1 / np.log2(3))
    assert m.ndcg(rankings, relevant, 3) == pytest.approx((first + second) / 2)
    assert m.mrr([["q"]], [["a"]]) == 0.0 and m.mrr([[]], [["a"]]) == 0.0


def test_graded_ndcg_agrees_with_sklearn():
    from sklearn.metrics import ndcg_score

    random = np.random.default_rng(5)
    gains, scores = random.integers(0, 4, 20).astype(float), random.random(20)
    ranked = list(np.argsort(-scores))
    for k in (1, 5, 20):
        assert m.ndcg([ranked], [dict(enumerate(gains))], k) == pytest.approx(ndcg_score([gains], [scores], k=k))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: m.mrr([["a"]], []), "Each ranking needs"),
        (lambda: m.recall_at_k([["a"]], [[]], 1), "Query 0 has nothing relevant"),
        (lambda: m.recall_at_k([["a"]], [["a"]], 0), "k must be at least 1, got 0"),
        (lambda: m.ndcg([["a", "a"]], [["a"]], 2), "names a thing twice"),
        (lambda: m.accuracy([1], [1, 2]), "two lists of one length"),
        (lambda: m.accuracy([], []), "nothing to measure"),
        (lambda: m.expected_calibration_error([[0.9, 0.3]], [0]), "must sum to 1"),
        (lambda: m.expected_calibration_error([[0.9, 0.1]], [2]), "from 0 to 1"),
        (lambda: m.expected_calibration_error([0.9], [0]), r"must be \(n, classes\)"),
        (lambda: m.auroc([0.1, float("nan")], [0, 1]), "1 are not a number"),
        (lambda: m.percentiles_ms([]), "nothing to measure"),
        (lambda: m.threshold_for_rejection([1.0], 1.0), "from 0 to below 1"),
        (lambda: m.token_f1("a", "a"), "must be a list"),
        (lambda: m.exact_match("a", []), "must be a list"),
        (lambda: m.bleu([], []), "needs its right answers"),
    ],
)
def test_what_cannot_be_measured_is_refused(call, words):
    with pytest.raises(DataError, match=words):
        call()


def test_english_answers_are_compared_as_squad_does():
    assert m.exact_match("The  cat!", ["a cat", "dog"]) == 1.0
    assert m.token_f1("the red cat sat", ["red cat"]) == pytest.approx(2 * (2 / 3) * 1 / (2 / 3 + 1))
    assert m.token_f1("no", ["yes", "no way"]) == pytest.approx(2 / 3)
    assert m.token_f1("", [""]) == 1.0 and m.token_f1("x", [""]) == 0.0 and m.token_f1("the", ["x"]) == 0.0


def cmrc_f1(gold, said):
    """The core of cmrc2018_evaluate.py: common run of characters, precision, recall."""
    best = 0
    table = [[0] * (len(said) + 1) for _ in range(len(gold) + 1)]
    for i, a in enumerate(gold):
        for j, b in enumerate(said):
            if a == b:
                table[i + 1][j + 1] = table[i][j] + 1
                best = max(best, table[i + 1][j + 1])
    if not best:
        return 0.0
    precision, recall = best / len(said), best / len(gold)
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize(
    ("said", "gold"),
    [("二到四个工作日", "需要二到四个工作日"), ("三十天内可以退货", "三十天"), ("不行", "可以"), ("茶具茶", "茶茶具")],
)
def test_chinese_answers_are_compared_as_cmrc_does(said, gold):
    assert m.token_f1(said, [gold], "zh") == pytest.approx(cmrc_f1(gold, said))


def test_chinese_answers_ignore_marks_and_keep_numbers_whole():
    assert m.exact_match("“30天”，可退。", ["30天可退"], "zh") == 1.0
    assert m.exact_match("退货", ["換貨", "退 货！"], "zh") == 1.0
    assert m.token_f1("S$4.90", ["4.90"], "zh") == pytest.approx(0.5)  # s, $, 4.90
    assert m.exact_match("8%", ["8"], "zh") == 0.0 and m.exact_match("８％", ["8%"], "zh") == 1.0


SAID = ["the cat sat on the mat", "There is a cat here now.", "express is free"]
GOLD = [
    ["the cat is on the mat", "a cat sat on a mat"],
    ["There is a cat here."],
    ["Express delivery is free for Gold."],
]


def test_bleu_is_that_of_sacrebleu_with_uneven_references():
    from sacrebleu.metrics import BLEU

    streams = [[gold[0] for gold in GOLD], [gold[1] if len(gold) > 1 else None for gold in GOLD]]
    assert m.bleu(SAID, GOLD) == pytest.approx(BLEU(tokenize="13a").corpus_score(SAID, streams).score)
    assert m.bleu(SAID, [[said] for said in SAID]) == pytest.approx(100)
    zh = m.bleu(["标准配送需要二到四个工作日"], [["标准配送要二到四个工作日"]], "zh")
    expected = BLEU(tokenize="zh").corpus_score(["标准配送需要二到四个工作日"], [["标准配送要二到四个工作日"]]).score
    assert zh == pytest.approx(expected) and zh > 50  # without a Chinese tokenizer it would be 0


def test_rouge_l_is_that_of_rouge_score():
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=False)
    for said, golds in zip(SAID, GOLD, strict=True):
        assert m.rouge_l(said, golds) == pytest.approx(scorer.score_multi(golds, said)["rougeL"].fmeasure)


def test_rouge_l_for_chinese_counts_characters_in_order():
    assert m.rouge_l("退货需要七天", ["七天内退货"], "zh") == pytest.approx(2 * 2 / 11)
    assert m.rouge_l("", ["x"]) == 0.0 and m.rouge_l("", [""]) == 1.0


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="abc", max_size=12), st.text(alphabet="abc", max_size=12))
def test_the_bitwise_subsequence_agrees_with_the_table(first, second):
    from core.metrics_text import _longest_subsequence

    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            table[i + 1][j + 1] = table[i][j] + 1 if a == b else max(table[i][j + 1], table[i + 1][j])
    assert _longest_subsequence(first, second) == table[-1][-1]


def test_the_bootstrap_interval_holds_the_mean_and_repeats_with_its_seed():
    values = np.arange(100) / 100
    low, high = m.bootstrap_interval(values, seed=1)
    assert low < values.mean() < high
    spread = 1.96 * values.std() / 10  # what the central limit theorem says
    assert (high - low) / 2 == pytest.approx(spread, rel=0.15)
    assert m.bootstrap_interval(values, seed=1) == (low, high) != m.bootstrap_interval(values, seed=2)
    assert m.bootstrap_interval([1.0] * 5, seed=1) == (1.0, 1.0)


def test_risk_coverage_of_a_worked_example():
    curve = m.risk_coverage([0.9, 0.8, 0.8, 0.1], [1, 1, 0, 0])
    assert curve.thresholds.tolist() == [0.9, 0.8, 0.1]
    assert curve.coverage.tolist() == [0.25, 0.75, 1.0]
    assert curve.risk.tolist() == [0, pytest.approx(1 / 3), 0.5]
    assert curve.area == pytest.approx(0.5 / 3 + 0.25 / 2)


def test_thresholds_keep_their_promise():
    confidence, correct = [0.9, 0.8, 0.8, 0.1], [1, 1, 0, 0]
    assert m.threshold_for_risk(confidence, correct, 0.4) == 0.8
    assert m.threshold_for_risk(confidence, correct, 0.1) == 0.9
    assert m.threshold_for_risk(confidence, correct, 1.0) == 0.1
    assert m.threshold_for_risk([0.9, 0.5], [0, 0], 0.1) == float("inf")
    scores = np.arange(20) / 20
    threshold = m.threshold_for_rejection(scores, 0.05)
    assert (scores < threshold).mean() == pytest.approx(0.05)
    assert (scores < m.threshold_for_rejection(scores, 0.0)).sum() == 0
    assert (np.ones(9) < m.threshold_for_rejection(np.ones(9), 0.5)).sum() == 0


def test_durations_are_told_in_milliseconds():
    assert m.percentiles_ms([0.1] * 19 + [1.1]) == {"p50": pytest.approx(100), "p95": pytest.approx(150)}
