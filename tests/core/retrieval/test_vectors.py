import numpy as np
import pytest

from core.errors import DataError
from core.retrieval.vector_cache import VectorCache
from core.retrieval.vectors import VectorIndex


def unit(count: int, dim: int = 16, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def names(count: int) -> list[str]:
    return [f"t{row}" for row in range(count)]


def filled(count: int, exact_up_to: int = 50_000) -> VectorIndex:
    index = VectorIndex("tiny", 16, exact_up_to)
    index.add(names(count), unit(count), names(count))
    return index


def test_nearest_are_those_of_plain_numpy():
    rows, index = unit(100), filled(100)
    for question in unit(5, seed=9):
        expected = np.argsort(-(rows @ question))[:7]
        hits = index.search(question, 7)
        assert [hit.id for hit in hits] == [f"t{row}" for row in expected]
        assert [hit.score for hit in hits] == pytest.approx((rows @ question)[expected], abs=1e-6)
        assert index.nearest(question, 7) == [hit.id for hit in hits]
        assert index.scores(question, ["t3", "none"]) == [pytest.approx(float(rows[3] @ question), abs=1e-6), None]


@pytest.mark.parametrize("exact_up_to", [50_000, 100])
def test_changes_are_seen_at_once(exact_up_to):
    rows, index = unit(400), filled(300, exact_up_to)
    index.add(names(400)[300:], rows[300:], names(400)[300:])
    assert index.clustered == (exact_up_to == 100)
    assert index.search(rows[350], 1)[0].id == "t350"
    index.update(["t350"], rows[:1], ["new"])
    index.delete(["t0", "unknown"])
    assert index.search(rows[0], 1)[0].id == "t350"
    assert index.hashes["t350"] == "new"
    assert len(index) == 399
    assert index.scores(rows[0], ["t0", "t350"]) == [None, pytest.approx(1, abs=1e-5)]


@pytest.mark.parametrize("exact_up_to", [50_000, 100])
def test_saved_is_loaded_and_still_changes(tmp_path, exact_up_to):
    index = filled(300, exact_up_to)
    index.delete(["t5"])
    index.save(tmp_path / "v.npz")
    loaded = VectorIndex.load(tmp_path / "v.npz", "tiny", 16, exact_up_to)
    question = unit(1, seed=4)[0]
    assert loaded.search(question, 20) == index.search(question, 20)
    loaded.add(["t5"], unit(300)[5:6], ["t5"])
    loaded.delete(["t6"])
    assert loaded.search(unit(300)[5], 1)[0].id == "t5"
    assert loaded.scores(question, ["t6"]) == [None]


def test_clusters_find_nearly_what_exact_search_finds():
    exact, clustered = filled(3000), filled(3000, exact_up_to=100)
    shares = []
    for question in unit(50, seed=5):
        right = {hit.id for hit in exact.search(question, 5)}
        shares.append(len(right & {hit.id for hit in clustered.search(question, 5)}) / 5)
    assert np.mean(shares) > 0.6  # noise has no clusters, so this is the worst case


def test_a_filter_looks_as_deep_as_it_must():
    index = filled(300)
    assert [hit.id for hit in index.search(unit(1)[0], 2, allowed=lambda one: one in {"t7", "t8"})] != []
    assert {hit.id for hit in index.search(unit(1)[0], 2, allowed=lambda one: one in {"t7", "t8"})} == {"t7", "t8"}


def test_files_of_another_model_or_torn_ones_are_refused(tmp_path):
    path = tmp_path / "v.npz"
    filled(10).save(path)
    with pytest.raises(DataError, match="another model"):
        VectorIndex.load(path, "other", 16)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match="built again"):
        VectorIndex.load(path, "tiny", 16)


@pytest.mark.parametrize(
    ("ids", "rows", "words"),
    [
        (["t1"], unit(1), "already"),
        (["x", "x"], unit(2), "already"),
        (["x"], unit(1, dim=8), r"\(n, 16\)"),
        (["x"], np.full((1, 16), np.nan, np.float32), "not finite"),
    ],
)
def test_what_cannot_be_indexed_is_refused(ids, rows, words):
    index = filled(3)
    with pytest.raises(DataError, match=words):
        index.add(ids, rows, ids)
    assert len(index) == 3


class Counting:
    """Encodes and remembers what it was asked."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, texts):
        self.seen += texts
        return np.array([[len(text), 1.0] for text in texts], np.float32)


def test_no_text_is_embedded_twice_even_by_another_process(tmp_path):
    encode, events = Counting(), []
    path = tmp_path / "deep" / "cache.db"
    first = VectorCache(path, 2).vectors(["a", "bb", "a", "ａ"], encode, events.append)
    assert first.tolist() == [[1, 1], [2, 1], [1, 1], [1, 1]]  # full width is the same text
    second = VectorCache(path, 2).vectors(["bb", "ccc"], encode)
    assert second.tolist() == [[2, 1], [3, 1]]
    assert encode.seen == ["a", "bb", "ccc"]
    assert (events[-1].done, events[-1].total) == (2, 2)
    assert VectorCache(path, 2).vectors([], encode).shape == (0, 2)


def test_a_damaged_cache_is_begun_anew(tmp_path):
    path = tmp_path / "cache.db"
    path.write_bytes(b"this is no database" * 100)
    encode = Counting()
    assert VectorCache(path, 2).vectors(["a"], encode).tolist() == [[1, 1]]


def test_clusters_of_half_precision_hold_the_cosine_to_three_digits():
    rows, index = unit(400), filled(400, 100)
    hit = index.search(rows[7], 1)[0]
    assert hit.id == "t7" and hit.score == pytest.approx(1.0, abs=2e-3)
    assert index.scores(rows[8], ["t7"])[0] == pytest.approx(float(rows[7] @ rows[8]), abs=2e-3)
    assert index.nearest(rows[7], 0) == [] and len(index.nearest(rows[7], 1000)) <= 400
