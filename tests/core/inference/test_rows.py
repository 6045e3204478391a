"""Kept prompts: the longest common beginning is found, old ones go, adapters do not mix."""

import torch

from core.inference.rows import PromptStore, RowCache

LAYERS = [(torch.zeros(1, 4, 2), torch.zeros(1, 4, 2))]


def test_the_longest_common_beginning_is_found():
    store = PromptStore(100)
    store.keep("", [1, 2, 3, 4], LAYERS)
    store.keep("", [1, 2, 9, 9], LAYERS)
    kept, shared = store.find("", [1, 2, 3, 5])
    assert kept.ids == (1, 2, 3, 4)
    assert shared == 3
    assert store.find("", [7]) == (None, 0)


def test_a_prompt_of_another_adapter_is_never_shared():
    store = PromptStore(100)
    store.keep("one", [1, 2, 3], LAYERS)
    assert store.find("two", [1, 2, 3]) == (None, 0)
    assert store.find("", [1, 2, 3]) == (None, 0)


def test_the_least_recently_used_prompt_goes_first():
    store = PromptStore(8)
    store.keep("", [1, 1, 1, 1], LAYERS)
    store.keep("", [2, 2, 2, 2], LAYERS)
    store.find("", [1, 1])
    store.keep("", [3, 3, 3, 3], LAYERS)
    assert [prompt.ids[0] for prompt in store.kept.values()] == [1, 3]


def test_a_longer_prompt_replaces_its_own_beginning():
    store = PromptStore(100)
    store.keep("", [1, 2], LAYERS)
    store.keep("", [1, 2, 3], LAYERS)
    assert [prompt.ids for prompt in store.kept.values()] == [(1, 2, 3)]


def test_rows_keep_their_contents_when_they_grow_and_move():
    cache = RowCache(3)
    states = torch.arange(12.0).view(2, 1, 3, 2)
    cache.begin(0, [0, 2], 3)
    keys, _ = cache.update(states, -states, 0)
    assert keys.shape == (2, 1, 5, 2)
    assert torch.equal(keys[1, :, 2:5], states[1])
    cache.reserve(1000)
    cache.move(1, 0, 5)
    kept = cache.copy_out(0, 5)
    assert torch.equal(kept[0][0][:, 2:], states[1])
    assert torch.equal(kept[0][1][:, 2:], -states[1])
    cache.release()
    cache.copy_in(2, kept, 4)
    assert torch.equal(cache.copy_out(2, 4)[0][0], kept[0][0][:, :4])
