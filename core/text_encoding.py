"""Which encoding a text file is written in, found by reading it through in pieces. Knows no file and no format.

Strict: a file is of an encoding when all of it is; nothing is replaced, for what was replaced is lost without a word.
"""

import codecs
from collections.abc import Iterator
from itertools import pairwise
from typing import BinaryIO

PIECE = 1 << 20  # bytes in memory at a time
LOOKED_AT = 100_000  # bytes by which Chinese text is told from western
BINARY_WITHIN = 4096  # bytes; a NUL among the first is no text of one byte a letter
DAMAGED = 0.9  # of the bytes above 127 are sound in UTF-8 that has a damaged place; of GBK far fewer are by chance
# as people know them
NAMES = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16", "gb18030": "GB18030", "cp1252": "Windows-1252"}


def encoding_of(file: BinaryIO) -> str | None:
    """UTF-8, UTF-16 with its byte-order mark, GB18030 (which reads GBK) or Windows-1252, as a codec's name; else None.

    The last two read nearly any bytes, so GB18030 is taken where they look Chinese and Windows-1252 where they do not,
    and neither for UTF-8 with a damaged place, which would become nonsense. The file is left at its beginning.

    >>> import io
    >>> [encoding_of(io.BytesIO(text)) for text in ("茶杯".encode(), "茶杯".encode("gbk"), "Müller".encode("cp1252"))]
    ['utf-8-sig', 'gb18030', 'cp1252']
    """
    head = file.read(BINARY_WITHIN)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16" if _unreadable(file, "utf-16") is None else None
    if b"\x00" in head:
        return None
    wrong = _unreadable(file, "utf-8-sig")
    if wrong is None:
        return "utf-8-sig"
    likely = "gb18030" if looks_chinese(wrong) else "cp1252"
    return likely if not _damaged_utf8(wrong) and _unreadable(file, likely) is None else None


def looks_chinese(content: bytes) -> bool:
    """Whether bytes above 127 mostly come in pairs, as in GBK and Big5; in western text they mostly stand alone."""
    high = [place for place, byte in enumerate(content[:LOOKED_AT]) if byte > 127]
    paired = sum(later - earlier == 1 for earlier, later in pairwise(high))
    return paired > len(high) / 2 - 1 and len(high) != 1


def _unreadable(file: BinaryIO, encoding: str) -> bytes | None:
    """What stands around the first place that cannot be read; None when all of it can."""
    decoder = codecs.getincrementaldecoder(encoding)()
    before, found = b"", None
    for piece in _pieces(file):
        try:
            decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            place = len(before) + error.start
            found = (before + piece)[max(place - LOOKED_AT // 2, 0) : place + LOOKED_AT // 2]
            break
        before = piece
    file.seek(0)
    return found


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    """The pieces of a file, and an empty one at its end."""
    file.seek(0)
    while piece := file.read(PIECE):
        yield piece
    yield b""


def _damaged_utf8(content: bytes) -> bool:
    """Whether nearly all bytes above 127 are sound UTF-8: a damaged place in it is no other encoding."""
    sound = content.decode("utf-8", "ignore").encode()
    return _high(sound) > _high(content) * DAMAGED


def _high(content: bytes) -> int:
    return sum(byte > 127 for byte in content)
