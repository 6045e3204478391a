"""What long work reports while it runs: four frozen events and the callable that takes them.

Work never prints or draws; each door (terminal, page, HTTP) shows the events its own way.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of ``total`` steps of the named stage; ``total`` is 0 when unknown, ``left_s`` None when unknown."""

    stage: str
    done: int
    total: int
    left_s: float | None = None

    @property
    def fraction(self) -> float:
        """Done part in [0, 1]; 0 when the total is unknown."""
        return min(1.0, self.done / self.total) if self.total > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Metric:
    """One measured number, at a step when it belongs to one."""

    name: str
    value: float
    step: int | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of generated text, in order; joined together they are the whole text."""

    text: str


@dataclass(frozen=True, slots=True)
class Log:
    """One sentence for the person who watches."""

    text: str


Event: TypeAlias = Progress | Metric | Token | Log
OnEvent: TypeAlias = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The listener for work nobody watches."""
