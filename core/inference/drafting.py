"""Guesses the next tokens of an answer that quotes its prompt: whatever followed the same last tokens before.

Pure: the model checks every guess, so a wrong one costs time and never changes the answer.
"""

from __future__ import annotations

from collections.abc import Sequence

LONGEST = 7
SIZES = (3, 2, 1)  # n-grams looked up, the most telling first
FIRST_LENGTHS = {3: LONGEST, 2: 4, 1: 2}


class PromptLookup:
    """The tokens of one conversation with the last place each one, pair and triple was seen.

    >>> lookup = PromptLookup([5, 6, 7, 8, 9, 5, 6])
    >>> lookup.draft(2)
    [7, 8]
    """

    def __init__(self, ids: Sequence[int]) -> None:
        self.ids: list[int] = []
        self.after: dict[tuple[int, ...], int] = {}
        self.lengths = dict(FIRST_LENGTHS)
        self.used = SIZES[0]
        for token in ids:
            self.append(token)

    def append(self, token: int) -> None:
        """One more token; the n-grams ending before it now have a known continuation."""
        for size in SIZES:
            if len(self.ids) >= size:
                self.after[tuple(self.ids[-size:])] = len(self.ids)
        self.ids.append(token)

    def draft(self, most: int) -> list[int]:
        """Up to ``most`` guessed tokens, fewer where such guesses failed, none when the last token is new."""
        for size in SIZES:
            place = self.after.get(tuple(self.ids[-size:]))
            if place is not None:
                self.used = size
                return self.ids[place : place + min(most, self.lengths[size])]
        return []

    def learn(self, guessed: int, right: int) -> None:
        """Guess longer after guesses that all held, shorter after some that did not, by the n-gram they rest on."""
        if guessed and right == guessed:
            self.lengths[self.used] = min(LONGEST, self.lengths[self.used] * 2)
        elif guessed:
            self.lengths[self.used] = max(1, right + 1)
