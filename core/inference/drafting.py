"""Guesses the next tokens of an answer that quotes its prompt: whatever followed the same two or three tokens before.

Pure: the model checks every guess, so a wrong one costs time and never changes the answer.
"""

from __future__ import annotations

from collections.abc import Sequence

LONGEST = 7


class PromptLookup:
    """The tokens of one conversation with the last place each pair and triple was seen.

    >>> lookup = PromptLookup([5, 6, 7, 8, 9, 5, 6])
    >>> lookup.draft(2)
    [7, 8]
    """

    def __init__(self, ids: Sequence[int]) -> None:
        self.ids: list[int] = []
        self.after: dict[tuple[int, ...], int] = {}
        self.length = 3
        for token in ids:
            self.append(token)

    def append(self, token: int) -> None:
        """One more token; the n-grams ending before it now have a known continuation."""
        for size in (2, 3):
            if len(self.ids) >= size:
                self.after[tuple(self.ids[-size:])] = len(self.ids)
        self.ids.append(token)

    def draft(self, most: int) -> list[int]:
        """Up to ``most`` guessed tokens, fewer after guesses that failed, none when the last tokens are new."""
        for size in (3, 2):
            place = self.after.get(tuple(self.ids[-size:]))
            if place is not None:
                return self.ids[place : place + min(most, self.length)]
        return []

    def learn(self, guessed: int, right: int) -> None:
        """Guess longer after guesses that all held, shorter after some that did not."""
        if guessed and right == guessed:
            self.length = min(LONGEST, self.length * 2)
        elif guessed:
            self.length = max(1, right + 1)
