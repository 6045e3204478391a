"""The second reading: it moves what it read, keeps what it did not reach, and watches the clock."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from apps.recommender.engine import Recommender
from apps.recommender.records import Wish
from apps.recommender.reranking import AT_ONCE, reread
from tests import tiny
from tests.recommender.small_shop import NOW, CountingWords, catalogue, checkerboard

SCORES = np.linspace(3, 1, 12).astype(np.float32)
TEXTS = [f"text {n}" for n in range(12)]


class Likes:
    """Finds one text relevant and counts what it was given to read."""

    name = "likes"

    def __init__(self, wanted: str) -> None:
        self.wanted, self.read = wanted, 0

    def scores(self, query: str, texts: Sequence[str]) -> np.ndarray:
        self.read += len(texts)
        return np.array([10.0 if self.wanted in text else 0.0 for text in texts], np.float32)


class Clock:
    """Each look at it is a second later."""

    def __init__(self) -> None:
        self.now = -1.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def test_what_it_finds_relevant_rises_and_the_mean_stays() -> None:
    found = reread(Likes("text 11"), ["a"], TEXTS, SCORES, deadline_s=100)
    assert found.read == 12
    assert np.argmax(SCORES + found.added) in (0, 11)
    assert found.added[11] > 0 > found.added[0]
    assert found.added.sum() == pytest.approx(0, abs=1e-5)


def test_after_the_deadline_the_rest_keeps_its_score() -> None:
    scorer = Likes("text 1")
    found = reread(scorer, ["a"], TEXTS, SCORES, deadline_s=1.5, clock=Clock())
    assert found.read == scorer.read == AT_ONCE
    assert not found.added[AT_ONCE:].any()
    assert reread(scorer, ["a"], TEXTS, SCORES, deadline_s=0.5, clock=Clock()).read == 0


def test_opinions_that_are_all_alike_move_nothing() -> None:
    assert not reread(Likes("absent"), ["a"], TEXTS, SCORES, deadline_s=100).added.any()


def test_a_list_with_a_deadline_is_read_again_and_its_parts_still_sum() -> None:
    engine = Recommender.fit(catalogue(), checkerboard(), [CountingWords()], NOW)
    plain = engine.recommend(NOW, "nobody-known", wish=Wish(k=5, diversity=0, freshness=0))
    engine.reranker = Likes("steel")
    wish = Wish(k=16, diversity=0, freshness=0, deadline_s=60)
    made = engine.recommend(NOW, "p1", wish=wish)
    without = engine.recommend(NOW, "p1", wish=Wish(k=16, diversity=0, freshness=0))
    for one in made.items:
        assert sum(one.parts.values()) == pytest.approx(one.score, abs=1e-4)
    assert {one.item for one in made.items} == {one.item for one in without.items}
    assert plain.notes == ()


def test_a_tiny_cross_encoder_reads_pairs(tmp_path: Path) -> None:
    from core.inference.pairs import CrossEncoder

    folder = tiny.encoder(tmp_path / "tiny-reranker")
    scorer = CrossEncoder(str(folder), tmp_path, tiny.PLAN)
    together = scorer.scores("tea pot", ["clay", "bike lamp", "茶壶"])
    alone = [float(scorer.scores("tea pot", [text])[0]) for text in ("clay", "bike lamp", "茶壶")]
    assert together == pytest.approx(alone, abs=1e-4)
    assert len(scorer.scores("tea", [])) == 0
