"""The largest of many scores, against torch's own answer."""

import pytest
import torch

from core.models.largest import BLOCK, first_largest, largest


@pytest.mark.parametrize("n", [1, 5, BLOCK, BLOCK + 1, 10 * BLOCK, 5000, 30_011])
def test_the_largest_are_those_of_a_full_sort(n):
    scores = torch.randn(3, n, generator=torch.Generator().manual_seed(n))
    for count in (1, 4, 64):
        expected = scores.sort(descending=True).indices[:, :count]
        assert torch.equal(largest(scores, count).sort().values, expected.sort().values)
    assert [first_largest(row) for row in scores] == scores.argmax(dim=1).tolist()


def test_of_equals_the_first_is_taken_wherever_they_lie():
    scores = torch.zeros(3 * BLOCK + 2)
    assert first_largest(scores) == 0
    for place in (3 * BLOCK + 1, 2 * BLOCK, BLOCK + 3):  # beyond the whole blocks, in a later block, in an earlier one
        scores[place] = 1.0
        assert first_largest(scores) == place


def test_the_largest_may_lie_in_one_block_or_beyond_the_last():
    scores = torch.arange(float(10 * BLOCK + 5))[None]
    assert largest(scores, 8).sort().values.tolist() == [list(range(10 * BLOCK - 3, 10 * BLOCK + 5))]
