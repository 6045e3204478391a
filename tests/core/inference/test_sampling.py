"""The choice of the next token, against probabilities worked out by hand; guesses from the prompt."""

from collections import Counter

import pytest
import torch

from core.errors import DataError
from core.inference.drafting import PromptLookup
from core.inference.messages import GenerationOptions, Message
from core.inference.sampling import pick, random_state

LOGITS = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()


def test_temperature_zero_takes_the_greatest():
    assert pick(LOGITS, 0, 1.0, None) == 0


@pytest.mark.parametrize(("top_p", "allowed"), [(0.4, {0}), (0.6, {0, 1}), (0.9, {0, 1, 2}), (1.0, {0, 1, 2, 3})])
def test_top_p_keeps_the_fewest_tokens_that_reach_it(top_p, allowed):
    random = random_state(1)
    assert {pick(LOGITS, 1.0, top_p, random) for _ in range(400)} == allowed


def test_draws_follow_the_probabilities_and_the_seed():
    random = random_state(3)
    counts = Counter(pick(LOGITS, 1.0, 1.0, random) for _ in range(4000))
    assert counts[0] / 4000 == pytest.approx(0.5, abs=0.03)
    assert counts[3] / 4000 == pytest.approx(0.05, abs=0.02)
    assert [pick(LOGITS, 1.0, 1.0, random_state(5)) for _ in range(3)] == [pick(LOGITS, 1.0, 1.0, random_state(5))] * 3


def test_a_flat_distribution_over_many_tokens_is_sorted_whole():
    flat = torch.zeros(5000)
    drawn = {pick(flat, 1.0, 0.9, random_state(seed)) for seed in range(50)}
    assert len(drawn) > 30


def test_guesses_are_what_followed_the_same_words_before():
    lookup = PromptLookup([10, 11, 12, 13, 14, 15, 10, 11])
    assert lookup.draft(3) == [12, 13, 14]
    assert lookup.draft(1) == [12]
    lookup.append(99)
    assert lookup.draft(3) == []


def test_guesses_grow_after_success_and_shrink_after_failure_by_the_size_of_the_match():
    lookup = PromptLookup([1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2])
    assert len(lookup.draft(7)) == 4
    lookup.learn(4, 4)
    assert len(lookup.draft(7)) == 7
    lookup.learn(7, 0)
    assert len(lookup.draft(7)) == 1
    assert lookup.lengths[3] == 7


@pytest.mark.parametrize(
    "wrong", [{"max_new_tokens": 0}, {"temperature": -1}, {"top_p": 0}, {"top_p": 1.1}, {"deadline_s": 0}]
)
def test_options_out_of_range_are_refused_by_name(wrong):
    with pytest.raises(DataError, match=next(iter(wrong))):
        GenerationOptions(**wrong)


def test_a_message_has_a_known_role():
    with pytest.raises(DataError, match="got 'robot'"):
        Message("robot", "hi")
