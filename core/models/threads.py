"""Chooses how many threads multiply, by trying it out: more is not always faster.

Two kinds of work are tried, for they differ. A prompt or a batch is a few large products. One token of an answer is a
hundred small ones, at each of which every thread waits for the slowest. And a server has several threads that compute,
each with helpers of its own: once these are more than the cores, OpenMP lets idle helpers sleep at once, and waking
them at each small product costs more than they bring (Gemma 270M: 45 instead of 32 ms a token on two cores). So steps
are tried in a thread beside another that has helpers.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

WIDTH, INNER, PAIRS = 640, 2048, 4  # layers as of Gemma 270M
MANY_ROWS = 256
BETWEEN = 4  # times five tiny operations between two products of a step, as a decoder has
ROUNDS = 4  # each number has its turn in each, so that a short disturbance meets all of them
GOOD_ENOUGH = 0.9  # of the best rate: the smaller number then leaves cores to others


@dataclass(frozen=True)
class Threads:
    """Numbers of threads for products of many rows, and for the steps in which an answer is made."""

    batch: int
    step: int


@lru_cache(maxsize=4)
def measure(dtype: str, budget_s: float = 0.4) -> Threads:
    """The numbers with which each kind of work in ``dtype`` is quickest now, in about ``budget_s``."""
    candidates = sorted({1, max(1, usable_cores() // 2), usable_cores()})
    if candidates == [1]:
        return Threads(1, 1)
    run = _layers(dtype)
    seconds = budget_s / (2 * ROUNDS * len(candidates))
    batch = _quickest(lambda: run(MANY_ROWS, 0), candidates, seconds)  # this thread has helpers from now on
    with ThreadPoolExecutor(1) as another:
        step = another.submit(_quickest, lambda: run(1, BETWEEN), candidates, seconds)
    return Threads(batch, step.result())


def usable_cores() -> int:
    """Cores this process may use: its affinity, bounded by a container's CPU quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return cores if quota == "max" else max(1, min(cores, round(int(quota) / int(period))))
    except (OSError, ValueError):
        return cores


def _layers(dtype: str) -> Callable[[int, int], None]:
    """What sends a number of rows through layers like a decoder's, with tiny operations between them."""
    import torch

    from core.models.half_linear import halve

    number = getattr(torch, dtype)
    sizes = [(WIDTH, INNER), (INNER, WIDTH)] * PAIRS
    layers = torch.nn.Sequential(*(torch.nn.utils.skip_init(torch.nn.Linear, *size, dtype=number) for size in sizes))
    for weight in layers.parameters():
        torch.nn.init.constant_(weight, 1e-3)
    halve(layers)

    @torch.inference_mode()
    def run(rows: int, between: int) -> None:
        hidden = torch.ones(rows, WIDTH, dtype=number)
        for layer in layers:
            hidden = layer(hidden)
            for _ in range(between):
                hidden = hidden * torch.rsqrt(hidden.pow(2).mean(-1, keepdim=True) + 1e-6)

    return run


def _quickest(run: Callable[[], None], candidates: list[int], seconds: float) -> int:
    import torch

    before, done = torch.get_num_threads(), dict.fromkeys(candidates, 0.0)
    run()  # the first call starts the threads
    try:
        for _ in range(ROUNDS):
            for count in candidates:
                torch.set_num_threads(count)
                done[count] += _rate(run, seconds)
    finally:
        torch.set_num_threads(before)
    return min(count for count, rate in done.items() if rate >= GOOD_ENOUGH * max(done.values()))


def _rate(run: Callable[[], None], seconds: float) -> float:
    begin, done = time.perf_counter(), 0
    while not done or time.perf_counter() - begin < seconds:
        run()
        done += 1
    return done / (time.perf_counter() - begin)
