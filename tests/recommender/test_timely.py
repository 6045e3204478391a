"""Calls under a deadline, from a thread and from an event loop."""

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from apps.recommender.timely import Timely
from core.errors import DataError


@pytest.fixture
def timely() -> Iterator[Timely]:
    made = Timely(0.2)
    yield made
    made.close()


def in_thread(timely: Timely, call: Callable[[], str]) -> str | None:
    return timely.wait(call)


def in_loop(timely: Timely, call: Callable[[], str]) -> str | None:
    return asyncio.run(timely.soon(call))


WAYS = pytest.mark.parametrize("ask", [in_thread, in_loop])


@WAYS
def test_an_answer_in_time_is_handed_on(timely, ask):
    assert ask(timely, lambda: "tea") == "tea"


@WAYS
def test_a_late_answer_is_none_and_holds_nobody_up(timely, ask, caplog):
    held = threading.Event()
    try:
        assert ask(timely, lambda: str(held.wait(10))) is None
        assert "did not answer in time" in caplog.text
        assert ask(timely, lambda: "cup") == "cup"
    finally:
        held.set()


@WAYS
def test_a_broken_answer_is_none_and_told_to_the_log(timely, ask, caplog):
    assert ask(timely, lambda: str(1 / 0)) is None
    assert "The model failed" in caplog.text and "ZeroDivisionError" in caplog.text


@WAYS
def test_what_the_caller_did_wrong_is_raised(timely, ask):
    def refuse() -> str:
        raise DataError("There is no item 'x'.")

    with pytest.raises(DataError, match="no item 'x'"):
        ask(timely, refuse)


def test_a_loop_goes_on_while_it_waits(timely):
    held = threading.Event()

    async def both() -> list[str | None]:
        async def release() -> None:
            held.set()

        found, _ = await asyncio.gather(timely.soon(lambda: "now" if held.wait(10) else "never"), release())
        return [found]

    assert asyncio.run(both()) == ["now"]
