import doctest

import pytest

from core import errors
from core.errors import BusyError, MissingExtraError, RemoteError, TrifoliumError, known_names, nearest


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(errors).failed == 0


def test_every_error_is_drawn_in_the_docstring_with_its_status():
    found = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, TrifoliumError)]
    assert len(found) == 12
    for cls in found:
        line = next(line for line in (errors.__doc__ or "").splitlines() if f"{cls.__name__} (" in line)
        assert str(cls.status) in line


def test_special_errors_carry_what_a_door_needs():
    busy = BusyError("The queue is full.", status=503, retry_after_s=2.5)
    assert (busy.status, busy.retry_after_s, str(busy)) == (503, 2.5, "The queue is full.")
    assert BusyError("x").status == 429
    assert RemoteError("no such model", permanent=True).permanent and not RemoteError("timeout").permanent
    assert "pip install" in str(MissingExtraError("datasets", "hub", "Reading hub data sets"))


@pytest.mark.parametrize(
    ("name", "known", "found"),
    [("prot", ["host", "port"], "port"), ("PORT", ["host", "port"], "port"), ("zzz", ["port"], None), ("x", [], None)],
)
def test_the_nearest_name_is_found_or_none(name, known, found):
    assert nearest(name, known) == found


def test_a_long_list_of_known_names_is_cut():
    assert known_names("q", [f"name{i:02}" for i in range(20)]).endswith("name11 and 8 more")
    assert known_names("q", []) == "nothing is known here"
