"""How probable each of several continuations is: one reading of the prompt, one pass over all branches, no sampling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from core.inference.batching import CHUNK, Scheduler


def deciding_tokens(choices: Sequence[Sequence[int]]) -> list[list[int]]:
    """Each choice cut after the first token that tells it from all the others.

    >>> deciding_tokens([[7, 1], [7, 2, 5], [9]])
    [[7, 1], [7, 2], [9]]
    """
    cut = []
    for number, choice in enumerate(choices):
        others = [other for place, other in enumerate(choices) if place != number]
        length = next(
            (n for n in range(1, len(choice)) if all(list(other[:n]) != list(choice[:n]) for other in others)),
            len(choice),
        )
        cut.append(list(choice[:length]))
    return cut


def choose(scheduler: Scheduler, prompt: list[int], choices: Sequence[Sequence[int]]) -> np.ndarray:
    """(choices,) probabilities of the deciding tokens, scaled to sum to 1. Runs in the scheduler's thread."""
    cut = deciding_tokens(choices)
    after_prompt = _read(scheduler, prompt)
    totals = torch.stack([after_prompt[branch[0]] for branch in cut])
    if max(len(branch) for branch in cut) > 1:
        totals = totals + _later(scheduler, len(prompt), cut)
    return np.asarray(torch.softmax(totals, dim=0).cpu().numpy(), dtype=np.float64)


def _read(scheduler: Scheduler, prompt: list[int]) -> torch.Tensor:
    """Log-probabilities (vocabulary,) after the prompt, whose keys and values are then in the spare row and kept."""
    row = scheduler.streams
    done = scheduler.read_prompt(row, prompt)
    while done < len(prompt):
        chunk = prompt[done : done + CHUNK]
        logits = scheduler.passes.run(row, [chunk], [done], keep=1)
        done += len(chunk)
    scheduler.store.keep(scheduler.adapter, prompt, scheduler.passes.cache.copy_out(row, done))
    return torch.log_softmax(logits[0, -1].float(), dim=-1)


def _later(scheduler: Scheduler, begin: int, cut: Sequence[Sequence[int]]) -> torch.Tensor:
    """(choices,) summed log-probabilities of each branch's later tokens; branches see the prompt and themselves."""
    ids = [token for branch in cut for token in branch]
    owner = torch.tensor([number for number, branch in enumerate(cut) for _ in branch])
    depth = torch.tensor([place for branch in cut for place in range(len(branch))])
    among = (owner[:, None] == owner) & (depth[:, None] >= depth)  # (tokens, tokens)
    visible = torch.cat([torch.ones(len(ids), begin, dtype=torch.bool), among], dim=1)[None]
    device = scheduler.passes.model.device
    logits = scheduler.passes.run(
        scheduler.streams, [ids], [begin], positions=(begin + depth)[None].to(device), visible=visible.to(device)
    )
    known = torch.log_softmax(logits[0].float(), dim=-1)
    totals, place = torch.zeros(len(cut), device=device), 0
    for number, branch in enumerate(cut):
        for offset, token in enumerate(branch[1:]):
            totals[number] += known[place + offset, token]
        place += len(branch)
    return totals
