"""What a reader is shown of a text: links cut, entities and blanks mended, with the way back to the original places.

Training sees the same form, so that a model reads news as it learnt to.
"""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_CUT = re.compile(r"https?://\S+|www\.\S+|&(?:#\d{1,6}|#x[0-9a-fA-F]{1,5}|[a-zA-Z]{2,8});|\s+")
MOST_CHARACTERS = 2000  # what matters in news stands at its beginning


@dataclass(frozen=True)
class Shown:
    """``text`` is read; ``places[i]`` is where its character i stood in the original, one more for the end."""

    text: str
    places: Sequence[int]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """A span of ``text`` as a span of the original.

        >>> shown("a  &amp;  b").original(0, 5)
        (0, 11)
        """
        return self.places[start], max(self.places[start], self.places[end])

    def here(self, start: int, end: int) -> tuple[int, int]:
        """A span of the original as a span of ``text``; (-1, -1) when it was cut away."""
        inside = [number for number, place in enumerate(self.places[:-1]) if start <= place < end]
        return (inside[0], inside[-1] + 1) if inside else (-1, -1)


def shown(text: str, most: int = MOST_CHARACTERS) -> Shown:
    """The form that is read: what ``public_sets.cleaned`` gives, at most ``most`` characters of it.

    >>> shown("Up  3 % https://t.co/x  today").text
    'Up 3 % today'
    """
    pieces: list[tuple[int, int, str]] = []
    for piece in _pieces(text):
        if piece[2] != " " or (pieces and pieces[-1][2] != " "):
            pieces.append(piece)
        if len(pieces) > most:
            break
    del pieces[most:]
    if pieces and pieces[-1][2] == " ":
        pieces.pop()
    places = [start for start, _, _ in pieces]
    return Shown("".join(character for _, _, character in pieces), (*places, pieces[-1][1] if pieces else 0))


def _pieces(text: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, character shown): plain characters, an entity's character, one blank for blanks and links."""
    done = 0
    for match in _CUT.finditer(text):
        yield from ((place, place + 1, text[place]) for place in range(done, match.start()))
        meant = html.unescape(match[0]) if match[0].startswith("&") else " "
        if len(meant) == 1:
            yield match.start(), match.end(), " " if meant.isspace() else meant
        else:  # no entity after all
            yield from ((place, place + 1, text[place]) for place in range(match.start(), match.end()))
        done = match.end()
    yield from ((place, place + 1, text[place]) for place in range(done, len(text)))
