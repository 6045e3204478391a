"""Words of items: pairs compared as the words themselves would be, new texts at once, dropped ones no more."""

import numpy as np
import pytest

from apps.recommender.shared_words import shared_words
from apps.recommender.wording import Wording

TEXTS = ("clay tea pot", "clay tea cup", "brass bike bell", "紫砂茶壶", "紫砂茶杯", "...")


def index() -> Wording:
    made = Wording.fit(TEXTS)
    for row, text in enumerate(TEXTS):
        made.put(row, text)
    return made


def test_the_likeness_of_a_pair_is_that_of_a_text_and_the_profile_of_the_other() -> None:
    made, rows = index(), np.arange(len(TEXTS))
    near = made.words(rows).near(made.words(rows))
    one_by_one = [made.likeness(made.profile(np.array([row]), np.ones(1, np.float32)), rows) for row in rows]
    assert near == pytest.approx(np.stack(one_by_one), abs=1e-6)
    assert np.diag(near) == pytest.approx([1, 1, 1, 1, 1, 0], abs=1e-6)  # the last has no words
    assert near[0, 1] > 0 and near[3, 4] > 0
    assert near[0, 2] == near[0, 3] == 0


def test_nothing_met_or_nothing_asked_is_no_error() -> None:
    made, none = index(), np.zeros(0, np.int64)
    assert made.words(np.arange(2)).near(made.words(none)).shape == (2, 0)
    assert made.words(none).near(made.words(np.arange(2))).shape == (0, 2)


def test_a_new_text_has_its_words_at_once_and_a_dropped_one_none() -> None:
    made = index()
    made.put(len(TEXTS), "tea tin")
    both = np.array([0, len(TEXTS)])
    assert made.words(both[1:]).near(made.words(both[:1]))[0, 0] > 0
    made.drop(0)
    assert made.words(both[1:]).near(made.words(both[:1]))[0, 0] == 0


def test_shared_words_are_said_as_the_first_text_writes_them() -> None:
    assert shared_words("Bells of BRASS for 2 bikes", "a brass bell, a bike") == ["Bells", "BRASS", "bikes"]
    assert shared_words("紫砂茶杯，新品", "紫砂茶壶") == ["紫砂"]
    assert shared_words("the lid of the pot", "the end of the road") == []
