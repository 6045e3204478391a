from dataclasses import FrozenInstanceError

import pytest

from core.events import Log, Metric, Progress, Token, ignore


def test_events_are_values_that_cannot_change():
    assert Token("好") == Token("好") and Metric("loss", 1.0) == Metric("loss", 1.0, None)
    with pytest.raises(FrozenInstanceError):
        Log("x").text = "y"


@pytest.mark.parametrize(("done", "total", "fraction"), [(0, 4, 0.0), (1, 4, 0.25), (9, 4, 1.0), (3, 0, 0.0)])
def test_the_fraction_of_progress_is_always_drawable(done, total, fraction):
    assert Progress("read", done, total).fraction == fraction
    assert ignore(Progress("read", done, total)) is None
