"""Chooses the next token from logits: the greatest one, or a draw at a temperature from the likeliest part."""

from __future__ import annotations

import torch

from core.models.largest import first_largest

LIKELY = 512  # candidates looked at before the whole vocabulary is sorted


def pick(logits: torch.Tensor, temperature: float, top_p: float, random: torch.Generator | None) -> int:
    """The next token id from (vocabulary,) logits; temperature 0 is greedy and needs no ``random``."""
    if temperature <= 0:
        return first_largest(logits)
    probabilities = torch.softmax(logits.float() / temperature, dim=-1).cpu()
    if top_p >= 1:
        return int(torch.multinomial(probabilities, 1, generator=random))
    values, ids = probabilities.topk(min(LIKELY, probabilities.numel()))
    if float(values.sum()) < top_p:
        values, ids = probabilities.sort(descending=True)
    before = values.cumsum(0) - values
    values = torch.where(before < top_p, values, torch.zeros_like(values))  # the first one always stays
    return int(ids[torch.multinomial(values, 1, generator=random)])


def random_state(seed: int | None) -> torch.Generator:
    """A generator of its own per request, so that neighbours in a batch do not change the draw."""
    state = torch.Generator()
    if seed is None:
        state.seed()
    else:
        state.manual_seed(seed)
    return state
